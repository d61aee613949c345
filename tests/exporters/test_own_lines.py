"""CNCF Distribution writes two access lines of most requests and one of some: each request counts once."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.logs import LogExporter
from regobs.exporters.own_lines import OwnLines
from regobs.logs.reading.wrapping import Unwrapper
from tests.exporters.distribution_lines import APACHE, combined, failed, own

CATALOG = "/v2/_catalog?n=5"


def counts(counter: LogCounter) -> tuple[int, int, int]:
    """Requests, those of no route, lines that repeat one."""
    data = counter.totals.data()[metrics.REQUESTS.name]
    unmatched = sum(value for labels, value in data if metrics.UNMATCHED in labels)
    total = counter.totals.total(metrics.REQUESTS)
    return total, unmatched, counter.totals.value(metrics.LINES, ("repeated",))


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("uri", ["/v2/", CATALOG, "/v2/a/b/tags/list"])
def test_two_lines_of_a_request_count_once(form: str, uri: str) -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    lines = [own(uri, form=form), own(uri, form=form), combined(uri), own(uri, form=form), combined(uri), combined(uri)]
    counter.count(lines, Unwrapper())
    assert counts(counter) == (3, 0, 3)


@pytest.mark.parametrize(
    ("uri", "status", "unmatched"), [("/nix", 404, 10), ("/", 200, 10), ("/v2/a/tags/list", 405, 0)]
)
def test_a_request_that_only_has_the_line_of_apaches_form_counts_by_it(uri: str, status: int, unmatched: int) -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    counter.count([own(), combined(), *[combined(uri, status)] * 10, own(), combined()], Unwrapper())
    assert counts(counter) == (12, unmatched, 2)


def test_a_redirect_of_a_path_without_a_route_that_has_both_lines_counts_once() -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    counter.count([own("/v2//a", 301), combined("/v2//a", 301)], Unwrapper())
    assert counts(counter) == (1, 1, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_the_lines_of_one_file_say_nothing_of_those_of_another(turned: bool) -> None:
    files = [[own(), combined()], [combined(), combined("/nix", 404)]]
    counter = LogCounter(Flavor.DISTRIBUTION)
    for lines in reversed(files) if turned else files:
        counter.count(lines, Unwrapper())
    assert counts(counter) == (3, 1, 1)


def restarted(log: Path, state: Path, line: bytes) -> LogExporter:
    """An exporter that goes on from a state, reads one line more and stores."""
    with log.open("ab") as file:
        file.write(line + b"\n")
    exporter = LogExporter([str(log)], Flavor.DISTRIBUTION, state=state)
    exporter.restore()
    exporter.read()
    exporter._store()
    exporter._files.close()
    return exporter


def test_a_restart_between_the_two_lines_of_a_request_counts_it_once_and_stores_no_path(tmp_path: Path) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    for line in (own("/v2/secret/app/tags/list"), combined("/v2/secret/app/tags/list"), combined("/nix", 404)):
        exporter = restarted(log, state, line)
        assert "tags/list" not in json.dumps(json.loads(state.read_bytes())["own"])
    assert counts(exporter._counter) == (2, 1, 1)
    [[kind, waiting]] = json.loads(state.read_bytes())["own"][str(log)]
    assert (len(kind), waiting) == (16, -1)  # of /nix, whose own line may be in a file that cannot be read just now


@pytest.mark.parametrize("order", sorted(set(permutations("aaoo"))), ids="".join)
def test_a_request_counts_once_with_its_time_in_whatever_order_its_lines_are_read(order: tuple[str, ...]) -> None:
    counter, unwrapper = LogCounter(Flavor.DISTRIBUTION), Unwrapper()
    for word in order:
        counter.count([own("/v2/a/b/tags/list") if word == "o" else combined("/v2/a/b/tags/list")], unwrapper)
    assert counts(counter) == (2, 0, 2)
    totals = counter.totals
    assert totals.total(metrics.NAMESPACE_REQUESTS) == totals.total(metrics.DURATION) == 2
    assert totals.total(metrics.CLIENTS) == 2
    assert totals.value(metrics.BYTES, ("written", "get", "/v2/{name}/tags/list", "2xx")) == 4
    assert totals.data()[metrics.NAMESPACE_TIME.name] == [[["other", "a", "2xx"], pytest.approx(0.004)]]


@pytest.mark.parametrize("lines", sorted(set(permutations([failed("one"), failed("one"), APACHE]))))
def test_a_request_with_errors_counts_once_in_whatever_order_its_lines_are_read(lines: tuple[bytes, ...]) -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    counter.count(lines, Unwrapper())
    assert counts(counter) == (1, 0, 2)
    assert counter.totals.total(metrics.API_ERRORS) == 2


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_request_with_several_errors_counts_once_and_each_error_by_its_code(form: str) -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    one, two = [failed("one", form=form)] * 4, [failed("two", code, form=form) for code in ("manifest unknown", "odd")]
    counter.count([*one, APACHE, two[0], one[0], two[1], APACHE], Unwrapper())  # lines of two requests may mix
    assert counts(counter) == (2, 0, 7)
    totals = counter.totals
    assert totals.total(metrics.NAMESPACE_REQUESTS) == totals.total(metrics.DURATION) == 2
    assert totals.value(metrics.BYTES, ("written", "put", "/v2/{name}/manifests/{reference}", "4xx")) == 1250
    codes = {code: number for (code,), number in totals.data()[metrics.API_ERRORS.name]}
    assert codes == {"MANIFEST_BLOB_UNKNOWN": 5, "MANIFEST_UNKNOWN": 1, "other": 1}
    assert totals.value(metrics.MESSAGES, ("error", "response completed with error")) == 7
    assert totals.total(metrics.MESSAGES) == 7
    assert totals.total(metrics.LINES) == 9


def test_lines_without_a_request_id_are_a_request_each() -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    counter.count([failed("")] * 3, Unwrapper())
    assert counts(counter) == (3, 0, 0)


def test_an_error_of_a_request_whose_first_stands_in_another_file_is_a_request_there() -> None:
    counter = LogCounter(Flavor.DISTRIBUTION)
    for _ in range(2):
        counter.count([failed("one")], Unwrapper())
    assert counts(counter) == (2, 0, 0)


def test_a_restart_between_the_errors_of_a_request_counts_it_once_and_stores_no_id(tmp_path: Path) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    for line in (failed("secret-id"), failed("secret-id"), APACHE, failed("secret-id")):
        exporter = restarted(log, state, line)
    assert b"secret-id" not in state.read_bytes()
    assert counts(exporter._counter) == (1, 0, 3)


def test_a_state_of_a_version_that_noted_no_failed_requests_is_read(tmp_path: Path) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    log.write_bytes(own() + b"\n")
    exporter = LogExporter([str(log)], Flavor.DISTRIBUTION, state=state)
    exporter.read()
    exporter._store()
    exporter._files.close()
    stored = json.loads(state.read_bytes())
    del stored["failed"]
    state.write_text(json.dumps(stored), encoding="utf-8")
    with log.open("ab") as file:
        file.write(combined() + b"\n")
    later = LogExporter([str(log)], Flavor.DISTRIBUTION, state=state)
    later.restore()
    later.read()
    later._files.close()
    assert counts(later._counter) == (1, 0, 1)


def test_failed_requests_cost_bounded_memory() -> None:
    counter, unwrapper = LogCounter(Flavor.DISTRIBUTION), Unwrapper()
    counter.count([failed(f"id{number}") for number in range(3000)], unwrapper)
    counter.count([failed("id2999")] * 3000, unwrapper)
    kept = counter.own_lines(unwrapper)
    assert len(kept.failed()) == 1000
    assert OwnLines(kept.data(), kept.failed()).failed() == kept.failed()
    assert counts(counter) == (3000, 0, 3000)


def test_own_lines_without_another_cost_bounded_memory() -> None:
    counter, unwrapper = LogCounter(Flavor.DISTRIBUTION), Unwrapper()
    counter.count([own(f"/v2/a{number}/tags/list") for number in range(3000)], unwrapper)
    assert len(counter.own_lines(unwrapper).data()) == 1000
    assert OwnLines(counter.own_lines(unwrapper).data()).data() == counter.own_lines(unwrapper).data()
    assert counts(counter) == (3000, 0, 0)
