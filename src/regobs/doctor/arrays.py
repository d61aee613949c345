"""Arrays of texts in a settings file: what is added goes to the end, all else stays where it is, comments included."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import tomlkit

if TYPE_CHECKING:
    from tomlkit.items import Array

# What an array of texts is made of: comments, the four kinds of strings of TOML, commas, and what is between them.
_PARTS = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<text>\"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*\"\"\"\"{0,2}|'''(?:[^']|'(?!''))*''''{0,2}"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')"
    r"|(?P<comma>,)",
    re.DOTALL,
)
_REST_OF_LINE = re.compile(r"[ \t]*(?:\#[^\n]*)?\n")
_BLANKS = re.compile(r"[ \t]*")


@dataclass(slots=True)
class _Value:
    """Where a value stands in the text, and behind its comma, if it has one."""

    start: int
    end: int
    behind_comma: int | None = None


def in_order(there: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The wanted values: first those that are there, in their order, then the others in theirs."""
    wanted = list(wanted)
    return list(dict.fromkeys([*(one for one in there if one in wanted), *wanted]))


def changed(array: Array, wanted: Collection[str]) -> Array:
    """The array with these values: others are taken out of their place, missing ones are put at the end."""
    text = array.as_string()
    for index in reversed([index for index, one in enumerate(array) if one not in wanted]):
        text = _without(text, index)
    there = list(array)
    for one in wanted:
        if one not in there:
            text = _with(text, tomlkit.item(one).as_string())
    return _read(text)


def _read(text: str) -> Array:
    return cast("Array", tomlkit.parse(f"array = {text}\n")["array"])


def _values(text: str) -> list[_Value]:
    found: list[_Value] = []
    for part in _PARTS.finditer(text):
        if part.lastgroup == "text":
            found.append(_Value(part.start(), part.end()))
        elif part.lastgroup == "comma" and found:
            found[-1].behind_comma = part.end()
    return found


def _without(text: str, index: int) -> str:
    """Without one value and its comma; a line on which nothing else stands goes too, a comment on it stays."""
    values = _values(text)
    value = values[index]
    head, tail = text[: value.start], text[value.end :]
    if value.behind_comma is not None:
        between = text[value.end : value.behind_comma - 1]
        tail = between + text[value.behind_comma :]
    elif index:
        comma = values[index - 1].behind_comma or 0
        between = text[comma : value.start]
        head = text[: comma - 1] + (between if between.strip() else "")
    line, blank = head.rpartition("\n")[2], _BLANKS.match(tail)
    if "\n" in head and not line.strip() and blank is not None:
        rest = tail[blank.end() :]
        return head.removesuffix(line) + rest[1:] if rest.startswith("\n") else head + rest
    return head + tail.lstrip(" \t") if line.endswith((" ", "[")) else head + tail


def _with(text: str, written: str) -> str:
    """With one more value behind the last one: on its line where the array ends there, else on a line of its own."""
    values = _values(text)
    if not values:
        body = text[1:-1]
        if "\n" not in body:
            return f"[{written}]"
        return f"[{body.rstrip(' ')}  {written},\n]"
    last = values[-1]
    comma = last.behind_comma is not None
    if last.behind_comma is None:
        text, behind = f"{text[: last.end]},{text[last.end :]}", last.end + 1
    else:
        behind = last.behind_comma
    rest = _REST_OF_LINE.match(text, behind)
    if rest is None:
        return f"{text[:behind]} {written}{',' if comma else ''}{text[behind:]}"
    line = text[: last.start].rpartition("\n")
    blank = _BLANKS.match(line[2])
    indent = blank[0] if line[1] and blank is not None else "  "
    return f"{text[: rest.end()]}{indent}{written}{',' if comma else ''}\n{text[rest.end() :]}"
