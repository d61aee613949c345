"""The probe: runs the steps of each target when they are due, and tells metrics and log how they went.

A target has a thread and at most one round at a time, so that a slow registry is asked less often, never twice at once.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic, time

from regobs.catalog import probe as metrics
from regobs.errors import ConfigError
from regobs.exporters import probe_steps
from regobs.exporters.outside import Address, ClientConnections, Deadline, Origin, Resolver, StepError
from regobs.exporters.probe_settings import ProbeSettings, ProbeTarget, StepTiming
from regobs.exporters.probe_steps import Round, Step
from regobs.instrument import Instruments

_LOG = logging.getLogger("regobs.exporters.probe")
_REQUESTS: Mapping[str, Step] = {
    "auth": probe_steps.authenticate,
    "base": probe_steps.base,
    "pull_manifest": probe_steps.pull_manifest,
    "pull_blob": probe_steps.pull_blob,
    "push": probe_steps.push,
    "read_back": probe_steps.read_back,
    "delete": probe_steps.delete,
    "health": probe_steps.health,
}
# What a step needs to have worked in the same round, beside reaching the registry.
_NEEDS = {"base": "auth", "pull_manifest": "auth", "pull_blob": "pull_manifest", "push": "auth"}
_NEEDS |= {"read_back": "push", "delete": "push"}
# What a round does as a whole: an image that is pushed is read back, and deleted before the next one is pushed.
_TOGETHER = ("push", "read_back", "delete")
_REACH = ("resolve", "connect", "tls")


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step of a round went: `result` is a value of the label, `seconds` None where it was prevented."""

    step: str
    result: str
    seconds: float | None
    text: str = ""


