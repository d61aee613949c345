from __future__ import annotations

import base64
import contextlib
import math
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
import requests

from regobs.errors import EndpointError, ExitCode, InputError, QueryError, RegobsError, ServerError
from regobs.prometheus import Prometheus, RangeSeries, Stats
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, failure, success, vector

QUERY = "/api/v1/query"
SECRET = "s3cr3t-Wort"


def ask(replies: dict[Any, Reply], default: Reply = NOT_FOUND, **options: Any) -> tuple[Any, Stub]:
    with Stub(replies, default) as stub, Prometheus(stub.url, **options) as prometheus:
        return prometheus.query("up"), stub


def refused(replies: dict[Any, Reply], default: Reply = NOT_FOUND, timeout: float = 5) -> RegobsError:
    with Stub(replies, default) as stub:
        url = f"http://me:{SECRET}@{stub.address}"
        with Prometheus(url, timeout=timeout) as prometheus, pytest.raises(RegobsError) as caught:
            prometheus.query("up")
        assert SECRET not in str(caught.value)
        assert stub.url in str(caught.value)
    return caught.value


def test_a_vector_has_labels_values_and_times() -> None:
    answer, stub = ask({QUERY: vector(({"job": "a"}, "1.5"), ({}, "NaN"), ({}, "+Inf"), ({}, "-Inf"))})
    assert [dict(sample.labels) for sample in answer.samples] == [{"job": "a"}, {}, {}, {}]
    values = [sample.value for sample in answer.samples]
    assert (values[0], values[2], values[3]) == (1.5, math.inf, -math.inf)
    assert math.isnan(values[1])
    assert answer.samples[0].time == 1_700_000_000.5
    assert (stub.requests[0].method, stub.requests[0].params) == ("POST", {"query": ["up"]})


def test_a_scalar_is_one_sample_without_labels() -> None:
    answer, _ = ask({QUERY: success({"resultType": "scalar", "result": [1, "2"]})})
    assert (answer.kind, answer.samples[0].value, answer.samples[0].labels) == ("scalar", 2.0, {})


def test_a_string_is_kept_as_text() -> None:
    answer, _ = ask({QUERY: success({"resultType": "string", "result": [1, "x"]})})
    assert (answer.kind, answer.text, answer.samples) == ("string", "x", ())


def test_a_native_histogram_is_kept_apart_from_values() -> None:
    item = {"metric": {}, "histogram": [1, {"count": "5", "sum": "2", "buckets": []}]}
    answer, _ = ask({QUERY: success({"resultType": "vector", "result": [item]})})
    assert answer.samples[0].histogram == {"count": "5", "sum": "2", "buckets": []}


def test_warnings_and_infos_are_preserved() -> None:
    answer, _ = ask({QUERY: success({"resultType": "vector", "result": []}, warnings=["w"], infos=["i"])})
    assert (answer.warnings, answer.infos) == (("w",), ("i",))


def test_an_info_that_thanos_puts_among_the_warnings_is_an_info() -> None:
    info, warning = "PromQL info: metric might not be a counter", "PromQL warning: bucket label le is missing"
    answer, _ = ask({QUERY: success({"resultType": "vector", "result": []}, warnings=[info, warning, "store is away"])})
    assert (answer.warnings, answer.infos) == ((warning, "store is away"), (info,))


def test_statistics_are_asked_for_and_read() -> None:
    stats = {
        "timings": {"evalTotalTime": 0.25, "execQueueTime": 1},
        "samples": {"totalQueryableSamples": 42, "peakSamples": 7},
    }
    with Stub({QUERY: success({"resultType": "vector", "result": [], "stats": stats})}) as stub:
        with Prometheus(stub.url) as prometheus:
            assert prometheus.query("up", time=3, stats=True).stats == Stats(42, 7, 0.25)
            assert prometheus.query("up").stats == Stats(42, 7, 0.25)
        assert stub.requests[0].params == {"query": ["up"], "time": ["3.0"], "stats": ["all"]}
        assert "stats" not in stub.requests[1].params


