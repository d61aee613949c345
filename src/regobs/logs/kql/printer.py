"""Tree to KQL text: one line, parentheses only where the tree needs them. `parse(to_text(tree)) == tree`."""

from __future__ import annotations

import re

from regobs.logs.kql.nodes import And, Everything, Is, Literal, Nested, Node, Not, Or, Range, Word

_SPECIAL = re.compile(r'[\\():<>"*{}]')
_AND_OR = re.compile(r"(?i)(?:^|(?<=[ \t\r\n\u00a0]))(and|or)(?=[ \t\r\n\u00a0]|$)")
_NOT = re.compile(r"(?i)n(?=ot(?:[ \t\r\n\u00a0]|$))")
_CONTROL = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}
_CONTROLS = re.compile(r"[\t\r\n]")
_QUOTED = re.compile(r'[\\"]')


def to_text(node: Node) -> str:
    """The text of a tree that `parse` can give."""
    return _text(node, 0)


def _text(node: Node, strength: int) -> str:
    """`strength` of what stands around: 0 nothing or `or`'s outside, 1 inside or, 2 inside and, 3 after not."""
    if isinstance(node, Everything):
        return ""
    if isinstance(node, Or | And):
        own = 1 if isinstance(node, Or) else 2
        joined = (" or " if own == 1 else " and ").join(_text(part, own) for part in node.of)
        return f"({joined})" if own <= strength else joined
    if isinstance(node, Not):
        text = f"not {_text(node.of, 3)}"
        return f"({text})" if strength == 3 else text
    if isinstance(node, Nested):
        return f"{word_text(node.path)}: {{ {_text(node.of, 0)} }}"
    if isinstance(node, Range):
        return f"{word_text(node.field)} {node.op} {word_text(node.value)}"
    assert isinstance(node, Is)  # noqa: S101 - the last kind of node
    return word_text(node.value) if node.field is None else f"{word_text(node.field)}: {word_text(node.value)}"


def word_text(word: Word) -> str:
    """A literal or pattern as KQL writes it."""
    if not isinstance(word, Literal):
        text = "*".join(_SPECIAL.sub(r"\\\g<0>", part) for part in word.parts)
        return _plain(text)
    if not isinstance(word.value, str):
        return {True: "true", False: "false", None: "null"}[word.value]
    if word.quoted:
        text = _QUOTED.sub(r"\\\g<0>", word.value)
        return '"' + _CONTROLS.sub(lambda found: _CONTROL[found.group()], text) + '"'
    return _plain(_SPECIAL.sub(r"\\\g<0>", word.value)) or "\\t"  # what is trimmed to nothing


def _plain(text: str) -> str:
    """Unquoted text whose keywords and control characters are escaped."""
    text = _NOT.sub(lambda found: f"\\u{ord(found.group()):04x}", _AND_OR.sub(r"\\\g<0>", text))
    return _CONTROLS.sub(lambda found: _CONTROL[found.group()], text)
