"""The text of a file, and where in it a part of its data stands, to the character."""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from regobs.documents import Document, Steps
from regobs.lint.findings import Check, LintEdit, LintFinding, LintProblem
from regobs.secrets.texts import redacted_text

_BREAK = re.compile(r"\n")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_ANY = re.compile(r".", re.DOTALL)
# How a character may be written between quotes; JSON writes one above U+FFFF as two escapes.
_CHARACTERS = {
    '"': re.compile(
        r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
        r"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)|.",
        re.DOTALL,
    ),
    "'": re.compile(r"''|.", re.DOTALL),
}
# An anchor or a tag of YAML, with the comments and line ends behind it: the value begins behind them.
_PROPERTIES = re.compile(r"(?:[&!]\S*+\s*+(?:#[^\n]*+\s*+)*+)++")
_BLANKS = dict.fromkeys(("\\n", "\\t", "\\r", "\\v", "\\f", "\\N", "\\L", "\\P", "\\_"), " ")


class _Aligned:
    """Where each character of a value begins and ends in its raw text; as plain numbers, of which there may be many."""

    def __init__(self, raw: str, value: str) -> None:
        self.starts, self.ends = array("I"), array("I")
        for start, end in _align(raw, value):
            self.starts.append(start)
            self.ends.append(end)


@dataclass
class SourceText:
    """A file's text with the places of lines."""

    file: str
    text: str
    # The text that was last looked into: a text may hold many problems, one behind the other.
    _aligned: tuple[Steps, str, _Aligned] | None = field(default=None, init=False, repr=False, compare=False)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset, both from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def offset(self, line: int, column: int = 1) -> int:
        """The offset of a line and column; of a line that is not there, the nearest."""
        number = min(max(line, 1), len(self._starts))
        return min(self._starts[number - 1] + max(column, 1) - 1, len(self.text))

    def extent(self, path: Steps, *, key: bool = False) -> tuple[int, int]:
        """Where a part of the data begins and ends."""
        del path, key
        return 0, len(self.text)

    def within(self, path: Steps, value: str, start: int, end: int) -> tuple[int, int]:
        """Where a piece of a text in the data stands: `value[start:end]`, as offsets in the file."""
        first, last = self.extent(path)
        raw = self.text[first:last]
        if raw == value or raw[1:-1] == value:  # in quotes without an escape
            first += int(raw != value)
            return first + start, first + max(start + 1, end)
        if self._aligned is None or self._aligned[:2] != (path, value):
            self._aligned = (path, value, _Aligned(raw, value))
        aligned = self._aligned[2]
        if start >= len(aligned.starts):
            return first, last
        return first + aligned.starts[start], first + aligned.ends[min(max(start + 1, end), len(aligned.ends)) - 1]

    def edit(self, path: Steps, value: str, start: int, end: int, text: str) -> LintEdit:
        """The edit that puts `text` in the place of `value[start:end]`, written as the value around it is."""
        first, last = self.within(path, value, start, end)
        return LintEdit(first, last, self.written(path, text))

    def written(self, path: Steps, text: str) -> str:
        """A text as the value at a path is written."""
        del path
        return text


@dataclass
class YamlSource(SourceText):
    """A document of a YAML file."""

    document: Document = field(default_factory=lambda: Document(None, ""))

    def extent(self, path: Steps, *, key: bool = False) -> tuple[int, int]:
        """Where a part of the data begins and ends."""
        start, end = self.document.extent(path, key=key)
        end = max(start, min(end, len(self.text)))
        behind = _PROPERTIES.match(self.text, start, end)
        return (behind.end() if behind else start), end

    def written(self, path: Steps, text: str) -> str:
        """A text as the value at a path is written."""
        quote = self.text[slice(*self.extent(path))][:1]
        return _in_json(text) if quote == '"' else text.replace("'", "''") if quote == "'" else text


@dataclass
class JsonSource(SourceText):
    """A JSON file. Its places are only looked up once something is found in it."""

    @cached_property
    def _places(self) -> dict[Steps, tuple[tuple[int, int], tuple[int, int]]]:
        return dict(_json_places(self.text))

    def extent(self, path: Steps, *, key: bool = False) -> tuple[int, int]:
        """Where a part of the data begins and ends; of one that is not there, its nearest parent."""
        while path and path not in self._places:
            path = path[:-1]
        named, value = self._places.get(path, ((0, 0), (0, len(self.text))))
        return named if key else value

    def written(self, path: Steps, text: str) -> str:
        """A text as the value at a path is written."""
        del path
        return _in_json(text)


