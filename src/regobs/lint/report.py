"""Findings as text for a person, and as JSON, SARIF, JUnit and annotations for programs."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from regobs import __version__
from regobs.common.screen import PIPE, Colour, Screen
from regobs.common.table import display_width
from regobs.common.table import escape as visible
from regobs.lint.engine import LintReport
from regobs.lint.findings import CHECKS, LintFinding, Severity
from regobs.lint.linted_files import NotRead
from regobs.lint.sources import SourceText
from regobs.secrets import MASK
from regobs.secrets.texts import redacted_text

_COLOURS = {Severity.ERROR: Colour.RED, Severity.WARNING: Colour.YELLOW, Severity.NOTE: Colour.BLUE}
_NEAR = 1_000  # characters on each side of a place in which a secret is looked for
_WIDEST = 160  # characters of a source line: a dashboard may be one line
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# Whoever knows the path of a webhook may send to it: Alertmanager takes the address of a receiver for a secret.
_WEBHOOK = re.compile(
    r"(\b\w{0,40}url[\"']?\s{0,9}:\s{0,9}[\"']?https?://[^\s/\"']{1,255}/)[^\s\"',}\]]++", re.IGNORECASE
)
_XML_REFUSES = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 65534, 65535), "?")


def as_text(report: LintReport, on: Screen = PIPE, hidden: int = 0) -> str:
    """Each finding with its line and a caret under the place, then the totals."""
    sources = {file: SourceText(file, text) for file, text in report.files.items()}
    blocks = [_block(one, sources[one.file], on) for one in report.findings]
    return "\n".join([*blocks, _totals(report, hidden)]) + "\n"


def _block(one: LintFinding, source: SourceText, on: Screen) -> str:
    head = on.paint(f"{one.severity}[{one.check}]", _COLOURS[one.severity])
    line = source.line(one.line)
    last = one.end_column - 1 if one.end_line == one.line else len(line)
    first = one.column - 1
    cut = max(0, first - _NEAR) if len(line) > _NEAR * 2 else 0  # of a dashboard in one line the part that is shown
    receivers = "_configs" in source.text
    line, first, last = _without_secrets(line[cut : cut + _NEAR * 2], first - cut, last - cut, receivers)
    cut = max(0, first - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown = visible(line[cut : cut + _WIDEST].replace("\t", " "))
    marks = " " * display_width(visible(line[cut:first].replace("\t", " ")))
    marks += "^" * max(1, display_width(visible(line[first : min(last, cut + _WIDEST)].replace("\t", " "))))
    number = str(one.line)
    margin = " " * len(number)
    texts = [
        f"{head} {visible(one.what)}",
        f"  {visible(one.file)}:{one.line}:{one.column}" + (f" in {visible(one.subject)}" if one.subject else ""),
        f"{margin} |",
        f"{number} | {shown}",
        f"{margin} | " + on.paint(marks, _COLOURS[one.severity]),
        f"{margin} = why: {one.why}",
    ]
    if one.next_step:
        texts.append(f"{margin} = next: {visible(one.next_step)}")
    return "\n".join(texts) + "\n"


def _without_secrets(line: str, first: int, last: int, receivers: bool) -> tuple[str, int, int]:
    """A line as it may be shown, and where what was between two places of it now stands."""
    shown = redacted_text(_WEBHOOK.sub(rf"\1{MASK}", line) if receivers else line)
    if shown == line:
        return line, first, last
    before = _alike(line, shown)
    after = _alike(line[before:][::-1], shown[before:][::-1])

    def moved(place: int) -> int:
        if place <= before:
            return place
        return len(shown) - (len(line) - place) if place >= len(line) - after else before

    return shown, moved(first), max(moved(last), moved(first) + 1)


def _alike(one: str, other: str) -> int:
    """How many characters at the beginning two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _totals(report: LintReport, hidden: int) -> str:
    counts = Counter(one.severity for one in report.findings)
    found = ", ".join(f"{counts[one]} {one}{'' if counts[one] == 1 else 's'}" for one in Severity if counts[one])
    looked = {"file": len(report.files), "rule": report.rules, "dashboard": report.dashboards, "query": report.queries}
    parts = [f"{found or 'nothing found'} in {', '.join(_counted(count, word) for word, count in looked.items())}"]
    if hidden:
        parts.append(f"{_counted(hidden, 'note')} not shown: --notes shows all")
    if report.allowed:
        parts.append(f"{report.allowed} allowed by comments")
    parts += [f"{visible(one.file)}:{one.line}: not read: {visible(one.reason)}" for one in report.not_read]
    return "\n".join(parts)


