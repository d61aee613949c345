"""Selector settings: the text between the braces of a PromQL selector, as matchers."""

from __future__ import annotations

import re

from regobs.promql.nodes import Matcher, MatchOp

_MATCHER = re.compile(
    r"""\s*(?P<label>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*"""
)


def read_selector(text: str) -> tuple[Matcher, ...] | str:
    """The matchers of `job="a", env=~"b|c"` (braces around it are fine), or what is wrong with it, in words."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip()
    matchers: list[Matcher] = []
    position = 0
    while position < len(inner):
        match = _MATCHER.match(inner, position)
        if match is None:
            return f"cannot read {inner[position:]!r}"
        value = match["value"].encode().decode("unicode_escape") if "\\" in match["value"] else match["value"]
        matchers.append(Matcher(match["label"], MatchOp(match["op"]), value))
        position = match.end()
        if position < len(inner):
            if inner[position] != ",":
                return f"a comma is missing before {inner[position:]!r}"
            position += 1
    return tuple(matchers)


def selector_text(matchers: tuple[Matcher, ...]) -> str:
    """Matchers as the text between the braces."""
    return ", ".join(f'{matcher.label}{matcher.op}"{_escape(matcher.value)}"' for matcher in matchers)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
