"""Fetch Elasticsearch 9 and 8 from Maven Central. Needs Maven, a JDK of release 21 or later, and one of 17 to 23.

It is the distribution that Elastic's own integration tests run: the server with security, without most modules.
What it lacks is written in `tests/peers/elasticsearch.py`. Two things are added, each a page of Java: the analysis of
e-mail addresses, without which its index of API keys cannot be made (`elasticsearch_analysis/`, over Lucene), and
scripts of aggregations, by which a part of a path makes groups (`elasticsearch_painless/`, over OpenSearch's compiler).
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from functools import partial
from pathlib import Path

from tests.peers import ELASTICSEARCH, ELASTICSEARCH_8, cache, elasticsearch_release, maven
from tests.peers.java import Releases, required_jdk
from tests.peers.peer import InstallError, Peer

# 8.17 starts under a SecurityManager, which Java 24 took away.
_JAVA = {ELASTICSEARCH: Releases(21), ELASTICSEARCH_8: Releases(17, 23)}
_ANALYSIS = Path(__file__).with_name("elasticsearch_analysis")
_PAINLESS = Path(__file__).with_name("elasticsearch_painless")


def peer(version: str) -> Peer:
    """The server, which brings no JDK."""
    folder = cache() / elasticsearch_release(version)
    return Peer(f"Elasticsearch {version}", folder, ("bin/elasticsearch",), partial(fetch, version))


def jdk_of(version: str) -> Path:
    """The home of a JDK that this version runs on; InstallError when there is none."""
    return required_jdk(_JAVA[version], f"Elasticsearch {version}")


def fetch(version: str, target: Path) -> None:
    """Put the server into `target`, with the plugins."""
    jdk = jdk_of(version)
    maven.fetch(f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip", target)
    (target / "plugins" / "analysis").mkdir()
    add_code(_ANALYSIS, version, jdk, target / "plugins" / "analysis")
    add_painless(version, jdk, target)


def add_painless(version: str, jdk: Path, target: Path) -> None:
    """Put the plugin of `elasticsearch_painless/` into the server of `target`, with the compiler of the language."""
    plugin = target / "modules" / "painless"  # not with the plugins, which may not make classes in Elasticsearch 9
    plugin.mkdir()
    groups = ("org.opensearch.plugin", "org.opensearch", "org.antlr", "org.ow2.asm")
    maven.fetch_jars(_PAINLESS / "pom.xml", plugin, groups)
    for archive in plugin.glob("opensearch-[0-9]*.jar"):
        _reduce(archive)
    for name in ("plugin-security.policy", "entitlement-policy.yaml"):  # of Elasticsearch 8, and of 9
        shutil.copy(_PAINLESS / name, plugin)
    add_code(_PAINLESS, version, jdk, plugin)


def _reduce(archive: Path) -> None:
    """Take out OpenSearch's additions to Lucene, for a server with two classes of one name does not start, and what
    `elasticsearch_painless/` has instead.
    """
    smaller = archive.with_suffix(".smaller")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(smaller, "w") as new:
        for name in old.namelist():
            if name.startswith("org/opensearch/") and not name.startswith("org/opensearch/SpecialPermission"):
                new.writestr(name, old.read(name))
    smaller.replace(archive)


def add_code(source: Path, version: str, jdk: Path, plugin: Path) -> None:
    """Compile a plugin, and describe it, into its folder in a server."""
    classes, java = plugin / "classes", _JAVA[version].oldest
    descriptor = (source / "plugin-descriptor.properties").read_text(encoding="utf-8")
    own = f"java.version={java}\nelasticsearch.version={version}\n"
    (plugin / "plugin-descriptor.properties").write_text(descriptor + own)
    known = f"{plugin.parents[1] / 'lib'}/*:{plugin}/*"
    compiler: list[str | Path] = [jdk / "bin" / "javac", "--release", str(java), "-cp", known, "-d", classes]
    compiler += sorted(source.glob("*.java"))
    packer: list[str | Path] = [jdk / "bin" / "jar", "cf", plugin / "plugin.jar", "-C", classes, "."]
    for command in (compiler, packer):
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            raise InstallError(f"{command[0]} failed with exit code {done.returncode}; its messages are above")
    shutil.rmtree(classes)
