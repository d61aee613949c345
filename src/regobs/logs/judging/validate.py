"""Validate log lines: each by the schema of its own message, what is new counted as drift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from regobs.logs.judging import drift
from regobs.logs.judging.closest import Closest, closest
from regobs.logs.judging.judge import Judges, MessageRule
from regobs.logs.reading.lenient import UNDECODABLE, read_odd
from regobs.logs.reading.outcome import LinesSeen
from regobs.logs.reading.read import BROKEN, LONGEST_LINE, Line, LinePart, Readable, parts
from regobs.logs.reading.record import ParsedLine, Record, parse
from regobs.logs.reading.wrapping import Unwrapper, logical
from regobs.logs.redact import sample, shape

_FEW = 8  # lines of a part that are looked at for unknown fields
_LOOK_AHEAD = 500  # lines that decide between two registries whose lines look alike
_MOST_FINDINGS = 1000  # of a kind that are told apart; hostile input must not fill the memory, nor fields hide lines
_ANY_TIME = {"time": "2000-01-01T00:00:00Z"}  # of lines that were written for a terminal, which have none
_TEXT = b'"msg":"'  # what stands before the message, as the registries write it
_MISSING = "(missing)"  # in the place of a value
_NOT_PLAIN = (*UNDECODABLE, KeyError, TypeError)  # no message, or one that is no text


@dataclass(slots=True)
class Finding:
    """One kind of problem: how often, and where first.

    `kind` is invalid, malformed, message (unknown), field (unknown) or type (of a known field, in a message that is
    unknown). `rule` is the keyword of JSON Schema, or what is wrong with a malformed line. `sample` is the offending
    value, without secrets, `seen` its type, `unit` whether the hint is about a unit.
    """

    kind: str
    rule: str
    field: str
    message: str
    expected: str
    file: str
    line: int
    offset: int
    sample: str
    seen: str = ""
    hint: str = ""
    unit: bool = False
    count: int = 0


@dataclass(slots=True)
class LogReport:
    """What validation found. `lines` = valid + invalid + malformed; blank lines are counted apart."""

    strict: bool = False
    lines: int = 0
    valid: int = 0
    invalid: int = 0
    malformed: int = 0
    blank: int = 0
    unknown_messages: int = 0
    unknown_fields: int = 0
    moved_fields: int = 0  # that other messages have
    static: dict[str, str] = field(default_factory=dict)  # fields of `log.fields`, with a sample of their value
    streams: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    findings: dict[tuple[str, str, str, str], Finding] = field(default_factory=dict)
    closest: list[Closest] = field(default_factory=list)
    untold: int = 0  # problems of further kinds than a report holds
    unread: list[str] = field(default_factory=list)  # with lines that could not be read, and none of a registry
    broken: list[str] = field(default_factory=list)  # files that end within what was packed

    @property
    def ok(self) -> bool:
        """Whether every line is valid."""
        return not self.invalid and not self.malformed


def _first(found: Iterator[LinePart]) -> list[LinePart]:
    """The parts that have the first lines, by which a file is told; of a file packed in parts each may be short."""
    first: list[LinePart] = []
    size = 0
    for part in found:
        first.append(part)
        size += len(part.contents)
        if size >= _LOOK_AHEAD:
            break
    return first


class Validator:
    """Validates files one after the other into one report."""

    def __init__(self, flavor: str | None = None, *, strict: bool = False, longest: int = LONGEST_LINE) -> None:
        self.report = LogReport(strict=strict)
        self._judges = Judges(flavor)
        self._fields = self._judges.text_fields
        self._longest = longest
        self._file = ""
        self._seen = LinesSeen()  # of the file
        self._unwrapper = Unwrapper()
        self._streams: defaultdict[str, int] = defaultdict(int)
        self._told: defaultdict[str, int] = defaultdict(int)  # findings by kind

    def read(self, file: Readable, name: str) -> None:
        """Validate a file. `name` is how the report calls it."""
        self._file = name
        before, self._seen = self.report.lines, LinesSeen()
        found = parts(file, self._longest)
        first = _first(found)
        if first:
            self._unwrapper = Unwrapper()
            self._settle(first)
            for part in chain(first, found):
                self._look_again(part)
                self._read(part)
            for line in self._unwrapper.rest():
                self._judge(line)
        self.report.streams = dict(self._streams)
        self.report.files[name] = self.report.lines - before
        if self._seen.unread:
            self.report.unread.append(name)

    def _read(self, part: LinePart) -> None:
        """Judge the lines of a part. What nearly every line needs stands here, without a call more than that."""
        alone, quick, streams = self._judges.plain.single, self._judges.plain.quick, self._streams
        skipped, fast, unwrapper = len(_TEXT), 0, self._unwrapper
        for place, content in enumerate(part.contents):
            if part.fault is None and not unwrapper.open:
                begin = content.find(_TEXT) + skipped
                known = quick.get(content[begin : content.find(b'"', begin)])
                try:
                    if known is not None:
                        known[0](content)
                        streams[known[1]] += 1
                        fast += 1
                        continue
                except UNDECODABLE:
                    pass
                try:
                    if content[:1] == b"{":
                        record, odd = read_odd(content)
                        rule = alone.get(record["msg"])
                        if not odd and rule is not None and rule.fits(record):
                            streams[rule.name] += 1
                            fast += 1
                            continue
                except _NOT_PLAIN:
                    pass
            for line in unwrapper.add(part.line(place)):
                self._judge(line)
        self.report.lines += fast
        self.report.valid += fast
        self._seen.of_registry += fast

    def _judge(self, line: Line) -> None:
        """Judge a line of any form."""
        report = self.report
        if not line.content and line.fault is None:
            report.blank += 1
            return
        report.lines += 1
        parsed = parse(line, self._fields)
        self._seen.add(line.content, parsed.record)
        if parsed.record is None:
            self._malformed(line, parsed.fault)
            return
        rule = self._judges.rule(parsed.record, parsed.form)
        self._streams[rule.name] += 1
        if parsed.odd:
            report.invalid += 1
            self._note(("invalid", parsed.odd, "", rule.title), line, line.content, "JSON that every program reads")
        elif rule.fits(parsed.record):
            report.valid += 1
        else:
            self._explain(line, rule, parsed)

    def _settle(self, first: list[LinePart]) -> None:
        """Let the first lines tell which registry wrote them."""
        begin = islice((part.line(place) for part in first for place in range(len(part.contents))), _LOOK_AHEAD)
        parsed = [parse(line, self._fields) for line in logical(begin)]
        records = [one.record for one in parsed if one.record is not None and not one.form]
        records += [_ANY_TIME | dict(one.record) for one in parsed if one.record and one.form == "terminal"]
        self._judges.settle(records)
        self._tell_static()
        found = closest(self._judges, records, self._file)
        self.report.closest += [found] if found else []

    def _look_again(self, part: LinePart) -> None:
        """Let a part tell of static fields, where some of its lines have unknown ones: of a process started anew."""
        count = len(part.contents)
        few = self._records(part, range(count - 1, -1, -max(1, count // _FEW)))
        if sum(not self._judges.knows_fields(record) for record in few) < 2 or not self._judges.add_static(
            self._records(part, range(max(0, count - _LOOK_AHEAD), count))
        ):
            return
        self._tell_static()

    def _tell_static(self) -> None:
        for name, values in self._judges.static.items():
            told = [sample(value, name) for value in values]
            self.report.static[sample(name)] = ", ".join(told)

    def _records(self, part: LinePart, places: range) -> list[Record]:
        parsed = (parse(part.line(place), self._fields) for place in places)
        return [one.record for one in parsed if one.record is not None and not one.form]

    def _malformed(self, line: Line, fault: str) -> None:
        self.report.malformed += 1
        if fault in BROKEN:
            self.report.broken.append(self._file)
        self._note(("malformed", fault, "", ""), line, line.content)

    def _explain(self, line: Line, rule: MessageRule, parsed: ParsedLine) -> None:
        report, record = self.report, parsed.record or {}
        errors = [one for one in rule.errors(record) if parsed.form != "terminal" or not _is_no_time(one)]
        for error in errors:
            self._note_error(line, rule, error)
        new = rule.new(record)
        # A name that another message has may still stand for one that this line lacks.
        hints = {key: drift.of_name(key, record, rule) for key in new}
        fresh = [key for key in new if key not in rule.stream.fields or (rule.known and hints[key].text)]
        message = record.get(rule.stream.text_key)
        shown = rule.title if rule.known else _unknown(record, message)
        if not rule.known:
            report.unknown_messages += 1
            self._note(("message", "unknown", "", shown), line, message)
        if len(fresh) < len(new):
            for error in rule.drifted(record):
                self._note_error(line, rule, error, kind="type", message=shown)
        report.unknown_fields += len(fresh)
        for key in fresh:
            what = ("field", "unknown", sample(key), rule.title if rule.known else "")
            self._note(what, line, record[key], hint=hints[key])
        moved = [key for key in new if key not in fresh] if rule.known else []
        report.moved_fields += len(moved)
        for key in moved:
            self._note(("moved", "moved", key, shown), line, record[key])
        if errors or (report.strict and (new or not rule.known)):
            report.invalid += 1
        else:
            report.valid += 1

    def _note_error(
        self, line: Line, rule: MessageRule, error: Any, *, kind: str = "invalid", message: str = ""
    ) -> None:
        details = error.kind.as_dict()
        keyword = error.kind.name
        path = ".".join(str(step) for step in error.instance_path)
        value: object = error.instance
        if keyword == "required":
            path = ".".join(part for part in (path, str(details.get("property", ""))) if part)
            value = _MISSING
        what = (kind, keyword, sample(path), message or rule.title)
        self._note(what, line, value, _expected(keyword, details), drift.of_value(rule, path, value))

    def _note(
        self,
        what: tuple[str, str, str, str],
        line: Line,
        value: object,
        expected: str = "",
        hint: drift.DriftHint = drift.NO_HINT,
    ) -> None:
        """Count a problem: its kind, rule, field and message; the first of a kind is told with its place and value."""
        found = self.report.findings.get(what)
        if found is None:
            if self._told[what[0]] >= _MOST_FINDINGS:
                self.report.untold += 1
                return
            self._told[what[0]] += 1
            shown = value.decode(errors="replace") if isinstance(value, bytes) else value
            told = _MISSING if what[1] == "required" else sample(shown, what[2])  # also of a field with a secret
            seen = drift.json_type(value)
            found = Finding(*what, expected, self._file, line.number, line.offset, told, seen, *hint)
            self.report.findings[what] = found
        found.count += 1


def _unknown(record: Record, message: object) -> str:
    """What an unknown message is called: of an error of the API its code may be what is new."""
    code = record.get("code")
    return shape(str(message)) + (f" (code {sample(code, 'code', longest=60)})" if isinstance(code, str) else "")


def _is_no_time(error: Any) -> bool:
    """Whether it says that the time is missing, as in lines that were written for a terminal."""
    return bool(error.kind.name == "required" and error.kind.as_dict().get("property") in {"time", "timestamp"})


def _expected(keyword: str, details: dict[str, Any]) -> str:
    if keyword == "type":
        kinds = details.get("types") or [details.get("type")]
        return " or ".join(str(kind) for kind in kinds)
    if keyword == "enum":
        return "one of " + ", ".join(str(option) for option in details["options"])
    if keyword == "pattern":
        return f"text that matches {details['pattern']}"
    if keyword == "required":
        return "a value"
    limit = details.get("limit", details.get("expected_value"))
    return keyword if limit is None else f"{keyword} {limit}"
