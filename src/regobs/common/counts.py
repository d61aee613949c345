"""Numbers in words: `1 line`, `2,000 lines`."""

from __future__ import annotations

from math import isfinite

_WORDLESS = 1e15  # from here on a power of ten is shorter than the digits


def counted(count: int, thing: str, rest: str = "") -> str:
    """A number of things, the last word of which takes an s: `counted(2, "line")`; `rest` is what stands behind.

    >>> counted(1, "unknown field"), counted(1200, "field", "of other messages")
    ('1 unknown field', '1,200 fields of other messages')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}{f' {rest}' if rest else ''}"


def are(count: int) -> str:
    """The verb of so many things: `1 series is`, `2 series are`.

    >>> [are(count) for count in (0, 1, 2)]
    ['are', 'is', 'are']
    """
    return "is" if count == 1 else "are"


def whole(value: float) -> int:
    """The whole number that a sample stands for; 0 where it stands for none, as NaN and infinity."""
    return int(value) if isfinite(value) else 0


def number_text(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; a larger one is whole, with groups of three digits.

    >>> number_text(0.1234), number_text(1000.4), number_text(13440, 4)
    ('0.123', '1,000', '13,440')
    """
    return amount_text(value) if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"


def amount_text(value: float, digits: int = 0) -> str:
    """An amount with groups of three digits; one that is too large to be read digit by digit as a power of ten."""
    return f"{value:,.{digits}f}" if abs(value) < _WORDLESS else f"{value:.3g}"
