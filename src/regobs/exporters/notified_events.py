"""What is counted of the events in a registry's notifications, as GitLab's registry and CNCF Distribution send them."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time
from typing import Any

import msgspec

from regobs.catalog import events as metrics

UNREADABLE = (ValueError, OverflowError, RecursionError)  # of what is no envelope; msgspec's errors are ValueErrors
_EARLIEST = 1_356_998_400  # 2013, the year of the first registry of this kind
_DAY = 86_400
_ACTIONS, _ARTIFACTS = (frozenset(label.values or ()) for label in metrics.RECEIVED.forms[0].labels[:2])
_REDIRECTED = frozenset(metrics.PULLED_BYTES.forms[0].labels[0].values or ())
_LARGEST_SIZE = 1 << 53  # bytes that Prometheus counts exactly; a number without end would break every scrape

# Of an event that is no right one its id alone, empty where it has none; else:
Record = list[Any]  # id, action, artifact, namespace, bytes, redirected, actor, lag in seconds


class _Target(msgspec.Struct):
    mediaType: str = ""  # noqa: N815 - its name in the envelope
    size: int = 0
    length: int = 0
    digest: str = ""
    repository: str = ""
    tag: str = ""


class _Actor(msgspec.Struct):
    name: str = ""
    user_type: str = ""


class _Blob(msgspec.Struct):
    redirected: bool | None = None


class _Meta(msgspec.Struct):
    blob: _Blob | None = None


class _Request(msgspec.Struct):
    method: str = ""


class _Event(msgspec.Struct):
    id: str
    timestamp: str
    action: str
    target: _Target | None = None
    actor: _Actor | None = None
    meta: _Meta | None = None
    request: _Request | None = None


class _Envelope(msgspec.Struct):
    events: list[msgspec.Raw]


def records_of(body: bytes) -> list[Record]:
    """What is counted of each event of an envelope. Raises an error of `UNREADABLE` for what is no envelope."""
    return [_record_or_not(event) for event in msgspec.json.decode(body, type=_Envelope).events]


def _record_or_not(raw: msgspec.Raw) -> Record:
    """What is counted of an event: of one that is none a record of its own, so that its envelope is kept."""
    try:
        return _record(msgspec.json.decode(raw, type=_Event))
    except UNREADABLE:
        return [""]


def _record(event: _Event) -> Record:
    """What is counted of an event. Raises ValueError for one that cannot be counted."""
    if not event.id or len(event.id) > 200:
        raise ValueError("no id")
    target = event.target
    made = datetime.fromisoformat(event.timestamp)
    if target is None or not target.repository:  # it is about nothing
        return [event.id]
    action = event.action if event.action in _ACTIONS else "other"
    if action == "rename":
        artifact = "repository"
    elif target.tag and not target.digest:
        artifact = "tag"
    elif "manifest" in target.mediaType or "image.index" in target.mediaType:
        artifact = "manifest"
    elif target.digest:
        artifact = "blob" if target.mediaType else "unknown"  # CNCF Distribution tells no type of what was deleted
    else:
        artifact = "repository"
    blob = event.meta.blob if event.meta else None
    redirected = "unknown" if blob is None or blob.redirected is None else str(blob.redirected).lower()
    namespace = target.repository.partition("/")[0]
    actor = (event.actor.user_type or ("named" if event.actor.name else "")) if event.actor else ""
    lag = _lag((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp())
    asked_only = event.request is not None and event.request.method.upper() == "HEAD"  # the answer has no body
    size = 0 if asked_only else min(max(0, target.size or target.length), _LARGEST_SIZE)
    return [event.id, action, artifact, namespace, size, redirected, actor or "anonymous", lag]


def fault_of(record: Any) -> str:
    """What is wrong with a record that was read from a disk; nothing where it is right."""
    if not isinstance(record, list) or len(record) not in {1, 8} or not isinstance(record[0], str):
        return "it is no list of an id, or of an id and seven more"
    if len(record) == 1:
        return ""
    _, action, artifact, namespace, size, redirected, actor, lag = record
    right = {
        "action": isinstance(action, str) and action in _ACTIONS,
        "artifact": isinstance(artifact, str) and artifact in _ARTIFACTS,
        "namespace": isinstance(namespace, str),
        "bytes": type(size) is int and 0 <= size <= _LARGEST_SIZE,
        "redirected": isinstance(redirected, str) and redirected in _REDIRECTED,
        "actor": isinstance(actor, str),
        "lag": lag is None or (type(lag) in {int, float} and lag >= 0),
    }
    return next((f"its {name} is none" for name, is_right in right.items() if not is_right), "")


def _lag(made: float) -> float | None:
    """Seconds since an event; None where its time is one of a clock that was never set, or more than a day ahead."""
    now = time()
    return round(max(0.0, now - made), 3) if _EARLIEST <= made <= now + _DAY else None
