"""The log exporter: follows files, counts their lines, and stores places and counts together.

Nothing is served before the files are read to their end once: after `kill -9` counting goes on from the checkpoint, and
what was shown since then must not be shown as less, which a Prometheus would take for a restart of the counter.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time
from typing import Any

import msgspec

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.common.files import open_lock, open_regular, write_file
from regobs.common.jsontext import finite_json
from regobs.common.reasons import reason_of, shape_of
from regobs.common.working import ReadingProgress
from regobs.errors import MachineError
from regobs.exporters.declared import DeclaredMetric
from regobs.exporters.log_counts import LogCounter, Warn, no_warning
from regobs.exporters.log_files import LogFiles
from regobs.exporters.piped_lines import PipedLines
from regobs.exporters.state_places import LOCK, held_file, refuse_special_state, refuse_state_file
from regobs.exporters.totals import OTHER, ExporterInstruments
from regobs.exporters.troubles import LastingTroubles
from regobs.exporters.written_files import distinct_files
from regobs.instrument import Instruments
from regobs.logs.reading.outcome import FilesRead, LinesSeen, refuse, summed
from regobs.logs.reading.read import open_log, parts
from regobs.logs.reading.sources import STDIN, STDIN_NAME
from regobs.logs.reading.wrapping import Unwrapper

_LOG = logging.getLogger("regobs.exporters.logs")
_POLL = 0.25  # seconds between two looks at files that do not grow
_SHOW = 1.0  # second between two looks at how far behind each file is, while there is much to read
_CHECKPOINT = 5.0  # seconds between two checkpoints: what a restart reads again
_PART = 8 << 20  # bytes of a file that are read before the others have their turn
_LAST = (
    5.0  # seconds that an end waits until the places account for all lines; else the last checkpoint is gone on from
)
_FORM = 1
MOST_FILES = 1000  # with series of their own
_NOT_STORED = "the state cannot be stored"


def count_once(
    files: Sequence[str],
    flavor: Flavor,
    namespaces: int,
    declared: Sequence[DeclaredMetric] = (),
    *,
    openmetrics: bool = True,
    warn: Warn = no_warning,
    progress: ReadingProgress | None = None,
) -> tuple[str, FilesRead]:
    """The counts of files as they are, plain or packed, and of standard input for `-`: OpenMetrics or Prometheus' text.

    Each content counts once, under however many names it is given. Beside it stands what came of the files. Raises
    InputError where a file cannot be read, or where no line of any can be read.
    """
    counter = LogCounter(flavor, namespaces=namespaces, declared=declared)
    seen: dict[str, LinesSeen] = {}
    names, tars, unopened = distinct_files(files, warn)
    for name in names:
        unwrapper = counter.unwrapper(name)
        with open_log(name, sys.stdin.buffer) as file:
            shown = STDIN_NAME if name == STDIN else name
            seen[shown] = LinesSeen()
            for part in parts(progress.of(shown, file) if progress else file):
                seen[shown].read(part)
                counter.count(part.contents, unwrapper)
            seen[shown].end()
    came = summed(seen, tars, unopened)
    if came.nothing:
        refuse(came.unread, came.broken, came.unopened)
    counter.warn_refused(warn)
    return ExporterInstruments(counter.all_totals).render(openmetrics=openmetrics).decode(), came


@contextmanager
def locked_state(state: Path | None) -> Iterator[None]:
    """Hold a state file alone: two exporters would overwrite each other's places. Raises MachineError where one has it.

    Its folder is made where there is none. Where nothing can be written beside it there is nothing that two could
    overwrite.
    """
    if state is None:
        yield
        return
    refuse_special_state(state)
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        lock = open_lock(Path(f"{state}{LOCK}"))
    except OSError as fault:
        _LOG.warning("the state file cannot be locked", extra={"file": str(state), "error": fault.strerror or ""})
        yield
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise held_file(state) from None
    finally:
        os.close(lock)


@contextmanager
def _readable(state: Path) -> Iterator[None]:
    """What cannot be read of a state file as a MachineError."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        fault = reason_of(error) if isinstance(error, OSError) else shape_of(error)
        raise _unreadable(state, fault) from None


def _unreadable(state: Path, fault: str) -> MachineError:
    return MachineError(
        "the state file cannot be read",
        value=f"{state}: {fault[:200]}",
        expected=f"what this version of regobs wrote (form {_FORM})",
        next_step="move it away: counting then begins at the start of the files, from 0",
    )


