"""From the JSON of a dashboard to its panels and queries, of Grafana's classic shape, old and new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from regobs.documents import Steps
from regobs.grafana.classic import (
    annotations_of,
    asks_prometheus,
    library_panel,
    of_other_source,
    panels_of,
    targets_of,
)
from regobs.lint.linted_files import LintedFile
from regobs.lint.read_logs import LOGQL, dashboard_texts, linked_log_queries, panel_log_queries
from regobs.lint.sources import SourceText
from regobs.lint.subjects import Json, LintContext, LintedDashboard, LintedPanel, LintedQuery
from regobs.promql.durations import read_duration


def read_dashboard(
    found: LintedFile, source: SourceText, path: Steps, data: Json, context: LintContext
) -> LintedDashboard:
    """The dashboard at a path, with all that it asks; what of it is not read is noted in the file."""
    board = LintedDashboard(source, path, data, [], [], context)
    variables = {str(one.get("name")): one for one in board.variables}
    for where, panel in _shown_panels(data, path):
        board.panels.append(_read_panel(source, where, panel, context, variables))
        found.log_queries += panel_log_queries(source, where, panel, variables, str(data.get("title") or ""))
        if name := library_panel(panel):
            found.pass_over(
                source, source.extent(where)[0], f"the library panel {name!r}: export the dashboard together with it"
            )
    found.log_queries += linked_log_queries(source, path, data)
    found.log_queries += dashboard_texts(source, path, data, variables)
    for read in board.panels:
        board.queries += read.queries
    board.queries += _annotation_queries(source, path, data, context, variables)
    templating: Steps = (*path, "templating", "list")
    listed = data["templating"]["list"] if board.variables else []
    for index, one in enumerate(listed):
        if (
            isinstance(one, dict)
            and one.get("type") == "query"
            and not of_other_source(one.get("datasource"), variables)
        ):
            board.queries += _variable_query(source, (*templating, index), one, context)
    return board


def _shown_panels(data: Json, path: Steps) -> Iterator[tuple[Steps, Json]]:
    """The panels of a dashboard; of a library panel what the dashboard was exported with, at its own place."""
    elements = data.get("__elements")
    for where, panel in panels_of(data, path):
        kept = panel.get("libraryPanel")
        uid = str(kept.get("uid")) if isinstance(kept, dict) else ""
        element = elements.get(uid) if isinstance(elements, dict) and library_panel(panel) else None
        if isinstance(element, dict) and isinstance(element.get("model"), dict):
            shown: Json = {"title": element.get("name"), **element["model"]}
            shown |= {key: panel[key] for key in ("id", "gridPos") if key in panel}
            yield (*path, "__elements", uid, "model"), shown
        else:
            yield where, panel


def _read_panel(
    source: SourceText, path: Steps, panel: Json, context: LintContext, variables: Mapping[str, Json]
) -> LintedPanel:
    read = LintedPanel(source, path, panel, [])
    for index, target in targets_of(panel):
        text = target.get("expr")
        if not isinstance(text, str) or not text.strip() or LOGQL.search(text):
            continue
        if not asks_prometheus(panel, target, variables):
            continue
        place: Steps = (*path, "targets", index, "expr")
        instant = bool(target.get("instant")) and not target.get("range")
        step = max(_least_step(one.get("interval")) for one in (panel, target))
        query = LintedQuery(text, source, place, "panel", context, read.title, variables, instant, step)
        query.caption = f"{panel.get('description') or ''} {target.get('legendFormat') or ''}"
        means = not {"mean", "avg"}.isdisjoint(reducers(panel)[1])
        query.one_number = read.kind in {"stat", "singlestat", "gauge", "bargauge"}
        query.averaged = means and not instant and read.kind != "singlestat"  # of that it was the default
        read.queries.append(query)
    return read


def reducers(panel: Json) -> tuple[Steps, list[str]]:
    """Where a panel says to what single numbers it reduces each line, and to which; nothing where it does not."""
    options = panel.get("options")
    reduced = options.get("reduceOptions") if isinstance(options, dict) else None
    calcs = reduced.get("calcs") if isinstance(reduced, dict) else None
    if isinstance(calcs, list) and str(panel.get("type")) in {"stat", "gauge", "bargauge"}:
        return ("options", "reduceOptions", "calcs"), [str(one) for one in calcs]
    if panel.get("type") == "singlestat" and isinstance(panel.get("valueName"), str):
        return ("valueName",), [str(panel["valueName"])]
    return (), []


def _least_step(interval: object) -> float:
    """The milliseconds that a panel or query sets as its least step."""
    text = str(interval or "").lstrip("> ")
    if "$" in text:
        return 0 if "__" in text else inf
    found = read_duration(text)
    return found.ms if found is not None else 0


def _annotation_queries(
    source: SourceText, path: Steps, data: Json, context: LintContext, variables: Mapping[str, Json]
) -> Iterator[LintedQuery]:
    """The queries behind the marks that a dashboard draws into its panels."""
    for where, one in annotations_of(data, path):
        target = one.get("target")
        name = str(one.get("name") or "")
        for steps, asked in (((), one), (("target",), target)):  # Grafana 8 and later have it in the target
            text = asked.get("expr") if isinstance(asked, dict) else None
            promql = isinstance(text, str) and text.strip() and not LOGQL.search(text)
            if promql and asks_prometheus(data, one, variables):
                yield LintedQuery(str(text), source, (*where, *steps, "expr"), "annotation", context, name, variables)


def _variable_query(source: SourceText, path: Steps, one: Json, context: LintContext) -> Iterator[LintedQuery]:
    asked = one.get("query")
    steps: Steps = ("query",)
    if isinstance(asked, dict):
        asked, steps = asked.get("query"), ("query", "query")
    if not isinstance(asked, str):
        return
    function, _, rest = asked.strip().partition("(")
    inside = rest[:-1].strip() if rest.endswith(")") else ""
    if function.strip() == "label_values":
        inside = inside.rpartition(",")[0].strip()  # the name of the label stands last; alone it asks for no metric
    if inside and function.strip() in {"label_values", "query_result", "label_names"}:
        shift = asked.index(inside, asked.index("("))
        name = str(one.get("name"))
        yield LintedQuery(inside, source, (*path, *steps), "variable", context, name, whole=asked, shift=shift)
