"""What proxies, load balancers and gates with a login answer in the place of a server is told as theirs."""

from __future__ import annotations

import pytest

from regobs.prometheus import Prometheus
from tests.prometheus.stub import Reply, Stub, failure, vector
from tests.prometheus.test_failures import QUERY, error_of_query


def page(title: str, more: str = "") -> str:
    """A page as nginx writes it."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"{more}<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    )


LOGIN = '<html><head><title>Grafana</title></head><form method="post"><input type="password" name="p"></form></html>'
SIGN_IN = '<!DOCTYPE html><html><head><title>Sign In</title></head><form action="/oauth2/start"></form></html>'
CLOUDFLARE = {"Server": "cloudflare"}
CASES = [
    (400, page("400 No required SSL certificate was sent"), "asks for a client certificate", "--client-cert"),
    (400, page("400 The SSL certificate error"), "refuses the client certificate", "`client_cert`"),
    (400, page("400 The plain HTTP request was sent to HTTPS port"), "speaks only TLS", "https://"),
    (400, "Client sent an HTTP request to an HTTPS server.\n", "speaks only TLS", "https://"),
    (400, "Reason: You're speaking plain HTTP to an SSL-enabled server port.", "speaks only TLS", "https://"),
    (400, page("400 Request Header Or Cookie Too Large"), "takes no headers this long", "shorter token"),
    (408, "<h1>408 Request Time-out</h1>", "waited in vain", "ask again"),
    (413, page("413 Request Entity Too Large"), "takes no request this long", "client_max_body_size"),
    (414, page("414 Request-URI Too Large"), "takes no address this long", "POST"),
    (421, "Misdirected Request", "does not serve this host", "the host"),
    (431, "Request Header Fields Too Large", "takes no headers this long", "shorter"),
    (407, "", "the proxy before", "HTTPS_PROXY"),
    (502, page("502 Bad Gateway"), "cannot reach what is behind it", "wait"),
    (503, "no healthy upstream", "cannot reach what is behind it", "wait"),
    (503, '{"message": "Service Unavailable"}', "cannot reach what is behind it", "wait"),
    (504, page("504 Gateway Time-out"), "waited in vain for what is behind it", "raise the timeout"),
    (521, "error code: 521", "cannot reach what is behind it", "wait"),
    (524, "error code: 524", "waited in vain for what is behind it", "raise the timeout"),
    (526, "error code: 526", "no trusted TLS connection to what is behind", "certificate"),
    (200, LOGIN, "answers with a login page", "--token-file"),
    (403, SIGN_IN, "answers with a login page", "--header"),
    (401, SIGN_IN, "answers with a login page", "--header"),
]
PASSING = {408, 502, 503, 504, 521, 524}


@pytest.mark.parametrize(("status", "body", "said", "step"), CASES)
def test_an_answer_of_what_stands_before_the_server_is_told_as_that(
    status: int, body: str, said: str, step: str
) -> None:
    kind = "text/html" if body.startswith("<") else "text/plain"
    error = error_of_query(Reply(status, body, kind))
    assert said in error.message
    assert f"(HTTP {status})" in error.message
    assert step in str(error.next_step)
    assert (error.status, error.retry_after is not None) == (status, status in PASSING)


def test_a_check_of_cloudflare_is_no_lack_of_rights() -> None:
    body = "<html><title>Just a moment...</title></html>"
    error = error_of_query(Reply(403, body, "text/html", {**CLOUDFLARE, "cf-mitigated": "challenge"}))
    assert "only browsers" in error.message
    assert "forbids" in error_of_query(Reply(403, body, "text/html", CLOUDFLARE)).message


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (failure(400, "bad_data", "No required SSL certificate was sent"), "cannot evaluate"),
        (failure(413, "too_large_entry", "http: request body too large"), "answers /api/v1/query with an error"),
        (failure(503, "unavailable", "sign in"), "is not ready"),
        (Reply(400, "<h1>Bad request</h1>", "text/html"), "is no Prometheus server"),
        (Reply(200, "<html><title>Blog in stone</title><p>password</p></html>", "text/html"), "is no Prometheus"),
        (Reply(500, LOGIN, "text/html"), "fails (HTTP 500)"),
    ],
)
def test_what_the_api_itself_says_and_other_pages_are_told_as_before(reply: Reply, said: str) -> None:
    assert said in error_of_query(reply).message


def test_a_title_that_a_page_repeats_is_shown_once() -> None:
    assert error_of_query(Reply(502, page("502 Bad Gateway"), "text/html")).value == (
        "text/html: 502 Bad Gateway nginx/1.22.1"
    )


def test_an_answer_that_is_none_of_these_is_read() -> None:
    reply = vector(({}, "1"))
    odd = Reply(200, reply.body, "text/html")  # a proxy that names the wrong type
    with Stub({QUERY: odd}) as stub, Prometheus(stub.url) as prometheus:
        assert len(prometheus.query("up").samples) == 1
