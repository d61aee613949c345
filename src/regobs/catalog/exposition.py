"""What a process really exposes: the text format 0.0.4 and OpenMetrics 1.0, plain or gzip.

A family keeps the name and the type of its `# TYPE` line, whatever its name ends in. In OpenMetrics the family of a
counter is named without `_total`; `Family.text_name` is what the text format calls it.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from regobs.errors import InputError, Location

# A registry exposes some 300 kB. Everything above is not a scrape, or is meant to hurt.
MAX_BYTES = 64 * 1024 * 1024
_SHOWN = 120

UNTYPED = "untyped"
# What may follow a family's name in the names of its samples, by type.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("", "_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "summary": ("", "_sum", "_count", "_created"),
    "info": ("", "_info"),
}
_TYPES = frozenset({*_SUFFIXES, "gauge", "stateset", "unknown", UNTYPED})


class Format(StrEnum):
    """How an exposition is written."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


@dataclass(frozen=True, slots=True)
class ParsedSample:
    """One line: the name of the series, its labels, its value, and where it stands."""

    name: str
    labels: Mapping[str, str]
    value: float
    line: int


@dataclass(slots=True)
class ParsedFamily:
    """The samples of one metric. `kind` is the word of its `# TYPE` line, `untyped` when it has none."""

    name: str
    kind: str
    format: Format
    line: int
    samples: list[ParsedSample] = field(default_factory=list)

    @property
    def text_name(self) -> str:
        """The family's name in the text format: that of a counter has the `_total` that its samples have."""
        if self.format is Format.OPENMETRICS and self.kind == "counter" and not self.name.endswith("_total"):
            return self.name + "_total"
        return self.name

    def owns(self, sample: str) -> bool:
        """Whether a sample of this name belongs to the family."""
        suffix = sample.removeprefix(self.name)
        return sample.startswith(self.name) and suffix in _SUFFIXES.get(self.kind, ("",))


@dataclass(frozen=True, slots=True)
class Exposition:
    """All families of one scrape by their text name, in the order of their first line."""

    families: Mapping[str, ParsedFamily]
    format: Format
    source: str = ""

    @property
    def sample_count(self) -> int:
        """How many samples there are."""
        return sum(len(family.samples) for family in self.families.values())


def parse(data: bytes, *, source: str = "") -> Exposition:
    """Read an exposition. `source` names the file in errors.

    Raises InputError, with the line, for what Prometheus would not take: malformed lines, bad UTF-8, a cut-off end,
    damaged gzip, more than `MAX_BYTES` after decompression, or no metric at all.
    """
    text = _decode(_unpack(data, source), source)
    reader = _Reader(source, Format.OPENMETRICS if _END.search(text) else Format.TEXT)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(line.strip(" \t\r"), number)
    if not reader.families:
        raise InputError(
            "it holds no metric",
            location=Location(source) if source else None,
            expected="the text that a /metrics endpoint answers",
            next_step="check that metrics are switched on (http.debug.prometheus.enabled) and the address is right",
        )
    return Exposition(reader.families, reader.format, source)


def _unpack(data: bytes, source: str) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        if len(data) > MAX_BYTES:
            raise _too_large(source)
        return data
    found = bytearray()
    while data:
        stream = zlib.decompressobj(wbits=31)
        try:
            found += stream.decompress(data, MAX_BYTES + 1 - len(found))
        except zlib.error as error:
            raise InputError(
                "the gzip data is damaged", location=Location(source) if source else None, value=error
            ) from error
        if len(found) > MAX_BYTES:
            raise _too_large(source)
        if not stream.eof:
            raise InputError(
                "the gzip data is cut off",
                location=Location(source) if source else None,
                next_step="fetch or copy the file again",
            )
        data = stream.unused_data
    return bytes(found)


def _too_large(source: str) -> InputError:
    return InputError(
        "it is too large for an exposition",
        location=Location(source) if source else None,
        expected=f"at most {MAX_BYTES // 2**20} MiB, after decompression",
    )


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InputError(
            "this is not UTF-8 text",
            location=Location(source, line, column),
            value=data[error.start : error.start + 16],
            expected="the text format or OpenMetrics, plain or gzip",
        ) from error


