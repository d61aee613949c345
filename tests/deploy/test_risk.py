"""How often a condition would have fired, both sides of `for`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.risk import NO_DATA, OWN_PAST, AlertRisk, alert_risks, fired
from regobs.deploy.target import PlannedChange
from regobs.documents import dump_yaml
from regobs.prometheus.answers import QueryAnswer, RangeSeries

MINUTE = 60.0


def series(*minutes: int) -> RangeSeries:
    return RangeSeries({}, tuple((MINUTE * minute, 1.0) for minute in minutes))


@pytest.mark.parametrize(
    ("minutes", "hold", "times", "seconds"),
    [
        ((), 0, 0, 0),
        ((5,), 0, 1, 60),
        ((5, 6, 7), 0, 1, 180),
        ((5, 7), 0, 2, 120),
        ((0, 1, 2, 3, 4, 5), 5, 1, 60),
        ((0, 1, 2, 3, 4), 5, 0, 0),
        ((0, 1, 2, 3, 4, 5, 6, 8, 9), 5, 1, 120),
    ],
    ids=["never", "once", "for a while", "twice", "just as long as `for`", "one minute less", "broken off"],
)
def test_a_condition_fires_once_it_has_held_for_as_long_as_for(
    minutes: tuple[int, ...], hold: int, times: int, seconds: float
) -> None:
    assert fired(series(*minutes), hold * 60_000) == (times, seconds)


class _Server:
    """Answers each range query with the minutes of the span at which it gives something."""

    def __init__(self, minutes: Mapping[str, Iterable[int]]) -> None:
        self.minutes = dict(minutes)

    def query_range(self, text: str, start: float, end: float, step: float, **_: object) -> QueryAnswer:
        points = tuple((start + MINUTE * minute, 1.0) for minute in self.minutes.get(text, ()))
        return QueryAnswer("matrix", ranges=(RangeSeries({}, points),) if points else ())


def risks(expr: str, minutes: Mapping[str, Iterable[int]], hold: str = "0s") -> list[AlertRisk]:
    """What would have become of a new alert in an hour."""
    rule = {"alert": "New", "expr": expr, "for": hold}
    objects = {"a.yaml": dump_yaml({"groups": [{"name": "a", "rules": [rule]}]}).encode()}
    change = PlannedChange("New", "alert added", "", expr)
    plan = TargetPlan("rules", "", "", objects, (change,), (), (), differs=True)
    return list(alert_risks(plan, cast("Any", _Server(minutes)), 7200.0, 3600.0))


HOUR = range(61)


@pytest.mark.parametrize(
    ("expr", "minutes", "times", "observed"),
    [
        ("a > 5", {"count(a)": HOUR, "count(up)": HOUR, "a > 5": (3, 9)}, 2, 3600),
        ("a > 5", {"count(a)": range(10), "count(up)": HOUR, "a > 5": (3,)}, 1, 600),
        ("a > 5", {"count(up)": HOUR}, 0, 0),
        ('a{code="500", job="r"} > 5', {'count(a{job="r"})': range(30), 'a{code="500",job="r"} > 5': ()}, 0, 1800),
        ("rate(a[5m]) / b > 1", {"count(a) or count(b)": range(20)}, 0, 1200),
        # what only misses something fires in all the time in which there was no server
        ("absent(a)", {"count(up)": range(40, 61), "absent(a)": HOUR}, 1, 1260),
        ("absent(a)", {"absent(a)": HOUR}, 0, 0),
        ("absent(a) and b", {"count(b)": range(50, 61), "absent(a) and b": range(50, 61)}, 1, 660),
        ("a > 5 or vector(1)", {"count(a)": range(3), "count(up)": range(3), "a > 5 or vector(1)": HOUR}, 1, 180),
        ("hour() > 5", {"count(up)": HOUR, "hour() > 5": HOUR}, 1, 3600),
    ],
)
def test_only_time_with_data_is_counted(
    expr: str, minutes: dict[str, Iterable[int]], times: int, observed: float
) -> None:
    (found,) = risks(expr, minutes)
    assert (found.times, found.observed) == (times, observed)
    assert found.note == ("" if observed else NO_DATA)


@pytest.mark.parametrize("expr", ["vector(1)", "1 == bool 1", "vector(1) > 0", "vector(0) > 1"])
def test_an_alert_that_reads_nothing_is_left_out(expr: str) -> None:
    assert risks(expr, {expr: HOUR, "count(up)": HOUR}) == []


def test_an_alert_that_reads_its_own_past_is_no_figure() -> None:
    (found,) = risks('a unless on () ALERTS{alertname="New"}', {"count(a)": HOUR})
    assert found.note == OWN_PAST