class TargetProbe:
    """The probe of one target."""

    def __init__(self, target: ProbeTarget, timing: Mapping[str, StepTiming], instruments: Instruments) -> None:
        self.target = target
        self._timing = timing
        self._context: ssl.SSLContext = target.trust.context()
        self._resolver = Resolver()
        self._due = dict.fromkeys(target.steps, 0.0)
        self._told: dict[str, str] = {}
        self._checks: set[str] = set()
        self._left: int | None = None
        self._has_canary = False
        self._success = instruments.gauge(metrics.SUCCESS)
        self._runs = instruments.counter(metrics.RUNS)
        self._duration = instruments.histogram(metrics.DURATION)
        self._last = instruments.gauge(metrics.LAST_SUCCESS)
        self._expiry = instruments.gauge(metrics.CERTIFICATE_EXPIRY)
        self._failing = instruments.gauge(metrics.FAILING_CHECKS)
        self._runs.zero(target=target.name, step=target.steps)
        for step in target.steps:
            self._last.child(target=target.name, step=step).set(0)

    def run(self, *, all_steps: bool = False) -> list[StepOutcome]:
        """One round of the steps that are due, with those that they need; what became of each, in their order."""
        now = monotonic()
        due = {step for step, at in self._due.items() if all_steps or at <= now}
        if not due:
            return []
        wanted = self._with_needs(due)
        for step in wanted:
            self._due[step] = now + self._timing[step].every
        outcomes = self._round([step for step in self.target.steps if step in wanted])
        for outcome in outcomes:
            self._tell(outcome)
        return outcomes

    def pause(self) -> float:
        """Seconds until the next step is due."""
        return max(0.0, min(self._due.values()) - monotonic())

    def _with_needs(self, due: set[str]) -> set[str]:
        wanted = set(due)
        if due & set(_TOGETHER):
            wanted.update(step for step in _TOGETHER if step in self.target.steps)
        for step in wanted - {"health"}:
            wanted.update(reach for reach in _REACH if reach in self.target.steps)
            needed = _NEEDS.get(step)
            while needed is not None:
                wanted.add(needed)
                needed = _NEEDS.get(needed)
        return wanted

    def _round(self, steps: list[str]) -> list[StepOutcome]:
        line = ClientConnections(self._context, self._resolver)
        run = Round(self.target, line, canary_was_there=self._has_canary, left=self._left)
        origin = Origin.of(self.target.url)
        reach = _Reach(line, origin)
        failed: dict[str, StepOutcome] = {}
        outcomes: list[StepOutcome] = []
        try:
            for step in steps:
                preventing = self._preventing(step, failed)
                if preventing is not None:
                    outcome = StepOutcome(step, preventing.result, None, f"prevented by {preventing.step}")
                else:
                    outcome = self._step(step, run, reach)
                if outcome.result != "ok":
                    failed[step] = outcome
                outcomes.append(outcome)
        finally:
            line.close()
        self._left = run.left
        self._has_canary = self._has_canary or bool(run.canary)
        expiry = line.certificate_expiry(origin)
        if expiry is not None:
            self._expiry.child(target=self.target.name).set(expiry)
        if "health" in steps:
            self._tell_checks(run.failing_checks)
        return outcomes

    def _preventing(self, step: str, failed: Mapping[str, StepOutcome]) -> StepOutcome | None:
        if step == "health":
            return None
        needs = [reach for reach in _REACH if reach != step or step not in _REACH]
        if step in _REACH:
            needs = list(_REACH[: _REACH.index(step)])
        elif step in _NEEDS:
            needs.append(_NEEDS[step])
        return next((failed[need] for need in needs if need in failed), None)

    def _step(self, step: str, run: Round, reach: _Reach) -> StepOutcome:
        deadline = Deadline(self._timing[step].within)
        start = monotonic()
        try:
            if step in _REACH:
                reach.go(step, deadline)
            else:
                _REQUESTS[step](run, deadline)
        except StepError as failure:
            return StepOutcome(step, failure.reason, monotonic() - start, str(failure))
        except ConfigError as fault:  # a file with credentials that has gone
            return StepOutcome(step, "auth", monotonic() - start, f"{fault.message}: {fault.value}")
        except Exception as fault:  # noqa: BLE001 - what nobody thought of; if the thread ended, its metrics would stay
            _LOG.exception("a probe step ended in a fault")
            return StepOutcome(step, "answer", monotonic() - start, f"{type(fault).__name__}: {fault}"[:300])
        return StepOutcome(step, "ok", monotonic() - start)

    def _tell(self, outcome: StepOutcome) -> None:
        name, step, worked = self.target.name, outcome.step, outcome.result == "ok"
        self._success.child(target=name, step=step).set(int(worked))
        self._runs.child(target=name, step=step, result=outcome.result).inc()
        if outcome.seconds is not None:
            self._duration.child(target=name, step=step).observe(outcome.seconds)
        if worked:
            self._last.child(target=name, step=step).set(time())
        before = self._told.get(step, "ok")
        self._told[step] = outcome.result
        if before == outcome.result:
            return
        fields = {"target": name, "step": step, "result": outcome.result}
        if worked:
            _LOG.info("probe step works again", extra=fields)
        else:
            _LOG.warning("probe step failed", extra={**fields, "error": outcome.text})

    def _tell_checks(self, failing: tuple[str, ...] | None) -> None:
        """1 and 0 by check; no series at all where /debug/health gives no answer (None), as nothing is known then."""
        if failing is None:
            for check in self._checks:
                self._failing.child(target=self.target.name, check=check).set(0)  # `other` cannot be removed
                self._failing.remove(target=self.target.name, check=check)
            self._checks.clear()
            return
        for check in sorted(self._checks.union(failing), key=failing.__contains__):  # 1 last, where names overflow
            self._failing.child(target=self.target.name, check=check).set(int(check in failing))
        self._checks.update(failing)


class _Reach:
    """The three steps until a registry can be asked something; each takes up what the one before it found."""

    def __init__(self, line: ClientConnections, origin: Origin) -> None:
        self._line, self._origin = line, origin
        self._addresses: list[Address] = []
        self._secured = origin.scheme == "https"

    def go(self, step: str, deadline: Deadline) -> None:
        if step == "resolve":
            self._addresses = self._line.resolve(self._origin, deadline)
            return
        if step == "connect":
            self._plug = self._line.connect(self._origin, self._addresses, deadline)
        else:
            self._plug = self._line.secure(self._origin, self._plug, deadline)
        if step == "tls" or not self._secured:
            self._line.keep(self._origin, self._plug)


class Probe:
    """The probes of all targets of one process, each in a thread."""

    def __init__(self, settings: ProbeSettings, instruments: Instruments) -> None:
        self.targets = [TargetProbe(target, settings.timing, instruments) for target in settings.targets]
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self._ready = 0
        self._guard = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether every target was asked once."""
        with self._guard:
            return self._ready == len(self.targets)

    def start(self) -> None:
        """Begin; `stop` ends it."""
        for target in self.targets:
            thread = threading.Thread(
                target=self._go_on, args=(target,), name=f"probe {target.target.name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 30.0) -> None:
        """Let the rounds that run come to their end, so that no image stays behind; so many seconds at most."""
        self._end.set()
        end = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))

    def _go_on(self, target: TargetProbe) -> None:
        first = True
        while not self._end.is_set():
            target.run()
            if first:
                first = False
                with self._guard:
                    self._ready += 1
            self._end.wait(target.pause())
