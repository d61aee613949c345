"""From files to what checks look at: rule files in every dress, dashboards old and new, queries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

from regobs.documents import Document, Steps, load_yaml_all
from regobs.errors import InputError
from regobs.grafana.classic import (
    annotations_of,
    asks_prometheus,
    find_dashboards,
    library_panel,
    of_other_source,
    panels_of,
    targets_of,
)
from regobs.lint.findings import LintProblem
from regobs.lint.read_logs import (
    LOGQL,
    dashboard_texts,
    linked_log_queries,
    log_query,
    page_text,
    panel_log_queries,
    rule_texts,
)
from regobs.lint.sources import EmbeddedSource, JsonSource, SourceText, YamlSource
from regobs.lint.subjects import (
    Json,
    LintContext,
    LintedDashboard,
    LintedFile,
    LintedPanel,
    LintedQuery,
    LintedRouting,
    LintedRule,
)
from regobs.promql.durations import read_duration

SUFFIXES = frozenset({".yaml", ".yml", ".json", ".rules", ".promql"})
_TEMPLATE = re.compile(r"^\s*\{\{-? |\{\{-? *(?:\.Values|include|\$\.Values|template)", re.MULTILINE)
_TEMPLATE_LINE = re.compile(r"^[ \t]*+\{[{%]", re.MULTILINE)  # of Go or Jinja; no line of JSON begins so
_IS_TEMPLATE = "a template of another language: lint what it renders"
_JSON_BREAKS = (RecursionError, json.JSONDecodeError)
_MOST_VALUES = 100_000  # of a document: a text without aliases has no more values than characters
_GROUPS = re.compile(r"^groups:", re.MULTILINE)
Found = Iterator[tuple[Steps, Json]]
Placed = Callable[[SourceText], SourceText]


def is_read(path: Path) -> bool:
    """Whether a file of a directory is read: rules, dashboards and queries, and pages of a directory of runbooks."""
    runbook = path.suffix == ".md" and not {"runbook", "runbooks"}.isdisjoint(path.absolute().parts[:-1])
    return path.suffix in SUFFIXES or runbook


def read_file(path: Path, context: LintContext) -> LintedFile:
    """What a file holds. A file that is no UTF-8 text, or that cannot be opened, is broken."""
    try:
        if path.is_char_device() or path.is_block_device():  # /dev/zero has no end
            return _broken(str(path), "", "a device, not a file")
        # Without a writer it never ends. That of `<(command)` has one, and a name that leads to no path.
        if path.is_fifo() and path.resolve().exists():
            return _broken(str(path), "", "a named pipe, not a file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        return _broken(str(path), "", f"not UTF-8 text: byte {fault.object[fault.start]:#04x} at {fault.start}")
    except OSError as fault:
        return _broken(str(path), "", f"cannot be read: {fault.strerror}")
    return read_text(text, str(path), path.suffix, context)


def read_text(text: str, file: str, suffix: str, context: LintContext) -> LintedFile:
    """What a text holds; its kind follows from the suffix, a bare query has none."""
    found = LintedFile(file, text)
    if suffix == ".md":
        found.log_queries.append(page_text(SourceText(file, text)))
    elif suffix in {"", ".promql"}:
        found.queries.append(LintedQuery(text, SourceText(file, text), (), "bare", context))
    else:
        _read_notation(found, text, suffix, context, lambda source: source)
    return found


def _broken(file: str, text: str, what: str, offset: int = 0) -> LintedFile:
    found = LintedFile(file, text)
    found.broken.append((SourceText(file, text), LintProblem(offset, offset + 1, what, "correct it, or leave it out")))
    return found


def _read_notation(found: LintedFile, text: str, suffix: str, context: LintContext, place: Placed) -> None:
    """Read a text of JSON or YAML; `place` makes of its own places those in the file."""
    if suffix == ".json":
        _read_json(found, text, context, place)
    elif _TEMPLATE.search(text):
        found.not_read.append(_IS_TEMPLATE)
    else:
        _read_yaml(found, text, context, place)


def _break(found: LintedFile, source: SourceText, offset: int, what: str, next_step: str) -> None:
    start = source.place(offset) if isinstance(source, EmbeddedSource) else offset
    found.broken.append((source, LintProblem(start, start + 1, what, next_step)))


def _read_json(found: LintedFile, text: str, context: LintContext, place: Placed) -> None:
    source = place(JsonSource(found.file, text))
    try:
        data = json.loads(text)
    except _JSON_BREAKS as fault:
        if not text.strip():
            return
        if _TEMPLATE_LINE.search(text):
            found.not_read.append(_IS_TEMPLATE)
            return
        what = f"not JSON: {getattr(fault, 'msg', 'nested too deeply')}"
        _break(found, source, getattr(fault, "pos", 0), what, "correct the JSON")
        return
    except ValueError:  # a number of thousands of digits
        _break(found, source, 0, "not JSON: a number is too long", "correct the JSON")
        return
    _read_data(found, source, data, context)


def _read_yaml(found: LintedFile, text: str, context: LintContext, place: Placed) -> None:
    source = place(SourceText(found.file, text))
    try:
        documents: list[Document] = load_yaml_all(text, found.file)
    except InputError as fault:
        if _TEMPLATE_LINE.search(text):
            found.not_read.append(_IS_TEMPLATE)
            return
        inner = SourceText(found.file, text)
        offset = inner.offset(fault.location.line or 1, fault.location.column or 1) if fault.location else 0
        what = f"{fault.message}: {fault.value}" if fault.value else fault.message
        _break(found, source, offset, what, fault.next_step or fault.expected or "")
        return
    except RecursionError:
        _break(found, source, 0, "nested too deeply", "make it flatter")
        return
    for document in documents:
        if (size := _expanded(document.data)) > max(_MOST_VALUES, len(text)):
            _break(found, source, 0, f"aliases make {size} values of it", "write what they stand for once")
            return
        _read_data(found, place(YamlSource(found.file, text, document)), document.data, context)


def _read_data(found: LintedFile, source: SourceText, data: Any, context: LintContext) -> None:
    if isinstance(data, list) and any(isinstance(one, dict) and "expr" in one for one in data):
        _read_group(found, source, (), {"rules": data}, context)  # rules as they stand in a file, without their group
    if not isinstance(data, dict):
        return
    for path, group in _groups(data, ()):
        _read_group(found, source, (*path, "rules"), group, context)
    routing = data.get("spec") if data.get("kind") == "AlertmanagerConfig" else data
    if isinstance(routing, dict) and _routes(routing):
        found.routings.append(LintedRouting(source, () if routing is data else ("spec",), routing, context))
    rule_files = data.get("rule_files")
    if isinstance(rule_files, list) and isinstance(data.get("tests"), list):
        words = frozenset(_tested(data["tests"]))
        found.tested += [(Path(str(one)).name, words) for one in rule_files]
    shapes = find_dashboards(data)
    found.not_read += shapes.not_read
    found.dashboards += [_read_dashboard(found, source, path, board, context) for path, board in shapes.boards]
    if str(data.get("apiVersion", "")).startswith("openslo/"):
        for path, text in _openslo_queries(data.get("spec"), ("spec",)):
            found.queries.append(LintedQuery(text, source, path, "record", context, subject=str(data.get("kind", ""))))
    if not isinstance(source, EmbeddedSource):
        for path, name, text in _embedded(found, data):
            _read_notation(found, text, Path(name).suffix, context, _placed_in(source, path))


def _expanded(data: Any) -> int:
    """How many values a document holds where each alias counts as what it stands for."""
    sizes: dict[int, int] = {}
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if id(node) in sizes:
            continue
        parts = [*node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []
        if inner := [one for one in parts if isinstance(one, dict | list) and id(one) not in sizes]:
            waiting += (node, *inner)
        else:
            sizes[id(node)] = 1 + sum(sizes.get(id(one), 1) for one in parts)
    return sizes[id(data)]


def _placed_in(outer: SourceText, at: Steps) -> Placed:
    return lambda inner: EmbeddedSource(outer.file, outer.text, outer, at, inner)


def _embedded(found: LintedFile, data: Json) -> Iterator[tuple[Steps, str, str]]:
    """The files that Kubernetes objects hold as texts: their steps, names and texts."""
    items = data.get("items")
    objects: list[tuple[Steps, Any]] = [((), data)]
    if str(data.get("kind", "")).endswith("List") and isinstance(items, list):
        objects = [(("items", index), one) for index, one in enumerate(items)]
    for path, one in objects:
        if not isinstance(one, dict):
            continue
        texts = one.get("data")
        if one.get("kind") == "ConfigMap" and isinstance(texts, dict):
            for name, text in texts.items():
                if isinstance(text, str) and _holds_content(str(name), text):
                    yield (*path, "data", name), str(name), text
        binary = one.get("binaryData")
        if one.get("kind") == "ConfigMap" and isinstance(binary, dict) and binary:
            found.not_read.append("binaryData of a ConfigMap: lint the files that it is made of")
        spec = one.get("spec")
        if one.get("kind") == "GrafanaDashboard" and isinstance(spec, dict) and isinstance(spec.get("json"), str):
            yield (*path, "spec", "json"), "spec.json", spec["json"]


def _holds_content(name: str, text: str) -> bool:
    """Whether a file of a ConfigMap is a dashboard or rules: what else is there is somebody's settings."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return any(f'"{key}"' in text for key in ("panels", "rows", "elements", "groups"))
    return suffix in SUFFIXES - {".promql"} and _GROUPS.search(text) is not None


