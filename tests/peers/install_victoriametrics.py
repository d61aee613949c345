"""Build VictoriaMetrics from source. Needs Go and nothing else; a minute of CPU when the build cache is cold."""

from __future__ import annotations

from pathlib import Path

from tests.peers import VICTORIAMETRICS, cache, golang
from tests.peers.peer import Peer

TITLE = f"VictoriaMetrics {VICTORIAMETRICS}"
MODULE = Path(__file__).with_name("victoriametrics")
_SOURCE = "github.com/VictoriaMetrics/VictoriaMetrics"


def peer() -> Peer:
    """The single-node server, and what evaluates rules beside it."""
    programs = ("bin/victoria-metrics", "bin/vmalert")
    return Peer(TITLE, cache() / f"victoriametrics-{VICTORIAMETRICS}", programs, build)


def build(target: Path) -> None:
    """Build both into `target`/bin."""
    variable = f"{_SOURCE}/lib/buildinfo.Version=v{VICTORIAMETRICS}"
    golang.install(
        MODULE, TITLE, [f"{_SOURCE}/app/{name}" for name in ("victoria-metrics", "vmalert")], target, variable=variable
    )
