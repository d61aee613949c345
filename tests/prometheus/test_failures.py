"""What a server refuses is told by its kind."""

from __future__ import annotations

import pytest
import requests
import urllib3

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.failures import reject, unreachable
from tests.prometheus.stub import Reply, Stub, failure, success

QUERY = "/api/v1/query"


def error_of_query(reply: Reply, text: str = "up") -> ServerError:
    with Stub({QUERY: reply}) as stub, Prometheus(stub.url) as prometheus, pytest.raises(ServerError) as caught:
        prometheus.query(text)
    return caught.value


@pytest.mark.parametrize(
    ("reply", "said", "expected"),
    [
        (failure(400, "bad_data", "parse error: unknown function with name limitk"), "cannot evaluate", "PromQL"),
        (failure(400, "bad_data", "parse error: unexpected limit in limit(2)"), "cannot evaluate", "PromQL"),
        (failure(422, "execution", "vector cannot contain unlimitedx"), "cannot evaluate", "can join"),
        (failure(422, "execution", "query exceeds the sample limit"), "asks for too much", "limits"),
        (failure(422, "execution", "the series limit was reached"), "asks for too much", "limits"),
        (failure(422, "execution", "expanding series: proxy Series(): fetch series for {a=\"b\"}: rpc error"),
         "cannot evaluate", "stores that all answer"),
        (failure(400, "bad_data", "'foo' bad engine"), "cannot evaluate", "options that this server knows"),
        (failure(400, "bad_data", "'max_source_resolution' parameter: cannot parse"), "cannot evaluate", "options"),
    ],
)  # fmt: skip
def test_what_a_server_refuses_is_told_by_its_kind(reply: Reply, said: str, expected: str) -> None:
    error = error_of_query(reply)
    assert said in str(error)
    assert expected in str(error.expected)


@pytest.mark.parametrize("count", [5_000, 2_000_000])
def test_brackets_in_brackets_are_an_answer_of_no_prometheus(count: int) -> None:
    assert "no Prometheus" in str(error_of_query(Reply(body="[" * count)))


def test_a_server_that_fails_is_not_called_something_else() -> None:
    failed = str(error_of_query(Reply(500, "boom", "text/plain")))
    assert "fails (HTTP 500)" in failed
    assert "boom" in failed
    assert "no Prometheus server" in str(error_of_query(Reply(418, "boom", "text/plain")))


def test_labels_and_values_are_asked_for_a_time() -> None:
    replies = {"/api/v1/labels": success(["a"]), "/api/v1/label/a/values": success(["b"])}
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        assert prometheus.label_names("up", 10, 20) == ("a",)
        assert prometheus.label_values("a", start=10) == ("b",)
        assert prometheus.label_values("a") == ("b",)
        params = [{k: v for k, v in one.params.items() if k in {"start", "end"}} for one in stub.requests]
    assert [sorted(one) for one in params] == [["end", "start"], ["start"], []]


@pytest.mark.parametrize(
    ("header", "said"),
    [("7", "Retry-After: 7 s"), ("Wed, 21 Oct 2099 07:28:00 GMT", "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT")],
)
def test_how_long_a_server_asks_to_wait_is_said_as_it_says_it(header: str, said: str) -> None:
    assert error_of_query(Reply(429, "", "text/plain", {"Retry-After": header})).value == said
    assert error_of_query(Reply(429, "", "text/plain")).value is None


def test_a_server_that_gives_up_on_every_query_is_advised_before_a_shorter_range() -> None:
    with pytest.raises(ServerError, match="gave up on a query") as caught:
        reject("http://server", 503, {"errorType": "timeout", "error": "query timed out"}, "up")
    assert str(caught.value.next_step).startswith("a server that answers so to each query has too much to do")


def test_a_server_that_ends_a_connection_of_tls_may_ask_for_a_certificate() -> None:
    closed = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError()))
    assert "--client-cert" in str(unreachable("https://server", closed, 30).next_step)
    assert "--client-cert" not in str(unreachable("http://server", closed, 30).next_step)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "asks for a client certificate"),
        ("[SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate", "asks for a client certificate"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "asks for a client certificate"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "no trusted TLS connection"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "no trusted TLS connection"),
        ("EOF occurred in violation of protocol (_ssl.c:2427)", "ended the TLS connection"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "no trusted TLS connection"),
    ],
)
def test_a_server_that_ends_tls_is_told_by_its_reason(reason: str, said: str) -> None:
    error = unreachable("https://server", requests.exceptions.SSLError(reason), 30)
    assert said in error.message
    assert "--client-cert" in str(error.next_step)
