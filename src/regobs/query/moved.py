"""Which panels moved most between two spans of time, ranked without knowing what they show.

Of each series the median before is compared with the outer fifth of the values since. The distance counts in units of
what the series does anyway: its spread before (median absolute deviation), a tenth of the smaller and a fiftieth of the
largest value, so that a series that was zero does not win by any blip. It counts by the share of values since that are
outside of all that was seen before, and less what the same hours of last week did, where the server still has them.
What grew steadily before, such as an uptime, is compared with its line; told are its last value before and the real one
at the time of the largest distance. Panels that read the same metrics are one line,
that of the largest rank. What may follow from another line stands below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from regobs.catalog import process, targets
from regobs.catalog.causes import side
from regobs.catalog.model import Exposer, Metric
from regobs.config import Config
from regobs.errors import QueryError
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.outputs import load_dashboards
from regobs.grafana.variables import Variables
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.promql.bind import bind
from regobs.promql.build import select
from regobs.promql.nodes import Aggregate, Call, Duration
from regobs.promql.printer import to_text
from regobs.promql.types import Type
from regobs.promql.walk import fill_durations, strip_parens
from regobs.query.follows import causes_first
from regobs.query.times import AskedRange

WEEK = 7 * 86_400  # seconds
MOST = 50.0  # of the distance: a series that was zero and is not
NEW = 25.0  # the distance of a series that came or went; it has no values to compare
SILENT = 5.0  # of a latency or share of which there are no events any more, or none before
LEAST = 1.0  # what a line has to rank above to be shown
_AT_ONCE = 4
_ANOTHER = Duration(7_200_000)  # than the hour that stands for the range of a dashboard
_SIGMA = 1.4826  # of a normal distribution, its deviation is so many times its median absolute deviation
_OUTER = 0.8
_LEAST_OF_A_LINE = 4  # points in a third of the time before
_OWN = frozenset({Exposer.RULES, Exposer.PROMETHEUS})
_UP = targets.UP.name
_RESTARTS = Duration(300_000)  # shorter ones may have a single sample of a process that is down every other scrape
_TOPS = frozenset({"topk", "bottomk", "limitk"})
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class WatchedPanel:
    """A query of a panel as it is sent, and the names of the metrics that it reads.

    `part` is the name of the query on a panel that has several, else empty.
    """

    dashboard: str
    row: str
    panel: str
    text: str
    type: Type
    metrics: frozenset[str]
    part: str = ""
    merged: bool = False  # which series it has changes all the time: the largest stands for all
    telling: frozenset[str] = frozenset()  # the sides of its metrics, see `regobs.catalog.causes`


@dataclass(frozen=True, slots=True)
class MovedPanel:
    """A panel and its series that moved most. `before` and `since` are None for a series that came or went.

    `usual` is what the same hours of last week did, 0 where that is not known. `others` are panels of the same metrics,
    `causes` the panels above it that it may follow from.
    """

    panel: WatchedPanel
    labels: Mapping[str, str]
    before: float | None
    since: float | None
    rank: float
    usual: float = 0.0
    others: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


def watched_panels(pack: Pack, config: Config, step: int) -> list[WatchedPanel]:
    """Every query of the dashboards that asks the registry, what is beside it, or whether it is up; and its restarts.

    Alerts and budgets are told apart.
    """
    scope, scrape = Variables.of(config).selectors_only, config.prometheus.scrape_interval.ms
    window = Duration(max(step * 1000 + scrape, 4 * scrape))
    found: dict[str, WatchedPanel] = {}
    for slug, dashboard in load_dashboards(pack).items():
        bound = bind_dashboard(slug, dashboard, config.vocabulary, (), period=config.slo.period)
        for row, panel in bound.panels():
            for query in panel.queries:
                if any(metric.exposer in _OWN and metric.name != _UP for metric in query.metrics):
                    continue
                scoped = query.expr if query.scoped else scope.apply(query.expr)
                expr = fill_durations(scoped, window)
                if expr != fill_durations(scoped, window, _ANOTHER):
                    continue  # it looks back over the range of a dashboard, so that before and since overlap
                inner = strip_parens(expr)
                merged = isinstance(inner, Aggregate) and inner.op in _TOPS
                names = frozenset(metric.name for metric in query.metrics)
                part = query.name if len(panel.queries) > 1 else ""
                one = WatchedPanel(
                    dashboard.title, row.title, panel.panel.title, to_text(expr), query.type, names, part, merged,
                    _telling(query.metrics, query.type),
                )  # fmt: skip
                found.setdefault(one.text, one)
    return [*found.values(), _restarts(config, scope)]


def _restarts(config: Config, scope: Variables) -> WatchedPanel:
    """How often each process started: no panel of a dashboard shows it, where each start is a step of an uptime."""
    started = replace(select(process.START_TIME), range=_RESTARTS)
    expr = scope.apply(bind(Call("changes", (started,)), config.vocabulary))
    names = frozenset({process.START_TIME.name})
    return WatchedPanel("", "", "Process restarts", to_text(expr), Type("vector"), names, telling=names)


def _telling(metrics: Iterable[Metric], shown: Type) -> frozenset[str]:
    """The sides of metrics that a panel shows; of a histogram the number of observations where it shows that."""
    counted = shown.per_second or shown.observed is not None
    return frozenset(side(one, counted=counted) for one in metrics)


def moved_panels(
    server: Prometheus,
    panels: Sequence[WatchedPanel],
    before: AskedRange,
    since: AskedRange,
    report: Callable[[int, int], None] | None = None,
) -> tuple[list[MovedPanel], list[str], bool]:
    """What moved, by its rank; the panels that the server refused; and whether last week could be compared."""
    weekly, whole = _has_week(server, before), AskedRange(before.start, since.end, since.step)

    def ask(panel: WatchedPanel) -> MovedPanel | str | None:
        try:
            now = _series(server, panel, whole, 0)
            then = _series(server, panel, whole, WEEK) if weekly else {}
        except QueryError as error:
            return f"{panel.panel}: {error.message}"
        moved = (_moved(panel, labels, points, then.get(labels), (before, since)) for labels, points in now.items())
        return max(filter(None, moved), key=lambda one: one.rank, default=None)

    outcomes = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, outcome in enumerate(pool.map(ask, panels), 1):
            outcomes.append(outcome)
            if report:
                report(done, len(panels))
    found = [one for one in outcomes if isinstance(one, MovedPanel) and one.rank > LEAST]
    return causes_first(_one_of_each(found)), [one for one in outcomes if isinstance(one, str)], weekly


def _has_week(server: Prometheus, before: AskedRange) -> bool:
    return bool(server.query("count(up)", before.start / 1000 - WEEK).samples)


Labels = tuple[tuple[str, str], ...]


def _series(
    server: Prometheus, panel: WatchedPanel, asked: AskedRange, earlier: int
) -> dict[Labels, list[tuple[float, float]]]:
    """The points of each series, moved to the times that are asked about."""
    start, end = asked.start / 1000 - earlier, asked.end / 1000 - earlier
    answer = server.query_range(panel.text, start, end, asked.step / 1000)
    if panel.merged:
        return {(): _largest(answer.ranges, earlier)}
    return {
        tuple(sorted(one.labels.items())): [(time + earlier, value) for time, value in one.points]
        for one in answer.ranges
    }


def _largest(ranges: Iterable[RangeSeries], earlier: int) -> list[tuple[float, float]]:
    found: dict[float, float] = {}
    for one in ranges:
        for time, value in one.points:
            found[time + earlier] = max(found.get(time + earlier, -math.inf), value)
    return sorted(found.items())


def _moved(
    panel: WatchedPanel, labels: Labels, points: Points, week: Points | None, asked: tuple[AskedRange, AskedRange]
) -> MovedPanel | None:
    start = asked[1].start / 1000
    level = _level(points, start)
    old, new = _values(level, start)
    real_old, real_new = _values(points, start)  # what is told are values that it had, not their distance from a line
    if not old and not new:
        return None
    if not (old and new) and panel.metrics == {_UP}:  # a rollout brings other targets, and the timeline has it
        return None
    known = min(2 * len(old) / asked[0].points, 1)  # of what was there now and then only, little is known
    if not old and (panel.type.per_second or panel.type.fraction):
        old, known = [0.0], 1.0  # a counter that appears with its first event was zero before
    if not old or not new:
        share = len(old) / asked[0].points or len(new) / asked[1].points
        silent = any((time >= start) == bool(old) for time, _ in points)  # there without a number: no events
        rank = (SILENT if silent else NEW) * min(share, 1) ** 2  # what is rare comes and goes by itself
        before = real_old[-1] if old and level is not points else _median(old) if old else None
        return MovedPanel(panel, dict(labels), before, _median(new) if new else None, rank)
    usual = 0.0
    if week is not None:
        usual_old, usual_new = _values(_level(week, start), start)
        usual = _shift(usual_old, usual_new)[0] if usual_old and usual_new else 0.0
    shift, since, place = _shift(old, new)
    unusual = shift - usual if shift * usual > 0 and abs(usual) < abs(shift) else 0.0 if shift * usual > 0 else shift
    middle = _median(old)
    unit = _spread(old) + 0.1 * min(abs(middle), abs(since)) + 0.02 * max(map(abs, (*old, *new)))
    outside = sum(not min(old) <= value <= max(old) for value in new) / len(new)
    rank = min(abs(unusual) / unit, MOST) * outside * known if unit else 0.0
    before = middle if level is points else real_old[-1]
    return MovedPanel(panel, dict(labels), before, real_new[place], rank, usual)


def _level(points: Points, start: float) -> Points:
    """The points without their line, where those before the start lie along one; else as they are."""
    old = [(time, value) for time, value in points if time < start and math.isfinite(value)]
    third = len(old) // 3
    if third < _LEAST_OF_A_LINE:
        return points
    first, last = old[:third], old[-third:]
    length = _median([time for time, _ in last]) - _median([time for time, _ in first])
    slope = (_median([value for _, value in last]) - _median([value for _, value in first])) / length
    if _spread([value for _, value in old]) <= 4 * _spread([value - slope * time for time, value in old]):
        return points
    return [(time, value - slope * (time - start)) for time, value in points]


def _spread(values: Sequence[float]) -> float:
    middle = _median(values)
    return _SIGMA * _median([abs(value - middle) for value in values])


def _values(points: Points, start: float) -> tuple[list[float], list[float]]:
    """The finite values before the start and from it on."""
    old = [value for time, value in points if time < start and math.isfinite(value)]
    return old, [value for time, value in points if time >= start and math.isfinite(value)]


def _shift(old: Sequence[float], new: Sequence[float]) -> tuple[float, float, int]:
    """How far the outer fifth of the new values is from the middle of the old ones, where it is, and in which place."""
    middle, ordered = _median(old), sorted(range(len(new)), key=new.__getitem__)
    high = ordered[min(int(len(ordered) * _OUTER), len(ordered) - 1)]
    low = ordered[max(len(ordered) - 1 - int(len(ordered) * _OUTER), 0)]
    outer = max((high, low), key=lambda place: abs(new[place] - middle))
    return new[outer] - middle, new[outer], outer


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _one_of_each(found: Iterable[MovedPanel]) -> list[MovedPanel]:
    """The best of the panels that read the same metrics, with the names of the others.

    The best of each dashboard come first, and what else each has after them: the first lines tell of several parts.
    """
    groups: dict[frozenset[str], list[MovedPanel]] = {}
    for one in sorted(found, key=lambda moved: (-moved.rank, moved.panel.panel, moved.panel.text)):
        groups.setdefault(one.panel.metrics, []).append(one)
    told = [_with_others(first, others) for first, *others in groups.values()]
    seen: set[str] = set()
    best: list[MovedPanel] = []
    rest: list[MovedPanel] = []
    for one in told:
        (rest if one.panel.dashboard in seen else best).append(one)
        seen.add(one.panel.dashboard)
    strong = [one for one in best if one.rank >= told[0].rank / 2]
    return strong + sorted((one for one in (*best, *rest) if one not in strong), key=lambda moved: -moved.rank)


def _with_others(first: MovedPanel, others: Sequence[MovedPanel]) -> MovedPanel:
    names = dict.fromkeys(one.panel.panel for one in others if one.panel.panel != first.panel.panel)
    return MovedPanel(
        first.panel, first.labels, first.before, first.since, first.rank, first.usual, others=tuple(names)
    )
