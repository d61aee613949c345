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


@contextmanager
def working(
    what: Callable[[], str],
    *,
    stream: TextIO | None = None,
    after: float = AFTER_SECONDS,
    every: float = 0.5,
) -> Iterator[None]:
    """Say on a terminal, standard error by default, what is being done, once it takes longer than `after` seconds.

    `what` is asked each time. The line is gone at the end. Nothing is said where the stream is no terminal.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield
        return
    done, begin = threading.Event(), time.monotonic()
    teller = threading.Thread(target=_tell, args=(stream, what, done, begin, after, every), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(  # noqa: PLR0917 - of a thread
    stream: TextIO, what: Callable[[], str], done: threading.Event, begin: float, after: float, every: float
) -> None:
    if done.wait(after):
        return
    widest = 0
    while True:
        text = f"{what()} ... {time.monotonic() - begin:.0f} s"
        widest = max(widest, len(text))
        stream.write(f"\r{text:<{widest}}")
        stream.flush()
        if done.wait(every):
            break
    stream.write(f"\r{'':<{widest}}\r")
    stream.flush()


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
