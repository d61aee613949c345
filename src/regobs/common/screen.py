"""Where text is read: a terminal with its width and colours, or a pipe."""

from __future__ import annotations

import os
import sys
import textwrap
from enum import StrEnum
from typing import TextIO

from regobs.common.frozen import frozen


class Colour(StrEnum):
    """The colours of a terminal that say something, as the numbers of ECMA-48 ("select graphic rendition")."""

    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    BOLD = "1"
    DIM = "2"


@frozen
class Screen:
    """Where text is read: `width` in characters, None where lines may be as long as they are; whether colour shows."""

    width: int | None = None
    colour: bool = False

    def paint(self, text: str, colour: Colour | None) -> str:
        """The text in a colour where this screen has colours."""
        return f"\x1b[{colour.value}m{text}\x1b[0m" if self.colour and colour and text else text


PIPE = Screen()


def screen(stream: TextIO | None = None) -> Screen:
    """What `stream` is, stdout by default: a terminal with its width, or a pipe.

    No colour where NO_COLOR is set and not empty (https://no-color.org), or where TERM is "dumb". COLUMNS overrides the
    width of a terminal, as in a shell.
    """
    stream = stream or sys.stdout
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # no terminal; or no file at all, as under a test
        return PIPE
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isascii() and columns.isdigit() and len(columns) <= 6 else size.columns
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(width or None, colour)  # some terminals say 0 for a width that they do not know


def wrapped(text: str, on: Screen) -> str:
    """Lines no longer than a terminal is wide, what follows of a line indented below it; in a pipe as they are.

    Words that are longer stay whole, so that a query can be copied.
    """
    if on.width is None:
        return text
    found = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        width = max(on.width, len(indent) + 20)
        fold = textwrap.TextWrapper(width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        found += fold.wrap(line) or [""]
    return "\n".join(found)
