"""Archives of Maven Central. Needs Maven."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.peers.peer import InstallError

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"  # a fixed one: the default differs by Maven


def fetch(artifact: str, target: Path) -> None:
    """Put what is in the archive of an artifact (group:name:version:zip) into `target`. Raises InstallError."""
    with_it = target / "fetched"
    _run("get", f"-Dartifact={artifact}", "-Dtransitive=false", directory=target)
    _run("copy", f"-Dartifact={artifact}", f"-DoutputDirectory={with_it}", directory=target)
    (archive,) = with_it.glob("*.zip")
    unpack(archive, target)
    shutil.rmtree(with_it)


def fetch_jars(project: Path, target: Path, groups: tuple[str, ...], **properties: str) -> None:
    """Put what a pom.xml depends on, of these groups, into `target`. Raises InstallError."""
    given = (f"-D{name}={value}" for name, value in properties.items())
    where = (f"-DincludeGroupIds={','.join(groups)}", f"-DoutputDirectory={target}")
    _run("copy-dependencies", "-f", str(project), *where, *given, directory=target)


def _run(goal: str, *options: str, directory: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise InstallError("Maven is not installed: apt-get install --no-install-recommends maven")
    done = subprocess.run([maven, "-B", "-q", f"{_PLUGIN}:{goal}", *options], check=False, cwd=directory)
    if done.returncode != 0:
        raise InstallError(f"mvn {goal} failed with exit code {done.returncode}; its messages are above")


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
