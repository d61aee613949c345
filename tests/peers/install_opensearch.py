"""Fetch OpenSearch 3 from Maven Central. Needs Maven and a JDK of release 21 or later.

It is the distribution that OpenSearch's own integration tests run: the server without modules and without security.
"""

from __future__ import annotations

from pathlib import Path

from tests.peers import OPENSEARCH, cache, maven
from tests.peers.java import Releases, required_jdk
from tests.peers.peer import Peer


def peer() -> Peer:
    """The server, which brings no JDK."""
    return Peer(f"OpenSearch {OPENSEARCH}", cache() / f"opensearch-{OPENSEARCH}", ("bin/opensearch",), fetch)


def jdk() -> Path:
    """The home of a JDK that it runs on; InstallError when there is none."""
    return required_jdk(Releases(21), f"OpenSearch {OPENSEARCH}")


def fetch(target: Path) -> None:
    """Put the server into `target`."""
    jdk()
    maven.fetch(f"org.opensearch.distribution.integ-test-zip:opensearch:{OPENSEARCH}:zip", target)
