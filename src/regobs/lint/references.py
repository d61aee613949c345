"""Checks of what files name elsewhere: log messages and fields, dashboards, panels, variables, runbooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from regobs.common.closest import closest
from regobs.grafana.classic import VARIABLE, links_of
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.log_subjects import LintedLogQuery
from regobs.lint.log_terms import asked_fields, asked_messages, is_called_message
from regobs.lint.subjects import LintedDashboard, LintedRule

if TYPE_CHECKING:
    from regobs.logs.messages.message import Message
    from regobs.logs.messages.streams import Stream

_SHORTEST = 8  # characters: a shorter text is in many messages
_FEWEST_WORDS = 2
_LONGEST = 400  # characters, above any message
_DASHBOARD = re.compile(r"(?:^|/)d/([\w-]+)")
_VIEWED = re.compile(r"[?&]viewPanel=(?:panel-)?(\d+)\b")
_GIVEN = re.compile(r"[?&]var-([\w-]+)=")
# `hhttps://`, `ttp://`, `https//`, `http:/` and `https://https://`; a single slash behind a word is a path.
_MISSPELT = re.compile(
    r"(?!https?://(?!https?://))(?:https?://(?=https?://)|(?:h{1,3}[tp]{2,6}|t{1,4}p{1,2})s{0,2}(?::/{0,3}|;?//))",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^#{1,6}[ \t]++(.+)$", re.MULTILINE)
_ANCHOR = re.compile(r'(?:\b(?:id|name)="|\{#)([\w-]+)')


def _streams() -> tuple[Stream, ...]:
    from regobs.logs.messages.streams import STREAMS  # noqa: PLC0415 - all messages, for files that name any

    return STREAMS


@cache
def _messages() -> tuple[str, ...]:
    """The constant texts of all messages, of any registry and generation."""
    return tuple({part for one in _streams() for message in one.messages for part in message.parts if len(part) > 3})


@cache
def _fields() -> frozenset[str]:
    """The names of all fields; LogQL writes `_` for what is no letter in a name."""
    names = {name for one in _streams() for name in one.fields}
    return frozenset(names | {re.sub(r"\W", "_", name) for name in names})


@check("unknown-log-message", Severity.WARNING, CheckSubject.LOG_QUERY)
def unknown_log_message(query: LintedLogQuery) -> Iterator[LintProblem]:
    r"""A log query asks for a message that no registry writes, and that is close to one that it does write.

    Why: it finds nothing, which looks as if nothing had happened.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "logs", "title": "Registry", "datasource": {"type": "loki"},
          "targets": [{"refId": "A", "expr": "{app=\"registry\"} | json | msg=\"authorised request\""}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "logs", "title": "Registry", "datasource": {"type": "loki"},
          "targets": [{"refId": "A", "expr": "{app=\"registry\"} | json | msg=\"authorized request\""}]}]}
    """
    if not query.of_registry:
        return
    for text, span, named in asked_messages(query):
        if not _SHORTEST <= len(text) <= _LONGEST or VARIABLE.search(text) or "*" in text:
            continue
        part = not query.prose or is_called_message(query.text, span[0])
        if meant := _meant_message(text) or (_meant_words(text) if part else ""):
            yield query.problem(*span, f"no registry writes {text!r}", f"did you mean {meant!r}?")
        elif named and not _is_written(text):
            step = "compare it with a line of the log; `regobs logs` knows those of the releases in its catalogue"
            yield query.problem(*span, f"no known message is {text!r}", step, Severity.NOTE)


@lru_cache(maxsize=1024)
def _meant_message(text: str) -> str:
    """The message that a text is close to; "" where it is one, or close to none."""
    near = [] if _is_written(text) else closest(text, _messages(), 1, 0.85)
    return near[0].strip() if near else ""


@lru_cache(maxsize=1024)
def _meant_words(text: str) -> str:
    """The words of a message that a part of one means, of which a single word is misspelt; "" for anything else."""
    words = text.casefold().split()
    if len(words) < _FEWEST_WORDS or _is_written(text):
        return ""
    for message in _messages_in_words():
        for at in range(len(message) - len(words) + 1):
            part = message[at : at + len(words)]
            differ = [(asked, known) for asked, known in zip(words, part, strict=True) if asked != known]
            if len(differ) == 1 and len(differ[0][0]) >= _SHORTEST and closest(differ[0][0], differ[0][1:], 1, 0.85):
                return " ".join(part)
    return ""


@cache
def _messages_in_words() -> tuple[list[str], ...]:
    return tuple(part.casefold().split() for part in _messages())


@lru_cache(maxsize=1024)
def _is_written(text: str) -> bool:
    """Whether a text is in a message, or a message in it."""
    low = text.lower()
    if any(low in known for known in _low_messages()):
        return True
    return any(message.says(text) for message in _long_messages())


@cache
def _low_messages() -> tuple[str, ...]:
    return tuple(part.lower() for part in _messages())


@cache
def _long_messages() -> tuple[Message, ...]:
    told = (message for one in _streams() for message in one.messages)
    return tuple(one for one in told if sum(map(len, one.parts)) >= _SHORTEST)


@check("unknown-log-field", Severity.WARNING, CheckSubject.LOG_QUERY)
def unknown_log_field(query: LintedLogQuery) -> Iterator[LintProblem]:
    r"""A log query asks for a field that no line of a registry has, and whose name is close to one that it has.

    Why: it finds nothing, which looks as if nothing had happened.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "logs", "title": "Registry", "datasource": {"type": "loki"},
          "targets": [{"refId": "A", "expr": "{app=\"registry\"} | json | corelation_id=\"01J\""}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "logs", "title": "Registry", "datasource": {"type": "loki"},
          "targets": [{"refId": "A", "expr": "{app=\"registry\"} | json | correlation_id=\"01J\""}]}]}
    """
    if not query.of_registry:
        return
    for written, span in asked_fields(query):
        name = written.removeprefix("json.").removesuffix(".keyword")
        if name in _fields() or len(name) < 5:
            continue
        if meant := _meant_field(name):
            yield query.problem(*span, f"no line of a registry has a field {name}", f"did you mean {meant}?")


@lru_cache(maxsize=1024)
def _meant_field(name: str) -> str:
    near = closest(name, _fields(), 1, 0.88)
    return near[0] if near else ""


@check("dead-dashboard-link", Severity.WARNING, CheckSubject.DASHBOARD)
def dead_dashboard_link(board: LintedDashboard) -> Iterator[LintProblem]:
    """A link leads to a panel or variable that its dashboard does not have, or almost to another dashboard.

    Only dashboards that are linted together are known.

    Why: who follows it in an incident sees "not found", or everything in place of what was chosen.

    Wrong:
        {"uid": "pools", "title": "a", "links": [{"title": "Pool", "url": "/d/pools?viewPanel=7"}], "panels": [
          {"id": 1, "type": "text", "title": "Pool"}]}
    Right:
        {"uid": "pools", "title": "a", "links": [{"title": "Pool", "url": "/d/pools?viewPanel=1"}], "panels": [
          {"id": 1, "type": "text", "title": "Pool"}]}
    """
    known = board.context.dashboards
    for path, url in links_of(board.data):
        match = _DASHBOARD.search(_path_of(url))
        if match is None or (_host_of(url) and len(known) < 2):
            continue
        target = known.get(match[1])
        if target is None:
            near = closest(match[1], known, 1, 0.9)
            if near:
                yield board.problem(path, f"no dashboard has the uid {match[1]}", f"did you mean {near[0]}?")
            continue
        ids = {str(panel.data.get("id")) for panel in target.panels}
        viewed = _VIEWED.search(url)
        if viewed and viewed[1] not in ids:
            yield board.problem(path, f"the dashboard {match[1]} has no panel {viewed[1]}", "correct the number")
        names = {str(one.get("name")) for one in target.variables}
        for given in _GIVEN.finditer(url):
            if given[1] not in names:
                step = f"it has {', '.join(sorted(names))}" if names else "it has no variables"
                yield board.problem(path, f"the dashboard {match[1]} has no variable {given[1]}", step)


def _path_of(url: str) -> str:
    """The path of an address; "" for one that is none."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _host_of(url: str) -> str:
    """The host of an address; "" for one within the same server, or that is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


@check("broken-link", Severity.WARNING, CheckSubject.RULE)
def broken_link(rule: LintedRule) -> Iterator[LintProblem]:
    """A link of an alert is no address.

    Why: nothing opens when it is clicked.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: ticket}
          annotations: {summary: The pool is full, runbook_url: "hhttps://example.com/PoolFull"}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: ticket}
          annotations: {summary: The pool is full, runbook_url: "https://example.com/PoolFull"}
    """
    for name, text in rule.texts("annotations").items():
        if name == "runbook_url" and re.fullmatch(
            r"(?i)(?:todo|tbd|fixme|xxx|n/?a|none|-)|h[a-z]{2,5}/{1,3}[^ ]*", text
        ):
            what = f"{text} is no address" if rule.data["annotations"][name] is not None else f"{name} is empty"
            yield rule.problem(("annotations", name), what, "write https://...")
        elif match := re.search(r"\b(?!https?:)h{1,3}t{1,4}ps?:/*+|https?:/(?!/)|https?://https?://", text):
            what = f"{match[0]} begins no address"
            problem = rule.problem(("annotations", name), what, "write https://", word=match[0])
            scheme = "https" if "s" in match[0] else "http"
            yield problem.fixed_by(rule.edit(("annotations", name), match[0], f"{scheme}://"))


@check("broken-dashboard-link", Severity.WARNING, CheckSubject.DASHBOARD)
def broken_dashboard_link(board: LintedDashboard) -> Iterator[LintProblem]:
    """A link of a dashboard, a panel or its values begins with a misspelt `https://`.

    Why: nothing opens when it is clicked.

    Wrong:
        {"title": "a", "links": [{"title": "Runbook", "url": "hhttps://example.com/pool"}], "panels": [
          {"id": 1, "type": "text", "title": "Pool"}]}
    Right:
        {"title": "a", "links": [{"title": "Runbook", "url": "https://example.com/pool"}], "panels": [
          {"id": 1, "type": "text", "title": "Pool"}]}
    """
    for path, url in links_of(board.data):
        match = _MISSPELT.match(url)
        if match is not None:
            scheme = "https://" if "s" in match[0].lower() else "http://"
            problem = board.problem(path, f"{match[0]} begins no address", f"write {scheme}")
            rest = url[match.end() :]
            yield problem.fixed_by(board.edit(path, url, rest if rest.startswith("http") else scheme + rest))


@check("dead-runbook", Severity.WARNING, CheckSubject.RULE)
def dead_runbook(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert links to a runbook that the directory of runbooks near its file does not have, or to no heading of it.

    Why: whoever is woken up finds no page, or its beginning.

    Wrong:
        - alert: RegistryDown
          expr: sum(up{job="registry"}) == 0
          labels: {severity: page}
          annotations: {summary: Down, runbook_url: "https://example.com/alerts/runbooks/RegistryDwn.md"}
    Right:
        - alert: RegistryDown
          expr: sum(up{job="registry"}) == 0
          labels: {severity: page}
          annotations: {summary: Down, runbook_url: "https://example.com/alerts/runbooks/RegistryDown.md#check"}
    """
    for name, text in rule.texts("annotations").items():
        if "runbook" not in name or "{{" in text:
            continue
        parts = [part for part in unquote(_path_of(text)).split("/") if part]
        if len(parts) < 2 or not parts[-1].endswith(".md") or ".." in parts:
            continue
        found = _near(Path(rule.source.file), parts)
        if found is None:
            continue
        file, there = found
        if not there:
            pages = sorted(one.name for one in file.parent.glob("*.md"))
            near = closest(file.name, pages, 1, 0.6)
            step = f"did you mean {near[0]}?" if near else "write it, or correct the link"
            yield rule.problem(("annotations", name), f"{file.parent} has no {file.name}", step, word=file.name)
            continue
        anchor = unquote(text.partition("#")[2])
        anchors = _anchors(file) if anchor else set()
        if anchor and _slug(anchor) not in anchors:
            near = closest(anchor, anchors, 1, 0.6)
            step = f"did you mean #{near[0]}?" if near else "correct the link"
            yield rule.problem(("annotations", name), f"{file.name} has no heading {anchor}", step, word=anchor)


def _near(rules: Path, parts: list[str]) -> tuple[Path, bool] | None:
    """The page of a link in a directory near the rules, and whether it is there; None where there is no such place."""
    missing = None
    for folder in [rules.parent, *list(rules.parent.parents)[:4]]:
        for count in range(min(4, len(parts)), 1, -1):
            file = folder.joinpath(*parts[-count:])
            if file.is_file():
                return file, True
            if missing is None and file.parent.is_dir() and any(file.parent.glob("*.md")):
                missing = file
    return (missing, False) if missing is not None else None


def _anchors(file: Path) -> set[str]:
    found: set[str] = set()
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found |= {_slug(match[1].rstrip(" \t#")) for match in _HEADING.finditer(line)}
            found |= {match[1] for match in _ANCHOR.finditer(line)}
    return found


def _slug(heading: str) -> str:
    """What GitHub and GitLab make of a heading, with runs of hyphens as one."""
    return re.sub(r"-+", "-", re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")).strip("-")
