"""Writing YAML that every reader reads alike."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG = "tag:yaml.org,2002:"

# What a reader of YAML 1.1 or 1.2 could take for something else than text: such text is written in quotes.
_AMBIGUOUS = re.compile(
    r"[-+.]?[0-9][0-9a-fA-FxXoO_.:eE+-]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    r"|y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE|null|Null|NULL|~|"
)


class _Writer(_Dumper):  # type: ignore[misc]
    """Keeps the order of keys, shares nothing, and writes text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _write_text(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"
    elif _AMBIGUOUS.fullmatch(text):
        style = '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


def _write_number(dumper: Any, number: Decimal) -> Any:
    return dumper.represent_scalar(_TAG + "float", format(number, "f") if number.is_finite() else _special(number))


def _special(number: Decimal) -> str:
    return ".nan" if number.is_nan() else "-.inf" if number < 0 else ".inf"


_Writer.add_representer(str, _write_text)
_Writer.add_multi_representer(str, _write_text)
_Writer.add_representer(Decimal, _write_number)
_Writer.add_representer(tuple, lambda dumper, items: dumper.represent_list(items))


def dump_yaml(data: Any) -> str:
    """Write data as YAML: keys in their order, no aliases, no folded lines. The same data gives the same text."""
    text: str = yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=10**6)
    return text
