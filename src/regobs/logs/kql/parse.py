"""KQL text to tree. Without backtracking: a literal is read once, what follows it says what it was."""

from __future__ import annotations

from collections.abc import Callable

from regobs.errors import LogQueryError
from regobs.logs.kql.advice import advice
from regobs.logs.kql.nodes import And, Everything, Is, Literal, Nested, Node, Not, Or, Range, Word
from regobs.logs.kql.tokens import Text, word

DEPTH = 100  # of parentheses and braces, each one a call; what a person writes stays below 10
_OPERATORS = ("<=", ">=", "<", ">")  # the longer ones first
_Reader = Callable[[int], tuple[Node, int]]


def parse(text: str, *, file: str = "") -> Node:
    """The tree of a KQL text. Raises LogQueryError with line and column in the text; `file` names it there."""
    source = Text(text, file)
    _refuse_unwritable(source)
    at = source.skip(0)
    if at == len(text):
        return Everything()
    parser = _Parser(source)
    node, at = parser.alternatives(at, parser.part)
    at = source.skip(at)
    if at < len(text):
        raise parser.unexpected(at, "`and`, `or` or the end of the query")
    return node


def _refuse_unwritable(source: Text) -> None:
    try:
        source.text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise LogQueryError(
            "not UTF-8 text",
            location=source.location(fault.start),
            value=ascii(source.text[fault.start : fault.end]),
            next_step="write the query in UTF-8",
        ) from None


class _Parser:
    """One reading. Each method takes an offset and gives a node with the offset after it."""

    def __init__(self, source: Text) -> None:
        self._source = source
        self._depth = 0

    def unexpected(self, at: int, expected: str) -> LogQueryError:
        text = self._source.text
        found = f"{text[at]!r} is unexpected here" if at < len(text) else "the query ends too early"
        return self._source.error(found, at, expected, advice(text, at))

    def alternatives(self, at: int, reader: _Reader) -> tuple[Node, int]:
        """`a or b or c`; flat, unless parentheses say otherwise."""
        return self._joined(at, "or", Or, lambda start: self._joined(start, "and", And, lambda s: self._not(s, reader)))

    def _joined(self, at: int, name: str, kind: type[And | Or], reader: _Reader) -> tuple[Node, int]:
        first, at = reader(at)
        parts = [first]
        while (after := self._source.conjunction(at, name)) is not None:
            part, at = reader(after)
            parts.append(part)
        return (kind(tuple(parts)), at) if len(parts) > 1 else (first, at)

    def _not(self, at: int, reader: _Reader) -> tuple[Node, int]:
        after = self._source.negation(at)
        if after is None:
            return reader(at)
        node, at = reader(after)
        return Not(node), at

    def part(self, at: int) -> tuple[Node, int]:
        """A group in parentheses, or an expression."""
        if self._source.text.startswith("(", at):
            return self._enclosed(at, ")", self.part)
        found = word(self._source, at)
        if found is None:
            raise self.unexpected(at, "a field, a value, `not` or (")
        return self._expression(*found)

    def _expression(self, name: Word, end: int) -> tuple[Node, int]:
        at = self._source.skip(end)
        text = self._source.text
        operator = next((one for one in _OPERATORS if text.startswith(one, at)), None)
        if operator is not None:
            value, end = self._value(self._source.skip(at + len(operator)))
            return Range(name, operator, value), end
        if not text.startswith(":", at):
            return Is(None, name), end
        at = self._source.skip(at + 1)
        if text.startswith("{", at):
            node, end = self._enclosed(at, "}", self.part)
            return Nested(name, node), end
        field = None if isinstance(name, Literal) and name.value is None else name  # `null: x` asks every field
        return self._values(field)(at)

    def _values(self, field: Word | None) -> _Reader:
        """Reads what follows a colon: a value, or a group of values with operators."""

        def read(at: int) -> tuple[Node, int]:
            if self._source.text.startswith("(", at):
                return self._enclosed(at, ")", read)
            value, end = self._value(at)
            return Is(field, value), end

        return read

    def _value(self, at: int) -> tuple[Word, int]:
        found = word(self._source, at)
        if found is None:
            raise self.unexpected(at, "a value")
        return found

    def _enclosed(self, at: int, close: str, reader: _Reader) -> tuple[Node, int]:
        opening = at
        self._depth += 1
        if self._depth > DEPTH:
            raise self._source.error("nested too deeply", at, f"at most {DEPTH} levels", "take parentheses away")
        node, at = self.alternatives(self._source.skip(at + 1), reader)
        at = self._source.skip(at)
        if at == len(self._source.text):
            opener = self._source.text[opening]
            raise self._source.error(f"the {opener} is not closed", opening, f"a closing {close}", f"add the {close}")
        if not self._source.text.startswith(close, at):
            raise self.unexpected(at, f"`and`, `or` or {close}")
        self._depth -= 1
        return node, at + 1
