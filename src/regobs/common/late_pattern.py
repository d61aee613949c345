"""Regular expressions that are compiled when they are first used.

To compile one takes as long as to import a small module; most commands use few of those in what they import.
"""

from __future__ import annotations

import re
from collections.abc import Callable


class LatePattern:
    """A pattern of `re` with the methods that are called here; `compiled` is the pattern itself, for loops."""

    __slots__ = ("_flags", "_made", "_text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text, self._flags = text, flags
        self._made: re.Pattern[str] | None = None

    @property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, compiled by the first call."""
        if self._made is None:
            self._made = re.compile(self._text, self._flags)
        return self._made

    def match(self, text: str, start: int = 0) -> re.Match[str] | None:
        """As of a pattern."""
        return self.compiled.match(text, start)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """As of a pattern."""
        return self.compiled.fullmatch(text)

    def search(self, text: str) -> re.Match[str] | None:
        """As of a pattern."""
        return self.compiled.search(text)

    def sub(self, by: str | Callable[[re.Match[str]], str], text: str) -> str:
        """As of a pattern."""
        return self.compiled.sub(by, text)
