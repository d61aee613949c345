"""Access lines of one request: CNCF Distribution writes its own line, and then one in the form of Apache's.

The second alone tells of what no handler of the registry answered, such as an unknown path. Where a file cannot be read
at its turn, the second may be read first. Of an answer with several errors there is an own line for each, one after the
other, with the same request id. Source: registry/handlers/app.go of 2.8.2 and 3.1, function logError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from regobs.logs.fields import DISTRIBUTION_FIELDS

_MOST = 1000  # kinds of requests of a log of which one of the two lines waits for the other; there may be none at all
_FAILED = 1000  # requests of a log of which a further error may come: lines of others stand between only by chance
_ID, _CODE = DISTRIBUTION_FIELDS["http.request.id"].name, DISTRIBUTION_FIELDS["err.code"].name


class OwnLines:
    """The access lines of one log whose other line did not come yet, and the last requests that failed.

    `waiting` and `failed` are the `data` and the `failed` of another one.
    """

    def __init__(self, waiting: Iterable[tuple[str, int]] = (), failed: Iterable[str] = ()) -> None:
        self._waiting = dict(waiting)  # by kind of request: how many own lines; below zero, how many of Apache's form
        self._failed = dict.fromkeys(failed)

    def go_on(self, waiting: Iterable[tuple[str, int]], failed: Iterable[str]) -> None:
        """Take what another one has noted."""
        self._waiting |= dict(waiting)
        self._failed |= dict.fromkeys(failed)

    def repeats(self, record: Any, *, combined: bool) -> bool:
        """Whether the other line of the request of a line was counted already; else it waits for that one."""
        key = _key(record)
        before = self._waiting.pop(key, 0)
        now = before + (-1 if combined else 1)
        if now:
            self._waiting[key] = now
            if len(self._waiting) > _MOST:
                del self._waiting[next(iter(self._waiting))]
        return abs(now) < abs(before)

    def further_error(self, line: Mapping[str, Any]) -> bool:
        """Whether an own line tells of one more error of a request whose first error was told; it is noted."""
        request = line.get(_ID)
        if not isinstance(request, str) or not request or line.get(_CODE) is None:
            return False
        key = _hashed(request)
        known = key in self._failed
        self._failed.pop(key, None)
        self._failed[key] = None
        if len(self._failed) > _FAILED:
            del self._failed[next(iter(self._failed))]
        return known

    def data(self) -> list[tuple[str, int]]:
        """What waits, for a checkpoint; nothing of a line can be read in it."""
        return list(self._waiting.items())

    def failed(self) -> list[str]:
        """The last requests that failed, for a checkpoint; nothing of a line can be read in it."""
        return list(self._failed)


def _key(record: Any) -> str:
    path = (record.uri or "").partition("?")[0]
    return _hashed(f"{record.method} {record.status} {path}")


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()
