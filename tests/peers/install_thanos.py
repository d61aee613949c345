"""Build Thanos from source. Needs Go and nothing else; as with Prometheus there is no UI.

Later releases need a newer Go, and earlier ones a replacement that cannot be had any more.
"""

from __future__ import annotations

from pathlib import Path

from tests.peers import THANOS, cache, golang
from tests.peers.peer import Peer

TITLE = f"Thanos {THANOS}"
MODULE = Path(__file__).with_name("thanos")


def peer() -> Peer:
    """The program thanos, which is the sidecar, the query and all others."""
    return Peer(TITLE, cache() / f"thanos-{THANOS}", ("bin/thanos",), build)


def build(target: Path) -> None:
    """Build it into `target`/bin."""
    packages = ["github.com/thanos-io/thanos/cmd/thanos"]
    variable = f"github.com/prometheus/common/version.Version={THANOS}"
    # Without the tag everything compiles and starts, and the sidecar panics at the first query.
    golang.install(MODULE, TITLE, packages, target, "-tags=slicelabels", variable=variable)
