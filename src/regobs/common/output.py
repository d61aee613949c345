"""Standard output and standard error whose reader may leave, or which may be full, while a command goes on.

What a command does and which exit code it has must not depend on who reads: `regobs deploy apply 2>&1 | head` changes
every target, and `regobs slo policy | head` says that a budget is spent. What only prints, and may print without end,
calls `end_with_reader` and is ended.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDERR = 2


class OutputLostError(Exception):
    """What is printed goes nowhere any more, and nothing but printing was left to be done."""


class Output(io.FileIO):
    """A descriptor of which the rest goes nowhere once it cannot be written.

    `fault` is why, None for nothing and where its reader left. With `ends` either is an OutputLostError.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.fault: OSError | None = None
        self.ends = False
        self._lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what there is room for."""
        size = memoryview(data).nbytes
        if size == 0:  # click tries out so whether a stream takes bytes, and hears of no fault
            return 0
        if not self._lost:
            try:
                return super().write(data)
            except OSError as error:
                self._print_nothing_more()
                if not isinstance(error, BrokenPipeError):
                    self.fault = error
        if self.ends:
            raise OutputLostError
        return size

    def _print_nothing_more(self) -> None:
        self._lost = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def guarded_output() -> Iterator[Output | None]:
    """Let both streams of this process be of this kind; standard output, None where somebody has replaced it."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guarded(sys.stdout, sys.__stdout__), _guarded(sys.stderr, sys.__stderr__)
    try:
        yield _output_of(sys.stdout)
    finally:
        for stream in (sys.stdout, sys.stderr):
            if (output := _output_of(stream)) is not None:
                output.ends = False
                stream.flush()
        sys.stdout, sys.stderr = before


def end_with_reader() -> None:
    """From here on only printing is done, maybe without end: it is over when standard output goes nowhere."""
    if (output := _output_of(sys.stdout)) is not None:
        output.ends = True


def occupy_closed_streams() -> None:
    """Open what is closed of the three standard streams as if it were /dev/null: no file may get their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")


def _nowhere(mode: str) -> TextIO:
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123 - for the life of the process


def _guarded(stream: TextIO, own: TextIO | None) -> TextIO:
    """A stream of this process as it was, over an `Output`; one that somebody else has put there stays."""
    if stream is not own or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    output = Output(stream.fileno())
    buffered = isinstance(stream.buffer, io.BufferedWriter)  # it is not with PYTHONUNBUFFERED
    return io.TextIOWrapper(
        io.BufferedWriter(output) if buffered else output,
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _output_of(stream: TextIO) -> Output | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, Output) else None
