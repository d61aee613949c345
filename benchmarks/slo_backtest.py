"""Burn-rate alerts of the pack beside the rule shape that SLO generators write, on the same incidents.

    python benchmarks/slo_backtest.py            200 incidents, quiet months and a month of daily swings
    python benchmarks/slo_backtest.py --seeds 20 the same with 20 times as many, by hours that the server has watched
    python benchmarks/slo_backtest.py --rules    what the real rules do in 8 of the incidents, by `promtool test rules`

The other shape is that of the Site Reliability Workbook as generators write it: for each severity one alert, an `or` of
two window pairs, each the ratio of rates of counters straight from the window, and no `for`. Both see the same
counters, scraped every 15 s, and are evaluated every 30 s.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regobs.budgets.past import SloPast
from regobs.budgets.replay import fired_alerts
from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.documents import dump_yaml
from regobs.pack import find_pack
from regobs.slo import compile_rules
from regobs.slo.outputs import load_slos, load_windows

Numbers = NDArray[np.float64]
Truth = NDArray[np.bool_]
SCRAPE, EVERY = 15, 2  # seconds, and scrapes between two evaluations
HOUR, DAY = 3600 // SCRAPE, 86_400 // SCRAPE
PERIOD = 28 * 86_400
TIERS = (
    (3600, 300, 0.02, "page"),
    (21_600, 1800, 0.05, "page"),
    (86_400, 7200, 0.1, "ticket"),
    (259_200, 21_600, 0.1, "ticket"),
)
WINDOWS = sorted({size for tier in TIERS for size in tier[:2]})
_FIRING = 'ALERTS{alertstate="firing",'
CONFIG = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))
TIERS_OF_PACK = load_windows(find_pack(), CONFIG)
SLO = next(slo for slo in load_slos(find_pack(), CONFIG) if slo.name == "tag-list-availability")
START = 1_000_000_000_000  # milliseconds since 1970; any time will do


@dataclass(frozen=True)
class Incident:
    """`length` in seconds, `share` of requests that fail, `rate` in requests a second."""

    length: float
    share: float
    rate: float
    seed: int


def incidents(count: int, seed: int = 1) -> Iterator[Incident]:
    """2 min to 6 h, 1 to 100 %, 1 request a minute to 1,000 a second, each evenly on a logarithmic scale."""
    random = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return math.exp(random.uniform(math.log(low), math.log(high)))

    for _ in range(count):
        yield Incident(between(120, 21_600), between(0.01, 1), between(1 / 60, 1000), int(random.integers(1 << 31)))


def counters(rates: Numbers, shares: Numbers, seed: int) -> tuple[Numbers, Numbers]:
    """All and bad requests at each scrape, from their rates (a second) and shares between scrapes."""
    random = np.random.default_rng(seed)
    requests = random.poisson(rates * SCRAPE)
    return np.cumsum(requests).astype(float), np.cumsum(random.binomial(requests, np.clip(shares, 0, 1))).astype(float)


def window(counter: Numbers, seconds: int, missing: int = 0) -> Numbers:
    """The growth in a window at each evaluation. A range of counters misses what is before its first sample."""
    steps = seconds // SCRAPE - missing
    grown = counter.copy()
    grown[steps:] -= counter[:-steps]
    return grown[::EVERY]


def usual(every: Numbers, bad: Numbers, budget: float) -> dict[str, Truth]:
    """What the usual shape says at each evaluation, by severity."""
    burn = {}
    for size in WINDOWS:
        total = window(every, size, 1)
        burn[size] = np.divide(window(bad, size, 1), total, out=np.zeros_like(total), where=total > 0) / budget
    found: dict[str, Truth] = {}
    for long, short, share, severity in TIERS:
        factor = share * PERIOD / long
        now = (burn[long] > factor) & (burn[short] > factor)
        found[severity] = found.get(severity, np.zeros_like(now)) | now
    return found


def ours(every: Numbers, bad: Numbers, budget: float) -> dict[str, Truth]:
    """What the pack's rules say at each evaluation, by severity: the replay of `regobs slo backtest`."""
    counted = (np.diff(one[::EVERY], prepend=0.0) for one in (every, bad))
    times = START + 1000 * SCRAPE * EVERY * np.arange(len(every[::EVERY]), dtype=np.int64)
    slo = replace(SLO, target=1 - Decimal(str(round(budget, 9))))
    found = {severity: np.zeros(len(times), bool) for severity in ("page", "ticket")}
    for one in fired_alerts(SloPast(slo.name, (), times, *counted), slo, TIERS_OF_PACK, 1000 * SCRAPE * EVERY):
        found[one.severity][(times >= one.begin) & (times < (one.end or times[-1] + 1))] = True
    return found


