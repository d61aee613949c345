from __future__ import annotations

import logging

import pytest

from regobs.catalog import build_info, database, http, notifications, storage
from regobs.errors import InstrumentError
from regobs.instrument import Instruments, LogASGI
from regobs.testing import Lines, Scrape, assert_moved, captured_lines, sample, series
from tests.instrument.test_asgi import answer, scope, serve


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


def test_access_lines_are_parsed_found_and_held_to_the_schema() -> None:
    lines = Lines()
    app = LogASGI(answer(200, b"x"), lines)
    serve(app, scope())
    assert lines.only(msg="access")["status"] == 200
    lines.validate(strict=True)
    serve(app, scope())
    with pytest.raises(AssertionError, match="2 lines have"):
        lines.only(msg="access")
    with pytest.raises(AssertionError, match="0 lines have"):
        lines.only(msg="nothing")


def test_a_line_that_is_not_of_the_schema_fails() -> None:
    lines = Lines()
    lines('{"level":"info","msg":"access","time":"2026-11-23T11:11:21.645Z","status":"200"}')
    with pytest.raises(AssertionError, match="status"):
        lines.validate()


@pytest.mark.parametrize("text", ["", "[]", "no", '{"a":1}\n{"b":2}', '{"a":\n1}'])
def test_what_is_no_line_fails(text: str) -> None:
    with pytest.raises(AssertionError, match="no line with one JSON object"):
        Lines()(text)


def test_what_is_logged_is_captured_and_afterwards_no_more() -> None:
    log = logging.getLogger("registry.gc.worker.BlobWorker")
    with captured_lines(static={"service": "registry"}) as lines:
        log.debug("no task available")
        log.info("blob deleted", extra={"digest": f"sha256:{'0' * 64}", "duration_s": 0.5})
    log.info("later")
    assert [line["msg"] for line in lines] == ["no task available", "blob deleted"]
    assert lines.where(component="registry.gc.worker.BlobWorker", service="registry") == list(lines)
    assert lines.only(msg="blob deleted")["duration_s"] == 0.5
    assert build_info.BUILD.name not in str(lines)


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
