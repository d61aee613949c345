"""Grafana variables in PromQL: put aside before parsing, put back into the tree after.

A variable inside a string stays in the string. Elsewhere it stands for a duration, a label name or a number; each
gets a placeholder of that type that occurs nowhere else in the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count

from regobs.errors import PromqlError
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Duration, Expr, Number, Unary, Variable
from regobs.promql.printer import number_text, quote
from regobs.promql.tokens import Token, TokenKind, place

_FIRST_MS = 4_000_000_007  # promql-parser reads each part of a duration as 32 bits
_FIRST_NUMBER = 7_300_000_000_003
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})


@dataclass(slots=True)
class Placeholders:
    """The text without variables, and the way back."""

    text: str = ""
    durations: dict[int, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    numbers: dict[float, str] = field(default_factory=dict)

    def duration(self, ms: int) -> Duration:
        """The duration that was in the text."""
        macro = self.durations.get(abs(ms))
        return Duration(ms) if macro is None else Duration(macro=macro)

    def label(self, name: str) -> str:
        """The label name that was in the text."""
        return self.labels.get(name, name)

    def number(self, value: float) -> Expr:
        """The number or variable that was in the text."""
        name = self.numbers.get(abs(value))
        if name is None:
            return Number(Decimal(number_text(Decimal(repr(value)))))
        return Unary("-", Variable(name)) if value < 0 else Variable(name)


def put_aside(text: str, tokens: list[Token], file: str = "") -> Placeholders:
    """Replace the variables, and raw strings, by what promql-parser reads. Raises PromqlError for odd places."""
    return _Replacement(text, tokens, file).run()


class _Replacement:
    def __init__(self, text: str, tokens: list[Token], file: str) -> None:
        self._text = text
        self._tokens = tokens
        self._file = file
        self._taken = {token.text for token in tokens}
        self._found = Placeholders()

    def run(self) -> Placeholders:
        parts: list[str] = []
        position = 0
        for index, token in enumerate(self._tokens):
            new = self._replace(index)
            if new is not None:
                parts += [self._text[position : token.start], new]
                position = token.end
        self._found.text = "".join(parts) + self._text[position:]
        return self._found

    def _replace(self, index: int) -> str | None:
        token = self._tokens[index]
        if token.kind is TokenKind.STRING and token.text.startswith("`"):
            return quote(token.text[1:-1])
        if token.kind is not TokenKind.VARIABLE:
            return None
        before = [word.text.lower() for word in self._tokens[max(0, index - 2) : index]]
        after = self._tokens[index + 1]
        if self._glued(index):
            raise self._misplaced(token, "a name cannot be put together from variables")
        if before[-1:] in (["["], [":"], ["offset"]) or before == ["offset", "-"]:
            return self._duration(token)
        if _in_label_list(index, self._tokens):
            return self._label(token)
        if after.text in {"{", "["}:
            raise self._misplaced(token, "a metric name cannot be a variable: nothing could be said about it")
        return self._number(token)

    def _glued(self, index: int) -> bool:
        token, after = self._tokens[index], self._tokens[index + 1]
        words = {TokenKind.NAME, TokenKind.NUMBER, TokenKind.VARIABLE}
        if after.start == token.end and after.kind in words:
            return True
        return index > 0 and self._tokens[index - 1].end == token.start and self._tokens[index - 1].kind in words

    def _misplaced(self, token: Token, why: str) -> PromqlError:
        return PromqlError(
            why,
            location=place(self._text, token.start, self._file),
            value=token.text,
            expected="a variable as a matcher's value, a duration, a label of a by list, or a number",
        )

    def _duration(self, token: Token) -> str:
        used = {duration.ms for word in self._taken if (duration := read_duration(word))} | set(self._found.durations)
        ms = next(ms for ms in count(_FIRST_MS) if ms not in used)
        self._found.durations[ms] = token.text
        return f"{ms}ms"

    def _label(self, token: Token) -> str:
        names = (f"variable_{number}" for number in count())
        name = next(name for name in names if name not in self._taken and name not in self._found.labels)
        self._found.labels[name] = token.text
        return name

    def _number(self, token: Token) -> str:
        number = next(n for n in count(_FIRST_NUMBER) if str(n) not in self._taken and n not in self._found.numbers)
        self._found.numbers[float(number)] = token.text
        return str(number)


def _in_label_list(index: int, tokens: list[Token]) -> bool:
    """Whether the tokens before are `by (`, or `by (a, b,`."""
    while index > 0:
        index -= 1
        token = tokens[index]
        if token.text == "(":
            return index > 0 and tokens[index - 1].text.lower() in _LISTS
        if token.text != "," and token.kind not in {TokenKind.NAME, TokenKind.VARIABLE, TokenKind.STRING}:
            return False
    return False