def test_a_range_query_sends_its_edges_and_gives_points() -> None:
    result = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1, "2"], [2.5, "NaN"]]}]}
    with Stub({"/api/v1/query_range": success(result)}) as stub, Prometheus(stub.url) as prometheus:
        answer = prometheus.query_range("up", 1, 2.5, 0.5)
        assert isinstance(answer.ranges[0], RangeSeries)
        assert answer.ranges[0].points[0] == (1.0, 2.0)
        assert math.isnan(answer.ranges[0].points[1][1])
        sent = {"query": ["up"], "start": ["1.0"], "end": ["2.5"], "step": ["0.5"], "nocache": ["1"]}
        assert (stub.requests[0].method, stub.requests[0].params) == ("POST", sent)


@pytest.mark.parametrize("points", [10, 60_000], ids=["short", "longer than a million bytes"])
def test_long_answers_are_read_as_short_ones_are(points: int) -> None:
    values = [[at + 0.5, str(at / 8)] for at in range(points)] + [[points, "+Inf"]]
    whole = success({"resultType": "matrix", "result": [{"metric": {"a": "é"}, "values": values}]})
    with Stub({"/api/v1/query_range": whole}) as stub, Prometheus(stub.url) as prometheus:
        series = prometheus.query_range("up", 0, points, 1).ranges[0]
    assert series.labels == {"a": "é"}
    assert series.points[:-1] == tuple((at + 0.5, at / 8) for at in range(points))
    assert series.points[-1] == (points, math.inf)
    for wrong in (
        whole.body[:-9],
        whole.body.replace('"0.125"', '"many"'),
        whole.body.replace('[0.5, "0.0"]', "[0.5]"),
    ):
        with Stub({"/api/v1/query_range": Reply(200, wrong)}) as stub, Prometheus(stub.url) as prometheus:
            with pytest.raises(ServerError) as caught:
                prometheus.query_range("up", 0, points, 1)
            assert caught.value.exit_code is ExitCode.SERVER


def test_a_long_query_goes_in_the_body_not_in_the_url() -> None:
    text = " + ".join(["up"] * 20_000)
    with Stub({QUERY: vector()}) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.query(text).samples == ()
        assert stub.requests[0].params == {"query": [text]}


def test_a_proxy_that_lets_only_get_pass_is_asked_by_get() -> None:
    answer, stub = ask({("POST", QUERY): Reply(405), ("GET", QUERY): vector(({}, "1"))})
    assert answer.samples[0].value == 1
    assert [request.method for request in stub.requests] == ["POST", "GET"]


def test_series_and_labels_send_every_selector() -> None:
    replies = {
        "/api/v1/series": success([{"__name__": "up", "job": "a"}]),
        "/api/v1/label/job/values": success(["b", "a"]),
        "/api/v1/labels": success(["job", "__name__"]),
    }
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.series(["up", "x"], start=1) == ({"__name__": "up", "job": "a"},)
        assert prometheus.label_values("job", "up") == ("a", "b")
        assert prometheus.label_names() == ("__name__", "job")
        series, values, names = stub.requests
        assert (series.method, series.params) == ("POST", {"match[]": ["up", "x"], "start": ["1.0"]})
        assert (values.method, values.params) == ("GET", {"match[]": ["up"]})
        assert names.params == {}


def test_the_password_becomes_basic_authentication_in_utf_8() -> None:
    with Stub({QUERY: vector()}) as stub, Prometheus(f"http://me:p%C3%A4ss@{stub.address}") as prometheus:
        prometheus.query("up")
        kind, value = stub.requests[0].headers["Authorization"].split()
        assert (kind, base64.b64decode(value).decode()) == ("Basic", "me:päss")
        assert "ss" not in repr(prometheus)


def test_the_token_of_the_environment_is_sent_unless_the_url_has_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_TOKEN", SECRET)
    with Stub({QUERY: vector()}) as stub:
        for url in (stub.url, f"http://me:word@{stub.address}"):
            with Prometheus.connect(url) as prometheus:
                prometheus.query("up")
                assert SECRET not in repr(prometheus)
        sent = [request.headers["Authorization"].split()[0] for request in stub.requests]
    assert sent == ["Bearer", "Basic"]


def test_our_authorization_header_wins_over_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    _, stub = ask({QUERY: vector()}, headers={"Authorization": "Bearer mine"})
    assert stub.requests[0].headers["Authorization"] == "Bearer mine"
    _, stub = ask({QUERY: vector()})
    assert stub.requests[0].headers["Authorization"].startswith("Basic ")


