"""Short texts one after another, wrapped into lines as wide as a picture has room for: legends and lists of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Pixels of a letter of 11 pixels at the mean, as Liberation Sans and Arial have them, rounded up.
_NARROW, _USUAL, _WIDE, _WIDEST = 3.4, 6.2, 8.2, 11.0
_THIN = frozenset("ijltf.,:;|!'`/\\ ()[]I")
_MARK, _BETWEEN = 18, 14  # the colour before a text, and what is free after it


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """A text, or a part of one that no line has room for, in pixels from the left. `color` is "" for what goes on."""

    x: float
    text: str
    color: str


def width_of(text: str) -> float:
    """About how many pixels a text of 11 pixels is wide."""
    return sum(map(_letter, text))


def wrapped(items: Iterable[tuple[str, str]], width: float) -> list[list[WrittenItem]]:
    """Lines of items (text and colour), in their order; a text that is longer than a line goes on in the next."""
    lines: list[list[WrittenItem]] = []
    x = width
    for text, color in items:
        parts = list(_parts(text, width - _MARK))
        if x + _MARK + width_of(parts[0]) > width:
            lines, x = [*lines, []], 0.0
        for number, part in enumerate(parts):
            if number:
                lines.append([])
                x = 0.0
            lines[-1].append(WrittenItem(x, part, "" if number else color))
            x += _MARK + width_of(part) + _BETWEEN
    return lines


def _parts(text: str, width: float) -> Iterator[str]:
    """A text in pieces that each have room in a line; broken after a space where there is one."""
    start, last, used = 0, 0, 0.0
    for place, letter in enumerate(text):
        used += _letter(letter)
        if used > width and place > start:
            end = last if last > start else place
            yield text[start:end].rstrip()
            start, last = end, end
            used = width_of(text[start : place + 1])
        if letter == " ":
            last = place + 1
    yield text[start:]


def _letter(letter: str) -> float:
    if letter in _THIN:
        return _NARROW
    if ord(letter) > 0x2E7F:  # Chinese, Japanese and Korean
        return _WIDEST
    return _WIDE if letter.isupper() or letter in "mw%@" else _USUAL
