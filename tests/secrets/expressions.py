"""Every regular expression that the package compiles when it is imported, and texts that are hard for each.

What takes an expression long is a text that nearly fits: what may be repeated is, what must follow is missing. Such
texts are derived from the expression itself.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import regobs
from regobs.secrets import ingest, texts
from regobs.secrets.expressions import RULES

_MANY = 20  # a repeat of more is one that a text can make long
_PIECES = 60  # of an expression


_ANYWHERE = re.compile(r"\b(\w+)\.(?:search|subn?|finditer|findall|split)\b")  # a use that tries every place of a text
_BOUND = ("search", "sub", "finditer", "findall", "split")


def compiled() -> dict[str, tuple[re.Pattern[Any], bool]]:
    """By module and name, with whether an expression is looked for at every place of a text, or at its start only.

    Expressions that a user gives, and those that a function makes, are not among them.
    """
    found: dict[str, tuple[re.Pattern[Any], bool]] = {}
    for module in pkgutil.walk_packages(regobs.__path__, "regobs."):
        if module.name.startswith("regobs._pack") or module.name == "regobs.__main__":
            continue
        loaded = importlib.import_module(module.name)
        anywhere = set(_ANYWHERE.findall(Path(loaded.__file__ or "").read_text(encoding="utf-8")))
        for name, value in vars(loaded).items():
            searched = name in anywhere or getattr(value, "__name__", "") in _BOUND
            for place, pattern in enumerate(_patterns(value)):
                key = f"{module.name}.{name}.{place}" if place else f"{module.name}.{name}"
                found.setdefault(key, (pattern, searched))
    for number, rule in enumerate(RULES):
        substitute, _ = texts._compiled(rule)
        found[f"rule {number}: {rule.before[:40]}"] = substitute.__self__, True  # type: ignore[attr-defined]
    found["ingest"] = re.compile(ingest.PATTERN, re.ASCII), True
    return {name: one for name, one in found.items() if one[0].pattern}


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    value = getattr(value, "__self__", value)  # `_NAME = re.compile(...).fullmatch`
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _patterns(one)
    elif type(value) is dict:
        for one in value.values():
            yield from _patterns(one)


def hard_texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    """Texts of about this length: prefix and body of each repeat over and over, with and without an end."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, pattern.flags & ~(re.DEBUG | re.UNICODE | re.ASCII))
    whole = _sample(tree)
    found = dict.fromkeys((whole, whole[:-1], whole[: len(whole) // 2], whole[1:], *_repeats(tree, "")))
    for piece in islice(filter(None, found), _PIECES):
        yield from (f"{piece * (length // len(piece) + 1)}{end}" for end in ("", "\x00"))
    for prefix, body in islice(dict.fromkeys(_prefixed(tree, "")), _PIECES):
        yield f"{prefix}{body * (length // len(body) + 1)}\x00"


def _repeats(tree: Iterable[Any], before: str) -> Iterator[str]:
    for prefix, body in _prefixed(tree, before):
        yield body
        yield prefix[-64:] + body
        yield prefix[-64:] + body * 3


def _prefixed(tree: Iterable[Any], before: str) -> Iterator[tuple[str, str]]:
    """What stands before each long repeat, and what it repeats."""
    for code, value in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            _, most, body = value
            if most > _MANY and (one := _sample(body)):
                yield before, one
            yield from _prefixed(body, before)
        elif code is codes.BRANCH:
            for branch in value[1]:
                yield from _prefixed(branch, before)
        elif code is codes.SUBPATTERN:
            yield from _prefixed(value[3], before)
        elif code is codes.ATOMIC_GROUP:
            yield from _prefixed(value, before)
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            yield from _prefixed(value[1], before)
        before += _sample([(code, value)])


def _sample(tree: Iterable[Any]) -> str:
    """A short text that the parts of an expression match, without regard to what they assert."""
    return "".join(_one(code, value) for code, value in tree)


def _one(code: Any, value: Any) -> str:  # noqa: PLR0911 (one return a kind)
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if code is codes.ANY:
        return "a"
    if code is codes.IN:
        return _of_set(value)
    if code is codes.BRANCH:
        return _sample(value[1][0])
    if code is codes.SUBPATTERN:
        return _sample(value[3])
    if code is codes.ATOMIC_GROUP:
        return _sample(value)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, body = value
        return _sample(body) * int(max(least, 1 if most else 0))
    return ""


def _of_set(members: Any) -> str:
    inside = re.compile("[" + "".join(_member(code, value) for code, value in members) + "]", re.ASCII)
    return next((letter for letter in "a0A -_.:/=\"'\\\n\t@%?&" if inside.match(letter)), "\u00e9")


_CLASSES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip


def _member(code: Any, value: Any) -> str:
    if code is codes.NEGATE:
        return "^"
    if code is codes.LITERAL:
        return re.escape(chr(value))
    if code is codes.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return str(_CLASSES[str(value)])
