"""Install the peers that are not there yet: `python -m tests.peers.install`. Each has a module `install_<name>`.

With `--all` also those that take minutes of CPU and that only `make test-all` wants.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from tests.peers import (
    ELASTICSEARCH,
    ELASTICSEARCH_8,
    install_cortex,
    install_elasticsearch,
    install_kql,
    install_kubernetes,
    install_opensearch,
    install_prometheus,
    install_thanos,
    install_victorialogs,
    install_victoriametrics,
)
from tests.peers.peer import InstallError, Peer


def peers() -> list[Peer]:
    """All of them."""
    elasticsearch = [install_elasticsearch.peer(version) for version in (ELASTICSEARCH, ELASTICSEARCH_8)]
    return [
        *elasticsearch,
        install_opensearch.peer(),
        install_kql.peer(),
        install_kql.logql_peer(),
        install_prometheus.peer(),
        install_thanos.peer(),
        install_victoriametrics.peer(),
        install_victorialogs.peer(),
    ]


def main(peers: Sequence[Peer]) -> int:
    """Install what is missing; the exit code. One that fails keeps no other from being installed."""
    failed = False
    for peer in peers:
        if peer.present:
            print(f"{peer.title} is there: {peer.folder}")
            continue
        print(f"installing {peer.title}", flush=True)
        started = time.monotonic()
        try:
            peer.install()
        except InstallError as problem:
            print(problem, file=sys.stderr)
            failed = True
        else:
            print(f"installed in {time.monotonic() - started:.0f} s: {peer.folder}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main([*peers(), install_cortex.peer(), install_kubernetes.peer()] if "--all" in sys.argv[1:] else peers()))
