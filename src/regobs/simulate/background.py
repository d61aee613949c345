"""Background work of a pod: online garbage collection, and what the leader does: migrations and counts of rows."""

from __future__ import annotations

from random import Random

from regobs.catalog import background_migrations, gc, row_counts
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread
from regobs.simulate.faults import FaultName
from regobs.simulate.journal import BackgroundLog
from regobs.simulate.plan import Plan
from regobs.simulate.shared import SharedServices, SharingPart
from regobs.simulate.steps import TimeStep, Work

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


class Collection(SharingPart):
    """The workers of one pod."""

    def advance(self, moment: TimeStep, work: Work) -> None:
        """New tasks into the queues, then the runs of this step."""
        blobs, manifests = self._shared.tasks["blob"], self._shared.tasks["manifest"]
        blobs.add(work.tasks["blob_upload"])
        manifests.add(work.tasks.total() - work.tasks["blob_upload"])
        blobs.add(events(self._rng, self._plan.collecting.cleanup / self._plan.pods * moment.seconds))
        if moment.suffers(FaultName.GC_BACKLOG):
            blobs.add(events(self._rng, _DELETED["blob"] * moment.seconds))
            manifests.add(events(self._rng, _DELETED["manifest"] * moment.seconds))
        for worker in ("blob", "manifest"):
            for _ in range(events(self._rng, moment.seconds / self._plan.collecting.interval)):
                self._run(worker, moment, work)

    def _run(self, worker: str, moment: TimeStep, work: Work) -> None:
        rng, tasks = self._rng, self._shared.tasks[worker]
        broken = moment.suffers(FaultName.GC_BACKLOG) or rng.random() < 0.001
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


_COUNTING = 10.0  # seconds between two passes of the count queries
_BATCH = 10_000
_PRE, _POST = 218, 61
_JOB = {"migration_id": "7", "migration_name": "fillBlobsIdToBigint"}
_MIGRATION = {"migration_id": "7", "migration_name": "20260901_copy_blobs_id"}
_WORKER = "registry.bbm.Worker"


class Leader(SharingPart):
    """Row counts and background migrations of one pod; those of a pod without the lock run and find nothing."""

    def __init__(
        self,
        plan: Plan,
        instruments: Instruments,
        rng: Random,
        shared: SharedServices,
        log: BackgroundLog | None = None,
        *,
        holds: bool,
    ) -> None:
        super().__init__(plan, instruments, rng, shared, log)
        self._holds = holds
        self._migrates = plan.has(Capability.BACKGROUND_MIGRATIONS)
        self._counted = self._ran = 0.0
        known = instruments.gauge(row_counts.MIGRATIONS)
        known.child(migration_type="pre_deployment").set(_PRE)
        known.child(migration_type="post_deployment").set(_POST)

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Count the rows and run a job, each when it is time."""
        if self._holds and moment.time - self._counted >= _COUNTING:
            self._counted = moment.time
            self._count(moment, work)
        if self._migrates and moment.time - self._ran >= _COUNTING:
            self._ran = moment.time
            self._migrate(moment, work)

    def _count(self, moment: TimeStep, work: Work) -> None:
        shared = self._shared
        blobs, manifests = shared.tasks["blob"], shared.tasks["manifest"]
        rows = self._in.gauge(row_counts.ROWS)
        for name, value in (
            ("gc_blob_review_queue", blobs.waiting),
            ("gc_manifest_review_queue", manifests.waiting),
            ("gc_blob_review_queue_overdue", blobs.due),
            ("gc_manifest_review_queue_overdue", manifests.due),
            ("applied_pre_migrations", _PRE),
            ("applied_post_migrations", _POST),
        ):
            rows.child(query_name=name).set(value)
            work.queries[f"count_{name}"] += 1
            if self._log is not None:
                self._log.counted(name, value)
        self._in[row_counts.COLLECTION_DURATION].observe(spread(self._rng, 0.2))
        if self._migrates:
            progress = self._in.gauge(row_counts.BBM_PROGRESS)
            stuck = moment.suffers(FaultName.STUCK_MIGRATION)
            status = "finished" if shared.migrated >= 100 else "failed" if stuck else "running"
            progress.child(**_MIGRATION, status=status).set(round(shared.migrated, 3))

    def _migrate(self, moment: TimeStep, work: Work) -> None:
        self._in[background_migrations.RUNS].inc()
        work.queries["bbm_lock"] += 1
        works = self._holds and self._shared.migrated < 100 and not moment.suffers(FaultName.STUCK_MIGRATION)
        seconds = spread(self._rng, 1.5) if works else 0.01
        if works:
            self._in.gauge(background_migrations.BATCH_SIZE).child(**_JOB).set(_BATCH)
            self._in.histogram(background_migrations.JOB_DURATION).child(**_JOB).observe(seconds)
            self._in.histogram(background_migrations.QUERY_DURATION).child(**_JOB).observe(seconds * 0.9)
            self._in.counter(background_migrations.MIGRATED).child(**_JOB).inc(_BATCH)
        if self._log is not None:
            self._log.migrated(seconds, works=works)
        self._in[background_migrations.RUN_DURATION].observe(seconds)
        self._in.histogram(background_migrations.SLEEP).child(worker=_WORKER).observe(spread(self._rng, 10, 0.1))