def beginnings(fires: Truth) -> NDArray[np.int64]:
    """The evaluations at which an alert begins."""
    return np.flatnonzero(fires & ~np.r_[False, fires[:-1]])


@dataclass
class Tally:
    """What came of the incidents of a run. Times in seconds, None where there was none."""

    pages: int = 0
    paged: int = 0
    twice: int = 0
    before: int = 0
    after: int = 0
    tickets_after: int = 0
    delays: list[float | None] = None  # type: ignore[assignment]
    ends: list[float] = None  # type: ignore[assignment]

    def line(self, name: str) -> str:
        """The row of a table."""
        delays = [delay for delay in self.delays if delay is not None]
        return (
            f"{name:6} {self.paged:6} {self.pages:6} {self.twice:6} {self.before:6} {self.after:6}"
            f" {self.tickets_after:8} {np.median(delays):7.0f} {np.quantile(delays, 0.9):7.0f}"
            f" {np.median(self.ends):7.0f} {np.quantile(self.ends, 0.9):7.0f}"
        )


def course(one: Incident, budget: float, before: int, after: int) -> tuple[Numbers, Numbers, int, int]:
    """Counters with an incident, and the scrapes at which it begins and ends. A fifth of the budget is always used."""
    steps = max(1, round(one.length / SCRAPE))
    shares = np.full(before + steps + after, 0.2 * budget)
    shares[before : before + steps] = one.share
    every, bad = counters(np.full(len(shares), one.rate), shares, one.seed)
    return every, bad, before, before + steps


def tally(alerts: Callable[[Numbers, Numbers, float], dict[str, Truth]], target: float, count: int) -> Tally:
    """The incidents with one kind of rules, each after four quiet days (the longest window) and before 16 hours."""
    found = Tally(delays=[], ends=[])
    for one in incidents(count):
        every, bad, begins, ends = course(one, 1 - target, 4 * DAY, 16 * HOUR)
        fires = alerts(every, bad, 1 - target)
        pages = beginnings(fires["page"]) * EVERY
        pages = pages[pages >= 3 * DAY]
        inside = pages[(pages >= begins) & (pages <= ends + 2 * EVERY)]
        over = np.flatnonzero(~fires["page"] & np.r_[False, fires["page"][:-1]]) * EVERY
        tickets = beginnings(fires["page"] | fires["ticket"]) * EVERY
        found.pages += len(pages)
        found.paged += bool(len(inside))
        found.twice += len(inside) > 1
        found.before += int(np.sum(pages < begins))
        found.after += int(np.sum(pages > ends + 2 * EVERY))
        found.tickets_after += int(np.sum(tickets > ends + 2 * EVERY))
        found.delays.append(float(inside[0] - begins) * SCRAPE if len(inside) else None)
        later = over[over > ends]
        if len(inside) and len(later):
            found.ends.append(float(later[0] - ends) * SCRAPE)
    return found


def compare(count: int) -> None:
    """Print what both shapes make of the incidents."""
    for target in (0.999, 0.99, 0.95):
        print(
            f"\n{count} incidents, target {target}: a page for, pages, >1, before, after, +tickets, delay and end (s)"
        )
        print("        paged  pages  twice before  after  tickets  median     90%  median     90%")
        theirs, mine = tally(usual, target, count), tally(ours, target, count)
        print(theirs.line("usual"))
        print(mine.line("ours"))
        both = [(a, b) for a, b in zip(mine.delays, theirs.delays, strict=True) if a is not None and b is not None]
        later = [a - b for a, b in both if a > b]
        missed = sum(a is None and b is not None for a, b in zip(mine.delays, theirs.delays, strict=True))
        print(
            f"ours later: {len(later)} of {len(both)}, by {np.median(later or [0]):.0f} s at the median;"
            f" only usual paged: {missed}"
        )


