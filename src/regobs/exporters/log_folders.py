"""The folders of followed logs and their names, listed again only once they have changed.

With 1,500 logs in one folder each of them asks for its rotations when a name comes or goes: one listing serves all.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from time import monotonic, time

_REUSED = 1.0  # seconds for which a listing serves, where the folder's time does not tell of a change (network drives)
_TICK = 0.1  # seconds; changes of a folder that are closer together may have one time, of the kernel's clock
MARKS = (".", "-", "_")  # behind a name, or before its ending, in the names of its rotations: logrotate, lumberjack
_GUESSED = tuple(f".{number}{packed}" for number in range(1, 10) for packed in ("", ".gz"))  # as logrotate numbers them
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
NO_FILE = GONE - {errno.ELOOP}  # of a name that leads to nothing yet; a link that leads to itself never will


class Listing:
    """The names in a folder at one time, with their inodes."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.fault: OSError | None = None  # why it cannot be listed
        self._at = monotonic()
        self._changed = changed = _time_of(folder)
        self._certain = changed is None or abs(time() - changed / 1e9) > _TICK
        self._inodes: dict[str, int] = {}
        try:
            with os.scandir(folder or ".") as entries:
                self._inodes = {entry.name: entry.inode() for entry in entries}
        except OSError as fault:
            if fault.errno not in GONE:
                self.fault = fault
        self._names = sorted(self._inodes)

    def __len__(self) -> int:
        return len(self._names)

    def beginning(self, start: str) -> Iterator[str]:
        """The names that begin so, in their order."""
        for at in range(bisect_left(self._names, start), len(self._names)):
            if not self._names[at].startswith(start):
                return
            yield self._names[at]

    def holds(self) -> bool:
        """Whether the folder is still as it was listed."""
        if not self._certain:
            return Listing(self.folder)._inodes == self._inodes
        return _time_of(self.folder) == self._changed

    @property
    def serves(self) -> bool:
        """Whether it may stand for a new one."""
        fresh = self._certain and self.fault is None and monotonic() - self._at < _REUSED
        return fresh and _time_of(self.folder) == self._changed


class Folders:
    """The folders of all followed logs."""

    def __init__(self) -> None:
        self._listings: dict[str, Listing] = {}
        self._times: dict[str, int | None] = {}
        self.names = 0  # in all folders together

    def look(self) -> None:
        """Forget when the folders changed: the next question asks them again."""
        self._times.clear()

    def listing(self, folder: str) -> Listing:
        """The names of a folder."""
        found = self._listings.get(folder)
        if found is None or not found.serves:
            self.names -= 0 if found is None else len(found)
            found = self._listings[folder] = Listing(folder)
            self.names += len(found)
        return found

    def keep(self, paths: Iterable[str]) -> None:
        """Forget the folders that have none of these files."""
        wanted = {os.path.dirname(place) for path in paths for place in places_of(path)}  # noqa: PTH120 - text
        for folder in self._listings.keys() - wanted:
            self.names -= len(self._listings.pop(folder))

    def changed(self, path: str) -> tuple[int | None, ...]:
        """When a name last came or went in the folders of a file; since `look`, each folder is asked once."""
        found = []
        for place in places_of(path):
            folder = os.path.dirname(place)  # noqa: PTH120 - text
            if folder not in self._times:
                self._times[folder] = _time_of(folder)
            found.append(self._times[folder])
        return tuple(found)


def places_of(path: str) -> tuple[str, ...]:
    """A path, and where a symbolic link of this name leads to."""
    return (path, os.path.realpath(path)) if os.path.islink(path) else (path,)  # noqa: PTH114 - text


def _time_of(folder: str) -> int | None:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - text
    except OSError:
        return None


def rotations(name: str, listing: Listing) -> Iterator[str]:
    """The names in a folder that rotations of a name may have.

    A folder that cannot be listed may let known names be opened: then those of the usual numbers are tried.
    """
    if listing.fault is not None:
        guessed = (name + end for end in _GUESSED)
        yield from (one for one in guessed if os.path.exists(os.path.join(listing.folder, one)))  # noqa: PTH110, PTH118 - text
        return
    stem, dot, ending = name.rpartition(".")
    for mark in MARKS:
        yield from listing.beginning(name + mark)
        if stem:  # NAME-2026-01-01.log
            start = stem + mark
            yield from (other for other in listing.beginning(start) if dot + ending in other[len(start) :])
    if name == "current":  # svlogd: files of a TAI64N time beside `current`
        yield from listing.beginning("@")
