"""The terms of a text, as Elasticsearch's standard analyzer makes them: Unicode word boundaries (UAX #29), lower case.

Two differences, on texts that registries do not write: ideographs and kana are kept together here, and a combining
mark ends a term.
"""

from __future__ import annotations

import re

# Letters keep . : ' and the middle dot between them, digits . , ; and '; an underscore joins anything.
_JOINED_LETTERS, _JOINED_DIGITS = r"[.:'\u2019\u00b7]", r"[.,;'\u2019]"


def _pattern(letter: str, digit: str, letters: str, digits: str) -> str:
    word = f"{letter}+(?:{letters}{letter}+)*|{digit}+(?:{digits}{digit}+)*"
    return f"_*(?:{word})(?:{word}|_)*"


# An underscore that begins no term is not tried again with each that follows it.
_TERM = re.compile("(?<!_)" + _pattern(r"[^\W\d_]", r"\d", _JOINED_LETTERS, _JOINED_DIGITS))
# The same for RE2, DuckDB's engine, whose \w and \d are those of ASCII.
RE2 = _pattern(
    r"[\p{L}\p{Nl}\p{No}]", r"\p{Nd}", _JOINED_LETTERS.encode().decode("unicode_escape"),
    _JOINED_DIGITS.encode().decode("unicode_escape"),
)  # fmt: skip


def terms(text: str) -> tuple[str, ...]:
    """The terms in order."""
    return tuple(found.lower() for found in _TERM.findall(text))
