"""Running every check over files."""

from __future__ import annotations

import os
import re
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from regobs.catalog.model import Exposer, Flavor
from regobs.documents import FOREIGN_TAG
from regobs.errors import InputError
from regobs.lint import (  # noqa: F401 - register checks
    absences,
    adding,
    alert_identity,
    alerting,
    boards,
    buckets,
    budgets,
    codes,
    comparing,
    conditions,
    counting,
    inhibiting,
    joins,
    labels,
    lacked_labels,
    live,
    matchers,
    meaning,
    panel_units,
    panels,
    percent_texts,
    percents,
    quantiles,
    raw_counters,
    record_values,
    references,
    routing,
    routing_labels,
    routing_shape,
    rule_groups,
    rules,
    selecting,
    syntax,
    thresholds,
    variable_queries,
    variables,
)
from regobs.lint.bounds import Records
from regobs.lint.findings import CHECKS, Check, CheckSubject, LintFinding, LintProblem, Severity
from regobs.lint.linted_files import BUILD_FIRST, LintedFile, NotRead
from regobs.lint.read import is_read, read_file, read_text
from regobs.lint.silence import AllowedLines, allowances, bad_allowances, mark_used
from regobs.lint.sources import SourceText, finding_of
from regobs.lint.subjects import LintContext, LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.series import known_metric
from regobs.promql.walk import selectors

# Keys of rules, dashboards, routes and objectives: a file of a directory that cannot be read may be one of them. As
# words of comments and values they stand in any file.
_HOLDS = re.compile(
    r"(?:^[ \t-]*+|[{,\"'])(?:groups|alert|record|expr|panels|rows|receivers?|inhibit_rules|templating)"
    r"[\"']?[ \t]*+:|\bopenslo/",
    re.MULTILINE,
)


@dataclass
class LintReport:
    """Everything found, in the order of the files and lines, and what was looked at."""

    findings: list[LintFinding] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    rules: int = 0
    dashboards: int = 0
    queries: int = 0
    allowed: int = 0
    not_read: list[NotRead] = field(default_factory=list)
    read: list[LintedFile] = field(default_factory=list, repr=False)
    fail_on: Severity | None = Severity.WARNING  # what is as bad fails; None where nothing does

    def worst(self) -> Severity | None:
        """The severity of the worst finding."""
        return min((one.severity for one in self.findings), key=lambda one: one.rank, default=None)

    def fails(self, one: LintFinding) -> bool:
        """Whether a finding is as bad as what fails."""
        return self.fail_on is not None and one.severity.rank <= self.fail_on.rank


def lint_paths(paths: Iterable[Path], context: LintContext | None = None) -> LintReport:
    """Lint files, and those of directories that may hold rules or dashboards.

    A file that makes lint fail is a finding of its own: the others are judged all the same. Raises InputError for no
    such path, and for a directory or pattern with nothing in it to judge.
    """
    context = context or LintContext()
    found = {path: find_files([path]) for path in paths}
    read = {path: _read(path, context) for path in dict.fromkeys(chain.from_iterable(found.values()))}
    for path, file in read.items():
        if _is_of_others(file, named=path in found):
            file.broken.clear()
        if path in found:
            file.pass_over_unknown()
    for path, inside in found.items():
        if inside != [path]:
            _refuse_empty(path, [read[one] for one in inside])
    return lint_files(list(read.values()), context, contained=True)


def _refuse_empty(path: Path, inside: list[LintedFile]) -> None:
    """Raise for a directory or pattern whose files hold nothing of ours: most likely another one was meant."""
    if any(file.holds_something for file in inside):
        return
    below = path.rglob("*.dashboard.py") if path.is_dir() else (one for one in inside if one.file.endswith(".py"))
    raise InputError(
        "nothing in it is a rule, dashboard, query or route, so nothing was judged",
        value=f"{path}: {len(inside) or 'no'} file{'' if len(inside) < 2 else 's'} that lint opens",
        expected="a directory or pattern with files that docs/lint.md lists",
        next_step=BUILD_FIRST if any(True for _ in below) else "correct the path, or leave it out",
    )


def _read(path: Path, context: LintContext) -> LintedFile:
    try:
        return read_file(path, context)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it ends no run over other files
        return LintedFile(str(path), "", faults=[fault])


