from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.cli.server_options import ServerOptions
from regobs.config import Config, read_config
from regobs.errors import ExitCode, InputError
from regobs.prometheus import Connection
from regobs.prometheus.address import Address
from tests.prometheus.stub import Reply, Stub

SECRET = "s3cr3t-Wort"
SETTINGS = """
context = "prod"
[labels]
environment = "env"
[environments.production]
selector = 'env="production"'
[contexts.prod]
url = "http://prod:9090/prefix"
tenant = "team-a"
token_env = "PROD_TOKEN"
timeout = "1m"
environment = "production"
[contexts.test]
url = "http://test:9090"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return read_config(SETTINGS, tmp_path / "regobs.toml")


def connection(options: ServerOptions, config: Config, **environ: str) -> Connection:
    return options.connection(config, environ)


def test_the_default_context_is_asked_when_nothing_else_is_named(config: Config) -> None:
    assert connection(ServerOptions(), config, PROD_TOKEN=SECRET) == Connection(
        Address("http://prod:9090/prefix"),
        {"X-Scope-OrgID": "team-a", "Authorization": f"Bearer {SECRET}"},
        60.0,
        context="prod",
    )


def test_the_nearest_name_of_a_server_wins(config: Config) -> None:
    url = "http://other:1"
    for options, environ, host in (
        (ServerOptions(url=url), {"REGOBS_CONTEXT": "test"}, url),
        (ServerOptions(context="test"), {"REGOBS_PROMETHEUS_URL": url}, "http://test:9090"),
        (ServerOptions(), {"REGOBS_CONTEXT": "test", "REGOBS_PROMETHEUS_URL": url}, "http://test:9090"),
        (ServerOptions(), {"REGOBS_PROMETHEUS_URL": url}, url),
    ):
        assert connection(options, config, **environ).address.url == host


def test_a_url_gets_no_secret_of_a_context_and_a_context_none_of_the_environment(config: Config) -> None:
    assert connection(ServerOptions(url="http://other:1"), config, PROD_TOKEN=SECRET).headers == {}
    assert connection(ServerOptions(context="test"), config, REGOBS_PROMETHEUS_TOKEN=SECRET).headers == {}


def test_options_win_over_the_context(config: Config, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("other")
    options = ServerOptions(
        context="prod", headers=("X-One: 1",), tenant="team-b", token_file=tmp_path / "token", timeout=5
    )
    found = connection(options, config, PROD_TOKEN=SECRET)
    assert found.headers == {"X-Scope-OrgID": "team-b", "Authorization": "Bearer other", "X-One": "1"}
    assert found.timeout == 5


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-Auth-Token", "X-Api-Key"])
def test_a_secret_header_on_the_command_line_is_refused(config: Config, name: str) -> None:
    with pytest.raises(InputError, match="every user of this machine") as caught:
        connection(ServerOptions(url="http://host", headers=(f"{name}: {SECRET}",)), config)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ServerOptions(url="http://a", context="prod"), "both name a server"),
        (ServerOptions(context="prd"), "no such context"),
        (ServerOptions(), "is not set"),
    ],
)
def test_a_server_that_is_not_clear_is_refused(config: Config, options: ServerOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        connection(options, config)


def test_without_any_server_every_way_to_name_one_is_said() -> None:
    with pytest.raises(InputError) as caught:
        connection(ServerOptions(), Config())
    for word in ("--prometheus", "--context", "REGOBS_PROMETHEUS_URL", "regobs.toml"):
        assert word in str(caught.value)


def test_questions_are_narrowed_to_the_environment_of_the_context_or_to_another(config: Config) -> None:
    assert "production" in str(ServerOptions().within(config).matchers)
    assert ServerOptions(url="http://a").within(config) is config
    with pytest.raises(InputError, match="no such environment"):
        ServerOptions(environment="staging").within(config)


@pytest.mark.parametrize(
    "command",
    [
        ["doctor"],
        ["query", "panel", "application-detail", "Requests by status"],
        ["snapshot", "--out", "out.html"],
    ],
)
def test_every_command_says_that_a_tenant_is_wanted_and_sends_one(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Stub({}, Reply(401, "no org id\n", "text/plain; charset=utf-8")) as stub:
        code = run([*command, "--prometheus", stub.url])
        said = capsys.readouterr().err
        assert (code, "no org id" in said, "--tenant" in said) == (3, True, True)
        assert run([*command, "--prometheus", stub.url, "--tenant", "team-a"]) == 3
        assert stub.requests[-1].headers["X-Scope-OrgID"] == "team-a"


CONTEXT = '[contexts.a]\nurl = "{url}"\n'


@pytest.mark.parametrize(
    ("settings", "options", "environ", "said"),
    [
        ("", [], {}, "asks for authentication (HTTP 401)"),
        ("", [], {"REGOBS_PROMETHEUS_TOKEN": SECRET}, "sent was the token of REGOBS_PROMETHEUS_TOKEN"),
        ("", [], {"REGOBS_PROMETHEUS_TOKEN_FILE": "token"}, "the token of token (REGOBS_PROMETHEUS_TOKEN_FILE)"),
        ("", ["--token-file", "token"], {}, "sent was the token of token (--token-file)"),
        ("", [], {"REGOBS_PROMETHEUS_HEADERS": f"X-Api-Key: {SECRET}"}, "the header X-Api-Key of REGOBS_PROMETHEUS_"),
        ("", [], {"NETRC": "netrc"}, "sent was the user and password of ~/.netrc"),
        (f"{CONTEXT}token_file = 'token'\n", ["--context", "a"], {}, "token (token_file) of the context a"),
        (f"{CONTEXT}token_env = 'MINE'\n", ["--context", "a"], {"MINE": SECRET}, "MINE (token_env) of the context a"),
        (f"{CONTEXT}token_env = 'MINE'\nuser = 'u'\n", ["--context", "a"], {"MINE": SECRET},
         "sent was the user and password of MINE (token_env) of the context a"),
        (f"{CONTEXT}token_command = ['cat', 'token']\n", ["--context", "a"], {},
         "the token of the program cat (token_command) of the context a"),
        (f"{CONTEXT}token_env = 'MINE'\n", ["--context", "a", "--token-file", "token"], {"MINE": SECRET},
         "the token of token (--token-file)"),
        (CONTEXT, ["--context", "a"], {"REGOBS_PROMETHEUS_TOKEN": SECRET}, "asks for authentication"),
    ],
)  # fmt: skip
def test_a_secret_that_is_refused_is_named_by_its_place_and_never_shown(
    *,
    settings: str,
    options: list[str],
    environ: dict[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(f"{SECRET}\n")
    (tmp_path / "netrc").write_text(f"default login u password {SECRET}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with Stub({}, Reply(401, "no", "text/plain")) as stub:
        (tmp_path / "regobs.toml").write_text(settings.format(url=stub.url))
        named = options if settings else [*options, "--prometheus", stub.url]
        assert run(["query", "up", *named]) == ExitCode.SERVER
    err = capsys.readouterr().err
    assert said in err
    assert ("refuses the" in err) is ("asks for" not in said)
    assert SECRET not in err


def test_the_users_password_in_a_url_is_named_by_the_url(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Stub({}, Reply(401, "no", "text/plain")) as stub:
        monkeypatch.setenv("REGOBS_PROMETHEUS_URL", stub.url.replace("://", f"://u:{SECRET}@"))
        assert run(["query", "up"]) == ExitCode.SERVER
    err = capsys.readouterr().err
    assert "sent was the user and password of the URL" in err
    assert SECRET not in err
