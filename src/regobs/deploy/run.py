"""Plans and how they are carried out: one at a time, all of a target or nothing of it, and the way back.

    note what is live -> write -> verify -> keep the new state
                           |        |
                           +--------+-- whatever goes wrong: write what was live, verify it

A process that is killed leaves the note: whoever comes next to this target first puts back what was live.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regobs import __version__
from regobs.common.files import write_file
from regobs.common.signals import signals_raise
from regobs.deploy.broken import broken_by
from regobs.deploy.other_settings import all_changes
from regobs.deploy.state import KeptState, Objects, PendingDeploy, StateFolder, decoded, digest, encoded
from regobs.deploy.target import DeployTarget, IsReadByServer, MarksItsWork, PlannedChange, ReadsItsWork
from regobs.deploy.told import TargetWords, tell, telling
from regobs.errors import InputError, MachineError, RegobsError

FORMAT = 2  # of a plan file
WAIT = 60.0  # seconds for our turn
FOREIGN = "is there already, and regobs deploy did not write it"
_GOES_ON = "`regobs deploy plan` shows what is there now, and `regobs deploy apply --overwrite` goes on from there"


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What a deployment will do to one target at one place.

    `before` is the digest of all that was there, `objects` what regobs will have there afterwards. `conflicts` name
    what somebody else wrote or changed, each with a reason; `deleted` what goes away, all of it ours. `due` says what
    is to be done though no object may differ: a deployment to be ended, or a server to be told; "" for nothing.
    """

    target: str
    place: str
    before: str
    objects: Objects
    changes: tuple[PlannedChange, ...]
    conflicts: tuple[PlannedChange, ...]
    deleted: tuple[str, ...]
    differs: bool
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


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """What runs on a target: its newest kept state, and what differs from it now.

    `interrupted` and `under_way` are when a deployment began that has not ended, "" for none: nobody is at work on the
    one, another command on the other. While one is under way, nothing is said of what others changed.
    """

    target: str
    state: KeptState
    kept: tuple[int, ...]
    edited: tuple[PlannedChange, ...]
    interrupted: str
    under_way: str = ""


