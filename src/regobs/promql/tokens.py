"""Splitting PromQL text into tokens with their places, Grafana variables included.

promql-parser says neither where an error is nor what `$__rate_interval` means; this lexer does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from regobs.errors import Location, PromqlError


class TokenKind(StrEnum):
    """What a token is. A mark is punctuation or an operator sign."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    VARIABLE = "variable"
    MARK = "mark"
    END = "end of the query"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its offset in the text."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)


_SPACE = re.compile(r"(?:\s|#[^\n]*)+")
_VARIABLE = re.compile(r"\$\w+|\$\{[^}]*\}|\[\[\w+\]\]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+|(?:\d+[a-z]+)+|\d+\.\d*|\.\d+|\d+")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`')
_MARK = re.compile(r"==|!=|<=|>=|=~|!~|[-+*/%^=<>(){}\[\],:@]")
# Trees are walked recursively: these keep every walk far below Python's limit, and real queries below these.
_DEEPEST = 50
_MOST_OPERATORS = 100
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "atan2"})
_CLOSING = {")": "(", "]": "[", "}": "{"}


def tokenize(text: str, file: str = "") -> list[Token]:
    """The tokens of a query, the last one an END. Raises PromqlError for what no token can begin with."""
    tokens: list[Token] = []
    position = 0
    open_marks: list[Token] = []
    while True:
        if space := _SPACE.match(text, position):
            position = space.end()
        if position >= len(text):
            break
        token = _next(text, position, file, inside="".join(mark.text for mark in open_marks[-1:]))
        _balance(token, open_marks, text, file)
        tokens.append(token)
        position = token.end
    _limit(tokens, text, file)
    if open_marks:
        mark = open_marks[-1]
        raise PromqlError(
            f"{mark.text!r} is never closed",
            location=place(text, mark.start, file),
            value=excerpt(text, mark.start),
            expected={"(": ")", "[": "]", "{": "}"}[mark.text],
        )
    return [*tokens, Token(TokenKind.END, "", len(text.rstrip()))]


def _next(text: str, position: int, file: str, inside: str) -> Token:
    name = _PLAIN_NAME if inside == "[" else _NAME
    for kind, pattern in (
        (TokenKind.VARIABLE, _VARIABLE),
        (TokenKind.NUMBER, _NUMBER),
        (TokenKind.NAME, name),
        (TokenKind.STRING, _STRING),
        (TokenKind.MARK, _MARK),
    ):
        if match := pattern.match(text, position):
            return Token(kind, match.group(), position)
    char = text[position]
    what = "this string is never closed" if char in "\"'`" else f"{char!r} has no meaning here"
    raise PromqlError(what, location=place(text, position, file), value=excerpt(text, position))


def _limit(tokens: list[Token], text: str, file: str) -> None:
    operators = [token for token in tokens if token.text.lower() in _OPERATORS and token.kind is not TokenKind.STRING]
    if len(operators) > _MOST_OPERATORS:
        raise PromqlError(
            f"the query has {len(operators)} operators",
            location=place(text, operators[_MOST_OPERATORS].start, file),
            expected=f"at most {_MOST_OPERATORS}",
            next_step="record parts of it as series of their own",
        )


def _balance(token: Token, open_marks: list[Token], text: str, file: str) -> None:
    if token.kind is not TokenKind.MARK:
        return
    if token.text in "([{":
        open_marks.append(token)
        if len(open_marks) > _DEEPEST:
            raise PromqlError(
                "the query is nested too deeply",
                location=place(text, token.start, file),
                value=excerpt(text, token.start),
                expected=f"at most {_DEEPEST} open parentheses",
            )
    elif token.text in _CLOSING:
        if not open_marks or open_marks[-1].text != _CLOSING[token.text]:
            raise PromqlError(
                f"{token.text!r} closes nothing that is open",
                location=place(text, token.start, file),
                value=excerpt(text, token.start),
            )
        open_marks.pop()


def place(text: str, offset: int, file: str = "") -> Location:
    """The line and column of an offset, both from 1."""
    before = text[:offset]
    return Location(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def excerpt(text: str, offset: int) -> str:
    """A little of the text from an offset on, for an error message."""
    line = text[offset:].split("\n", 1)[0]
    return line if len(line) <= 40 else line[:37] + "..."
