"""How long a snapshot of 40 panels over 24 hours takes, and how large its page is.

    python benchmarks/snapshot.py [--hours 24] [--pods 2] [--scrape 60] [--panels 40]

The history is that of a simulated GitLab fleet, read back by a real Prometheus. The panels are those of the bundled
dashboards that come nearest to the number. The time is that of the whole command in a process of its own; of several
runs the fastest counts, because whatever else the machine does only adds time. Rivals in the same run: the same queries
one after the other, as a script with a plain client sends them, and the same data in rows, as Vega-Lite charts usually
embed them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regobs import slo
from regobs.catalog.model import Capability, Flavor
from regobs.common.programs import Supervisor, find_program
from regobs.config.loading import load_config
from regobs.config.model import Config
from regobs.demo import servers
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.outputs import load_dashboards
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.snapshot import take as taking
from regobs.snapshot.charts import expand
from regobs.snapshot.draw import chart_of, has_data
from regobs.snapshot.span import TimeSpan, span_of
from regobs.snapshot.taken import Snapshot

CAPABILITIES = ("metadata_database", "load_balancing", "database_metrics", "garbage_collection", "object_storage")
MOST_SECONDS, MOST_BYTES = 10, 4_000_000
ROUNDS = 5
ELSEWHERE = {"rules-health", "slo"}  # they show scrapes and recording rules, which this history does not have


@dataclass(frozen=True, slots=True)
class Chosen:
    """The dashboards that are taken, and how many panels they have."""

    slugs: tuple[str, ...]
    panels: int


def write_history(directory: Path, *, hours: float, pods: int, scrape: int) -> None:
    """The blocks of a simulated fleet, in `directory`/data."""
    text = directory / "history.txt"
    command = [
        sys.executable,
        "-m",
        "regobs",
        "simulate",
        f"--pods={pods}",
        f"--step={scrape}s",
        f"--days={hours / 24}",
    ]
    command += ["--fault=error-burst@10h+30m", "--fault=latency-ramp@14h+2h", f"--openmetrics={text}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    promtool = find_program("promtool", package="prometheus")
    blocks: list[str | Path] = [
        promtool,
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        "--max-block-duration=24h",
    ]
    subprocess.run([*blocks, text, directory / "data"], check=True, capture_output=True)
    text.unlink()


def write_config(directory: Path, scrape: int) -> Path:
    """The settings of that fleet."""
    path = directory / "regobs.toml"
    listed = ", ".join(f'"{Capability(name)}"' for name in CAPABILITIES)
    path.write_text(
        f'[registry]\nflavor = "{Flavor.GITLAB}"\ncapabilities = [{listed}]\n'
        f'[prometheus]\nscrape_interval = "{scrape}s"\n',
        encoding="utf-8",
    )
    return path


def choose(config: Config, panels: int) -> Chosen:
    """Dashboards with as many panels, or a few more. Those that read recording rules have no data here."""
    sizes = []
    for slug, one in load_dashboards(find_pack()).items():
        if slug not in ELSEWHERE and not (one.recorded or any(row.recorded for row in one.rows)):
            sizes.append((sum(1 for _ in bind_dashboard(slug, one, config.vocabulary).panels()), slug))
    chosen: list[str] = []
    total = 0
    while total < panels and sizes:
        # The smallest that is enough, or the largest.
        size, slug = min((one for one in sizes if one[0] >= panels - total), default=max(sizes))
        sizes.remove((size, slug))
        chosen.append(slug)
        total += size
    return Chosen(tuple(chosen), total)


def command_seconds(url: str, config: Path, chosen: Sequence[str], span: TimeSpan, out: Path) -> float:
    """The whole command, in a process of its own."""
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one)) for one in (span.start, span.end)]
    command = [sys.executable, "-m", "regobs", "snapshot", f"--prometheus={url}", f"--config={config}", f"--out={out}"]
    command += [f"--from={times[0]}", f"--to={times[1]}", *(f"--dashboard={slug}" for slug in chosen)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def queries(url: str, config: Config, chosen: Sequence[str], span: TimeSpan, threads: int) -> tuple[Snapshot, float]:
    """The queries alone, so many at a time, and how long they took."""
    found, pack = load_dashboards(find_pack()), find_pack()
    records = slo.records(pack, config)
    bound = [bind_dashboard(slug, found[slug], config.vocabulary, records) for slug in chosen]
    usual, taking.THREADS = taking.THREADS, threads
    try:
        with Prometheus(url) as prometheus:
            begun = time.perf_counter()
            taken = taking.take(prometheus, bound, config, span)
            return taken, time.perf_counter() - begun
    finally:
        taking.THREADS = usual


def sizes_of(taken: Snapshot) -> tuple[int, int]:
    """Bytes of the data of all charts as the page holds them, and in rows."""
    charts = [chart_of(panel, taken.span) for panel in taken.panels() if has_data(panel, taken.span)]
    data = [chart.data for chart in charts if chart is not None]
    forms = (data, [expand(one) for one in data])
    compact, rows = (len(json.dumps(form, separators=(",", ":"))) for form in forms)
    return compact, rows


def main() -> int:
    """Make the history, take the snapshots, print the figures; 1 when one is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--pods", type=int, default=2)
    parser.add_argument("--scrape", type=int, default=60, help="seconds between two scrapes")
    parser.add_argument("--panels", type=int, default=40)
    asked = parser.parse_args()
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(dir=supervisor.directory) as work:
        directory = Path(work)
        path = write_config(directory, asked.scrape)
        config = load_config(path)
        chosen = choose(config, asked.panels)
        begun, end = time.perf_counter(), float(int(time.time()) - asked.scrape)  # the history ends now
        write_history(directory, hours=asked.hours, pods=asked.pods, scrape=asked.scrape)
        print(
            f"history of {asked.hours:g} h, {asked.pods} pods: {time.perf_counter() - begun:.0f} s to make", flush=True
        )
        span = span_of(end - asked.hours * 3600, end, asked.scrape)
        server = servers.prometheus(supervisor, {"scrape_configs": []}, data=directory / "data", retention="10y")
        return report(server.url, path, chosen, span, directory / "snapshot.html")


