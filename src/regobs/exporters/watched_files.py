"""Rotated files that were read to their end: a writer that has not opened the new file still writes to them.

They are not held open. So many are looked at each time that an idle process stays idle: with more of them, each is
looked at less often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from time import monotonic

from regobs.exporters.log_generations import Generation

_EVERY = 0.25  # seconds between two looks
_MOST = 100  # files that are looked at each time: 1,500 take four seconds

Identity = tuple[int, int]


class WatchedFiles:
    """The plain rotated files of all names, with the size that each had when its name last listed them."""

    def __init__(self) -> None:
        self._sizes: dict[str, dict[Identity, tuple[str, int]]] = {}  # path and size, by name
        self._turns: list[tuple[str, Identity]] = []
        self._next = 0
        self._changed = False
        self._looked = -_EVERY
        self._grown = set[str]()

    def watch(self, name: str, files: Iterable[Generation]) -> None:
        """Watch these rotated files of a name, and none of those before."""
        self._sizes[name] = {(one.device, one.inode): (one.path, one.status.st_size) for one in files}
        self._changed = True

    def keep(self, names: Collection[str]) -> None:
        """Forget the files of the names that are none of these."""
        for name in self._sizes.keys() - set(names):
            del self._sizes[name]
            self._changed = True

    def look(self, taken: Callable[[Identity], bool]) -> None:
        """Look at the next of them, except for those that are open."""
        if monotonic() - self._looked < _EVERY:
            return
        self._looked = monotonic()
        if self._changed:
            self._turns = [(name, identity) for name, files in self._sizes.items() for identity in files]
            self._changed = False
        for _ in range(min(_MOST, len(self._turns))):
            self._next = (self._next + 1) % len(self._turns)
            name, identity = self._turns[self._next]
            path, size = self._sizes[name][identity]
            now = None if taken(identity) else _size(path, identity)
            if now is not None and now > size:
                self._sizes[name][identity] = (path, now)
                self._grown.add(name)

    def has_grown(self, name: str) -> bool:
        """Whether one of the files of a name has grown since this was last asked."""
        if name not in self._grown:
            return False
        self._grown.remove(name)
        return True


def _size(path: str, identity: Identity) -> int | None:
    """The size of a file; None where the path leads to none or to another one: then its folder has changed."""
    try:
        status = os.stat(path)  # noqa: PTH116 - text
    except OSError:
        return None
    return status.st_size if (status.st_dev, status.st_ino) == identity else None
