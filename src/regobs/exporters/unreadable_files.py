"""Files and folders of a log that cannot be read just now: what is told of them, and when to try again."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from time import time

from regobs.exporters.log_folders import GONE, NO_FILE
from regobs.exporters.log_generations import open_file
from regobs.exporters.packed_files import DamagedError

_SETTLED = 1.0  # seconds after which a packed file that grows is looked at: to unpack it is work


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is there and cannot be read, or a folder that cannot be listed; no `status` where it is hidden.

    `failed`: it could be opened, and reading it failed, such as for a bad sector. `damaged`: it is packed, and ends
    before its end or cannot be unpacked.
    """

    path: str
    error: str
    status: os.stat_result | None
    folder: bool = False
    failed: bool = False
    damaged: bool = False

    @classmethod
    def of(cls, path: str, fault: OSError, *, folder: bool = False, failed: bool = False) -> Unreadable:
        """What cannot be read, with as much as can be known of it."""
        error = fault.strerror or str(fault)
        if isinstance(fault, DamagedError):  # as it was when it was read: it may be whole by now
            return cls(path, error, fault.status, folder, failed, damaged=True)
        try:
            status = os.stat(path)  # noqa: PTH116 - text
        except OSError:
            status = None
        return cls(path, error, status, folder, failed)

    @property
    def identity(self) -> tuple[int, int] | None:
        """Device and inode, where they can be known."""
        return None if self.status is None else (self.status.st_dev, self.status.st_ino)

    def has_changed(self) -> bool:
        """Whether it can be read by now, is another file, is gone, or fails in another way."""
        if self.damaged:
            return self._was_written()
        try:
            if self.folder:
                os.scandir(self.path).close()
            else:
                open_file(self.path).close()
        except OSError as fault:
            now = Unreadable.of(self.path, fault)
            return (now.error, now.identity) != (self.error, self.identity)
        return True

    def _was_written(self) -> bool:
        """Whether it is gone, or was written since, and not just now."""
        try:
            now = os.stat(self.path)  # noqa: PTH116 - text
        except OSError:
            return True
        return _written(now) != (self.status and _written(self.status)) and abs(time() - now.st_mtime) > _SETTLED


def _written(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def unreadable_file(path: str, fault: OSError, *, named: bool = True) -> Unreadable | None:
    """A file that could not be opened; None where it is gone, or is a folder.

    `named`: a name or a pattern means it, so that a link to itself, a socket, a pipe or a device is told too. One that
    only stands beside a log is none of its rotations.
    """
    if fault.errno in (NO_FILE if named else GONE):  # a link to what is not there may wait for its file
        return None
    found = Unreadable.of(path, fault)
    if found.status is None or stat.S_ISREG(found.status.st_mode):
        return found
    return found if named and not stat.S_ISDIR(found.status.st_mode) else None
