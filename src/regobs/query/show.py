"""The answer of a query as a table, CSV, JSON or lines of JSON. Numbers of a table have the unit of the expression."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from itertools import islice
from typing import Any, TextIO

from regobs.catalog.model import Unit
from regobs.common.frozen import frozen
from regobs.common.screen import PIPE, Screen
from regobs.common.table import escape, table
from regobs.grafana.units import grafana_unit
from regobs.prometheus.answers import QueryAnswer, RangeSeries, column_names
from regobs.promql.types import Type
from regobs.query.complete import Gap
from regobs.query.times import AskedRange, moment_text
from regobs.snapshot.units import number_text, value_text

LIMIT = 50  # series of a table: a terminal's worth
_BLOCK = 1000  # lines that are written at once
_IN_MEMORY = 32 * 1024 * 1024  # bytes of lines that wait in no file
_MANY = 10_000  # points
_BARS = "▁▂▃▄▅▆▇█"
_TREND = 24  # characters
Labels = Mapping[str, str]


@frozen
class Shown:
    """An answer, and what is known about it. `asked` is the range, None for one moment; `text` was sent."""

    text: str
    answer: QueryAnswer
    type: Type | None = None
    asked: AskedRange | None = None
    gaps: tuple[Gap, ...] = ()
    zone: tzinfo = UTC
    in_order: bool = False

    @property
    def unit(self) -> str:
        """The unit of the values, such as `bytes` or `requests/s`; empty when it has none or is not known."""
        if self.type is None or self.type.unit is Unit.NONE:
            return ""
        return f"{self.type.unit}{'/s' * self.type.per_second}"

    @property
    def is_empty(self) -> bool:
        """Whether no series came."""
        return self.answer.kind in {"vector", "matrix"} and not self.answer.samples and not self.answer.ranges

    def value(self, value: float) -> str:
        """A value as a person reads it."""
        return unit_value(value, self.type, self.zone)


def unit_value(value: float, kind: Type | None, zone: tzinfo = UTC) -> str:
    """A value as a person reads it, in the unit of its type; a bare number where that is not known."""
    if kind is None or not math.isfinite(value):
        return number_text(value)
    if kind.unit is Unit.TIMESTAMP and not kind.per_second and 0 < value < 1e11:
        return moment_text(value, zone)
    return value_text(value, grafana_unit(kind.unit, per_second=kind.per_second))


def as_text(shown: Shown, *, limit: int | None = LIMIT, on: Screen = PIPE) -> str:
    """An aligned table under a line with the labels that all series share."""
    answer = shown.answer
    if answer.kind == "string":
        return escape(answer.text)
    if answer.kind == "matrix":
        over = shown.asked or _spanned(answer.ranges)
        rows = [_range_row(shown, series, over) for series in busiest(answer.ranges)]
        head = ["last", "min", "mean", "max", "trend", "points"]
        labels: list[Labels] = [series.labels for series in busiest(answer.ranges)]
    else:
        samples = list(answer.samples)
        if not shown.in_order:
            samples.sort(key=lambda one: (math.isnan(one.value), -one.value, sorted(one.labels.items())))
        rows = [["histogram" if one.histogram else shown.value(one.value)] for one in samples]
        head, labels = [_unit_heading(shown)], [one.labels for one in samples]
    if not rows:
        return "no data"
    common = _common(labels) if len(labels) > 1 else {}
    names = _names(labels, common)
    shown_rows = [
        [*(one.get(name, "") for name in names), *row] for one, row in zip(labels[:limit], rows[:limit], strict=True)
    ]
    lines = [f"all have {_selector(common)}"] if common else []
    lines.append(table([*names, *head], shown_rows, on=on, right={*head} - {"trend"}))
    if limit is not None and len(rows) > limit:
        lines.append(f"... {len(rows) - limit:,} more of {len(rows):,} series; --all shows them")
    return "\n".join(lines)


def _unit_heading(shown: Shown) -> str:
    return "value" if not shown.unit else shown.unit


def busiest(ranges: Iterable[RangeSeries]) -> list[RangeSeries]:
    """Series by their last value, the largest first."""

    def key(series: RangeSeries) -> tuple[bool, float, list[tuple[str, str]]]:
        last = series.points[-1][1] if series.points else math.nan
        return math.isnan(last), -last, sorted(series.labels.items())

    return sorted(ranges, key=key)


def _spanned(ranges: Iterable[RangeSeries]) -> AskedRange:
    """From the first sample to the last: what a range selector such as `up[5m]` gives at one moment has no points."""
    found = [[round(time * 1000) for time, _ in series.points] for series in ranges]
    times = [time for one in found for time in one] or [0]
    most = max(map(len, found), default=0)
    return AskedRange(min(times), max(times), max((max(times) - min(times)) // max(most - 1, 1), 1))


def _range_row(shown: Shown, series: RangeSeries, over: AskedRange) -> list[str]:
    values = [value for _, value in series.points]
    known = [value for value in values if not math.isnan(value)]
    if not values:
        return ["histogram", "", "", "", "", f"{series.histograms:,}"]
    ends = (min(known), _mean(known), max(known)) if known else (math.nan,) * 3
    numbers = [shown.value(value) for value in (values[-1], *ends)]
    return [*numbers, trend(series.points, over), f"{len(values):,}"]


def _mean(values: Sequence[float]) -> float:
    """The mean; infinite or NaN where infinite values make it so. The sum of large values may have no number."""
    if all(map(math.isfinite, values)):
        return math.fsum(value / len(values) for value in values)
    return sum(value for value in values if not math.isfinite(value))


def trend(points: Sequence[tuple[float, float]], asked: AskedRange, width: int = _TREND) -> str:
    """A line of bars over the range: the mean of each part of it, a blank where there is no point.

    A range of few points has a bar for each of them, so that a blank is a point that is missing.
    """
    width = min(width, asked.points)
    sums, counts = [0.0] * width, [0] * width
    whole = max(asked.end - asked.start, 1)
    for time, value in points:
        if math.isfinite(value):
            part = int((time * 1000 - asked.start) * width / whole)
            if not 0 <= part < width:
                part = 0 if part < 0 else width - 1
            sums[part] += value
            counts[part] += 1
    means = [total / count if count else None for total, count in zip(sums, counts, strict=True)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, height = min(known), max(known) - min(known)
    if not math.isfinite(height):
        return ""
    return "".join(" " if mean is None else _BARS[int((mean - low) / height * 7) if height else 0] for mean in means)


def label_text(series: RangeSeries, among: Sequence[RangeSeries]) -> str:
    """The labels that tell a series from the others, as a legend has them; all of one that is alone."""
    common = _common([one.labels for one in among]) if len(among) > 1 else {}
    return escape(" ".join(f"{series.labels.get(name, '')}" for name in _names([series.labels], common))) or "value"


def _common(labels: Sequence[Labels]) -> dict[str, str]:
    """The labels that all have with the same value."""
    first, *others = labels
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def _names(labels: Sequence[Labels], common: Labels) -> list[str]:
    return sorted({name for one in labels for name in one if name not in common}, key=lambda n: (n != "__name__", n))


def _selector(labels: Labels) -> str:
    pairs = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))
    return escape("{" + pairs + "}")


def points(answer: QueryAnswer) -> Iterator[tuple[Labels, float, float]]:
    """Labels, time and value of every point, series after series."""
    for sample in answer.samples:
        yield sample.labels, sample.time, sample.value
    for series in answer.ranges:
        for time, value in series.points:
            yield series.labels, time, value


def as_csv(answer: QueryAnswer) -> str:
    """One line a point: time (RFC 3339, UTC), value, labels."""
    labelled = [sample.labels for sample in answer.samples] + [series.labels for series in answer.ranges]
    names = _names(labelled, {})
    out = io.StringIO()
    writer = _csv_writer(out, labelled)
    writer.writerow(["time", "value", *column_names(names).values()])
    moments = cache(_rfc3339)  # all series have the same times
    for sample in answer.samples:
        writer.writerow([moments(sample.time), repr(sample.value), *(sample.labels.get(name, "") for name in names)])
    for series in answer.ranges:
        own = [series.labels.get(name, "") for name in names]
        end = _line_end(own, labelled)
        if end is None:
            writer.writerows([moments(time), repr(value), *own] for time, value in series.points)
        else:  # labels are quoted once for all of its lines, which takes a third of the time
            out.writelines([f"{moments(time)},{value!r}{end}" for time, value in series.points])
    return out.getvalue()


def _csv_writer(out: TextIO, labelled: Iterable[Labels]) -> Any:
    """A writer that quotes what needs it; Python's own leaves a lone carriage return bare, which ends a line."""
    return csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if _odd(labelled) else csv.QUOTE_MINIMAL)


