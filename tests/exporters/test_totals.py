"""Totals and bounded names: sums are exact at every moment, series and memory are bounded, restarts change nothing."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor, Unit
from regobs.exporters import log_counts, notifications
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.totals import OTHER, BoundedNames, ExporterInstruments, Sketch, Totals
from tests.examples import examples

_test = Component("test")
REQUESTS = _test.counter("t_requests_total", Unit.REQUESTS, "Requests.", form(labels=labels("namespace", "status")))
BYTES = _test.counter("t_bytes_total", Unit.BYTES, "Bytes.", form(labels=labels("namespace")))
TIME = _test.histogram("t_seconds", Unit.SECONDS, "Time.", form(labels=labels("namespace"), buckets=(0.1, 1.0)))


def counted(names: BoundedNames, totals: Totals, events: list[str]) -> None:
    for event in events:
        name, gone = names.admit(event)
        if gone is not None:
            totals.fold("namespace", gone)
        totals.add(REQUESTS, (name, "2xx"))
        totals.add(BYTES, (name,), 7)
        totals.observe(TIME, (name,), 0.5)


@given(st.lists(st.sampled_from([*"abcdefghij", OTHER, ""]), max_size=300), st.integers(1, 4))
def test_the_sum_over_all_series_is_the_exact_total_at_every_moment(events: list[str], limit: int) -> None:
    names, totals = BoundedNames(limit), Totals([REQUESTS, BYTES, TIME])
    for number, event in enumerate(events, 1):
        counted(names, totals, [event])
        assert totals.total(REQUESTS) == totals.total(TIME) == number
        assert totals.total(BYTES) == 7 * number
        assert len(names.shown) <= limit


@given(st.lists(st.sampled_from("abcdefghij"), max_size=200), st.integers(0, 200))
def test_a_restart_from_a_checkpoint_changes_nothing(events: list[str], cut: int) -> None:
    whole, through = (
        (BoundedNames(2), Totals([REQUESTS, BYTES, TIME])),
        (BoundedNames(2), Totals([REQUESTS, BYTES, TIME])),
    )
    counted(*whole, events)
    counted(*through, events[:cut])
    stored = json.loads(json.dumps([through[0].data(), through[1].data()]))
    again = BoundedNames(2), Totals([REQUESTS, BYTES, TIME])
    assert again[0].load(stored[0]) == []
    again[1].load(stored[1])
    counted(*again, events[cut:])
    assert again[1].data() == whole[1].data()
    assert sorted(again[0].shown) == sorted(whole[0].shown)


def test_a_frequent_newcomer_takes_the_place_of_the_rarest_name_whose_count_goes_to_other() -> None:
    names, totals = BoundedNames(2), Totals([REQUESTS, BYTES, TIME])
    counted(names, totals, ["a", "b", "b", "b", "c", "c", "c"])
    assert sorted(names.shown) == ["b", "c"]
    assert totals.value(REQUESTS, ("c", "2xx")) == 1  # from its admission on
    assert totals.value(REQUESTS, (OTHER, "2xx")) == 3
    assert totals.value(REQUESTS, ("a", "2xx")) == 0


def test_what_looks_like_a_secret_is_masked_and_a_checkpoint_that_holds_one_gives_it_to_other() -> None:
    token = "glpat-" + "abcdefghij1234567890"
    names = BoundedNames(3)
    assert names.admit(token) == names.admit("ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789") == ("[FILTERED]", None)
    assert names.admit("token-service") == ("token-service", None)
    assert names.shown == ("[FILTERED]", "token-service")
    before = {"shown": {"a": 1, token: 5}, "sketch": [[token, 3, 0], ["b", 2, 0]], "events": 11}
    assert names.load(before) == [token]
    assert names.data() == {"shown": {"a": 1}, "sketch": [["b", 2, 0]], "events": 11}


def test_as_frequent_is_not_enough_to_take_a_place() -> None:
    names = BoundedNames(1)
    assert [names.admit(name)[0] for name in ["a", "a", "b", "b", "b", "b"]] == ["a", "a", *[OTHER] * 4]
    assert names.admit("b") == ("b", "a")


@settings(max_examples=examples(50))
@given(st.lists(st.integers(0, 40), max_size=400), st.integers(1, 20))
def test_the_sketch_keeps_the_bounds_of_space_saving(events: list[int], most: int) -> None:
    sketch, exact = Sketch(most), Counter(map(str, events))
    for event in events:
        sketch.note(str(event))
    held = {name: (count, error) for name, count, error in sketch.data()}
    assert len(held) <= most
    for name, (count, error) in held.items():
        assert count - error <= exact[name] <= count
        assert error <= len(events) / most
    assert all(name in held for name, count in exact.items() if count > len(events) / most)


def test_a_million_distinct_names_cost_bounded_memory_and_even_time() -> None:
    names, totals = BoundedNames(100), Totals([REQUESTS])
    taken = []
    for part in range(2):
        start = time.process_time()
        for number in range(100_000):
            name, gone = names.admit(f"attack/{part}/{number}")
            if gone is not None:
                totals.fold("namespace", gone)
            totals.add(REQUESTS, (name, "4xx"))
        taken.append(time.process_time() - start)
    assert len(names.data()["sketch"]) <= 1000
    assert len(totals.data()[REQUESTS.name]) <= 101
    assert taken[1] < 5 * taken[0]


def test_the_ceiling_of_a_metric_sends_further_values_to_other_and_the_log_names_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    totals, log = Totals([REQUESTS], ceiling=3), logging.getLogger("t")
    for status in ("1", "2"):
        totals.add(REQUESTS, ("a", status))
    totals.log_refused(log)
    assert caplog.records == []
    for status in ("3" * 1000, "4", "4"):
        totals.add(REQUESTS, ("a", status))
    assert totals.value(REQUESTS, (OTHER, OTHER)) == 3
    assert totals.total(REQUESTS) == 5
    assert len(totals.data()[REQUESTS.name]) == 3
    totals.log_refused(log)
    (warning,) = caplog.records
    labels = [{"namespace": "a", "status": "3" * 100}, {"namespace": "a", "status": "4"}]
    assert {"metric": "t_requests_total", "ceiling": 3, "times": 3, "labels": labels}.items() <= vars(warning).items()
    totals.log_refused(log)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("other_first", [False, True])
@pytest.mark.parametrize("ceiling", [1, 2, 5])
def test_a_metric_never_has_more_series_than_its_ceiling_with_other_among_them(ceiling: int, other_first: bool) -> None:
    totals = Totals([BYTES, TIME], ceiling=ceiling)
    names = [*([OTHER] if other_first else []), *"abcdefgh", *([] if other_first else [OTHER])]
    for number, name in enumerate(names, 1):
        totals.add(BYTES, (name,))
        totals.observe(TIME, (name,), 0.5)
        totals.merge(TIME, (name,), [1, 0, 0, 0.05])
        assert (totals.total(BYTES), totals.total(TIME)) == (number, 2 * number)
        assert all(len(rows) <= ceiling for rows in totals.data().values())
    assert [len(rows) for rows in totals.data().values()] == [ceiling, ceiling]


def test_a_checkpoint_with_more_series_than_the_ceiling_gives_the_rest_to_other() -> None:
    before, after = Totals([BYTES, TIME], ceiling=9), Totals([BYTES, TIME], ceiling=3)
    for name in "abcdef":
        before.add(BYTES, (name,), 2)
        before.observe(TIME, (name,), 0.5)
    after.load(json.loads(json.dumps(before.data())))
    assert [len(rows) for rows in after.data().values()] == [3, 3]
    assert (after.total(BYTES), after.total(TIME)) == (12, 6)
    assert after.value(BYTES, (OTHER,)) == 8


def test_a_checkpoint_of_other_labels_or_buckets_is_left_out() -> None:
    totals = Totals([REQUESTS, TIME])
    totals.load(
        {"gone_total": [[["a"], 1]], REQUESTS.name: [[["a"], 1], [["a", "2xx"], 2]], TIME.name: [[["a"], [1, 2]]]}
    )
    assert totals.total(REQUESTS) == 2
    assert totals.total(TIME) == 0


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_is_shown_is_a_right_exposition_whatever_the_names_hold(openmetrics: bool) -> None:
    names, totals = BoundedNames(10), Totals([REQUESTS, BYTES, TIME])
    counted(names, totals, ['q"uote', "back\\slash", "line\nfeed", "a"])
    exposition = parse(ExporterInstruments([totals]).render(openmetrics=openmetrics))
    family = next(found for name, found in exposition.families.items() if name.startswith("t_requests"))
    assert {sample.labels["namespace"] for sample in family.samples} == {'q"uote', "back\\slash", "line\nfeed", "a"}
    times = [sample for sample in exposition.families["t_seconds"].samples if sample.labels["namespace"] == "a"]
    assert [sample.value for sample in times] == [0, 1, 1, 0.5, 1]


def test_the_catalog_tells_the_error_bound_of_every_metric_with_a_bounded_label() -> None:
    """As many names as the sketch of each label has, and each metric that has the label."""
    limits = {"client": 50, "type": 20, "actor": 20}
    counter = LogCounter(Flavor.GITLAB)
    assert {label: names.limit for label, names in counter.names.items()} == {
        "namespace": 100,
        **{label: limits[label] for label in ("client", "type")},
    }
    found = set()
    for metric in (*log_counts.METRICS, *notifications.METRICS):
        for label in (one.name for one in metric.forms[0].labels if one.name in {"namespace", *limits}):
            bound = "N/(10 K)" if label == "namespace" else f"N/{limits[label] * 10} "
            assert any(bound in text and f"values of {label} " in text for text in metric.pitfalls), metric.name
            found.add(label)
    assert found == {"namespace", "client", "type", "actor"}


def test_a_sketch_of_ten_names_for_each_shown_knows_every_name_above_the_bound() -> None:
    names = BoundedNames(3)
    for event in range(300):
        names.admit("often" if event % 25 == 0 else f"n{event}")  # 12 of 300: more than 300 / 30
    assert "often" in names.shown or any(name == "often" for name, _, _ in names.data()["sketch"])
