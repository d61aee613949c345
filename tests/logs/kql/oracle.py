"""Kibana's own KQL parser, asked through a pipe, and a form of trees in which its and ours are equal."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regobs.errors import LogQueryError
from regobs.logs.kql import And, Everything, Is, Literal, Nested, Node, Not, Or, Range, parse
from regobs.logs.kql.nodes import Pattern, Word
from regobs.logs.kql.tokens import TRIM

REFUSED = "refused"
WILDCARD = "@kuery-wildcard@"
Form = Any  # tuples of words; a text that is not KQL is REFUSED
_DECIMAL = re.compile(r"[-+]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")
_BASED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_ANY = ("pattern", ("", ""))


class Oracle:
    """A running process of the parser."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, text: str) -> Form:
        """What Kibana's parser makes of a text."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        tree = json.loads(self._process.stdout.readline())
        return REFUSED if tree is None else _their_form(tree)


@contextmanager
def running(program: Path) -> Iterator[Oracle]:
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Oracle(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def read(text: str) -> Form:
    """What our parser makes of a text."""
    try:
        return _our_form(parse(text))
    except LogQueryError:
        return REFUSED


def _flat(kind: str, parts: list[Form]) -> Form:
    """Kibana nests `a or b or c` to the right, as if written with parentheses; here both are one list."""
    inside = [part[1] if part[0] == kind else (part,) for part in parts]
    return (kind, tuple(one for group in inside for one in group))


def _our_form(node: Node) -> Form:
    if isinstance(node, Everything):
        return ("is", _ANY, _ANY, False)
    if isinstance(node, And | Or):
        return _flat("and" if isinstance(node, And) else "or", [_our_form(part) for part in node.of])
    if isinstance(node, Not):
        return ("not", _our_form(node.of))
    if isinstance(node, Range):
        return ("range", _our_word(node.field), node.op, _our_word(node.value))
    if isinstance(node, Nested):
        return ("nested", _our_word(node.path), _our_form(node.of))
    assert isinstance(node, Is)
    quoted = isinstance(node.value, Literal) and node.value.quoted
    return ("is", _our_word(node.field), _our_word(node.value), quoted)


def _our_word(word: Word | None) -> Form:
    if isinstance(word, Pattern):
        return ("pattern", word.parts)
    if word is None or word.value is None:
        return ("null",)
    if isinstance(word.value, bool):
        return ("truth", word.value)
    number = None if word.quoted else javascript_number(word.value)
    return ("text", word.value) if number is None else ("number", number)


def javascript_number(text: str) -> float | None:
    """`Number(text)` of JavaScript, None where it is NaN: the old parser makes numbers of values, Kibana 9 does not."""
    text = text.strip(TRIM)
    if text == "":
        return 0.0
    if _BASED.fullmatch(text):
        return float(int(text, 0))
    return float(text) if _DECIMAL.fullmatch(text) else None


_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def _their_form(tree: dict[str, Any]) -> Form:
    assert tree["type"] == "function", tree
    name, arguments = tree["function"], tree["arguments"]
    if name in {"and", "or"}:
        return _flat(name, [_their_form(part) for part in arguments])
    if name == "not":
        return ("not", _their_form(arguments[0]))
    if name == "range":
        field, end = arguments
        return ("range", _their_word(field), _OPERATORS[end["name"]], _their_word(end["value"]))
    assert name == "is", tree
    field, value, phrase = arguments
    return ("is", _their_word(field), _their_word(value), phrase["value"])


def _their_word(word: dict[str, Any]) -> Form:
    value = word["value"]
    if word["type"] == "wildcard":
        return ("pattern", tuple(value.split(WILDCARD)))
    if isinstance(value, dict):
        return ("number", float(value["number"])) if "number" in value else _their_word(value)
    if value is None:
        return ("null",)
    return ("truth", value) if isinstance(value, bool) else ("text", value)
