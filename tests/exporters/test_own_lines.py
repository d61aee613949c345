"""CNCF Distribution writes two access lines of most requests and one of some: each request counts once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.logs import LogExporter
from regobs.exporters.own_lines import OwnLines
from regobs.logs.reading.wrapping import Unwrapper

CATALOG = "/v2/_catalog?n=5"


def own(uri: str = "/v2/", status: int = 200, *, form: str = "json") -> bytes:
    fields = {"http.request.method": "GET", "http.request.uri": uri, "http.response.status": status}
    fields |= {"level": "info", "msg": "response completed", "http.response.written": 2}
    fields |= {"http.response.duration": "2.5ms", "time": "2026-11-23T23:36:49Z"}
    if form == "json":
        return json.dumps(fields).encode()
    return " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items()).encode()


def combined(uri: str = "/v2/", status: int = 200) -> bytes:
    return f'127.0.0.1 - - [23/Nov/2026:23:36:49 +0000] "GET {uri} HTTP/1.1" {status} 2 "" "c/1"'.encode()


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


def test_a_restart_between_the_two_lines_of_a_request_counts_it_once_and_stores_no_path(tmp_path: Path) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    for line in (own("/v2/secret/app/tags/list"), combined("/v2/secret/app/tags/list"), combined("/nix", 404)):
        with log.open("ab") as file:
            file.write(line + b"\n")
        exporter = LogExporter([str(log)], Flavor.DISTRIBUTION, state=state)
        exporter.restore()
        exporter.read()
        exporter._store()
        exporter._files.close()
        assert "tags/list" not in json.dumps(json.loads(state.read_bytes())["own"])
    assert counts(exporter._counter) == (2, 1, 1)
    assert json.loads(state.read_bytes())["own"] == {}


def test_own_lines_without_another_cost_bounded_memory() -> None:
    counter, unwrapper = LogCounter(Flavor.DISTRIBUTION), Unwrapper()
    counter.count([own(f"/v2/a{number}/tags/list") for number in range(3000)], unwrapper)
    assert len(counter.own_lines(unwrapper).data()) == 1000
    assert OwnLines(counter.own_lines(unwrapper).data()).data() == counter.own_lines(unwrapper).data()
    assert counts(counter) == (3000, 0, 0)
