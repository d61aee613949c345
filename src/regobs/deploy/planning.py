"""Plans: what a deployment would change on a target, found out there, and whether one of a file still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from regobs.common.signals import signals_raise
from regobs.deploy.broken import broken_by
from regobs.deploy.conflicts import FOREIGN, after_of, conflicts_of, differs_from
from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.restoring import Restoration, restoration
from regobs.deploy.state import KeptState, Objects, PendingDeploy, StateFolder, digest
from regobs.deploy.target import (
    DeployTarget,
    IsReadByServer,
    LeavesOut,
    PlannedChange,
    ReadsItsWork,
    TellsHindrances,
    TellsRefusal,
    only_whole_objects,
    refuse_strange,
)
from regobs.deploy.told import TargetWords, telling
from regobs.deploy.unreadable import readable_changes
from regobs.errors import InputError, RegobsError

WAIT = 60.0  # seconds for our turn
GOES_ON = "`regobs deploy status` shows what is there now, and `regobs deploy apply --overwrite` goes on from there"
PUTS_BACK = "the next `regobs deploy apply` or `rollback` first puts back what was there"
_FIRST = "put back first"


class Planning:
    """Plans for one target. `environment` is a word that `status` shows, of whoever deployed.

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
            planned = self._planned_for(self.target.wanted(files))
            self._note_refused(planned)
            return planned

    def plan_back(self, number: int | None) -> TargetPlan:
        """What would change for a kept state; None is the one before the newest. Raises InputError."""
        with telling(self._words):
            planned = self._planned_for(self._kept(number))
            if isinstance(self.target, LeavesOut):
                self.notes.append(self.target.left_out)
            if not self._is_only_put_back(planned):
                return planned
            first = tuple(one for one in planned.changes if one.what == _FIRST)
            return replace(planned, changes=first, deleted=(), differs=False)

    def _note_refused(self, plan: TargetPlan) -> None:
        """What `apply` will refuse, as far as it is known without changing anything."""
        if plan.is_work and isinstance(self.target, TellsRefusal):
            try:
                self.target.refuse(plan.objects)
            except RegobsError as error:
                value = f": {error.value}" if error.value is not None else ""
                self.notes.append(f"apply will refuse this: {error.message}{value}; {error.next_step or 'correct it'}")

    def _is_only_put_back(self, plan: TargetPlan) -> bool:
        """Whether going back to the newest state only ends what was interrupted: work of others was there before it."""
        ended = self._folder.unfinished() is not None and plan.objects == self._last().objects
        return ended and bool(plan.conflicts)

    def _kept(self, number: int | None) -> dict[str, bytes]:
        numbers = self._folder.numbers()
        chosen = number if number is not None else (numbers[-2] if len(numbers) > 1 else None)
        if chosen not in numbers:
            raise InputError(
                "there is no such state to go back to",
                value=number if number is not None else "the one before the newest",
                expected=f"one of {', '.join(map(str, numbers))}" if numbers else "a state; nothing was deployed yet",
                next_step="name one of these with --to; `regobs deploy status --format json` lists them as `kept`"
                if numbers
                else "deploy something first",
            )
        state = next(one for one in self._folder.states() if one.number == chosen)
        refuse_strange(self.target, state.objects)
        return dict(state.objects)

    def _planned_for(self, wanted: dict[str, bytes]) -> TargetPlan:
        with self._turn(wanted) as pending:
            found, owned = self._to_restore(pending), self._last().objects
        live, first = found.after, self._put_back_first(pending, found)
        after = after_of(live, owned, wanted)
        changes = (
            replace(one, breaks=broken_by(one))
            for one in readable_changes(self.target, self._words, live, after, wanted)
        )
        differs = differs_from(self.target, live, after)
        planned = TargetPlan(
            self.name,
            self._place,
            digest(live),
            wanted,
            (*first, *changes),
            tuple(conflicts_of(self.target, self._words, live, owned, wanted)),
            tuple(sorted(name for name in live if name not in after)),
            differs,
            digest(found.live),
            self._due(pending, None if differs else live, owned, wanted),
        )
        if planned.is_work and isinstance(self.target, TellsHindrances):
            others = {name: content for name, content in after.items() if name not in wanted}
            self.notes += self.target.hindrances(others)
        return planned

    def _due(self, left: PendingDeploy | None, there: Objects | None, owned: Objects, wanted: Objects) -> str:
        """What is to be done for a deployment that was left unfinished, and for what is `there` as it should be."""
        if left is not None:
            return f"the deployment of {left.begun} was interrupted, and is to be ended"
        if there is None:
            return ""
        if isinstance(self.target, IsReadByServer) and (unread := self.target.unread(wanted)):
            return f"the server is to be told to read what is there: {unread}"
        edit = next(self._done_by_others(there, owned, wanted), None) if owned != wanted else None
        return f"what is there is to be kept as a new state: {edit.thing} {edit.what}" if edit is not None else ""

    def _done_by_others(self, there: Objects, owned: Objects, wanted: Objects) -> Iterator[PlannedChange]:
        """What somebody else changed, removed or added, where all is there as it is to be."""
        yield from conflicts_of(self.target, self._words, there, owned, None)
        yield from (PlannedChange(self._words.called(name), FOREIGN) for name in sorted(wanted.keys() - owned.keys()))

    def as_it_is(self, plan: TargetPlan) -> TargetPlan:
        """A plan of a file, as it is made now for its objects: what the file says of them is not believed.

        Raises InputError when the target is no longer as the plan saw it, and when the file says anything else.
        """
        with telling(self._words):
            self._refuse_place(plan)
            refuse_strange(self.target, plan.objects)
            with only_whole_objects():
                now = self._planned_for(dict(plan.objects))
            if (now.before, now.seen) != (plan.before, plan.seen):
                raise _moved_on(now.seen, plan.seen)
            if said := [key for key, value in plan.as_data().items() if now.as_data()[key] != value]:
                raise InputError(
                    "the plan file does not say what would be done, so nothing is changed",
                    value=", ".join(said),
                    expected="what `regobs deploy plan` says of its objects now",
                    next_step="make the plan again, and look at it",
                )
            return now

    def _to_restore(self, pending: PendingDeploy | None) -> Restoration:
        """What is there, and what of an interrupted deployment has to be put back here."""
        live = self.target.read()
        if pending is None or self._is_elsewhere(pending.where):
            return Restoration(live, live)
        return restoration(self.target, live, pending)

    def _put_back_first(self, pending: PendingDeploy | None, found: Restoration) -> list[PlannedChange]:
        """A change for each object that is put back before anything else is done."""
        if pending is None:
            return []
        if self._is_elsewhere(pending.where):
            self.notes.append(f"a deployment to another place was interrupted: {pending.where}; {GOES_ON}")
            return []
        self.notes.append(f"the deployment of {pending.begun} was interrupted: {PUTS_BACK}{self._stays(found)}")
        things = [self._words.called(name) for name in found.names] or ["nothing of an interrupted deployment"]
        return [PlannedChange(thing, _FIRST) for thing in things]

    def _stays(self, found: Restoration) -> str:
        """What of the objects of an interrupted deployment is not put back, "" for nothing."""
        names = [self._words.called(name) for name in found.edited]
        return f"; somebody changed since, and it stays as it is: {', '.join(names)}" if names else ""

    def _refuse_moved(self, plan: TargetPlan, live: Objects, expected: str) -> None:
        self._refuse_place(plan)
        refuse_strange(self.target, plan.objects)
        if digest(live) != expected:
            raise _moved_on(digest(live), expected)

    def _refuse_place(self, plan: TargetPlan) -> None:
        if plan.place != self._place:
            raise InputError(
                "the plan was made for another place",
                value=plan.place,
                expected=self._place,
                next_step="make a plan with the regobs.toml that it is applied with",
            )

    @contextmanager
    def _turn(self, wanted: Objects | None = None) -> Iterator[PendingDeploy | None]:
        """Our turn, with the deployment that was interrupted. `wanted` is what is to be there afterwards."""
        with signals_raise(), self._folder.locked(self._wait):
            pending = self._folder.unfinished()
            self._say_what_is_ours(pending, wanted or {})
            yield pending

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

    def _say_what_is_ours(self, pending: PendingDeploy | None, wanted: Objects) -> None:
        if isinstance(self.target, ReadsItsWork):
            self.target.owns({*self._last().objects, *(pending.names if pending is not None else ()), *wanted})


def _moved_on(now: str, then: str) -> InputError:
    return InputError(
        "the target has changed since the plan was made",
        value=f"{now[:12]} instead of {then[:12]}",
        next_step="make the plan again, and look at it",
    )
