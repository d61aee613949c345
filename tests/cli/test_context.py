"""`regobs context`: servers under names, in a file that keeps its comments and holds no secret."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.config import load_config
from regobs.errors import ExitCode
from tests.prometheus.stub import Reply, Stub, success, vector

Output = pytest.CaptureFixture[str]
SECRET = "s3cr3t-Wort"
OLD = """\
# Ours; ask Ada before you change it.
pack = "pack"  # beside this file

[registry]
flavor = "gitlab"

[contexts.old]  # goes away in May
url = "http://old:9090"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGOBS_CONTEXT", raising=False)
    return tmp_path


def context(capsys: Output, *arguments: str) -> tuple[int, str]:
    code = run(["context", *arguments])
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out + err


def test_the_first_context_makes_the_file(capsys: Output, folder: Path) -> None:
    assert context(capsys, "add", "prod", "https://host/prometheus", "--tenant", "team", "--use")[0] == ExitCode.OK
    assert tomllib.loads((folder / "regobs.toml").read_text()) == {
        "context": "prod",
        "contexts": {"prod": {"url": "https://host/prometheus", "tenant": "team"}},
    }


def test_comments_and_order_of_the_file_stay(capsys: Output, folder: Path) -> None:
    file = folder / "regobs.toml"
    file.write_text(OLD)
    (folder / "pack" / "alerts").mkdir(parents=True)
    assert context(capsys, "add", "new", "http://new:9090", "--header", "X-Source: regobs")[0] == ExitCode.OK
    assert file.read_text().startswith(OLD)
    assert context(capsys, "use", "new")[0] == ExitCode.OK
    text = file.read_text()
    assert text == f'context = "new"\n\n{OLD}' + text.partition(OLD)[2]
    assert context(capsys, "use", "old")[0] == ExitCode.OK
    assert file.read_text() == text.replace('context = "new"', 'context = "old"')
    assert tomllib.loads(text)["contexts"]["new"] == {"url": "http://new:9090", "headers": {"X-Source": "regobs"}}


def test_a_context_is_replaced_only_when_that_is_said(capsys: Output, folder: Path) -> None:
    file = folder / "regobs.toml"
    file.write_text(OLD.replace('pack = "pack"', "#"))
    before = file.read_text()
    code, out = context(capsys, "add", "old", "http://other:9090")
    assert (code, file.read_text()) == (ExitCode.INPUT, before)
    assert "--replace" in out
    assert context(capsys, "add", "old", "http://other:9090", "--replace")[0] == ExitCode.OK
    assert tomllib.loads(file.read_text())["contexts"] == {"old": {"url": "http://other:9090"}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prod", f"http://me:{SECRET}@host"], "a secret on the command line"),
        (["prod", f"http://host?token={SECRET}"], "without a"),
        (["prod", "http://host", "--header", f"Authorization: Bearer {SECRET}"], "a secret on the command line"),
        (["prod", "http://host", "--header", f"X-Api-Key: {SECRET}"], "a secret on the command line"),
        (["prod", "http://host", "--proxy", f"http://me:{SECRET}@proxy:1"], "without a password"),
        (["prod", "http://host", "--token-env", "A", "--token-file", "b"], "either token_file or token_env"),
        (["prod", "http://host", "--user", "me"], "whose password is in token_file"),
        (["prod", "http://host", "--environment", "prod"], "one of [environments]"),
        (["prod", "http://host", "--timeout", "soon"], "timeout"),
        (["prod", "host:9090"], "http"),
        (["prod", "http://host", "--token-command", "pass 'show"], "--token-command is no command line"),
    ],
)
def test_what_is_wrong_or_secret_is_not_written(capsys: Output, folder: Path, arguments: list[str], words: str) -> None:
    code, out = context(capsys, "add", *arguments)
    assert code == ExitCode.INPUT
    assert words in out
    assert not (folder / "regobs.toml").exists()


def test_the_list_says_where_secrets_are_and_what_is_used(
    capsys: Output, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "regobs.toml").write_text(
        'context = "a"\n[contexts.a]\nurl = "http://a"\nuser = "me"\ntoken_command = ["pass", "show", "x"]\n'
        '[contexts.b]\nurl = "http://b"\ntoken_env = "B_TOKEN"\nkind = "thanos"\n'
    )
    lines = context(capsys, "list")[1].splitlines()
    assert lines[1].split() == ["*", "a", "http://a", "user", "me,", "command", "pass"]
    assert lines[2].split() == ["b", "http://b", "thanos", "variable", "B_TOKEN"]
    monkeypatch.setenv("REGOBS_CONTEXT", "b")
    assert [one["used"] for one in json.loads(context(capsys, "list", "--format", "json")[1])] == [False, True]
    (folder / "regobs.toml").unlink()
    assert "regobs context add" in context(capsys, "list")[1]


def test_a_context_that_is_not_there_is_answered_with_the_nearest(capsys: Output, folder: Path) -> None:
    (folder / "regobs.toml").write_text('[contexts.production]\nurl = "http://a"\n')
    for verb in ("use", "test"):
        code, out = context(capsys, verb, "producton")
        assert code == ExitCode.INPUT
        assert "did you mean production" in out


BUILD = success({"version": "3.9.1", "revision": "x"})
RUNTIME = success({"storageRetention": "15d"})


def server(**more: Reply) -> dict[str, Reply]:
    replies = {"query": vector(({}, "7")), "status/buildinfo": BUILD, "status/runtimeinfo": RUNTIME, **more}
    return {f"/api/v1/{path}": reply for path, reply in replies.items()}


