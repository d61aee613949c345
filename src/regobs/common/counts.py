"""Numbers of things in words: `1 line`, `2,000 lines`."""

from __future__ import annotations


def counted(count: int, thing: str, rest: str = "") -> str:
    """A number of things, the last word of which takes an s: `counted(2, "line")`; `rest` is what stands behind.

    >>> counted(1, "unknown field"), counted(1200, "field", "of other messages")
    ('1 unknown field', '1,200 fields of other messages')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}{f' {rest}' if rest else ''}"