def report(url: str, path: Path, chosen: Chosen, span: TimeSpan, out: Path) -> int:
    """Print the figures beside their limits and rivals."""
    config = load_config(path)
    seconds = [command_seconds(url, path, chosen.slugs, span, out) for _ in range(ROUNDS)]
    at_once, one_by_one = [], []
    for _ in range(ROUNDS):
        taken, needed = queries(url, config, chosen.slugs, span, taking.THREADS)
        at_once.append(needed)
        one_by_one.append(queries(url, config, chosen.slugs, span, 1)[1])
    empty = [panel.title for panel in taken.panels() if not has_data(panel, span)]
    page = out.stat().st_size
    compact, rows = sizes_of(taken)
    drawn = len(re.findall(r'data-chart="', out.read_text(encoding="utf-8")))
    print(f"{chosen.panels} panels of {', '.join(chosen.slugs)}, {drawn} charts, {span.points} points each")
    print(f"without data in this history: {', '.join(empty) or 'none'}")
    print(
        f"whole command     {min(seconds):6.1f} s   (limit {MOST_SECONDS} s; slowest of {ROUNDS}: {max(seconds):.1f} s)"
    )
    ratio = min(one_by_one) / min(at_once)
    print(f"queries           {min(at_once):6.1f} s   one after the other {ratio:.1f} times as long")
    print(f"page              {page / 1e6:6.2f} MB  (limit {MOST_BYTES / 1e6:g} MB)")
    print(f"data in it        {compact / 1e6:6.2f} MB  in rows {rows / compact:.1f} times as large")
    if min(seconds) > MOST_SECONDS or page > MOST_BYTES:
        print("above a limit", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
