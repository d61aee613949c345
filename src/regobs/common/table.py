"""Text tables, for a terminal or a pipe, and colour for a terminal.

On a terminal a table fits its width: the widest columns of text are shortened, numbers and times only where nothing
else is left to shorten. In a pipe or a file nothing is shortened and nothing is coloured, so what reads it gets
everything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from regobs.common.counts import amount_text
from regobs.common.frozen import frozen
from regobs.common.late_pattern import LatePattern
from regobs.common.screen import PIPE, Colour, Screen, wrapped

_GAP = "  "
_NARROWEST = 8  # characters: a column is not shortened further, the terminal breaks the line then
_READABLE = 16  # characters of a text that still say something, such as the beginning of a message
_HEADED = 6  # characters of a word of a heading that still say something, the last an ellipsis
_COPIED = 26  # characters of the longest word that a person copies whole: a correlation id is a ULID
_TIME = LatePattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{4,18}(?:Z|[+-][0-9:]{4,6})?)?")
_OF_SECOND = LatePattern(r"(?<=:[0-9]{2})\.[0-9]++")
_OF_MINUTE = LatePattern(r"(?<=[T ][0-9]{2}:[0-9]{2}):[0-9]{2}(?:\.[0-9]++)?")
_SHARE = LatePattern(r"[-+0-9.e]{1,24} %")


@frozen
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
    underline: bool = False,
    indent: int = 0,
    names: bool = False,
    spare: Sequence[str] = (),
) -> str:
    """The rows as lines under their headings, two spaces apart, without blanks at their ends and a final line break.

    Columns of numbers stand to the right, and those whose heading is in `right`; None is an empty cell. Control
    characters are escaped. `head` may be empty: no line of headings then. With `names` the first column holds names
    that a person copies: it is not cut, and columns at the right that have no place beside it are left out, which a
    last line says. So are those of `spare`, the first of them first, as long as a line is too long.
    """
    values = [list(row) for row in rows]
    room = None if on.width is None else on.width - indent
    gone = _too_many(head, values, right, room, spare)
    if gone:
        kept = [at for at, name in enumerate(head) if name not in gone]
        left = [[row[at] for at in kept] for row in values]
        drawn = table([head[at] for at in kept], left, on=on, right=right, underline=underline, indent=indent)
        return f"{drawn}\n{_left_out(gone, on, indent)}"
    shown = len(head) if room is None or not names else _beside_names(head, values, room)
    grid = _Grid(head[:shown], [row[:shown] for row in values] if names else values, right, names=names)
    drawn = grid.drawn(grid.widths(room, _NARROWEST), on, underline=underline, indent=indent)
    if shown == len(head):
        return drawn
    return f"{drawn}\n{_left_out(head[shown:], on)}"


def _left_out(names: Sequence[str], on: Screen, indent: int = 0) -> str:
    missing = f"{' ' * indent}left out for want of space: {', '.join(names)}"
    return on.paint(shorten(missing, on.width or 0), Colour.DIM)


def _too_many(
    head: Sequence[str], rows: Sequence[Sequence[Value]], right: Collection[str], room: int | None, spare: Sequence[str]
) -> Sequence[str]:
    """The first of the spare columns without which readable texts fit, as few as can be; all where none do."""
    for count in range(len(spare) + 1 if room is not None else 0):
        kept = [at for at, name in enumerate(head) if name not in spare[:count]]
        grid = _Grid([head[at] for at in kept], [[row[at] for at in kept] for row in rows], right)
        if _together(grid.widths(room, _READABLE)) <= (room or 0):
            return spare[:count]
    return spare if room is not None else ()


def table_or_records(
    head: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    on: Screen = PIPE,
    underline: bool = False,
    whole: Collection[str] = (),
) -> str:
    """The rows as `table` gives them; where their texts would be cut to a few letters, each row as a list of its cells.

    A word of an id's length is not cut either, since it is copied, nor a column of `whole`. Where it helps, columns
    that are empty in every row are left out, which a last line says, headings take several lines, and times are shown
    to the second, or to the minute; words of headings are shortened where nothing else helps. In such a list each cell
    that is not empty has a line, or more where it is long, behind its heading.
    """
    values = [list(row) for row in rows]
    grid = _Grid(head, values, (), words=True, whole=whole)
    widths = grid.widths(None, _READABLE)
    if on.width is None or _together(widths) <= on.width:
        return grid.drawn(widths, on, underline=underline, indent=0)
    kept = grid.filled
    some = [[row[at] for at in kept] for row in values]
    drawn = _fitting([head[at] for at in kept], some, on, underline=underline, whole=whole)
    if drawn is None:
        names = [Cell(shorten(escape(text), max(on.width // 3, _NARROWEST)), Colour.BOLD) for text in head]
        return "\n\n".join(_record(names, row, on) for row in grid.cells)
    gone = ", ".join(escape(text) for at, text in enumerate(head) if at not in kept)
    told = wrapped(f"left out, as every row has nothing there: {gone}", on) if gone else ""
    return f"{drawn}\n{on.paint(told, Colour.DIM)}" if told else drawn


def _fitting(
    head: Sequence[str], values: Sequence[Sequence[Value]], on: Screen, *, underline: bool, whole: Collection[str]
) -> str | None:
    """The table as it fits the screen; None where too little of its texts would be left."""
    grid = _Grid(head, values, (), words=True, whole=whole)
    widths = grid.widths(on.width, _READABLE)
    if _together(widths) <= (on.width or 0):
        return grid.drawn(widths, on, underline=underline, indent=0)
    for fraction, headed in ((_OF_SECOND, None), (_OF_MINUTE, None), (_OF_MINUTE, _HEADED)):
        rougher = [[_rougher(value, fraction) for value in row] for row in values]
        closer = _Grid(head, rougher, (), words=True, whole=whole)
        widths = closer.widths(on.width, _READABLE, headed)
        if _together(widths) <= (on.width or 0):
            return closer.drawn(widths, on, underline=underline, indent=0, folded=True)
    return None


class _Grid:
    """The cells of a table as text, and what they allow."""

    def __init__(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[Value]],
        right: Collection[str],
        *,
        words: bool = False,
        names: bool = False,
        whole: Collection[str] = (),
    ) -> None:
        values = [list(row) for row in rows]
        self._count = len(head) or max(map(len, values), default=0)
        columns = [[row[column] for row in values] for column in range(self._count)]
        self.cells = [[_text(value) for value in row] for row in values]
        self._headings = [Cell(escape(text), Colour.BOLD) for text in head]
        self._lines = [self._headings, *self.cells] if head else self.cells
        self._right = [bool(head and head[at] in right) or _numeric(column) for at, column in enumerate(columns)]
        # Columns that say something else when they are cut.
        self._kept = [
            number
            or _times(column)
            or _shares(column)
            or (names and at == 0)
            or (bool(head) and head[at] in whole)
            or (words and all(map(_is_word, (row[at].text for row in self.cells))))
            for at, (number, column) in enumerate(zip(self._right, columns, strict=True))
        ]

    @property
    def filled(self) -> list[int]:
        """The places of the columns that have something in a row; of all where none has."""
        places = range(self._count)
        return [at for at in places if any(row[at].text for row in self.cells)] or [*places]

    def widths(self, room: int | None, least: int, headed: int | None = _NARROWEST) -> list[int]:
        """The widths of the columns, the widest made narrower until a line fits or each text has `least` places.

        Columns that are kept stay as wide as their cells as long as others can give: their headings are shortened, to
        `headed` places at least, or to their longest word where that is None.
        """
        widths = _widths(self._lines, self._count)
        if room is None:
            return widths
        filled = _widths(self.cells, self._count)
        words = [_longest_word(head.text) if headed is None else headed for head in self._headings]
        floors = [
            max(word, full if keep else least)
            for word, full, keep in zip(words or [_NARROWEST] * self._count, filled, self._kept, strict=True)
        ]
        found = _narrowed(widths, floors, _together(widths) - room)
        if least == _NARROWEST and _together(found) > room:
            found = _narrowed(found, [_NARROWEST] * len(found), _together(found) - room)
        return found

    def drawn(self, widths: Sequence[int], on: Screen, *, underline: bool, indent: int, folded: bool = False) -> str:
        """The lines. Headings that are `folded` go on in a further line where they are longer than their column."""
        heads = [self._headings] if self._headings else []
        if folded:
            parts = [_folded(head.text, width) for head, width in zip(self._headings, widths, strict=True)]
            deep = max(map(len, parts))
            padded = [[""] * (deep - len(part)) + part for part in parts]
            heads = [[Cell(text, Colour.BOLD) for text in line] for line in zip(*padded, strict=True)]
        ends = [folded and _ends_differ([row[at].text for row in self.cells], width) for at, width in enumerate(widths)]
        lines = [*heads, *([_ended(row, widths, ends) for row in self.cells] if any(ends) else self.cells)]
        if underline and heads:
            lines.insert(len(heads), [Cell("-" * width, Colour.DIM) for width in widths])
        return "\n".join(_line(line, widths, self._right, on, indent) for line in lines)


def _beside_names(head: Sequence[str], rows: Sequence[Sequence[Value]], room: int) -> int:
    """How many columns have a place in a line of `room` beside the names in the first."""
    widths = _widths([[_text(value) for value in row] for row in (head, *rows)], len(head))
    taken = widths[:1] + [min(width, _NARROWEST) for width in widths[1:]]
    return next((count for count in range(len(head), 1, -1) if _together(taken[:count]) <= room), 1)


def _record(names: Sequence[Cell], row: Sequence[Cell], on: Screen) -> str:
    """A row as lines: the heading of a cell, and the cell behind it."""
    margin = max(display_width(name.text) for name in names)
    room = max((on.width or 0) - margin - len(_GAP), _NARROWEST)
    lines = []
    for name, cell in zip(names, row, strict=True):
        for at, text in enumerate(_broken(cell.text, room)):
            shown = Cell("") if at else name
            lines.append(_line([shown, Cell(text, cell.colour)], [margin, room], [False, False], on, 0))
    return "\n".join(lines)


def _broken(text: str, room: int) -> list[str]:
    """A text in lines of at most `room` places, broken behind blanks where there are some; none of an empty one."""
    room = room if text.isascii() else max(room // 2, 1)  # letters may take two places
    lines, begin = [], 0
    while begin < len(text):
        end = begin + room
        if end < len(text):
            end = text.rfind(" ", begin + room // 2, end) + 1 or end
        lines.append(text[begin:end].rstrip())
        begin = end
    return lines


def _widths(lines: Sequence[Sequence[Cell]], count: int) -> list[int]:
    """The places that each column takes."""
    return [max((display_width(line[column].text) for line in lines), default=0) for column in range(count)]


def escape(text: str) -> str:
    """The text with escapes in the place of what a terminal would obey or not show."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def escape_lines(text: str) -> str:
    """The same for a text of several lines, which stay: an error may quote a file or a server that nobody knows."""
    return "\n".join(map(escape, text.split("\n")))


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


