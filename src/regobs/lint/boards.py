"""Checks of dashboards: layout, variables, data sources, times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from regobs.grafana.classic import VARIABLE
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.subjects import LintedDashboard, LintedPanel

_PLACES = ("x", "y", "w", "h")
# Source: Grafana's documentation of time units and relative ranges.
_TIME = re.compile(r"now(?:[-+][0-9]++(?:ms|[smhdwMyQ])|/(?:f?[Qy]|[smhdwM]))*+")
_MOMENT = re.compile(
    r"[0-9]{8,17}|[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[T ][0-9:.]++(?:Z|[-+][0-9:]++)?)?)?|[0-9]{8}T[0-9]{6}"
)
_OFFSET = re.compile(r"now(?:([-+])([0-9]{1,9})([smhdwMy]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
_EVERY = re.compile(r"[0-9]++(?:ms|[smhdw])|auto|off|false")
_COLUMNS = 24
_LARGEST_ID = 2**31 - 1


def _span(panel: LintedPanel) -> tuple[int, int, int, int] | None:
    place = panel.data.get("gridPos")
    if not isinstance(place, dict):
        return None
    sides = [place.get(side) for side in _PLACES]
    numbers = [side for side in sides if isinstance(side, int) and not isinstance(side, bool)]
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if len(numbers) == 4 else None


@check("panel-overlap", Severity.WARNING, CheckSubject.DASHBOARD)
def panel_overlap(board: LintedDashboard) -> Iterator[LintProblem]:
    """Two panels lie on each other.

    Why: Grafana moves one of them somewhere else, below a row where it does not belong.

    Wrong:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}},
          {"id": 2, "type": "text", "title": "Two", "gridPos": {"x": 6, "y": 4, "w": 12, "h": 8}}]}
    Right:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}},
          {"id": 2, "type": "text", "title": "Two", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}}]}
    """
    groups: dict[tuple[Any, ...], list[tuple[tuple[int, int, int, int], LintedPanel]]] = {}
    row = 0
    for panel in board.panels:
        if panel.kind == "row":
            row += 1  # what stands below a row is pushed down in the order of the file, whatever its place says
        elif (span := _span(panel)) is not None and not panel.data.get("repeat"):
            groups.setdefault((*panel.path[:-1], row), []).append((span, panel))
    for placed in groups.values():
        placed.sort(key=lambda one: (one[0][1], one[0][0]))
        active: list[tuple[tuple[int, int, int, int], LintedPanel]] = []
        for (x, y, w, h), panel in placed:
            active = [one for one in active if one[0][1] + one[0][3] > y]
            for (left, top, width, _), other in active:
                if x < left + width and left < x + w:
                    what = f"{panel.title!r} lies over {other.title!r}"
                    # Generators number lines by y and let Grafana push what follows straight down: the order stays.
                    within = (left <= x and x + w <= left + width) or (x <= left and left + width <= x + w)
                    severity = Severity.NOTE if y > top and within else None
                    yield panel.problem(("gridPos",), what, "move one of the two", severity)
                    break
            active.append(((x, y, w, h), panel))


@check("duplicate-panel-id", Severity.WARNING, CheckSubject.DASHBOARD)
def duplicate_panel_id(board: LintedDashboard) -> Iterator[LintProblem]:
    """Two panels have the same id, or one has an id that is too large.

    Why: a link to a panel, an alert or a picture of it then shows the wrong one.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "text", "title": "One"}, {"id": 1, "type": "text", "title": "Two"}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "text", "title": "One"}, {"id": 2, "type": "text", "title": "Two"}]}
    """
    seen: dict[int, str] = {}
    for panel in board.panels:
        number = panel.data.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            continue
        if number in seen and number:
            yield panel.problem(
                ("id",), f"{panel.title!r} and {seen[number]!r} have the id {number}", "give it another"
            )
        elif number > _LARGEST_ID:
            yield panel.problem(
                ("id",), f"the id {number} exceeds {_LARGEST_ID}", "give it a smaller one", Severity.NOTE
            )
        seen.setdefault(number, panel.title)


@check("panel-off-grid", Severity.WARNING, CheckSubject.DASHBOARD)
def panel_off_grid(board: LintedDashboard) -> Iterator[LintProblem]:
    """A panel reaches beyond the 24 columns of a dashboard, or has no width or height.

    Why: Grafana moves or narrows it, so that it stands elsewhere than it was put, or is not seen.

    Wrong:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 18, "y": 0, "w": 12, "h": 8}}]}
    Right:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}}]}
    """
    for panel in board.panels:
        if (span := _span(panel)) is None or panel.kind == "row":  # Grafana gives each row its width and height
            continue
        x, y, width, height = span
        if width < 1 or height < 1:
            yield panel.problem(("gridPos",), f"{panel.title!r} is {width} wide and {height} high", "make it larger")
        elif x < 0 or y < 0:
            yield panel.problem(("gridPos",), f"{panel.title!r} begins at {x}, {y}", "begin at 0 or above")
        elif x + width > _COLUMNS:
            what = f"{panel.title!r} ends in column {x + width} of {_COLUMNS}"
            yield panel.problem(("gridPos",), what, f"let x and w be {_COLUMNS} together at most")


@check("dashboard-time", Severity.WARNING, CheckSubject.DASHBOARD)
def dashboard_time(board: LintedDashboard) -> Iterator[LintProblem]:
    """The time range or the refresh interval of a dashboard is none, or the range ends before it begins.

    Why: Grafana falls back to another range, or shows nothing.

    Wrong:
        {"title": "a", "panels": [], "time": {"from": "now-24", "to": "now"}}
    Right:
        {"title": "a", "panels": [], "time": {"from": "now-24h", "to": "now"}}
    """
    time = board.data.get("time")
    for side in ("from", "to"):
        value = time.get(side) if isinstance(time, dict) else None
        if isinstance(value, str) and re.fullmatch(r"now[-+][0-9]+", value):
            yield board.problem(("time", side), f"{value} has no unit", "write now-24h")
        elif isinstance(value, str) and value and not _is_time(value):
            yield board.problem(("time", side), f"{value} is no time of Grafana", "write it like now-24h or now/d")
    begin, end = (_from_now(time.get(side)) for side in ("from", "to")) if isinstance(time, dict) else (None, None)
    if begin is not None and end is not None and begin >= end:
        yield board.problem(("time",), "the range ends before it begins", "write the earlier time as from")
    every = board.data.get("refresh")
    if isinstance(every, str) and every and "$" not in every and not _EVERY.fullmatch(every):
        yield board.problem(("refresh",), f"{every} is no interval", "write it like 30s or 5m")


def _is_time(value: str) -> bool:
    """Whether a text is a time of Grafana: from now, in milliseconds, a date; or a template that becomes one."""
    return any(word in value for word in ("$", "{{", "<%")) or bool(_TIME.fullmatch(value) or _MOMENT.fullmatch(value))


def _from_now(value: object) -> int | None:
    """How many seconds after now a time is; None for any other one, and where it is rounded."""
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    return int(f"{found[1]}{found[2]}") * _SECONDS[found[3]] if found[1] else 0


@check("empty-row", Severity.NOTE, CheckSubject.DASHBOARD)
def empty_row(board: LintedDashboard) -> Iterator[LintProblem]:
    """A row has no panel.

    Why: it looks like something that failed to load.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "row", "title": "Cache", "panels": []},
          {"id": 2, "type": "row", "title": "Pool", "panels": []}, {"id": 3, "type": "text", "title": "b"}]}
    Right:
        {"title": "a", "panels": [{"id": 2, "type": "row", "title": "Pool", "panels": []},
          {"id": 3, "type": "text", "title": "b"}]}
    """
    top = [panel for panel in board.panels if panel.path[:-1] == (*board.path, "panels")]
    top.sort(key=lambda panel: (_span(panel) or (0, 0, 0, 0))[1])
    for panel, following in zip(top, [*top[1:], None], strict=False):
        ends = following is None or following.kind == "row"
        if panel.kind == "row" and not panel.data.get("panels") and ends:
            yield panel.problem(("title",), f"the row {panel.title!r} has no panel", "remove it")


@check("no-datasource", Severity.NOTE, CheckSubject.DASHBOARD)
def no_datasource(board: LintedDashboard) -> Iterator[LintProblem]:
    """A panel names no data source, or a fixed one, while others of the dashboard follow a variable.

    Why: when another data source is chosen, it goes on showing the old one.

    Wrong:
        {"title": "a", "panels": [
          {"id": 1, "type": "stat", "title": "Up", "datasource": "$ds", "targets": [{"refId": "A", "expr": "sum(up)"}]},
          {"id": 2, "type": "stat", "title": "Down", "targets": [{"refId": "A", "expr": "count(up == 0)"}]}],
         "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}]}}
    Right:
        {"title": "a", "panels": [
          {"id": 1, "type": "stat", "title": "Up", "datasource": "$ds",
           "targets": [{"refId": "A", "expr": "sum(up)"}]}],
         "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}]}}
    """
    names = [str(one.get("name")) for one in board.variables if one.get("type") == "datasource"]
    if not names:
        yield from _fixed_source(board)
        return
    for panel in board.panels:
        if not panel.queries:
            continue
        sources = [panel.data.get("datasource"), *[panel.target(one).get("datasource") for one in panel.queries]]
        given = json.dumps(sources)
        if not VARIABLE.search(given) and "-- " not in given:
            what = "a fixed data source" if any(sources) else "no data source"
            yield panel.problem(("title",), f"the panel {panel.title!r} has {what}", f"write ${names[0]}")


def _fixed_source(board: LintedDashboard) -> Iterator[LintProblem]:
    """The first panel of a dashboard that names one server, where no variable lets a reader choose another."""
    for panel in board.panels:
        source = panel.data.get("datasource")
        uid = source.get("uid") if isinstance(source, dict) else source
        if panel.queries and isinstance(uid, str) and uid and not VARIABLE.search(uid) and not uid.startswith("-- "):
            what = f"all panels ask the data source {uid!r}, which other servers do not have"
            yield panel.problem(("datasource",), what, "add a variable of the type datasource, and write its name")
            return


@check("layout-gap", Severity.NOTE, CheckSubject.DASHBOARD)
def layout_gap(board: LintedDashboard) -> Iterator[LintProblem]:
    """Panels are placed far below the others.

    Why: the order was meant to be told by large numbers, and tools that sort panels put them under another row.

    Wrong:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}},
          {"id": 2, "type": "text", "title": "Two", "gridPos": {"x": 0, "y": 1000, "w": 12, "h": 8}}]}
    Right:
        {"title": "a", "panels": [
          {"id": 1, "type": "text", "title": "One", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}},
          {"id": 2, "type": "text", "title": "Two", "gridPos": {"x": 0, "y": 8, "w": 12, "h": 8}}]}
    """
    bottom = 0
    top = [panel for panel in board.panels if len(panel.path) == len(board.path) + 2]
    placed = sorted(((span, panel) for panel in top if (span := _span(panel))), key=lambda one: one[0][1])
    for (_, y, _, height), panel in placed:
        if y > bottom + 100 and bottom:
            yield panel.problem(
                ("gridPos", "y"), f"{y - bottom} lines are empty above {panel.title!r}", "close the gap"
            )
        bottom = max(bottom, y + height)
