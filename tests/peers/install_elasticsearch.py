"""Fetch Elasticsearch 9 from Maven Central. Needs Maven and a JDK of release 21 or later.

It is the distribution that Elastic's own integration tests run: the server with security, without most modules.
What it lacks is written in `tests/peers/elasticsearch.py`. One thing is added: the analysis of e-mail addresses,
without which its index of API keys cannot be made (`elasticsearch_analysis/`, a page of Java over Lucene).
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.peers import ELASTICSEARCH, cache
from tests.peers.java import jdk_home
from tests.peers.peer import InstallError, Peer

OLDEST_JDK = 21
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{ELASTICSEARCH}:zip"
_ANALYSIS = Path(__file__).with_name("elasticsearch_analysis")
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"  # a fixed one: the default differs by Maven


def peer() -> Peer:
    """The server, which brings no JDK."""
    folder = cache() / f"elasticsearch-{ELASTICSEARCH}"
    return Peer(f"Elasticsearch {ELASTICSEARCH}", folder, ("bin/elasticsearch",), fetch)


def check_jdk() -> Path:
    """The home of a JDK that is new enough; InstallError otherwise."""
    home = jdk_home(OLDEST_JDK)
    if home is None:
        raise InstallError(
            f"there is no JDK of release {OLDEST_JDK} or later, which Elasticsearch {ELASTICSEARCH} needs: "
            f"install one (apt-get install openjdk-{OLDEST_JDK}-jdk-headless) or name its home in ES_JAVA_HOME"
        )
    return home


def fetch(target: Path) -> None:
    """Put what is in the archive into `target`."""
    jdk = check_jdk()
    maven = shutil.which("mvn")
    if maven is None:
        raise InstallError("Maven is not installed: apt-get install --no-install-recommends maven")
    with_it = target / "fetched"
    for goal, *options in (
        ("get", f"-Dartifact={_ARTIFACT}", "-Dtransitive=false"),
        ("copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={with_it}"),
    ):
        done = subprocess.run([maven, "-B", "-q", f"{_PLUGIN}:{goal}", *options], check=False, cwd=target)
        if done.returncode != 0:
            raise InstallError(f"mvn {goal} failed with exit code {done.returncode}; its messages are above")
    (archive,) = with_it.glob("*.zip")
    unpack(archive, target)
    shutil.rmtree(with_it)
    add_analysis(jdk, target)


def add_analysis(jdk: Path, target: Path) -> None:
    """Compile the plugin of `elasticsearch_analysis/` into the server of `target`."""
    plugin, classes = target / "plugins" / "analysis", target / "classes"
    plugin.mkdir()
    descriptor = (_ANALYSIS / "plugin-descriptor.properties").read_text(encoding="utf-8")
    (plugin / "plugin-descriptor.properties").write_text(f"{descriptor}elasticsearch.version={ELASTICSEARCH}\n")
    compiler: list[str | Path] = [
        jdk / "bin" / "javac",
        "--release",
        str(OLDEST_JDK),
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


def unpack(archive: Path, target: Path) -> None:
    """The files below the one top folder of an archive, with their modes, which zipfile drops."""
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            _, _, name = member.filename.partition("/")
            place = target / name
            if ".." in place.parts:
                raise InstallError(f"{archive.name} holds a path that leaves its folder: {member.filename}")
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, place.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            place.chmod((member.external_attr >> 16) & 0o777 or 0o644)