def _counted(count: int, word: str) -> str:
    return (
        f"{count} {word}" if count == 1 else f"{count} {word.removesuffix('y')}{'ies' if word.endswith('y') else 's'}"
    )


def as_json(report: LintReport) -> str:
    """Every finding with all its fields."""
    counts = Counter(one.severity for one in report.findings)
    data = {
        "findings": [one.as_data() for one in report.findings],
        "counts": {str(one): counts[one] for one in Severity},
        "files": len(report.files),
        "rules": report.rules,
        "dashboards": report.dashboards,
        "queries": report.queries,
        "allowed": report.allowed,
        "not_read": [one._asdict() for one in report.not_read],
    }
    return _json(data)


def _json(data: object) -> str:
    """JSON in which a half of a surrogate pair, which no encoding has, is an escape."""
    return json.dumps(data, indent=2, ensure_ascii=False).encode(errors="backslashreplace").decode() + "\n"


def as_sarif(report: LintReport) -> str:
    """SARIF 2.1.0, which GitHub's code scanning and many editors read."""
    names = sorted({one.check for one in report.findings})
    rules = [
        {
            "id": name,
            "shortDescription": {"text": " ".join(CHECKS[name].parts["what"].split())},
            "fullDescription": {"text": CHECKS[name].why},
            "defaultConfiguration": {"level": str(CHECKS[name].severity)},
        }
        for name in names
    ]
    sources = {file: SourceText(file, text) for file, text in report.files.items()}
    results = [_sarif_result(one, names.index(one.check), sources[one.file]) for one in report.findings]
    driver = {"name": "regobs lint", "version": __version__, "rules": rules}
    told = [_sarif_notification(one) for one in report.not_read]
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": told}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return _json({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _sarif_result(one: LintFinding, index: int, source: SourceText) -> dict[str, Any]:
    place = {"uri": _uri(one.file)}
    region = _region((one.line, one.column), (one.end_line, one.end_column))
    result = {
        "ruleId": one.check,
        "ruleIndex": index,
        "level": str(one.severity),
        "message": {"text": f"{one.what}. {one.next_step}".strip()},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "partialFingerprints": {"regobsLint/v1": _fingerprint(one)},
    }
    if one.fix is None or redacted_text(one.fix.text) != one.fix.text:  # the text of a correction may hold a login
        return result
    gone = _region(source.position(one.fix.start), source.position(one.fix.end))
    change = {"deletedRegion": gone, "insertedContent": {"text": one.fix.text}}
    changes = [{"artifactLocation": place, "replacements": [change]}]
    return {**result, "fixes": [{"description": {"text": one.next_step or "correct it"}, "artifactChanges": changes}]}


def _sarif_notification(one: NotRead) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _uri(one.file)}, "region": {"startLine": one.line}}
    text = {"text": f"not read: {one.reason}"}
    return {"level": "note", "message": text, "locations": [{"physicalLocation": place}]}


def _region(start: tuple[int, int], end: tuple[int, int]) -> dict[str, int]:
    return {"startLine": start[0], "startColumn": start[1], "endLine": end[0], "endColumn": end[1]}