@dataclass
class EmbeddedSource(SourceText):
    """A text that is a value of another file, as a dashboard in a ConfigMap: what stands where in that file.

    `outer` is the file, `at` leads to the value, and `inner` is the value as a file of its own.
    """

    outer: SourceText = field(default_factory=lambda: SourceText("", ""))
    at: Steps = ()
    inner: SourceText = field(default_factory=lambda: SourceText("", ""))

    @cached_property
    def _first(self) -> int:
        """Where the value begins in the file."""
        return self.outer.extent(self.at)[0]

    @cached_property
    def _characters(self) -> _Aligned:
        """Where each character of the value begins and ends behind that."""
        return _Aligned(self.text[slice(*self.outer.extent(self.at))], self.inner.text)

    def place(self, offset: int) -> int:
        """Where a character of the value begins in the file; of one behind its end, where the last one does."""
        known = self._characters.starts
        return self._first + (known[min(offset, len(known) - 1)] if known else 0)

    def _between(self, start: int, end: int) -> tuple[int, int]:
        ends = self._characters.ends
        if end <= start or not ends:
            return (self.place(start),) * 2
        return self.place(start), self._first + ends[min(end, len(ends)) - 1]

    def extent(self, path: Steps, *, key: bool = False) -> tuple[int, int]:
        """Where a part of the data begins and ends."""
        return self._between(*self.inner.extent(path, key=key))

    def within(self, path: Steps, value: str, start: int, end: int) -> tuple[int, int]:
        """Where a piece of a text in the data stands."""
        return self._between(*self.inner.within(path, value, start, end))

    def written(self, path: Steps, text: str) -> str:
        """A text as the value around it is written, in both notations."""
        return self.outer.written(self.at, self.inner.written(path, text))


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json_places(text: str) -> Iterator[tuple[Steps, tuple[tuple[int, int], tuple[int, int]]]]:
    """Every path of valid JSON with the extents of its key and of its value; a list's item is its own key."""
    path: list[Any] = []
    opened: list[tuple[int, tuple[int, int] | None, bool]] = []
    named: tuple[int, int] | None = None
    expects_key = False
    for match in _JSON_TOKEN.finditer(text):
        part, place = match[0], match.span()
        if part == ":":
            expects_key = False
        elif part == ",":
            expects_key = opened[-1][2]
            if not expects_key:
                path[-1] += 1
        elif part in {"{", "["}:
            opened.append((place[0], named, part == "{"))
            expects_key, named = part == "{", None
            path.append(0)
        elif part in {"}", "]"}:
            path.pop()
            start, own, _ = opened.pop()
            whole = (start, place[1])
            yield tuple(path), (own or whole, whole)
            expects_key, named = False, None
        elif expects_key and part.startswith('"'):
            path[-1], named = json.loads(part, strict=False) if "\\" in part else part[1:-1], place
        else:
            yield tuple(path), (named or place, place)
            named = None


def _block_header(raw: str) -> int:
    """How long the first line of a block text (`|`, `>-`) is; 0 for any other."""
    return raw.find("\n") + 1 if raw[:1] in {"|", ">"} and "\n" in raw else 0


def _align(raw: str, value: str) -> Iterator[tuple[int, int]]:
    """Where each character of a value begins and ends in its raw text, which has quotes, escapes and other blanks.

    YAML folds and indents lines, so a blank of the value may have none, or several, in the raw text.
    """
    pattern = _CHARACTERS.get(raw[:1], _ANY)
    position = _block_header(raw) or int(pattern is not _ANY)
    written = (one.span() for one in pattern.finditer(raw, position) if not _character(one[0]).isspace())
    for char in value:
        if char.isspace():
            blank = pattern.match(raw, position)
            start, position = position, blank.end() if blank and _character(blank[0]).isspace() else position
        else:
            start, position = next(written, (position, position))
        yield start, position


def _character(written: str) -> str:
    """The character that an escape stands for; a blank for a line end that is escaped."""
    if len(written) > 2 and written[1] in "uUx":
        return chr(min(int(written[2:6] if written[1] == "u" else written[2:], 16), 0x10FFFF))
    return _BLANKS.get(written, written[-1])


def finding_of(check: Check, source: SourceText, problem: LintProblem, subject: str) -> LintFinding:
    """The finding that a problem of a file is."""
    end = max(problem.end, problem.start + 1)
    return LintFinding(
        check.name,
        problem.severity or check.severity,
        source.file,
        *source.position(problem.start),
        *source.position(end),
        redacted_text(problem.what),
        check.why,
        redacted_text(problem.next_step),
        redacted_text(subject),
        problem.fix,
    )
