"""What a Prometheus with the pack's rules holds, reads and uses as a registry grows: docs/scale.md has the table.

    python benchmarks/scale.py [--pods 5,50,200] [--minutes 6] [--scrape 15]

Each number of pods has a real Prometheus of its own, all at the same time, that scrapes so many targets with the
exposition of a real GitLab registry 4.32 (tests/data), whose counters grow with each scrape, and evaluates the rules of
the build. After the minutes it is asked: series of a pod and in all, the samples that one evaluation of all rules reads
and one point of each dashboard (the server's own figures, `stats=all`), and before these questions, from the kernel,
its memory and processor time. Exit code 1 where the dashboards and rules that read recorded series alone read more than
1.2 times as much for 200 pods as for 5.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from regobs import slo
from regobs.catalog.model import Capability, Version
from regobs.common.programs import Supervisor
from regobs.common.table import table
from regobs.config.model import Config, PrometheusSettings
from regobs.demo import servers
from regobs.doctor.content import RULES, panel_questions, rules_of_files
from regobs.doctor.gather import concurrently
from regobs.doctor.questions import default_window
from regobs.errors import QueryError
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Duration, Expr
from regobs.promql.printer import to_text
from regobs.promql.walk import fill_durations, selectors

SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "gitlab-registry-4.32.prom.gz"
CAPABILITIES = frozenset(
    {
        Capability.METADATA_DATABASE,
        Capability.DATABASE_METRICS,
        Capability.GARBAGE_COLLECTION,
        Capability.REDIS,
        Capability.NOTIFICATIONS,
    }
)
_FLAT = 1.2
_PATIENCE = 300.0  # seconds: other programs may run on this machine
_TICK = os.sysconf("SC_CLK_TCK")
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*(?:_total|_bucket|_sum|_count)(?:\{.*\})?) (\S+)$")


@lru_cache(maxsize=4)
def exposition(scrape: int) -> bytes:
    """The stored scrape, whose counters and histograms are so many times what they were."""
    text = gzip.decompress(SAMPLE.read_bytes()).decode()
    grown = (_LINE.sub(lambda found: f"{found[1]} {float(found[2]) * scrape!r}", line) for line in text.splitlines())
    return ("\n".join(grown) + "\n").encode()


def serve(every: float) -> ThreadingHTTPServer:
    """All pods at one address: the path says which, and all of them have counted the same."""

    class Pod(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = exposition(1 + int(time.time() / every) % 100_000)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pod)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass
class Measured:
    """One number of pods. `boards` are the samples that one point of each dashboard reads."""

    pods: int
    pod_series: int = 0
    series: int = 0
    memory: float = 0.0
    cores: float = 0.0
    rules: int = 0
    recorded_rules: int = 0
    boards: dict[str, int] = field(default_factory=dict)
    recorded_boards: dict[str, int] = field(default_factory=dict)


def start(supervisor: Supervisor, pods: int, every: int, address: str, rules: Path) -> servers.LocalServer:
    targets = [
        {"targets": [address], "labels": {"instance": f"registry-{pod}:5001", "__metrics_path__": f"/{pod}"}}
        for pod in range(pods)
    ]
    settings = {
        "global": {"scrape_interval": f"{every}s", "evaluation_interval": f"{every}s"},
        "rule_files": [f"{rules}/*.yaml"],
        "scrape_configs": [{"job_name": "registry", "static_configs": targets}],
    }
    return servers.prometheus(supervisor, settings)


def used(pid: int) -> tuple[float, float]:
    """Seconds of processor time, and bytes of resident memory."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(parts[11]) + int(parts[12])) / _TICK, pages * os.sysconf("SC_PAGE_SIZE")


def only_recorded(expr: Expr) -> bool:
    """Whether an expression reads recorded series alone."""
    return all(":" in str(node.metric) for node in selectors(expr))


def read(prometheus: Prometheus, expr: Expr, window: Duration, at: float) -> int:
    """The samples that it reads at one time, the same for all: later there would be more of them."""
    try:
        answer = prometheus.query(to_text(fill_durations(expr, window)), at, stats=True)
    except QueryError:
        return 0
    return answer.stats.samples if answer.stats else 0


