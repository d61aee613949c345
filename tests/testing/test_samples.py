from __future__ import annotations

import pytest

from regobs.catalog import database, http, notifications, storage
from regobs.errors import InstrumentError
from regobs.instrument import Instruments
from regobs.testing import Scrape, assert_moved, sample, series


@pytest.fixture
def instruments() -> Instruments:
    made = Instruments("gitlab", strict=True)
    made.http.finish("blob", "GET", 200, 0.5, 10, 4711, 0.1)
    made.http.finish("manifest", "PUT", 201, 0.25, 10, 0, 0.1)
    return made


def test_a_sample_is_the_sum_of_the_series_with_these_labels(instruments: Instruments) -> None:
    assert sample(instruments, http.REQUESTS) == 2
    assert sample(instruments, http.REQUESTS, route="blob") == 1
    assert sample(instruments, http.REQUESTS, route="blob", code=201) == 0
    assert sample(instruments, http.REQUESTS, route="/v2/{name}/manifests/{reference}") == 1


def test_a_histogram_is_counted_and_its_other_parts_can_be_asked_for(instruments: Instruments) -> None:
    assert sample(instruments, http.DURATION) == 2
    assert sample(instruments, http.DURATION, part="sum") == 0.75
    assert sample(instruments, http.DURATION, part="bucket", le=0.25) == 1
    assert sample(instruments, http.DURATION, part="bucket", le="+Inf", route="blob") == 1


def test_series_have_their_exposed_labels(instruments: Instruments) -> None:
    (pairs,) = series(instruments, http.REQUESTS, route="blob")
    assert dict(pairs) == {"code": "200", "method": "get", "route": "/v2/{name}/blobs/{digest}"}


def test_a_family_nobody_used_is_0(instruments: Instruments) -> None:
    assert sample(instruments, storage.ACTIONS, action="Stat") == 0
    assert series(instruments, storage.ACTIONS) == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rout": "blob"}, "did you mean route?"),
        ({"route": "blobs"}, "did you mean blob?"),
        ({"part": "bucket"}, "no such part"),
        ({"le": 1}, "has no label le"),
    ],
)
def test_what_does_not_exist_is_an_error_and_no_0(instruments: Instruments, options: dict[str, str], says: str) -> None:
    with pytest.raises(InstrumentError) as error:
        sample(instruments, http.REQUESTS, **options)
    assert says in str(error.value)


def test_a_metric_of_the_other_flavor_is_an_error() -> None:
    with pytest.raises(InstrumentError, match="does not expose it"):
        sample(Instruments("distribution"), database.QUERIES)


def test_what_moved_is_found_and_what_did_not_is_a_failure_that_shows_it(instruments: Instruments) -> None:
    with assert_moved(instruments, http.REQUESTS, by=1, route="blob"):
        instruments.http.finish("blob", "GET", 200, 0.5, 10, 4711, 0.1)
    with assert_moved(instruments, http.DURATION, part="sum", by=0.1 + 0.2):
        instruments.http.finish("blob", "GET", 200, 0.1, 10, 4711, 0.1)
        instruments.http.finish("blob", "GET", 200, 0.2, 10, 4711, 0.1)
    with (
        pytest.raises(AssertionError, match=r"moved by 2, expected 1\n(.|\n)*code=404(.|\n)*: 2"),
        assert_moved(instruments, http.REQUESTS, by=1),
    ):
        instruments[http.REQUESTS].child(route="blob", method="get", code="404").inc(2)


@pytest.mark.parametrize("by", [None, 1])
def test_what_stands_still_fails_unless_that_is_asked_for(instruments: Instruments, by: float | None) -> None:
    with pytest.raises(AssertionError, match="moved by 0"), assert_moved(instruments, http.REQUESTS, by=by):
        pass
    with assert_moved(instruments, http.REQUESTS, by=0):
        pass


def test_a_block_that_raises_is_not_judged(instruments: Instruments) -> None:
    with pytest.raises(ZeroDivisionError), assert_moved(instruments, http.REQUESTS):
        raise ZeroDivisionError


def test_a_gauge_can_move_down(instruments: Instruments) -> None:
    instruments[notifications.PENDING].child(endpoint="a").set(3)
    with assert_moved(instruments, notifications.PENDING, by=-2, endpoint="a"):
        instruments[notifications.PENDING].child(endpoint="a").dec(2)


def test_a_scrape_of_another_process_is_asked_the_same_way() -> None:
    instruments = Instruments("gitlab", strict=True)

    def count() -> None:
        instruments.http.begin("blob")
        instruments.http.finish("blob", "GET", 200, 0.1, 10, 4711, 0.1)

    def scraped() -> Scrape:
        return Scrape(instruments.render())

    count()
    scrape = scraped()
    assert sample(scrape, http.REQUESTS, route="blob", code="200") == 1
    for part in ("count", "sum", "bucket"):
        assert series(scrape, http.DURATION, part=part) == series(instruments, http.DURATION, part=part)
    assert sample(scrape, http.REQUESTS, route="manifest") == 0
    with assert_moved(scraped, http.RESPONSE_SIZE, by=4711, part="sum", route="blob"):
        count()
    with pytest.raises(AssertionError, match="moved by 1, expected 2"), assert_moved(scraped, http.REQUESTS, by=2):
        count()
    with pytest.raises(InstrumentError, match="no label reop"):
        sample(scrape, http.REQUESTS, reop="blob")
    with pytest.raises(InstrumentError, match="does not expose it"):
        sample(scrape, storage.CACHE_HITS)
