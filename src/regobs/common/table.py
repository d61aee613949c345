"""Text tables, for a terminal or a pipe, and colour for a terminal.

On a terminal a table fits its width: the widest columns are shortened. In a pipe or a file nothing is shortened and
nothing is coloured, so what reads it gets everything.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

_GAP = "  "
_NARROWEST = 8  # characters: a column is not shortened further, the terminal breaks the line then


class Colour(StrEnum):
    """The colours of a terminal that say something, as the numbers of ECMA-48 ("select graphic rendition")."""

    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    BOLD = "1"
    DIM = "2"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table in a colour."""

    text: str
    colour: Colour | None = None


Value = str | int | float | bool | tuple[str, ...] | Cell | None


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    on: Screen = PIPE,
    right: Collection[str] = (),
    widest: int | None = None,
    underline: bool = False,
    indent: int = 0,
) -> str:
    """The rows as lines under their headings, two spaces apart, without blanks at their ends and a final line break.

    Columns of numbers stand to the right, and those whose heading is in `right`; None is an empty cell. Control
    characters are escaped. `head` may be empty: no line of headings then. `widest` shortens cells everywhere.
    """
    values = [list(row) for row in rows]
    count = len(head) or max(map(len, values), default=0)
    cells = [[_text(value, widest) for value in row] for row in values]
    headings = [Cell(escape(text), Colour.BOLD) for text in head]
    lines = [headings, *cells] if head else cells
    widths = [max(display_width(line[column].text) for line in lines) for column in range(count)] if lines else []
    widths = _fit(widths, None if on.width is None else on.width - indent)
    to_right = [
        bool(head and head[column] in right) or _numeric([row[column] for row in values]) for column in range(count)
    ]
    if underline and head:
        lines.insert(1, [Cell("-" * width, Colour.DIM) for width in widths])
    return "\n".join(_line(line, widths, to_right, on, indent) for line in lines)


def escape(text: str) -> str:
    """The text with escapes in the place of what a terminal would obey or not show."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shorten(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis, in at most `width` places of a terminal."""
    if display_width(text) <= width:
        return text
    if text.isascii():
        return text[: max(width - 1, 0)] + "…"
    shown, room = [], width - 1
    for char in text:
        room -= display_width(char)
        if room < 0:
            break
        shown.append(char)
    return "".join(shown) + "…"


def display_width(text: str) -> int:
    """How many places of a terminal the text takes: Chinese characters take two, combining accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def _fit(widths: list[int], room: int | None) -> list[int]:
    """The widths, the widest made narrower until the line fits."""
    if room is None:
        return widths
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    widths = list(widths)
    while excess > 0:
        widest = max(widths)
        if widest <= _NARROWEST:
            break
        least = max([width for width in widths if width < widest], default=_NARROWEST)
        wide = [index for index, width in enumerate(widths) if width == widest]
        step = min(widest - max(least, _NARROWEST), -(-excess // len(wide)))
        for index in wide:
            widths[index] -= step
        excess -= step * len(wide)
    return widths


def _line(cells: Sequence[Cell], widths: Sequence[int], to_right: Sequence[bool], on: Screen, indent: int) -> str:
    parts = []
    for cell, width, right in zip(cells, widths, to_right, strict=True):
        text = shorten(cell.text, width)
        blanks = " " * (width - display_width(text))
        painted = on.paint(text, cell.colour)
        parts.append(blanks + painted if right else painted + blanks)
    return (" " * indent + _GAP.join(parts)).rstrip()


def _numeric(column: Sequence[Value]) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in column if value is not None]
    return bool(numbers) and all(numbers)


def _text(value: Value, widest: int | None) -> Cell:
    if isinstance(value, Cell):
        cell = Cell(escape(value.text), value.colour)
    else:
        cell = Cell(escape(plain(value)) if not isinstance(value, int | float) else number(value))
    return cell if widest is None else Cell(shorten(cell.text, widest), cell.colour)


def plain(value: str | float | bool | tuple[str, ...] | None) -> str:
    """A value as text that a program reads: nothing for None, `true` and `false`, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def number(value: float) -> str:
    """A number as a person reads it: groups of three digits, six digits that count; a truth value as a word."""
    if isinstance(value, bool):
        return plain(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
