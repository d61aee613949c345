"""Where files name messages and fields of a registry's log: queries, links to Kibana, and texts for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from regobs.documents import Steps
from regobs.grafana.classic import annotations_of, asks_prometheus, links_of, panels_of, targets_of
from regobs.lint.log_subjects import LintedLogQuery
from regobs.lint.sources import SourceText
from regobs.lint.subjects import Json, LintedRule

# A stream selector with a line filter or a parser behind it is LogQL, which rule files of Loki and panels hold.
LOGQL = re.compile(
    r'\}\s*(?:\|[=~>]|!=\s*[`"]|!~\s*[`"]|\|\s*(?:json|logfmt|pattern|regexp|line_format|unwrap|label_format)\b)'
)
# The state of Discover in an address, written in Rison, where `!` escapes a character.
_KIBANA_QUERY = re.compile(r"\bquery:'((?:[^'!]|!.)*+)'")
_KIBANA_FILTER = re.compile(r"\bmatch_phrase:\(([\w.]++):'((?:[^'!]|!.)*+)'")
_RISON = re.compile(r"!(.)")


def panel_log_queries(
    source: SourceText, path: Steps, panel: Json, variables: Mapping[str, Json], title: str
) -> Iterator[LintedLogQuery]:
    """The log queries of a panel."""
    for index, target in targets_of(panel):
        for key in ("expr", "query"):
            text = target.get(key)
            logql = key == "expr"
            if not isinstance(text, str) or not text.strip() or (logql and not LOGQL.search(text)):
                continue
            if logql or not asks_prometheus(panel, target, variables):
                place: Steps = (*path, "targets", index, key)
                yield log_query(text, source, place, str(panel.get("title") or ""), logql=logql, about=title)


def linked_log_queries(source: SourceText, path: Steps, data: Json) -> Iterator[LintedLogQuery]:
    """The queries and filters that links to Kibana's Discover hold."""
    for where, url in links_of(data, path):
        state = unquote(url).partition("_a=")[2]
        asked = [_RISON.sub(r"\1", one[1]) for one in _KIBANA_QUERY.finditer(state)]
        phrases = (_RISON.sub(r"\1", one[2]).replace('"', "") for one in _KIBANA_FILTER.finditer(state))
        fields = (one[1] for one in _KIBANA_FILTER.finditer(state))
        asked += [f'{field}: "{phrase}"' for field, phrase in zip(fields, phrases, strict=True)]
        about = "registry" in f"{unquote(url)} {data.get('title')}".lower()
        for text in asked:
            yield LintedLogQuery(
                text, source, where, str(data.get("title") or ""), logql=False, of_registry=about, linked=True
            )


def log_query(
    text: str, source: SourceText, path: Steps, subject: str, *, logql: bool, about: str = ""
) -> LintedLogQuery:
    """A query; it is one of a registry's log where it, or the title of its dashboard, says so."""
    return LintedLogQuery(text, source, path, subject, logql, _of_registry(text, about))


def _of_registry(*texts: str) -> bool:
    return any("registry" in text.lower() for text in texts)


def dashboard_texts(
    source: SourceText, path: Steps, data: Json, variables: Mapping[str, Json]
) -> Iterator[LintedLogQuery]:
    """The texts of a dashboard: descriptions, what text panels show, and the log queries of its marks."""
    title = str(data.get("title") or "")
    yield from _texts(source, path, data, title, title, ("description",))
    for where, panel in panels_of(data, path):
        name = str(panel.get("title") or "")
        about = " ".join([title, *(str(target.get("expr") or "") for _, target in targets_of(panel))])
        yield from _texts(source, where, panel, name, about, ("description",), ("content",), ("options", "content"))
    for where, one in annotations_of(data, path):
        for key in ("expr", "query"):
            text = one.get(key)
            logql = key == "expr"
            if isinstance(text, str) and (LOGQL.search(text) if logql else not asks_prometheus(data, one, variables)):
                yield log_query(text, source, (*where, key), str(one.get("name") or ""), logql=logql, about=title)


def rule_texts(rule: LintedRule) -> Iterator[LintedLogQuery]:
    """The annotations of an alert."""
    about = f"{rule.name} {rule.query.text if rule.query is not None else ''}"
    for name in rule.texts("annotations") if rule.alerts else ():
        yield from _texts(rule.source, rule.path, rule.data, rule.name, about, ("annotations", name))


def page_text(source: SourceText) -> LintedLogQuery:
    """A page for people, such as a runbook, as one text."""
    page = Path(source.file)
    return LintedLogQuery(
        source.text, source, (), page.stem, logql=False, of_registry=_of_registry(page.name, source.text), prose=True
    )


def _texts(
    source: SourceText, path: Steps, data: Json, subject: str, about: str, *places: Steps
) -> Iterator[LintedLogQuery]:
    for steps in places:
        text: object = data
        for step in steps:
            text = text.get(step) if isinstance(text, dict) else None
        if isinstance(text, str) and text and _of_registry(text, about):
            yield LintedLogQuery(text, source, (*path, *steps), subject, logql=False, of_registry=True, prose=True)
