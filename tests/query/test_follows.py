"""What may follow from another line stands below it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import database, gc, http, load_balancing, redis, storage
from regobs.catalog.causes import LINKS, side
from regobs.catalog.model import Metric
from regobs.promql.types import Type
from regobs.query.follows import ENOUGH, causes_first
from regobs.query.moved import MovedPanel, WatchedPanel

LAG, STATUS, READS = load_balancing.LAG_SECONDS, load_balancing.POOL_STATUS, load_balancing.TARGETS


def line(name: str, rank: float, *metrics: Metric, counted: bool = False) -> MovedPanel:
    names = frozenset(one.name for one in metrics)
    telling = frozenset(side(one, counted=counted) for one in metrics)
    panel = WatchedPanel("d", "r", name, name, Type("vector"), names, telling=telling)
    return MovedPanel(panel, {}, 0.0, 1.0, rank)


def ordered(*lines: MovedPanel) -> list[str]:
    return [one.panel.panel for one in causes_first(lines)]


def test_the_lag_of_a_replica_stands_above_its_leaving_the_pool_and_the_reads_of_the_primary() -> None:
    found = causes_first([line("reads", 45, READS), line("online", 40, STATUS), line("lag", 39, LAG)])
    assert [one.panel.panel for one in found] == ["lag", "online", "reads"]
    assert [one.causes for one in found] == [(), ("lag",), ("online",)]


def test_causes_of_several_components_stand_above_what_follows_the_strongest_of_each_only() -> None:
    found = causes_first(
        [
            line("headers", 30, http.TIME_TO_HEADER),
            line("storage", 12, storage.ACTIONS),
            line("queries", 20, database.QUERY_DURATION),
            line("waits for storage", 10, storage.RETRIES),
        ]
    )
    assert [one.panel.panel for one in found] == ["queries", "waits for storage", "storage", "headers"]
    assert found[-1].causes == ("queries", "storage")


def test_what_moved_less_than_a_quarter_as_much_is_not_taken_for_the_cause() -> None:
    assert ordered(line("reads", 40, READS), line("lag", 40 * ENOUGH - 0.1, LAG)) == ["reads", "lag"]
    assert ordered(line("reads", 40, READS), line("lag", 40 * ENOUGH, LAG)) == ["lag", "reads"]


def test_a_histogram_of_which_the_number_is_shown_is_no_cause() -> None:
    calls = line("calls", 30, storage.ACTIONS, counted=True)
    assert ordered(line("headers", 40, http.TIME_TO_HEADER), calls) == ["headers", "calls"]


def test_traffic_stands_above_what_requests_make_and_not_above_how_long_it_takes() -> None:
    calls, times = line("calls", 30, storage.ACTIONS, counted=True), line("times", 29, storage.ACTIONS)
    distribution = line("distribution", 28, http.DURATION, counted=True)
    requests = line("requests", 9, http.REQUESTS, counted=True)
    assert ordered(calls, times, distribution, requests) == ["requests", "distribution", "calls", "times"]


def test_lines_that_share_a_metric_tell_of_one_thing() -> None:
    share = line("retries of calls", 30, storage.RETRIES, storage.ACTIONS)
    assert ordered(line("calls", 40, storage.ACTIONS), share) == ["calls", "retries of calls"]


def test_lines_without_a_link_stay_as_they_are() -> None:
    assert ordered(line("a", 9, redis.POOL_IDLE), line("b", 8, gc.DELETES), line("c", 10, http.REQUESTS)) == [
        "a",
        "b",
        "c",
    ]


def test_two_lines_that_name_one_another_are_both_told_once() -> None:
    one = line("one", 9, LAG, storage.ACTIONS)
    two = line("two", 8, READS, storage.RETRIES)
    assert sorted(ordered(one, two)) == ["one", "two"]


_METRICS = sorted({metric for link in LINKS for metric in (*link.causes, *link.effects)}, key=str)


@given(st.lists(st.tuples(st.sets(st.sampled_from(_METRICS), min_size=1, max_size=3), st.floats(1, 50)), max_size=12))
def test_every_line_is_told_once_and_below_the_causes_that_it_names(drawn: list[tuple[set[Metric], float]]) -> None:
    lines = [line(str(place), rank, *metrics) for place, (metrics, rank) in enumerate(drawn)]
    found = causes_first(lines)
    names = [one.panel.panel for one in found]
    assert sorted(names) == sorted(one.panel.panel for one in lines)
    assert all(names.index(cause) < names.index(one.panel.panel) for one in found for cause in one.causes)


def test_a_thousand_lines_are_ordered_without_a_deep_stack() -> None:
    lines = [line(str(place), 10 + place / 1000, _METRICS[place % len(_METRICS)]) for place in range(1000)]
    assert len(causes_first(lines)) == 1000