_SPACE = " \t"
_END = re.compile(r"^# EOF\r?$", re.MULTILINE)  # only OpenMetrics has an end
_COMMENT = re.compile(r"#[ \t]*(?P<word>[A-Z]+)[ \t]+(?P<name>\S+)[ \t]*(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_QUOTED = r'"(?P<{0}>(?:[^"\\]|\\.)*)"'
_LABEL = re.compile(
    rf"[ \t]*(?:(?P<label>[A-Za-z_][A-Za-z0-9_]*)|{_QUOTED.format('quoted')})[ \t]*"
    rf"(?:=[ \t]*{_QUOTED.format('value')}[ \t]*)?"
)
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[iI][nN][fF]|[nN][aA][nN])"
_REST = re.compile(rf"[ \t]*(?P<value>{_NUMBER})(?:[ \t]+(?P<time>{_NUMBER}))?[ \t]*(?P<exemplar># ?\{{.*)?")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


class _Reader:
    """Takes lines, one after the other, and sorts samples into families."""

    def __init__(self, source: str, form: Format) -> None:
        self.source = source
        self.format = form
        self.families: dict[str, ParsedFamily] = {}
        self._typed: set[str] = set()
        self._current: ParsedFamily | None = None
        self._ended = False

    def read(self, line: str, number: int) -> None:
        """Take one line without its end."""
        if not line:
            return
        if self._ended:
            raise self._error("there is text after # EOF", line, number, expected="nothing")
        if line.startswith("#"):
            self._ended = self.format is Format.OPENMETRICS and line == "# EOF"
            self._comment(line, number)
            return
        sample = self._sample(line, number)
        self._family_of(sample).samples.append(sample)

    def _comment(self, line: str, number: int) -> None:
        match = _COMMENT.fullmatch(line)
        if match is None or match["word"] != "TYPE":
            return  # HELP, UNIT and plain comments say nothing that is compared
        name, kind = match["name"].strip('"'), match["rest"].strip(_SPACE)
        if kind not in _TYPES:
            raise self._error(
                "unknown type of metric", line, number, value=kind or line, expected=", ".join(sorted(_TYPES))
            )
        # By text name: in OpenMetrics the Go client library writes a gauge and a counter go_memstats_alloc_bytes.
        family = ParsedFamily(name, kind, self.format, number)
        key = family.text_name
        if key in self._typed:
            raise self._error(f"a second TYPE line for {key}", line, number, expected="one group of lines a family")
        self._typed.add(key)
        if key in self.families:
            family = self.families[key]
            family.name, family.kind = name, kind
        self.families[key] = self._current = family

    def _family_of(self, sample: ParsedSample) -> ParsedFamily:
        if self._current is not None and self._current.owns(sample.name):
            return self._current
        family = self.families.get(sample.name)
        if family is None:
            stem, _, suffix = sample.name.rpartition("_")
            other = self.families.get(stem) if suffix else None
            if other is not None and other.owns(sample.name):
                family = other
        if family is None:
            family = self.families[sample.name] = ParsedFamily(sample.name, UNTYPED, self.format, sample.line)
        self._current = family
        return family

    def _sample(self, line: str, number: int) -> ParsedSample:
        head = _NAME.match(line)
        name, position = (head[0], head.end()) if head else ("", 0)
        labels: dict[str, str] = {}
        while position < len(line) and line[position] in _SPACE:
            position += 1
        if line.startswith("{", position):
            name, position = self._labels(line, number, name, position + 1, labels)
        if not name:
            raise self._error("this line is not a sample", line, number)
        rest = _REST.fullmatch(line, position)
        if rest is None or line[position - 1] not in " \t}":
            raise self._error("no number where the sample's value should be", line, number, column=position + 1)
        return ParsedSample(name, labels, float(rest["value"]), number)

    def _labels(self, line: str, number: int, name: str, position: int, labels: dict[str, str]) -> tuple[str, int]:
        while not line.startswith("}", position):
            match = _LABEL.match(line, position)
            if match is None:
                break
            label = match["label"] or _unescape(match["quoted"] or "")
            if match["value"] is not None and label not in labels:
                labels[label] = _unescape(match["value"])
            elif match["value"] is None and match["label"] is None and not name and not labels:
                name = label  # a metric whose name is quoted stands inside the braces
            else:
                raise self._error("a label twice, or without a value", line, number, column=position + 1)
            position = match.end()
            if line.startswith(",", position):
                position += 1
            elif not line.startswith("}", position):
                break
        while position < len(line) and line[position] in _SPACE:
            position += 1
        if not line.startswith("}", position):
            raise self._error("the labels are malformed", line, number, column=position + 1)
        return name, position + 1

    def _error(
        self,
        message: str,
        line: str,
        number: int,
        *,
        value: object = None,
        expected: str = "",
        column: int | None = None,
    ) -> InputError:
        return InputError(
            message,
            location=Location(self.source, number, column),
            value=value if value is not None else line[:_SHOWN] + ("..." if len(line) > _SHOWN else ""),
            expected=expected or 'a line like `name{label="value"} 1.5`, or a comment that begins with #',
            next_step="check that this is the answer of a /metrics endpoint, unchanged",
        )


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), text)