class Rollout:
    """Deployments to one target. `environment` is a word that `status` shows, of whoever deployed.

    `place` says where the target is: directory, address, namespace. A plan holds there alone. `words` are what errors
    say of the target. `where` is the part of the place that no other address of the same server changes, such as the
    directory: what was deployed elsewhere is not ours here.
    """

    def __init__(
        self,
        target: DeployTarget,
        folder: StateFolder,
        *,
        environment: str = "",
        wait: float = WAIT,
        place: str = "",
        words: TargetWords | None = None,
        where: str = "",
    ) -> None:
        self.target, self._folder, self._environment, self._wait = target, folder, environment, wait
        self._place, self._where, self._words = place, where, words or TargetWords(target.name)
        self.notes: list[str] = []  # what no error tells: what went wrong after it was done, and an interruption

    @property
    def name(self) -> str:
        """That of the target."""
        return self.target.name

    def plan(self, files: Mapping[str, bytes]) -> TargetPlan:
        """What would change for the files of a build."""
        with telling(self._words):
            return self._planned_for(self.target.wanted(files))

    def plan_back(self, number: int | None) -> TargetPlan:
        """What would change for a kept state; None is the one before the newest. Raises InputError."""
        with telling(self._words):
            return self._planned_for(self._kept(number))

    def _kept(self, number: int | None) -> dict[str, bytes]:
        numbers = self._folder.numbers()
        chosen = number if number is not None else (numbers[-2] if len(numbers) > 1 else None)
        if chosen not in numbers:
            raise InputError(
                "there is no such state to go back to",
                value=number if number is not None else "the one before the newest",
                expected=f"one of {', '.join(map(str, numbers))}" if numbers else "a state; nothing was deployed yet",
                next_step="`regobs deploy status` shows the kept states",
            )
        state = next(one for one in self._folder.states() if one.number == chosen)
        return dict(state.objects)

    def _planned_for(self, wanted: dict[str, bytes]) -> TargetPlan:
        with self._turn(wanted, goes_on=True):
            live, owned, left = self.target.read(), self._last().objects, self._folder.unfinished()
        after = _after(live, owned, wanted)
        differs = self._differs(live, after)
        return TargetPlan(
            self.name,
            self._place,
            digest(live),
            wanted,
            tuple(replace(one, breaks=broken_by(one)) for one in all_changes(self.target, live, after)),
            tuple(self._conflicts(live, owned, wanted)),
            tuple(sorted(name for name in live if name not in after)),
            differs,
            self._due(left, None if differs else wanted),
        )

    def _due(self, left: PendingDeploy | None, there: Objects | None) -> str:
        """What is to be done for a deployment that was left unfinished, and for what is `there` as it should be."""
        if left is not None:
            return f"the deployment of {left.begun} was interrupted, and is to be ended"
        if there is None or not isinstance(self.target, IsReadByServer):
            return ""
        unread = self.target.unread(there)
        return f"the server is to be told to read what is there: {unread}" if unread else ""

    def still_holds(self, plan: TargetPlan) -> None:
        """Whether the target is as the plan saw it. Raises InputError."""
        with telling(self._words), self._turn(plan.objects):
            self._refuse_moved(plan, self.target.read())

    def apply(self, plan: TargetPlan, *, overwrite: bool = False) -> KeptState | None:
        """Carry out a plan; the new state, or None where there was nothing to do.

        Raises InputError when the target is no longer as the plan saw it, when somebody else's work would be lost, or
        when the target refuses the objects; ServerError and MachineError when it fails, with the old state back. What
        an interrupted deployment left is put right first; where that fails, only `overwrite` goes on without it.
        """
        with telling(self._words), self._turn(plan.objects, goes_on=overwrite):
            live, last, interrupted = self.target.read(), self._last(), self._folder.unfinished()
            self._refuse(plan, live, overwrite=overwrite)
            after = _after(live, last.objects, dict(plan.objects))
            idle = last.objects == plan.objects and interrupted is None and not plan.due
            if idle and not self._differs(live, after):
                return None
            self.target.check(plan.objects)
            elsewhere = interrupted is not None and self._is_elsewhere(interrupted.where)
            before = live if interrupted is None or elsewhere else interrupted.before
            self._folder.begin(before, self._where)
            try:
                self.target.write(live, after)
                self.target.verify(plan.objects)  # of what is of others nothing is said
                state = self._folder.commit(plan.objects, self._environment, self._where)
            except BaseException as error:
                if isinstance(error, RegobsError):
                    tell(error, self._words)
                if self._folder.unfinished() is not None:
                    self._put_back(before, error, {*last.objects, *plan.objects})
                raise
        self._announce(state)
        return state

    def _announce(self, state: KeptState) -> None:
        words = [f"regobs {state.version}", f"state {state.number} of {self.name}", self._environment]
        try:
            self.target.announce(", ".join(word for word in words if word))
        except RegobsError as error:
            self.notes.append(f"it is done, and nobody is told: {error.message}")

    def _refuse_moved(self, plan: TargetPlan, live: Objects) -> None:
        if plan.place != self._place:
            raise InputError(
                "the plan was made for another place",
                value=plan.place,
                expected=self._place,
                next_step="make a plan with the regobs.toml that it is applied with",
            )
        if digest(live) != plan.before:
            raise InputError(
                "the target has changed since the plan was made",
                value=f"{digest(live)[:12]} instead of {plan.before[:12]}",
                next_step="make the plan again, and look at it",
            )

    def _refuse(self, plan: TargetPlan, live: Objects, *, overwrite: bool) -> None:
        self._refuse_moved(plan, live)
        if plan.conflicts and not overwrite:
            first = plan.conflicts[0]
            raise InputError(
                "somebody else's work would be lost",
                value="; ".join(f"{one.thing}: {one.what}" for one in plan.conflicts[:5]),
                expected="only what regobs deploy wrote",
                next_step=self._words.way_on(first.thing, there_already=first.what == FOREIGN),
            )

    def _put_back(self, live: Objects, error: BaseException, judged: Collection[str]) -> None:
        """Restore what was live. Where that fails too, the note stays, for the next deployment to do it."""
        try:
            self._restore(live, judged)
        except RegobsError as worse:
            if isinstance(error, RegobsError):
                error.next_step = (
                    f"{error.next_step or 'correct it'}; what was there before could not be put back completely either "
                    f"({_brief(worse)}): the next deployment to {self.name} tries it again first, and {_GOES_ON}"
                )
            else:
                self.notes.append(f"interrupted, and the next command puts back what was there ({_brief(worse)})")
            return
        if isinstance(error, RegobsError):
            error.next_step = f"{error.next_step or 'correct it'}; what was there before is back"
        else:
            self.notes.append("interrupted; what was there before is back")

    def _restore(self, before: Objects, judged: Collection[str]) -> None:
        """Write what was there, and end the deployment. What is back whole and is not well is only told.

        `judged` are the names of what may be ours: of what is of others nothing is said.
        """
        self.target.write(self.target.read(), before)
        try:
            self.target.verify({name: content for name, content in before.items() if name in judged})
        except RegobsError as error:
            if self._differs(self.target.read(), before):
                raise
            self.notes.append(f"what was there before is back, and is not well: {_brief(error)}")
        self._folder.end()

    @contextmanager
    def _turn(self, wanted: Objects | None = None, *, goes_on: bool = False) -> Iterator[None]:
        """Our turn, with what a killed deployment left put right; with `goes_on` also where that fails, with a note.

        `wanted` is what is to be there afterwards.
        """
        with signals_raise(), self._folder.locked(self._wait):
            pending = self._folder.unfinished()
            self._say_what_is_ours(pending, wanted or {})
            if pending is not None:
                try:
                    self._refuse_elsewhere(pending.where, "a deployment to another place was interrupted")
                    self._restore(pending.before, {*self._last().objects, *(wanted or ())})
                except RegobsError as error:
                    if not goes_on:
                        error.next_step = f"{error.next_step or 'correct it'}; {_GOES_ON}"
                        raise
                    began = f"the deployment of {pending.begun} was interrupted"
                    self.notes.append(f"{began}, and what was there before cannot be put back ({_brief(error)}): "
                                      f"correct that; {_GOES_ON}")  # fmt: skip
            elif self._folder.pending() is not None:
                self._folder.end()
            yield

    def _last(self) -> KeptState:
        """The newest state, without objects where they were deployed elsewhere: those are not here."""
        last = self._folder.last()
        if not self._is_elsewhere(last.where):
            return last
        note = f"what was deployed at {last.where} stays there: remove it by hand, or correct regobs.toml"
        if note not in self.notes:
            self.notes.append(note)
        return replace(last, objects={})

    def _is_elsewhere(self, where: str) -> bool:
        return bool(where and self._where and where != self._where)

    def _refuse_elsewhere(self, where: str, what: str) -> None:
        if self._is_elsewhere(where):
            raise InputError(
                what,
                value=where,
                expected=self._where,
                next_step="correct this target in regobs.toml, or deploy to the new place",
            )

    def _say_what_is_ours(self, pending: PendingDeploy | None, wanted: Objects) -> None:
        if isinstance(self.target, ReadsItsWork):
            self.target.owns({*self._last().objects, *(pending.before if pending is not None else ()), *wanted})

    def verify(self) -> None:
        """Whether what was deployed is in use and works. Raises ServerError."""
        with telling(self._words), self._turn():
            last = self._folder.last()
            self._refuse_elsewhere(last.where, "what was deployed is at another place")
            self.target.verify(last.objects)

    def status(self) -> TargetStatus:
        """What runs there. Changes nothing, and waits for nobody."""
        with telling(self._words):
            return self._status()

    def _status(self) -> TargetStatus:
        pending, last = self._folder.unfinished(), self._folder.last()
        self._say_what_is_ours(pending, {})
        live = self.target.read()
        edited = tuple(self._conflicts(live, self._last().objects, {}))
        numbers = tuple(self._folder.numbers())
        if pending is None:
            return TargetStatus(self.name, last, numbers, edited, "")
        if self._folder.is_held():
            return TargetStatus(self.name, last, numbers, (), "", under_way=pending.begun)
        if self._folder.unfinished() is None:  # it ended while we looked
            return self._status()
        return TargetStatus(self.name, last, numbers, edited, pending.begun)

    def _differs(self, live: Objects, after: Objects) -> bool:
        """Whether anything has to be written or deleted."""
        return live.keys() != after.keys() or not all(self.target.same(after[name], live[name]) for name in live)

    def _conflicts(self, live: Objects, owned: Objects, wanted: Objects) -> Iterator[PlannedChange]:
        same = self.target.same
        untouched = self.target.untouched if isinstance(self.target, MarksItsWork) else same
        for name, content in sorted(live.items()):
            called = self._words.called(name)
            as_wanted = name in wanted and same(wanted[name], content)
            if name in owned and not untouched(owned[name], content) and not as_wanted:
                yield PlannedChange(called, "changed since it was deployed")
            if name not in owned and name in wanted and not as_wanted:
                yield PlannedChange(called, FOREIGN)
        for name in sorted(owned):
            if name not in live:
                yield PlannedChange(self._words.called(name), "removed since it was deployed")