def histories(count: int, seeds: int) -> None:
    """Incidents at 99.9 % on servers that have watched for so many hours, each followed by 80 quiet hours.

    A page begins after recovery when it does so later than one evaluation after the last failure; `again` are those of
    incidents that were paged for. Counters begin with the first scrape, so the first evaluation sees nothing.
    """
    print(f"\n{seeds} x {count} incidents, target 0.999, by hours watched before and followed by 80 quiet hours")
    for hours in (0, 8, 96):
        found = {name: Counter[str]() for name in ("usual", "ours")}
        for one in (one for seed in range(1, seeds + 1) for one in incidents(count, seed)):
            every, bad, begins, ends = course(one, 0.001, hours * HOUR, 80 * HOUR)
            for name, alerts in (("usual", usual), ("ours", ours)):
                found[name].update(_told(alerts(every - every[0], bad - bad[0], 0.001), begins, ends + 2 * EVERY))
        for name, told in found.items():
            print(f"  {hours:3} h {name:6}" + ", ".join(f"{what} {number}" for what, number in told.items()))


def _told(fires: dict[str, Truth], begins: int, over: int) -> dict[str, int]:
    """Of one incident what was told while it went on, and after."""
    pages, tickets = (beginnings(fires[severity]) * EVERY for severity in ("page", "ticket"))
    inside = int(np.sum((pages >= begins) & (pages <= over)))
    late = int(np.sum(pages > over))
    return {
        "paged": int(inside > 0),
        "pages": int(np.sum(pages >= begins)),
        "twice": int(inside > 1),
        "after": late,
        "again": late if inside else 0,
        "tickets of paged": int(np.sum(tickets >= begins)) if inside else 0,
    }


def quiet() -> None:
    """False pages of 28 days without an incident, at a target of 99.9 %, mean of four."""
    print("\nfalse pages in 28 days without an incident (usual, ours), by share of budget used and requests a minute")
    for used in (0.2, 0.5, 1.0):
        cells = []
        for rate in (1 / 6, 1, 5, 60, 600):
            sums = [0, 0]
            for seed in range(4):
                every, bad = counters(np.full(28 * DAY, rate / 60), np.full(28 * DAY, used * 0.001), seed)
                for place, alerts in enumerate((usual, ours)):
                    sums[place] += len(beginnings(alerts(every, bad, 0.001)["page"]))
            cells.append(f"{rate:.3g}/min: {sums[0] / 4:.2f}, {sums[1] / 4:.2f}")
        print(f"  {used:.0%}  " + "   ".join(cells))


