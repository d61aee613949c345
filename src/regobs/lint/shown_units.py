"""In which unit a panel shows each of its queries: that of all its fields, or of an override that chooses the query.

Source: Grafana's documentation of field overrides; `merge`, `organize` and `joinByField` leave the names `Value #A`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from regobs.documents import Steps
from regobs.grafana.classic import VARIABLE, targets_of
from regobs.lint.subjects import Json, LintedPanel, LintedQuery
from regobs.promql.literals import regex_fault, regex_matches

_KEEPS_NAMES = frozenset({"merge", "organize", "joinByField", "seriesToColumns", "sortBy", "filterFieldsByName"})
_OF_VALUES = re.compile(r"Value(?: #\w+)?|Time")
_PATTERN = re.compile(r"/(.*)/([a-z]*)", re.DOTALL)
_PLACEHOLDER = re.compile(rf"\{{\{{[^{{}}]*+\}}\}}|{VARIABLE.pattern}")


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit, where the panel sets it, and the queries that are certainly shown in it; "" where there is none."""

    unit: str
    path: Steps
    queries: tuple[LintedQuery, ...]


@dataclass(frozen=True, slots=True)
class _Override:
    """An override that sets a unit."""

    matcher: str
    options: Any
    unit: str
    path: Steps


def panel_unit_of(panel: LintedPanel) -> tuple[str, Steps]:
    """The unit of a panel and where it stands: of today's panels, or of the graph and singlestat of old ones."""
    axes = panel.data.get("yaxes")
    if isinstance(axes, list) and axes and isinstance(axes[0], dict) and panel.kind == "graph":
        return str(axes[0].get("format") or ""), ("yaxes", 0, "format")
    if isinstance(panel.defaults.get("unit"), str):
        return str(panel.defaults["unit"]), ("fieldConfig", "defaults", "unit")
    if isinstance(panel.data.get("format"), str):
        return str(panel.data["format"]), ("format",)
    return "", ()


def shown_units(panel: LintedPanel) -> Iterator[ShownUnit]:
    """The units of a panel, each with its queries; none of a query that an override may or may not choose."""
    table, changed = panel.kind == "table", list(_transformations(panel))
    kept = table and all(str(one.get("id")) in _KEEPS_NAMES for one in changed)
    if panel.kind == "heatmap" or (changed and not kept):
        return
    default, path = panel_unit_of(panel)
    overrides = list(_overrides(panel))
    sure = not table and not _has_right_axis(panel)  # the columns of a table are labels and several values
    chosen: dict[Steps, tuple[str, list[LintedQuery]]] = {path: (default, [])}
    for query in (one for one in panel.queries if one.expr is not None):
        unit, where, known = default, path, True
        for one in overrides:
            applies = _in_table(panel, one, query) if table else _in_graph(panel, one, query)
            if applies is not False:
                unit, where, known = one.unit, one.path, applies is True
        if known:
            chosen.setdefault(where, (unit, []))[1].append(query)
        else:
            sure = False
    for where, (unit, queries) in chosen.items():
        if queries and (sure or where != path):
            yield ShownUnit(unit, where, tuple(queries))


def _has_right_axis(panel: LintedPanel) -> bool:
    """Whether a graph of the old kind has some of its lines on a second axis, with a unit of its own."""
    listed = panel.data.get("seriesOverrides")
    return isinstance(listed, list) and any(isinstance(one, dict) and one.get("yaxis") == 2 for one in listed)


def _transformations(panel: LintedPanel) -> Iterator[Json]:
    listed = panel.data.get("transformations")
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _overrides(panel: LintedPanel) -> Iterator[_Override]:
    config = panel.data.get("fieldConfig")
    listed = config.get("overrides") if isinstance(config, dict) else None
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        matcher, properties = (one.get("matcher"), one.get("properties")) if isinstance(one, dict) else (None, None)
        for number, each in enumerate(properties if isinstance(properties, list) else ()):
            if isinstance(each, dict) and each.get("id") == "unit" and isinstance(matcher, dict):
                path: Steps = ("fieldConfig", "overrides", index, "properties", number, "value")
                yield _Override(str(matcher.get("id")), matcher.get("options"), str(each.get("value") or ""), path)


def _in_graph(panel: LintedPanel, override: _Override, query: LintedQuery) -> bool | None:
    """Whether an override chooses what a graph or a number shows of a query; None where that is not known."""
    target = panel.target(query)
    match override.matcher, override.options:
        case "byFrameRefID", str(name):
            return bool(name == target.get("refId"))
        case "byType", str(kind):
            return kind == "number"
        case (("byName" | "byRegexp"), str(name)):
            legend = target.get("legendFormat")
            told = isinstance(legend, str) and legend not in {"", "__auto"} and not panel.defaults.get("displayName")
            told = told and _OF_VALUES.fullmatch(name) is None
            return _is_legend(override, name, str(legend)) if told else None
    return None


def _is_legend(override: _Override, name: str, legend: str) -> bool | None:
    """Whether an override by name or pattern chooses the series of a legend, which may have labels in it."""
    literal = _PLACEHOLDER.search(legend) is None
    if override.matcher == "byRegexp":
        return _fits(name, legend) if literal else None
    return name == legend if literal else (None if _may_read(legend, name) else False)


def _may_read(legend: str, name: str) -> bool:
    """Whether a legend with labels in it may become a name."""
    pattern = ".*".join(map(re.escape, _pieces(legend)))
    return regex_matches(pattern, name) is not False


def _pieces(legend: str) -> list[str]:
    found, end = [], 0
    for match in _PLACEHOLDER.finditer(legend):
        found.append(legend[end : match.start()])
        end = match.end()
    return [*found, legend[end:]]


def _in_table(panel: LintedPanel, override: _Override, query: LintedQuery) -> bool | None:
    """Whether an override chooses the column of a query in a table, which is called `Value #A` or what it is renamed.

    Another column than that of a value is none of a query, so that what is not chosen by name is not known.
    """
    ref = str(panel.target(query).get("refId"))
    names = {f"Value #{ref}"} | ({"Value"} if len(targets_of(panel.data)) == 1 else set())
    for one in _transformations(panel):
        options = one.get("options")
        renamed = options.get("renameByName") if isinstance(options, dict) else None
        names |= {str(renamed[name]) for name in names if renamed.get(name)} if isinstance(renamed, dict) else set()
    match override.matcher, override.options:
        case "byFrameRefID", str(name):
            return True if name == ref else None
        case "byName", str(name):
            return name in names
        case "byRegexp", str(pattern):
            fits = {_fits(pattern, name) for name in names}
            return fits.pop() if len(fits) == 1 else None
    return None


def _fits(pattern: str, name: str) -> bool | None:
    """Whether a pattern, between slashes or to be found from end to end, finds a name; None where it is not tried."""
    found = _PATTERN.fullmatch(pattern)
    body, flags = (found[1], found[2]) if found else (f"^{pattern}$", "")
    if regex_fault(body) or set(flags) - set("gi"):
        return None
    return regex_matches(f"{'(?i)' if 'i' in flags else ''}(?:.*(?:{body}).*)", name)