def test_a_session_from_outside_is_used_and_stays_open() -> None:
    with requests.Session() as session, Stub({QUERY: vector(({}, "1"))}) as stub:
        session.headers["X-Scope-OrgID"] = "team"
        with Prometheus(stub.url, session=session) as prometheus:
            prometheus.query("up")
        assert session.get(stub.url + QUERY, timeout=5).status_code == 200
        assert stub.requests[0].headers["X-Scope-OrgID"] == "team"


def test_a_rejected_query_carries_its_text_and_the_servers_words() -> None:
    for status, kind in ((400, "bad_data"), (422, "execution")):
        error = refused({QUERY: failure(status, kind, "1:3: parse error")})
        assert isinstance(error, QueryError)
        assert (error.query, error.exit_code) == ("up", ExitCode.SERVER)
        assert "1:3: parse error" in str(error)


def test_a_query_that_takes_too_long_on_the_server_is_no_fault_of_its_text() -> None:
    error = refused({QUERY: failure(503, "timeout", "query timed out")})
    assert isinstance(error, ServerError)
    assert not isinstance(error, QueryError)
    assert "shorter range" in str(error)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(401, "no", "text/plain"), "refuses the user and password (HTTP 401)"),
        (Reply(401, "no org id\n", "text/plain"), "--tenant"),
        (Reply(401, "no org id\n", "text/plain"), "text/plain: no org id"),
        (Reply(200, vector(({"a": "b"}, "1")).body[:-9]), "breaks off"),
        (Reply(403, "no", "text/plain"), "forbids"),
        (Reply(302, headers={"Location": f"https://login.example/x?state={SECRET}"}), "https://login.example/x"),
        (Reply(429), "too many requests"),
        (Reply(502, "<html>bad gateway</html>", "text/html"), "not ready"),
        (Reply(503, "Service Unavailable", "text/plain"), "not ready"),
        (failure(503, "unavailable", "starting"), "not ready"),
        (Reply(404, "404 page not found\n", "text/plain"), "no Prometheus server"),
        (Reply(200, "<html><title>Shop</title></html>", "text/html"), "no Prometheus server"),
        (Reply(200, "", "application/json"), "no Prometheus server"),
        (Reply(200, "[1, 2]"), "no Prometheus server"),
        (Reply(200, '{"hello": "world"}'), "no Prometheus server"),
        (success({"resultType": "vector"}), "unknown form"),
        (success({"resultType": "sonnet", "result": []}), "sonnet"),
        (success({"resultType": "vector", "result": [{"metric": {}, "value": [1, "many"]}]}), "unknown form"),
        (success(None), "unknown form"),
        (failure(500, "internal", "index broken"), "index broken"),
    ],
)
def test_an_answer_that_is_none_says_what_to_do(reply: Reply, words: str) -> None:
    error = refused({QUERY: reply})
    assert error.exit_code is ExitCode.SERVER
    assert words in str(error)
    assert error.next_step or error.value


@pytest.mark.parametrize(
    ("replies", "name"),
    [
        ({"/v2/": Reply(401, "{}", headers={"Docker-Distribution-Api-Version": "registry/2.0"})}, "a registry"),
        ({"/v2/": Reply(200, "{}", headers={"Docker-Distribution-Api-Version": "registry/2.0"})}, "a registry"),
        ({"/api/v2/status": Reply(body='{"cluster": {}, "versionInfo": {}}')}, "Alertmanager"),
        ({"/api/health": Reply(body='{"database": "ok", "version": "11"}')}, "Grafana"),
        ({"/metrics": Reply(body="# TYPE a counter\na 1\n", content_type="text/plain")}, "only exposes metrics"),
    ],
)
def test_another_server_is_called_by_its_name(replies: dict[Any, Reply], name: str) -> None:
    error = refused(replies)
    assert f"is {name}" in str(error) or name in str(error)
    assert "not Prometheus" in str(error)