def _brief(error: RegobsError) -> str:
    return f"{error.message}: {error.value}" if error.value is not None else error.message


def _after(live: Objects, owned: Objects, wanted: dict[str, bytes]) -> dict[str, bytes]:
    """What is there afterwards: what is wanted, and what was never ours."""
    return {name: content for name, content in live.items() if name not in owned} | wanted


def write_plan(path: Path, plans: list[TargetPlan]) -> None:
    """Write plans to a file that `apply` takes. Raises MachineError."""
    data = {
        "format": FORMAT,
        "version": __version__,
        "plans": [one.as_data() | {"before": one.before, "objects": encoded(one.objects)} for one in plans],
    }
    try:
        write_file(path, json.dumps(data, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise MachineError("the plan cannot be written", value=f"{path}: {error.strerror}") from error


def read_plan(path: Path) -> list[TargetPlan]:
    """The plans of a file. Raises InputError."""
    try:
        data = json.loads(path.read_bytes())
        plans = [_read_plan(one) for one in data["plans"] if data["format"] == FORMAT]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "this is no plan of regobs deploy",
            value=f"{path}: {getattr(error, 'strerror', None) or error}"[:300],
            expected="a file that `regobs deploy plan --out` of this version wrote",
            next_step="make the plan again",
        ) from None
    if not plans:
        raise InputError(
            "the plan has no target, or another version of regobs made it",
            value=f"{path}: version {data.get('version', 'unknown')}",
            next_step="make the plan again",
        )
    return plans


def _read_plan(one: dict[str, Any]) -> TargetPlan:
    return TargetPlan(
        str(one["target"]),
        str(one["place"]),
        str(one["before"]),
        decoded(one["objects"]),
        tuple(PlannedChange(**change) for change in one["changes"]),
        tuple(PlannedChange(**change) for change in one["conflicts"]),
        tuple(map(str, one["deleted"])),
        bool(one["differs"]),
        str(one.get("due", "")),
    )