def _odd(labelled: Iterable[Labels]) -> bool:
    return any("\r" in value for labels in labelled for value in labels.values())


def stream_csv(answers: Iterable[QueryAnswer], out: TextIO) -> None:
    """`as_csv` of many pieces, in the order of time, one after the other: the points wait in a file, not in memory.

    Which labels there are is known after the last piece only, and the heading comes first.
    """
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    blocks: list[tuple[int, int]] = []  # of lines of one series: its number, and bytes
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as waiting:
        for answer in answers:
            times: list[float] = []
            moments: list[str] = []
            for series in answer.ranges:
                place = numbers.setdefault(tuple(sorted(series.labels.items())), len(numbers))
                own_times = [time for time, _ in series.points]
                if own_times != times:  # all series have the same times, but for gaps
                    times, moments = own_times, [f"\n{_rfc3339(time)}," for time in own_times]
                blocks.append((place, waiting.write(_joined(moments, series).encode("ascii"))))
        waiting.seek(0)
        labelled = [dict(key) for key in numbers]
        names = _names(labelled, {})
        own = [[labels.get(name, "") for name in names] for labels in labelled]
        writer = _csv_writer(out, labelled)
        writer.writerow(["time", "value", *column_names(names).values()])
        ends = [_line_end(labels, labelled) for labels in own]
        for number, length in blocks:
            lines = waiting.read(length).decode("ascii")
            end = ends[number]
            if end is None:
                writer.writerows([*line.split(","), *own[number]] for line in lines.splitlines())
            else:  # labels are quoted once for all of its lines, which takes a third of the time
                out.write(lines.replace("\n", end))


