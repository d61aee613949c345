"""An Elasticsearch with security on: who may ask, what is trusted, and what a person reads when it goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.common.programs import free_port
from regobs.errors import ExitCode
from regobs.logs.elasticsearch.access import KEY_VARIABLE, PASSWORD_VARIABLE, USER_VARIABLE
from regobs.logs.elasticsearch.mapping import mapping
from regobs.logs.fields import FIELDS
from tests.logs.sample import lines
from tests.peers.elasticsearch import SMALL_USER, Elasticsearch

INDEX = "security-sample"
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(elasticsearch_server: Elasticsearch) -> Elasticsearch:
    elasticsearch_server.load(INDEX, mapping(FIELDS.values()), lines())
    return elasticsearch_server


@pytest.fixture
def ask(server: Elasticsearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run `regobs logs query` on the server with these options and this environment: exit code, output, errors."""

    def asked(*options: str | Path, url: str = server.url, index: str = INDEX, **environ: str) -> tuple[int, str, str]:
        for name in (KEY_VARIABLE, USER_VARIABLE, PASSWORD_VARIABLE):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        query = ["logs", "query", "status: *", "--by", "method", "--format", "json"]
        code = run([*query, "--elasticsearch", url, "--index", index, *map(str, options)])
        return code, *capsys.readouterr()

    return asked


def _key(server: Elasticsearch, *names: str) -> str:
    role = {"indices": [{"names": list(names), "privileges": ["read"]}]}
    asked = {"name": "test", "role_descriptors": {"reader": role}}
    return str(server.request("POST", "_security/api_key", asked)["encoded"])


def _rows(out: str) -> list[Any]:
    rows: list[Any] = json.loads(out)["rows"]
    return rows


def test_a_user_and_a_key_are_answered_from_files_and_from_the_environment(
    server: Elasticsearch, ask: Ask, tmp_path: Path
) -> None:
    trusted = ("--ca-file", server.authority)
    password, key = tmp_path / "password", tmp_path / "key"
    password.write_text(server.password + "\n")
    key.write_text(_key(server, INDEX))
    answers = [
        ask(*trusted, "--user", server.user, "--password-file", password),
        ask(*trusted, **{USER_VARIABLE: server.user, PASSWORD_VARIABLE: server.password}),
        ask(*trusted, "--api-key-file", key),
        ask(*trusted, **{KEY_VARIABLE: key.read_text()}),
    ]
    assert [code for code, *_ in answers] == [0] * 4, answers
    assert all(_rows(out) == _rows(answers[0][1]) != [] for _, out, _ in answers)


@pytest.fixture(params=["password", "key", "rights", "rights of a key", "index", "pattern", "authority", "address"])
def refusal(request: pytest.FixtureRequest, server: Elasticsearch) -> tuple[dict[str, str], str]:
    """Options, environment and expected headline of one way to be refused."""
    who = {USER_VARIABLE: server.user, PASSWORD_VARIABLE: server.password, "authority": str(server.authority)}
    ways: dict[str, tuple[dict[str, str], str]] = {
        "password": ({**who, PASSWORD_VARIABLE: "not-the-password"}, "refuses the user, password or API key"),
        "key": ({"authority": who["authority"], KEY_VARIABLE: "bm90OmFrZXk="}, "refuses the user, password or API key"),
        "rights": ({**who, USER_VARIABLE: SMALL_USER}, "does not allow this"),
        "rights of a key": (
            {"authority": who["authority"], KEY_VARIABLE: _key(server, "other-*")},
            "does not allow this",
        ),
        "index": ({**who, "index": "not-there"}, "has no such index"),
        "pattern": ({**who, "index": "not-there-*"}, "has no such index"),
        "authority": ({**who, "authority": str(server.other_authority())}, "no authority that we trust signed"),
        "address": ({**who, "url": f"https://127.0.0.1:{free_port()}"}, "cannot be reached"),
    }
    return ways[request.param]


def test_a_refusal_is_one_error_with_exit_code_3_and_without_the_secret(
    ask: Ask, refusal: tuple[dict[str, str], str]
) -> None:
    given, headline = refusal
    options = {name: value for name, value in given.items() if name != "authority"}
    code, out, error = ask("--ca-file", given["authority"], **options)
    assert (code, out) == (ExitCode.SERVER, "")
    assert headline in error
    assert "  next:" in error
    assert "Traceback" not in error
    for secret in (given.get(PASSWORD_VARIABLE), given.get(KEY_VARIABLE)):
        assert secret is None or secret not in error


@pytest.fixture
def expired(server: Elasticsearch) -> Iterator[None]:
    server.present(expired=True)
    yield
    server.present(expired=False)


@pytest.mark.usefixtures("expired")
def test_an_expired_certificate_is_called_expired(server: Elasticsearch, ask: Ask) -> None:
    code, out, error = ask(
        "--ca-file", server.authority, **{USER_VARIABLE: server.user, PASSWORD_VARIABLE: server.password}
    )
    assert (code, out) == (ExitCode.SERVER, "")
    assert "its certificate has expired" in error
    assert "renew the certificate" in error


def test_a_server_that_speaks_tls_is_not_reached_without_it(server: Elasticsearch, ask: Ask) -> None:
    code, _, error = ask(url=server.url.replace("https", "http"))
    assert code == ExitCode.SERVER
    assert "http or https" in error
