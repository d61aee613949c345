"""The log lines that an alert leads to, and their address, in which the alert's own labels narrow them.

Prometheus puts the labels in when the alert fires; `LogAddress.filled` says what comes out, as generated tests expect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

# A value stands within quotation marks of KQL, within a string of Rison, within the fragment of an address. `urlquery`
# writes a space as a plus sign, which is a plus sign in a fragment.
# Sources: Kibana 9, packages/kbn-es-query, grammar of KQL, QuotedCharacter; Rison, "Strings"; Go, net/url, QueryEscape.
_ESCAPES = r"""reReplaceAll `[\\"]` `\$0` | reReplaceAll `[!']` `!$0` | urlquery | reReplaceAll `[+]` `%20`"""


@dataclass(frozen=True, slots=True)
class AlertedLines:
    """A saved query, the labels of an alert that narrow it, and how far the alert looks back, as `now-6h` has it."""

    query: str
    labels: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class LogAddress:
    """An address in two parts. Between them comes, for each label that an alert has, its value within two texts."""

    start: str
    end: str
    narrowing: tuple[tuple[str, str, str], ...] = ()

    @property
    def template(self) -> str:
        """The address as a template of Prometheus: a label that an alert lacks narrows nothing."""
        parts = (
            f"{{{{ with $labels.{label} }}}}{before}{{{{ . | {_ESCAPES} }}}}{after}{{{{ end }}}}"
            for label, before, after in self.narrowing
        )
        return self.start + "".join(parts) + self.end

    def filled(self, labels: Mapping[str, str]) -> str:
        """The address in an alert with these labels."""
        there = ((labels.get(label, ""), before, after) for label, before, after in self.narrowing)
        parts = (f"{before}{_escaped(value)}{after}" for value, before, after in there if value)
        return self.start + "".join(parts) + self.end


def _escaped(value: str) -> str:
    phrase = re.sub(r'[\\"]', r"\\\g<0>", value)
    return quote(re.sub("[!']", r"!\g<0>", phrase), safe="")
