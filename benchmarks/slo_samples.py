"""How many samples Prometheus reads to evaluate all SLOs of the pack once, beside the rule shape that generators write.

    python benchmarks/slo_samples.py [--instances 2] [--slos 0]

The other shape records, for each SLO and each of seven windows from 5 minutes to 3 days, the ratio of rates of counters
straight from the window, and has two alerts that read them. Its rule of the whole period, which reads four weeks of one
of its own series twice (161,280 samples for each SLO, evaluated every 30 s), is left out: the ratio is in its favour.

The figures are the server's own (`stats=all`, totalQueryableSamples) of every rule, recording and alerting, at one
time. The history has what each rule looks at: counters every 15 s, as the generated tests have them, recorded series
every 30 s in the ranges and at the offsets of our rules. SLOs that compare a value read no counters: they are counted
with ours, and the other shape has no rule for them. `--slos 3` takes the first three only.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from overview_samples import BLOCK, serve  # type: ignore[import-not-found]  # beside this file

from regobs.catalog.model import Capability
from regobs.common.programs import Supervisor, find_program
from regobs.config.model import Config
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.promql import parse, to_text
from regobs.promql.nodes import Aggregate, Call, Duration, Expr, Matcher, MatchOp, Selector
from regobs.promql.walk import selectors
from regobs.slo import compile_rules
from regobs.slo.model import EventSource, Ratio, Slo, window_text
from regobs.slo.outputs import CompiledSlo
from regobs.slo.recording import bound, selector_of
from regobs.slo.rule_tests.counters import accepted_samples, counters

EVERYTHING = Config(capabilities=frozenset(Capability))
SCRAPE, EVERY, LOOKBACK = 15, 30, 300  # seconds
MINUTE = 60_000  # ms
WINDOWS = tuple(Duration(minutes * MINUTE) for minutes in (5, 30, 60, 120, 360, 1440, 4320))
TIERS = ((("1h", "5m", "13.44"), ("6h", "30m", "5.6")), (("1d", "2h", "2.8"), ("3d", "6h", "0.9333")))
RATIO = "usual:ratio_rate"
_LABEL = re.compile(r'\w+="(?:[^"\\]|\\.)*"')
Times = dict[str, set[int]]  # of each series, in seconds


@dataclass(frozen=True, slots=True)
class Rules:
    """The expressions of one SLO in both shapes; `usual` is empty where it compares a value."""

    slo: Slo
    ours: tuple[str, ...]
    usual: tuple[str, ...]


def rules_of(compiled: CompiledSlo) -> Rules:
    """Both shapes of one SLO."""
    slo = compiled.slo
    usual: tuple[str, ...] = ()
    if isinstance(slo.indicator, Ratio):
        usual = (*(_ratio(slo.indicator, window) for window in WINDOWS), *(_alert(slo, pairs) for pairs in TIERS))
    return Rules(slo, tuple(str(rule["expr"]) for rule in compiled.group["rules"]), usual)


def _ratio(indicator: Ratio, window: Duration) -> str:
    part, total = (to_text(_rate(source, window)) for source in (indicator.part, indicator.total))
    return f"{part} / {total}" if indicator.part_is_bad else f"1 - {part} / {total}"


def _rate(source: EventSource, window: Duration) -> Expr:
    ranged = replace(selector_of(source), range=window)
    return bound(Aggregate("sum", Call("rate", (ranged,))), EVERYTHING)


def _alert(slo: Slo, pairs: tuple[tuple[str, str, str], ...]) -> str:
    both = (
        " and ".join(f'{RATIO}{window}{{slo="{slo.name}"}} > ({factor} * {slo.budget})' for window in (long, short))
        for long, short, factor in pairs
    )
    return " or ".join(f"({one})" for one in both)


def history(rules: Rules, instances: int, end: int) -> Times:
    """The times at which each series has a sample that a rule of either shape looks at."""
    fed = [one.text() for one in counters(rules.slo, EVERYTHING)]
    found: Times = defaultdict(set)
    for node in (node for text in (*rules.ours, *rules.usual) for node in selectors(parse(text))):
        until = end - (node.offset.ms // 1000 if node.offset else 0)
        since = until - (node.range.ms // 1000 if node.range else LOOKBACK)
        name = str(node.metric)
        if ":" in name:
            inner = ",".join(f'{m.label}="{m.value}"' for m in node.matchers if m.op is MatchOp.EQUAL and m.value)
            found[f"{name}{{{inner}}}"].update(range(-(-since // EVERY) * EVERY, until + 1, EVERY))
        elif name != "ALERTS":
            raw = [text for text in fed if text.partition("{")[0] == name] or [_series(node)]
            for text in (_of_instance(text, number) for text in raw for number in range(instances)):
                found[text].update(range(-(-since // SCRAPE) * SCRAPE, until + 1, SCRAPE))
    return found


def _series(node: Selector) -> str:
    """A series that a selector accepts."""
    own: dict[str, list[Matcher]] = defaultdict(list)
    for matcher in node.matchers:
        own[matcher.label].append(matcher)
    labels = {name: accepted_samples(name, matchers, ["1"])[0] for name, matchers in own.items()}
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{node.metric}{{{inner}}}"


def _of_instance(text: str, number: int) -> str:
    """The series of another instance of the registry."""
    name, _, inner = text.partition("{")
    kept = [part for part in _LABEL.findall(inner) if not part.startswith("instance=")]
    return name + "{" + ",".join([*kept, f'instance="registry-{number}"']) + "}"


def write_history(promtool: Path, data: Path, times: Times) -> int:
    """Write all samples into the database, two hours at a time; their number. Values grow with the time."""
    slots: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for series, moments in times.items():
        for moment in sorted(moments):
            slots[moment // BLOCK][series].append(moment)

    def one(slot: int) -> None:
        text = data.with_name(f"history-{slot}.txt")
        with text.open("w", encoding="utf-8") as file:
            file.writelines(_lines(slots[slot]))
        command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, data]
        subprocess.run(command, check=True, capture_output=True)
        text.unlink()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, slots))
    return sum(map(len, times.values()))


def _lines(series: dict[str, list[int]]) -> Iterator[str]:
    for name, moments in series.items():
        yield from (f"{name} {moment % 100_000_000} {moment}\n" for moment in moments)
    yield "# EOF\n"


def read_by(prometheus: Prometheus, expressions: tuple[str, ...], end: int) -> int:
    """The samples that the server reads to evaluate all of them once."""
    answers = [prometheus.query(text, end, stats=True) for text in expressions]
    assert all(answer.stats is not None for answer in answers)
    return sum(answer.stats.samples for answer in answers if answer.stats is not None)


def main() -> int:
    """Print the figures of each SLO and of all; 1 when ours read more than the other shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--slos", type=int, default=0, help="only so many; 0 is all")
    chosen = parser.parse_args()
    compiled = compile_rules(find_pack(), EVERYTHING).slos
    rules = [rules_of(one) for one in compiled[: chosen.slos or None]]
    end = int(time.time()) // BLOCK * BLOCK
    times: Times = defaultdict(set)
    for one in rules:
        for series, moments in history(one, chosen.instances, end).items():
            times[series] |= moments
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(dir=supervisor.directory) as work:
        data = Path(work, "data")
        data.mkdir()
        stored = write_history(find_program("promtool", package="prometheus"), data, times)
        print(f"history: {len(times):,} series, {stored:,} samples", flush=True)
        with Prometheus(serve(supervisor, data).url) as prometheus:
            found = [(one, read_by(prometheus, one.ours, end), read_by(prometheus, one.usual, end)) for one in rules]
    print(f"{'SLO':<36}{'ours':>10}{'the other':>12}{'ratio':>8}")
    for one, ours, usual in found:
        print(f"{one.slo.name:<36}{ours:>10,}{usual:>12,}{f'{ours / usual:.3f}' if usual else '-':>8}")
    ours, usual = sum(mine for _, mine, _ in found), sum(theirs for _, _, theirs in found)
    assert all(mine for _, mine, _ in found), "a rule found nothing to read"
    assert all(theirs for one, _, theirs in found if one.usual), "a rule found nothing to read"
    windows = ", ".join(map(window_text, WINDOWS))
    print(f"{f'all {len(found)} SLOs, windows {windows}':<36}{ours:>10,}{usual:>12,}{ours / usual:>8.3f}")
    return int(ours > usual)


if __name__ == "__main__":
    sys.exit(main())
