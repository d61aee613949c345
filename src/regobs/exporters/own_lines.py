"""Pairs of access lines: CNCF Distribution writes its own line of a request, and then one in the form of Apache's.

The second alone tells of what no handler of the registry answered, such as an unknown path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

_MOST = 1000  # own lines of a file that wait for the other one, which the next lines bring; there may be none at all


class OwnLines:
    """The own access lines of one file whose other line did not come yet. `waiting` is the `data` of another one."""

    def __init__(self, waiting: Iterable[tuple[str, int]] = ()) -> None:
        self._waiting = dict(waiting)

    def add(self, record: Any) -> None:
        """Note an own line."""
        key = _key(record)
        self._waiting[key] = self._waiting.pop(key, 0) + 1
        if len(self._waiting) > _MOST:
            del self._waiting[next(iter(self._waiting))]

    def repeats(self, record: Any) -> bool:
        """Whether a line in Apache's form is the other one of an own line."""
        key = _key(record)
        count = self._waiting.get(key, 0)
        if count > 1:
            self._waiting[key] = count - 1
        elif count:
            del self._waiting[key]
        return count > 0

    def data(self) -> list[tuple[str, int]]:
        """What waits, for a checkpoint; nothing of a line can be read in it."""
        return list(self._waiting.items())


def _key(record: Any) -> str:
    path = (record.uri or "").partition("?")[0]
    told = f"{record.method} {record.status} {path}".encode(errors="backslashreplace")
    return hashlib.blake2b(told, digest_size=8).hexdigest()
