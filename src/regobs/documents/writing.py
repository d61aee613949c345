"""Writing YAML that every reader reads alike.

PyYAML's writer builds a node, an event and two resolver look-ups for each scalar; the generated rule tests hold tens of
thousands of them, so the plain structures that we write are written directly.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import yaml

_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# What a reader of YAML 1.1 or 1.2 could take for something else than text: such text is written in quotes.
_AMBIGUOUS = re.compile(
    r"[-+.]?[0-9][0-9a-fA-FxXoO_.:eE+-]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    r"|y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE|null|Null|NULL|~|=|<<|"
)
_ORDINARY = re.compile(r"[ -~\u00a0-\u1fff\u2010-\u2027\u2030-\ud7ff]*")  # printable, no byte order mark, no line break
# A plain scalar begins with no indicator and holds neither the end of a key nor the beginning of a comment.
_PLAIN = re.compile(r"(?![-?:,\[\]{}#&*!|>'\"%@`\s])(?:[^:#\s]|:(?!\s|$)|(?<!\s)#|\s(?=\S)(?!\s*#))+")


@dataclass(frozen=True, slots=True)
class WrittenYaml:
    """Data that is written already: it can stand in the data of several documents and is written once for all."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, data: Any) -> WrittenYaml:
        """The lines of some data, which is neither empty nor a scalar."""
        lines: list[str] = []
        _put(data, "", "", lines)
        return cls(tuple(lines))


def dump_yaml(data: Any) -> str:
    """Write data as YAML: keys in their order, no aliases, no folded lines. The same data gives the same text.

    Data are dicts with text keys, lists and tuples, text, int, Decimal, bool and None, and WrittenYaml of such data.
    """
    lines: list[str] = []
    _put(data, "", "", lines)
    lines.append("")
    return "\n".join(lines)


def _put(data: Any, indent: str, lead: str, lines: list[str]) -> None:
    """Append a value of which all lines begin with `indent`, but the first with `lead`, which is as long."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            _put_entry(f"{lead}{_text(key)}:", value, indent, lines)
            lead = indent
    elif isinstance(data, list | tuple) and data:
        for item in data:
            _put(item, indent + "  ", f"{lead}- ", lines)
            lead = indent
    elif isinstance(data, WrittenYaml):
        lines.append(lead + data.lines[0])
        lines += [indent + line if line else line for line in data.lines[1:]]
    else:
        first, *rest = _scalar(data, indent or "  ")
        lines.append(lead + first)
        lines += rest


def _put_entry(head: str, value: Any, indent: str, lines: list[str]) -> None:
    """Append a key with its value: on the same line, or below it; a list begins in the column of its key."""
    if isinstance(value, str) and "\n" not in value:
        lines.append(f"{head} {_text(value)}")
    elif isinstance(value, dict | list | tuple) and value:
        lines.append(head)
        inner = indent + "  " if isinstance(value, dict) else indent
        _put(value, inner, inner, lines)
    else:
        first, *rest = _scalar(value, indent + "  ")
        lines.append(f"{head} {first}")
        lines += rest


def _scalar(value: Any, indent: str) -> list[str]:
    """The lines of a scalar or of an empty collection; only a block has more than one."""
    if isinstance(value, str):
        return _block(value, indent) if "\n" in value else [_text(value)]
    if isinstance(value, Decimal):
        return [_number(value)]
    if isinstance(value, dict | list | tuple):
        return ["{}" if isinstance(value, dict) else "[]"]
    if value is None or isinstance(value, bool | int):
        return [json.dumps(value)]
    raise TypeError(f"{type(value).__name__} is nothing that YAML documents of regobs hold")


def _number(number: Decimal) -> str:
    if number.is_finite():
        return format(number, "f")
    return ".nan" if number.is_nan() else "-.inf" if number < 0 else ".inf"


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    """A text of one line: plain where no reader could misread it, in quotes otherwise."""
    if _AMBIGUOUS.fullmatch(text):
        return f'"{text}"'
    if not _ORDINARY.fullmatch(text):
        return _escaped(text)
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def _block(text: str, indent: str) -> list[str]:
    """Several lines as a block, or escaped in one line where a block could not say the same."""
    body = text.rstrip("\n")
    lines = body.split("\n")
    plain = all(_ORDINARY.fullmatch(line) and line == line.rstrip() for line in lines)
    if not plain or not lines[0] or lines[0][0] == " ":
        return [_escaped(text)]
    ending = len(text) - len(body)
    chomping = {0: "-", 1: ""}.get(ending, "+")
    return [f"|{chomping}", *(indent + line if line else "" for line in lines), *[""] * (ending - 1)]


def _escaped(text: str) -> str:
    """In double quotes, with PyYAML's escapes."""
    written: str = yaml.dump(text, Dumper=_Dumper, default_style='"', allow_unicode=True, width=10**6)
    return written.removesuffix("\n")
