"""Errors of a server that is asked through a proxy name the proxy and what named it, never its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.init import _server
from regobs.cli.main import run
from regobs.cli.server_options import ServerOptions
from regobs.deploy.told import TargetWords, tell
from regobs.errors import EndpointError, ServerError
from regobs.prometheus import Connection, Prometheus
from regobs.prometheus.address import Address
from regobs.prometheus.proxy import ProxyInUse, proxy_of, told_of_proxy
from tests.prometheus.stub import Reply, Stub

SECRET = "hunter2/@:x"
DEAD = "127.0.0.1:9"  # the port of `discard`: nothing listens there
URL = "http://prometheus.invalid:9090"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REGOBS_PROMETHEUS_PROXY", "REGOBS_PROMETHEUS_URL")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["query", "up", *arguments]) == 3
    said = capsys.readouterr().err
    assert "hunter2" not in said
    return said


@pytest.mark.parametrize(
    ("variable", "exception"),
    [
        ("REGOBS_PROMETHEUS_PROXY", "leave it out"),
        ("HTTP_PROXY", "name the server in NO_PROXY"),
        ("http_proxy", "name the server in NO_PROXY"),
        ("ALL_PROXY", "name the server in NO_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_named_with_its_variable(
    variable: str, exception: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, f"http://me:{SECRET.replace('/', '%2F')}@{DEAD}")
    said = asked(capsys, "--prometheus", URL)
    assert f"through the proxy {DEAD} that {variable} names" in said
    assert f"correct {variable}, or {exception}" in said


def test_the_option_and_the_context_are_named_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{DEAD} that --proxy names" in asked(capsys, "--prometheus", URL, "--proxy", f"http://{DEAD}")
    settings = tmp_path / "regobs.toml"
    settings.write_text(f"context = 'prod'\n[contexts.prod]\nurl = '{URL}'\nproxy = 'http://{DEAD}'\n")
    said = asked(capsys, "--config", str(settings))
    assert f"{DEAD} that `proxy` of the context prod names" in said
    assert "correct `proxy` of the context prod, or leave it out" in said


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, "<html>no route</html>", "text/html"),
        Reply(403, "blocked", "text/plain"),
        Reply(407, "who are you", "text/plain"),
        Reply(200, "<html>log in</html>", "text/html"),
        Reply(302, "", "text/html"),
    ],
    ids=["503", "403", "407", "a page", "redirect"],
)
def test_an_answer_that_may_be_the_proxys_own_names_it(reply: Reply) -> None:
    with Stub({}, reply) as stub:
        connection = Connection(Address("http://nowhere.invalid"), proxy=stub.url, proxy_source="--proxy")
        with Prometheus(connection) as prometheus, pytest.raises(ServerError) as caught:
            prometheus.query("up")
    assert f"it is asked through the proxy {stub.url.removeprefix('http://')} that --proxy names" in str(caught.value)
    assert str(caught.value).count("is asked through") == 1


def test_without_a_proxy_nothing_is_said_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "proxy" not in asked(capsys, "--prometheus", f"http://{DEAD}")


def test_a_server_that_is_excepted_goes_through_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert str(proxy_of("https://a.example/x")) == "the proxy proxy:3128 that HTTPS_PROXY names"
    assert proxy_of("http://a.example") is None
    monkeypatch.setenv("NO_PROXY", ".example")
    assert proxy_of("https://a.example") is None
    assert proxy_of("https://a.example", "http://p:1", "--proxy") is not None, "of one's own, no exception is made"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("http://me:a@b/c@proxy:3128/", "proxy:3128"),
        ("me:secret@proxy:1", "proxy:1"),
        ("http://[::1]:3128", "[::1]:3128"),
        ("proxy:3128/path", "proxy:3128"),
    ],
)
def test_only_host_and_port_of_a_proxy_are_shown(address: str, place: str) -> None:
    found = proxy_of(URL, address)
    assert found is not None
    assert found.place == place


def test_what_a_server_does_not_offer_and_errors_of_a_deployment() -> None:
    proxy = ProxyInUse("p:1", "HTTP_PROXY", of_environment=True)
    assert told_of_proxy(EndpointError("not offered"), proxy).next_step is None
    late = ServerError("late")
    late.fault = "late"
    tell(told_of_proxy(late, proxy), TargetWords("mine", "grafana"))
    assert str(late.next_step).endswith("; it is asked through the proxy p:1 that HTTP_PROXY names")


@pytest.mark.parametrize(("proxy", "written"), [("http://p:1", True), ("http://me:hunter2@p:1", False)])
def test_init_writes_a_proxy_and_no_password_of_one(
    proxy: str, written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_PROXY", proxy)
    found = {one.key: one for one in _server(ServerOptions(url=URL), tmp_path / "regobs.toml")}
    assert ("proxy" in found) is written
    assert ("HTTPS_PROXY" in found["url"].reason) is not written
    assert "hunter2" not in str(list(found.values()))
