"""What may be typed next in a PromQL text: series, functions, labels and their values, with what each is.

The catalog answers at once. A `ServerNames` adds what the server has; whatever it cannot answer in time is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from regobs.catalog import METRICS, by_series
from regobs.catalog.model import Flavor
from regobs.promql.functions import AGGREGATIONS, FUNCTIONS
from regobs.promql.vocabulary import Vocabulary

MOST = 1_000  # suggestions of one place: a label such as an address can have any number of values
_GROUPINGS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_OPERATORS = frozenset({"=", "!=", "=~", "!~"})
_WINDOWS = ("1m", "5m", "15m", "30m", "1h", "6h", "1d", "7d", "$__rate_interval")
_PART = re.compile(
    r"""(?P<space>\s++|\#[^\n]*+)
    |(?P<text>"(?:[^"\\]|\\.)*+\\?+"?+|'(?:[^'\\]|\\.)*+\\?+'?+|`[^`]*+`?+)
    |(?P<name>[A-Za-z_:][\w:]*+)
    |(?P<number>[\d.$][\w.]*+)
    |(?P<mark>=~|!~|!=|==|<=|>=|.)""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may stand at `start`, and what it is: kind, unit and help of a series, or one word."""

    text: str
    start: int
    what: str = ""


class ServerNames(Protocol):
    """What a server knows; each is empty while that cannot be told."""

    def series(self, begun: str = "") -> Mapping[str, str]:
        """The names of series, those that begin with a text at least, each with what the server says of it."""
        ...

    def labels(self, metric: str, begun: str = "") -> tuple[str, ...]:
        """The names of the labels of a series, or of all when it is empty; those that begin with a text at least."""
        ...

    def values(self, label: str, selector: str, begun: str = "") -> tuple[str, ...]:
        """The values of a label, of the series of a selector or of all; those that begin with a text at least."""
        ...


class NoServer:
    """The catalog alone."""

    def series(self, begun: str = "") -> Mapping[str, str]:
        """None."""
        del begun
        return {}

    def labels(self, metric: str, begun: str = "") -> tuple[str, ...]:
        """None."""
        del metric, begun
        return ()

    def values(self, label: str, selector: str, begun: str = "") -> tuple[str, ...]:
        """None."""
        del label, selector, begun
        return ()


@dataclass(slots=True)
class _Open:
    """A bracket that is open: of a selector with its metric and matchers, of a grouping, of a range or of operands."""

    mark: str
    word: str = ""
    label: str = ""
    operator: str = ""
    done: bool = False  # a matcher ended, and no comma has begun another
    matchers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CursorPlace:
    """Where the text ends: `kind` is series, label, value, window or nothing, `begun` stands from `start` on.

    `depth` counts the brackets and texts that are open there.
    """

    kind: str
    begun: str
    start: int
    quote: str = ""
    metric: str = ""
    label: str = ""
    matchers: tuple[str, ...] = ()
    grouping: bool = False
    depth: int = 0


def spot(text: str) -> CursorPlace:
    """Where a text ends that may be any beginning of PromQL. Linear in its length."""
    opened: list[_Open] = []
    word = ""  # the name that stands before
    part = None
    for part in _PART.finditer(text):
        kind, said = part.lastgroup, part[0]
        if kind == "mark" and said in "([{":
            opened.append(_Open(said, word))
        elif kind == "mark" and said in ")]}" and opened:
            opened.pop()
        if kind != "space":
            word = said if kind == "name" else ""
        _matcher(opened[-1] if opened else None, kind or "", said)
    if part is None:
        return CursorPlace("series", "", len(text))
    open_text = part.lastgroup == "text" and not _closed(part[0])
    return replace(_at_end(opened[-1] if opened else _Open(""), part, len(text)), depth=len(opened) + open_text)


def _at_end(inside: _Open, part: re.Match[str], end: int) -> CursorPlace:
    """The spot behind the last part of a text, inside the innermost open bracket."""
    if part.lastgroup == "text" and not _closed(part[0]):
        return _in_text(inside, part[0], part.start())
    if part.lastgroup in {"text", "number"} or part[0].startswith("#"):
        windowed = inside.mark == "[" and part.lastgroup == "number"
        return CursorPlace("window", part[0], part.start()) if windowed else CursorPlace("nothing", "", end)
    begun, start = (part[0], part.start()) if part.lastgroup == "name" else ("", end)
    return _between(inside, begun, start)


def _matcher(inside: _Open | None, kind: str, said: str) -> None:
    """Follow a matcher of a selector: label, operator, value, comma."""
    if inside is None or inside.mark != "{":
        return
    if kind == "name":
        inside.label, inside.operator = said, ""
    elif said in _OPERATORS:
        inside.operator = said
    elif kind == "text" and inside.label and inside.operator and _closed(said):
        inside.matchers.append(f"{inside.label}{inside.operator}{said}")
        inside.label, inside.operator, inside.done = "", "", True
    elif said == ",":
        inside.label, inside.operator, inside.done = "", "", False


def _closed(text: str) -> bool:
    if len(text) < 2 or text[-1] != text[0]:
        return False
    body = text[1:-1]
    return text[0] == "`" or (len(body) - len(body.rstrip("\\"))) % 2 == 0


def _in_text(inside: _Open, said: str, start: int) -> CursorPlace:
    if inside.mark != "{" or not (inside.label and inside.operator):
        return CursorPlace("nothing", "", start)
    return CursorPlace("value", said[1:], start + 1, said[0], inside.word, inside.label, tuple(inside.matchers))


def _between(inside: _Open, begun: str, start: int) -> CursorPlace:
    if inside.mark == "{":
        if inside.operator:
            kind = "nothing" if begun else "value"
            return CursorPlace(kind, begun, start, "", inside.word, inside.label, tuple(inside.matchers))
        waiting = not inside.done and (not inside.label or bool(begun))
        return CursorPlace("label" if waiting else "nothing", begun, start, "", inside.word, "", tuple(inside.matchers))
    if inside.mark == "[":
        return CursorPlace("window" if not begun else "nothing", begun, start)
    if inside.mark == "(" and inside.word in _GROUPINGS:
        return CursorPlace("label", begun, start, grouping=True)
    return CursorPlace("series", begun, start)


def suggestions(
    before: str, after: str = "", names: ServerNames | None = None, vocabulary: Vocabulary | None = None
) -> list[Suggestion]:
    """What may stand at the cursor between two parts of a text, what the server has first, up to 1,000."""
    at, server, words = spot(before), names or NoServer(), vocabulary or Vocabulary(Flavor.GITLAB)
    if at.kind == "series":
        found = _series(at, server)
    elif at.kind == "label":
        found = _labels(at, before + after, server, words)
    elif at.kind == "value":
        found = _values(at, server, words)
    elif at.kind == "window":
        found = (Suggestion(window, at.start, "window") for window in _WINDOWS if window.startswith(at.begun))
    else:
        return []
    distinct: dict[str, Suggestion] = {}
    for one in found:
        distinct.setdefault(one.text, one)
    return list(distinct.values())[:MOST]


def _series(at: CursorPlace, server: ServerNames) -> Iterator[Suggestion]:
    known, served = _catalog(), server.series(at.begun)
    for name in sorted(served):
        if name.startswith(at.begun) and (at.begun or name in known):
            yield Suggestion(name, at.start, known.get(name) or served[name])
    for name, what in known.items():
        if at.begun and name.startswith(at.begun):
            yield Suggestion(name, at.start, what)
    for name in sorted({*FUNCTIONS, *AGGREGATIONS}):
        if at.begun and name.startswith(at.begun):
            yield Suggestion(name, at.start, "aggregation" if name in AGGREGATIONS else "function")


@cache
def _catalog() -> dict[str, str]:
    """Every series of the catalog, sorted, with kind, unit and help of its metric."""
    found = {}
    for metric in METRICS.values():
        unit = "" if str(metric.unit) == "none" else f" {metric.unit}"
        for series in metric.series:
            found[series] = f"{metric.kind}{unit}: {metric.help}"
    return dict(sorted(found.items()))


def _labels(at: CursorPlace, text: str, server: ServerNames, words: Vocabulary) -> Iterator[Suggestion]:
    metrics = [at.metric] if at.metric else list(dict.fromkeys(_named_series(text)))[:8] if at.grouping else []
    taken = {matcher.partition("=")[0].rstrip("!") for matcher in at.matchers}
    for metric in metrics or [""]:
        known, served = _catalog_labels(metric, words), server.labels(metric, at.begun)
        for name in (*served, *known):
            if name.startswith(at.begun) and name not in taken and name != "__name__":
                yield Suggestion(name, at.start, known.get(name, "label"))
    for name in sorted(words.target_labels):
        if name.startswith(at.begun) and name not in taken:
            yield Suggestion(name, at.start, "label of the target")


def _named_series(text: str) -> Iterator[str]:
    """The names of a text that the catalog has as series."""
    return (part[0] for part in _PART.finditer(text) if part.lastgroup == "name" and part[0] in _catalog())


def _catalog_labels(metric: str, words: Vocabulary) -> dict[str, str]:
    entry = by_series(metric) if metric else None
    form = words.form(entry[0]) if entry else None
    if entry is None or form is None:
        return {}
    labels = {words.series_label(entry[0], one): _values_text(one.values) for one in form.labels}
    return labels | ({"le": "upper bound of a bucket"} if entry[1] == "_bucket" else {})


def _values_text(values: tuple[str, ...] | None) -> str:
    return "label" if not values else f"label: {', '.join(values[:4])}{', ...' * (len(values) > 4)}"


def _values(at: CursorPlace, server: ServerNames, words: Vocabulary) -> Iterator[Suggestion]:
    entry = by_series(at.metric) if at.metric else None
    form = words.form(entry[0]) if entry else None
    closed: tuple[str, ...] = ()
    if entry is not None and form is not None:
        label = next((one for one in form.labels if words.series_label(entry[0], one) == at.label), None)
        closed = (label.values or ()) if label else ()
        if at.label == "le" and entry[1] == "_bucket":
            closed = (*(f"{bound:g}" for bound in form.buckets or ()), "+Inf")
    selector = f"{at.metric}{{{', '.join(at.matchers)}}}" if at.metric or at.matchers else ""
    served = server.values(at.label, selector, at.begun.partition("\\")[0])  # as it is without escapes
    for value in (*(one for one in closed if one in served), *served, *closed):
        text = _quoted(value, at.quote or '"')
        if text.startswith(at.begun):
            yield Suggestion(text if at.quote else f'"{text}"', at.start, f"value of {at.label}")


def _quoted(value: str, quote: str) -> str:
    """A value as it stands between such quotes."""
    if quote == "`":
        return value
    return value.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
