from __future__ import annotations

import pytest

from regobs.catalog import background_migrations as bbm
from regobs.instrument import Instruments
from regobs.instrument.adapters.migrations import MigrationWorker
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded


def test_a_run_with_a_job_shows_the_families_of_the_catalog() -> None:
    instruments = Instruments(strict=True)
    worker = MigrationWorker(instruments)
    with worker.run(), worker.job(migration_id=7, name="populateBlobsIDColumn", batch_size=1000) as job, job.query():
        pass
    worker.sleeping(60)
    migration = labels(migration_id="7", migration_name="populateBlobsIDColumn")
    assert recorded(instruments) == {
        bbm.RUNS.name: {()},
        bbm.RUN_DURATION.name: {()},
        bbm.BATCH_SIZE.name: {migration},
        bbm.JOB_DURATION.name: {migration},
        bbm.MIGRATED.name: {migration},
        bbm.QUERY_DURATION.name: {migration},
        bbm.SLEEP.name: {labels(worker="registry.bbm.Worker")},
    }
    assert sample(instruments, bbm.MIGRATED) == sample(instruments, bbm.BATCH_SIZE) == 1000


def test_a_run_without_a_job_counts() -> None:
    instruments = Instruments(strict=True)
    with MigrationWorker(instruments).run():
        pass
    assert set(recorded(instruments)) == {bbm.RUNS.name, bbm.RUN_DURATION.name}


def test_a_failed_function_whose_job_is_committed_counts_as_migrated() -> None:
    instruments = Instruments(strict=True)
    worker = MigrationWorker(instruments)
    with (
        assert_moved(instruments, bbm.MIGRATED, by=10),
        assert_moved(instruments, bbm.QUERY_DURATION, by=1),
        worker.job(migration_id=1, name="f", batch_size=10) as job,
        pytest.raises(ValueError, match="no"),
        job.query(),
    ):
        raise ValueError("no")


def test_a_job_that_is_not_committed_is_timed_and_migrates_nothing() -> None:
    instruments = Instruments(strict=True)
    worker = MigrationWorker(instruments)
    with (
        assert_moved(instruments, bbm.MIGRATED, by=0),
        assert_moved(instruments, bbm.JOB_DURATION, by=1),
        assert_moved(instruments, bbm.RUNS, by=1),
        pytest.raises(ValueError, match="no"),
        worker.run(),
        worker.job(migration_id=1, name="f", batch_size=10),
    ):
        raise ValueError("no")
