"""Selector settings: the text between the braces of a PromQL selector, as matchers."""

from __future__ import annotations

from regobs.errors import PromqlError
from regobs.promql.nodes import Matcher, Selector

_NAME = "registry"  # any metric name: PromQL wants one before braces that may be empty


def read_selector(text: str) -> tuple[Matcher, ...] | str:
    """The matchers of `job="a", env=~"b|c"` (braces around it are fine), or what is wrong with it, in words."""
    from regobs.promql.parse import parse  # noqa: PLC0415 - whoever sets no selector need not load a parser

    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    try:
        tree = parse(f"{_NAME}{{{inner}}}")
    except PromqlError as error:
        return error.message
    if not isinstance(tree, Selector) or tree != Selector(_NAME, matchers=tree.matchers):
        return "this is more than a list of matchers"
    return tree.matchers


def selector_text(matchers: tuple[Matcher, ...]) -> str:
    """Matchers as the text between the braces."""
    return ", ".join(f'{matcher.label}{matcher.op}"{_escape(matcher.value)}"' for matcher in matchers)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
