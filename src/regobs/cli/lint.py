"""`regobs lint`: what is wrong in rule files, dashboards and queries, whoever wrote them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.catalog.model import Flavor, Version
from regobs.cli.content import PATH, settings, without_collector
from regobs.cli.finite import FiniteRange
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.working import working
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.lint import LintContext, LintReport
    from regobs.lint.live import LiveServer

_JSON_KEY = re.compile(r'\s*+\{\s*+"(?:[^"\\]|\\.)*+"\s*+:')
_YAML_KEY = re.compile(r"(?:- )?[\w./-]++:(?=\s|$)")  # a colon within a name of PromQL has no blank behind it
_SHAPES = ("text", "json", "sarif", "junit", "github", "gitlab")


@click.command()
@server_options
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="warning",
    show_default=True,
    help="Exit with 1 when something so bad, or worse, is found.",
)
@click.option("--notes", is_flag=True, help="Show what is worth a look, too.")
@click.option(
    "--changed-since",
    metavar="REF",
    help="Only findings on lines that changed since this git revision, or in rules that lost lines.",
)
@click.option("--scrape-interval", metavar="15s", help="How often targets are scraped, to judge windows of rates.")
@click.option("--flavor", type=click.Choice([str(one) for one in Flavor]), help="Whose registry the files are for.")
@click.option("--registry-version", metavar="4.32", help="Its version; the newest when not given.")
@click.option(
    "--catalog",
    type=PATH,
    metavar="FILE",
    multiple=True,
    help="Metrics of your own: what /metrics answers, or /api/v1/metadata.",
)
@click.option(
    "--days",
    type=FiniteRange(min=0.01),
    default=7.0,
    show_default=True,
    help="With a server: how far alerts are tried.",
)
@click.option("--fix", is_flag=True, help="Correct in place what has one right answer, and say what remains.")
@click.option("--checks", is_flag=True, help="List all checks.")
def lint(
    *,
    paths: tuple[Path, ...],
    shape: str,
    fail_on: str,
    notes: bool,
    changed_since: str | None,
    scrape_interval: str | None,
    flavor: str | None,
    registry_version: str | None,
    catalog: tuple[Path, ...],
    server: ServerOptions,
    days: float,
    fix: bool,
    checks: bool,
) -> int:
    """Say what is wrong in rule files, dashboards and queries, whoever wrote them.

    PATHS are files, directories, or patterns in quotes; `-` or nothing reads one PromQL query, or JSON or YAML, from
    standard input. Exit code 1: something as bad as --fail-on says was found. With --prometheus or --context a server
    says what it has no series of, which queries are costly, and how often each alert would have fired.
    """
    from regobs.common.screen import screen  # noqa: PLC0415 - `--help` needs none of these
    from regobs.lint import CHECKS, LintContext, Severity  # noqa: PLC0415
    from regobs.lint.fix import with_sure_fixes  # noqa: PLC0415
    from regobs.lint.own_metrics import read_own_metrics  # noqa: PLC0415
    from regobs.lint.report import FORMATS, as_text, without_notes  # noqa: PLC0415

    if checks:
        for name, one in sorted(CHECKS.items()):
            click.echo(f"{name:<28}{one.severity:<9}{' '.join(one.parts['what'].split())}")
        return ExitCode.OK
    context = LintContext(
        _interval(scrape_interval), Flavor(flavor) if flavor else None, _version(registry_version, flavor)
    )
    for file in catalog:
        context.own = {**context.own, **read_own_metrics(file)}
    if fix:
        _fix(paths, context, changed_since, notes=notes)
    asked = _ask(server, days, context)
    report = _report(paths, context, changed_since)
    report.fail_on = None if fail_on == "never" else Severity(fail_on)
    worst = report.worst()
    hidden = 0
    if not notes and fail_on != "note":
        kept = without_notes(report.findings, live=asked is not None)
        hidden, report.findings = len(report.findings) - len(kept), kept
    if shape == "sarif":
        report.findings = with_sure_fixes(report, context)
    text = as_text(report, screen(), hidden) if shape == "text" else FORMATS[shape](report)
    click.echo(text, nl=False)
    if asked is not None and shape == "text" and asked.tried:
        from regobs.lint.live import span_text  # noqa: PLC0415 - of a live check only

        first, last = asked.history()
        has = "" if last - first >= asked.span else f", of which the server has {span_text(last - first)}"
        click.echo(f"{asked.quiet} of {asked.tried} alerts would not have fired in the last {days:g} days{has}")
    failed = report.fail_on is not None and worst is not None and worst.rank <= report.fail_on.rank
    return ExitCode.DIFFERENCE if failed else ExitCode.OK


def _ask(server: ServerOptions, days: float, context: LintContext) -> LiveServer | None:
    """The server that is asked beside; None where the command line names none, whatever the settings say."""
    if not server.given:
        return None
    from functools import partial  # noqa: PLC0415

    from regobs.lint.live import LiveServer, live_findings  # noqa: PLC0415

    asked = LiveServer(server.open(settings(None)), days)
    context.live = partial(live_findings, server=asked)
    return asked


def _fix(paths: tuple[Path, ...], context: LintContext, changed_since: str | None, *, notes: bool) -> None:
    """Correct the files."""
    from regobs.common.table import escape  # noqa: PLC0415
    from regobs.lint.fix import fix_files  # noqa: PLC0415
    from regobs.lint.report import without_notes  # noqa: PLC0415

    _refuse_stdin(paths, "standard input cannot be corrected in place", "--fix")
    report = _report(paths, context, changed_since)
    for one in fix_files(report, context, report.findings if notes else without_notes(report.findings)):
        left = f", {len(one.left)} left as they are" if one.left else ""
        click.echo(f"{escape(one.file)}: {one.fixed} corrected{left}", err=True)
        for finding, reason in one.left:
            click.echo(f"{escape(one.file)}:{finding.line}: {finding.check} is left: {reason}", err=True)


def _refuse_stdin(paths: tuple[Path, ...], what: str, option: str) -> None:
    if not paths or paths == (Path("-"),):
        raise InputError(what, value=option, expected="files or directories", next_step="name the file")


def _version(text: str | None, flavor: str | None) -> Version | None:
    if text is None:
        return None
    if flavor is None:
        raise InputError(
            "a version of which registry?",
            value=text,
            expected="--flavor beside --registry-version",
            next_step="add it",
        )
    try:
        return Version.parse(text)
    except ValueError:
        raise InputError(
            "--registry-version is no version", value=text, expected="such as 4.32.0", next_step="correct it"
        ) from None


def _interval(text: str | None) -> int | None:
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    if text is None:
        return None
    found = read_duration(text)
    if found is None or found.macro or found.ms <= 0:
        raise InputError(
            "--scrape-interval is not a duration", value=text, expected="a time such as 15s", next_step="correct it"
        )
    return found.ms


def _report(paths: tuple[Path, ...], context: LintContext, changed_since: str | None) -> LintReport:
    if changed_since is not None:
        _refuse_stdin(paths, "standard input has no earlier revision", "--changed-since")
    report = _whole_report(paths, context)
    if changed_since is not None:
        from regobs.lint.changed import changed_lines  # noqa: PLC0415

        lines = changed_lines(changed_since, report.read)
        report.findings = [
            one for one in report.findings if not lines[one.file].isdisjoint(range(one.line, one.end_line + 1))
        ]
    return report


def _whole_report(paths: tuple[Path, ...], context: LintContext) -> LintReport:
    from regobs.lint import lint_paths, lint_text  # noqa: PLC0415
    from regobs.lint.engine import lint_files  # noqa: PLC0415
    from regobs.lint.read import no_text  # noqa: PLC0415

    if paths and paths != (Path("-"),):
        with working(lambda: "reading and judging the files"), without_collector():
            return lint_paths(paths, context)
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        return lint_files([no_text("<stdin>", fault)], context)
    return lint_text(text, "<stdin>", _suffix_of(text), context)


def _suffix_of(text: str) -> str:
    """Whether a text is JSON or YAML, which both have a key first; "" for a query."""
    bare = (line.split(" #")[0].rstrip() for line in text.splitlines() if not line.lstrip().startswith("#"))
    head = next(filter(None, bare), "")
    if _JSON_KEY.match(text):
        return ".json"
    return ".yaml" if _YAML_KEY.match(head) or head.startswith("---") else ""
