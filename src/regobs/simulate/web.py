"""The HTTP part of a pod: makes the requests of a step and counts them."""

from __future__ import annotations

from random import Random

from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread
from regobs.simulate.faults import Name
from regobs.simulate.moment import Moment, Work
from regobs.simulate.plan import Plan
from regobs.simulate.request_log import Answer, RequestLog
from regobs.simulate.traffic import Mix, Request

_WIRE = 60 * 2**20  # bytes a second of a body between client and registry
_PATIENCE = 60.0  # seconds that a proxy waits for the first byte (proxy_read_timeout of nginx), then it hangs up
_BURST = 0.3  # share of requests that an error burst breaks
_BROKEN = (500, 502, 503)
_HUNG_UP = 499


class Web:
    """Requests of one pod."""

    def __init__(self, plan: Plan, instruments: Instruments, rng: Random, log: RequestLog | None = None) -> None:
        self._plan = plan
        self._rng = rng
        self._log = log
        self._http = instruments.http
        self._mix = Mix(plan)
        self._database = plan.has(Capability.METADATA_DATABASE)
        self._inside: list[Request] = []
        self._seconds = 0.05  # what a request took in the last step

    def advance(self, moment: Moment) -> Work:
        """Finish the requests of this step; some are left inside, as many as Little's law says."""
        work = Work()
        rate = (
            0.0
            if moment.suffers(Name.NO_TRAFFIC)
            else self._plan.rate * self._plan.curve.level(moment.time) * moment.load
        )
        fresh = self._mix.draw(self._rng, events(self._rng, rate * moment.seconds))
        done, self._inside = self._inside, []
        stay = min(len(fresh), events(self._rng, rate * self._seconds))
        for kind in fresh:
            self._http.begin(kind.route)
        for kind in done + fresh[stay:]:
            self._finish(kind, moment, work)
        self._inside = fresh[:stay]
        if work.requests:
            self._seconds = work.seconds / work.requests
        return work

    def _finish(self, kind: Request, moment: Moment, work: Work) -> None:
        rng = self._rng
        code = self._code(kind, moment)
        first = self._slowed(spread(rng, kind.median, 0.6), kind, moment)
        if first > _PATIENCE:
            code, first = _HUNG_UP, _PATIENCE
        fine = code < 400
        size = self._plan.blobs.draw(rng) if kind.blob and fine else 0
        redirected = fine and kind.blob == "out" and self._mix.redirects
        if redirected:
            code = 307
        carried = size if kind.blob in {"in", "chunk"} or (kind.blob == "out" and not redirected) else 0
        seconds = first + carried / _WIRE
        sent = self._sent(kind, size, fine=fine, redirected=redirected)
        received = self._mix.declared(kind, rng, size)
        self._http.finish(
            kind.route, kind.method, code, seconds, received, sent, seconds if kind.blob == "in" else first
        )
        if self._log is not None:
            read = received + (size if kind.blob == "chunk" else 0)
            self._log.finished(kind, Answer(code, seconds, first, read, sent, size, redirected))
        work.requests += 1
        work.seconds += seconds
        work.bytes_in += carried if kind.blob in {"in", "chunk"} else received
        work.bytes_out += sent
        if code != 401:
            self._leave(kind, work, size, fine=fine)

    def _leave(self, kind: Request, work: Work, size: int, *, fine: bool) -> None:
        """What the other parts have to do for it."""
        if self._database:
            work.queries.update(kind.queries)
        if not self._database or kind.blob or kind.route.startswith("upload"):
            work.storage.update(kind.actions)
        if fine:
            self._succeed(kind, work, size)

    def _succeed(self, kind: Request, work: Work, size: int) -> None:
        if kind.blob in {"out", "head"}:
            work.downloads.append(size)
            if not self._database:
                work.events["pull", "blob"] += 1
        elif kind.blob == "in":
            work.uploads.append(size)
        if kind.event[0]:
            work.events[kind.event] += 1
            if kind.event == ("push", "manifest"):
                work.events["push", "tag"] += 1
        if kind.task:
            work.tasks[kind.task] += 1

    def _code(self, kind: Request, moment: Moment) -> int:
        broken = _BURST if moment.suffers(Name.ERROR_BURST) else 0.0
        if moment.suffers(Name.POOL_EXHAUSTION) and kind.queries and self._database:
            broken = max(broken, 0.15)
        if moment.suffers(Name.STORAGE_THROTTLING) and kind.blob:
            broken = max(broken, 0.08)
        if broken and self._rng.random() < broken:
            return self._rng.choice(_BROKEN)
        return kind.code(self._rng)

    def _slowed(self, seconds: float, kind: Request, moment: Moment) -> float:
        seconds *= moment.slowness
        if moment.suffers(Name.POOL_EXHAUSTION) and kind.queries and self._database:
            seconds += spread(self._rng, 1.5)
        if moment.suffers(Name.STORAGE_THROTTLING) and kind.blob:
            seconds += spread(self._rng, 0.8)
        return seconds

    def _sent(self, kind: Request, size: int, *, fine: bool, redirected: bool) -> int:
        if redirected or not fine:
            return 150 + int(self._rng.random() * 200)
        if kind.blob == "out":
            return size
        return int(spread(self._rng, kind.answer)) if kind.answer else 0
