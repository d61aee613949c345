"""Build Prometheus 3 from source. Needs Go and nothing else.

Without the web assets: the API is complete, the UI is not served. Takes minutes when the build cache is cold.
"""

from __future__ import annotations

from pathlib import Path

from tests.peers import PROMETHEUS, cache, golang
from tests.peers.peer import Peer

TITLE = f"Prometheus {PROMETHEUS}"
MODULE = Path(__file__).with_name("prometheus")
_COMMANDS = ("prometheus", "promtool")


def peer() -> Peer:
    """Prometheus and promtool."""
    programs = tuple(f"bin/{command}" for command in _COMMANDS)
    return Peer(TITLE, cache() / f"prometheus-{PROMETHEUS}", programs, build)


def build(target: Path) -> None:
    """Build both programs into `target`/bin."""
    packages = [f"github.com/prometheus/prometheus/cmd/{name}" for name in _COMMANDS]
    golang.install(
        MODULE, TITLE, packages, target, variable=f"github.com/prometheus/common/version.Version={PROMETHEUS}"
    )
