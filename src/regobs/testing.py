"""Helpers for the tests of a registry that is written with regobs.instrument.

    from regobs.catalog import http
    from regobs.testing import Lines, assert_moved, captured_lines, sample

    with assert_moved(instruments, http.REQUESTS, by=1, route="blob", code="200"):
        client.get("/v2/a/blobs/sha256:...")
    assert sample(instruments, http.DURATION, route="blob") == 1        # a histogram: how many observations
    assert sample(instruments, http.RESPONSE_SIZE, part="sum", route="blob") == 4711

    scrape = Scrape(get("http://127.0.0.1:5001/metrics").content)       # a process that runs: all of these take it too
    assert sample(scrape, http.REQUESTS, route="blob", code="200") == 1
    with assert_moved(lambda: Scrape(get(...).content), http.REQUESTS, by=1):
        pull()

    lines = Lines()
    app = LogASGI(app, lines)                                           # each access line is parsed and kept
    assert lines.only(msg="access")["status"] == 200
    lines.validate()                                                    # against the schema of the registry's lines

    with captured_lines() as lines:                                     # what goes through the logging module
        collect_garbage()
    assert lines.only(msg="blob deleted")["digest"] == digest

Failures are AssertionErrors that show what was there. A metric, label or value that does not exist is an
InstrumentError: a test can not pass because of a typing error.
"""

from __future__ import annotations

import difflib
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regobs.errors import InstrumentError
from regobs.instrument.text import number

if TYPE_CHECKING:
    from regobs.catalog.model import Flavor, Label, Metric, Version
    from regobs.instrument.instruments import Instruments

__all__ = ["Lines", "Scrape", "assert_moved", "captured_lines", "sample", "series"]

_Sample = tuple[str, dict[str, str], float]
_PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("count", "sum", "bucket"), "summary": ("", "count", "sum")}


class Scrape:
    """What a process exposed at one moment, in the text format. Raises ExpositionError for what is none."""

    def __init__(self, text: bytes, flavor: Flavor | str = "gitlab", version: Version | str | None = None) -> None:
        from regobs.catalog.exposition import parse  # noqa: PLC0415 (only here)
        from regobs.catalog.model import Flavor, Version  # noqa: PLC0415 (only here)

        self.text = text
        self.flavor = Flavor(flavor)
        self.version = Version.parse(version) if isinstance(version, str) else version
        self._families = parse(text).families

    def samples(self, metric: Metric) -> Iterable[_Sample]:
        """All of a metric, as name, labels and value."""
        family = self._families.get(metric.name)
        return [(one.name, dict(one.labels), one.value) for one in family.samples] if family else []


def series(
    source: Instruments | Scrape, metric: Metric, /, *, part: str | None = None, **labels: object
) -> dict[tuple[tuple[str, str], ...], float]:
    """The samples that have these labels: their exposed labels as sorted pairs, and the value.

    Labels are given by content name or exposed name, values by content word or exposed value; a bucket of a histogram
    also has `le`. `part` is `count` (of a histogram the default), `sum` or `bucket`. InstrumentError for a metric of
    another flavor or version, and for a label, closed value or part that it does not have.
    """
    form = metric.form(source.flavor, source.version)
    if form is None:
        raise InstrumentError(f"{metric.name}: {source.flavor} does not expose it at this version")
    parts = _PARTS[str(metric.kind)]
    part = parts[0] if part is None else part
    if part not in parts:
        raise InstrumentError(
            f"{metric.name} has no such part", value=part, expected=", ".join(filter(None, parts)) or "no part"
        )
    wanted = dict(_exposed(metric, form.labels, name, value, part) for name, value in labels.items())
    name = f"{metric.name}_{part}" if part else metric.name
    return {
        tuple(sorted(own.items())): value
        for shown, own, value in _samples(source, metric)
        if shown == name and own.items() >= wanted.items()
    }


def sample(source: Instruments | Scrape, metric: Metric, /, *, part: str | None = None, **labels: object) -> float:
    """The sum of the `series` that have these labels; 0 where there is none."""
    return sum(series(source, metric, part=part, **labels).values())


