"""Configurations that others wrote and a deployment replaced, each a file that only its owner may read.

They hold the secrets of whoever wrote them: so they stand beside a file that has secrets, never in the state folder,
which is beside regobs.toml and often in Git.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from regobs.common.files import beside, remove_abandoned
from regobs.errors import MachineError

_INFIX = ".before-regobs-"


class ReplacedConfigs:
    """Those beside the file `path`: its name, `.before-regobs-`, and the first digits of the SHA-256 of the content."""

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))

    def keep(self, content: bytes) -> None:
        """Keep a configuration, with the owner of the file that it stands beside. Raises MachineError."""
        try:
            with beside(self._file(content), 0o600) as new:
                new.write_bytes(content)
                with suppress(OSError):  # who may not give a file away leaves it with the owner that all new files have
                    there = self._path.stat()
                    os.chown(new, there.st_uid, there.st_gid)
        except OSError as error:
            raise MachineError(
                "the configuration that would be replaced cannot be kept, so nothing is changed",
                value=f"{self._file(content)}: {error.strerror}",
                next_step="free some space, or give the right to write there",
            ) from None

    def clean(self) -> None:
        """Remove what a process left that was killed while it kept one."""
        remove_abandoned(self._path.parent, lambda name: name.startswith((self._path.name + _INFIX)[:200]))

    def drop(self, content: bytes) -> None:
        """Remove what is kept of this content, which is in use again."""
        with suppress(OSError):
            self._file(content).unlink()

    def all(self) -> Iterator[bytes]:
        """What is kept and can be read, the newest first. Raises MachineError."""
        try:
            with os.scandir(self._path.parent) as found:
                mine = [one for one in found if one.name.startswith(self._path.name + _INFIX) and one.is_file()]
            for one in sorted(mine, key=lambda one: -one.stat().st_mtime_ns):
                yield Path(one.path).read_bytes()
        except OSError as error:
            raise MachineError(
                "a configuration that was replaced cannot be read",
                value=f"{error.filename or self._path.parent}: {error.strerror}",
                next_step="give the right to read it",
            ) from None

    def _file(self, content: bytes) -> Path:
        return self._path.with_name(f"{self._path.name}{_INFIX}{hashlib.sha256(content).hexdigest()[:12]}")
