"""The panel words of a dashboard file. One word is one panel, one panel is one line.

A panel says what it shows (`exprs`) and what good looks like (`good`); unit, axis, legend, colour and place follow
from the type of the expression, the deployment's labels and the row. `thresholds=(0.7, 0.9)` turns yellow at 0.7 and
red at 0.9; falling values, `(0.99, 0.9)`, turn yellow below 0.99 and red below 0.9. `alert` names the alert that
watches the same thing: the panel then links to it and to its runbook. `logs` names the saved log query that shows the
lines behind it, `see` another dashboard that tells more.

A mapping of names to expressions shows them together; those that a deployment cannot answer are left out.
`by_version(now, before=then)` is for a thing that is counted in different metrics from version to version: the first
that the deployment can answer is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import CodeType
from typing import Any, ClassVar

from regobs.catalog.model import Kind, Metric
from regobs.errors import DashboardError, Location
from regobs.grafana.layout import LONG, SMALL, TALL
from regobs.grafana.levels import CRITICAL, WARNING
from regobs.promql.nodes import RATE_INTERVAL, Aggregate, Call, Expr, Selector

Number = int | float | Decimal
Limits = tuple[float, float]
Named = tuple[str, Expr]
Shown = Expr | Mapping[str, Expr]


@dataclass(frozen=True, slots=True)
class Versions:
    """What `by_version` returns: one thing as different versions count it, the newest first."""

    ways: tuple[Shown, ...]


def by_version(new: Shown, *, before: Shown) -> Versions:
    """What a deployment can answer of two ways to count one thing: the new one, or that of the versions before."""
    return Versions((new, before))


def location_in(code: CodeType, instruction: int, line: int | None) -> Location:
    """The place of one instruction of a code object, with its column where Python kept it."""
    for index, (start, _, column, _) in enumerate(code.co_positions()):
        if index == instruction // 2 and start is not None:
            return Location(code.co_filename, start, None if column is None else column + 1)
    return Location(code.co_filename, line)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in running code. Its column costs a walk through the code object, so only an error looks it up."""

    code: CodeType
    instruction: int
    line: int

    @property
    def location(self) -> Location:
        """File, line and column."""
        return location_in(self.code, self.instruction, self.line)


