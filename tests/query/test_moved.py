"""What moved: the rank of series that jump, drift, come, go, or do what they did last week."""

from __future__ import annotations

import math
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.targets import UP
from regobs.config import Config
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import QueryAnswer, RangeSeries, Sample
from regobs.promql.types import Type
from regobs.query.moved import LEAST, MOST, WEEK, MovedPanel, WatchedPanel, moved_panels, watched_panels
from regobs.query.times import AskedRange

STEP = 60
START = 10_000 * STEP
BEFORE = AskedRange((START - 3600) * 1000, (START - STEP) * 1000, STEP * 1000)
SINCE = AskedRange(START * 1000, (START + 1800) * 1000, STEP * 1000)
OLD, NEW = BEFORE.points, SINCE.points
Values = list[float | None]


class Server:
    """Answers each text with its series; `week` are those of a week earlier, None where there were none."""

    def __init__(self, now: dict[str, list[Values]], week: dict[str, list[Values]] | None = None) -> None:
        self._now, self._week = now, week

    def query(self, text: str, time: float | None = None) -> QueryAnswer:
        assert (text, time) == ("count(up)", BEFORE.start / 1000 - WEEK)
        return QueryAnswer("vector", samples=() if self._week is None else (Sample({}, 1.0, 0.0),))

    def query_range(self, text: str, start: float, end: float, step: float) -> QueryAnswer:
        earlier = start < BEFORE.start / 1000
        found = (self._week or {}).get(text, []) if earlier else self._now[text]
        times = [start + place * step for place in range(int((end - start) // step) + 1)]
        ranges = (
            RangeSeries({"i": str(place)}, tuple((t, v) for t, v in zip(times, values, strict=True) if v is not None))
            for place, values in enumerate(found)
        )
        return QueryAnswer("matrix", ranges=tuple(ranges))


def panel(text: str, *, rate: bool = True, merged: bool = False, metrics: str = "") -> WatchedPanel:
    kind = Type("vector", per_second=rate)
    return WatchedPanel("d", "r", f"panel {text}", text, kind, frozenset({metrics or text}), "", merged)


def moved(server: Server, *panels: WatchedPanel) -> list[MovedPanel]:
    return moved_panels(cast("Prometheus", server), panels, BEFORE, SINCE)[0]


def one(old: Values, new: Values, *, rate: bool = True) -> MovedPanel | None:
    found = moved(Server({"a": [old + new]}), panel("a", rate=rate))
    return found[0] if found else None


NOISE: Values = [10.0 + place % 3 for place in range(OLD)]


def test_a_jump_outranks_a_drift_and_noise_is_silent() -> None:
    jump, drift = one(NOISE, [40.0] * NEW), one(NOISE, [15.0] * NEW)
    assert jump is not None
    assert drift is not None
    assert jump.rank > 2 * drift.rank > 2 * LEAST
    assert (jump.before, jump.since) == (11, 40)
    assert one(NOISE, [10.0 + place % 3 for place in range(NEW)]) is None


def test_a_fall_counts_as_a_rise_does() -> None:
    fall = one(NOISE, [0.0] * NEW)
    assert fall is not None
    assert (fall.before, fall.since) == (11, 0)


def test_what_was_zero_wins_by_lasting_not_by_a_blip() -> None:
    lasting, blip = one([0.0] * OLD, [3.0] * NEW), one([0.0] * OLD, [3.0, *[0.0] * (NEW - 1)])
    assert lasting is not None
    assert lasting.rank == MOST
    assert blip is None


def test_a_counter_that_appears_was_zero_and_a_gauge_that_appears_is_new() -> None:
    counter, gauge = one([None] * OLD, [3.0] * NEW), one([None] * OLD, [3.0] * NEW, rate=False)
    assert counter is not None
    assert gauge is not None
    assert (counter.before, counter.rank, gauge.before) == (0, MOST, None)


def test_a_series_that_ends_is_told_unless_it_came_and_went_before() -> None:
    steady, rare = one([5.0] * OLD, [None] * NEW), one([5.0, *[None] * (OLD - 1)], [None] * NEW)
    assert steady is not None
    assert (steady.before, steady.since) == (5, None)
    assert rare is None


def test_what_grows_as_it_grew_before_is_silent_and_a_restart_is_not() -> None:
    uptime: Values = [60.0 * place for place in range(OLD + NEW)]
    assert one(uptime[:OLD], uptime[OLD:], rate=False) is None
    assert one(uptime[:OLD], uptime[:NEW], rate=False) is not None


@given(st.integers(1, NEW - 1), st.sampled_from([60.0, -60.0]))
def test_of_what_grew_or_fell_before_the_values_that_it_had_are_told(restart: int, slope: float) -> None:
    """A restart after the start is far below the line that the uptime was on: as a distance it would be negative."""
    before: Values = [1e6 + slope * place for place in range(OLD + restart)]
    after: Values = [abs(slope) * place for place in range(NEW - restart)]
    found = one(before[:OLD], before[OLD:] + after, rate=False)
    if found is not None:
        assert found.before == before[OLD - 1]
        assert found.since in {*before[OLD:], *after}
    assert found is not None or restart > NEW / 2


def test_of_what_fell_until_it_ended_its_last_value_is_told() -> None:
    falling: Values = [600.0 - 10 * place for place in range(OLD)]
    found = one(falling, [None] * NEW, rate=False)
    assert found is not None
    assert (found.before, found.since) == (falling[-1], None)


def test_what_last_week_did_too_is_silent_and_more_than_that_is_less() -> None:
    jump = NOISE + [40.0] * NEW
    first = moved(Server({"a": [jump]}), panel("a"))[0]
    assert moved(Server({"a": [jump]}, {"a": [jump]}), panel("a")) == []
    half = moved(Server({"a": [jump]}, {"a": [NOISE + [25.0] * NEW]}), panel("a"))[0]
    assert first.rank > half.rank > LEAST
    assert half.usual == 14
    other_way = moved(Server({"a": [jump]}, {"a": [NOISE + [0.0] * NEW]}), panel("a"))[0]
    assert other_way.rank == first.rank


def test_panels_of_the_same_metrics_are_one_line_and_the_largest_rank_is_first() -> None:
    zero: Values = [0.0] * OLD
    server = Server({"a": [NOISE + [15.0] * NEW], "b": [NOISE + [40.0] * NEW], "c": [zero + [1.0] * NEW]})
    found = moved(server, panel("a", metrics="m"), panel("b", metrics="m"), panel("c"))
    assert [(each.panel.text, each.others) for each in found] == [("c", ()), ("b", ("panel a",))]


def test_the_largest_stands_for_all_where_the_series_change_all_the_time() -> None:
    flicker: list[Values] = [[5.0, None] * ((OLD + NEW) // 2) + [5.0] * ((OLD + NEW) % 2) for _ in range(2)]
    flicker[1] = [None if value else 5.0 for value in flicker[0]]
    assert moved(Server({"a": flicker}), panel("a", merged=True)) == []


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=OLD + NEW, max_size=OLD + NEW),
    st.floats(1e-6, 1e6),
)
def test_the_rank_does_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    same: Values = [*values]
    plain = moved(Server({"a": [same]}), panel("a", rate=False))
    other: Values = [value * factor for value in values]
    scaled = moved(Server({"a": [other]}), panel("a", rate=False))
    first, second = (each[0].rank if each else LEAST for each in (plain, scaled))
    assert first == pytest.approx(second, rel=0.05, abs=0.1)


def test_a_fall_to_zero_outranks_a_latency_that_has_no_events_any_more() -> None:
    nothing: Values = [math.nan] * NEW
    requests, latency = one(NOISE, [0.0] * NEW), one(NOISE, nothing, rate=False)
    gone = one(NOISE, [None] * NEW, rate=False)
    assert requests is not None
    assert latency is not None
    assert gone is not None
    assert gone.rank > requests.rank > latency.rank > LEAST


def test_whether_targets_are_up_and_how_often_processes_start_are_watched() -> None:
    found = watched_panels(find_pack(), Config(), 30)
    queries = {one.text for one in found}
    assert any("changes(process_start_time_seconds{" in text for text in queries)
    assert any("min by (instance) (up{" in text for text in queries)
    others = {name for one in found for name in one.metrics if name.startswith(("ALERTS", "scrape_"))}
    assert others == set(), "alerts have their own part"


def test_a_target_that_goes_down_is_a_line_and_one_that_a_rollout_brings_is_none() -> None:
    up = panel("up", rate=False, metrics=UP.name)
    fell: Values = [*[1.0] * OLD, *[0.0] * NEW]
    down = moved(Server({"up": [fell]}), up)
    assert [(line.before, line.since) for line in down] == [(1.0, 0.0)]
    came: Values = [*[None] * OLD, *[1.0] * NEW]
    went: Values = [*[1.0] * OLD, *[None] * NEW]
    assert moved(Server({"up": [came, went]}), up) == []
    other = panel("up", rate=False, metrics="registry_something")
    assert len(moved(Server({"up": [came, went]}), other)) == 1
