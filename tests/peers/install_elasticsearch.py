"""Fetch Elasticsearch 9 and 8 from Maven Central. Needs Maven, a JDK of release 21 or later, and one of 17 to 23.

It is the distribution that Elastic's own integration tests run: the server with security, without most modules.
What it lacks is written in `tests/peers/elasticsearch.py`. One thing is added: the analysis of e-mail addresses,
without which its index of API keys cannot be made (`elasticsearch_analysis/`, a page of Java over Lucene).
"""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.peers import ELASTICSEARCH, ELASTICSEARCH_8, cache, maven
from tests.peers.java import Releases, required_jdk
from tests.peers.peer import InstallError, Peer

# 8.17 starts under a SecurityManager, which Java 24 took away.
_JAVA = {ELASTICSEARCH: Releases(21), ELASTICSEARCH_8: Releases(17, 23)}
_ANALYSIS = Path(__file__).with_name("elasticsearch_analysis")


def peer(version: str) -> Peer:
    """The server, which brings no JDK."""
    folder = cache() / f"elasticsearch-{version}"
    return Peer(f"Elasticsearch {version}", folder, ("bin/elasticsearch",), partial(fetch, version))


def jdk_of(version: str) -> Path:
    """The home of a JDK that this version runs on; InstallError when there is none."""
    return required_jdk(_JAVA[version], f"Elasticsearch {version}")


def fetch(version: str, target: Path) -> None:
    """Put the server into `target`, with the plugin."""
    jdk = jdk_of(version)
    maven.fetch(f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip", target)
    add_analysis(version, jdk, target)


def add_analysis(version: str, jdk: Path, target: Path) -> None:
    """Compile the plugin of `elasticsearch_analysis/` into the server of `target`."""
    plugin, classes = target / "plugins" / "analysis", target / "classes"
    plugin.mkdir()
    java = _JAVA[version].oldest
    descriptor = (_ANALYSIS / "plugin-descriptor.properties").read_text(encoding="utf-8")
    own = f"java.version={java}\nelasticsearch.version={version}\n"
    (plugin / "plugin-descriptor.properties").write_text(descriptor + own)
    compiler: list[str | Path] = [
        jdk / "bin" / "javac",
        "--release",
        str(java),
        "-cp",
        f"{target / 'lib'}/*",
        "-d",
        classes,
    ]
    packer: list[str | Path] = [jdk / "bin" / "jar", "cf", plugin / "analysis.jar", "-C", classes, "."]
    for command in ([*compiler, _ANALYSIS / "Analysis.java"], packer):
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            raise InstallError(f"{command[0]} failed with exit code {done.returncode}; its messages are above")
    shutil.rmtree(classes)
