"""The search API of Prometheus 3.13, of which no release is among the test servers: against a strict stub."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from regobs.errors import EndpointError, ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.search import FoundNames
from regobs.query.server_names import KEPT, KeptNames
from regobs.query.suggest import suggestions
from tests.prometheus.search_stub import TYPE, lines, search
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, failure, success

PATH = "/api/v1/search"
METRICS = (
    {"name": "my_requests_total", "type": "counter", "help": "Requests.", "unit": ""},
    {"name": "my_rows", "type": "gauge", "help": "Rows.", "unit": "rows"},
    {"name": "many_years", "type": "gauge", "help": "m, y.", "unit": ""},
    {"name": "job:my:sum"},
    {"name": "mine"},
)
OK = {"status": "success", "has_more": False}


def ask(reply: Reply | Callable[[Request], Reply], part: str = "metric_names", begun: str = "my") -> FoundNames:
    with Stub({f"{PATH}/{part}": reply}) as stub, Prometheus(stub.url) as server:
        return server.search(part, begun, label="rack" if part == "label_values" else "")  # type: ignore[arg-type]


def test_metrics_that_begin_so_are_found_with_what_they_are() -> None:
    found = ask(search("metric_names", METRICS))
    assert found == FoundNames({"my_requests_total": "counter: Requests.", "my_rows": "gauge rows: Rows."}, whole=True)
    every = ask(search("metric_names", METRICS), begun="")
    assert (every.names["job:my:sum"], every.names["mine"]) == ("recorded series", "series")


def test_labels_and_values_are_found() -> None:
    assert list(ask(search("label_names", ["rack", "zone"]), "label_names", "r").names) == ["rack"]
    assert list(ask(search("label_values", ["r1", "r2", "x"]), "label_values", "r").names) == ["r1", "r2"]


@pytest.mark.parametrize(("count", "whole"), [(1_000, True), (1_001, False)])
def test_up_to_a_thousand_names_are_asked_and_more_are_known_to_be_there(count: int, whole: bool) -> None:
    found = ask(search("label_names", [f"my{number}" for number in range(count)]), "label_names")
    assert (len(found.names), found.whole) == (1_000, whole)


@pytest.mark.parametrize(("most", "expected"), [(20, 20), (500, 100)])
def test_a_server_with_a_lower_limit_is_asked_for_what_it_gives(most: int, expected: int) -> None:
    found = ask(search("label_names", [f"my{number}" for number in range(600)], most), "label_names")
    assert (len(found.names), found.whole) == (expected, False)


def test_warnings_of_batches_and_of_the_end_are_kept_and_unknown_fields_ignored() -> None:
    first = {"results": [{"name": "my_x", "score": 1.0}], "warnings": ["a"], "new": 1}
    found = ask(lines(first, {"results": [{"name": "my_y"}]}, {**OK, "warnings": ["b"], "cursor": "z"}))
    assert (list(found.names), found.whole, found.warnings) == (["my_x", "my_y"], True, ("a", "b"))


def test_an_answer_that_ends_without_its_last_line_is_not_the_whole() -> None:
    assert ask(lines({"results": [{"name": "my_x"}]})) == FoundNames({"my_x": "series"}, whole=False)


@pytest.mark.parametrize(
    "reply",
    [
        NOT_FOUND,
        failure(503, "unavailable", "search API disabled"),
        failure(422, "execution", "unavailable with Prometheus Agent"),
        Reply(400, "unsupported path requested", "text/plain"),
        Reply(200, "<html>", "text/html"),
        success([]),
        Reply(200, '{"results": [', TYPE),
        Reply(200, '{"results": [{"value": "x"}]}\n', TYPE),
        Reply(200, '{"results": 1}\n', TYPE),
        Reply(200, "[1]\n", TYPE),
        lines({"results": [{"name": "my_x"}]}, {"status": "error", "errorType": "internal", "error": "broken"}),
    ],
)
def test_what_is_no_answer_of_the_search_is_an_endpoint_that_is_not_there(reply: Reply) -> None:
    with pytest.raises(EndpointError):
        ask(reply)


def test_a_refused_token_is_that_of_the_server() -> None:
    with pytest.raises(ServerError, match="authentication") as error:
        ask(Reply(401, "no"))
    assert not isinstance(error.value, EndpointError)


def test_completion_searches_and_asks_no_more_than_is_new() -> None:
    many = [f"r{number:05}" for number in range(3_000)]
    replies = {
        f"{PATH}/metric_names": search("metric_names", METRICS),
        f"{PATH}/label_names": search("label_names", ["rack", "zone"]),
        f"{PATH}/label_values": search("label_values", many),
    }
    now = [1_000.0]
    with Stub(replies) as stub, Prometheus(stub.url) as server:
        names = KeptNames(lambda: server, now=lambda: now[0])

        def offered(text: str) -> tuple[list[str], int]:
            before = len(stub.requests)
            return [one.text for one in suggestions(text, "", names)], len(stub.requests) - before

        assert offered("my_r") == (["my_requests_total", "my_rows"], 1)
        assert offered("my_row") == (["my_rows"], 0)  # all that begins with my_r is known
        assert offered("my_rows{ra") == (["rack"], 1)
        assert stub.requests[-1].params["match[]"] == ["my_rows"]
        assert offered('my_rows{rack="')[1] == 1
        assert offered('my_rows{rack="r0250') == ([f"r{number:05}" for number in range(2_500, 2_510)], 1)
        assert offered('my_rows{rack="r02501') == (["r02501"], 0)
        assert offered('my_rows{rack="r0\\\\') == ([], 1)
        assert stub.requests[-1].params["search[]"] == ["r0"]
        now[0] += KEPT
        assert offered("my_row") == (["my_rows"], 1)
    assert {one.path.rpartition("/")[0] for one in stub.requests} == {PATH}


def test_completion_falls_back_once_where_the_search_is_switched_off() -> None:
    replies = {
        f"{PATH}/label_names": failure(503, "unavailable", "search API disabled"),
        "/api/v1/labels": success(["rack", "zone"]),
    }
    with Stub(replies) as stub, Prometheus(stub.url) as server:
        names = KeptNames(lambda: server)
        assert [names.labels("x", begun) for begun in ("r", "ra", "z")] == [("rack", "zone")] * 3
        assert [one.path for one in stub.requests] == [f"{PATH}/label_names", "/api/v1/labels"]


def test_a_server_that_is_away_is_not_asked_with_every_letter() -> None:
    asked = []

    def refuse() -> Prometheus:
        asked.append(1)
        raise ServerError("away")

    names = KeptNames(refuse)
    assert [names.series(begun) for begun in ("a", "ab", "b")] == [{}] * 3
    assert len(asked) == 1


def test_what_was_found_is_read_back_from_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("names") / "x.json"
    with Stub({f"{PATH}/metric_names": search("metric_names", METRICS)}) as stub, Prometheus(stub.url) as server:
        for _ in range(2):
            assert list(KeptNames(lambda: server, file).series("my_row")) == ["my_rows"]
        assert len(stub.requests) == 1
    assert json.loads(file.read_text())
