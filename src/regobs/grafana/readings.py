"""How values read in a panel: their unit, the words that stand in their place, and the colours that judge them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from regobs.catalog.model import Unit
from regobs.grafana.bound import BoundPanel, BoundQuery, may_be_never
from regobs.grafana.levels import WORDS as LEVELS
from regobs.grafana.panels import Limits, Table
from regobs.grafana.units import grafana_unit

Json = dict[str, Any]

RULE_GROUP = "rule_group"  # a label of Prometheus: the path of the file, a semicolon, the name of the group
NO_DATA = "no data"  # what an empty answer shows, so that it cannot be taken for zero
GOOD, WARN, BAD, UNKNOWN = "green", "yellow", "red", "purple"
_COLUMNS = {  # labels whose words are not their name's
    "alertname": "alert",
    "horizontalpodautoscaler": "autoscaler",
    "migration_id": "migration ID",
    "mountpoint": "mount point",
    "slo": "SLO",
}
NEVER = 40 * 365 * 86_400  # seconds: no process and no file is that old, the moment 0 is


def unit_of(query: BoundQuery) -> str:
    """Grafana's unit of a query's values."""
    return grafana_unit(query.type.unit, per_second=query.type.per_second)


def column_title(label: str) -> str:
    """What a table calls the column of a label: words, where the exposition has a name."""
    return _COLUMNS.get(label, label.replace("_", " "))


def steps(thresholds: Limits | None) -> list[Json]:
    """Threshold steps in ascending order, the first from minus infinity."""
    if thresholds is None:
        return [{"color": GOOD, "value": None}]
    warn, bad = thresholds
    if warn < bad:
        return [{"color": GOOD, "value": None}, {"color": WARN, "value": warn}, {"color": BAD, "value": bad}]
    return [{"color": BAD, "value": None}, {"color": WARN, "value": bad}, {"color": GOOD, "value": warn}]


def edges_of(bound: BoundPanel) -> tuple[tuple[float, str], tuple[float, str]] | None:
    """The lowest and the highest bucket edge behind the panel's quantiles, each with its text."""
    edges = {query.edges for query in bound.queries}
    return _edge_texts(bound.queries[0]) if len(edges) == 1 else None


def _edge_texts(query: BoundQuery) -> tuple[tuple[float, str], tuple[float, str]] | None:
    if query.edges is None:
        return None
    text = {Unit.SECONDS: _seconds, Unit.BYTES: _bytes}.get(query.type.unit, _plain)
    low, high = query.edges
    return (low, text(low)), (high, text(high))


def mappings_of(query: BoundQuery) -> list[Json]:
    """The mapping of a moment that may never have been, or those of a quantile.

    A quantile in the lowest bucket or on the highest edge says no more than that.
    """
    if may_be_never(query.expr):
        return [never()]
    if (edges := _edge_texts(query)) is None:
        return []
    (low, at_most), (high, at_least) = edges
    return [_mapping(None, low, f"at most {at_most}"), _mapping(high, None, f"{at_least} or more")]


def _mapping(start: float | None, end: float | None, text: str, color: str = "") -> Json:
    result = {"index": 0, "text": text, **({"color": color} if color else {})}
    return {"type": "range", "options": {"from": start, "to": end, "result": result}}


def never() -> Json:
    """The mapping of an age that is counted from the moment 0."""
    return _mapping(NEVER, None, "never")


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _bytes(value: float) -> str:
    return f"{value / 2**20:g} MiB" if value >= 2**20 else f"{value / 2**10:g} KiB"


def _plain(value: float) -> str:
    return f"{value:g}"


def mappings(bound: BoundPanel) -> list[Json]:
    """The mappings of numbers that are moments, or quantiles of buckets."""
    if any(may_be_never(query.expr) for query in bound.queries):
        return [never()]
    return mappings_of(bound.queries[0]) if edges_of(bound) else []


def mapped_text(mappings: Iterable[Json], value: float) -> str:
    """The word that Grafana shows for a value by the mapping of its range; "" where it shows the number."""
    for mapping in mappings:
        if mapping["type"] == "range":
            start, end = mapping["options"]["from"], mapping["options"]["to"]
            if (start is None or start <= value) and (end is None or value <= end):
                return str(mapping["options"]["result"]["text"])
    return ""


def no_data() -> Json:
    """The mapping of an empty answer, which Grafana would show in the colour of the lowest threshold: in green."""
    return {
        "type": "special",
        "options": {"match": "null+nan", "result": {"color": UNKNOWN, "index": 9, "text": NO_DATA}},
    }


def judged(bound: BoundPanel) -> list[Json]:
    """The mappings of numbers that thresholds colour."""
    return [*mappings(bound), *([no_data()] if bound.panel.thresholds else [])]


def levels() -> list[Json]:
    """The words of a tile, each in its colour."""
    colors = (GOOD, WARN, BAD)
    words = {str(value): {"color": colors[value], "index": value, "text": word} for value, word in LEVELS.items()}
    return [{"type": "value", "options": words}, no_data()]


def sorting(bound: BoundPanel) -> list[tuple[BoundQuery, bool]]:
    """By which columns a table is sorted, and whether downwards: the worst stands first.

    That is the column the panel names, or its first, and among equals the other coloured ones: an SLO that burns no
    more may have spent everything.
    """
    table, queries = bound.panel, bound.queries
    if not isinstance(table, Table):
        return [(queries[0], True)]
    limits = {query.ref: table.colored.get(query.name, table.thresholds) for query in queries}
    first = next((query for query in queries if query.name == table.sort), queries[0])
    others = [query for query in queries if query is not first and limits[query.ref] is not None]
    return [(query, (pair := limits[query.ref]) is None or pair[0] < pair[1]) for query in (first, *others)]