def _uri(file: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only SARIF needs it

    return quote(os.fsencode(file.removeprefix("./")))


def _fingerprint(one: LintFinding) -> str:
    """The same for the same finding when lines move."""
    return _hash(f"{one.check}\x00{one.file}\x00{one.subject}\x00{one.what}")


def _hash(text: str) -> str:
    import hashlib  # noqa: PLC0415 - only formats with fingerprints need it

    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def as_junit(report: LintReport) -> str:
    """JUnit XML: a test case a finding, one that passed for each file without any.

    Failed are those as bad as `--fail-on` says; the others passed, with their text as output. Skipped is what is not
    read.
    """
    cases = []
    for file in report.files:
        found = [one for one in report.findings if one.file == file]
        cases += [_case(one, fails=report.fails(one)) for one in found]
        skipped = [one for one in report.not_read if one.file == file]
        cases += [_skipped(one) for one in skipped]
        cases += [] if found or skipped else [f"  <testcase classname={_quoted(file)} name={_quoted('lint')}/>"]
    failed = sum(report.fails(one) for one in report.findings)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="{len(report.not_read)}"'
    head = f'<testsuite name="regobs lint" {counts}>'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]) + "\n"


def _case(one: LintFinding, *, fails: bool) -> str:
    name = f"{one.check} {one.line}:{one.column}"
    why = f"{one.why}\n{one.next_step}"
    if fails:
        text = _text(why)
        inner = f"<failure type={_quoted(str(one.severity))} message={_quoted(one.what)}>{text}</failure>"
    else:
        text = _text(f"{one.severity}: {one.what}\n{why}")
        inner = f"<system-out>{text}</system-out>"
    return f"  <testcase classname={_quoted(one.file)} name={_quoted(name)}>{inner}</testcase>"


def _skipped(one: NotRead) -> str:
    inner = f"<skipped message={_quoted(f'not read: {one.reason}')}/>"
    return f"  <testcase classname={_quoted(one.file)} name={_quoted(f'not read {one.line}')}>{inner}</testcase>"


def _text(text: str) -> str:
    from xml.sax.saxutils import escape  # noqa: PLC0415 - only JUnit needs it, and it imports clients of HTTP

    return escape(text.translate(_XML_REFUSES))


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr  # noqa: PLC0415 - as above

    return quoteattr(text.translate(_XML_REFUSES))


def as_github(report: LintReport) -> str:
    """Workflow commands that GitHub shows as annotations.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = []
    for one in report.findings:
        place = f"file={_property(one.file)},line={one.line},col={one.column}"
        if one.line == one.end_line:
            place += f",endColumn={one.end_column}"
        text = _message(f"{one.what}. {one.next_step}".strip())
        lines.append(f"::{_LEVELS[one.severity]} {place},title={_property(one.check)}::{text}")
    for part in report.not_read:
        place = f"file={_property(part.file)},line={part.line},title=not read"
        lines.append(f"::notice {place}::{_message(part.reason)}")
    return "".join(line + "\n" for line in lines)


def _message(text: str) -> str:
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(char, code)
    return visible(text)


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def as_gitlab(report: LintReport) -> str:
    """A Code Quality report. https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""
    levels = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "info"}
    seen: Counter[str] = Counter()
    data = []
    for one in report.findings:
        mark = _fingerprint(one)
        seen[mark] += 1
        data.append(
            {
                "description": f"{one.what}. {one.next_step}".strip(),
                "check_name": one.check,
                "fingerprint": mark if seen[mark] == 1 else f"{mark}-{seen[mark]}",
                "severity": levels[one.severity],
                "location": {"path": one.file.removeprefix("./"), "lines": {"begin": one.line}},
            }
        )
    for part in report.not_read:
        mark = _hash(f"not read\x00{part.file}\x00{part.reason}")
        place = {"path": part.file.removeprefix("./"), "lines": {"begin": part.line}}
        told = {"description": f"not read: {part.reason}", "check_name": "not read", "fingerprint": mark}
        data.append({**told, "severity": "info", "location": place})
    return _json(data)


FORMATS: Mapping[str, Callable[[LintReport], str]] = {
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
    "github": as_github,
    "gitlab": as_gitlab,
}


def without_notes(findings: Sequence[LintFinding], *, live: bool = False) -> list[LintFinding]:
    """Errors and warnings, and with `live` what a server said."""
    told = [one for one in findings if one.severity is not Severity.NOTE or (live and one.check.startswith("live-"))]
    return list(told)