def _narrowed(widths: list[int], floors: list[int], excess: int) -> list[int]:
    """The widths with `excess` places less, taken from the widest, none below its floor."""
    widths = list(widths)
    while excess > 0:
        open_to = [index for index, (width, floor) in enumerate(zip(widths, floors, strict=True)) if width > floor]
        if not open_to:
            break
        widest = max(widths[index] for index in open_to)
        wide = [index for index in open_to if widths[index] == widest]
        below = [widths[index] for index in open_to if widths[index] < widest] + [floors[index] for index in wide]
        step = min(widest - max(below), -(-excess // len(wide)))
        for index in wide:
            widths[index] -= step
        excess -= step * len(wide)
    return widths


def _together(widths: Sequence[int]) -> int:
    """The places of a line."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


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


def _times(column: list[Value]) -> bool:
    texts = [value for value in column if value not in {None, ""}]
    return bool(texts) and all(isinstance(value, str) and _TIME.fullmatch(value) is not None for value in texts)


def _shares(column: list[Value]) -> bool:
    texts = [value for value in column if value not in {None, ""}]
    return bool(texts) and all(isinstance(value, str) and _SHARE.fullmatch(value) is not None for value in texts)


def _rougher(value: Value, fraction: LatePattern) -> Value:
    """A time without a fraction, any other value as it is."""
    is_time = isinstance(value, str) and _TIME.fullmatch(value) is not None
    return fraction.sub("", str(value)) if is_time else value


def _ends_differ(texts: Sequence[str], width: int) -> bool:
    """Whether texts such as `registry.gc.worker.BlobWorker` are told apart by their ends, and not by their begins."""
    different = {text for text in texts if " " not in text}
    if len(different) < len(set(texts)):
        return False
    return len({shorten(text, width) for text in different}) < len({_end_of(text, width) for text in different})


def _end_of(text: str, width: int) -> str:
    return text if len(text) <= width or not text.isascii() else "…" + text[1 - width :]


def _ended(row: Sequence[Cell], widths: Sequence[int], ends: Sequence[bool]) -> list[Cell]:
    """The cells of a row, of some columns without their begins where they are too long."""
    return [
        Cell(_end_of(cell.text, width), cell.colour) if of_ends else cell
        for cell, width, of_ends in zip(row, widths, ends, strict=True)
    ]


def _longest_word(heading: str) -> int:
    """The places of the longest part of a heading that is not broken."""
    return max(map(display_width, heading.replace("_", " ").split(" ")))


def _folded(text: str, width: int) -> list[str]:
    """A heading in lines of at most `width` places, broken at underscores and blanks; longer words are shortened."""
    lines: list[str] = []
    for word in re.findall(r"[^_ ]++[_ ]?|[_ ]", text):
        if lines and display_width((lines[-1] + word).rstrip("_ ")) <= width:
            lines[-1] += word
        else:
            lines.append(word)
    *before, last = lines or [""]
    return [shorten(line[:-1], width) for line in before] + [last]


def _is_word(text: str) -> bool:
    return len(text) <= _COPIED and " " not in text


def _text(value: Value) -> Cell:
    if isinstance(value, Cell):
        return Cell(escape(value.text), value.colour)
    return Cell(escape(plain(value)) if not isinstance(value, int | float) else number(value))


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
    return f"{value:,.6g}" if abs(value) < 1e6 else amount_text(value)
