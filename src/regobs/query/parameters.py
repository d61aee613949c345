"""Parameters of a query, `$route` or `${route}`: in a text, as a duration, a number or the name of a label or series.

They are written as Grafana's variables are, and filled in before the query is read. Names that begin with two
underscores are Grafana's own, and a name that a regular expression gives to a group is no parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from regobs.common.closest import did_you_mean
from regobs.errors import InputError
from regobs.promql.tokens import TokenKind, tokenize

_PARAMETER = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<bare>[A-Za-z_]\w*))", re.ASCII)
_GROUP = re.compile(r"\(\?P?<(\w+)>", re.ASCII)
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# Outside of a text: a duration, a number, or names of labels or series.
_WORD = re.compile(
    r"-?[\d.]+(?:[eE][+-]?\d+)?|(?:\d++[a-z]++)++|[A-Za-z_:][\w:]*+(?:\s*+,\s*+[A-Za-z_:][\w:]*+)*+", re.ASCII
)


def parameters(text: str) -> tuple[str, ...]:
    """The names of the parameters of a query, each once, in their order. Raises PromqlError for what is no PromQL."""
    return tuple(dict.fromkeys(name for _, _, name, _ in _places(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The query with values in the place of its parameters: within a text such that they cannot end it.

    Raises InputError for a parameter without a value, a value without a parameter, and one that cannot stand there.
    """
    places = _places(text)
    known = list(dict.fromkeys(name for _, _, name, _ in places))
    strange = next((name for name in values if name not in known), None)
    if strange is not None:
        raise InputError(
            "the query has no such parameter",
            value=strange,
            expected=f"one of {', '.join(known)}" if known else "a query with parameters, such as $route",
            next_step=did_you_mean(strange, known),
        )
    missing = [name for name in known if name not in values]
    if missing:
        raise InputError(
            "the query has parameters without a value",
            value=", ".join(missing),
            next_step=f"add --set {missing[0]}=VALUE",
        )
    parts, end = [], 0
    for start, stop, name, quote in places:
        parts += [text[end:start], _within(quote, name, values[name]) if quote else _word(name, values[name])]
        end = stop
    return "".join((*parts, text[end:]))


def read_values(pairs: Iterable[str], option: str = "--set") -> dict[str, str]:
    """Values by name, of texts NAME=VALUE. Raises InputError."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not NAME.fullmatch(name):
            raise InputError(
                f"{option} is not NAME=VALUE", value=pair, expected=f"{option} route=/v2/", next_step="correct it"
            )
        found[name] = value
    return found


def _places(text: str) -> list[tuple[int, int, str, str]]:
    """Start, end and name of each parameter, and the quote of the text that it stands in, "" outside of one."""
    groups = set(_GROUP.findall(text))
    found = []
    for token in tokenize(text):
        if token.kind not in {TokenKind.STRING, TokenKind.VARIABLE}:
            continue
        quote = token.text[0] if token.kind is TokenKind.STRING else ""
        for match in _PARAMETER.finditer(token.text):
            name = match["braced"] or match["bare"]
            if not name.startswith("__") and not (quote and name in groups):
                found.append((token.start + match.start(), token.start + match.end(), name, quote))
    return found


def _within(quote: str, name: str, value: str) -> str:
    """The value inside a text with these quotes."""
    if quote != "`":
        return value.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
    if "`" in value:
        raise InputError(
            "a text in backquotes cannot hold a backquote",
            value=f"{name}={value}",
            next_step='quote it with " in the query',
        )
    return value


def _word(name: str, value: str) -> str:
    if not _WORD.fullmatch(value):
        raise InputError(
            "the parameter stands outside of a text, where this value cannot",
            value=f"{name}={value}",
            expected="a duration such as 5m, a number, or the name of a label or series",
        )
    return value
