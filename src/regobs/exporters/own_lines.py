"""Access lines of one request: CNCF Distribution writes its own line, and then one in the form of Apache's.

The second alone tells of what no handler of the registry answered, such as an unknown path. Of an answer with several
errors there is an own line for each, one after the other, with the same request id. Source: registry/handlers/app.go
of 2.8.2 and 3.1, function logError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from regobs.logs.fields import DISTRIBUTION_FIELDS

_MOST = 1000  # own lines of a file that wait for the other one, which the next lines bring; there may be none at all
_FAILED = 1000  # requests of a file of which a further error may come: lines of others stand between only by chance
_ID, _CODE = DISTRIBUTION_FIELDS["http.request.id"].name, DISTRIBUTION_FIELDS["err.code"].name


class OwnLines:
    """The own access lines of one file whose other line did not come yet, and the last requests that failed.

    `waiting` and `failed` are the `data` and the `failed` of another one.
    """

    def __init__(self, waiting: Iterable[tuple[str, int]] = (), failed: Iterable[str] = ()) -> None:
        self._waiting = dict(waiting)
        self._failed = dict.fromkeys(failed)

    def add(self, record: Any) -> None:
        """Note an own line."""
        key = _key(record)
        self._waiting[key] = self._waiting.pop(key, 0) + 1
        if len(self._waiting) > _MOST:
            del self._waiting[next(iter(self._waiting))]

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

    def failed(self) -> list[str]:
        """The last requests that failed, for a checkpoint; nothing of a line can be read in it."""
        return list(self._failed)


def _key(record: Any) -> str:
    path = (record.uri or "").partition("?")[0]
    return _hashed(f"{record.method} {record.status} {path}")


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()
