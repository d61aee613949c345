"""What is there after a deployment, whether that differs, and whose work would be lost by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from regobs.deploy.state import Objects
from regobs.deploy.target import DeployTarget, MarksItsWork, PlannedChange, is_same, is_untouched
from regobs.deploy.told import TargetWords
from regobs.deploy.unreadable import unread_reason

FOREIGN = "is there already, and regobs deploy did not write it"
GONE = "removed since it was deployed"


def after_of(live: Objects, owned: Objects, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is there afterwards: what is wanted, and what was never ours."""
    return {name: content for name, content in live.items() if name not in owned} | dict(wanted)


def differs_from(target: DeployTarget, live: Objects, after: Objects) -> bool:
    """Whether anything has to be written or deleted."""
    return live.keys() != after.keys() or not all(is_same(target, after[name], live[name]) for name in live)


def conflicts_of(
    target: DeployTarget, words: TargetWords, live: Objects, owned: Objects, planned: Objects | None
) -> Iterator[PlannedChange]:
    """What somebody else wrote, changed or removed of the names that are ours or planned, otherwise than it is planned.

    Without a plan that is all that is not as it was deployed.
    """
    untouched = is_untouched if isinstance(target, MarksItsWork) else is_same
    wanted = planned or {}
    for name, content in sorted(live.items()):
        called = words.called(name)
        as_wanted = name in wanted and is_same(target, wanted[name], content)
        if name in owned and not untouched(target, owned[name], content) and not as_wanted:
            yield PlannedChange(called, f"changed since it was deployed{_unread(target, name, content, wanted)}")
        if name not in owned and name in wanted and not as_wanted:
            yield PlannedChange(called, FOREIGN + _unread(target, name, content, wanted))
    for name in sorted(owned):
        if name not in live and (planned is None or name in planned):
            yield PlannedChange(words.called(name), GONE)


def in_short(changes: Sequence[PlannedChange], most: int, between: str = " ") -> str:
    """The first of these, and how many more there are."""
    shown = "; ".join(f"{one.thing}{between}{one.what}" for one in changes[:most])
    return f"{shown}; and {len(changes) - most:,} more" if len(changes) > most else shown


def _unread(target: DeployTarget, name: str, content: bytes, wanted: Objects) -> str:
    """That what is there cannot be read, with its place there; "" where it can be."""
    reason = unread_reason(target, name, content, wanted)
    return f"; what is there cannot be read: {reason}" if reason else ""
