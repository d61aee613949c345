"""Words of KQL: where an unquoted or quoted literal ends, and what its escapes mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from regobs.errors import Location, LogQueryError
from regobs.logs.kql.nodes import Literal, Pattern, Word

SPACE = " \t\r\n\u00a0"
SPECIAL = '\\():<>"*{}'
# What JavaScript's trim() takes off, which ends the reading of an unquoted literal in Kibana.
TRIM = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"

_SPACES = re.compile(rf"[{SPACE}]*")
_AND = re.compile(rf"[{SPACE}]+and[{SPACE}]+", re.IGNORECASE | re.ASCII)
_OR = re.compile(rf"[{SPACE}]+or[{SPACE}]+", re.IGNORECASE | re.ASCII)
_AND_OR = re.compile(rf"[{SPACE}]+(and|or)[{SPACE}]+", re.IGNORECASE | re.ASCII)
_NOT = re.compile(rf"not[{SPACE}]+", re.IGNORECASE | re.ASCII)
_PLAIN = re.compile(rf"[^{re.escape(SPECIAL + SPACE)}nN]+")
# `\not` is missing on purpose: in Kibana too it is a line feed and `ot`, since control characters are tried first.
_ESCAPED = re.compile(r"\\(?:([trn])|u([0-9a-fA-F]{4})|((?i:or|and))|([\\():<>\"*{}]))", re.ASCII)
_QUOTED = re.compile(r'\\(?:([trn])|u([0-9a-fA-F]{4})|([\\"]))|[^"]', re.ASCII)
_CONTROL = {"t": "\t", "r": "\r", "n": "\n"}
_STAR = "*"


@dataclass(frozen=True, slots=True)
class Text:
    """A query text that knows where an offset is."""

    text: str
    file: str = ""

    def location(self, at: int) -> Location:
        """Line and column of an offset, both from 1."""
        line = self.text.count("\n", 0, at) + 1
        return Location(self.file, line, at - (self.text.rfind("\n", 0, at) + 1) + 1)

    def error(self, message: str, at: int, expected: str | None = None, next_step: str | None = None) -> LogQueryError:
        """An error at an offset, with the line of the query and a mark below the place."""
        start = self.text.rfind("\n", 0, at) + 1
        line = self.text[start:].split("\n", 1)[0]
        begin = max(0, at - start - 60)
        shown = line[begin : begin + 120]
        mark = " " * (10 + 2 + at - start - begin) + "^"
        return LogQueryError(
            message, location=self.location(at), value=f"{shown}\n{mark}", expected=expected, next_step=next_step
        )

    def skip(self, at: int) -> int:
        """The offset after any space."""
        found = _SPACES.match(self.text, at)
        return found.end() if found else at

    def conjunction(self, at: int, word: str) -> int | None:
        """The offset after ` and ` or ` or ` with its spaces, when it stands here."""
        found = (_AND if word == "and" else _OR).match(self.text, at)
        return found.end() if found else None

    def negation(self, at: int) -> int | None:
        """The offset after `not` and its space, when it stands here."""
        found = _NOT.match(self.text, at)
        return found.end() if found else None


def word(source: Text, at: int) -> tuple[Word, int] | None:
    """The literal that begins at an offset, and where it ends; None when none begins here."""
    return _quoted(source, at) if source.text.startswith('"', at) else _unquoted(source, at)


def _quoted(source: Text, start: int) -> tuple[Word, int]:
    at, chars = start + 1, []
    while (found := _QUOTED.match(source.text, at)) is not None:
        control, code, special = found.groups()
        chars.append(_escape(control, code, special) if control or code or special else found.group())
        at = found.end()
    if at >= len(source.text):
        raise source.error("a quote is not closed", start, 'a closing "', 'close it, or write \\" for the character')
    return Literal(_joined(source, chars, start), quoted=True, at=start), at + 1


def _unquoted(source: Text, start: int) -> tuple[Word, int] | None:
    pieces, end = _pieces(source, start)
    if end == start:
        return None
    if any(piece is None for piece in pieces):
        return _pattern(source, pieces, start), end
    text = _joined(source, [piece for piece in pieces if piece is not None], start).strip(TRIM)
    constants: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    return Literal(constants.get(text, text), at=start), end


def _pieces(source: Text, start: int) -> tuple[list[str | None], int]:
    """The characters of an unquoted literal, unescaped; None is a wildcard."""
    text, at = source.text, start
    pieces: list[str | None] = []
    while at < len(text):
        char = text[at]
        if char in SPACE:
            if _AND_OR.match(text, at):
                break
            end = source.skip(at)
            pieces.append(text[at:end])
        elif char == _STAR:
            pieces.append(None)
            end = at + 1
        elif char == "\\":
            found = _ESCAPED.match(text, at)
            if found is None:
                break
            control, code, keyword, special = found.groups()
            pieces.append(keyword or _escape(control, code, special))
            end = found.end()
        elif char in SPECIAL or _NOT.match(text, at):
            break
        else:
            plain = _PLAIN.match(text, at)
            end = plain.end() if plain else at + 1
            pieces.append(text[at:end])
        at = end
    return pieces, at


def _escape(control: str | None, code: str | None, special: str | None) -> str:
    if control:
        return _CONTROL[control]
    return chr(int(code, 16)) if code else special or ""


def _pattern(source: Text, pieces: list[str | None], start: int) -> Pattern:
    parts: list[list[str]] = [[]]
    for piece in pieces:
        if piece is None:
            parts.append([])
        else:
            parts[-1].append(piece)
    texts = [_joined(source, part, start) for part in parts]
    texts[0], texts[-1] = texts[0].lstrip(TRIM), texts[-1].rstrip(TRIM)
    return Pattern(tuple(texts), at=start)


def _joined(source: Text, chars: list[str], start: int) -> str:
    """The text of the characters; two halves of a surrogate pair become one."""
    text = "".join(chars)
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise source.error(
            "half of a surrogate pair", start, "text that can be written as UTF-8", "write both halves"
        ) from None