BUILD = "/api/v1/status/buildinfo"
EXPOSED = Reply(body="# TYPE a counter\na 1\n# TYPE prometheus_engine_queries gauge\n", content_type="text/plain")
ODD = [
    (Reply(500, "boom", "text/plain"), "text/plain: boom", "look at its log"),
    (Reply(400, "no such tenant", "text/plain"), "text/plain: no such tenant", "a proxy or a filter"),
    (Reply(404, f"<html><p>nothing for {SECRET}</html>", "text/html"), "text/html: nothing for", "a proxy or a filter"),
    (Reply(200, "<html><title>Welcome</title></html>", "text/html"), "text/html: Welcome", "login page"),
]


@pytest.mark.parametrize(("odd", "value", "step"), ODD)
@pytest.mark.parametrize(
    "api", [{BUILD: success({"version": "3.0"})}, {("GET", QUERY): vector(({}, "1"))}, {"/metrics": EXPOSED}]
)
def test_a_prometheus_that_fails_at_one_query_is_not_called_another_server(
    odd: Reply, value: str, step: str, api: dict[Any, Reply]
) -> None:
    error = refused({"/metrics": EXPOSED, ("POST", QUERY): odd, QUERY: odd, **api})
    assert f"fails at /api/v1/query (HTTP {odd.status})" in str(error)
    assert value in str(error.value)
    assert step in str(error.next_step)
    assert not isinstance(error, EndpointError)


@pytest.mark.parametrize(("odd", "value", "step"), ODD)
def test_a_server_that_answered_before_is_asked_nothing_more_to_say_what_fails(
    odd: Reply, value: str, step: str
) -> None:
    replies = {QUERY: vector(({}, "1")), "/api/v1/query_range": odd, "/metrics": EXPOSED}
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        prometheus.query("up")
        with pytest.raises(ServerError, match="fails at /api/v1/query_range") as caught:
            prometheus.query_range("up", 0, 60, 15)
        assert [one.path for one in stub.requests] == [QUERY, "/api/v1/query_range"]
    assert (value in str(caught.value.value), step in str(caught.value.next_step)) == (True, True)
    assert not isinstance(caught.value, EndpointError)


def test_metrics_beside_a_failing_api_do_not_say_that_there_is_none() -> None:
    metrics = Reply(body="# TYPE a counter\na 1\n", content_type="text/plain")
    error = refused({QUERY: Reply(500, "boom", "text/plain"), "/metrics": metrics})
    assert "fails (HTTP 500)" in str(error)
    assert "boom" in str(error)
    other = refused({"/metrics": metrics})
    assert "HTTP 404, text/plain: 404 page not found" in str(other)


def test_a_server_that_does_not_answer_in_time_is_said_so() -> None:
    error = refused({QUERY: Reply(delay=1.0)}, timeout=0.2)
    assert "0.2 s" in str(error)


def test_a_closed_port_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://me:{SECRET}@127.0.0.1:{taken.getsockname()[1]}"
        with Prometheus(url) as prometheus, pytest.raises(ServerError, match="Connection refused") as caught:
            prometheus.query("up")
    assert SECRET not in str(caught.value)


def test_an_unknown_host_is_said_so() -> None:
    said = pytest.raises(ServerError, match=r"nowhere\.invalid cannot be reached")
    with Prometheus(f"http://me:{SECRET}@nowhere.invalid") as prometheus, said as caught:
        prometheus.query("up")
    assert SECRET not in str(caught.value)


def test_tls_to_a_port_without_it_is_said_so() -> None:
    said = pytest.raises(ServerError, match="TLS")
    with Stub({}) as stub, Prometheus(f"https://{stub.address}") as prometheus, said:
        prometheus.query("up")


def test_a_header_with_a_line_break_is_an_input_error() -> None:
    headers = {"Authorization": f"Bearer\n{SECRET}"}
    said = pytest.raises(InputError)
    with Stub({}) as stub, Prometheus(stub.url, headers=headers) as prometheus, said as caught:
        prometheus.query("up")
    assert SECRET not in str(caught.value)


@pytest.fixture
def thanos() -> Iterator[Prometheus]:
    """A server that answers queries and nothing else."""
    with Stub({QUERY: vector()}) as stub, Prometheus(stub.url) as prometheus:
        yield prometheus


