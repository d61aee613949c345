"""PromQL that begins with a minus, where options stand as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import Stub, vector

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", ["-sum(up)", "-up", "-1", "-(up)", "-hour()", '-up{job="-x"}'])
@pytest.mark.parametrize("before", [[], ["--at", "-6h"], ["--format", "json"]])
def test_an_expression_with_a_minus_is_sent_as_it_is_typed(text: str, before: list[str]) -> None:
    with Stub({"/api/v1/query": vector()}) as stub:
        for words in (
            [*before, text, "--prometheus", stub.url],
            [text, *before, "--prometheus", stub.url],
            [*before, "--prometheus", stub.url, "--", text],
        ):
            assert run(["query", *words]) == ExitCode.OK
        sent = [request.params["query"] for request in stub.requests if request.path == "/api/v1/query"]
    assert sent == [[text]] * 3


@pytest.mark.parametrize("words", [["format"], ["explain", "--offline"], ["save", "mine"]])
def test_every_verb_that_takes_promql_takes_a_minus(words: list[str], capsys: Output) -> None:
    assert run(["query", *words, "-sum(up)"]) == ExitCode.OK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-x"], "No such option '-x'"),
        (["up", "--formt", "json"], "No such option '--formt'"),
        (["--sum(up)"], "put -- before it"),
        (["-sum(up"], "never closed"),
    ],
)
def test_what_is_no_expression_is_still_an_option(words: list[str], said: str, capsys: Output) -> None:
    assert run(["query", *words, "--prometheus", "http://127.0.0.1:9"]) == ExitCode.INPUT
    assert said in capsys.readouterr().err


def test_help_is_help(capsys: Output) -> None:
    assert run(["query", "expr", "-h"]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("Usage: ")