def _is_of_others(file: LintedFile, *, named: bool) -> bool:
    """Whether a file that cannot be read has nothing to do with us.

    A directory holds such files, as JSON with comments; and hooks name every YAML, that with the tags of
    CloudFormation, Ansible and GitLab CI too.
    """
    if not file.broken or not file.text or _HOLDS.search(file.text):
        return False
    return not named or all(FOREIGN_TAG in problem.what for _, problem in file.broken)


def lint_text(text: str, file: str = "<stdin>", suffix: str = "", context: LintContext | None = None) -> LintReport:
    """Lint a text: a bare query without a suffix, else what a file of that suffix would hold."""
    context = context or LintContext()
    read = read_text(text, file, suffix, context)
    read.pass_over_unknown()
    return lint_files([read], context)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Files, those below directories (hidden ones left out), those that a pattern matches; each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(sorted(_below(path)))
        elif path.exists():
            found[path] = None
        elif matched := _matched(path):
            found |= dict.fromkeys(matched)
        else:
            raise InputError(
                "there is no such file or directory",
                value=str(path),
                expected="a file, a directory, or a pattern in quotes that matches one",
                next_step="correct the path",
            )
    return list(found)


def _below(top: Path) -> Iterator[Path]:
    """The files below a directory that are read, and the directories that cannot be."""
    closed: list[Path] = []
    for folder, folders, names in os.walk(top, onerror=lambda fault: closed.append(Path(fault.filename))):
        inside = Path(folder)
        folders[:] = [one for one in folders if not _hidden(Path(one))]
        yield from (inside / one for one in names if not _hidden(Path(one)) and _is_file(inside / one))
    yield from closed


def _is_file(path: Path) -> bool:
    try:
        return is_read(path) and path.is_file()
    except PermissionError:  # of its directory only the names may be read
        return True


def _matched(pattern: Path) -> list[Path]:
    """The files that a pattern matches, and those of directories; none for a path without `*`, `?` or `[`."""
    if not any(char in str(pattern) for char in "*?["):
        return []
    # `**` stands for directories; as a part of a name it is no more than `*`.
    parts = [
        part if part == "**" else re.sub(r"\*{2,}", "*", part) for part in pattern.relative_to(pattern.anchor).parts
    ]
    found = sorted(Path(pattern.anchor or ".").glob("/".join(parts)))
    folders: set[Path] = set()
    for one in found:  # parents stand before what is in them
        if one.is_dir() and not _hidden(one) and folders.isdisjoint(one.parents):
            folders.add(one)
    return [
        *(one for one in found if not one.is_dir()),
        *(file for one in sorted(folders) for file in sorted(_below(one))),
    ]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in {"node_modules", "vendor"} for part in path.parts)


def lint_files(files: list[LintedFile], context: LintContext, *, contained: bool = False) -> LintReport:
    """Lint what was read, all of it together: a rule of one file may record what a dashboard shows.

    A fault of ours in one file is raised; where it is `contained`, it is told as a finding of that file.
    """
    report = LintReport(read=files)
    queries = [query for file in files for query in file.all_queries()]
    context.records = Records({**context.records.rules, **_records(files)})
    context.recorded |= context.records.rules.keys()
    shown = [board for file in files for board in file.dashboards]
    context.dashboards = {str(board.data["uid"]): board for board in shown if board.data.get("uid")}
    context.alerts = [rule for file in files for rule in file.rules if rule.alerts]
    context.watched_jobs |= alerting.watched_jobs(query for query in queries if query.alerts)
    context.tested = [one for file in files for one in file.tested]
    different = {query.text: query for query in queries}.values()
    context.rated |= Counter(name for query in different for name in _rated_names(query))
    context.read_raw |= Counter(name for query in different for name in _raw_names(query))
    if context.flavor is None:
        context.flavor = _flavor_of(queries)
        context.flavor_guessed = context.flavor is not None
    for file in files:
        report.files[file.file] = file.text
        report.rules += len(file.rules)
        report.dashboards += len(file.dashboards)
        report.not_read += file.not_read
    report.queries = len(queries)
    for file in files:
        found = list(_contained(file) if contained else _check_file(file))
        found += context.live(file) if context.live is not None else ()
        given = allowances(file)
        allowed = AllowedLines(given)
        kept = [one for one in found if allowed.of(one) is None]
        passed = [one for one in found if allowed.of(one) is not None]
        mark_used(given, passed)
        report.allowed += len(passed)
        source = SourceText(file.file, file.text)
        bad = bad_allowances(given, live=context.live is not None)
        kept += [finding_of(CHECKS[name], source, problem, "") for name, problem in bad]
        report.findings += sorted(dict.fromkeys(kept), key=lambda one: (one.line, one.column, one.check))
    return report