def ask(prometheus: Prometheus, found: Measured, config: Config, files: dict[str, bytes], at: float) -> None:
    window = default_window(config)
    found.pod_series = int(prometheus.query("max(scrape_samples_post_metric_relabeling)").samples[0].value)
    found.series = int(prometheus.query('count({__name__!=""})').samples[0].value)
    rules = rules_of_files(files)
    for rule, samples in zip(
        rules, concurrently(lambda one: read(prometheus, one.expr, window, at), rules), strict=True
    ):
        found.rules += samples
        found.recorded_rules += samples if only_recorded(rule.expr) else 0
    asked = [
        (panel.dashboard, panel.expr)
        for panel in panel_questions(find_pack(), config, slo.records(find_pack(), config))
        if panel.expr is not None
    ]
    answers = concurrently(lambda one: read(prometheus, one[1], window, at), asked)
    for (board, expr), samples in zip(asked, answers, strict=True):
        found.boards[board] = found.boards.get(board, 0) + samples
        if only_recorded(expr):
            found.recorded_boards[board] = found.recorded_boards.get(board, 0) + samples


def measure(counts: list[int], minutes: float, every: int) -> list[Measured]:
    """All of them at the same time, so that what else runs on this machine slows each alike."""
    config = Config(
        version=Version(4, 32),
        capabilities=CAPABILITIES,
        prometheus=PrometheusSettings(scrape_interval=Duration(every * 1000)),
    )
    files = slo.files(find_pack(), config)
    served = serve(every)
    address = f"127.0.0.1:{served.server_address[1]}"
    with Supervisor() as supervisor:
        rules = supervisor.directory / "rules"
        rules.mkdir()
        for name, content in files.items():
            if name.startswith(RULES):
                (rules / Path(name).name).write_bytes(content)
        running = [(Measured(pods), start(supervisor, pods, every, address, rules)) for pods in counts]
        time.sleep(minutes * 60 / 2)
        before = [used(server.pid)[0] for _, server in running]
        time.sleep(minutes * 60 / 2)
        for (found, server), earlier in zip(running, before, strict=True):
            seconds, found.memory = used(server.pid)
            found.cores = (seconds - earlier) / (minutes * 60 / 2)
        at = time.time()
        for found, server in running:
            with Prometheus.connect(server.url, timeout=_PATIENCE) as prometheus:
                ask(prometheus, found, config, files, at)
    return [found for found, _ in running]


def told(results: list[Measured]) -> str:
    head = ["", *(f"{found.pods} pods" for found in results)]
    rows: list[list[str | float]] = [
        ["series of a pod", *(found.pod_series for found in results)],
        ["series in all", *(found.series for found in results)],
        ["resident memory, MB", *(round(found.memory / 1e6) for found in results)],
        ["processor, cores", *(f"{found.cores:.3f}" for found in results)],
        ["samples of one evaluation of all rules", *(found.rules for found in results)],
        ["  of rules that read recorded series alone", *(found.recorded_rules for found in results)],
    ]
    boards = sorted({board for found in results for board in found.boards})
    rows += [[f"samples of one point of {one}", *(found.boards.get(one, 0) for found in results)] for one in boards]
    recorded = [sum(found.recorded_boards.values()) for found in results]
    rows.append(["  of all panels that read recorded series alone", *recorded])
    return table(head, rows)


def main() -> int:
    """Measure and print; 1 where what reads recorded series alone is not flat."""
    options = argparse.ArgumentParser()
    options.add_argument("--pods", default="5,50,200")
    options.add_argument("--minutes", type=float, default=6)
    options.add_argument("--scrape", type=int, default=15)
    given = options.parse_args()
    results = measure([int(text) for text in given.pods.split(",")], given.minutes, given.scrape)
    print(told(results))
    first, last = results[0], results[-1]
    flat = [
        (first.recorded_rules, last.recorded_rules),
        (sum(first.recorded_boards.values()), sum(last.recorded_boards.values())),
    ]
    ratios = [after / before if before else 1.0 for before, after in flat]
    print(f"recorded series alone, {last.pods} pods to {first.pods}: rules {ratios[0]:.2f}, panels {ratios[1]:.2f}")
    return int(max(ratios) > _FLAT)


if __name__ == "__main__":
    sys.exit(main())
