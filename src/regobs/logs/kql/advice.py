"""What a person meant who wrote something that KQL does not read, guessed from the text around the place."""

from __future__ import annotations

import re

# Each pattern is looked for in the text before the place, after it, or in both, joined by a NUL at the place.
_GUESSES = (
    (r"(?i)(^|[\s(])not\0\(", "put a space after `not`: not (...)"),
    (r"(?i)\0(and|or|not)\s*$", "complete the query, or quote the word to look for it as text"),
    (r"(?i)[)\"}]\0\s*(and|or)\b", "put spaces on both sides of `and` and `or`: (...) and (...)"),
    (r"(?i)\b(and|or|not)\s*\0$", "complete the query, or quote the word to look for it as text"),
    (r"(?i)\bnot\s+\0not\b", "use parentheses: not (not ...)"),
    (r"(?i):\s*\0not\b", "put `not` before the field: not field: value; or use field: (not value)"),
    (r"(?i)[^\s(:]\s*\0not\s", "write `and not`; to look for text with the word not, quote it"),
    (r"\[\s*\S+\s+TO\b|\S\0?:\[", "ranges are written field >= low and field <= high"),
    (r"(&&|\|\|)", "write `and`, `or` instead of && and ||"),
    (r"_exists_\0?:", "write field: *"),
    (r"\0\\", "write a backslash as \\\\, or put the value in quotes"),
    (r"[\w\"*)]\s+[\w.*]+\s*\0(:|[<>]=?)", "KQL has no implicit operator: put `and` or `or` before the next field"),
    (r":\s*\0[<>]", "leave the colon out: field >= value"),
    (r"[<>]=?\s*\0:", "leave the colon out: field >= value"),
    (r"\0=", "write field: value"),
    (r"\w\0:", "put a value that holds a colon in quotes"),
    (r'["]\s*\0\S', "put `and` or `or` between the two"),
    (r"\0\)", "take the ) away, or complete what stands before it"),
    (r'\w\0"', 'put the whole value in quotes, or write \\" for the character'),
    (r"\0[(]", "put `and` or `or` before (, or the value in quotes"),
    (r"\0[{}]", "write \\{ and \\}, or put the value in quotes"),
)
_BEFORE, _AFTER = 80, 20  # characters that are looked at


def advice(text: str, at: int) -> str | None:
    """The next step for a text that cannot be read at an offset; None when there is no guess."""
    around = text[max(0, at - _BEFORE) : at].replace("\0", " ") + "\0" + text[at : at + _AFTER].replace("\0", " ")
    return next((hint for pattern, hint in _GUESSES if re.search(pattern, around)), None)