def _records(files: Iterable[LintedFile]) -> dict[str, list[LintedQuery]]:
    """The expressions of recording rules, by the name that they record."""
    found: dict[str, list[LintedQuery]] = {}
    for rule in (rule for file in files for rule in file.rules if not rule.alerts):
        found.setdefault(rule.name, []).extend([rule.query] if rule.query is not None else [])
    return found


def _rated_names(query: LintedQuery) -> set[str]:
    """The names of series of which the query takes a rate: whoever wrote it takes them for counters."""
    rates = (node for node in query.calls if node.function in GROWTH)
    return {str(one.metric) for node in rates for one in selectors(node) if one.metric}


def _raw_names(query: LintedQuery) -> set[str]:
    """The names of series that the query reads as they are: whoever wrote it may take them for gauges."""
    return {str(one.metric) for one in query.selectors if one.metric and one.range is None}


def _flavor_of(queries: Iterable[LintedQuery]) -> Flavor | None:
    """The one flavor whose own metrics are asked for; None where both or none are."""
    metrics = {metric for query in queries for node in query.selectors if (metric := known_metric(node))}
    ours = [metric.flavors for metric in metrics if metric.exposer is Exposer.REGISTRY and len(metric.flavors) == 1]
    found = {flavor for flavors in ours for flavor in flavors}
    return next(iter(found)) if len(found) == 1 and len(ours) > 2 else None


def _contained(file: LintedFile) -> Iterator[LintFinding]:
    """What is found in a file until a fault of ours, and the fault."""
    try:
        yield from _check_file(file)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it ends no run over other files
        file.faults.append(fault)
    source = SourceText(file.file, file.text)
    for one in file.faults:
        frame = traceback.extract_tb(one.__traceback__)[-1]
        what = f"regobs cannot judge this file: {type(one).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        step = "report it with the file, a fault of regobs; the other files are judged"
        yield finding_of(CHECKS["unreadable-file"], source, LintProblem(0, 1, what, step), "")


def _check_file(file: LintedFile) -> Iterator[LintFinding]:
    by_subject = {subject: [one for one in CHECKS.values() if one.subject is subject] for subject in CheckSubject}
    told = {"unreadable-file": file.broken, "not-read": file.limits, "broken-rule": file.broken_rules}
    for name, problems in told.items():
        yield from (finding_of(CHECKS[name], source, problem, "") for source, problem in problems)
    for query in file.all_queries():
        checks = by_subject[CheckSubject.QUERY] if query.expr is not None else [CHECKS["syntax"], CHECKS["not-read"]]
        yield from _run(checks, query, query.source, query.subject)
    for rule in file.rules:
        yield from _run(by_subject[CheckSubject.RULE], rule, rule.source, rule.name)
    if file.rules or file.groups:
        source = file.rules[0].source if file.rules else file.groups[0][0]
        yield from _run(by_subject[CheckSubject.RULES], file, source, "")
    for config in file.routings:
        yield from _run(by_subject[CheckSubject.ROUTING], config, config.source, "")
    for asked in file.log_queries:
        yield from _run(by_subject[CheckSubject.LOG_QUERY], asked, asked.source, asked.subject)
    for board in file.dashboards:
        title = str(board.data.get("title") or "")
        yield from _run(by_subject[CheckSubject.DASHBOARD], board, board.source, title)
        for panel in board.panels:
            yield from _run(by_subject[CheckSubject.PANEL], panel, panel.source, panel.title)


def _run(checks: Iterable[Check], subject: Any, source: SourceText, name: str) -> Iterator[LintFinding]:
    for check in checks:
        for problem in check.run(subject):
            yield finding_of(check, source, problem, name)
