"""Fetch OpenSearch 3 from Maven Central. Needs Maven and a JDK of release 21 or later.

It is the distribution that OpenSearch's own integration tests run: the server without modules and without security.
One module is added, the language of scripts, by which a part of a path makes groups.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.peers import OPENSEARCH, cache, maven
from tests.peers.java import Releases, required_jdk
from tests.peers.peer import Peer

_JAVA = 21
_PAINLESS = Path(__file__).with_name("opensearch_painless")


def peer() -> Peer:
    """The server, which brings no JDK."""
    folder = cache() / f"opensearch-{OPENSEARCH}-painless"
    return Peer(f"OpenSearch {OPENSEARCH}", folder, ("bin/opensearch",), fetch)


def jdk() -> Path:
    """The home of a JDK that it runs on; InstallError when there is none."""
    return required_jdk(Releases(_JAVA), f"OpenSearch {OPENSEARCH}")


def fetch(target: Path) -> None:
    """Put the server into `target`, with the module."""
    jdk()
    maven.fetch(f"org.opensearch.distribution.integ-test-zip:opensearch:{OPENSEARCH}:zip", target)
    module = target / "modules" / "lang-painless"
    module.mkdir()
    groups = ("org.opensearch.plugin", "org.antlr", "org.ow2.asm")
    maven.fetch_jars(_PAINLESS / "pom.xml", module, groups, opensearch=OPENSEARCH)
    descriptor = (_PAINLESS / "plugin-descriptor.properties").read_text(encoding="utf-8")
    own = f"version={OPENSEARCH}\nopensearch.version={OPENSEARCH}\njava.version={_JAVA}\n"
    (module / "plugin-descriptor.properties").write_text(descriptor + own)
    shutil.copy(_PAINLESS / "plugin-security.policy", module)
