"""Batched background migrations of the metadata database. Their progress is in `row_counts`."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.gc import SLEEP_BUCKETS
from regobs.catalog.model import Capability, Flavor, Form, Label, Unit

BUCKETS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MIGRATION = labels("migration_id", "migration_name")
_NAME = "`migration_name` is the name of the job's function, not that of the migration: join on `migration_id`."

_bbm = Component("background_migrations")


def _form(*of: Label, since: str = "4.15.0", buckets: tuple[float, ...] | None = None) -> Form:
    needs = Capability.BACKGROUND_MIGRATIONS
    return form(Flavor.GITLAB, labels=of, buckets=buckets, since=since, needs=needs, on_event=True)


RUNS = _bbm.counter(
    "registry_bbm_runs_total",
    Unit.RUNS,
    "Runs of the worker.",
    _form(),
    pitfalls=(
        "Runs that got no lock or found no job count too.",
        "Absent until the first run.",
    ),
)
RUN_DURATION = _bbm.histogram(
    "registry_bbm_run_duration_seconds", Unit.SECONDS, "Time of a run of the worker.", _form(buckets=BUCKETS)
)
BATCH_SIZE = _bbm.gauge(
    "registry_bbm_job_batch_size",
    Unit.ROWS,
    "Batch size of the job that runs, or ran last.",
    _form(*_MIGRATION),
    common=True,
    pitfalls=(_NAME,),
)
JOB_DURATION = _bbm.histogram(
    "registry_bbm_job_duration_seconds",
    Unit.SECONDS,
    "Time of a job.",
    _form(*_MIGRATION, buckets=BUCKETS),
    pitfalls=(_NAME,),
)
MIGRATED = _bbm.counter(
    "registry_bbm_migrated_tuples_total",
    Unit.ROWS,
    "Batch sizes of committed jobs, added up.",
    _form(*_MIGRATION),
    pitfalls=("It adds the batch size, not the rows that changed, also for jobs whose function failed.", _NAME),
)
QUERY_DURATION = _bbm.histogram(
    "registry_bbm_query_duration_seconds",
    Unit.SECONDS,
    "Time of the job's function.",
    _form(*_MIGRATION, buckets=BUCKETS),
    pitfalls=(_NAME,),
)
SLEEP = _bbm.histogram(
    "registry_bbm_sleep_duration_seconds",
    Unit.SECONDS,
    "Sleep between two runs.",
    _form(Label("worker", ("registry.bbm.Worker",)), since="4.27.0", buckets=SLEEP_BUCKETS),
)
