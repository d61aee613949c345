"""The words that content is written in: functions that take catalog entries and return unbound expressions.

Every function takes a `Metric` or what `select` made of it, and `by`: one content label name or several. What no
registry flavor could answer (the rate of a gauge, a quantile of a counter, an unknown label, a threshold that is no
bucket edge) raises PromqlError at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from regobs.catalog.model import Kind, Metric, Unit
from regobs.errors import PromqlError
from regobs.promql.durations import read_duration
from regobs.promql.nodes import (
    RANGE,
    RATE_INTERVAL,
    Aggregate,
    Binary,
    Call,
    Choice,
    Duration,
    Expr,
    Number,
    Selector,
    Subquery,
    Variable,
)
from regobs.promql.parse import parse_located
from regobs.promql.series import check_known
from regobs.promql.walk import rebuild
from regobs.promql.words import check_choice, check_edge, check_group, metric_buckets

SLO_PERIOD = Variable("$slo_period_s")  # of the deployment's SLOs

Source = Metric | Selector
By = str | tuple[str, ...]
Window = Duration | str


@dataclass(frozen=True, slots=True)
class Others:
    """What `other_than` returns: every label value except these words."""

    words: tuple[str, ...]


def other_than(*words: str) -> Others:
    """Every value of the label except these: `select(http.REQUESTS, code=other_than("5xx"))`."""
    return Others(words)


def select(metric: Source, **labels: str | bool | tuple[str, ...] | Others) -> Selector:
    """The series of a metric whose labels have the given content words; a selector is narrowed further."""
    node = metric if isinstance(metric, Selector) else Selector(metric)
    owner = _metric(node)
    choices = tuple(_choice(name, value) for name, value in labels.items())
    for choice in choices:
        check_choice(owner, choice)
    return replace(node, choices=node.choices + choices)


def _choice(name: str, value: str | bool | tuple[str, ...] | Others) -> Choice:
    match value:
        case bool():
            return Choice(name, ("true" if value else "false",))
        case str():
            return Choice(name, (value,))
        case Others(words):
            return Choice(name, words, negated=True)
        case tuple() if value:
            return Choice(name, value)
    raise PromqlError(f"{value!r} cannot select a {name}", expected="a word, a tuple of words, True or False")


def _metric(node: Selector) -> Metric:
    if isinstance(node.metric, Metric):
        return node.metric
    raise PromqlError(f"{node.metric} is already bound to a vocabulary", expected="a metric of the catalog")


def _source(x: Source, suffix: str = "") -> tuple[Metric, Selector]:
    node = x if isinstance(x, Selector) else Selector(x)
    return _metric(node), replace(node, suffix=suffix)


def _names(by: By) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else tuple(by)


def _window(window: Window) -> Duration:
    duration = read_duration(window) if isinstance(window, str) else window
    if duration is None or (duration.ms <= 0 and not duration.macro):
        raise PromqlError(f"{window!r} is no window", expected="a duration such as 5m or 1h30m")
    return duration


def _over_time(function: str, x: Source, suffix: str, by: tuple[str, ...], window: Window) -> Expr:
    metric, node = _source(x, suffix)
    check_group(metric, (name for name in by if name != "le"))
    return Aggregate("sum", Call(function, (replace(node, range=_window(window)),)), labels=by or None)


def _growing(x: Source, what: str) -> str:
    """The suffix of the series whose growth counts events. Raises PromqlError for what does not only grow."""
    metric = _source(x)[0]
    if metric.kind in {Kind.HISTOGRAM, Kind.SUMMARY}:
        return "_count"
    if metric.kind is Kind.COUNTER or metric.cumulative:
        return ""
    raise PromqlError(
        f"{metric.name} is a gauge: its {what} makes no sense",
        expected="a counter, a histogram, or a gauge that only grows",
        next_step="show the gauge itself with total, highest or lowest",
    )


def rate(x: Source, by: By = (), window: Window = RATE_INTERVAL) -> Expr:
    """Events per second: `sum by (...) (rate(x[window]))`; of a histogram, its observations."""
    return _over_time("rate", x, _growing(x, "rate"), _names(by), window)


def increase(x: Source, by: By = (), window: Window = RANGE) -> Expr:
    """Events in the window: `sum by (...) (increase(x[window]))`."""
    return _over_time("increase", x, _growing(x, "increase"), _names(by), window)


def _measured(x: Source, what: str, *kinds: Kind) -> Metric:
    metric = _source(x)[0]
    if metric.kind not in kinds:
        raise PromqlError(f"{metric.name} is a {metric.kind}: it has no {what}", expected=f"a {' or a '.join(kinds)}")
    return metric


def volume(histogram: Source, by: By = (), window: Window = RATE_INTERVAL) -> Expr:
    """What the observations add up to, per second: `sum by (...) (rate(x_sum[window]))`, for bytes or busy seconds."""
    _measured(histogram, "sum of observations", Kind.HISTOGRAM, Kind.SUMMARY)
    return _over_time("rate", histogram, "_sum", _names(by), window)


def mean(histogram: Source, by: By = (), window: Window = RATE_INTERVAL) -> Expr:
    """The mean observation; no result where nothing was observed."""
    _measured(histogram, "mean", Kind.HISTOGRAM, Kind.SUMMARY)
    events = _over_time("rate", histogram, "_count", _names(by), window)
    return volume(histogram, by, window) / _positive(events)


def quantile(q: float | Decimal, histogram: Source, by: By = (), window: Window = RATE_INTERVAL) -> Expr:
    """The value that a fraction `q` (0 to 1) of the observations stay under, interpolated between bucket edges.

    No result where nothing was observed: `>= 0` leaves out the NaN that histogram_quantile answers then.
    """
    _measured(histogram, "quantile", Kind.HISTOGRAM)
    fraction = _decimal(q)
    if not 0 <= fraction <= 1:
        raise PromqlError(f"{q} is no quantile", expected="a number from 0 to 1")
    buckets = _over_time("rate", histogram, "_bucket", (*_names(by), "le"), window)
    return Binary(">=", Call("histogram_quantile", (Number(fraction), buckets)), Number(Decimal(0)))


def within(edge: float | Decimal | str, histogram: Source, by: By = (), window: Window = RATE_INTERVAL) -> Expr:
    """The fraction (0 to 1) of observations that were at most `edge`, which must be a bucket edge."""
    metric = _measured(histogram, "buckets", Kind.HISTOGRAM)
    check_edge(metric, str(edge), metric_buckets(metric))
    fast = select(_source(histogram)[1], le=str(_decimal(edge)))
    part = _over_time("rate", fast, "_bucket", _names(by), window)
    return part / _positive(_over_time("rate", histogram, "_count", _names(by), window))


def _decimal(value: float | Decimal | str) -> Decimal:
    return Decimal(str(value))


def _positive(expr: Expr) -> Expr:
    return Binary(">", expr, Number(Decimal(0)))


def _gauge(op: str, x: Source | Expr, by: By) -> Expr:
    if not isinstance(x, Metric | Selector):  # grouped already, so that each of its results counts once
        return Aggregate(op, x, labels=_names(by) or None)
    metric, node = _source(x)
    if metric.kind is not Kind.GAUGE:
        raise PromqlError(
            f"{metric.name} is a {metric.kind}: its raw value says nothing",
            expected="a gauge",
            next_step="use rate, increase, mean or quantile",
        )
    check_group(metric, _names(by))
    return Aggregate(op, node, labels=_names(by) or None)


def total(gauge: Source | Expr, by: By = ()) -> Expr:
    """The sum of a gauge over its series, or of what is grouped already: `total(highest(x, by="replica"))`."""
    return _gauge("sum", gauge, by)


def highest(gauge: Source | Expr, by: By = ()) -> Expr:
    """The largest value of a gauge."""
    return _gauge("max", gauge, by)


def lowest(gauge: Source | Expr, by: By = ()) -> Expr:
    """The smallest value of a gauge."""
    return _gauge("min", gauge, by)


def trend(gauge: Source, by: By = (), window: Window = "1h") -> Expr:
    """What a gauge gains per second, by linear regression over the window; the series that gains most counts."""
    return Aggregate("max", _over_window("deriv", gauge, by, window), labels=_names(by) or None)


def forecast(gauge: Source, ahead: Window, by: By = (), window: Window = "6h", *, falling: bool = False) -> Expr:
    """What a gauge will be in a time `ahead` if it goes on as in the window, never below zero.

    The largest of several series counts; with `falling`, for a rest that runs out, the smallest.
    """
    duration = _window(ahead)
    if duration.macro:
        raise PromqlError(f"{ahead!r} is no time to look ahead", expected="a duration such as 4d")
    predicted = _over_window("predict_linear", gauge, by, window, Number(Decimal(duration.ms) / 1000))
    positive = Call("clamp_min", (predicted, Number(Decimal(0))))
    return Aggregate("min" if falling else "max", positive, labels=_names(by) or None)


def _over_window(function: str, x: Source, by: By, window: Window, *more: Expr) -> Expr:
    _gauge("max", x, by)
    return Call(function, (replace(_source(x)[1], range=_window(window)), *more))


def count(x: Source | Expr, by: By = ()) -> Expr:
    """How many series there are, or results of what is grouped already."""
    if not isinstance(x, Metric | Selector):
        return Aggregate("count", x, labels=_names(by) or None)
    metric, _ = _source(x)
    check_group(metric, _names(by))
    suffix = "_count" if metric.kind in {Kind.HISTOGRAM, Kind.SUMMARY} else ""
    return Aggregate("count", _source(x, suffix)[1], labels=_names(by) or None)


def latest(x: Source) -> Expr:
    """A gauge as it is, one result a series."""
    _gauge("sum", x, ())
    return _source(x)[1]


def age(timestamp: Source, by: By = (), *, or_never: bool = False) -> Expr:
    """Seconds since the latest of some moments: `time() - (max by (...) (x) > 0)`.

    A moment of 0 is none: it has no age, and no result. With `or_never` it has one, of more than 50 years, for a panel
    that calls that `never`.
    """
    metric = _source(timestamp)[0]
    if metric.unit is not Unit.TIMESTAMP:
        raise PromqlError(
            f"{metric.name} is in {metric.unit}: it has no age", expected="a gauge that holds a timestamp"
        )
    latest_one = highest(timestamp, by)
    return Call("time", ()) - (latest_one if or_never else _positive(latest_one))


def time_left(timestamp: Source, by: By = ()) -> Expr:
    """Seconds until the first of some moments, below zero once it is over: `min by (...) (x) - time()`."""
    metric = _source(timestamp)[0]
    if metric.unit is not Unit.TIMESTAMP:
        raise PromqlError(
            f"{metric.name} is in {metric.unit}: it has no end", expected="a gauge that holds a timestamp"
        )
    return lowest(timestamp, by) - Call("time", ())


def zero_filled(part: Expr, whole: Expr) -> Expr:
    """`part`, and zero where only `whole` has a result: no errors yet is 0, no traffic is no data."""
    return Binary("or", part, Binary("*", Number(Decimal(0)), whole))


def ratio(part: Expr, whole: Expr) -> Expr:
    """`part` of `whole`, 0 to 1: zero where part has no series yet, no result where whole is zero."""
    return Binary("/", zero_filled(part, whole), _positive(whole))


def drain_time(queue: Expr, done: Expr) -> Expr:
    """Seconds until a queue is empty at the rate `done`, if nothing joins it: years while nothing is done."""
    return Binary("/", queue, Call("clamp_min", (done, Number(Decimal("1e-9")))))


def without(x: Source, other: Source, on: By) -> Expr:
    """The series of a metric whose labels `on` no series of another has, such as those of servers without a primary."""
    return Binary("unless", _source(x)[1], _source(other)[1], on=_names(on))


def drawn_up_to(time: Expr, most: Window) -> Expr:
    """A time in seconds, as `most` where it is longer: of +Inf, the worst there is, a chart would draw nothing."""
    return Call("clamp_max", (time, Number(Decimal(_window(most).ms) / 1000)))


def per(amount: Expr, each: Expr) -> Expr:
    """How much falls on one of `each`, such as seconds a query; no result where there is none."""
    return Binary("/", amount, _positive(each))


def burn_time(budget: Expr, burn: Expr) -> Expr:
    """Seconds until an error budget is spent at this burn rate; no result where none is spent or left.

    The length of the SLO's period is put in when a dashboard is bound.
    """
    left = Call("clamp_min", (budget, Number(Decimal(0))))
    return Binary("/", Binary("*", left, SLO_PERIOD), _positive(burn))


def top(n: int, expr: Expr) -> Aggregate:
    """The `n` largest results; of a panel over time, those that are largest over its whole range."""
    if n < 1:
        raise PromqlError(f"the top {n} is nothing", expected="a number from 1")
    return Aggregate("topk", expr, param=Number(Decimal(n)))


def bottom(n: int, expr: Expr) -> Expr:
    """The `n` smallest results."""
    return replace(top(n, expr), op="bottomk")


def change(expr: Expr, over: Window = "1h", *, per: Window | None = None) -> Expr:
    """What an expression gained in a time, below zero where it lost; on a younger server, in the time there is.

    With `per`, what it would gain in that time if it went on so.

    Unlike `trend`, it follows the value that is shown: the slope of each series is another thing where several
    processes tell the same and one of them tells what was. It reads sixty values of the time, at most one a minute:
    a point of a chart of the change in a day would read 1,440 of each series.
    """
    window = _window(over)
    gained = Call("delta", (Subquery(expr, window, Duration(max(60_000, window.ms // 60))),))
    return gained if per is None else Number(Decimal(_window(per).ms) / window.ms) * gained


def at_least(part: Expr, whole: Expr, on: By) -> Expr:
    """The results of `part` that are not below the one of `whole` with the same labels `on`."""
    return Binary(">=", part, whole, on=_names(on), group="left")


def shifted(expr: Expr, by: Window) -> Expr:
    """The expression as it was `by` ago: an offset on every selector, added to the one it has."""
    duration = _window(by)

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector | Subquery):
            return replace(node, offset=_add(node.offset, duration))
        return rebuild(node, visit)

    return visit(expr)


def _add(first: Duration | None, second: Duration) -> Duration:
    if first is None:
        return second
    if first.macro or second.macro:
        raise PromqlError("an offset that is a Grafana macro cannot be shifted further")
    return Duration(first.ms + second.ms)


def any_of(parts: Iterable[Expr]) -> Expr:
    """The first of several expressions that has a result, label set by label set (`a or b or c`)."""
    first, *rest = parts
    for part in rest:
        first = Binary("or", first, part)
    return first


def raw(text: str) -> Expr:
    """PromQL text, where no builder fits; its selectors may use the names of GitLab's registry."""
    parsed = parse_located(text)
    check_known(parsed.expr, parsed.locate)
    return parsed.expr
