"""A validation report as text, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from regobs.common.counts import are, counted
from regobs.logs.judging.closest import Closest
from regobs.logs.judging.validate import Finding, LogReport

_KINDS = ("malformed", "invalid", "message", "field", "moved", "type")
_DRIFT = frozenset(("message", "field", "moved", "type"))
_HEADS = {
    "malformed": "Malformed lines",
    "invalid": "Values that are not what their schema says",
    "message": "Messages that no schema knows",
    "field": "Fields that no schema knows",
    "moved": "Fields of other messages",
    "type": "Values that a field has in no other message",
}
_SHOWN = 40  # kinds a section of the text report


def to_data(report: LogReport) -> dict[str, Any]:
    """The report as plain data."""
    found = ordered(report)
    return {
        "lines": report.lines,
        "valid": report.valid,
        "invalid": report.invalid,
        "malformed": report.malformed,
        "blank": report.blank,
        "unknown_messages": report.unknown_messages,
        "unknown_fields": report.unknown_fields,
        "moved_fields": report.moved_fields,
        "static_fields": report.static,
        "strict": report.strict,
        "streams": report.streams,
        "files": report.files,
        "problems": [_plain(one) for one in found if one.kind in {"malformed", "invalid"}],
        "drift": {
            "messages": [_plain(one) for one in found if one.kind == "message"],
            "fields": [_plain(one) for one in found if one.kind == "field"],
            "moved": [_plain(one) for one in found if one.kind == "moved"],
            "missing": [_plain(one) for one in found if one.rule == "required"],
            "types": [_plain(one) for one in found if one.rule == "type"],
            "units": [_plain(one) for one in found if one.unit],
        },
        "closest": [asdict(one) for one in report.closest],
        "further_kinds": report.untold,
    }


def ordered(report: LogReport) -> list[Finding]:
    """The findings: by kind, the frequent ones first."""
    return sorted(
        report.findings.values(),
        key=lambda one: (_KINDS.index(one.kind), -one.count, one.message, one.field, one.rule),
    )


def to_json(report: LogReport) -> str:
    """The report as JSON."""
    return json.dumps(to_data(report), indent=2, ensure_ascii=False)


def to_text(report: LogReport) -> str:
    """The report as a person reads it."""
    lines = [_summary(report)]
    lines += [f"  {count:>9,}  {name}" for name, count in sorted(report.streams.items())]
    lines += [_closest(one) for one in report.closest]
    if report.static:
        told = ", ".join(f"{name} ({value})" for name, value in report.static.items())
        lines.append(f"Static fields of the registry's configuration (log.fields): {told}")
    for kind in _KINDS:
        found = [one for one in ordered(report) if one.kind == kind]
        if found:
            lines += ["", f"{_HEADS[kind]}:"]
            lines += [_line(one) for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  ... and {counted(len(found) - _SHOWN, 'further kind')}; --format json shows them")
    if report.untold:
        lines += ["", f"{counted(report.untold, 'problem')} of further kinds only counted."]
    return "\n".join(lines)


def to_junit(report: LogReport) -> str:
    """The report as JUnit XML: a test case for all lines, and one that fails for each kind of problem.

    Drift is a failure only with `strict`, otherwise it is a skipped case.
    """
    cases = [_case("lines", f"{report.valid} of {counted(report.lines, 'line')} {are(report.valid)} valid", "")]
    failures = skipped = 0
    for one in ordered(report):
        drift = one.kind in _DRIFT and not report.strict
        failures, skipped = failures + (not drift), skipped + drift
        words = escape(_readable(_line(one).strip()))
        inner = f"<skipped message={quoteattr(_readable(_title(one)))}/>" if drift else ""
        inner = inner or f"<failure message={quoteattr(_readable(_title(one)))}>{words}</failure>"
        cases.append(_case(one.kind, _title(one), inner))
    head = f'<testsuite name="regobs logs validate" tests="{len(cases)}" failures="{failures}" skipped="{skipped}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"])


FORMATS: dict[str, Callable[[LogReport], str]] = {"text": to_text, "json": to_json, "junit": to_junit}


def _summary(report: LogReport) -> str:
    parts = [counted(report.lines, "line"), f"{report.valid:,} valid", f"{report.invalid:,} invalid"]
    parts.append(f"{report.malformed:,} malformed")
    if report.unknown_messages:
        parts.append(f"{report.unknown_messages:,} with an unknown message")
    if report.unknown_fields:
        parts.append(counted(report.unknown_fields, "unknown field"))
    if report.moved_fields:
        parts.append(counted(report.moved_fields, "field", "of other messages"))
    return ", ".join(parts)


def _closest(one: Closest) -> str:
    """Rounded down, so that 100% means all."""
    releases = f"; written by release {', '.join(one.releases)}" if one.releases else ""
    share = int(1000 * one.fit) / 10
    fit = f"{share:g}% of its first {counted(one.lines, 'line')} fit"
    return f"{one.file}: closest to the schemas of {one.title}, {fit}{releases}{_bounds(one)}"


def _bounds(one: Closest) -> str:
    """Between which releases the fields of the lines were written."""
    if not one.told_by:
        return ""
    span = f"{one.since} to {one.until}" if one.since != one.until else one.since
    if not (one.since and one.until):
        span = f"{one.since} or later" if one.since else f"{one.until} or earlier"
    return f"; of release {span}, as {', '.join(one.told_by)} tell{'s' if len(one.told_by) == 1 else ''}"


def _title(one: Finding) -> str:
    """What it is, without the place."""
    where = " of ".join(part for part in (one.field, repr(one.message) if one.message else "") if part)
    return f"{one.rule}: {where}" if where else one.rule


def _line(one: Finding) -> str:
    found = f", not {one.seen}" if one.rule == "type" and one.seen else ""
    expected = f", expected {one.expected}{found}" if one.expected else ""
    hint = f" ({one.hint})" if one.hint else ""
    place = f"{one.file}:{one.line}"
    return f"  {one.count:>9,}  {_title(one)}{expected}; first at {place}: {one.sample}{hint}"


def _plain(one: Finding) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "rule": one.rule,
        "field": one.field,
        "message": one.message,
        "expected": one.expected,
        "count": one.count,
        "first": {"file": one.file, "line": one.line, "offset": one.offset, "sample": one.sample, "type": one.seen},
        "hint": one.hint,
    }


def _case(kind: str, name: str, inner: str) -> str:
    return f"<testcase classname={quoteattr(kind)} name={quoteattr(_readable(name))}>{inner}</testcase>"


def _readable(text: str) -> str:
    """Without characters that XML 1.0 cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
