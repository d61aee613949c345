"""How many samples Prometheus reads for one refresh of the Overview over some hours, with recording rules and without.

    python benchmarks/overview_samples.py [--hours 8] [--instances 4] [--scrape 15] [--all]

Both with default settings and with every capability on. `--all` lists what one refresh of each dashboard reads, closed
rows not counted. That takes a history of every series that they ask for: `--hours 2 --instances 1` is enough.

The figures are the server's own (`stats=all`, totalQueryableSamples). The history is that of a real GitLab registry's
exposition (tests/data) whose counters advance, with what it lacks (replicas, exporters of databases and buckets, pods)
made from the catalog, one series for each closed label value; the recorded series are made of it by promtool from the
generated rules, and the queries are those of the generated dashboard, with the step that Grafana takes for each panel
in a window of 1900 pixels.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from regobs import grafana, slo
from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Flavor, Version
from regobs.common.programs import Supervisor, find_program
from regobs.config.model import Config
from regobs.demo import servers
from regobs.pack import Pack, find_pack
from regobs.prometheus import Prometheus
from regobs.promql import parse, to_text
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Binary, Expr
from regobs.promql.walk import selectors

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "tests" / "data" / "gitlab-registry-4.32.prom.gz"
OVERVIEW = "overview"
EVERYTHING = Config(capabilities=frozenset(Capability))
SETTINGS = {"default settings": Config(), "every capability": EVERYTHING}
WIDTH = 1900  # pixels of a dashboard on a common screen
# Grafana's rounding of an interval, both in seconds: below the first it becomes the second (kbn.roundInterval).
ROUNDED = ((15, 10), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600), (1500, 1200))
WANTED_RATIO = 10
BLOCK = (
    2 * 3600
)  # seconds; promtool reads its whole input once for every two hours in it, so it gets two hours at a time
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_GROWTH = 0.25  # an hour


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an exposition."""

    name: str
    labels: str
    value: float
    counter: bool

    def at(self, hours: float) -> float:
        """Its value so many hours after the start."""
        return self.value * (1 + _GROWTH * hours) if self.counter else self.value


def read_series(exposition: str, wanted: Callable[[str], bool]) -> list[Series]:
    """The series of a text exposition whose names are wanted."""
    types: dict[str, str] = {}
    found = []
    for line in exposition.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            types[name] = kind
        elif (match := _SAMPLE.match(line)) and wanted(match[1]):
            labels = re.sub(r"\b(job|instance)=", r"exported_\1=", match[2] or "")  # as a scrape does
            found.append(Series(match[1], labels, float(match[3]), _grows(match[1], types)))
    return found


def read_lacking(there: list[Series], wanted: Callable[[str], bool]) -> list[Series]:
    """The wanted series of every metric that a list has none of, as the catalog has them."""
    sys.path.insert(0, str(ROOT))
    from tests.e2e.imagined import imagined  # noqa: PLC0415 (the tests' own; only found from here)

    names = {family_of(one.name) for one in there} | {one.name for one in there}
    lacking = [metric for name, metric in METRICS.items() if name not in names]
    return read_series(imagined(lacking, Flavor.GITLAB, Version(4, 32)), wanted)


def family_of(name: str) -> str:
    """The family of a series of a histogram or summary."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


def _grows(name: str, types: dict[str, str]) -> bool:
    return types.get(name, types.get(family_of(name))) in {"counter", "histogram", "summary"}


def write_blocks(
    promtool: Path, data: Path, series: list[Series], *, instances: Iterable[str], start: int, hours: int, scrape: int
) -> int:
    """Write `hours` from `start`, a multiple of BLOCK, into the database `data`; the number of samples.

    `start` is in seconds since 1970, `scrape` the seconds between two samples. The job is `registry`.
    """
    names = list(instances)

    def one(begin: int) -> None:
        text = data.with_name(f"history-{begin}.txt")
        with text.open("w", encoding="utf-8") as file:
            file.writelines(_lines(series, names, start, begin, scrape))
        command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, data]
        subprocess.run(command, check=True, capture_output=True)
        text.unlink()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(start, start + hours * 3600, BLOCK)))
    return (len(series) + 1) * len(names) * (hours * 3600 // scrape)


def _lines(series: list[Series], instances: list[str], start: int, begin: int, scrape: int) -> Iterator[str]:
    times = range(begin, begin + BLOCK, scrape)
    for instance in instances:
        target = f'job="registry",instance="{instance}"'
        for one in (*series, Series("up", "", 1, counter=False)):
            head = f"{one.name}{{{target}{',' if one.labels else ''}{one.labels}}}"
            yield from (f"{head} {one.at((time - start) / 3600):.6g} {time}\n" for time in times)
    yield "# EOF\n"


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel; `step` None is an instant query."""

    panel: str
    text: str
    step: int | None


