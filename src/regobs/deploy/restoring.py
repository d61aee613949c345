"""What an interrupted deployment leaves to be put back: only what it wrote itself, never what others did since."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.deploy.state import Objects, PendingDeploy
from regobs.deploy.target import DeployTarget, is_same, is_untouched


@dataclass(frozen=True, slots=True)
class Restoration:
    """`live` is what is there, `after` what is there once it is put back.

    `names` are put back; `edited` stay, since they are neither what was there before nor what the deployment wrote.
    """

    live: Objects
    after: Objects
    names: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


def restoration(target: DeployTarget, live: Objects, pending: PendingDeploy) -> Restoration:
    """What has to be put back of a deployment. Objects that it was not to write or delete stay as they are."""
    after, names, edited = dict(live), [], []
    for name in sorted(pending.names):
        now, before = live.get(name), pending.before.get(name)
        if now == before:
            continue
        if any(_is(target, one.get(name), now) for one in pending.written):
            names.append(name)
            after.pop(name, None)
            if before is not None:
                after[name] = before
        elif not _is(target, before, now):
            edited.append(name)
    return Restoration(live, after, tuple(names), tuple(edited))


def _is(target: DeployTarget, ours: bytes | None, live: bytes | None) -> bool:
    """Whether what is live is what we wrote or found; None is nothing."""
    if ours is None or live is None:
        return ours is live
    return is_same(target, ours, live) or is_untouched(target, ours, live)
