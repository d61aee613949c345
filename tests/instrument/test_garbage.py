from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regobs.catalog import gc
from regobs.instrument import Instruments
from regobs.instrument.adapters.garbage import GarbageWorker, Run
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded

BLOB = "registry.gc.worker.BlobWorker"


def test_a_run_with_a_task_a_delete_and_a_sleep_shows_the_families_of_the_catalog() -> None:
    instruments = Instruments(strict=True)
    worker = GarbageWorker(instruments, "blob")
    assert recorded(instruments) == {}
    with worker.run() as run:
        run.found("tag_delete")
        run.dangling = True
        for backend in ("storage", "database"):
            with worker.delete(backend):
                pass
        worker.freed(4096, "application/octet-stream")
    worker.postponed()
    worker.sleeping(900)
    outcome = labels(worker=BLOB, noop="false", error="false", dangling="true", event="tag_delete")
    backends = ("storage", "database")
    assert recorded(instruments) == {
        gc.RUNS.name: {outcome},
        gc.RUN_DURATION.name: {outcome},
        gc.DELETES.name: {labels(artifact="blob", backend=backend) for backend in backends},
        gc.DELETE_DURATION.name: {labels(artifact="blob", backend=backend, error="false") for backend in backends},
        gc.BYTES.name: {labels(media_type="application/octet-stream")},
        gc.POSTPONES.name: {labels(worker=BLOB)},
        gc.SLEEP.name: {labels(worker=BLOB)},
    }
    assert sample(instruments, gc.BYTES) == 4096
    assert sample(instruments, gc.SLEEP, part="sum") == 900


def test_a_run_without_a_task_has_an_empty_event_and_nothing_dangles() -> None:
    instruments = Instruments(strict=True)
    worker = GarbageWorker(instruments, "manifest")
    expected: dict[str, Any] = {"worker": "manifest", "noop": True, "error": False, "dangling": False, "event": ""}
    with assert_moved(instruments, gc.RUNS, by=1, **expected), worker.run() as run:
        run.dangling = True  # of what?


@pytest.mark.parametrize("found", [True, False])
def test_a_run_that_raises_has_an_error_and_raises(found: bool) -> None:
    instruments = Instruments(strict=True)
    worker = GarbageWorker(instruments, "manifest")

    def fail(run: Run) -> None:
        if found:
            run.found("manifest_upload")
        raise OSError("gone")

    with (
        assert_moved(instruments, gc.RUNS, by=1, error=True, noop=not found),
        assert_moved(instruments, gc.RUN_DURATION, by=1, error=True, noop=not found),
        pytest.raises(OSError, match="gone"),
        worker.run() as run,
    ):
        fail(run)


def test_a_run_can_say_itself_that_it_failed() -> None:
    instruments = Instruments(strict=True)
    with assert_moved(instruments, gc.RUNS, by=1, error=True), GarbageWorker(instruments, "blob").run() as run:
        run.failed = True


def test_a_delete_that_raises_is_timed_as_an_error_and_deletes_nothing() -> None:
    instruments = Instruments(strict=True)
    worker = GarbageWorker(instruments, "blob")
    with (
        assert_moved(instruments, gc.DELETE_DURATION, by=1, backend="storage", error=True),
        assert_moved(instruments, gc.DELETES, by=0),
        pytest.raises(OSError, match="gone"),
        worker.delete("storage"),
    ):
        raise OSError("gone")


@pytest.mark.parametrize("end", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit])
def test_what_is_cancelled_is_no_error_and_deletes_nothing(end: type[BaseException]) -> None:
    instruments = Instruments(strict=True)
    worker = GarbageWorker(instruments, "blob")
    with pytest.raises(end), worker.run() as run:  # noqa: PT012 (both blocks are ended by it)
        run.found(event="blob_upload")
        with worker.delete("storage"):
            raise end
    assert sample(instruments, gc.RUNS, error=False, noop=False) == 1
    assert sample(instruments, gc.RUNS, error=True) == 0
    assert sample(instruments, gc.DELETE_DURATION, error=False) == 1
    assert sample(instruments, gc.DELETES) == 0


def test_older_versions_lack_labels_and_the_other_flavor_has_no_collection() -> None:
    for version, expected in (
        ("3.18.0", {"dangling", "error", "noop", "worker"}),
        ("3.5.0", {"error", "noop", "worker"}),
    ):
        instruments = Instruments(version=version, strict=True)
        with GarbageWorker(instruments, "blob").run():
            pass
        assert {name for name, _ in next(iter(recorded(instruments)[gc.RUNS.name]))} == expected
    instruments = Instruments("distribution", strict=True)
    with GarbageWorker(instruments, "blob").run():
        pass
    assert instruments.render() == b""
