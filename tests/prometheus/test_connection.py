from __future__ import annotations

from pathlib import Path

import pytest

from regobs.errors import InputError
from regobs.prometheus import Connection, EnvironmentAccess, Prometheus
from regobs.prometheus.address import Address
from regobs.prometheus.connection import bearer, read_header, secret_of
from tests.prometheus.stub import Stub, vector

SECRET = "s3cr3t-Wort"
HOST = Address("http://host:9090")
QUERY = "/api/v1/query"


def test_the_token_of_the_environment_becomes_a_bearer_header() -> None:
    assert EnvironmentAccess.read({"REGOBS_PROMETHEUS_TOKEN": f" {SECRET}\n"}).headers == {
        "Authorization": f"Bearer {SECRET}"
    }
    assert EnvironmentAccess.read({}) == EnvironmentAccess()
    assert EnvironmentAccess.read({"REGOBS_PROMETHEUS_TOKEN": " "}).headers == {}


def test_every_part_of_a_connection_has_a_variable(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("x")
    access = EnvironmentAccess.read(
        {
            "REGOBS_PROMETHEUS_URL": "https://host/prefix",
            "REGOBS_PROMETHEUS_TOKEN_FILE": str(tmp_path / "token"),
            "REGOBS_PROMETHEUS_TENANT": "team-a",
            "REGOBS_PROMETHEUS_HEADERS": "X-Api-Key: one\nX-Other: two: three\n",
            "REGOBS_PROMETHEUS_CA_FILE": str(tmp_path / "ca"),
            "REGOBS_PROMETHEUS_CLIENT_CERT": str(tmp_path / "cert"),
            "REGOBS_PROMETHEUS_CLIENT_KEY": str(tmp_path / "key"),
            "REGOBS_PROMETHEUS_PROXY": "http://proxy:3128",
        }
    )
    connection = access.connection(access.url, timeout=5)
    assert connection == Connection(
        Address("https://host/prefix"),
        {
            "X-Api-Key": "one",
            "X-Other": "two: three",
            "X-Scope-OrgID": "team-a",
            "Authorization": f"Bearer {SECRET}",
        },
        5,
        tmp_path / "ca",
        tmp_path / "cert",
        tmp_path / "key",
        "http://proxy:3128",
    )
    assert SECRET not in repr(connection) + repr(access)


def test_the_password_of_the_url_wins_over_a_token() -> None:
    access = EnvironmentAccess.read({"REGOBS_PROMETHEUS_TOKEN": SECRET, "REGOBS_PROMETHEUS_TENANT": "a"})
    assert access.connection("http://me:word@host").headers == {"X-Scope-OrgID": "a"}


@pytest.mark.parametrize("text", ["", "X-A", "X A: b", "X-A: b\nc", "X-A:", f": {SECRET}", "X-A: \u00e9"])
def test_what_is_no_header_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_header(text, "--header")
    assert SECRET not in str(caught.value)


def test_a_token_of_two_lines_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError) as caught:
        bearer(f"one\n{SECRET}")
    assert SECRET not in str(caught.value)


def test_files_that_cannot_be_read_are_refused_with_their_name(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(InputError, match="empty"):
        secret_of(tmp_path / "empty")
    with pytest.raises(InputError) as caught:
        Connection(HOST, ca_file=tmp_path / "none.pem")
    assert str(tmp_path / "none.pem") in str(caught.value)
    with pytest.raises(InputError, match="without its certificate"):
        Connection(HOST, client_key=tmp_path / "empty")


def test_a_certificate_that_is_none_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    bad = tmp_path / "bad.pem"
    for connection in (Connection(HOST, ca_file=bad), Connection(HOST, client_cert=bad)):
        with pytest.raises(InputError, match="cannot be used") as caught:
            Prometheus(connection)
        assert str(bad) in str(caught.value)


def test_requests_go_through_the_proxy_with_the_headers() -> None:
    with Stub({QUERY: vector(({}, "1"))}) as proxy:
        connection = Connection(Address("http://nowhere.invalid"), {"X-Scope-OrgID": "a"}, proxy=proxy.url)
        with Prometheus(connection) as prometheus:
            assert prometheus.query("up").samples
        assert proxy.requests[0].headers["Host"] == "nowhere.invalid"
        assert proxy.requests[0].headers["X-Scope-OrgID"] == "a"