def dashboard_queries(files: dict[str, bytes], span: int, scrape: int, slug: str = OVERVIEW) -> list[Query]:
    """The queries of a dashboard as Grafana sends them for the last `span` seconds, its rows as they open."""
    board = json.loads(files[f"dashboards/{slug}.json"])
    found = []
    for panel in board["panels"]:
        wanted = span / (WIDTH * panel["gridPos"]["w"] / 24)
        step = next((rounded for limit, rounded in ROUNDED if wanted < limit), 1800)
        for target in panel.get("targets", ()):
            text = _filled(target["expr"], max(step + scrape, 4 * scrape), span)
            least = read_duration(target["interval"])
            assert least is not None
            found.append(Query(panel["title"], text, None if target.get("instant") else max(step, least.ms // 1000)))
    return found


def _filled(text: str, rate_interval: int, span: int) -> str:
    macros = {"$__rate_interval": f"{rate_interval}s", "$__range": f"{span}s"}
    for macro, value in macros.items():
        text = text.replace(macro, value)
    return re.sub(r"=~\"\$\{?\w+(:\w+)?\}?\"", '=~".*"', text)


def samples(prometheus: Prometheus, queries: list[Query], start: int, end: int) -> tuple[dict[str, int], list[str]]:
    """The samples that the server read, by panel, and the panels that had no data."""
    read_by: dict[str, int] = {}
    empty = []
    for query in queries:
        read, some = cost(prometheus, query, start, end)
        read_by[query.panel] = read_by.get(query.panel, 0) + read
        if not some:
            empty.append(query.panel)
    return read_by, empty


def cost(prometheus: Prometheus, query: Query, start: int, end: int) -> tuple[int, bool]:
    """The samples that one query reads, and whether it has data.

    What is read `@ end()` is read once for the whole range, but the server's statistics count it for every point: it is
    asked apart, at the end.
    """
    if query.step is None:
        answers = [prometheus.query(query.text, end, stats=True)]
    else:
        expr = parse(query.text)
        once: list[Expr] = []
        while isinstance(expr, Binary) and expr.op == "and" and all(node.at for node in selectors(expr.right)):
            once.append(expr.right)
            expr = expr.left
        answers = [prometheus.query_range(to_text(expr), start, end, query.step, stats=True)]
        answers += [prometheus.query(to_text(part), end, stats=True) for part in once]
    assert all(answer.stats is not None for answer in answers)
    some = bool(answers[0].samples or answers[0].ranges)
    return sum(answer.stats.samples for answer in answers if answer.stats is not None), some


def names_in(text: str) -> set[str]:
    """The names of the series that a query reads."""
    return {str(one.metric) for one in selectors(parse(text)) if one.metric}


def needed_rules(files: dict[str, bytes], wanted: set[str]) -> list[list[dict[str, Any]]]:
    """The recording rules that lead to the wanted series, in levels: each needs only raw series and those before it."""
    groups = [group for content in files.values() for group in yaml.safe_load(content)["groups"]]
    rules = [(group, rule) for group in groups for rule in group["rules"] if "record" in rule]
    made = {rule["record"] for _, rule in rules}
    needs = {rule["record"]: set[str]() for _, rule in rules}
    for _, rule in rules:
        needs[rule["record"]] |= names_in(rule["expr"]) & made - {rule["record"]}
    todo, seen = wanted & made, set[str]()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= needs[name] - seen
    levels = []
    done = set[str]()
    while seen - done:
        ready = {name for name in seen - done if needs[name] <= done}
        assert ready, "recording rules that need each other"
        levels.append(
            [
                {"name": "level", "interval": group.get("interval", "1m"), "rules": [rule]}
                for group, rule in rules
                if rule["record"] in ready
            ]
        )
        done |= ready
    return levels


def record_levels(
    supervisor: Supervisor, data: Path, levels: list[list[dict[str, Any]]], *, start: int, span: int
) -> None:
    """Evaluate the levels over the history, one after the other: promtool does not see what it is writing."""
    promtool = find_program("promtool", package="prometheus")
    for number, groups in enumerate(levels):
        rules = data.with_name(f"level-{number}.yaml")
        named = [group | {"name": f"{group['name']}-{index}"} for index, group in enumerate(groups)]
        rules.write_text(yaml.safe_dump({"groups": named}), encoding="utf-8")
        server = serve(supervisor, data)
        command: list[str | Path] = [
            promtool,
            "tsdb",
            "create-blocks-from",
            "rules",
            f"--start={start}",
            f"--end={start + span}",
        ]
        command += [f"--url={server.url}", f"--output-dir={data.with_name('recorded')}", rules]
        subprocess.run(command, check=True, capture_output=True)
        supervisor.stop(server.process)
        for block in data.with_name("recorded").iterdir():
            block.rename(data / block.name)


def serve(supervisor: Supervisor, data: Path) -> servers.LocalServer:
    """Prometheus on the history, with nothing to scrape."""
    return servers.prometheus(supervisor, {"scrape_configs": []}, data=data, retention="10y")


def main() -> int:
    """Make the history, run every version of the dashboard, print the figures; 1 when they are less than ten apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--instances", type=int, default=4)
    parser.add_argument("--scrape", type=int, default=15, help="seconds between two scrapes")
    parser.add_argument("--all", action="store_true", help="list the other dashboards too")
    chosen = parser.parse_args()
    span = chosen.hours * 3600
    end = int(time.time()) // BLOCK * BLOCK
    start = end - span

    pack = find_pack()
    versions = {name: overviews(pack, config, span, chosen.scrape) for name, config in SETTINGS.items()}
    others = other_dashboards(pack, span, chosen.scrape) if chosen.all else {}
    queries = [*(query for pair in versions.values() for query in (*pair[0], *pair[1])), *chain(*others.values())]
    written = slo.files(pack, EVERYTHING)
    rules = {name: content for name, content in written.items() if name.startswith("prometheus/rules/")}
    asked = {name for query in queries for name in names_in(query.text)}
    levels = needed_rules(rules, asked)
    raw = asked | {
        name for level in levels for group in level for rule in group["rules"] for name in names_in(rule["expr"])
    }

    promtool = find_program("promtool", package="prometheus")
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(dir=supervisor.directory) as work:
        data = Path(work, "data")
        data.mkdir()
        series = read_series(gzip.decompress(SAMPLE.read_bytes()).decode(), raw.__contains__)
        series += read_lacking(series, raw.__contains__)
        names = [f"registry-{number}:5001" for number in range(1, chosen.instances + 1)]
        begun = time.monotonic()
        stored = write_blocks(
            promtool, data, series, instances=names, start=start, hours=chosen.hours, scrape=chosen.scrape
        )
        print(f"history: {len(names)} instances, {stored:,} samples in {time.monotonic() - begun:.0f} s", flush=True)
        begun = time.monotonic()
        record_levels(supervisor, data, levels, start=start, span=span)
        print(
            f"recorded {sum(map(len, levels))} rules in {len(levels)} levels in {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        with Prometheus(serve(supervisor, data).url) as prometheus:
            list_dashboards(prometheus, others, start, end)
            apart = [report(name, prometheus, pair, start, end) for name, pair in versions.items()]
    return 0 if all(apart) else 1


def overviews(pack: Pack, config: Config, span: int, scrape: int) -> tuple[list[Query], list[Query]]:
    """The queries of the Overview with the recording rules, and without."""
    records = slo.records(pack, config)
    with_rules, without = (dashboard_queries(grafana.files(pack, config, used), span, scrape) for used in (records, ()))
    return with_rules, without


def other_dashboards(pack: Pack, span: int, scrape: int) -> dict[str, list[Query]]:
    """The queries of every dashboard with every capability on, by its name."""
    files = grafana.files(pack, EVERYTHING, slo.records(pack, EVERYTHING))
    slugs = sorted(Path(name).stem for name in files if name.startswith("dashboards/"))
    return {slug: dashboard_queries(files, span, scrape, slug) for slug in slugs}


def list_dashboards(prometheus: Prometheus, boards: dict[str, list[Query]], start: int, end: int) -> None:
    """Print what the server read for one refresh of each; what this history has no series of reads nothing."""
    if boards:
        print(f"{'dashboard':<30}{'queries':>9}{'no data':>9}{'samples':>14}")
    for slug, queries in boards.items():
        read_by, empty = samples(prometheus, queries, start, end)
        print(f"{slug:<30}{len(queries):>9}{len(empty):>9}{sum(read_by.values()):>14,}")


def report(name: str, prometheus: Prometheus, pair: tuple[list[Query], list[Query]], start: int, end: int) -> bool:
    """Print the figures of one version of the Overview, by panel and in all; whether they are far enough apart."""
    (recorded, _), (plain, empty) = (samples(prometheus, queries, start, end) for queries in pair)
    print(f"\n{f'Overview, {name}':<44}{'recorded':>12}{'raw':>14}{'ratio':>8}")
    for panel, count in sorted(plain.items(), key=lambda item: -item[1]):
        fewer = recorded.get(panel, 0)
        print(f"{panel:<44}{fewer:>12,}{count:>14,}{count / fewer if fewer else float('nan'):>8.1f}")
    total, raw = sum(recorded.values()), sum(plain.values())
    print(f"{'one refresh over the range':<44}{total:>12,}{raw:>14,}{raw / total:>8.1f}")
    if empty:
        print(f"without data in this history: {', '.join(sorted(set(empty)))}")
    if raw < WANTED_RATIO * total:
        print(f"less than {WANTED_RATIO} times apart", file=sys.stderr)
    return raw >= WANTED_RATIO * total


if __name__ == "__main__":
    sys.exit(main())
