"""Build Cortex from source, which has the tenants and the ruler of Mimir. Needs Go; five minutes of CPU when cold.

So it is no part of `make test-peers`: `make test-all` and `python -m tests.peers.install --all` build it.
"""

from __future__ import annotations

from pathlib import Path

from tests.peers import CORTEX, cache, golang
from tests.peers.peer import Peer

TITLE = f"Cortex {CORTEX}"
MODULE = Path(__file__).with_name("cortex")


def peer() -> Peer:
    """The program cortex, which is all of its parts in one process."""
    return Peer(TITLE, cache() / f"cortex-{CORTEX}", ("bin/cortex",), build)


def build(target: Path) -> None:
    """Build it into `target`/bin."""
    golang.install(MODULE, TITLE, ["github.com/cortexproject/cortex/cmd/cortex"], target, "-tags=netgo")
