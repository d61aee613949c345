"""Build VictoriaLogs from source. Needs Go and nothing else; half a minute of CPU beside a built VictoriaMetrics."""

from __future__ import annotations

from pathlib import Path

from tests.peers import VICTORIALOGS, cache, golang
from tests.peers.peer import Peer

TITLE = f"VictoriaLogs {VICTORIALOGS}"
MODULE = Path(__file__).with_name("victorialogs")


def peer() -> Peer:
    """The single-node server."""
    return Peer(TITLE, cache() / f"victorialogs-{VICTORIALOGS}", ("bin/victoria-logs",), build)


def build(target: Path) -> None:
    """Build it into `target`/bin."""
    variable = f"github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=v{VICTORIALOGS}"
    program = "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"
    golang.install(MODULE, TITLE, [program], target, variable=variable)