def test_a_missing_part_of_the_api_is_told_from_a_wrong_server(thanos: Prometheus) -> None:
    with pytest.raises(EndpointError, match="/api/v1/targets"):
        thanos.targets()
    with Stub({}) as stub, Prometheus(stub.url) as nothing, pytest.raises(ServerError) as caught:
        nothing.targets()
    assert not isinstance(caught.value, EndpointError)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_readiness_follows_the_servers_own_answer(status: int, *, ready: bool) -> None:
    with Stub({"/-/ready": Reply(status)}) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.ready() is ready


def test_a_server_without_a_readiness_page_is_ready_when_it_knows_its_version() -> None:
    with Stub({"/api/v1/status/buildinfo": success({"version": "2.0"})}) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.ready() is True


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (422, "execution", "query processing would load too many samples into memory in query execution"),
        (422, "execution", "the query exceeded the maximum number of chunks (limit: 2000000 chunks)"),
        (400, "bad_data", "the query time range exceeds the limit"),
        (400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries."),
        (422, "422", "cannot select more than -search.maxSamplesPerQuery=1000000000 samples"),
    ],
)
def test_a_query_that_asks_for_too_much_is_not_called_invalid(status: int, kind: str, error: str) -> None:
    found = refused({QUERY: failure(status, kind, error)})
    assert isinstance(found, QueryError)
    assert "valid PromQL" not in str(found)
    assert error in str(found)
    assert "shorter range" in str(found)


def test_series_that_cannot_be_joined_are_not_called_invalid_promql() -> None:
    found = refused({QUERY: failure(422, "execution", "found duplicate series for the match group")})
    assert "valid PromQL" not in str(found)
    assert "found duplicate series" in str(found)


def test_victoriametrics_calls_a_wrong_query_by_its_http_code() -> None:
    found = refused({QUERY: failure(400, "400", "cannot parse query")})
    assert isinstance(found, QueryError)
    assert "valid PromQL; the server says: 400: cannot parse query" in str(found)


@pytest.mark.parametrize(
    "answer",
    [
        success({}),
        success({"version": None, "revision": None}),
        success({"version": 2}),
        success([]),
        NOT_FOUND,
        Reply(400, "unsupported path requested", "text/plain"),
    ],
)
def test_a_server_without_build_information_has_an_unknown_version(answer: Reply) -> None:
    with Stub({"/api/v1/status/buildinfo": answer, QUERY: vector(({}, "1"))}) as stub, Prometheus(stub.url) as client:
        assert client.buildinfo().version == ""
        assert client.buildinfo().version == ""


def test_a_path_that_a_server_calls_unsupported_is_a_missing_part_of_the_api() -> None:
    replies = {QUERY: vector(), "/api/v1/targets": Reply(400, "unsupported path requested", "text/plain")}
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        prometheus.query("up")
        with pytest.raises(EndpointError):
            prometheus.targets()


def test_a_proxy_that_forbids_post_is_asked_by_get_from_then_on() -> None:
    replies = {("POST", QUERY): Reply(403, "RBAC: access denied", "text/plain"), ("GET", QUERY): vector(({}, "1"))}
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.query("up").samples
        assert prometheus.query("up").samples
        assert [request.method for request in stub.requests] == ["POST", "GET", "GET"]


def test_an_empty_result_may_be_null() -> None:
    answer, _ = ask({QUERY: success({"resultType": "vector", "result": None})})
    assert answer.samples == ()


def test_alerts_are_read_as_the_ruler_of_thanos_spells_them() -> None:
    with Stub({"/api/v1/alerts": success({"Alerts": []})}) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.alerts() == ()


def test_what_a_server_repeats_of_a_token_is_not_shown() -> None:
    reply = Reply(401, f"invalid token {SECRET}", "text/plain")
    headers = {"Authorization": f"Bearer {SECRET}"}
    with (
        Stub({QUERY: reply}) as stub,
        Prometheus(stub.url, headers=headers) as client,
        pytest.raises(ServerError) as no,
    ):
        client.query("up")
    assert "invalid token [FILTERED]" in str(no.value)


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", f"Basic {SECRET}"])
@pytest.mark.parametrize("status", [422, 500, 503])
def test_what_an_error_of_the_api_repeats_of_a_token_is_not_shown(header: str, status: int) -> None:
    reply = failure(status, "internal" if status != 422 else "execution", f"upstream refused {header}, try later")
    with (
        Stub({QUERY: reply}) as stub,
        Prometheus(stub.url, headers={"Authorization": header}) as client,
        pytest.raises(RegobsError) as no,
    ):
        client.query("up")
    assert "upstream refused [FILTERED] [FILTERED], try later" in str(no.value)
    assert SECRET not in str(no.value)


