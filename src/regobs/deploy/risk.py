"""How often alerts that a plan adds or changes would have fired, had they been in use before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from regobs.catalog.targets import ALERTS
from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.rule_changes import alerts_of
from regobs.errors import PromqlError, QueryError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.promql.nodes import Call, Expr, Matcher, MatchOp, Selector
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.types import DEPLOYMENT_LABELS
from regobs.promql.walk import walk
from regobs.query.pieces import query_pieces
from regobs.query.times import AskedRange

STEP = 60_000  # milliseconds between two looks at the past: what is shorter may be missed
_WHAT = {"alert added", "alert renamed", "threshold changed", "query changed", "`for` changed"}
_ABSENCE = {"absent", "absent_over_time"}
_CLOCK = {"time", "minute", "hour", "month", "year", "day_of_week", "day_of_month", "day_of_year", "days_in_month"}
# Labels that tell registries apart: a series that has others of them is not what the alert reads.
_WHERE = DEPLOYMENT_LABELS | {"job", "slo", "namespace"} - {"__name__"}
_UP = Selector("up")  # each target that a Prometheus scrapes has it
NO_DATA = "nobody can tell: the server has nothing of what it reads in this time"
OWN_PAST = "it depends on its own past: regobs slo backtest replays it"


@dataclass(frozen=True, slots=True)
class AlertRisk:
    """How often an alert would have fired in a span, and for how many seconds.

    `observed` are the seconds of the span in which there was data of what it reads; only those are counted. `note` says
    why nobody can tell, else "".
    """

    alert: str
    times: int
    seconds: float
    observed: float = 0.0
    note: str = ""


def alert_risks(plan: TargetPlan, server: Prometheus, end: float, length: float) -> Iterator[AlertRisk]:
    """Each alert that the plan adds or changes, over `length` seconds before `end` (since 1970). Raises ServerError.

    Alerts that fire always by design are left out.
    """
    past = _Past(server, AskedRange(round(end - length) * 1000, round(end) * 1000, STEP), length)
    changed = {one.after if one.what.endswith("renamed") else one.thing for one in plan.changes if one.what in _WHAT}
    for thing, (query, hold) in alerts_of(plan.objects).items():
        if thing not in changed or _is_constant(query):
            continue
        if f"{ALERTS.name}{{" in query:
            yield AlertRisk(thing, 0, 0, note=OWN_PAST)
            continue
        try:
            yield past.risk(thing, query, hold)
        except (QueryError, PromqlError) as error:
            yield AlertRisk(thing, 0, 0, note=error.message)


class _Past:
    """What a server had in a span. Each question about it is asked once."""

    def __init__(self, server: Prometheus, span: AskedRange, length: float) -> None:
        self._server, self._span, self._length = server, span, length
        self._had: dict[str, frozenset[float]] = {}

    def risk(self, alert: str, query: str, hold: int) -> AlertRisk:
        """How often a query would have given something for `hold` milliseconds. Raises QueryError and ServerError."""
        observed = self._times(_of_data(query))
        if not observed:
            return AlertRisk(alert, 0, 0, note=NO_DATA)
        counted = observed | self._times(_counting(_UP))
        found = []
        for series in query_pieces(self._server, query, self._span).ranges:
            points = tuple(point for point in series.points if point[0] in counted)
            found.append(fired(replace(series, points=points), hold))
        seconds = min(len(observed) * STEP / 1000, self._length)
        return AlertRisk(alert, sum(times for times, _ in found), sum(lasted for _, lasted in found), seconds)

    def _times(self, query: str) -> frozenset[float]:
        if query not in self._had:
            answer = query_pieces(self._server, query, self._span)
            self._had[query] = frozenset(at for series in answer.ranges for at, _ in series.points)
        return self._had[query]


def _of_data(query: str) -> str:
    """A query that gives something while there is data of what another reads; `up` where it only misses something."""
    absent: set[int] = set()
    read: dict[str, None] = {}
    for node in walk(parse(query)):  # parents first
        if isinstance(node, Call) and node.function in _ABSENCE and id(node) not in absent:
            absent |= {id(inner) for inner in walk(node)}
        elif isinstance(node, Selector) and node.metric and id(node) not in absent:
            read[_counting(node)] = None
    return " or ".join(read) or _counting(_UP)


def _counting(selector: Selector) -> str:
    """How many series of a name there are where a selector looks, whatever else their labels are."""
    where = tuple(one for one in selector.matchers if _is_place(one))
    return f"count({to_text(Selector(selector.metric, matchers=where))})"


def _is_place(matcher: Matcher) -> bool:
    return matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} and matcher.label in _WHERE


def _is_constant(query: str) -> bool:
    """Whether a query reads neither a series nor the clock, as that of an alert which shows that alerts arrive."""
    try:
        nodes: list[Expr] = list(walk(parse(query)))
    except PromqlError:
        return False
    return not any(isinstance(node, Selector) or (isinstance(node, Call) and node.function in _CLOCK) for node in nodes)


def fired(series: RangeSeries, hold: int) -> tuple[int, float]:
    """How often a condition held for `hold` milliseconds and longer, and for how many seconds it fired."""
    times, lasted, begun, before = 0, 0.0, 0.0, None
    for at, _ in (*series.points, (float("inf"), 0.0)):
        if before is None:
            begun = at
        elif at - before > STEP / 1000 * 1.5:
            if before - begun >= hold / 1000:
                times += 1
                lasted += before - begun - hold / 1000 + STEP / 1000
            begun = at
        before = at
    return times, lasted
