"""The lines of a pipe, such as standard input, in the place of files."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Iterator
from typing import Any, BinaryIO

from regobs.exporters.log_generations import LONGEST_LINE, Lines
from regobs.logs.reading.sources import STDIN_NAME

_LOG = logging.getLogger("regobs.exporters.logs")
_BLOCK, _BLOCKS = 1 << 16, 64  # bytes that are read of a pipe at once, and how often before the counts are shown


class PipedLines:
    """The lines of a pipe as they come, in the place of `LogFiles`. What was read cannot be read again."""

    settled = True
    switched = False
    held = False
    unreadable = 0

    def __init__(self, pipe: BinaryIO) -> None:
        self._descriptor = pipe.fileno()
        self._waiting = select.poll()  # and not `select`, which knows no descriptor above 1023
        self._waiting.register(self._descriptor, select.POLLIN)
        self._rest = b""
        self._open = True

    def open(self) -> None:
        """Nothing is to be opened."""

    def blocks(self, _most: float = 0) -> Iterator[tuple[str, Lines]]:
        """The name of the pipe, and lines that were written to it since the last call; the last may lack its end."""
        for _ in range(_BLOCKS):
            if not self._open or not self._waiting.poll(0):
                return
            block = os.read(self._descriptor, _BLOCK)
            self._open = bool(block)
            if not block:
                _LOG.warning("the input has ended: what was counted is shown until the exporter is told to end")
            *lines, rest = (self._rest + (block or b"\n" * bool(self._rest))).split(b"\n")
            self._rest = rest[:LONGEST_LINE]
            yield STDIN_NAME, lines

    def stored(self) -> None:
        """Do nothing: a pipe has no place."""

    def behind(self) -> dict[str, int]:
        """Nothing: how much the pipe holds is not known."""
        return {}

    def data(self) -> dict[str, Any]:
        """Nothing: a pipe has no place to go on from."""
        return {}

    def resume(self, _state: dict[str, Any]) -> Iterator[tuple[str, Lines]]:
        """Nothing is left of a pipe that another process read."""
        return iter(())

    def close(self) -> None:
        """The pipe is closed by who opened it."""
