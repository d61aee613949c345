"""The fleet: pods that move through simulated time together."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from regobs.catalog.model import Capability, Flavor
from regobs.errors import InputError
from regobs.simulate.draw import stream
from regobs.simulate.faults import Fault, FaultName, Schedule
from regobs.simulate.journal import PodLog
from regobs.simulate.plan import Plan
from regobs.simulate.pod import Pod
from regobs.simulate.shared import SharedServices
from regobs.simulate.steps import TimeStep, load

_WARMING = 15.0  # seconds of a step before the start


class Fleet:
    """All pods. `time` is the simulated Unix time up to which everything has happened, `faults` what goes wrong.

    With `logs`, a directory, each pod writes its log into a file there; `close` ends them. With `numbers` it has only
    these pods, with `families` only the parts of pods that fill them (names of the catalog): both as a whole fleet has
    them as long as `parts.apart` says that pods change nothing in each other.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        logs: Path | None = None,
        numbers: Iterable[int] | None = None,
        families: frozenset[str] | None = None,
    ) -> None:
        self.plan = plan
        self.time = plan.start - plan.warm
        self.faults = Schedule(plan.faults.faults)
        self._rng = stream(plan.seed, "shared")
        self.shared = SharedServices.of(plan)
        journals = _journals(plan, logs) if logs is not None else [None] * plan.pods
        self.pods = [
            Pod(plan, number, self.shared, journals[number], families=families)
            for number in (range(plan.pods) if numbers is None else numbers)
        ]
        past = _past(plan.warm)
        while self.time < plan.start:
            self._step(min(_WARMING, plan.start - self.time), past)

    def close(self) -> None:
        """End the logs."""
        for pod in self.pods:
            pod.close()

    @property
    def elapsed(self) -> float:
        """Simulated seconds since the start."""
        return self.time - self.plan.start

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass in one step."""
        self._step(seconds, self.faults)

    def _step(self, seconds: float, faults: Schedule) -> None:
        elapsed = self.elapsed
        self.time += seconds
        moment = TimeStep(self.time, elapsed, seconds, faults.active(elapsed))
        moment = replace(moment, load=load(self.plan, moment))
        self.shared.advance(moment, self._rng)
        for pod in self.pods:
            pod.advance(moment)


def _past(warm: float) -> Schedule:
    """What went wrong before the start: some families are there only once that has happened, as in an old fleet."""
    begin = -0.9 * warm
    return Schedule(
        Fault(name, begin, warm * share)
        for name, share in (
            (FaultName.NOTIFICATIONS_DOWN, 0.2),
            (FaultName.STUCK_MIGRATION, 0.1),
            (FaultName.GC_BACKLOG, 0.05),
        )
    )


def _journals(plan: Plan, folder: Path) -> list[PodLog]:
    """A journal for each pod. Raises InputError when one is there already; then none is made."""
    if plan.flavor is not Flavor.GITLAB or not plan.has(Capability.METADATA_DATABASE):
        raise InputError(
            "logs are written for GitLab registries with a metadata database only",
            value=plan.flavor,
            next_step="leave out --logs",
        )
    if not folder.is_dir():
        raise InputError("there is no such folder", value=folder, next_step="make it, or name another --logs")
    with ExitStack() as stack:
        made = []
        for number in range(plan.pods):
            path = folder / f"{Pod.name_of(number)}.log"
            journal = PodLog(path, f"{plan.seed}/{number}", plan.version)
            stack.callback(path.unlink)
            stack.callback(journal.close)
            made.append(journal)
        stack.pop_all()
    return made
