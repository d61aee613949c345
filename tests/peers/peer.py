"""What a peer is to the installer: a folder of the cache that is there with its programs, or is made anew."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class InstallError(Exception):
    """What is missing, in words."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of the cache. `programs` are paths in its folder, `make` fills a directory that will be that folder."""

    title: str
    folder: Path
    programs: tuple[str, ...]
    make: Callable[[Path], None]

    @property
    def present(self) -> bool:
        """Whether every program of it is there."""
        return all(os.access(self.folder / program, os.X_OK) for program in self.programs)

    def install(self) -> None:
        """Make the folder, whole or not at all. Raises InstallError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{self.folder.name}.", dir=self.folder.parent) as work:
            made = Path(work, "made")
            made.mkdir()
            self.make(made)
            shutil.rmtree(self.folder, ignore_errors=True)
            made.rename(self.folder)
