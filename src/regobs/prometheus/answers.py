"""What the server answers, as frozen values; reading one raises ValueError, TypeError or KeyError on a wrong shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from regobs.common.frozen import frozen

if TYPE_CHECKING:
    import pandas as pd

_INFO = "PromQL info: "
TIMES = (-62_135_596_800.0, 253_402_300_799.0)  # seconds since 1970 of the years 1 to 9999, which a calendar has


@frozen
class Sample:
    """One series at one time (seconds since 1970). A native histogram has its raw form in `histogram`, value NaN."""

    labels: Mapping[str, str]
    value: float
    time: float
    histogram: Mapping[str, Any] | None = None


@frozen
class RangeSeries:
    """One series over time: (seconds since 1970, value) in ascending order; native histograms are counted only."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    histograms: int = 0


@frozen
class Stats:
    """What a query cost: samples read, most samples in memory at once, seconds of evaluation."""

    samples: int
    peak: int
    seconds: float


@frozen
class QueryAnswer:
    """The result of a query. `kind` is vector, scalar, string or matrix; a scalar is one sample without labels.

    `partial` is what VictoriaMetrics says outside its warnings: a part of its stores did not answer.
    """

    kind: str
    samples: tuple[Sample, ...] = ()
    ranges: tuple[RangeSeries, ...] = ()
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Stats | None = None
    partial: bool = False

    @property
    def histograms(self) -> int:
        """How many series are native histograms, or were at some time: of these a point has no value."""
        found = sum(one.histogram is not None for one in self.samples)
        return found + sum(one.histograms > 0 for one in self.ranges)

    def frame(self) -> pd.DataFrame:
        """A pandas data frame with a row a point: labels, time, value. MachineError without the extra `pandas`."""
        from regobs.prometheus.frame import frame  # noqa: PLC0415 - for notebooks only

        return frame(self)


def read_answer(body: Mapping[str, Any]) -> QueryAnswer:
    """The body of /api/v1/query or /api/v1/query_range."""
    data = body["data"]
    kind, result = data["resultType"], data["result"]
    result = [] if result is None else result  # null for nothing, as some proxies write
    warnings, infos = (list(map(str, body.get(name) or ())) for name in ("warnings", "infos"))
    # Thanos has one list for both.
    common: dict[str, Any] = {
        "warnings": tuple(text for text in warnings if not text.startswith(_INFO)),
        "infos": tuple([text for text in warnings if text.startswith(_INFO)] + infos),
        "stats": _stats(data.get("stats")),
        "partial": body.get("isPartial") is True,
    }
    if kind == "vector":
        return QueryAnswer(kind, samples=tuple(_sample(item) for item in result), **common)
    if kind == "matrix":
        return QueryAnswer(kind, ranges=tuple(_range(item) for item in result), **common)
    if kind == "scalar":
        return QueryAnswer(kind, samples=(Sample({}, float(result[1]), _time(result[0])),), **common)
    if kind == "string":
        return QueryAnswer(kind, text=str(result[1]), **common)
    raise ValueError(f"result type {kind!r}")


def _sample(item: Mapping[str, Any]) -> Sample:
    labels = dict(item["metric"])
    if "histogram" in item:
        return Sample(labels, nan, _time(item["histogram"][0]), item["histogram"][1])
    time, value = item["value"]
    return Sample(labels, float(value), _time(time))


def _time(text: Any) -> float:
    """Seconds since 1970. Raises ValueError for a time that no calendar has."""
    time = float(text)
    if not TIMES[0] <= time <= TIMES[1]:
        raise ValueError(f"no calendar has the time {time!r}")
    return time


def _range(item: Mapping[str, Any]) -> RangeSeries:
    values = item.get("values")
    points: tuple[tuple[float, float], ...] = ()
    if isinstance(values, tuple):  # read as numbers with the body, which looked at each time
        points = values
    elif values:  # column by column: long ranges have millions of points
        times, numbers = zip(*values, strict=True)
        points = tuple(zip(map(_time, times), map(float, numbers), strict=True))
    return RangeSeries(dict(item["metric"]), points, len(item.get("histograms") or ()))


def column_names(labels: Iterable[str]) -> dict[str, str]:
    """The columns of labels beside those of `time` and `value`: labels with these names become `label_time` and so on.

    No two have the same: a label that has the name of such a column already gets another `label_`.
    """
    names = list(labels)
    taken = {"time", "value", *names}
    found = {name: name for name in names}
    for name in names:
        if name in {"time", "value"}:
            column = f"label_{name}"
            while column in taken:
                column = f"label_{column}"
            found[name] = column
            taken.add(column)
    return found


def _stats(data: Mapping[str, Any] | None) -> Stats | None:
    if not data:
        return None
    samples, timings = data.get("samples") or {}, data.get("timings") or {}
    return Stats(
        samples=int(samples.get("totalQueryableSamples", 0)),
        peak=int(samples.get("peakSamples", 0)),
        seconds=float(timings.get("evalTotalTime", 0.0)),
    )
