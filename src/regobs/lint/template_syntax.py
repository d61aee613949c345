"""What the parser of Go refuses in a template: https://pkg.go.dev/text/template, and its parser's lex.go and parse.go.

Functions are not looked up: which there are depends on the version of Prometheus. Linear in the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*+|0[oO][0-7_]*+|0[bB][01_]*+|[0-9_]*+)(?:\.[0-9a-fA-F_]*+)?(?:[eEpP][+-]?[0-9_]*+)?i?"
)
_TEXTS = {
    '"': re.compile(r'"(?:[^"\\\n]|\\[^\n])*+"'),
    "'": re.compile(r"'(?:[^'\\\n]|\\[^\n])*+'"),
    "`": re.compile(r"`[^`]*+`"),
}
_ODD_ESCAPE = re.compile(
    r"(?:[^\\]|\\(?:[abfnrtv\\\"]|x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*+(\\.?.?)", re.DOTALL
)
_CHARACTER = re.compile(r"'(?:[^\\]|\\(?:[abfnrtv\\']|x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))'")
_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n])?/\*")
_CLOSED = re.compile(r"(?:[ \t\r\n]-)?\}\}")
_ENDS_WORD = frozenset(" \t\r\n.,|:)(")
_DEEPEST = 50  # brackets within brackets, of which nothing is said any more
_BLOCKS = frozenset({"if", "range", "with", "define", "block"})
_KEYWORDS = _BLOCKS | {"else", "end", "template", "break", "continue"}
# What Prometheus gives a template, and vmalert besides (app/vmalert/notifier/alert.go): whose file it is is not known.
GIVEN = frozenset({"labels", "value", "externalLabels", "externalURL"})
OF_VMALERT = frozenset({"type", "expr", "alertID", "groupID", "activeAt", "for", "isPartial"})
_OPERANDS = frozenset({"word", "variable", "field", "dot", "text", "number", "constant", "("})
_CONSTANTS = frozenset({"dot", "text", "number", "constant"})


class TemplateFault(NamedTuple):
    """The action that Go refuses, from `{{` to `}}`, what is wrong in it, and what to do."""

    action: str
    what: str
    next_step: str


class _Token(NamedTuple):
    kind: str  # space, word, keyword, variable, field, dot, text, number, or the sign itself
    text: str


class _RefusedError(Exception):
    """What Go refuses, and what to do."""


class _Variables:
    """Those that are declared, in their order, and how often each is."""

    def __init__(self, *given: str) -> None:
        self.order = list(given)
        self.count = Counter(given)

    def declare(self, name: str) -> None:
        self.order.append(name)
        self.count[name] += 1

    def forget(self, beyond: int) -> None:
        while len(self.order) > beyond:
            self.count[self.order.pop()] -= 1


@dataclass
class _Frame:
    """A block that is open: its word, what was known before it, and whether its `else` was."""

    word: str
    variables: _Variables
    known: int
    ranges: int
    else_seen: bool = False


@dataclass
class _State:
    variables: _Variables = field(default_factory=lambda: _Variables("$", *(f"${name}" for name in GIVEN | OF_VMALERT)))
    frames: list[_Frame] = field(default_factory=list)
    ranges: int = 0


def template_fault(text: str) -> TemplateFault | None:
    """The first thing for which Go refuses a whole template; None where it takes it."""
    state, place = _State(), 0
    while (start := text.find("{{", place)) >= 0:
        place = start
        try:
            tokens, place = _action(text, start)
            if tokens is not None:
                _Parser(tokens, state).action()
        except _RefusedError as fault:
            what, step = fault.args
            end = text.find("}}", max(place, start + 2))
            return TemplateFault(text[start : end + 2 if end >= 0 else len(text)], what, step)
        except RecursionError:
            return None
    if state.frames:
        word = state.frames[-1].word
        return TemplateFault("{{", f"{word} has no end", "write {{ end }} behind it")
    return None


def without_comments(text: str) -> str:
    """A template with blanks in place of comments, up to their `*/`, so that all else stands where it stood."""
    parts, shown, place = [], 0, 0
    while (found := _COMMENT.search(text, place)) is not None and (end := text.find("*/", found.end())) >= 0:
        place = end + 2
        parts += [text[shown : found.start()], " " * (place - found.start())]
        shown = place
    return "".join([*parts, text[shown:]])


def _action(text: str, start: int) -> tuple[list[_Token] | None, int]:
    """The tokens of an action, none for a comment, and the place behind it."""
    place = start + 2
    if text[place : place + 1] == "-" and text[place + 1 : place + 2] in {" ", "\t", "\r", "\n"}:
        place += 2
    if text.startswith("/*", place):
        end = text.find("*/", place)
        if end < 0:
            raise _RefusedError("a comment in a template is never closed", "write */}} behind it")
        if (closed := _CLOSED.match(text, end + 2)) is None:
            raise _RefusedError("behind a comment in a template stands something else", "write }} behind its */")
        return None, closed.end()
    tokens: list[_Token] = []
    while (closed := _CLOSED.match(text, place)) is None:
        if place >= len(text):
            raise _RefusedError("a template is never closed", "write }} behind it")
        token = _token(text, place)
        tokens.append(token)
        place += len(token.text)
    return tokens, closed.end()


def _token(text: str, place: int) -> _Token:
    sign = text[place]
    if found := _SPACE.match(text, place):
        end = found.end()
        # The last one may belong to ` -}}`.
        end -= end - place > 1 and _CLOSED.match(text, end - 1) is not None
        return _Token("space", text[place:end])
    if sign in _TEXTS:
        if (found := _TEXTS[sign].match(text, place)) is None:
            raise _RefusedError("a text in a template is never closed", "close it with the quote that it begins with")
        if sign == "'" and not _CHARACTER.fullmatch(found[0]):
            raise _RefusedError(f"{found[0]} in a template is no single character", "write it in double quotes")
        if sign == '"' and (odd := _ODD_ESCAPE.match(found[0][1:-1])) and odd[1]:
            raise _RefusedError(f"a text in a template has no escape {odd[1]}", "write it between backticks")
        return _Token("text", found[0])
    if text.startswith(":=", place):
        return _Token(":=", ":=")
    following = text[place + 1 : place + 2]
    if (
        sign in "+-"
        or (sign.isascii() and sign.isdigit())
        or (sign == "." and following.isascii() and following.isdigit())
    ):
        return _Token("number", _number(text, place))
    if sign in "$." or _WORD.match(text, place):
        return _named(text, place)
    return _Token(sign, sign)


def _named(text: str, place: int) -> _Token:
    """A variable, a field, a dot or a word."""
    sign = text[place]
    name = _WORD.match(text, place + (sign in "$."))
    word = _ending(text, place, name.end() if name else place + 1)
    if sign in "$.":
        return _Token("variable" if sign == "$" else "field" if name else "dot", word)
    return _Token("keyword" if word in _KEYWORDS else "constant" if word in {"true", "false", "nil"} else "word", word)


def _number(text: str, place: int) -> str:
    found = _NUMBER.match(text, place)
    end = found.end() if found else place + 1
    following = text[end : end + 1]
    if not re.search("[0-9]", text[place:end]) or following in {"+", "-"} or (following and _WORD.match(text, end)):
        raise _RefusedError(
            f"{text[place : end + 1]} is no number in a template", "templates cannot calculate: do it in the query"
        )
    return text[place:end]


def _ending(text: str, place: int, end: int) -> str:
    """A word with what must follow it: a blank, a dot, a bracket or the end of the action."""
    following = text[end : end + 1]
    if following and following not in _ENDS_WORD and not text.startswith("}}", end):
        word, odd = text[place:end], text[place : end + 1]
        raise _RefusedError(
            f"{odd} is no name in a template", f'behind {word} a blank belongs; for a label: index $labels "a-b"'
        )
    return text[place:end]


class _Parser:
    """One action, and what it does to the blocks that are open."""

    def __init__(self, tokens: list[_Token], state: _State) -> None:
        self.tokens, self.state, self.place, self.depth = tokens, state, 0, 0

    def action(self) -> None:
        first = self.peek()
        if first is None or first.kind != "keyword":
            self.pipeline("an action")
            return
        self.next()
        if first.text in _BLOCKS:
            self._block(first.text)
        else:
            {
                "else": self._else,
                "end": self._end,
                "template": self._template,
                "break": self._break,
                "continue": self._break,
            }[first.text]()

    def peek(self, *, spaces: bool = True) -> _Token | None:
        while spaces and self.place < len(self.tokens) and self.tokens[self.place].kind == "space":
            self.place += 1
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def next(self) -> _Token | None:
        token = self.peek()
        self.place += 1
        return token

    def _block(self, word: str) -> None:
        state = self.state
        variables, known = state.variables, len(state.variables.order)
        if word in {"define", "block"}:
            self._name(word)
        if word == "define":
            if state.frames:
                raise _RefusedError("a template is defined within a block", "define it before")
            self._closed(word)
        else:
            self.pipeline(word)
        state.frames.append(_Frame(word, variables, known, state.ranges))
        state.ranges += word == "range"
        if word in {"define", "block"}:
            state.variables, state.ranges = _Variables("$"), 0

    def _end(self) -> None:
        self._closed("end")
        if not self.state.frames:
            raise _RefusedError("end stands behind no if, range or with", "remove end")
        frame = self.state.frames.pop()
        self.state.variables, self.state.ranges = frame.variables, frame.ranges
        frame.variables.forget(frame.known)

    def _else(self) -> None:
        frame = self.state.frames[-1] if self.state.frames else None
        if frame is None or frame.word in {"define", "block"}:
            raise _RefusedError("else stands behind no if, range or with", "remove else")
        if frame.else_seen:
            raise _RefusedError("a block has a second else", "remove one of the two")
        again = self.peek()
        # Source: Go 1.23 took `else with` in.
        if again is not None and again.kind == "keyword" and again.text == frame.word and frame.word in {"if", "with"}:
            self.next()
            self.pipeline(frame.word)
            return
        self._closed("else")
        frame.else_seen = True
        self.state.ranges = frame.ranges

    def _template(self) -> None:
        self._name("template")
        if self.peek() is not None:
            self.pipeline("template")

    def _break(self) -> None:
        self._closed("break")
        if not self.state.ranges:
            raise _RefusedError("break and continue stand within no range", "remove them")

    def _name(self, word: str) -> None:
        name = self.next()
        if name is None or name.kind != "text" or name.text[0] == "'":
            raise _RefusedError(f"{word} has no name in quotes", f'write {word} "name"')

    def _closed(self, word: str) -> None:
        if (token := self.peek()) is not None:
            raise _RefusedError(f"{token.text} stands behind {word}", "remove it")

    def pipeline(self, of: str, end: str | None = None) -> None:
        """Commands with `|` between them, and variables that are declared before."""
        self._declarations(of)
        stage = 0
        while (token := self.peek()) is not None and token.kind != end:
            if token.kind not in _OPERANDS:
                raise _RefusedError(f"{token.text} has no meaning in a template", _step(token.text))
            if stage and token.kind in _CONSTANTS:
                raise _RefusedError(f"{token.text} behind | is no function", "name one")
            self._command()
            stage += 1
        if token is None and end is not None:
            raise _RefusedError("the parentheses of a template do not match", "close each of them")
        if not stage:
            raise _RefusedError(f"{of} of a template is empty", "write what it is about, or remove it")

    def _declarations(self, of: str) -> None:
        for declared in range(1, 3):
            variable, begin = self.peek(), self.place
            if variable is None or variable.kind != "variable":
                if declared > 1 and variable is not None:
                    raise _RefusedError(f"{variable.text} is no variable", "a range declares an index and a value")
                return
            self.next()
            sign = self.peek()
            if sign is None or sign.kind not in {":=", "=", ","}:
                self.place = begin
                return
            self.next()
            self.state.variables.declare(variable.text)
            if sign.kind != ",":
                return
            if of != "range" or declared > 1:
                raise _RefusedError("too many variables are declared at once", "declare one after the other")

    def _command(self) -> None:
        """Operands with a blank between them, to a `|` or the end."""
        while (token := self.peek()) is not None and token.kind not in {")", "|"}:
            self._operand(token)
            behind = self.peek(spaces=False)
            if behind is not None and behind.kind not in {"space", ")", "|"}:
                raise _RefusedError(f"{behind.text} has no meaning behind {token.text}", _step(behind.text))
        if token is not None and token.kind == "|":
            self.next()

    def _operand(self, token: _Token) -> None:
        if token.kind not in _OPERANDS:
            raise _RefusedError(f"{token.text} has no meaning in a template", _step(token.text))
        self.next()
        if token.kind == "variable" and not self.state.variables.count[token.text]:
            raise _RefusedError(
                f"a template has no variable {token.text} here", "declare it, in this block or around it"
            )
        if token.kind == "(":
            self.depth += 1
            if self.depth > _DEEPEST:
                raise RecursionError
            self.pipeline("a bracket", ")")
            self.next()
            self.depth -= 1
        fields = list(self._fields())
        if fields and token.kind in _CONSTANTS:
            raise _RefusedError(f"{token.text} has no field {fields[0]}", "remove it")

    def _fields(self) -> Iterator[str]:
        while (token := self.peek(spaces=False)) is not None and token.kind == "field":
            self.place += 1
            yield token.text


def _step(sign: str) -> str:
    """What to write in place of a sign that templates do not have."""
    names = {">": "gt", "<": "lt", "=": "eq", "!": "ne"}
    if sign in names:
        return f"write {names[sign]} before both sides"
    if sign == "(":
        return "write a blank before it"
    return "templates cannot calculate: do it in the query" if sign in "+-*/%" else "remove it"
