"""Online garbage collection of a pod: two workers that take tasks from the queues of the fleet."""

from __future__ import annotations

from random import Random

from regobs.catalog import gc
from regobs.instrument import Instruments
from regobs.simulate.background_log import BackgroundLog
from regobs.simulate.draw import events, spread
from regobs.simulate.faults import Name
from regobs.simulate.moment import Moment, Work
from regobs.simulate.plan import Plan
from regobs.simulate.shared import Shared

_DELETED = {"blob": 0.5, "manifest": 0.3}  # tasks of a pod in a second that come with a backlog
_EVENTS = {
    "blob": (("blob_upload", 0.7), ("manifest_delete", 0.2), ("layer_delete", 0.1)),
    "manifest": (
        *(("manifest_upload", 0.5), ("tag_delete", 0.2), ("tag_switch", 0.2)),
        *(("manifest_delete", 0.07), ("manifest_list_delete", 0.03)),
    ),
}
_MEDIA = (
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", 0.6),
    ("application/vnd.oci.image.layer.v1.tar+gzip", 0.3),
    ("application/vnd.docker.container.image.v1+json", 0.1),
)


class Collection:
    """The workers of one pod."""

    def __init__(
        self, plan: Plan, instruments: Instruments, rng: Random, shared: Shared, log: BackgroundLog | None = None
    ) -> None:
        self._plan = plan
        self._in = instruments
        self._rng = rng
        self._shared = shared
        self._log = log

    def advance(self, moment: Moment, work: Work) -> None:
        """New tasks into the queues, then the runs of this step."""
        blobs, manifests = self._shared.tasks["blob"], self._shared.tasks["manifest"]
        blobs.add(work.tasks["blob_upload"])
        manifests.add(work.tasks.total() - work.tasks["blob_upload"])
        blobs.add(events(self._rng, self._plan.collecting.cleanup / self._plan.pods * moment.seconds))
        if moment.suffers(Name.GC_BACKLOG):
            blobs.add(events(self._rng, _DELETED["blob"] * moment.seconds))
            manifests.add(events(self._rng, _DELETED["manifest"] * moment.seconds))
        for worker in ("blob", "manifest"):
            for _ in range(events(self._rng, moment.seconds / self._plan.collecting.interval)):
                self._run(worker, moment, work)

    def _run(self, worker: str, moment: Moment, work: Work) -> None:
        rng, tasks = self._rng, self._shared.tasks[worker]
        broken = moment.suffers(Name.GC_BACKLOG) or rng.random() < 0.001
        noop = tasks.due == 0
        dangling = not noop and rng.random() < 0.3
        names, weights = zip(*_EVENTS[worker], strict=True)
        event = "" if noop else rng.choices(names, weights)[0]
        labels = {"worker": worker, "noop": noop, "error": broken, "dangling": dangling, "event": event}
        self._in.counter(gc.RUNS).child(**labels).inc()
        seconds = spread(rng, 0.003 if noop else 0.06)
        self._in.histogram(gc.RUN_DURATION).child(**labels).observe(seconds)
        work.queries[f"gc_{worker}_task_next"] += 1
        sleep = spread(rng, 60 if broken else self._plan.collecting.interval, 0.3)
        self._in.histogram(gc.SLEEP).child(worker=worker).observe(sleep)
        if self._log is not None:
            self._log.collected(worker, seconds, sleep, event=event, dangling=dangling, broken=broken)
        if noop:
            return
        work.queries[f"gc_{worker}_task_is_dangling"] += 1
        if broken:
            work.queries[f"gc_{worker}_task_postpone"] += 1
            self._in.counter(gc.POSTPONES).child(worker=worker).inc()
            return
        work.queries[f"gc_{worker}_task_delete"] += 1
        tasks.done()
        if dangling:
            self._delete(worker)

    def _delete(self, artifact: str) -> None:
        for backend in ("storage", "database") if artifact == "blob" else ("database",):
            self._in.counter(gc.DELETES).child(artifact=artifact, backend=backend).inc()
            child = self._in.histogram(gc.DELETE_DURATION).child(artifact=artifact, backend=backend, error=False)
            child.observe(spread(self._rng, 0.03))
        if artifact == "blob":
            chosen = self._rng.choices([name for name, _ in _MEDIA], [weight for _, weight in _MEDIA])[0]
            self._in.counter(gc.BYTES).child(media_type=chosen).inc(self._plan.blobs.draw(self._rng))