def test_what_warnings_and_infos_repeat_of_a_token_is_not_kept() -> None:
    said = f"upstream got Bearer {SECRET}"
    result = {"resultType": "vector", "result": []}
    reply = success(result, warnings=[said, "a store is away"], infos=[f"PromQL info: {SECRET}"])
    with Stub({QUERY: reply}) as stub, Prometheus(stub.url, headers={"Authorization": f"Bearer {SECRET}"}) as client:
        answer = client.query("up")
        assert answer.warnings == ("upstream got [FILTERED] [FILTERED]", "a store is away")
        assert answer.infos == ("PromQL info: [FILTERED]",)
        assert list(client.heard) == list(answer.warnings)


def test_an_answer_that_ends_too_early_on_the_wire_is_said_so() -> None:
    error = refused({QUERY: Reply(200, '{"status"', headers={"Content-Length": "1000"})})
    assert "breaks off" in str(error)


def _asked(connection: socket.socket) -> bool:
    """Read one request to its end, which may come in two parts; False where the client has gone."""
    text = b""
    while b"query=" not in text:
        part = connection.recv(65536)
        if not part:
            return False
        text += part
    return True


def _question(connection: socket.socket) -> bytes:
    """A request up to its parameters, which come in a packet of their own or not; empty when the client has closed."""
    read = b""
    while b"query=" not in read:
        if not (piece := connection.recv(65536)):
            return b""
        read += piece
    return read


class Closing:
    """A server that closes its first `closed` connections when a second request comes on them, without an answer."""

    def __init__(self, closed: int) -> None:
        self.closed, self.requests = closed, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        body = success({"resultType": "scalar", "result": [1, "2"]}).body.encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        with contextlib.suppress(OSError):  # closed at the end of the test
            while True:
                connection = self._listener.accept()[0]
                answers = 1 if self.closed else 2
                while answers and _asked(connection):
                    self.requests, answers = self.requests + 1, answers - 1
                    connection.sendall(head + body)
                if self.closed and _asked(connection):
                    self.requests, self.closed = self.requests + 1, self.closed - 1
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._listener.close()


def test_a_kept_connection_that_the_server_closes_is_asked_once_more() -> None:
    with Closing(1) as server, Prometheus(server.url) as prometheus:
        assert [prometheus.query("1").samples[0].value for _ in range(2)] == [2.0, 2.0]
        assert server.requests == 3


def test_a_server_that_closes_every_connection_is_an_error_after_the_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    asked.append(_question(connection))
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Prometheus(url) as prometheus, pytest.raises(ServerError, match="cannot be reached"):
            prometheus.query("1")
    assert len(asked) == 2


def test_a_client_at_a_moment_asks_for_it_unless_a_query_names_another_time() -> None:
    with Stub({QUERY: vector()}) as stub, Prometheus(stub.url) as prometheus:
        past = prometheus.at(100.5)
        past.query("up")
        past.query("up", 7.0)
        past.close()  # the connections are those of the other
        prometheus.query("up")
    assert (past.moment, prometheus.moment) == (100.5, None)
    assert [one.params.get("time") for one in stub.requests] == [["100.5"], ["7.0"], None]


def test_a_query_that_was_under_way_when_another_found_that_only_get_passes_is_asked_again() -> None:
    arrived, found = threading.Event(), threading.Event()

    def refuse(request: Request) -> Reply:
        if request.params["query"] == ["slow"]:
            arrived.set()
            assert found.wait(5)
        return Reply(405)

    with (
        Stub({("POST", QUERY): refuse, ("GET", QUERY): vector(({}, "1"))}) as stub,
        Prometheus(stub.url) as prometheus,
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(prometheus.query, "slow")
        assert arrived.wait(5)
        assert prometheus.query("quick").samples
        found.set()
        assert [sample.value for sample in slow.result(5).samples] == [1.0]