def swings() -> None:
    """28 days whose traffic swings between night and day (1 : 9), with three incidents."""
    print("\n28 days of daily swings, 2 to 20 requests a second, three incidents, target 99.9 %, 20 seeds")
    planned = (
        (6 * DAY + 14 * HOUR, 10 * 60, 1.0),
        (13 * DAY + 3 * HOUR, 2 * 3600, 0.05),
        (21 * DAY + 10 * HOUR, 4 * 3600, 0.02),
    )
    for name, alerts in (("usual", usual), ("ours", ours)):
        found = {"pages": 0, "false pages": 0, "tickets": 0, "paged": 0, "missed minutes": 0.0}
        for seed in range(20):
            hours = np.arange(28 * DAY) / HOUR
            rates = 20 * (0.11 + 0.89 * (0.5 - 0.5 * np.cos(2 * np.pi * hours / 24)))
            shares = np.full(28 * DAY, 0.0002)
            for begins, length, share in planned:
                shares[begins : begins + length // SCRAPE] = share
            every, bad = counters(rates, shares, seed)
            fires = alerts(every, bad, 0.001)
            pages = beginnings(fires["page"]) * EVERY
            found["pages"] += len(pages)
            found["tickets"] += len(beginnings(fires["ticket"]))
            inside = np.zeros(len(pages), bool)
            for begins, length, _ in planned:
                mine = (pages >= begins) & (pages <= begins + length // SCRAPE)
                inside |= mine
                found["paged"] += bool(mine.any())
                told = fires["page"][begins // EVERY : (begins + length // SCRAPE) // EVERY]
                found["missed minutes"] += float(np.sum(~told)) * EVERY * SCRAPE / 60
            found["false pages"] += int(np.sum(~inside))
        print(f"  {name:6}" + ", ".join(f"{what} {value / 20:.2f}" for what, value in found.items()))


def low_traffic() -> None:
    """20 uploads an hour, a target of 95 %, all slow from one moment on; and one failure in ten requests an hour."""
    print("\nlow traffic: minutes until the page (usual, ours)")
    for name, rate, target, share in (
        ("20 an hour, all slow, 95 %", 20 / 3600, 0.95, 1.0),
        ("10 an hour, all fail, 99.9 %", 10 / 3600, 0.999, 1.0),
    ):
        minutes: dict[str, list[float]] = {"usual": [], "ours": []}
        for seed in range(20):
            shares = np.zeros(5 * DAY)
            shares[4 * DAY :] = share
            every, bad = counters(np.full(5 * DAY, rate), shares, seed)
            for kind, alerts in (("usual", usual), ("ours", ours)):
                pages = beginnings(alerts(every, bad, 1 - target)["page"]) * EVERY
                minutes[kind].append(float(pages[0] - 4 * DAY) * SCRAPE / 60 if len(pages) else math.inf)
        print(f"  {name}: " + ", ".join(f"{np.median(values):.1f}" for values in minutes.values()))
    every = np.zeros(5 * DAY)
    every[:: HOUR // 10] = 1
    bad = np.zeros(5 * DAY)
    bad[4 * DAY + 4 * (HOUR // 10)] = 1
    totals = [len(beginnings(alerts(np.cumsum(every), np.cumsum(bad), 0.001)["page"])) for alerts in (usual, ours)]
    print(f"  10 an hour, one failure, 99.9 %: {totals[0]} and {totals[1]} pages")


def real_rules(count: int) -> int:
    """In how many of `count` incidents the real rules, run by promtool, fire at other evaluations than `ours` says."""
    compiled = compile_rules(find_pack(), CONFIG)
    slo = next(one for one in compiled.slos if one.slo.name == "tag-list-availability")
    labels = 'route="/v2/{name}/tags/list",method="get",job="registry",instance="a"'
    differ, budget = 0, float(slo.slo.budget)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "rules.yaml").write_text(dump_yaml({"groups": [slo.group]}))
        for one in [one for one in incidents(200) if one.length < 7200][:count]:
            every, bad, *_ = course(one, budget, 8 * HOUR, 2 * HOUR)
            expected = {size: int(np.sum(fires)) for size, fires in ours(every, bad, budget).items()}
            good = " ".join(f"{value:.0f}" for value in every - bad)
            failed = " ".join(f"{value:.0f}" for value in bad)
            last = (len(every) - 1) // EVERY * EVERY * SCRAPE
            checks = [
                {
                    "expr": f'sum(count_over_time({_FIRING}severity="{severity}"}}[1d])) or vector(0)',
                    "eval_time": f"{last}s",
                    "exp_samples": [{"labels": "{}", "value": number}],
                }
                for severity, number in expected.items()
            ]
            test = {
                "rule_files": ["rules.yaml"],
                "evaluation_interval": "30s",
                "tests": [
                    {
                        "interval": "15s",
                        "input_series": [
                            {"series": f'registry_http_requests_total{{code="200",{labels}}}', "values": good},
                            {"series": f'registry_http_requests_total{{code="503",{labels}}}', "values": failed},
                        ],
                        "promql_expr_test": checks,
                    }
                ],
            }
            path = Path(name) / "test.yaml"
            path.write_text(dump_yaml(test))
            done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
            differ += done.returncode != 0
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "got:" in line]
            print(
                f"{one.length / 60:6.1f} min {one.share:6.1%} {one.rate:8.2f}/s {expected}: {' '.join(said) or 'same'}",
                flush=True,
            )
    print(f"{differ} of {count} differ")
    return differ


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", action="store_true", help="check 8 incidents with the real rules")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1, help="only this many times the incidents by hours watched")
    options = parser.parse_args()
    if options.rules:
        sys.exit(real_rules(8) > 0)
    if options.seeds > 1:
        histories(options.count, options.seeds)
        return
    compare(options.count)
    histories(options.count, 1)
    quiet()
    swings()
    low_traffic()


if __name__ == "__main__":
    main()
