"""A program in a pseudo-terminal of 80 x 24, and what its screen shows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

PATIENCE = 60.0  # seconds; a busy machine


class Terminal:
    """The program, started at once; keys are sent, and the screen is waited for."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self._screen = pyte.HistoryScreen(80, 24, history=1000)
        setattr(self._screen, "write_process_input", self.send)  # noqa: B010 - programs ask where the cursor is
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=dict(env),
            cwd=str(cwd),
            dimensions=(24, 80),
            timeout=0,
            use_poll=True,  # select() takes no file of a number beyond 1,023
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)

    @property
    def shown(self) -> str:
        """What stands on the screen now."""
        self._read(0)
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def cursor(self) -> tuple[int, int]:
        """Line and column of the cursor, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    @property
    def colours(self) -> set[str]:
        """The colours of all that stands on the screen, of characters and behind them."""
        self._read(0)
        cells = [self._screen.buffer[line][column] for line in range(24) for column in range(80)]
        return {colour for cell in cells for colour in (cell.fg, cell.bg)}

    def send(self, keys: str) -> None:
        """Type keys."""
        self._child.send(keys.encode())

    def wait(self, *texts: str) -> str:
        """What is shown as soon as all the texts are on the screen. AssertionError when that does not happen."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.shown for text in texts):
            assert time.monotonic() < deadline, f"{texts} are not on the screen:\n{self.shown}"
            self._read(0.1)
        return self.shown

    def type(self, keys: str, *texts: str) -> str:
        """Type keys and wait for texts."""
        self.send(keys)
        return self.wait(*texts)

    def ended(self) -> int | None:
        """The exit code, waited for."""
        deadline = time.monotonic() + PATIENCE
        while self._child.isalive():
            assert time.monotonic() < deadline, f"it does not end:\n{self.shown}"
            self._read(0.1)
        code: int | None = self._child.exitstatus
        return code

    def _read(self, seconds: float) -> None:
        try:
            self._stream.feed(self._child.read_nonblocking(65_536, seconds))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
