"""Splitting PromQL text into tokens with their places, Grafana variables included."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple, NoReturn

from regobs.common.late_pattern import LatePattern
from regobs.errors import Location, PromqlError


class TokenKind(StrEnum):
    """What a token is. A mark is punctuation or an operator sign."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    VARIABLE = "variable"
    MARK = "mark"
    END = "end of the query"


class Token(NamedTuple):
    """A token and its offset in the text."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)


_PATTERNS = (
    (TokenKind.VARIABLE, r"\$\w+|\$\{[^}]*\}|\[\[\w+\]\]"),
    (
        TokenKind.NUMBER,
        r"0[xX][0-9a-fA-F]+|(?:\d++\.?\d*+|\.\d++)[eE][+-]?\d+|(?:\d++[a-zA-Z_]++)++|\d+\.\d*|\.\d+|\d+",
    ),
    (TokenKind.NAME, r"[a-zA-Z_:][a-zA-Z0-9_:]*"),
    (TokenKind.STRING, r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"),
    (TokenKind.MARK, r"==|!=|<=|>=|=~|!~|[-+*/%^=<>(){}\[\],:@]"),
)
_SPACE = r"(?:\s++|#[^\n]*+)*+"  # possessive: no end of a comment may be taken for a token
_TOKEN = re.compile(_SPACE + "(?:" + "|".join(f"(?P<{kind.name}>{text})" for kind, text in _PATTERNS) + ")", re.ASCII)
# Between brackets a colon parts range and step, and begins no name.
_IN_BRACKETS = LatePattern(_TOKEN.pattern.replace("[a-zA-Z_:][a-zA-Z0-9_:]*", "[a-zA-Z_][a-zA-Z0-9_]*"), re.ASCII)
_REST = LatePattern(_SPACE)
_KINDS = {kind.name: kind for kind, _ in _PATTERNS}
# Trees are walked recursively: these keep every walk far below Python's limit, and real queries below these.
_DEEPEST = 50
_MOST_OPERATORS = 100
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">="})
_WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
_CLOSING = {")": "(", "]": "[", "}": "{"}
_WORDS = frozenset({TokenKind.NAME, TokenKind.NUMBER, TokenKind.VARIABLE})
# To ask an enum for a member takes several times as long as to ask a module, and each token is asked a few times.
_NAME, _MARK, _END = TokenKind.NAME, TokenKind.MARK, TokenKind.END
_new = tuple.__new__  # what `Token(...)` calls, in half the time


def tokenize(text: str, file: str = "") -> list[Token]:
    """The tokens of a query, the last one an END. Raises PromqlError for what no token can begin with.

    Brackets are balanced, a variable is glued to no other word, and there are few enough operators to walk the tree.
    """
    tokens: list[Token] = []
    opened: list[Token] = []
    pattern, position, operators = _TOKEN, 0, 0
    before = Token(_END, "", 0)
    while match := pattern.match(text, position):
        group = match.lastgroup or ""
        kind, word = _KINDS[group], match[group]
        end = match.end()  # nothing is read behind a token
        token = _new(Token, (kind, word, end - len(word)))
        if kind is _MARK and word in "([{)]}":
            _balance(token, opened, text, file)
            pattern = _IN_BRACKETS.compiled if opened and opened[-1].text == "[" else _TOKEN
        elif kind is not _MARK and before.kind is not _MARK and position == token.start:
            _check_glued(before, token, text, file)
        if (kind is _MARK or kind is _NAME) and _is_operator(kind, word):
            operators += 1
            if operators > _MOST_OPERATORS:
                raise _too_many(token, text, file)
        tokens.append(token)
        before, position = token, end
    if rest := _REST.match(text, position):
        position = rest.end()
    if position < len(text):
        raise _no_token(text, position, file)
    if opened:
        raise _error(f"{opened[-1].text!r} is never closed", opened[-1], text, file, expected=_closing(opened[-1]))
    return [*tokens, Token(_END, "", len(text.rstrip()))]


def _is_operator(kind: TokenKind, text: str) -> bool:
    return text in _OPERATORS or (kind is _NAME and text.lower() in _WORD_OPERATORS)


def _check_glued(before: Token, token: Token, text: str, file: str) -> None:
    kinds = {before.kind, token.kind}
    if TokenKind.VARIABLE in kinds and kinds <= _WORDS:
        variable = before if before.kind is TokenKind.VARIABLE else token
        raise misplaced(variable, "a name cannot be put together from variables", text, file)
    if before.kind is TokenKind.NUMBER and token.kind is TokenKind.NAME:
        raise _error(f"bad number or duration: {before.text}{token.text}", before, text, file)


def _no_token(text: str, position: int, file: str) -> PromqlError:
    char = text[position]
    what = "this string is never closed" if char in "\"'`" else f"{char!r} has no meaning here"
    return PromqlError(what, location=place(text, position, file), value=excerpt(text, position))


def _too_many(token: Token, text: str, file: str) -> PromqlError:
    rest = _operators_behind(text, token.end)
    return PromqlError(
        f"the query has {_MOST_OPERATORS + 1 + rest} operators",
        check="limit",
        location=place(text, token.start, file),
        expected=f"at most {_MOST_OPERATORS}",
        next_step="record parts of it as series of their own",
    )


def _operators_behind(text: str, position: int) -> int:
    """How many operators stand from a position on, as far as there are tokens."""
    found = 0
    while match := _TOKEN.match(text, position):
        kind = _KINDS[match.lastgroup or ""]
        found += _is_operator(kind, match[kind.name])
        position = match.end()
    return found


def _balance(token: Token, opened: list[Token], text: str, file: str) -> None:
    if token.text in "([{":
        opened.append(token)
        if len(opened) > _DEEPEST:
            error = _error(
                "the query is nested too deeply", token, text, file, expected=f"at most {_DEEPEST} open parentheses"
            )
            error.check = "limit"
            raise error
    elif not opened or opened.pop().text != _CLOSING[token.text]:
        raise _error(f"{token.text!r} closes nothing that is open", token, text, file)


def _closing(token: Token) -> str:
    return {"(": ")", "[": "]", "{": "}"}[token.text]


def _error(message: str, token: Token, text: str, file: str, expected: str | None = None) -> PromqlError:
    location, value = place(text, token.start, file), excerpt(text, token.start)
    return PromqlError(message, location=location, value=value or None, expected=expected)


def misplaced(token: Token, why: str, text: str, file: str) -> PromqlError:
    """The error for a variable where nothing could be said about what it stands for."""
    return PromqlError(
        why,
        location=place(text, token.start, file),
        value=token.text,
        expected="a variable as a matcher's value, a duration, a label of a by list, or a number",
    )


def place(text: str, offset: int, file: str = "") -> Location:
    """The line and column of an offset, both from 1."""
    return Location(file, text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def word_place(word: str, text: str, start: int, end: int) -> int:
    """Where a word stands in a part of a query, as a word of its own, else within one; -1 for nowhere."""
    whole = (token.start for token in tokenize(text) if token.text == word and start <= token.start < end)
    if (at := next(whole, -1)) >= 0:
        return at
    found = re.search(rf"(?<![\w:]){re.escape(word)}(?![\w:])", text[start:end])
    return start + found.start() if found else -1


def excerpt(text: str, offset: int) -> str:
    """A little of the text from an offset on, for an error message."""
    line = text[offset : offset + 41].split("\n", 1)[0]
    return line if len(line) <= 40 else line[:37] + "..."


class TokenReader:
    """Takes the tokens of a query one after the other, and says where it could not go on."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.tokens = tokenize(text, file)
        self.index = 0
        self.token = self.tokens[0]

    def take(self) -> Token:
        """The token here; the next one is the one here then."""
        token = self.token
        self.index += 1
        self.token = self.tokens[self.index]
        return token

    def mark(self, text: str) -> bool:
        """Take the mark if it stands here."""
        token = self.token
        if token.text == text and token.kind is _MARK:
            self.take()
            return True
        return False

    def word(self, *words: str) -> str:
        """Take one of the words if it stands here; empty otherwise."""
        if self.token.kind is _NAME and (word := self.token.text.lower()) in words:
            self.take()
            return word
        return ""

    def expect(self, mark: str, expected: str = "") -> Token:
        """Take the mark. Raises PromqlError when it does not stand here."""
        token = self.token
        if not self.mark(mark):
            self.unexpected(expected or repr(mark))
        return token

    def following(self) -> str:
        """The text of the next token."""
        return self.tokens[self.index + 1].text if self.token.kind is not _END else ""

    def end(self) -> int:
        """Where the token before this one ends."""
        return self.tokens[self.index - 1].end

    def unexpected(self, expected: str) -> NoReturn:
        """Raise PromqlError: the token here cannot stand here."""
        found = "the query ends here" if self.token.kind is TokenKind.END else f"{self.token.text!r} cannot stand here"
        self.fail(found, self.token.start, expected=expected)

    def fail(self, message: str, start: int, *, expected: str | None = None, next_step: str | None = None) -> NoReturn:
        """Raise PromqlError at an offset of the text."""
        value = excerpt(self.text, start) or None
        location = place(self.text, start, self.file)
        raise PromqlError(message, location=location, value=value, expected=expected, next_step=next_step)
