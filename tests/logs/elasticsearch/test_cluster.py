"""What happens between us and an Elasticsearch that is busy, goes away, or is none: a stub with a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from regobs.errors import EndpointError, MachineError, QueryError, ServerError
from regobs.logs.elasticsearch.access import Access
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.run import run
from regobs.logs.elasticsearch.search import PAGE
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from tests.stub_server import StubHandler, StubServer

COUNT = Query("count", metrics=(QueryMetric("n", MetricKind.COUNT),))
TOTAL = {"_shards": {"total": 1}, "hits": {"total": {"value": 3}, "hits": []}, "pit_id": "p2"}
OPENED = {"id": "p1"}
PRODUCT = {"x-elastic-product": "Elasticsearch"}


@dataclass
class Reply:
    """One scripted answer; without a status the connection is closed."""

    body: object = None
    status: int | None = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(PRODUCT))


class Stub(StubServer):
    """Answers from a script, the last one again and again, and keeps what it was asked."""

    def __init__(self, script: list[Reply], port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.script = script
        self.asked: list[tuple[str, str, Any]] = []
        self.seen_headers: list[dict[str, str]] = []


class _Handler(StubHandler):
    server: Stub

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        self.server.seen_headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        if reply.status is None:
            self.close_connection = True
            return
        content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        self.answer(reply.status, content, "application/vnd.elasticsearch+json;compatible-with=8", reply.headers)

    do_GET = do_POST = do_DELETE = _answer


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    with ExitStack() as started:
        yield lambda *script: started.enter_context(Stub(list(script)))


def _run(server: Stub, query: Query = COUNT, **access: Any) -> tuple[Any, list[float]]:
    pauses: list[float] = []
    with Cluster(Access(server.url, **access), sleep=pauses.append) as cluster:
        return run(query, cluster, index="logs-*"), pauses


def test_a_query_opens_a_point_in_time_asks_with_it_and_closes_it(stub: Callable[..., Stub]) -> None:
    server = stub(Reply(OPENED), Reply(TOTAL))
    answer, pauses = _run(server, api_key="secret")
    assert (answer.rows, answer.lines, pauses) == (((3,),), 3, [])
    assert [(method, path.split("?")[0]) for method, path, _ in server.asked] == [
        ("POST", "/logs-*/_pit"),
        ("POST", "/_search"),
        ("POST", "/_search"),
        ("DELETE", "/_pit"),
    ]
    assert server.asked[1][2]["pit"]["id"] == "p1"
    assert [body["id"] for *_, body in server.asked[3:]] == ["p2"]
    assert server.seen_headers[0]["authorization"] == "ApiKey secret"
    assert {headers["accept"] for headers in server.seen_headers} == {
        "application/vnd.elasticsearch+json; compatible-with=8"
    }


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_growing_pauses(stub: Callable[..., Stub], status: int) -> None:
    busy = Reply({"error": "busy"}, status)
    server = stub(busy, busy, busy, Reply(OPENED), Reply(TOTAL))
    _, pauses = _run(server)
    assert [0.5 <= pause / usual <= 1.5 for pause, usual in zip(pauses, (0.5, 1, 2), strict=True)] == [True] * 3
    with pytest.raises(QueryError, match=str(status)):
        _run(stub(busy))


def test_the_pause_that_a_server_asks_for_is_made_if_it_is_short(stub: Callable[..., Stub]) -> None:
    def busy(seconds: str) -> Reply:
        return Reply({}, 429, PRODUCT | {"retry-after": seconds})

    assert _run(stub(busy("3"), busy("3600"), Reply(OPENED), Reply(TOTAL)))[1] == [3, 10]


def test_a_connection_that_breaks_later_is_made_again_but_not_the_first_one(stub: Callable[..., Stub]) -> None:
    gone = Reply(status=None)
    assert len(_run(stub(Reply(OPENED), gone, Reply(TOTAL)))[1]) == 1
    server = stub(gone)
    with pytest.raises(ServerError, match="cannot be reached"):
        _run(server)
    assert len(server.asked) == 1


def test_a_server_that_is_down_for_a_moment_is_asked_again_when_it_is_back(stub: Callable[..., Stub]) -> None:
    first = stub(Reply(OPENED), Reply(TOTAL))
    pauses: list[float] = []

    def come_back(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 2:  # nobody listens until then
            later.append(Stub([Reply(TOTAL)], first.server_port).__enter__())

    later: list[Stub] = []
    with Cluster(Access(first.url), sleep=come_back) as cluster, cluster.moment("logs-*") as moment:
        first.shutdown()
        first.server_close()
        assert moment.lines() == 3
    assert len(pauses) == 2
    later[0].__exit__(None, None, None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(OPENED, headers={}),
        Reply("<html>", headers={"content-type": "text/html"}),
        Reply("<html>", headers=PRODUCT | {"content-type": "text/html"}),
        Reply("{", headers=PRODUCT),
        Reply({"statusCode": 404, "error": "Not Found", "message": "Not Found"}, 404, {}),  # Kibana
        Reply({"error": "no handler found for uri [/logs-*/_pit] and method [POST]"}, 400, {}),
        Reply({"opened": "p1"}),
        Reply("<html>", 501, {"content-type": "text/html"}),  # a web server
    ],
)
def test_what_is_no_elasticsearch_is_called_so(stub: Callable[..., Stub], reply: Reply) -> None:
    with pytest.raises(ServerError, match="no Elasticsearch"):
        _run(stub(reply))


@pytest.mark.parametrize(
    ("status", "kind", "error", "message"),
    [
        (400, "parsing_exception", QueryError, "answered 400"),
        (404, "index_not_found_exception", ServerError, "no such index"),
        (404, "search_context_missing_exception", ServerError, "forgot the point in time"),
        (405, "", EndpointError, "point in time"),
        (406, "", ServerError, "no Elasticsearch"),
        (503, "too_many_buckets_exception", QueryError, "too large"),
        (500, "circuit_breaking_exception", QueryError, "too large"),
    ],
)
def test_an_answer_that_is_an_error_says_what_to_do(
    stub: Callable[..., Stub], status: int, kind: str, error: type[ServerError], message: str
) -> None:
    cause = {"type": kind, "reason": f"no token=hunter2 {'x' * 999}"}
    server = stub(Reply(OPENED), Reply({"error": {"root_cause": [cause], **cause}}, status))
    with pytest.raises(error, match=message) as caught:
        _run(server)
    assert len(server.asked) == 3, "asked once, and the point in time closed"
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 600


PLAIN = {"content-type": "application/json; charset=UTF-8"}
UNKNOWN = Reply({"error": "no handler found for uri [/logs-*/_pit] and method [POST]"}, 400, PLAIN)
SECRET: dict[str, Any] = {"basic": ("someone", "hunter2")}


def test_a_server_that_knows_the_calls_of_opensearch_only_is_asked_with_these(stub: Callable[..., Stub]) -> None:
    server = stub(UNKNOWN, Reply({"pit_id": "p1"}, headers=PLAIN), Reply(TOTAL, headers=PLAIN))
    answer, _ = _run(server, **SECRET)
    assert (answer.rows, answer.lines) == (((3,),), 3)
    assert [(method, path.split("?")[0]) for method, path, _ in server.asked] == [
        ("POST", "/logs-*/_pit"),
        ("POST", "/logs-*/_search/point_in_time"),
        ("POST", "/_search"),
        ("POST", "/_search"),
        ("DELETE", "/_search/point_in_time"),
    ]
    assert server.asked[-1][2] == {"pit_id": ["p2"]}
    assert {headers["accept"] for headers in server.seen_headers[1:]} == {"application/json"}
    assert {headers["authorization"] for headers in server.seen_headers} == {"Basic c29tZW9uZTpodW50ZXIy"}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (401, "no", "OpenSearch refuses the user"),
        (403, "no", "OpenSearch does not allow this"),
        (400, "invalid id: [null]", "no such index"),
        (500, "broken", "OpenSearch answered 500"),
    ],
)
def test_what_opensearch_refuses_says_what_to_do(
    stub: Callable[..., Stub], status: int, reason: str, message: str
) -> None:
    cause = {"type": "an_exception", "reason": reason}
    server = stub(UNKNOWN, Reply({"error": {"root_cause": [cause], **cause}}, status, PLAIN))
    with pytest.raises(ServerError, match=message) as caught:
        _run(server, **SECRET)
    assert "hunter2" not in str(caught.value)


def test_a_busy_opensearch_is_asked_again(stub: Callable[..., Stub]) -> None:
    opened, busy = Reply({"pit_id": "p1"}, headers=PLAIN), Reply({}, 429, PLAIN)
    assert len(_run(stub(UNKNOWN, busy, opened, busy, Reply(TOTAL, headers=PLAIN)))[1]) == 2


def test_a_pattern_without_an_index_is_no_empty_answer(stub: Callable[..., Stub]) -> None:
    with pytest.raises(ServerError, match="no such index"):
        _run(stub(Reply(OPENED), Reply({**TOTAL, "_shards": {"total": 0}})))


def test_too_many_groups_are_refused_before_memory_ends(
    stub: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.logs.elasticsearch.run._MOST_GROUPS", 2 * PAGE)
    buckets = [{"key": {"m": str(at)}, "doc_count": 1} for at in range(PAGE)]
    page = {**TOTAL, "aggregations": {"buckets": {"buckets": buckets, "after_key": {"m": "2"}}}}
    query = Query("q", groups=(ByTerms("m", FIELDS["method"]),), metrics=COUNT.metrics)
    server = stub(Reply(OPENED), Reply(page))
    with pytest.raises(MachineError, match="more than 2,000 groups"):
        _run(server, query)
    afters = [body["aggs"]["buckets"]["composite"].get("after") for *_, body in server.asked[2:5]]
    assert afters == [None, {"m": "2"}, {"m": "2"}]


def test_a_page_that_is_not_full_is_the_last(stub: Callable[..., Stub]) -> None:
    page = {
        **TOTAL,
        "aggregations": {"buckets": {"buckets": [{"key": {"m": "a"}, "doc_count": 1}], "after_key": {"m": "a"}}},
    }
    query = Query("q", groups=(ByTerms("m", FIELDS["method"]),), metrics=COUNT.metrics)
    server = stub(Reply(OPENED), Reply(page))
    assert _run(server, query)[0].rows == (("a", 1),)
    assert [path.split("?")[0] for _, path, _ in server.asked] == ["/logs-*/_pit", "/_search", "/_search", "/_pit"]


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    with pytest.raises(MachineError, match="client of Elasticsearch") as caught:
        Cluster(Access("http://127.0.0.1:9200"))
    assert "regobs[elasticsearch]" in str(caught.value)
