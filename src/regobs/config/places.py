"""Where a key stands in a TOML text. tomllib reads values but forgets their lines."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator

from regobs.errors import Location

_HEADER = re.compile(r"\s*\[\[?(?P<keys>[^\[\]]+)\]\]?\s*(#.*)?")
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"(?P<indent>\s*)(?P<keys>{_PART}(?:\s*\.\s*{_PART})*)\s*=\s*")
_PARTS = re.compile(_PART)

Keys = tuple[str, ...]


class Places:
    """The line and column of every key and value of a TOML text that stands at the start of a line.

    The tables of an array have their number, counted from 0, as a key of its own: `("faults", "0", "name")`.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._keys: dict[Keys, Location] = {}
        self._values: dict[Keys, Location] = {}
        for keys, line, key_column, value_column in _lines(text):
            self._keys.setdefault(keys, Location(file, line, key_column))
            self._values.setdefault(keys, Location(file, line, value_column))

    def key(self, keys: Keys) -> Location:
        """Where the key begins; of a key inside an inline table, where the line's own key begins."""
        return self._nearest(keys, self._keys)

    def value(self, keys: Keys) -> Location:
        """Where the value begins, as near as lines tell."""
        return self._nearest(keys, self._values)

    def _nearest(self, keys: Keys, places: dict[Keys, Location]) -> Location:
        prefixes = (keys[:length] for length in range(len(keys), 0, -1))
        return next((places[prefix] for prefix in prefixes if prefix in places), Location(self.file))


def _lines(text: str) -> Iterator[tuple[Keys, int, int, int]]:
    table: Keys = ()
    seen: Counter[Keys] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _split(header["keys"])
            column = header.start("keys") + 1
            if line.lstrip().startswith("[["):
                seen[table] += 1
                table = (*table, str(seen[table] - 1))
            yield from ((table[:length], number, column, column) for length in range(1, len(table) + 1))
        elif pair := _KEY.match(line):
            keys = (*table, *_split(pair["keys"]))
            yield keys, number, pair.start("keys") + 1, pair.end() + 1


def _split(dotted: str) -> Keys:
    return tuple(part.strip("\"'") for part in _PARTS.findall(dotted))


def error_place(fault: tomllib.TOMLDecodeError, file: str) -> tuple[str, Location]:
    """tomllib's message and the place it names; only Python 3.14 has them as attributes."""
    match = re.fullmatch(
        r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", str(fault)
    )
    if match is None:
        return str(fault), Location(file)
    if match["line"] is None:
        return f"{match['what']} at the end of the file", Location(file)
    return match["what"], Location(file, int(match["line"]), int(match["column"]))
