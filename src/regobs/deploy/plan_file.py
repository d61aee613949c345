"""Plans, and their file for `regobs deploy apply --plan`, which may have been changed since it was written."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regobs import __version__
from regobs.common.files import write_file
from regobs.deploy.plan_reading import NoPlanError, read_plan_data
from regobs.deploy.state import Objects, decoded, encoded
from regobs.deploy.target import PlannedChange
from regobs.errors import InputError, MachineError

FORMAT = 3


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What a deployment will do to one target at one place.

    `before` is the digest of all that is there when it begins, `objects` what regobs will have there afterwards.
    `conflicts` name what somebody else wrote or changed, each with a reason; `deleted` what goes away, all of it ours.
    `seen` is the digest of what was there: not the same while an interrupted deployment has to be put back first.
    `due` says what is to be done though no object may differ: a deployment to be ended, a server to be told, or what
    somebody else did to be kept as a state; "" for nothing.
    """

    target: str
    place: str
    before: str
    objects: Objects
    changes: tuple[PlannedChange, ...]
    conflicts: tuple[PlannedChange, ...]
    deleted: tuple[str, ...]
    differs: bool
    seen: str = ""
    due: str = ""

    @property
    def is_work(self) -> bool:
        """Whether `apply` has anything to do."""
        return self.differs or bool(self.due)

    def as_data(self) -> dict[str, Any]:
        """For JSON, without the objects."""
        return {
            "target": self.target,
            "place": self.place,
            "differs": self.differs,
            "due": self.due,
            "changes": [one.as_data() for one in self.changes],
            "conflicts": [one.as_data() for one in self.conflicts],
            "deleted": list(self.deleted),
        }


def write_plan(path: Path, plans: list[TargetPlan]) -> None:
    """Write plans to a file that `apply` takes. Raises MachineError."""
    data = {
        "format": FORMAT,
        "version": __version__,
        "plans": [
            one.as_data() | {"before": one.before, "seen": one.seen, "objects": encoded(one.objects)} for one in plans
        ],
    }
    try:
        write_file(path, json.dumps(data, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise MachineError("the plan cannot be written", value=f"{path}: {error.strerror}") from error


def read_plan(path: Path, only: Collection[str] = ()) -> dict[str, TargetPlan]:
    """The plans of a file by their target, those of `only` if any are named. Raises InputError."""
    try:
        data = read_plan_data(path.read_bytes(), FORMAT, __version__)
    except OSError as error:
        raise _no_plan(path, str(error.strerror)) from None
    except NoPlanError as error:
        raise _no_plan(path, str(error)) from None
    listed = [_read_plan(one) for one in data["plans"]]
    plans = {one.target: one for one in listed}
    if len(plans) < len(listed):
        raise InputError(
            "this is no plan of regobs deploy: it has two plans for one target",
            value=str(path),
            next_step="make the plan again",
        )
    if not plans:
        raise InputError("the plan has no target", value=str(path), next_step="make the plan again")
    if lacking := [name for name in only if name not in plans]:
        raise InputError(
            "the plan has no such target",
            value=f"{path}: {', '.join(lacking)}",
            expected=f"one of {', '.join(plans)}",
            next_step="correct --target, or make a plan for it",
        )
    return {name: one for name, one in plans.items() if not only or name in only}


def _no_plan(path: Path, why: str) -> InputError:
    return InputError(
        "this is no plan of regobs deploy",
        value=f"{path}: {why}"[:300],
        expected="a file that `regobs deploy plan --out` of this version wrote, as it wrote it",
        next_step="make the plan again",
    )


def _read_plan(one: dict[str, Any]) -> TargetPlan:
    return TargetPlan(
        one["target"],
        one["place"],
        one["before"],
        decoded(one["objects"]),
        tuple(PlannedChange(**change) for change in one["changes"]),
        tuple(PlannedChange(**change) for change in one["conflicts"]),
        tuple(one["deleted"]),
        one["differs"],
        one["seen"],
        one["due"],
    )
