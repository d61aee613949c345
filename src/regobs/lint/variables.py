"""Checks of the variables of dashboards: those that are not there, not used, or not as they are asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from regobs.documents import Steps
from regobs.grafana.classic import VARIABLE, links_of, targets_of
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.subjects import Json, LintedDashboard
from regobs.promql.nodes import MatchOp


@check("duplicate-variable", Severity.WARNING, CheckSubject.DASHBOARD)
def duplicate_variable(board: LintedDashboard) -> Iterator[LintProblem]:
    r"""Two variables have the same name.

    Why: Grafana keeps one of them, and which one is not said.

    Wrong:
        {"title": "a", "panels": [], "templating": {"list": [
          {"name": "cluster", "type": "query", "query": "label_values(up, cluster)"},
          {"name": "cluster", "type": "constant", "query": "main"}]}}
    Right:
        {"title": "a", "panels": [], "templating": {"list": [
          {"name": "cluster", "type": "query", "query": "label_values(up{job=\"$job\"}, cluster)"},
          {"name": "job", "type": "constant", "query": "main"}]}}
    """
    seen: set[str] = set()
    for index, one in enumerate(board.variables):
        name = str(one.get("name") or "")
        if name and name in seen:
            path = ("templating", "list", index, "name")
            yield board.problem(path, f"a second variable {name}", "remove or rename one of the two")
        seen.add(name)


@check("undefined-variable", Severity.WARNING, CheckSubject.DASHBOARD)
def undefined_variable(board: LintedDashboard) -> Iterator[LintProblem]:
    r"""A query, title, link, data source or repeated panel uses a variable that the dashboard does not have.

    Links are those of the dashboard, its panels and their values, data sources those of a panel or of one query.

    Why: its name is sent to the server as it is, which finds nothing.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up{stage=\"$stage\"})"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up{stage=\"$stage\"})"}]}],
         "templating": {"list": [{"name": "stage", "type": "query", "query": "label_values(up, stage)"}]}}
    """
    known = {str(one.get("name")) for one in board.variables}
    listed = board.data.get("__inputs")
    known |= {str(one.get("name")) for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
    uses: Counter[str] = Counter()
    first: dict[str, tuple[int, int]] = {}
    for query in board.queries:
        for match in VARIABLE.finditer(query.text):
            name = _named(match)
            if name in known or name.startswith("__") or name.isdigit() or name in {"interval", "timeFilter"}:
                continue
            if name[0].isdigit() or _in_regex(query.text, match.start()):
                continue
            uses[name] += 1
            if name not in first:
                first[name] = query.place(*match.span())
    for name, find in _used_beside_queries(board):
        if name and name not in known and not name.startswith("__") and not name[0].isdigit():
            uses[name] += 1
            if name not in first:
                first[name] = find()
    for name, place in first.items():
        step = "add it, or correct the name" + (f" in its {uses[name]} uses" if uses[name] > 1 else "")
        yield LintProblem(*place, f"the dashboard has no variable {name}", step)


def _used_beside_queries(board: LintedDashboard) -> Iterator[tuple[str, Callable[[], tuple[int, int]]]]:
    """The variables by which panels are repeated, choose their data source, and which titles and links name.

    Each with what finds its place, as that takes far longer and few are wrong.
    """
    for steps, text in links_of({**board.data, "panels": [], "rows": []}):
        for match in VARIABLE.finditer(text):
            yield _named(match), partial(board.source.within, (*board.path, *steps), text, *match.span())
    for panel in board.panels:
        if panel.data.get("repeat") and isinstance(panel.data["repeat"], str):
            place = partial(panel.source.extent, (*panel.path, "repeat"))
            yield panel.data["repeat"].removeprefix("$"), place
        texts: list[tuple[Steps, Any]] = [(("title",), panel.data.get("title"))]
        texts += [_source_of(panel.data, ())] if panel.kind != "row" else []  # a row asks nothing
        texts += [_source_of(target, ("targets", index)) for index, target in targets_of(panel.data)]
        texts += links_of({**panel.data, "panels": []})
        for steps, text in texts:
            for match in VARIABLE.finditer(text) if isinstance(text, str) else ():
                yield _named(match), partial(panel.source.within, (*panel.path, *steps), text, *match.span())


def _named(match: re.Match[str]) -> str:
    """The variable that VARIABLE found, in whichever of its forms."""
    return next(filter(None, match.groups()), "")


def _source_of(data: Json, path: Steps) -> tuple[Steps, Any]:
    """The name or uid of the data source of a panel or a query, and the steps to it."""
    source = data.get("datasource")
    if isinstance(source, dict):
        return (*path, "datasource", "uid"), source.get("uid")
    return (*path, "datasource"), source


def _in_regex(text: str, offset: int) -> bool:
    """Whether a dollar sign is a group of label_replace or an end of a regular expression, not a variable."""
    before = text[:offset].rsplit('"', 1)
    escaped = text[:offset].endswith("\\")
    return escaped or (len(before) == 2 and "label_replace" in text) or text[offset : offset + 2] in {'$"', "$)", "$|"}


@check("unused-variable", Severity.NOTE, CheckSubject.DASHBOARD)
def unused_variable(board: LintedDashboard) -> Iterator[LintProblem]:
    r"""A variable is used nowhere.

    Why: who chooses a value of it believes that the panels follow.

    Wrong:
        {"title": "a", "panels": [], "templating": {"list": [
          {"name": "stage", "type": "query", "query": "label_values(up, stage)"}]}}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up{stage=\"$stage\"})"}]}],
         "templating": {"list": [{"name": "stage", "type": "query", "query": "label_values(up, stage)"}]}}
    """
    variables = [
        (index, one) for index, one in enumerate(board.variables) if str(one.get("type")) not in {"adhoc", "datasource"}
    ]
    if not variables:
        return
    text = json.dumps(board.data)
    used = {name for groups in VARIABLE.findall(text) for name in groups}
    repeats = {str(one.get("repeat")) for one in (*_objects(board, "rows"), *(panel.data for panel in board.panels))}
    for index, one in variables:
        name = str(one.get("name") or "")
        link = any(each.get("includeVars") for each in _objects(board, "links"))
        if (
            name
            and name not in used
            and name not in repeats
            and not link
            and f"var-{name}" not in text
            and one.get("hide") != 2
        ):
            yield board.problem(
                ("templating", "list", index, "name"), f"no query uses the variable {name}", "remove it"
            )


@check("variable-default", Severity.WARNING, CheckSubject.DASHBOARD)
def variable_default(board: LintedDashboard) -> Iterator[LintProblem]:
    """The default of a variable has a blank at its end, or one of its options is empty.

    Why: no series has that value, so the dashboard opens empty.

    Wrong:
        {"title": "a", "panels": [{"type": "text", "title": "$cluster", "id": 1}], "templating": {"list": [
          {"name": "cluster", "type": "custom", "query": "main,cny", "current": {"text": "main ", "value": "main "}}]}}
    Right:
        {"title": "a", "panels": [{"type": "text", "title": "$cluster", "id": 1}], "templating": {"list": [
          {"name": "cluster", "type": "custom", "query": "main,cny", "current": {"text": "main", "value": "main"}}]}}
    """
    for index, one in enumerate(board.variables):
        current = one.get("current")
        value = current.get("value") if isinstance(current, dict) else None
        path = ("templating", "list", index)
        if isinstance(value, str) and value != value.strip() and one.get("type") != "textbox":
            problem = board.problem(
                (*path, "current", "value"), f"{value!r} has a blank at its end", "remove the blank"
            )
            yield problem.fixed_by(board.edit((*path, "current", "value"), value, value.strip()))
        query = one.get("query")
        if one.get("type") == "custom" and isinstance(query, str) and query.rstrip().endswith(","):
            problem = board.problem((*path, "query"), "the last option is empty", "remove the comma")
            yield problem.fixed_by(board.edit((*path, "query"), query, query.rstrip(" ,")))


@check("multi-value-equal", Severity.WARNING, CheckSubject.DASHBOARD)
def multi_value_equal(board: LintedDashboard) -> Iterator[LintProblem]:
    r"""A variable that may hold several values is compared with `=`.

    Why: with two values chosen, or with All, the query asks for the text `a|b`, and finds nothing.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up{stage=\"$stage\"})"}]}],
         "templating": {"list": [
          {"name": "stage", "type": "query", "query": "label_values(up, stage)", "multi": true}]}}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up{stage=~\"$stage\"})"}]}],
         "templating": {"list": [
          {"name": "stage", "type": "query", "query": "label_values(up, stage)", "multi": true}]}}
    """
    several = {str(one.get("name")) for one in board.variables if one.get("multi") or one.get("includeAll")}
    repeated = {str(panel.data.get("repeat")) for panel in board.panels}
    repeated |= {str(row.get("repeat")) for row in _objects(board, "rows")}
    for query in board.queries:
        for node in query.selectors:
            for matcher in node.matchers:
                match = VARIABLE.fullmatch(matcher.value)
                name = _named(match) if match else ""
                if name in several - repeated and matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
                    op = "=~" if matcher.op is MatchOp.EQUAL else "!~"
                    problem = query.problem(matcher, f"${name} may hold several values", f"write {op}")
                    yield problem.fixed_by(query.edit(matcher, f'{matcher.op}"', f'{op}"'))


def _objects(board: LintedDashboard, key: str) -> list[Json]:
    """The objects in a list of the dashboard."""
    listed = board.data.get(key)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