def _tested(tests: list[Any]) -> Iterator[str]:
    """The words of a file of promtool's tests: an alert may stand in `alert_rule_test`, or in `ALERTS` of a query."""
    waiting = list(tests)
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            yield from re.findall(r"\w+", one)


def _routes(data: Json) -> bool:
    """Whether it is a configuration of Alertmanager."""
    route = data.get("route")
    routes = isinstance(route, dict) and ("receiver" in route or "routes" in route)
    return routes or isinstance(data.get("inhibit_rules"), list)


def _groups(data: Json, path: Steps) -> Found:
    """The groups of rules: of a rule file, a PrometheusRule, a list of objects, a mixin or namespaces of a ruler."""
    if data.get("kind") == "List" and isinstance(data.get("items"), list):
        for index, item in enumerate(data["items"]):
            if isinstance(item, dict):
                yield from _groups(item, (*path, "items", index))
        return
    if data.get("kind") == "PrometheusRule" and isinstance(data.get("spec"), dict):
        yield from _groups(data["spec"], (*path, "spec"))
        return
    for name, value in data.items():
        if name in {"prometheusAlerts", "prometheusRules"} and isinstance(value, dict):
            yield from _groups(value, (*path, name))
        elif isinstance(value, list):
            listed = [one for one in value if isinstance(one, dict)]
            if listed and all(isinstance(one.get("rules"), list) and "name" in one for one in listed):
                yield from (((*path, name, index), one) for index, one in enumerate(value) if isinstance(one, dict))


