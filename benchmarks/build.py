"""Whole processes: a cold `regobs build` with every capability on, and importing the side of the registry process.

Each figure stands beside a rival that was run in turns with it: the import of grafanalib alone for the build (nobody
who generates dashboards with it is faster), `prometheus_client` for it.
Run: python benchmarks/build.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from regobs.catalog.model import Capability

BUILD_LIMIT_S = 1.0
IMPORT_LIMIT_MS = 60.0


# An installed package has its bytecode beside it, and so has a checkout from its second run on.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def wall(*arguments: str) -> float:
    """Seconds of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return time.perf_counter() - began


def medians(rounds: int, *commands: tuple[str, ...]) -> list[float]:
    """The median wall time of each command in seconds, the commands taking turns."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for measured, command in zip(times, commands, strict=True):
            measured.append(wall(*command))
    return [statistics.median(measured) for measured in times]


def main(rounds: int) -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as directory:
        out, config = str(Path(directory) / "out"), Path(directory) / "regobs.toml"
        config.write_text(f"[registry]\ncapabilities = {[str(one) for one in Capability]}\n", encoding="utf-8")
        build, grafanalib, bare = medians(
            rounds,
            ("-m", "regobs", "build", "--out", out, "--config", str(config)),
            ("-c", "import grafanalib.core"),
            ("-c", "pass"),
        )
        files = sum(path.is_file() for path in Path(out).rglob("*"))
    print(f"cold `regobs build`, {files} files   {build * 1000:7.0f} ms   (limit {BUILD_LIMIT_S * 1000:.0f} ms)")
    print(f"import grafanalib.core            {grafanalib * 1000:7.0f} ms   ratio {build / grafanalib:.2f}")
    instrument, client = medians(rounds, ("-c", "import regobs.instrument"), ("-c", "import prometheus_client"))
    ours, theirs = instrument - bare, client - bare
    print(
        f"import regobs.instrument          {ours * 1000:7.0f} ms   (limit {IMPORT_LIMIT_MS:.0f} ms, bare Python off)"
    )
    print(f"import prometheus_client          {theirs * 1000:7.0f} ms   ratio {ours / theirs:.2f}")
    slow = build > BUILD_LIMIT_S or ours * 1000 > IMPORT_LIMIT_MS
    sys.exit("over the limit" if slow else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
