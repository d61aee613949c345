"""Online garbage collection: runs of a worker, deletes, sleeps.

    from regobs.instrument.adapters.garbage import GarbageWorker

    worker = GarbageWorker(instruments, "blob")           # or "manifest"
    with worker.run() as run:
        task = next_task()
        if task:
            run.found(event=task.event)
            run.dangling = is_dangling(task)
            with worker.delete("storage"):                # then "database"
                driver.delete(path)
            worker.freed(task.size, task.media_type)
    worker.sleeping(seconds)                              # before the sleep, as the real worker

A run that raises is counted with error="true"; without `found` it is one that found no task. A delete that raises is
timed with error="true" and not counted as a deleted artifact. What is cancelled, as when the process ends, is no error
of the worker: a run and a delete that end so have error="false", and nothing counts as deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from regobs.catalog import gc
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments


class Run:
    """What is known of a run at its end."""

    def __init__(self) -> None:
        self.dangling = False  # the task's blob or manifest was unused
        self.failed = False  # for a run that handles its own exception
        self._event = ""
        self._noop = True

    def found(self, event: str) -> None:
        """There was a task, and this is what had made it: blob_upload, tag_delete..."""
        self._event = event
        self._noop = False

    def labels(self, *, error: bool) -> dict[str, object]:
        """The labels of its outcome. Without a task the event is empty and nothing dangles."""
        dangling = self.dangling and not self._noop
        return {"noop": self._noop, "error": error or self.failed, "dangling": dangling, "event": self._event}


class GarbageWorker:
    """One of the two workers; `artifact` is `blob` or `manifest`."""

    def __init__(self, instruments: Instruments, artifact: str) -> None:
        self._artifact = artifact
        self._runs = Recorder(instruments, gc.RUNS)
        self._run_times = Recorder(instruments, gc.RUN_DURATION)
        self._deletes = Recorder(instruments, gc.DELETES)
        self._delete_times = Recorder(instruments, gc.DELETE_DURATION)
        self._bytes = Recorder(instruments, gc.BYTES)
        self._postpones = Recorder(instruments, gc.POSTPONES)
        self._sleeps = Recorder(instruments, gc.SLEEP)

    @contextmanager
    def run(self) -> Iterator[Run]:
        """One run of the worker."""
        run = Run()
        error = False
        start = perf_counter()
        try:
            yield run
        except Exception:
            error = True
            raise
        finally:
            seconds = perf_counter() - start
            labels = run.labels(error=error)
            self._runs.add(1, worker=self._artifact, **labels)
            self._run_times.observe(seconds, worker=self._artifact, **labels)

    @contextmanager
    def delete(self, backend: str) -> Iterator[None]:
        """The deletion of the artifact in `storage` or in the `database`.

        What is already gone from storage is deleted: catch it inside the block.
        """
        error = deleted = False
        start = perf_counter()
        try:
            yield
            deleted = True
        except Exception:
            error = True
            raise
        finally:
            labels = {"backend": backend, "artifact": self._artifact}
            self._delete_times.observe(perf_counter() - start, error=error, **labels)
            if deleted:
                self._deletes.add(1, **labels)

    def freed(self, size: int, media_type: str) -> None:
        """So many bytes of storage were freed; size and media type as the database has them."""
        self._bytes.add(size, media_type=media_type)

    def postponed(self) -> None:
        """A review was postponed after an error."""
        self._postpones.add(1, worker=self._artifact)

    def sleeping(self, seconds: float) -> None:
        """The worker is about to sleep so long."""
        self._sleeps.observe(seconds, worker=self._artifact)
