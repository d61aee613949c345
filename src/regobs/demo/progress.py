"""What the demo says while it runs: lines with the seconds since its start; a terminal shows how long it waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, TypeVar

_T = TypeVar("_T")
_POLL_SECONDS = 0.25
_REMINDER_SECONDS = 15.0  # between two lines about the same wait where lines cannot be rewritten


class Progress:
    """Writes to a stream; `begun` is time.monotonic() at the start."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._rewrite = self._stream.isatty()
        self.begun = time.monotonic()
        self.events: list[tuple[float, str, str]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun

    def title(self, text: str) -> None:
        """A new part of the story."""
        self._write(f"\n{self._mark()} {text}\n")

    def happened(self, kind: str, text: str) -> None:
        """A new part of the story that is marked on the page too; `kind` is fault or repair."""
        self.events.append((time.time(), kind, text))
        self.title(text)

    def say(self, text: str) -> None:
        """One line that stays."""
        self._write(f"{self._mark()}   {text}\n")

    def show(self, text: str) -> None:
        """A block as it is, indented."""
        self._write("".join(f"          {line}".rstrip() + "\n" for line in text.splitlines()))

    def wait(self, what: str, look: Callable[[], _T | None], *, seconds: float) -> _T | None:
        """Call `look` until it returns something true, at most `seconds`; None when it never did."""
        started = reminded = time.monotonic()
        while True:
            found = look()
            now = time.monotonic()
            if found or now - started > seconds:
                self._write("\r\x1b[K" if self._rewrite else "")
                return found or None
            if self._rewrite:
                self._write(f"\r\x1b[K{self._mark()}   waiting {now - started:.0f} s for {what}")
            elif now - reminded >= _REMINDER_SECONDS:
                reminded = now
                self.say(f"still waiting for {what}")
            time.sleep(_POLL_SECONDS)

    def _mark(self) -> str:
        return f"[{self.elapsed:5.1f} s]"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
