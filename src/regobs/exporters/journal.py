"""What an exporter has taken in and counted, kept so that `kill -9` and a loss of power neither lose nor double it.

A directory of two kinds of files. `checkpoint.json` is the state up to a journal; it is replaced whole. `journal-N` has
a line for each record that came after it. A record counts once its line is synced; records are replayed over the
checkpoint at the next start, in order, and a last line that was cut off was never confirmed and is dropped.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from regobs.common.files import open_lock, open_regular, write_file
from regobs.common.jsontext import finite_json
from regobs.common.reasons import shape_of
from regobs.errors import MachineError
from regobs.exporters.state_places import held_folder, refuse_folder, unusable_folder

_NAME = re.compile(r"journal-([0-9]{1,18})")
_LOCK = "lock"
_FORM = 1  # of the files; another number is refused


class Journal:
    """The directory of one exporter; a second process that opens it is refused."""

    def __init__(self, directory: Path) -> None:
        """Open or make it. Raises MachineError where it cannot be used."""
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = open_lock(directory / _LOCK)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise held_folder(directory) from None
        except OSError as fault:
            raise self._fault(fault) from None
        self._file: int | None = None
        self._number = 0
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of the journal that is written now."""
        return self._size

    def restore(self, load: Callable[[Any], None], replay: Callable[[Any], None]) -> None:
        """Give back the checkpoint, if there is one, and every record after it; then go on in the last journal."""
        try:
            first = self._load(load)
            numbers = sorted(number for number in self._numbers() if number >= first)
            for number in numbers:
                for line, content in self._lines(number):
                    self._replay(replay, number, line, content)
            self._open(numbers[-1] if numbers else first)
        except OSError as fault:
            raise self._fault(fault) from None

    def append(self, records: Sequence[Any]) -> None:
        """Store records: they are on disk when this returns. After an OSError none of them is."""
        assert self._file is not None  # noqa: S101 - `restore` opened it
        data = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)  # what was written of them must not be replayed
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def checkpoint(self, state: Any) -> None:
        """Store the state that holds every record so far, and begin a new journal. Raises OSError."""
        before = self._number
        self._open(before + 1)
        write_file(
            self._directory / "checkpoint.json",
            msgspec.json.encode({"form": _FORM, "journal": before + 1, "state": state}),
        )
        for number in self._numbers():
            if number <= before:
                with suppress(OSError):  # it is not read any more; the next checkpoint tries again
                    (self._directory / f"journal-{number}").unlink()

    def close(self) -> None:
        """Let another process have the directory."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = None

    def _load(self, load: Callable[[Any], None]) -> int:
        file = self._directory / "checkpoint.json"
        if not file.exists():
            return 0
        try:
            with os.fdopen(open_regular(file, os.O_RDONLY), "rb") as content:
                stored = finite_json(content.read())
            load(stored["state"] if stored["form"] == _FORM else {})  # which lacks all that a state has
            return int(stored["journal"])
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            raise MachineError(
                "the checkpoint cannot be read",
                value=f"{file}: {shape_of(fault)[:200]}",
                expected=f"what this version of regobs wrote (form {_FORM})",
                next_step="move the directory away: the counts then begin at 0",
            ) from None

    def _numbers(self) -> Iterator[int]:
        for name in os.listdir(self._directory):  # noqa: PTH208 - names are all that is wanted
            if found := _NAME.fullmatch(name):
                yield int(found[1])

    def _replay(self, replay: Callable[[Any], None], number: int, line: int, content: bytes) -> None:
        try:
            replay(finite_json(content))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
            raise MachineError(
                "a line of the journal cannot be read",
                value=f"{self._directory / f'journal-{number}'}:{line}: {shape_of(fault)[:200]}",
                expected="a record that regobs wrote: something else wrote here, or the disk is damaged",
                next_step="remove this line, which loses what it counted, or move the directory away: the counts then"
                " begin at 0",
            ) from None

    def _lines(self, number: int) -> Iterator[tuple[int, bytes]]:
        """The whole lines of a journal, with their numbers."""
        with os.fdopen(open_regular(self._directory / f"journal-{number}", os.O_RDONLY | os.O_NOFOLLOW), "rb") as lines:
            for line, content in enumerate(lines, 1):
                if content.endswith(b"\n"):
                    yield line, content

    def _open(self, number: int) -> None:
        """Go on at the end of a journal, behind its last whole line."""
        path = self._directory / f"journal-{number}"
        file = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        size = os.fstat(file).st_size
        whole = 0
        if size:
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            os.ftruncate(file, whole)
        os.lseek(file, whole, os.SEEK_SET)
        if self._file is not None:
            os.close(self._file)
        self._file, self._number, self._size = file, number, whole

    def _fault(self, fault: OSError) -> MachineError:
        return unusable_folder(Path(fault.filename or self._directory), fault.strerror or str(fault))


def judge_directory(directory: Path) -> None:
    """Raise MachineError for a directory that a `Journal` could not use; nothing is written."""
    refuse_folder(directory, directory / _LOCK, held_folder(directory))