def _joined(moments: Sequence[str], series: RangeSeries) -> str:
    """The lines of a series without its labels, of which `moments` are the beginnings behind a line break each.

    Text by text, as a line at a time takes twice as long.
    """
    if not series.points:
        return ""
    parts = [""] * (2 * len(moments))
    parts[::2] = moments
    parts[1::2] = [repr(value) for _, value in series.points]
    return "".join(parts)[1:] + "\n"


def _line_end(own: Sequence[str], labelled: Iterable[Labels]) -> str | None:
    """What ends each line of a series: its labels, quoted as they need; None where times and values are quoted too."""
    if _odd(labelled):
        return None
    end = io.StringIO()
    csv.writer(end, lineterminator="\n").writerow(["", *own])
    return end.getvalue() if own else "\n"


def as_lines(answer: QueryAnswer) -> Iterator[str]:
    """One JSON object a point: labels, time in seconds, value."""
    for sample in answer.samples:
        yield _line(_labels_json(sample.labels), sample.time, sample.value)
    for series in answer.ranges:
        labels = _labels_json(series.labels)
        for time, value in series.points:
            yield _line(labels, time, value)


def line_blocks(answer: QueryAnswer) -> Iterator[str]:
    """The same lines, many in one text: to write each by itself takes most of the time."""
    lines = as_lines(answer)
    while block := list(islice(lines, _BLOCK)):
        yield "\n".join(block)


def _labels_json(labels: Labels) -> str:
    return json.dumps(dict(labels), ensure_ascii=False)


def _line(labels: str, time: float, value: float) -> str:
    """The point as json.dumps writes it; labels are written once for all points of a series."""
    shown = repr(value) if math.isfinite(value) else f'"{number_text(value)}"'
    return f'{{"labels": {labels}, "time": {time!r}, "value": {shown}}}'


def as_json(shown: Shown) -> str:
    """The answer and how whole it is, as JSON on lines of its own."""
    answer, data = shown.answer, as_data(shown)
    if sum(len(series.points) for series in answer.ranges) < _MANY:
        return json.dumps(data, indent=2, ensure_ascii=False)
    import msgspec  # noqa: PLC0415 - writes a long answer in a tenth of the time; to load it takes as long as a short one

    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def as_data(shown: Shown) -> dict[str, Any]:
    """The answer and how whole it is, for JSON."""
    answer = shown.answer
    data: dict[str, Any] = {"query": shown.text, "kind": answer.kind, "unit": shown.unit or None}
    if shown.asked is not None:
        data |= {"from": shown.asked.start / 1000, "to": shown.asked.end / 1000, "step": shown.asked.step / 1000}
    data |= {
        "complete": not shown.gaps,
        "gaps": [{"kind": gap.kind, "text": gap.text} for gap in shown.gaps],
        "warnings": list(answer.warnings),
        "infos": list(answer.infos),
    }
    if answer.kind == "string":
        return data | {"result": answer.text}
    if answer.kind == "matrix":
        result: list[dict[str, Any]] = [
            {"labels": dict(one.labels), "points": [[time, plain(value)] for time, value in one.points]}
            | ({"histograms": one.histograms} if one.histograms else {})
            for one in answer.ranges
        ]
        return data | {"result": result}
    result = [{"labels": dict(one.labels), "time": one.time, "value": plain(one.value)} for one in answer.samples]
    for entry, sample in zip(result, answer.samples, strict=True):
        if sample.histogram is not None:
            entry["histogram"] = sample.histogram
    return data | {"result": result}


def plain(value: float) -> float | str:
    """JSON has neither NaN nor infinity: they are texts, as in the API."""
    return value if math.isfinite(value) else number_text(value)


def _rfc3339(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
