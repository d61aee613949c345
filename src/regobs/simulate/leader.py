"""What only the pod that holds the lock shows: row counts, and the progress and work of a background migration."""

from __future__ import annotations

from random import Random

from regobs.catalog import background_migrations, row_counts
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.background_log import BackgroundLog
from regobs.simulate.draw import spread
from regobs.simulate.faults import Name
from regobs.simulate.moment import Moment, Work
from regobs.simulate.plan import Plan
from regobs.simulate.shared import Shared

_COUNTING = 10.0  # seconds between two passes of the count queries
_BATCH = 10_000
_PRE, _POST = 218, 61
_JOB = {"migration_id": "7", "migration_name": "fillBlobsIdToBigint"}
_MIGRATION = {"migration_id": "7", "migration_name": "20260901_copy_blobs_id"}
_WORKER = "registry.bbm.Worker"


class Leader:
    """Row counts and background migrations of one pod; those of a pod without the lock run and find nothing."""

    def __init__(
        self,
        plan: Plan,
        instruments: Instruments,
        rng: Random,
        shared: Shared,
        log: BackgroundLog | None = None,
        *,
        holds: bool,
    ) -> None:
        self._in = instruments
        self._rng = rng
        self._shared = shared
        self._log = log
        self._holds = holds
        self._migrates = plan.has(Capability.BACKGROUND_MIGRATIONS)
        self._counted = self._ran = 0.0
        known = instruments.gauge(row_counts.MIGRATIONS)
        known.child(migration_type="pre_deployment").set(_PRE)
        known.child(migration_type="post_deployment").set(_POST)

    def advance(self, moment: Moment, work: Work) -> None:
        """Count the rows and run a job, each when it is time."""
        if self._holds and moment.time - self._counted >= _COUNTING:
            self._counted = moment.time
            self._count(moment, work)
        if self._migrates and moment.time - self._ran >= _COUNTING:
            self._ran = moment.time
            self._migrate(moment, work)

    def _count(self, moment: Moment, work: Work) -> None:
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
            stuck = moment.suffers(Name.STUCK_MIGRATION)
            status = "finished" if shared.migrated >= 100 else "failed" if stuck else "running"
            progress.child(**_MIGRATION, status=status).set(round(shared.migrated, 3))

    def _migrate(self, moment: Moment, work: Work) -> None:
        self._in[background_migrations.RUNS].inc()
        work.queries["bbm_lock"] += 1
        works = self._holds and self._shared.migrated < 100 and not moment.suffers(Name.STUCK_MIGRATION)
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
