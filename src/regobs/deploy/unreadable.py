"""What is live and nobody can compare, as after an edit by hand: work of somebody else, and no fault of the pack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from regobs.common.reasons import shape_of
from regobs.deploy.other_settings import all_changes
from regobs.deploy.state import Objects
from regobs.deploy.target import NOT_WHOLE, DeployTarget, PlannedChange
from regobs.deploy.told import TargetWords
from regobs.errors import RegobsError

_SAID = 200  # characters of a reason


@runtime_checkable
class TellsUnread(Protocol):
    """A target whose `read` takes what it cannot read, and shows why instead of its content, which has secrets."""

    def unread_reason(self, live: bytes) -> str:
        """Why an object that was read so cannot be read, "" where it can be."""


def readable_changes(
    target: DeployTarget, words: TargetWords, live: Objects, after: Objects, wanted: Objects
) -> list[PlannedChange]:
    """`all_changes`, where what is live may be anything: what cannot be read of it is compared with nothing.

    Raises what the target raises of the objects that are wanted.
    """
    try:
        return all_changes(target, live, after)
    except (*NOT_WHOLE, RegobsError):
        unread = {name for name, content in live.items() if unread_reason(target, name, content, wanted)}
        if not unread:
            raise
    read = {name: content for name, content in live.items() if name not in unread}
    there = {name: content for name, content in after.items() if name in wanted or name not in unread}
    replaced = [
        PlannedChange(words.called(name), f"what cannot be read {'replaced' if name in after else 'removed'}")
        for name in sorted(unread)
        if name in wanted or name not in after
    ]
    return [*replaced, *all_changes(target, read, there)]


def unread_reasons(target: DeployTarget, objects: Objects) -> dict[str, str]:
    """What of this cannot be read, with the reason of each."""
    return {name: why for name, content in objects.items() if (why := unread_reason(target, name, content, {}))}


def unread_reason(target: DeployTarget, name: str, content: bytes, wanted: Mapping[str, bytes]) -> str:
    """Why what is live cannot be compared, with the place in it; "" where it can be."""
    if isinstance(target, TellsUnread):
        return target.unread_reason(content)
    live = {name: content}
    try:
        target.changes(live, live)
    except (*NOT_WHOLE, RegobsError) as error:
        return _reason(error)
    if name not in wanted:
        return ""
    ours = {name: wanted[name]}
    try:
        target.changes({}, ours)
        target.changes(ours, ours)
    except (*NOT_WHOLE, RegobsError):
        return ""  # it is ours that is not whole
    try:
        target.changes(live, ours)
    except (*NOT_WHOLE, RegobsError) as error:
        return _reason(error)
    return ""


def _reason(error: Exception) -> str:
    if not isinstance(error, RegobsError):
        return shape_of(error)
    value = f" ({error.value})" if error.value is not None else ""
    return " ".join(f"{f'{error.location}: ' if error.location else ''}{error.message}{value}".split())[:_SAID]