def _read_group(found: LintedFile, source: SourceText, path: Steps, group: Json, context: LintContext) -> None:
    for index, rule in enumerate(group["rules"]):
        if not isinstance(rule, dict) or not ("alert" in rule or "record" in rule):
            continue
        where: Steps = (*path, index)
        expr = rule.get("expr")
        text = "" if expr is None or isinstance(expr, dict | list) else str(expr)
        if LOGQL.search(text):
            found.not_read.append("queries in LogQL")
            name = str(rule.get("alert") or "")
            found.log_queries.append(log_query(text, source, (*where, "expr"), name, logql=True))
            continue
        role = "alert" if "alert" in rule else "record"
        query = (
            LintedQuery(text, source, (*where, "expr"), role, context, str(rule.get(role))) if text.strip() else None
        )
        found.rules.append(LintedRule(source, where, rule, group, query, context))
        found.log_queries += rule_texts(found.rules[-1])


def _openslo_queries(data: Any, path: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(data, list):
        for index, one in enumerate(data):
            yield from _openslo_queries(one, (*path, index))
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        if (
            name == "query"
            and isinstance(value, str)
            and str(data.get("type", "promql")).lower() in {"promql", "prometheus"}
        ):
            yield (*path, name), value
        else:
            yield from _openslo_queries(value, (*path, name))


def _read_dashboard(
    found: LintedFile, source: SourceText, path: Steps, data: Json, context: LintContext
) -> LintedDashboard:
    board = LintedDashboard(source, path, data, [], [], context)
    variables = {str(one.get("name")): one for one in board.variables}
    for where, panel in _shown_panels(data, path):
        board.panels.append(_read_panel(source, where, panel, context, variables))
        found.log_queries += panel_log_queries(source, where, panel, variables, str(data.get("title") or ""))
        if name := library_panel(panel):
            found.not_read.append(f"the library panel {name!r}: export the dashboard together with it")
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
        read.queries.append(query)
    return read


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
        text = one.get("expr")
        if isinstance(text, str) and text.strip() and not LOGQL.search(text) and asks_prometheus(data, one, variables):
            name = str(one.get("name") or "")
            yield LintedQuery(text, source, (*where, "expr"), "annotation", context, name, variables)


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
    if inside and function.strip() in {"label_values", "query_result"}:
        shift = asked.index(inside, asked.index("("))
        name = str(one.get("name"))
        yield LintedQuery(inside, source, (*path, *steps), "variable", context, name, whole=asked, shift=shift)
