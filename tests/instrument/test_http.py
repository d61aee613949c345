from __future__ import annotations

import threading
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.catalog import http
from regobs.catalog.model import Flavor
from regobs.errors import InstrumentError
from regobs.instrument import Instruments
from regobs.instrument.http.observer import code_label, method_label
from tests.examples import examples

Rows = dict[tuple[str, tuple[tuple[str, str], ...]], float]
BY_FAMILY = (http.DURATION, http.REQUEST_SIZE, http.RESPONSE_SIZE, http.TIME_TO_HEADER)


def rows(instruments: Instruments) -> Rows:
    return {
        (name, tuple(sorted(labels.items()))): value
        for family in instruments.families()
        for name, labels, value in family.samples()
    }


def slow(instruments: Instruments, requests: list[tuple[str, str, int, float, int, int, float]]) -> None:
    """The same through the ordinary children."""
    for route, method, code, *values in requests:
        words = {"route": route, "method": method.lower(), "code": code}
        for metric, value in zip(BY_FAMILY, values, strict=True):
            form = metric.form(instruments.flavor)
            if form is not None:
                labels = {label.name: words[label.name] for label in form.labels}
                instruments.histogram(metric).child(**labels).observe(value)
        instruments.counter(http.REQUESTS).child(**words).inc()
    instruments.gauge(http.IN_FLIGHT).zero()


@settings(max_examples=examples(60))
@given(
    st.sampled_from(Flavor),
    st.lists(
        st.tuples(
            st.sampled_from(["base", "manifest", "blob", "upload"]),
            st.sampled_from(["GET", "head", "Patch"]),
            st.integers(100, 599),
            st.sampled_from([0.0, 0.005, 0.0051, 60.0, 61.0]),
            st.sampled_from([0, 1024, 1025, 2**31, 2**31 + 1]),
            st.integers(0, 2**33),
            st.floats(0, 40),
        ),
        max_size=20,
    ),
)
def test_the_fast_way_counts_what_the_ordinary_children_count(
    flavor: Flavor, requests: list[tuple[str, str, int, float, int, int, float]]
) -> None:
    fast, ordinary = Instruments(flavor, strict=True), Instruments(flavor, strict=True)
    for request in requests:
        fast.http.begin(request[0])
        fast.http.finish(*request)
    slow(ordinary, requests)
    _ = fast.http
    assert rows(fast) == rows(ordinary)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.005, 0.0051, 0.1, 60.0, 61.0]) | st.floats(0, 100),
            st.sampled_from([0, 1024, 1025, 2**31, 2**31 + 1]),
            st.integers(0, 2**33),
            st.none() | st.floats(0, 40),
        ),
        max_size=300,
    ),
    st.sets(st.integers(0, 300), max_size=3),
)
def test_many_requests_of_one_kind_count_as_the_ordinary_children_count_at_every_scrape(
    measures: list[tuple[float, int, int, float | None]], scrapes: set[int]
) -> None:
    fast, ordinary = Instruments(strict=True), Instruments(strict=True)
    labels = {"route": "blob", "method": "get", "code": "200"}
    _ = ordinary.http
    for number, (seconds, request, response, header) in enumerate(measures):
        fast.http.finish("blob", "GET", 200, seconds, request, response, header)
        for metric, value in zip(BY_FAMILY, (seconds, request, response, header), strict=True):
            child = ordinary.histogram(metric).child(**labels)
            if value is not None:
                child.observe(value)
        ordinary.counter(http.REQUESTS).child(**labels).inc()
        if number in scrapes:
            assert fast.counter(http.REQUESTS).child(**labels).value == number + 1
            assert fast.histogram(http.DURATION).child(**labels).numbers()[-2] == number + 1
            assert rows(fast).items() >= rows(ordinary).items()
    if measures:
        fast.http.begin("blob")
        fast.http.drop("blob")
        assert {key: value for key, value in rows(fast).items() if "in_flight" not in key[0]} == {
            key: value for key, value in rows(ordinary).items() if "in_flight" not in key[0]
        }
        assert fast.render().count(b"\n") >= ordinary.render().count(b"\n")


