"""Sections of rows, and the lines that they become on a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from regobs.common.screen import Colour, Screen
from regobs.common.table import Cell, Value, escape, shorten, table
from regobs.top.place import TopPlace

MARK = "  "  # the heading of the column of marks
INDENT = "    "  # the column of marks, and the gap behind it
_MARKS = {Colour.RED: "!!", Colour.YELLOW: "!"}


@dataclass(frozen=True, slots=True)
class TopRow:
    """Cells of a table, and the page that the row leads to."""

    cells: Sequence[Value]
    target: TopPlace | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A table, whose first heading is also its title; `empty` is said where there are no rows.

    `text` are lines in the place of rows, laid out already.
    """

    head: Sequence[str]
    rows: Sequence[TopRow] = ()
    empty: str = ""
    right: Collection[str] = ()
    text: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TopLine:
    """A line of the view, in the colours of a terminal, and the page that it leads to."""

    text: str
    target: TopPlace | None = None


def laid_out(section: Section, on: Screen) -> Iterator[TopLine]:
    """The lines of a section on a screen."""
    if not section.rows:
        has_marks = section.head[:1] == (MARK,)
        for title in section.head[has_marks : has_marks + 1]:
            shown = shorten((INDENT if has_marks else "") + escape(title), on.width or 80)
            yield TopLine(on.paint(shown, Colour.BOLD))
        yield from map(TopLine, section.text)
        if section.empty and not section.text:
            yield TopLine(f"{INDENT if has_marks else '  '}{escape(section.empty)}")
        return
    text = table(section.head, [row.cells for row in section.rows], on=on, right=section.right).split("\n")
    targets = [None] if section.head else []
    yield from map(TopLine, text, [*targets, *(row.target for row in section.rows)])


def mark(colour: Colour | None) -> str:
    """What a colour says, where none shows."""
    return _MARKS.get(colour, MARK) if colour else MARK


def marked(cell: Cell) -> Cell:
    """The mark of a coloured cell, in its colour."""
    return Cell(mark(cell.colour), cell.colour)


def since(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
