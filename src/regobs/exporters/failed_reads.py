"""Files that could be opened and not be read to their end, such as for a bad sector or a network drive that is away.

Each is told, counted as unreadable, and tried again after a while from where its reading ended; the others go on. A
packed file that is not whole is tried again once it was written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from time import monotonic

from regobs.exporters.log_generations import Generation, Lines
from regobs.exporters.unreadable_files import Unreadable

_AGAIN = 5.0  # seconds between two attempts: a disk may take seconds to say that it cannot read

Key = tuple[int, int] | str  # device and inode, or a path where no file of it is known to fail


class FailedReads:
    """The files of one name in which reading failed."""

    def __init__(self) -> None:
        self._found: dict[Key, tuple[Unreadable, float]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._found

    def add(self, key: Key, path: str, fault: OSError) -> None:
        """Note that reading failed now."""
        self._found[key] = (Unreadable.of(path, fault, failed=True), monotonic() + _AGAIN)

    def over(self, key: Key) -> None:
        """Note that it works."""
        self._found.pop(key, None)

    def keep(self, identities: Collection[tuple[int, int]]) -> None:
        """Forget the files that are none of these: they are gone."""
        self._found = {key: one for key, one in self._found.items() if isinstance(key, str) or key in identities}

    def waits(self, key: Key) -> bool:
        """Whether it is too early to try again."""
        if key not in self._found:
            return False
        one, at = self._found[key]
        return monotonic() < at or (one.damaged and not one.has_changed())

    @property
    def due(self) -> bool:
        """Whether it is time to try one again."""
        return any(not self.waits(key) for key in self._found)

    def moved(self, files: Iterable[Generation]) -> None:
        """Note under which names the damaged files are now."""
        for one in files:
            found, at = self._found.get(one.identity, (None, 0.0))
            if found is not None and found.damaged:
                self._found[one.identity] = (replace(found, path=one.path), at)

    @property
    def files(self) -> dict[str, Unreadable]:
        """What is to be told, by path."""
        return {one.path: one for one, _ in self._found.values()}

    def lines(self, key: Key, path: str, blocks: Iterator[Lines]) -> Iterator[Lines]:
        """The lines of a file as far as it can be read; whose offset follows them. None while it is too early."""
        if self.waits(key):
            return
        try:
            yield from blocks
        except OSError as fault:
            self.add(key, path, fault)
        else:
            self.over(key)