def test_a_scrape_during_requests_of_other_threads_has_all_that_were_finished_before_it() -> None:
    instruments = Instruments()
    finished = [0, 0, 0]
    labels = {"route": "manifest", "method": "get", "code": "200"}

    def serve(which: int) -> None:
        for number in range(5_000):
            instruments.http.finish("manifest", "GET", 200, 0.01, 100, 2_000, 0.01)
            finished[which] = number + 1

    threads = [threading.Thread(target=serve, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        before = sum(finished)
        shown = instruments.histogram(http.DURATION).child(**labels).numbers()[-2]
        assert before <= shown <= 15_000
    assert instruments.counter(http.REQUESTS).child(**labels).value == 15_000
    assert b'"} 15000\n' in instruments.render()


KIND = st.tuples(st.sampled_from(["base", "manifest"]), st.sampled_from(["GET", "Patch"]), st.sampled_from([200, 404]))
MEASURES = st.tuples(
    st.sampled_from([0.0, 0.005, 0.0051, 61.0]),
    st.sampled_from([0, 1024, 1025, 2**31 + 1]),
    st.integers(0, 2**33),
    st.sampled_from([0.0, 0.5, 40.0]),
)


@settings(max_examples=examples(60))
@given(st.sampled_from(Flavor), st.lists(st.tuples(KIND, st.lists(MEASURES, max_size=5)), max_size=8))
def test_many_requests_in_one_call_count_as_much_as_one_by_one(
    flavor: Flavor, groups: list[tuple[tuple[str, str, int], list[tuple[float, int, int, float]]]]
) -> None:
    together, single = Instruments(flavor, strict=True), Instruments(flavor, strict=True)
    for kind, measures in groups:
        together.http.finish_many(*kind, *([row[place] for row in measures] for place in range(4)))
        for row in measures:
            single.http.begin(kind[0])
            seconds, received, sent, header = row
            single.http.finish(*kind, seconds, received, sent, header)
        if not measures:
            single.http.finish_many(*kind, [], [], [], [])
    _ = together.http, single.http
    assert rows(together) == pytest.approx(rows(single))


def test_many_requests_leave_those_in_flight_and_the_families_that_are_left_out() -> None:
    instruments = Instruments(strict=True)
    instruments.http.begin("manifest")
    instruments.http.finish_many("manifest", "GET", 200, [0.1, 0.2])
    found = {name: value for (name, labels), value in rows(instruments).items() if dict(labels).get("code") == "200"}
    assert found["registry_http_requests_total"] == found["registry_http_request_duration_seconds_count"] == 2
    assert found["registry_http_request_size_bytes_count"] == 0
    in_flight = [value for (name, _), value in rows(instruments).items() if name == "registry_http_in_flight_requests"]
    assert sum(in_flight) == 1


@pytest.mark.parametrize("measures", [([0.1, "x"],), ([0.1], [1, 2]), ([0.1], None, None, [None])])
def test_many_requests_with_a_wrong_number_are_refused_all(measures: tuple[list[float], ...]) -> None:
    instruments = Instruments(strict=True)
    with pytest.raises(InstrumentError, match="a wrong value"):
        instruments.http.finish_many("manifest", "GET", 200, *measures)
    assert all(value == 0 for value in rows(instruments).values())


@pytest.mark.parametrize("flavor", Flavor)
def test_every_request_is_counted_exactly_once_under_threads(flavor: Flavor) -> None:
    instruments = Instruments(flavor, strict=True)
    observer = instruments.http
    mix = list(product(("manifest", "blob", "upload"), ("GET", "HEAD"), (200, 404, 500)))

    def work() -> None:
        for step in range(3_000):
            route, method, code = mix[step % len(mix)]
            observer.begin(route)
            observer.finish(route, method, code, 0.5, 2048, 100, 0.25)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(instruments)
    totals: dict[str, float] = {}
    for (name, _), value in found.items():
        totals[name] = totals.get(name, 0) + value
    calls = 8 * 3_000
    assert totals["registry_http_requests_total"] == calls
    assert totals["registry_http_in_flight_requests"] == 0
    assert totals["registry_http_request_duration_seconds_count"] == calls
    assert totals["registry_http_request_duration_seconds_sum"] == 0.5 * calls
    assert totals["registry_http_request_size_bytes_sum"] == 2048 * calls
    assert totals["registry_http_response_size_bytes_sum"] == 100 * calls
    expected = 0.25 * calls if flavor is Flavor.GITLAB else None
    assert totals.get("registry_http_time_to_write_header_seconds_sum") == expected


def test_requests_in_flight_are_those_begun_and_not_finished() -> None:
    instruments = Instruments(Flavor.DISTRIBUTION, strict=True)
    for _ in range(3):
        instruments.http.begin("upload_start")
    instruments.http.finish("upload_start", "POST", 202, 0.1, 10, 0)
    instruments.http.drop("upload_start")
    found = rows(instruments)
    assert found["registry_http_in_flight_requests", (("handler", "blob_upload"),)] == 1
    assert sum(value for (name, _), value in found.items() if name == "registry_http_requests_total") == 1


def test_a_request_without_header_has_no_time_to_header() -> None:
    instruments = Instruments(Flavor.GITLAB, strict=True)
    instruments.http.finish("blob", "GET", 0, 0.1, 10, 0, None)
    labels = (("code", "200"), ("method", "get"), ("route", "/v2/{name}/blobs/{digest}"))
    found = rows(instruments)
    assert found["registry_http_requests_total", labels] == 1
    assert found["registry_http_time_to_write_header_seconds_count", labels] == 0


@pytest.mark.parametrize(
    ("code", "label"),
    [(100, "100"), (99, "unknown"), (599, "599"), (600, "unknown"), (0, "200"), (-1, "unknown"), (499, "499")],
)
def test_a_status_is_written_as_the_go_client_library_writes_it(code: int, label: str) -> None:
    assert code_label(code) == label


@pytest.mark.parametrize(
    ("method", "label"), [("GET", "get"), ("pAtCh", "patch"), ("BREW", "unknown"), ("", "unknown")]
)
def test_a_method_is_small_or_unknown(method: str, label: str) -> None:
    assert method_label(method) == label


def test_methods_and_statuses_that_clients_invent_make_no_further_series() -> None:
    instruments = Instruments(Flavor.GITLAB)
    for number in range(300):
        instruments.http.finish("blob", f"BREW{number}", 600 + number, 0.1, 10, 0, 0.1)
        instruments.http.finish(f"route{number}", "GET", 200, 0.1, 10, 0, 0.1)
    counted = {labels: value for (name, labels), value in rows(instruments).items() if name == http.REQUESTS.name}
    assert sorted(counted.values()) == [300, 300]
    assert len(instruments.http._cells) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("blob", "GET", 200, "slow", 10, 0, 0.1),
        ("blob", "GET", 200, 0.1, None, 0, 0.1),
        ("blob", "GET", "200", 0.1, 10, 0, 0.1),
        ("blob", None, 200, 0.1, 10, 0, 0.1),
        ("blob", "GET", [200], 0.1, 10, 0, 0.1),
    ],
)
def test_a_wrong_value_raises_in_development_and_never_breaks_production(wrong: tuple[object, ...]) -> None:
    with pytest.raises(InstrumentError, match="registry_http_requests_total: a wrong value"):
        Instruments(Flavor.GITLAB, strict=True).http.finish(*wrong)  # type: ignore[arg-type]
    instruments = Instruments(Flavor.GITLAB)
    instruments.http.begin("blob")
    instruments.http.finish(*wrong)  # type: ignore[arg-type]
    assert rows(instruments)["registry_http_in_flight_requests", ()] == 0
    assert sum(value for (name, _), value in rows(instruments).items() if name == "regobs_instrument_errors_total") == 1


def test_a_version_whose_http_metrics_have_another_label_is_refused_by_name() -> None:
    with pytest.raises(InstrumentError, match="has the label migration_path"):
        _ = Instruments(Flavor.GITLAB, version="3.10.0").http


def test_the_observer_and_the_ordinary_children_count_into_the_same_series() -> None:
    instruments = Instruments(Flavor.GITLAB)
    instruments[http.REQUESTS].child(route="base", method="get", code=200).inc()
    instruments.http.finish("base", "GET", 200, 0.1, 10, 0, 0.1)
    labels = (("code", "200"), ("method", "get"), ("route", "/v2/"))
    assert rows(instruments)["registry_http_requests_total", labels] == 2