def test_a_server_is_asked_with_the_password_that_a_command_prints(capsys: Output, folder: Path) -> None:
    (folder / "secret").write_text(f"{SECRET}\nnot this line\n")
    with Stub(server()) as stub:
        arguments = ["add", "prod", stub.url, "--user", "me", "--token-command", "cat secret", "--kind", "prometheus"]
        assert context(capsys, *arguments)[0] == ExitCode.OK
        code, out = context(capsys, "test", "prod")
        sent = {request.headers["Authorization"] for request in stub.requests}
    assert code == ExitCode.OK
    assert sent == {"Basic bWU6czNjcjN0LVdvcnQ="}, "me:s3cr3t-Wort"
    assert out.splitlines()[1].split()[:5] == ["prod", "fine", "prometheus", "3.9.1", "7"]
    assert SECRET not in (folder / "regobs.toml").read_text()


def test_a_server_of_another_kind_or_none_is_exit_code_3(capsys: Output, folder: Path) -> None:
    with Stub(server()) as stub:
        (folder / "regobs.toml").write_text(
            f'[contexts.a]\nurl = "{stub.url}"\nkind = "thanos"\n[contexts.b]\nurl = "http://127.0.0.1:1"\n'
        )
        code, out = context(capsys, "test")
        assert code == ExitCode.SERVER
        assert "regobs.toml says it is thanos, and it answers as prometheus does" in out
        assert "cannot be reached" in out
        found = json.loads(context(capsys, "test", "a", "--format", "json")[1])
    assert (found[0]["version"], found[0]["targets_up"]) == ("3.9.1", 7)


AWAY = {"name": "10.0.0.9:10901", "lastError": "EOF", "labelSets": [], "minTime": 0, "maxTime": 1}
NONE = {"resultType": "vector", "result": []}
PARTS = [
    ({"/api/v1/stores": success({"sidecar": [AWAY]})}, "sidecar 10.0.0.9:10901 is away: EOF"),
    (
        {"/api/v1/query": success({"resultType": "vector", "result": []}, isPartial=True)},
        "a part of the server's storage did not answer",
    ),
]


@pytest.mark.parametrize(("lacking", "said"), PARTS)
def test_a_server_that_answers_in_part_is_not_fine(
    capsys: Output, folder: Path, lacking: dict[str, Any], said: str
) -> None:
    with Stub({**server(), **lacking}) as stub, Stub(server()) as whole:
        (folder / "regobs.toml").write_text(f'[contexts.a]\nurl = "{stub.url}"\n[contexts.b]\nurl = "{whole.url}"\n')
        code, out = context(capsys, "test")
        assert code == ExitCode.INCOMPLETE
        assert "in part" in out.splitlines()[1]
        assert "fine" in out.splitlines()[2]
        assert f"a: PARTIAL: {said}" in out
        found = json.loads(context(capsys, "test", "--format", "json")[1])
        assert context(capsys, "test", "b")[0] == ExitCode.OK
    assert [one["gaps"] for one in found] == [[{"kind": "partial", "text": said}], []]


def test_how_many_stores_a_thanos_has_is_said_where_nobody_counts_them(capsys: Output, folder: Path) -> None:
    there = {**AWAY, "lastError": None}
    with Stub({**server(), "/api/v1/stores": success({"sidecar": [there, {**there, "name": "b:1"}]})}) as stub:
        (folder / "regobs.toml").write_text(
            f'[contexts.a]\nurl = "{stub.url}"\n[contexts.b]\nurl = "{stub.url}"\nstores = 2\n'
        )
        code, out = context(capsys, "test")
        found = json.loads(context(capsys, "test", "--format", "json")[1])
    assert code == ExitCode.OK
    assert "`stores = 2` in [contexts.a]" in out
    assert "[contexts.b]" not in out
    assert [(one["kind"], one["stores"]) for one in found] == [("thanos", 2), ("thanos", 2)]


def test_victoriametrics_is_known_by_its_answers(capsys: Output, folder: Path) -> None:
    replies = {**server(), "/api/v1/status/runtimeinfo": Reply(404, "no", headers={"X-Server-Hostname": "vm"})}
    with Stub(replies) as stub:
        (folder / "regobs.toml").write_text(f'[contexts.a]\nurl = "{stub.url}"\nkind = "victoriametrics"\n')
        code, out = context(capsys, "test")
    assert (code, out.splitlines()[1].split()[:3]) == (ExitCode.OK, ["a", "fine", "victoriametrics"])


def test_a_word_may_stand_twice_in_the_command_that_prints_a_token(capsys: Output, folder: Path) -> None:
    added = ("https://h:9", "--token-command", "kubectl -n monitoring get secret monitoring -o name -o name")
    assert context(capsys, "add", "k", *added)[0] == ExitCode.OK
    [one] = json.loads(context(capsys, "list", "--format", "json")[1])
    assert one["name"] == "k"
    words = ["kubectl", "-n", "monitoring", "get", "secret", "monitoring", "-o", "name", "-o", "name"]
    assert load_config(folder / "regobs.toml").contexts["k"].token_command == tuple(words)


@pytest.mark.parametrize(
    ("command", "reason"),
    [(["false"], "exit code 1"), (["true"], "no output"), (["no-such-program-x"], "No such file or directory")],
)
def test_a_command_that_gives_no_token_is_said_without_its_output(
    capsys: Output, folder: Path, command: list[str], reason: str
) -> None:
    (folder / "regobs.toml").write_text(f'[contexts.a]\nurl = "http://127.0.0.1:1"\ntoken_command = {command}\n')
    code, out = context(capsys, "test", "a")
    assert code == ExitCode.SERVER
    assert f"{command[0]}: {reason}" in out
