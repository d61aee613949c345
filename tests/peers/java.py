"""Find a JDK of at least some release, and at most another, on this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.peers.peer import InstallError

_FOLDERS = (Path("/usr/lib/jvm"), Path("/opt/java"), Path("/opt/jdk"))
_RELEASE = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Releases:
    """The major releases of Java that a server runs on; without a `newest` every later one."""

    oldest: int
    newest: int | None = None

    def __contains__(self, release: int) -> bool:
        return self.oldest <= release and (self.newest is None or release <= self.newest)

    def __str__(self) -> str:
        return f"release {self.oldest} {'or later' if self.newest is None else f'to {self.newest}'}"


def required_jdk(releases: Releases, title: str) -> Path:
    """The home of a JDK that `title` runs on; InstallError when there is none."""
    home = jdk_home(releases)
    if home is None:
        raise InstallError(
            f"there is no JDK of {releases}, which {title} needs: "
            f"install one (apt-get install openjdk-{releases.oldest}-jdk-headless) or name its home in ES_JAVA_HOME"
        )
    return home


def jdk_home(
    releases: Releases, *, environ: Mapping[str, str] = os.environ, folders: tuple[Path, ...] = _FOLDERS
) -> Path | None:
    """The home of the first JDK of such a release: that of the environment, then those of the folders."""
    return next((home for home in _homes(environ, folders) if (release_of(home) or 0) in releases), None)


def release_of(home: Path) -> int | None:
    """The major release that the file `release` of a JDK's home names; None when there is no JDK."""
    if not os.access(home / "bin" / "javac", os.X_OK):
        return None
    try:
        found = _RELEASE.search((home / "release").read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found else None


def _homes(environ: Mapping[str, str], folders: tuple[Path, ...]) -> Iterator[Path]:
    for name in sorted(environ, key=lambda name: (name != "ES_JAVA_HOME", name)):
        if "JAVA_HOME" in name or name == "JDK_HOME":  # JAVA_HOME_21_X64 is what runners of CI services set
            yield Path(environ[name])
    for folder in folders:
        yield from sorted(folder.glob("*"), reverse=True)
        yield folder
    if program := shutil.which("javac", path=environ.get("PATH")):
        yield Path(program).resolve().parents[1]
