"""How plans are carried out: one at a time, all of a target or nothing of it, and the way back.

    note what is live -> write -> verify -> keep the new state
                           |        |
                           +--------+-- whatever goes wrong: write what was live, verify it

A process that is killed leaves the note: who changes this target next first puts back what was live. Put back is only
what the deployment wrote itself (restoring.py): what others wrote meanwhile stays. Plans change nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from regobs.common.signals import signals_raise
from regobs.deploy.conflicts import FOREIGN, GONE, after_of, conflicts_of, differs_from, in_short
from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.planning import GOES_ON, PUTS_BACK, Planning
from regobs.deploy.restoring import Restoration, restoration
from regobs.deploy.state import KeptState, Objects, PendingDeploy, digest
from regobs.deploy.target import (
    FinishesWrites,
    KeepsItsBytes,
    PlannedChange,
    SeesEdits,
    refuse_strange,
)
from regobs.deploy.told import outside_fault, tell, telling
from regobs.deploy.unreadable import unread_reasons
from regobs.errors import InputError, RegobsError, ServerError

_FEW = 5  # conflicts that an error names


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


class Rollout(Planning):
    """Deployments to one target."""

    def apply(self, plan: TargetPlan, *, overwrite: bool = False) -> KeptState | None:
        """Carry out a plan; the new state, or None where there was nothing to do.

        Raises InputError when the target is no longer as the plan saw it, when somebody else's work would be lost, or
        when the target refuses the objects; ServerError and MachineError when it fails, with the old state back. What
        an interrupted deployment left is put right first; where that fails, only `overwrite` goes on without it.
        """
        with signals_raise():  # also while it is told: what is done by then is said
            state = self._applied(plan, overwrite=overwrite)
            if state is not None:
                self._announce(state)
        return state

    def _applied(self, plan: TargetPlan, *, overwrite: bool) -> KeptState | None:
        with telling(self._words), self._turn(plan.objects) as pending:
            interrupted = self._settle(pending, goes_on=overwrite)
            live, last = self.target.read(), self._last()
            self._refuse(plan, live, interrupted, overwrite=overwrite)
            after = after_of(live, last.objects, dict(plan.objects))
            idle = last.objects == plan.objects and interrupted is None and (pending is not None or not plan.due)
            if idle and not differs_from(self.target, live, after):
                return None
            self.target.check(plan.objects)
            self._refuse_moved(plan, self.target.read(), digest(live))  # somebody may have changed it meanwhile
            return self._carry_out(plan, live, after, self._begin(live, last, plan, interrupted))

    def go_back(self, plan: TargetPlan) -> KeptState | None:
        """Carry out what `plan_back` planned, as `apply` does; None where nothing was to do but to put back."""
        if not self._is_only_put_back(plan):
            return self.apply(plan)
        with telling(self._words), self._turn(plan.objects) as pending:
            self._refuse_moved(plan, self.target.read(), plan.seen)
            self._settle(pending, goes_on=False)
            theirs = in_short(plan.conflicts, _FEW)
            self.notes.append(f"state {self._last().number} is the newest, and not all of what is there: {theirs}")
        return None

    def _begin(
        self, live: Objects, last: KeptState, plan: TargetPlan, interrupted: PendingDeploy | None
    ) -> PendingDeploy:
        """Note what is there of all that will be written or deleted; of what was interrupted, what was before it."""
        ours = last.objects.keys() | plan.objects.keys()
        before = {name: content for name, content in live.items() if name in ours}
        written: tuple[Objects, ...] = (plan.objects,)
        if interrupted is not None and not self._is_elsewhere(interrupted.where):
            before = {name: before[name] for name in before.keys() - interrupted.names} | dict(interrupted.before)
            written = (*interrupted.written, plan.objects)
        return self._folder.begin(before, written, self._where)

    def _carry_out(self, plan: TargetPlan, live: Objects, after: Objects, pending: PendingDeploy) -> KeptState:
        """Write, verify and keep; whatever goes wrong, what was there comes back."""
        try:
            self.target.write(live, after)
            if not isinstance(self.target, KeepsItsBytes):
                found = {name: content for name, content in self.target.read().items() if name in pending.names}
                if isinstance(self.target, SeesEdits):  # what is there is not how the target gives back our work then
                    edited = self.target.edited_since(found)
                    found |= {name: plan.objects[name] for name in edited if name in plan.objects}
                if found != plan.objects:
                    pending = self._folder.wrote(pending, found)
            self.target.verify(plan.objects)  # of what is of others nothing is said
            return self._folder.commit(plan.objects, self._environment, self._where)
        except BaseException as raised:
            error = outside_fault(raised, self._words) if isinstance(raised, OSError) else raised
            if isinstance(error, RegobsError):
                tell(error, self._words)
            if self._folder.unfinished() is not None:
                self._put_back(pending, error)
            else:
                self._say_done(pending.number, error)
            if error is raised:
                raise
            raise error from raised

    def _say_done(self, number: int, error: BaseException) -> None:
        """What came after the new state was kept changes nothing of it."""
        if isinstance(error, RegobsError):
            error.next_step = f"{error.next_step or 'correct it'}; state {number} is in use"
            return
        self.notes.append(f"interrupted, and done: state {number} is in use")
        with suppress(RegobsError):  # the next command does it
            self._folder.end()

    def _announce(self, state: KeptState) -> None:
        words = [f"regobs {state.version}", f"state {state.number} of {self.name}", self._environment]
        try:
            self.target.announce(", ".join(word for word in words if word))
        except RegobsError as error:
            self.notes.append(f"it is done, and nobody is told: {error.message}")
        except BaseException as error:
            self._say_done(state.number, error)
            raise

    def _refuse(self, plan: TargetPlan, live: Objects, interrupted: PendingDeploy | None, *, overwrite: bool) -> None:
        self._refuse_moved(plan, live, plan.before if interrupted is None else plan.seen)
        conflicts = list(
            conflicts_of(self.target, self._words, live, self._last().objects, plan.objects)
        )  # a plan file may say otherwise
        if conflicts and not overwrite:
            first = conflicts[0]
            raise InputError(
                "somebody else's work would be lost",
                value=in_short(conflicts, _FEW, ": "),
                expected="only what regobs deploy wrote",
                next_step=self._words.way_on(
                    first.thing, there_already=first.what.startswith(FOREIGN), gone=first.what == GONE
                ),
            )

    def _put_back(self, pending: PendingDeploy, error: BaseException) -> None:
        """Restore what was live. Where that fails too, the note stays, for the next deployment to do it."""
        try:
            found = self._restore(pending)
        except (RegobsError, OSError) as raised:
            worse = outside_fault(raised, self._words) if isinstance(raised, OSError) else raised
            if isinstance(error, RegobsError):
                error.next_step = (
                    f"{error.next_step or 'correct it'}; what was there before could not be put back completely either "
                    f"({_brief(worse)}): the next deployment to {self.name} tries it again first, and {GOES_ON}"
                )
            else:
                self.notes.append(f"interrupted, and {PUTS_BACK} ({_brief(worse)})")
            return
        except BaseException:  # a signal, as a second one or one while a failed deployment is put back
            failed = f"{_brief(error)}; " if isinstance(error, RegobsError) else ""
            done = self._folder.pending() is None
            state = "what was there before is back" if done else f"it is unfinished: {PUTS_BACK}"
            self.notes.append(f"{failed}interrupted while what was there before was put back, and {state}")
            raise
        back = f"what was there before is back{self._stays(found)}"
        if isinstance(error, RegobsError):
            error.next_step = f"{error.next_step or 'correct it'}; {back}"
        else:
            self.notes.append(f"interrupted; {back}")

    def _restore(self, pending: PendingDeploy) -> Restoration:
        """Write what was there, and end the deployment. What is back whole and is not well is only told.

        So is a server that refuses to read it where something of it cannot be read: no repetition would help.
        """
        refuse_strange(self.target, pending.before)
        found = restoration(self.target, self.target.read(), pending)
        unread, written = unread_reasons(self.target, found.after), False
        left = {*found.edited, *unread}
        try:
            self.target.write(found.live, found.after)
            written = True
            self.target.verify({name: one for name, one in pending.before.items() if name not in left})
        except RegobsError as error:
            now = restoration(self.target, self.target.read(), pending)
            if now.names or now.edited != found.edited or not (written or unread):
                raise
            reasons = "".join(f"; {self._words.called(name)} cannot be read: {why}" for name, why in unread.items())
            goes_on = "; the server goes on with what it read last" if unread else ""
            self.notes.append(f"what was there before is back, and is not well: {_brief(error)}{reasons}{goes_on}")
        self._folder.end()
        return found

    def _settle(self, pending: PendingDeploy | None, *, goes_on: bool) -> PendingDeploy | None:
        """Put back what an interrupted deployment left, with a note; what is left to be put back, None for nothing.

        Where it fails, that is an error; with `goes_on` only another note.
        """
        if isinstance(self.target, FinishesWrites):
            self.target.finish()
        if pending is None:
            if self._folder.pending() is not None:
                self._folder.end()
            return None
        began = f"the deployment of {pending.begun} was interrupted"
        try:
            self._refuse_elsewhere(pending.where, "a deployment to another place was interrupted")
            found = self._restore(pending)
        except RegobsError as error:
            if not goes_on:
                error.next_step = f"{error.next_step or 'correct it'}; {GOES_ON}"
                raise
            self.notes.append(f"{began}, and what was there before cannot be put back ({_brief(error)})")
            return pending
        names = ", ".join(self._words.called(name) for name in found.names)
        self.notes.append(f"{began}; what was there before is back: {names or 'nothing was to do'}{self._stays(found)}")
        return None

    def _refuse_elsewhere(self, where: str, what: str) -> None:
        if self._is_elsewhere(where):
            raise InputError(
                what,
                value=where,
                expected=self._where,
                next_step="correct this target in regobs.toml, or deploy to the new place",
            )

    def verify(self) -> None:
        """Whether what was deployed is in use and works. Raises ServerError."""
        with telling(self._words), self._turn() as pending:
            if pending is not None:
                raise ServerError(
                    "a deployment was interrupted, and what was there before is not put back yet",
                    value=pending.begun,
                    next_step="run `regobs deploy apply` or `regobs deploy rollback`: both put it back first",
                )
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
        found = self._to_restore(pending)
        edited = tuple(conflicts_of(self.target, self._words, found.after, self._last().objects, None))
        numbers, held = tuple(self._folder.numbers()), self._folder.is_held()
        now = self._folder.unfinished()
        if held and now is not None:
            return TargetStatus(self.name, last, numbers, (), "", under_way=now.begun)
        if now != pending or self._folder.last().number != last.number:  # one began or ended while we looked
            return self._status()
        return TargetStatus(self.name, last, numbers, edited, "" if now is None else now.begun)


def _brief(error: RegobsError) -> str:
    return f"{error.message}: {error.value}" if error.value is not None else error.message
