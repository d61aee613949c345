"""A line on a terminal that says what takes long, and how far it is."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO, TextIO

AFTER_SECONDS = 2.0  # of silence that nobody wonders about


class Teller:
    """A line on a terminal about work that shows results in between: it gives way to them, and rests on request."""

    def __init__(self, stream: TextIO, what: Callable[[], str], after: float, every: float) -> None:
        self._stream, self._what, self._after, self._every = stream, what, after, every
        self._lock, self._done, self._widest = threading.Lock(), threading.Event(), 0
        self.begun, self._resting = time.monotonic(), False

    def rest(self) -> None:
        """Clear the line: something else is shown or waited for, until `go_on`."""
        with self._lock:
            self._resting = True
            self._clear()

    def go_on(self) -> None:
        """The work goes on, which is told when it is silent for too long from now."""
        self.begun, self._resting = time.monotonic(), False

    def end(self) -> None:
        """Clear the line for good."""
        self._done.set()
        self.rest()

    def run(self) -> None:
        """Tell until the end; for a thread."""
        pause = self._after
        while not self._done.wait(pause):
            pause = self.look(time.monotonic())

    def look(self, now: float) -> float:
        """Write the line if it is time; after how many seconds to look again."""
        with self._lock:
            if self._resting or now - self.begun < self._after:
                return self._every
            text = self._what()
            if not text:
                self._clear()
                return self._every
            text = f"{text} ... {now - self.begun:.0f} s"
            self._widest = max(self._widest, len(text))
            self._stream.write(f"\r{text:<{self._widest}}")
            self._stream.flush()
            return self._every

    def _clear(self) -> None:
        if self._widest:
            self._stream.write(f"\r{'':<{self._widest}}\r")
            self._stream.flush()
            self._widest = 0


@contextmanager
def working(
    what: Callable[[], str],
    *,
    stream: TextIO | None = None,
    after: float = AFTER_SECONDS,
    every: float = 0.5,
) -> Iterator[Teller | None]:
    """Say on a terminal, standard error by default, what is being done, once it takes longer than `after` seconds.

    `what` is asked each time; where it has no text, nothing is said. The line is gone at the end. Nothing is said, and
    there is no teller, where the stream is no terminal.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield None
        return
    teller = Teller(stream, what, after, every)
    thread = threading.Thread(target=teller.run, daemon=True)
    thread.start()
    try:
        yield teller
    finally:
        teller.end()
        thread.join()


class Counted:
    """A file that counts what is read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.name = getattr(file, "name", "")
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found = self._file.read(size)
        self.count += len(found)
        return found


class ReadingProgress:
    """How far the files are read that are read one after the other."""

    def __init__(self) -> None:
        self._name, self._file, self._size = "", Counted(BytesIO()), 0

    def of(self, name: str, file: BinaryIO) -> Counted:
        """The file that is read now, counted."""
        self._name, self._file, self._size = name, Counted(file), _size(file)
        return self._file

    def text(self) -> str:
        """The name of the file, and what was read of it, and how much there is where that is known."""
        if not self._name:
            return "looking at the files"
        size = f" of {megabytes(self._size)}" if self._size else ""
        return f"{self._name}: {megabytes(self._file.count)}{size}"


def _size(file: BinaryIO) -> int:
    """The bytes of a file, 0 of what has no size, as a pipe."""
    try:
        return os.fstat(file.fileno()).st_size
    except OSError:
        return 0


def megabytes(count: int) -> str:
    """A number of bytes as a person reads it.

    >>> megabytes(112_400_000)
    '112 MB'
    """
    return f"{count / 1_000_000:,.0f} MB"