def caller() -> Spot:
    """Where the word that is being built stands: the nearest frame outside this package's word modules."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("regobs.grafana."):
        frame = frame.f_back
    return Spot(frame.f_code, frame.f_lasti, frame.f_lineno)


def wording(value: object, what: str, spot: Spot) -> str:
    """A text that is there and is one line, or a DashboardError."""
    if isinstance(value, str) and value.strip() and "\n" not in value:
        return value
    raise DashboardError(
        f"{what} is missing" if value in {None, ""} else f"{what} is no line of text",
        location=spot.location,
        value=repr(value),
        expected="a text of one line",
        next_step=f"write {what} between quotes",
    )


class Panel:
    """One panel. `choices` are its alternatives, each of them named expressions that are shown together.

    A name of "" leaves the legend to the labels. Raises DashboardError, with the line of the panel, for a missing
    title, `good` or expression.
    """

    instant: ClassVar[bool] = False
    height: ClassVar[int] = TALL

    def __init__(
        self,
        title: str,
        shown: Shown | Versions | None = None,
        *more: object,
        good: str,
        alert: str | None = None,
        logs: str | None = None,
        see: str | None = None,
        thresholds: tuple[Number, Number] | None = None,
    ) -> None:
        self.spot = caller()
        self.title = wording(title, "the title of a panel", self.spot)
        self.good = wording(good, f"`good` of panel {title!r}", self.spot)
        self.alert = alert if alert is None else wording(alert, f"`alert` of panel {title!r}", self.spot)
        self.logs = logs if logs is None else wording(logs, f"`logs` of panel {title!r}", self.spot)
        self.see = see if see is None else wording(see, f"`see` of panel {title!r}", self.spot)
        self._refuse_several(more)
        self.choices = self._choices(shown)
        self.thresholds = self._limits(thresholds)

    @property
    def location(self) -> Location:
        """Where the panel stands in its file."""
        return self.spot.location

    def _refuse_several(self, more: tuple[object, ...]) -> None:
        if more:
            raise DashboardError(
                f"panel {self.title!r} shows several things without names",
                location=self.location,
                value=str(more[0]),
                expected='one expression, {"name": expression, ...}, or by_version(new, before=old)',
                next_step="give each a name, or say with by_version that they are one thing in different versions",
            )

    def _choices(self, shown: object) -> tuple[tuple[Named, ...], ...]:
        ways: tuple[Any, ...] = shown.ways if isinstance(shown, Versions) else () if shown is None else (shown,)
        choices: tuple[tuple[Named, ...], ...] = tuple(
            tuple(given.items()) if isinstance(given, Mapping) else (("", given),) for given in ways
        )
        for name, expr in (named for choice in choices for named in choice):
            if not isinstance(expr, Expr):
                raise DashboardError(
                    f"panel {self.title!r} shows something that is no expression" + (f" ({name})" if name else ""),
                    location=self.location,
                    value=str(expr),
                    expected="an expression, such as rate(http.REQUESTS)",
                    next_step="wrap a metric in rate, total, highest, latest or quantile",
                )
        if not choices or not all(choices):
            raise DashboardError(
                f"panel {self.title!r} shows nothing",
                location=self.location,
                expected="at least one expression after the title",
                next_step="add one, such as rate(http.REQUESTS)",
            )
        return choices

    def _limits(self, thresholds: object) -> Limits | None:
        if thresholds is None:
            return None
        if isinstance(thresholds, tuple) and len(thresholds) == 2:
            warn, bad = thresholds
            numbers = all(isinstance(x, int | float | Decimal) and not isinstance(x, bool) for x in thresholds)
            if numbers and warn != bad:
                return float(warn), float(bad)
        raise DashboardError(
            f"`thresholds` of panel {self.title!r} are no pair of different numbers",
            location=self.location,
            value=repr(thresholds),
            expected="(warning, critical), rising or falling",
            next_step="write for example thresholds=(0.7, 0.9)",
        )


class Stat(Panel):
    """One number now (or one a label value); a series that ended shows `no data`.

    What is a flow of events has its course over the time range behind the number. `names` shows the label large and
    its number small, for a version.
    """

    instant = True
    height = SMALL

    def __init__(self, title: str, *shown: Any, good: str, names: bool = False, **options: Any) -> None:
        super().__init__(title, *shown, good=good, **options)
        self.names = names


class Tile(Panel):
    """The state of one part: ok, warning or critical with its cause, its colour over the whole panel.

    `causes` are levels by the name of what is wrong (`regobs.grafana.levels`). It leads to the dashboard `see`.
    """

    instant = True
    height = SMALL

    def __init__(self, title: str, causes: Mapping[str, Expr], *, good: str = "ok", **options: Any) -> None:
        super().__init__(title, causes, good=good, **options)
        self.thresholds = (float(WARNING), float(CRITICAL))


class GaugePanel(Panel):
    """A share between 0 and 1 now, as a dial."""

    instant = True
    height = SMALL


class Bars(Panel):
    """Values now, one bar each, longest first."""

    instant = True


class Table(Panel):
    """Values now, one row for each combination of labels; several expressions become columns.

    `colored` are the thresholds of columns, by name; `sort` is the column with the highest value on top, the first
    unless it is named.
    """

    instant = True

    def __init__(
        self,
        title: str,
        *shown: Any,
        good: str,
        colored: Mapping[str, tuple[Number, Number]] | None = None,
        sort: str = "",
        **options: Any,
    ) -> None:
        super().__init__(title, *shown, good=good, **options)
        columns = {name for choice in self.choices for name, _ in choice}
        self.colored = {name: self._limits(pair) for name, pair in (colored or {}).items()}
        self.sort = sort
        for name in [*self.colored, *([sort] if sort else [])]:
            if name not in columns:
                raise DashboardError(
                    f"panel {title!r} has no such column",
                    location=self.location,
                    value=name,
                    expected=", ".join(sorted(columns)),
                    next_step="correct the name",
                )


@dataclass(frozen=True, slots=True)
class Resource:
    """What `used` and `left` return: the share of a resource that is used, and the time until none is left."""

    share: Expr
    full_in: Expr | None = None


class LongTable(Table):
    """A table of which every row is to be seen at once: one for each SLO, or each alert."""

    height = LONG


class Saturation(Table):
    """One table of resources: how much of each is used where it is used most, and in how long it is full.

    `full in` is empty where nothing grows, and where the history is shorter than what the forecast is made from.
    """

    height = LONG

    def __init__(self, title: str, resources: Mapping[str, Resource], *, good: str, **options: Any) -> None:
        named = {}
        for name, one in resources.items():
            named[f"used\n{name}"] = one.share
            if one.full_in is not None:
                named[f"full in\n{name}"] = one.full_in
        super().__init__(title, named, good=good, **options)
        self.colored = {"used": (0.7, 0.9), "full in": (14 * 86400.0, 3 * 86400.0)}


class Alerts(Panel):
    """Grafana's list of alerts that fire; `shown` are their series, for whoever draws the panel without Grafana."""

    instant = True


class States(Panel):
    """Which state each thing was in, over time: a band of colour each. Of switches, 1 is good and 0 is bad."""


class Lines(Panel):
    """Values over time.

    `stacked` adds the lines up; `log` draws a logarithmic axis, on which zero has its place; `zoom` lets the axis
    follow the data where a share would otherwise be drawn from 0 to 1.
    """

    def __init__(
        self,
        title: str,
        *shown: Any,
        good: str,
        stacked: bool = False,
        log: bool = False,
        zoom: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(title, *shown, good=good, **options)
        self.stacked = stacked
        self.log = log
        self.zoom = zoom


class Heat(Panel):
    """How the observations of a histogram, a second, are spread over its buckets, over time."""

    def __init__(
        self,
        title: str,
        histogram: Metric | Selector,
        *,
        good: str,
        alert: str | None = None,
        logs: str | None = None,
        see: str | None = None,
    ) -> None:
        spot = caller()
        selector = histogram if isinstance(histogram, Selector) else Selector(histogram)
        metric = selector.metric
        if not isinstance(metric, Metric) or metric.kind is not Kind.HISTOGRAM:
            raise DashboardError(
                f"panel {title!r} draws the buckets of something that is no histogram",
                location=spot.location,
                value=str(metric),
                expected="a histogram of the catalog, such as http.DURATION",
                next_step="use Lines for counters and gauges",
            )
        self.histogram = metric
        buckets = Selector(metric, "_bucket", selector.choices, selector.matchers, range=RATE_INTERVAL)
        spread = Aggregate("sum", Call("rate", (buckets,)), labels=("le",))
        super().__init__(title, spread, good=good, alert=alert, logs=logs, see=see)
