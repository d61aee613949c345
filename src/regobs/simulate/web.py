"""The HTTP part of a pod: makes the requests of a step and counts them.

What is alike of a step, the same kind of request with the same status, is drawn and counted together. Each quantity is
drawn from a generator of its own: sizes that nobody asks for are not drawn, and the other numbers stay the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from regobs.catalog import http
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread, spreads
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import Plan
from regobs.simulate.request_log import LoggedResponse, RequestLog
from regobs.simulate.steps import TimeStep, Work
from regobs.simulate.traffic import Mix, Outcome, Request

_WIRE = 60 * 2**20  # bytes a second of a body between client and registry
_SIGMA = 0.6  # of the times until the first byte
_PATIENCE = 60.0  # seconds that a proxy waits for the first byte (proxy_read_timeout of nginx), then it hangs up
_BURST = 0.3  # share of requests that an error burst breaks
_BROKEN = (500, 502, 503)
_HUNG_UP = 499


class Web:
    """Requests of one pod. `stream` gives a generator by its name.

    With `families`, names of the catalog, only these of the HTTP families are sure to be filled. With `alone` no other
    part follows, and only the number and the time of requests are left for them.
    """

    def __init__(
        self,
        plan: Plan,
        instruments: Instruments,
        stream: Callable[[str], Random],
        log: RequestLog | None = None,
        *,
        families: frozenset[str] | None = None,
        alone: bool = False,
    ) -> None:
        self._plan = plan
        self._arrivals, self._which, self._times = stream("arrivals"), stream("requests"), stream("times")
        self._ends, self._bodies, self._blobs = stream("faults"), stream("bodies"), stream("blobs")
        self._heads, self._answers = stream("heads"), stream("answers")
        self._log = log
        self._http = instruments.http
        self._mix = Mix(plan)
        self._database = plan.has(Capability.METADATA_DATABASE)
        self._inside: list[Outcome] = []
        self._seconds = 0.05  # what a request took in the last step
        self._alone = alone
        sizes = {http.REQUEST_SIZE.name, http.RESPONSE_SIZE.name}
        self._sized = not alone or families is None or bool(families & sizes)
        self._timed = families is None or http.TIME_TO_HEADER.name in families

    def advance(self, moment: TimeStep) -> Work:
        """Finish the requests of this step; some are left inside, as many as Little's law says."""
        work = Work()
        rate = (
            0.0
            if moment.suffers(FaultName.NO_TRAFFIC)
            else self._plan.rate * self._plan.curve.level(moment.time) * moment.load
        )
        fresh = self._mix.draw(self._which, events(self._arrivals, rate * moment.seconds))
        stay = min(len(fresh), events(self._arrivals, rate * self._seconds))
        done, self._inside = self._inside + fresh[stay:], fresh[:stay]
        for outcome in done[: len(done) - len(fresh) + stay]:
            self._http.drop(outcome.kind.route)
        for outcome in self._inside:
            self._http.begin(outcome.kind.route)
        factors = spreads(self._times, 1.0, _SIGMA, len(done))
        for outcome, count in Counter(done).items():
            median = outcome.kind.median
            self._end(outcome, [median * factor for factor in factors[:count]], moment, work)
            del factors[:count]
        if work.requests:
            self._seconds = work.seconds / work.requests
        return work

    def _end(self, outcome: Outcome, times: list[float], moment: TimeStep, work: Work) -> None:
        """Requests that take such times end alike, unless a fault lets some of them end in another way."""
        kind = outcome.kind
        if not moment.faults:
            self._finish(kind, outcome.code, times, work)
            return
        ends: dict[int, list[float]] = {}
        for seconds in times:
            first, code = self._slowed(seconds, kind, moment), self._code(outcome, moment)
            if first > _PATIENCE:
                code, first = _HUNG_UP, _PATIENCE
            ends.setdefault(code, []).append(first)
        for code, slowed in ends.items():
            self._finish(kind, code, slowed, work)

    def _finish(self, kind: Request, code: int, firsts: list[float], work: Work) -> None:
        """Count requests of one kind and status, by their seconds until the first byte."""
        count, fine = len(firsts), code < 400
        redirected = fine and kind.blob == "out" and self._mix.redirects
        shown = 307 if redirected else code
        carries = fine and (kind.blob in {"in", "chunk"} or (kind.blob == "out" and not redirected))
        sizes, seconds = [0] * count, firsts
        if carries:
            sizes = self._plan.blobs.draws(self._bodies, count)
            seconds = [first + size / _WIRE for first, size in zip(firsts, sizes, strict=True)]
        elif fine and kind.blob and self._sized:
            sizes = self._plan.blobs.draws(self._blobs, count)
        headers = (seconds if kind.blob == "in" else firsts) if self._timed else None
        work.requests += count
        work.seconds += sum(seconds)
        if not self._sized:
            self._http.finish_many(kind.route, kind.method, shown, seconds, header_seconds=headers)
            return
        received = self._mix.declared(kind, self._heads, sizes)
        sent = self._sent(kind, sizes, fine=fine, redirected=redirected)
        self._http.finish_many(kind.route, kind.method, shown, seconds, received, sent, headers)
        if self._log is not None:
            for values in zip(seconds, firsts, received, sent, sizes, strict=True):
                self._tell(self._log, kind, LoggedResponse(shown, *values, redirected))
        work.bytes_in += sum(sizes if kind.blob in {"in", "chunk"} else received)
        work.bytes_out += sum(sent)
        if shown != 401 and not self._alone:
            self._leave(kind, work, sizes, fine=fine)

    @staticmethod
    def _tell(log: RequestLog, kind: Request, answer: LoggedResponse) -> None:
        log.finished(kind, replace(answer, read=answer.read + answer.size) if kind.blob == "chunk" else answer)

    def _leave(self, kind: Request, work: Work, sizes: Sequence[int], *, fine: bool) -> None:
        """What the other parts have to do for them."""
        count = len(sizes)
        if self._database:
            for query in kind.queries:
                work.queries[query] += count
        if not self._database or kind.blob or kind.route.startswith("upload"):
            for action in kind.actions:
                work.storage[action] += count
        if fine:
            self._succeed(kind, work, sizes)

    def _succeed(self, kind: Request, work: Work, sizes: Sequence[int]) -> None:
        count = len(sizes)
        if kind.blob in {"out", "head"}:
            work.downloads += sizes
            if not self._database:
                work.events["pull", "blob"] += count
        elif kind.blob == "in":
            work.uploads += sizes
        if kind.event[0]:
            work.events[kind.event] += count
            if kind.event == ("push", "manifest"):
                work.events["push", "tag"] += count
        if kind.task:
            work.tasks[kind.task] += count

    def _code(self, outcome: Outcome, moment: TimeStep) -> int:
        kind = outcome.kind
        broken = _BURST if moment.suffers(FaultName.ERROR_BURST) else 0.0
        if moment.suffers(FaultName.POOL_EXHAUSTION) and kind.queries and self._database:
            broken = max(broken, 0.15)
        if moment.suffers(FaultName.STORAGE_THROTTLING) and kind.blob:
            broken = max(broken, 0.08)
        if broken and self._ends.random() < broken:
            return self._ends.choice(_BROKEN)
        return outcome.code

    def _slowed(self, seconds: float, kind: Request, moment: TimeStep) -> float:
        seconds *= moment.slowness
        if moment.suffers(FaultName.POOL_EXHAUSTION) and kind.queries and self._database:
            seconds += spread(self._ends, 1.5)
        if moment.suffers(FaultName.STORAGE_THROTTLING) and kind.blob:
            seconds += spread(self._ends, 0.8)
        return seconds

    def _sent(self, kind: Request, sizes: list[int], *, fine: bool, redirected: bool) -> list[int]:
        if redirected or not fine:
            return [150 + int(200 * self._answers.random()) for _ in sizes]
        if kind.blob == "out":
            return sizes
        return (
            [int(size) for size in spreads(self._answers, kind.answer, 0.5, len(sizes))]
            if kind.answer
            else [0] * len(sizes)
        )