@contextmanager
def assert_moved(
    source: Instruments | Callable[[], Scrape],
    metric: Metric,
    /,
    *,
    by: float | None = None,
    part: str | None = None,
    **labels: object,
) -> Iterator[None]:
    """Fail unless the `sample` grows inside the block: by exactly `by`, or at all. With `by=0` it has to stand still.

    A block that raises is not judged. Of another process it takes what makes a `Scrape`.
    """
    before = series(_now(source), metric, part=part, **labels)
    yield
    now = _now(source)
    after = series(now, metric, part=part, **labels)
    change = sum(after.values()) - sum(before.values())
    # Sums of seconds are floats: what was added comes back with the error of their last digit.
    if change > 0 if by is None else abs(change - by) <= 1e-9 * max(1.0, abs(by), *map(abs, after.values())):
        return
    moved = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    everywhere = sample(now, metric, part=part)
    rows = [f"  {', '.join(f'{name}={text}' for name, text in key)}: {number(value)}" for key, value in moved.items()]
    raise AssertionError(
        "\n".join(
            [
                f"{metric.name} moved by {number(change)}, expected {'more than 0' if by is None else number(by)}",
                f"with the labels {labels or 'any'}; what moved of them:",
                *(rows or ["  nothing"]),
                f"all series of the metric together are at {number(everywhere)}",
            ]
        )
    )


def _now(source: Instruments | Callable[[], Scrape]) -> Instruments | Scrape:
    return source() if callable(source) else source


def _samples(source: Instruments | Scrape, metric: Metric) -> Iterable[_Sample]:
    if isinstance(source, Scrape):
        return source.samples(metric)
    family = next((family for family in source.families() if family.metric is metric), None)
    return family.samples() if family else ()


def _exposed(metric: Metric, labels: tuple[Label, ...], name: str, value: object, part: str) -> tuple[str, str]:
    """A label and its value as they are exposed."""
    if name == "le" and part == "bucket":
        return name, value if isinstance(value, str) else number(float(str(value)))
    label = next((label for label in labels if name in {label.name, label.exposed}), None)
    if label is None:
        known = [label.name for label in labels]
        raise InstrumentError(
            f"{metric.name} has no label {name}",
            expected=", ".join(known) or "no labels",
            next_step=_closest(name, known),
        )
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = label.words.get(text, text)
    if label.values is not None and text not in {*label.values, "other", "unknown"}:
        known = [*label.words, *label.values]
        raise InstrumentError(
            f"{metric.name}: {name} is never {value}", expected=", ".join(known), next_step=_closest(str(value), known)
        )
    return label.exposed, text


def _closest(text: str, known: list[str]) -> str:
    close = difflib.get_close_matches(text, known, 1)
    return f"did you mean {close[0]}?" if close else ""


class Lines(list[dict[str, Any]]):
    """Log lines as objects; callable with the text of a line, so that it can stand for `write` of LogASGI and LogWSGI.

    AssertionError for a line that is no JSON object, or that has a line feed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        """Parse and keep one line."""
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "\n" in text:
            raise AssertionError(f"this is no line with one JSON object: {text[:200]!r}")
        self.texts.append(text)
        self.append(line)

    def where(self, **fields: object) -> list[dict[str, Any]]:
        """The lines that have all of these fields with these values."""
        return [line for line in self if all(name in line and line[name] == value for name, value in fields.items())]

    def only(self, **fields: object) -> dict[str, Any]:
        """The one line that has these fields. AssertionError when there is none, or more than one."""
        found = self.where(**fields)
        if len(found) != 1:
            shown = "\n".join(f"  {text[:200]}" for text in self.texts) or "  no line at all"
            raise AssertionError(f"{len(found)} lines have {fields}, expected one; the lines were:\n{shown}")
        return found[0]

    def validate(self, flavor: str = "gitlab", *, strict: bool = False) -> None:
        """Hold every line to the schema of its message. With `strict` unknown messages and fields fail too."""
        from regobs.logs.report import to_text  # noqa: PLC0415 (needs a package; only here)
        from regobs.logs.validate import Validator  # noqa: PLC0415 (needs a package; only here)

        validator = Validator(flavor, strict=strict)
        validator.read(io.BytesIO("".join(f"{text}\n" for text in self.texts).encode()), "captured lines")
        report = validator.report
        if not report.ok or (strict and report.findings):
            raise AssertionError(to_text(report))


class _Capture(logging.Handler):
    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines(self.format(record))


@contextmanager
def captured_lines(
    logger: str = "", level: int = logging.DEBUG, *, static: Mapping[str, Any] | None = None
) -> Iterator[Lines]:
    """What a logger (without a name: every one) and those below it log inside the block, as RegistryFormatter lines."""
    from regobs.instrument.app_log import RegistryFormatter  # noqa: PLC0415 (only here)

    lines = Lines()
    handler = _Capture(lines)
    handler.setFormatter(RegistryFormatter(static))
    watched = logging.getLogger(logger)
    before = watched.level
    watched.addHandler(handler)
    watched.setLevel(level)
    try:
        yield lines
    finally:
        watched.removeHandler(handler)
        watched.setLevel(before)