class LogExporter:
    """Follows logs on a thread of its own. Without a `state` file a restart begins at the files' start.

    `ended` is called when it cannot go on: who serves its counts must not show old ones for ever.
    """

    def __init__(
        self,
        files: list[str],
        flavor: Flavor,
        *,
        namespaces: int = 100,
        declared: Sequence[DeclaredMetric] = (),
        state: Path | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._counter = LogCounter(flavor, namespaces=namespaces, declared=declared)
        self._files = PipedLines(sys.stdin.buffer) if files == ["-"] else LogFiles(files)
        self._unwrappers: dict[str, Unwrapper] = {}
        self._shown: dict[str, None] = {}  # files that the gauge has
        self._more = False  # whether it has not all
        self._state = state
        self._places: dict[str, Any] | None = None  # of the files of a state that was loaded, until they are read on
        self._stored = monotonic()
        self._end = threading.Event()
        self._ends_at = 0.0
        self._left = False  # whether counting was left in the middle of lines that no place accounts for
        self._thread = threading.Thread(target=self._go_on, name="regobs-logs", daemon=True)
        self._ready = threading.Event()
        self.fault: MachineError | None = None  # why counting ended
        self._ended = ended
        self._told = ""
        self._troubles = LastingTroubles(_LOG)
        self.totals, self.all_totals = self._counter.totals, self._counter.all_totals
        self.instruments: Instruments | None = None

    @property
    def ready(self) -> bool:
        """Whether every file was read to its end once."""
        return self._ready.is_set()

    def start(self) -> None:
        """Begin."""
        if self.instruments is not None and self._state is not None:
            self.instruments.gauge(metrics.CHECKPOINT).child().set(0)  # none yet, which is told too
        self._thread.start()

    def stop(self) -> None:
        """End after the block that is counted, and store places and counts."""
        self._ends_at = monotonic() + _LAST
        self._end.set()
        self._thread.join()
        if (
            self.fault is None and not self._left and self._files.settled
        ):  # else the last checkpoint is what can be gone on from
            self._store()
        self._files.close()

    def read(self) -> bool:
        """Count what was written since the last call; whether that was anything.

        A part of each file at a time, but not before all were read to their end once: nothing is shown until then.
        """
        return self._count(self._files.blocks(_PART if self.ready else math.inf))

    def load(self) -> None:
        """Take what was counted from the state file. Raises MachineError for one that cannot be read."""
        if self._state is None or not self._state.exists():
            return
        with _readable(self._state):
            with os.fdopen(open_regular(self._state, os.O_RDONLY), "rb") as file:
                state = finite_json(file.read())  # msgspec takes no names of files that are not UTF-8
            if state["form"] != _FORM:
                raise _unreadable(self._state, f"form {state['form']}")
            for one in self._counter.load(state["counts"]):
                extra = {"metric": one.metric, "changed": ", ".join(one.changed)}
                _LOG.warning("a declared metric begins anew at 0: it is defined in another way now", extra=extra)
            for path, begun in state.get("begun", {}).items():  # earlier versions stored none
                self._unwrappers[path] = self._counter.unwrapper(path, begun)
            own, failed = state.get("own", {}), state.get("failed", {})
            for path in sorted(own.keys() | failed.keys()):
                waiting = ((key, count) for key, count in own.get(path, ()))
                self._counter.own_lines(self._unwrapper(path)).go_on(waiting, failed.get(path, ()))
            self._places = dict(state["files"])

    def judge_state(self) -> None:
        """Raise MachineError where the state file could not be used, by this process now; nothing is written."""
        if self._state is not None:
            refuse_state_file(self._state)
            self.load()

    def restore(self) -> None:
        """Go on from the state file, which is read here where `load` was not called. Raises MachineError as that."""
        if self._places is None:
            self.load()
        if self._places is None or self._state is None:
            return
        with _readable(self._state):
            if self.instruments is not None:
                self.instruments.gauge(metrics.CHECKPOINT).child().set(self._state.stat().st_mtime)
            self._count(self._files.resume(self._places), may_store=False)
        self._places = None

    def _go_on(self) -> None:
        try:
            self.restore()
            if not self._left:
                self._files.open()
                self._store()  # a kill before the first lines are counted must not begin at a later generation
            while not self._end.is_set():
                busy = self._read_on()
                if monotonic() - self._stored > _CHECKPOINT or (self._files.switched and self._files.settled):
                    self._store()
                if not busy:
                    self._end.wait(_POLL)
        except MachineError as error:
            self.fault = error
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is counted from now on
            _LOG.exception("counting ended")
            self.fault = MachineError("counting ended", value=f"{type(error).__name__}: {error}"[:200])
        if self.fault is not None:
            self._ready.clear()
            self._ended()

    def _read_on(self) -> bool:
        """As `read`; a disk or folder that cannot be read just now is told once and tried again."""
        try:
            busy = self.read()
        except OSError as fault:
            if self._told != str(fault):
                self._told = str(fault)
                extra = {"file": str(fault.filename or ""), "error": fault.strerror or str(fault)}
                _LOG.warning("files cannot be read", extra=extra)
            return False
        self._told = ""
        if not self._files.held and not self._end.is_set():
            self._ready.set()
        return busy

    def _count(self, blocks: Iterator[tuple[str, list[bytes]]], *, may_store: bool = True) -> bool:
        busy = False
        looked = monotonic()
        for path, lines in blocks:
            self._counter.count(lines, self._unwrapper(_shown(path)))
            busy = busy or bool(lines)
            if monotonic() - looked >= _SHOW:
                looked = monotonic()
                self._show_progress(busy=busy)
            if may_store and self._files.settled and monotonic() - self._stored > _CHECKPOINT:
                self._store()
            if self._end.is_set():
                accounted = may_store and self._files.settled
                self._left = not accounted and monotonic() > self._ends_at
                if accounted or self._left:
                    break
        self._show_progress(busy=busy)
        return busy

    def _show_progress(self, *, busy: bool) -> None:
        if self.instruments is not None:
            self._show(self.instruments, {_shown(path): size for path, size in self._files.behind().items()})
            if busy:
                self.instruments.gauge(metrics.LAST_LINE).child().set(time())

    def _unwrapper(self, file: str) -> Unwrapper:
        found = self._unwrappers.get(file)
        if found is None:
            found = self._unwrappers[file] = self._counter.unwrapper(file)
        return found

    def _show(self, instruments: Instruments, sizes: Mapping[str, int]) -> None:
        """Show how far behind each file is; those for which there is no room, together as `other`."""
        behind = instruments.gauge(metrics.BEHIND)
        gone = self._shown.keys() - sizes.keys()
        for path in gone:
            behind.remove(file=path)
            self._unwrappers.pop(path, None)
            del self._shown[path]
        if gone:
            self._counter.keep_logs(self._unwrappers)
        rest = [path for path in sizes if path not in self._shown]
        room = max(0, MOST_FILES - len(self._shown))
        self._shown |= dict.fromkeys(rest[:room])
        for path in self._shown:
            behind.child(file=path).set(sizes[path])
        if rest[room:]:
            behind.child(file=OTHER).set(sum(sizes[path] for path in rest[room:]))
        elif self._more:
            behind.remove(file=OTHER)
        if rest[room:] and not self._more:
            extra = {"metric": metrics.BEHIND.name, "ceiling": MOST_FILES, "file": rest[room]}
            _LOG.warning("more files than have series of their own: the bytes of the others are `other`", extra=extra)
        self._more = bool(rest[room:])
        instruments.gauge(metrics.UNREADABLE).child().set(self._files.unreadable)

    def _store(self) -> None:
        self._stored = monotonic()
        self._files.stored()
        for totals in self.all_totals:
            totals.log_refused(_LOG)
        if self._state is None:
            return
        logs = {self._counter.own_lines(one): path for path, one in self._unwrappers.items()}
        own = {path: log for log, path in logs.items()}  # each log once, under one of its names
        state = {
            "form": _FORM,
            "counts": self._counter.data(),
            "files": msgspec.Raw(json.dumps(self._files.data()).encode()),
            "begun": {path: begun for path, one in self._unwrappers.items() if (begun := one.data())},
            "own": {path: waiting for path, one in own.items() if (waiting := one.data())},
            "failed": {path: failed for path, one in own.items() if (failed := one.failed())},
        }
        try:
            write_file(self._state, msgspec.json.encode(state))
        except OSError as fault:
            self._troubles.met(_NOT_STORED, fault)
            return
        self._troubles.over(_NOT_STORED)
        if self.instruments is not None:
            self.instruments.gauge(metrics.CHECKPOINT).child().set(time())


def _shown(path: str) -> str:
    """The name of a file as text: what is no UTF-8 in it is escaped."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
