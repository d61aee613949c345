"""From files to what checks look at: rule files in every dress, dashboards old and new, queries."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from regobs.documents import TOO_LONG, Document, Steps, load_yaml_all
from regobs.errors import InputError
from regobs.grafana.classic import (
    find_dashboards,
)
from regobs.lint.findings import LintProblem, Severity
from regobs.lint.linted_files import LintedFile
from regobs.lint.read_boards import read_dashboard
from regobs.lint.read_logs import (
    LOGQL,
    log_query,
    page_text,
    rule_texts,
)
from regobs.lint.rule_files import RULE_KINDS, are_bare_groups, are_groups, other_shape, rule_file_faults, stands_alone
from regobs.lint.sources import EmbeddedSource, JsonSource, SourceText, YamlSource
from regobs.lint.subjects import Json, LintContext, LintedQuery, LintedRouting, LintedRule, template_variable

SUFFIXES = frozenset({".yaml", ".yml", ".json", ".rules", ".promql"})
_HELM = r"\.(?:Values|Release|Chart|Files|Capabilities|Template)\b"
_ERB = r"<%[-=]?[^%\n]{1,200}%>"
_TEMPLATE = re.compile(rf"\{{\{{-? *(?:{_HELM}|\${_HELM}|include \")|{_ERB}")
# What is a template only where it is no YAML: Alertmanager's own texts have `{{ template "name" . }}` too. Terraform's
# directives begin with `%{`.
_LINE = r"^[ \t]*+(?:%\{|\{(?:%|\{(?!-? *\$(?:labels|value|external))))"
_WORDS = rf"\{{\{{[^{{}}\n]{{0,200}}?(?:{_HELM}|\b(?:template|tpl|toYaml|define) )"
# A value that begins with braces out of quotes; with those of Prometheus it is a text that wants quotes.
_VALUE = r"[:-][ \t]++\{\{(?!-? *(?:\$(?:labels|value|external)|\.(?:Labels|Value|ExternalLabels)\b))"
_BROKEN_TEMPLATE = re.compile(f"{_LINE}|{_WORDS}|{_VALUE}", re.MULTILINE)
# Of Go or Jinja; no line of JSON begins so, and no value.
_TEMPLATE_LINE = re.compile(r"^[ \t]*+\{[{%]|\"[ \t]*+:[ \t]*+\{\{", re.MULTILINE)
_IS_TEMPLATE = "a template of another language: lint what it renders"
_TOO_DEEP = "lists and mappings are nested more deeply than is read"
_NO_MAPPING = "a document that is no mapping: rules stand below groups"
_LIBYAML_DEEP = "exceeded maximum nesting depth"
_DIGITS = re.compile(r"[0-9]++")
_MOST_VALUES = 100_000  # of a document: a text without aliases has no more values than characters
_BRACKETS = re.compile(r"[\[\]{}]")
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
        return no_text(str(path), fault)
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
    elif suffix != ".py":
        _read_notation(found, text, suffix, context, lambda source: source)
    return found


def no_text(file: str, fault: UnicodeDecodeError) -> LintedFile:
    """A file that is no UTF-8 text."""
    return _broken(file, "", f"not UTF-8 text: byte {fault.object[fault.start]:#04x} at {fault.start}")


def _broken(file: str, text: str, what: str, offset: int = 0) -> LintedFile:
    found = LintedFile(file, text)
    found.broken.append((SourceText(file, text), LintProblem(offset, offset + 1, what, "correct it, or leave it out")))
    return found


def _read_notation(found: LintedFile, text: str, suffix: str, context: LintContext, place: Placed) -> None:
    """Read a text of JSON or YAML; `place` makes of its own places those in the file."""
    if suffix == ".json":
        _read_json(found, text, context, place)
    elif template := _TEMPLATE.search(text):
        _pass_template(found, text, template, place)
    else:
        _read_yaml(found, text, context, place)


def _pass_template(found: LintedFile, text: str, template: re.Match[str], place: Placed) -> None:
    source = place(SourceText(found.file, text))
    begins = template.end() - len(template[0].lstrip())
    found.pass_over(source, source.place(begins) if isinstance(source, EmbeddedSource) else begins, _IS_TEMPLATE)


def _pass_part(found: LintedFile, source: SourceText, path: Steps, reason: str) -> None:
    found.pass_over(source, source.extent(path)[0], reason)


def _break(
    found: LintedFile, source: SourceText, offset: int, what: str, next_step: str, *, limit: bool = False
) -> None:
    start = source.place(offset) if isinstance(source, EmbeddedSource) else offset
    listed = found.limits if limit else found.broken
    listed.append((source, LintProblem(start, start + 1, what, next_step)))


def _read_json(found: LintedFile, text: str, context: LintContext, place: Placed) -> None:
    source = place(JsonSource(found.file, text))
    try:
        data = json.loads(text)
    except json.JSONDecodeError as fault:
        if not text.strip():
            return
        if template := _TEMPLATE_LINE.search(text):
            _pass_template(found, text, template, place)
            return
        _break(found, source, fault.pos, f"not JSON: {fault.msg}", "correct the JSON")
        return
    except RecursionError:
        _break(found, source, _deepest(text), _TOO_DEEP, "make it flatter", limit=True)
        return
    except ValueError:  # a number of thousands of digits
        longest = max(_DIGITS.finditer(text), key=lambda one: len(one[0]))
        what = f"a number of {len(longest[0])} digits: at most {sys.get_int_max_str_digits()} are read"
        _break(found, source, longest.start(), what, "write it with fewer", limit=True)
        return
    _read_data(found, source, data, context)


def _read_yaml(found: LintedFile, text: str, context: LintContext, place: Placed) -> None:
    source = place(SourceText(found.file, text))
    try:
        documents: list[Document] = load_yaml_all(text, found.file)
    except InputError as fault:
        if template := _BROKEN_TEMPLATE.search(text):
            _pass_template(found, text, template, place)
            return
        inner = SourceText(found.file, text)
        offset = inner.offset(fault.location.line or 1, fault.location.column or 1) if fault.location else 0
        what = f"{fault.message}: {fault.value}" if fault.value else fault.message
        step = fault.next_step or fault.expected or ""
        deep = _LIBYAML_DEEP in what
        what, step = (_TOO_DEEP, "make it flatter") if deep else (what, step)
        _break(found, source, offset, what, step, limit=deep or fault.message == TOO_LONG)
        return
    except RecursionError:
        _break(found, source, _deepest(text), _TOO_DEEP, "make it flatter", limit=True)
        return
    found.yaml_texts.append(source)
    for document in documents:
        if (size := _expanded(document.data)) > max(_MOST_VALUES, len(text)):
            what = f"aliases make {size} values of it: at most {max(_MOST_VALUES, len(text))} are read"
            offset = document.extent()[0]
            _break(found, source, offset, what, "write what they stand for once", limit=True)
            return
        _read_data(found, place(YamlSource(found.file, text, document)), document.data, context)
    for document in documents if found.groups else ():
        data = document.data
        if data is not None and not any(isinstance(one, dict) for one in (data if isinstance(data, list) else [data])):
            _pass_part(found, place(YamlSource(found.file, text, document)), (), _NO_MAPPING)


def _read_data(found: LintedFile, source: SourceText, data: Any, context: LintContext) -> None:
    _read_rules(found, source, data, context)
    if not isinstance(data, dict):
        for index, board in enumerate(data if isinstance(data, list) else ()):
            _read_dashboards(found, source, board, (index,), context)
        return
    if (shape := other_shape(data)) is not None:
        _pass_part(found, source, *shape)
    routing = data.get("spec") if data.get("kind") == "AlertmanagerConfig" else data
    if isinstance(routing, dict) and _routes(routing):
        found.routings.append(LintedRouting(source, () if routing is data else ("spec",), routing, context))
    rule_files = data.get("rule_files")
    if isinstance(rule_files, list) and isinstance(data.get("tests"), list):
        words = frozenset(_tested(data["tests"]))
        found.tested += [(Path(str(one)).name, words) for one in rule_files]
    _read_dashboards(found, source, data, (), context)
    if str(data.get("apiVersion", "")).startswith("openslo/"):
        _read_objectives(found, source, data, context)
    if not isinstance(source, EmbeddedSource):
        for path, name, text in _embedded(found, source, data):
            _read_notation(found, text, Path(name).suffix, context, _placed_in(source, path))


def _read_objectives(found: LintedFile, source: SourceText, data: Json, context: LintContext) -> None:
    for path, text in _openslo_queries(data.get("spec"), ("spec",)):
        if "{{" in text:  # `[{{.window}}]`, in which Sloth writes the windows of its rules
            _pass_part(found, source, path, _IS_TEMPLATE)
        else:
            found.queries.append(LintedQuery(text, source, path, "record", context, subject=str(data.get("kind", ""))))


def _read_dashboards(found: LintedFile, source: SourceText, data: Any, path: Steps, context: LintContext) -> None:
    shapes = find_dashboards(data if isinstance(data, dict) else {}, path)
    for where, reason in shapes.not_read:
        _pass_part(found, source, where, reason)
    found.dashboards += [read_dashboard(found, source, where, board, context) for where, board in shapes.boards]


def _read_rules(found: LintedFile, source: SourceText, data: Any, context: LintContext) -> None:
    if isinstance(data, list) and any(isinstance(one, dict) and "expr" in one for one in data):
        _read_group(found, source, (), {"rules": data}, context)  # rules as they stand in a file, without their group
    for path, group in _all_groups(data):
        found.groups.append((source, path, group))
        _read_group(found, source, (*path, "rules"), group, context)
    # A list of groups, were it an empty one, and an object whose texts are looked into.
    empty = isinstance(data, dict) and "groups" in data and (data["groups"] is None or isinstance(data["groups"], list))
    found.known |= isinstance(data, dict) and (empty or data.get("kind") == "ConfigMap")
    if are_bare_groups(data):
        what, step = "groups stand in no groups", "write groups: above them, where Prometheus is to read the file"
        found.broken_rules.append((source, LintProblem(*source.extent((0,)), what, step, Severity.WARNING)))
    for fault in rule_file_faults(data) if isinstance(data, dict) else ():
        place = source.extent(fault.path, key=fault.key)
        found.broken_rules.append((source, LintProblem(*place, fault.what, fault.next_step, fault.severity)))


def _all_groups(data: Any) -> Found:
    """The groups of a document, those that stand outside of their list too."""
    if isinstance(data, dict):
        yield from [((), data)] if stands_alone(data) else _groups(data, ())
    elif are_bare_groups(data):
        yield from (((index,), one) for index, one in enumerate(data))


def _deepest(text: str) -> int:
    """Where the brackets or the indentation of a text are deepest, as far as its characters tell."""
    brackets = _BRACKETS.finditer(text)
    deepest = at = depth = 0
    for match in brackets:
        depth += 1 if match[0] in "[{" else -1
        if depth > deepest:
            deepest, at = depth, match.start()
    return at


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


def _embedded(found: LintedFile, source: SourceText, data: Json) -> Iterator[tuple[Steps, str, str]]:
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
            reason = "binaryData of a ConfigMap: lint the files that it is made of"
            _pass_part(found, source, (*path, "binaryData"), reason)
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
    own = {"receiver", "routes"} if not isinstance(data.get("receivers"), list) else {"receiver", "routes", "group_by"}
    routes = isinstance(route, dict) and not own.isdisjoint(route)
    routes = routes or (route is not None and not isinstance(route, dict) and _are_receivers(data.get("receivers")))
    return routes or isinstance(data.get("inhibit_rules"), list)


def _are_receivers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _groups(data: Json, path: Steps) -> Found:
    """The groups of rules: of a rule file, a PrometheusRule, a list of objects, a mixin or namespaces of a ruler."""
    if str(data.get("kind", "")).endswith("List") and isinstance(data.get("items"), list):
        for index, item in enumerate(data["items"]):
            if isinstance(item, dict):
                yield from _groups(item, (*path, "items", index))
        return
    kind = data.get("kind")
    if isinstance(kind, str) and kind in RULE_KINDS and isinstance(data.get("spec"), dict):
        yield from _groups(data["spec"], (*path, "spec"))
        return
    for name, value in data.items():
        if name in {"prometheusAlerts", "prometheusRules"} and isinstance(value, dict):
            yield from _groups(value, (*path, name))
        elif isinstance(value, list):
            listed = [one for one in value if isinstance(one, dict)]
            whole = listed and all(isinstance(one.get("rules"), list) and "name" in one for one in listed)
            if whole or (name == "groups" and are_groups(data, value)):
                pairs = [(index, one) for index, one in enumerate(value) if isinstance(one, dict)]
                yield from (((*path, name, index), one) for index, one in pairs)


def _read_group(found: LintedFile, source: SourceText, path: Steps, group: Json, context: LintContext) -> None:
    rules = group.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict) or not ("alert" in rule or "record" in rule):
            continue
        where: Steps = (*path, index)
        expr = rule.get("expr")
        text = "" if expr is None or isinstance(expr, dict | list) else str(expr)
        if LOGQL.search(text):
            _pass_part(found, source, (*where, "expr"), "queries in LogQL")
            name = str(rule.get("alert") or "")
            found.log_queries.append(log_query(text, source, (*where, "expr"), name, logql=True))
            continue
        if variable := template_variable(text):
            _pass_part(found, source, (*where, "expr"), f"{variable} stands for a text that only a template knows")
        role = "alert" if "alert" in rule else "record"
        query = (
            LintedQuery(text, source, (*where, "expr"), role, context, str(rule.get(role))) if text.strip() else None
        )
        if query is not None:
            given = (one for one in (rule.get("labels"), group.get("labels")) if isinstance(one, dict))
            texts = rule.get("annotations")
            query.texts = " ".join(map(str, texts.values())) if isinstance(texts, dict) else ""
            query.set_labels = frozenset(str(name) for one in given for name in one)
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
