"""Dashboards of a running Grafana, against a stub of its API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.errors import InputError, ServerError
from regobs.grafana.boards import board_of
from regobs.grafana.live import TOKEN_VARIABLE, read_live, read_token
from tests.grafana.stub import TOKEN, GrafanaStub
from tests.pack.test_dashboards import DASHBOARDS
from tests.prometheus.stub import Reply, Stub

OURS = {slug: data for (name, slug), data in DASHBOARDS.items() if name == "distribution-2.8"}
Json = dict[str, Any]


@pytest.fixture
def grafana() -> Iterator[GrafanaStub]:
    foreign = {"uid": "foreign", "title": "Foreign", "tags": ["theirs"], "panels": []}
    with GrafanaStub([*OURS.values(), foreign]) as stub:
        yield stub


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for slug, data in OURS.items():
        (tmp_path / f"{slug}.json").write_text(json.dumps(data))
    return tmp_path


def test_the_dashboards_with_our_tag_are_read_by_the_name_of_their_file(grafana: GrafanaStub) -> None:
    assert read_live(grafana.url, TOKEN) == {slug: board_of(data) for slug, data in sorted(OURS.items())}


def test_a_build_that_was_loaded_does_not_differ(
    grafana: GrafanaStub, build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert run(["dashboards", "diff", grafana.url, str(build)]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_what_someone_changed_in_grafana_is_told(
    grafana: GrafanaStub, build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    changed: Json = json.loads((build / "overview.json").read_text())
    panel = next(one for one in changed["panels"] if one["title"] == "Requests, 5 min")
    panel["targets"][0]["expr"] = "sum(up)"
    (build / "overview.json").write_text(json.dumps(changed))
    (build / "capacity.json").unlink()
    arguments = ["dashboards", "diff", grafana.url, str(build), "--token-file", str(tmp_path / "token")]
    assert run([*arguments, "--format", "json"]) == 1
    changes = json.loads(capsys.readouterr().out)["changes"]
    told = {(one["dashboard"], one["panel"], one["what"]) for one in changes}
    assert told == {("capacity", "", "dashboard removed"), ("overview", "Requests, 5 min", "query changed")}


@pytest.mark.parametrize("token", [None, "glsa_wrong"])
def test_without_the_right_token_one_error_says_where_to_put_it_and_does_not_show_it(
    grafana: GrafanaStub, token: str | None
) -> None:
    with pytest.raises(ServerError, match="does not let us") as caught:
        read_live(grafana.url, token)
    assert TOKEN_VARIABLE in str(caught.value.next_step)
    assert "glsa_" not in str(caught.value)


def test_what_is_no_grafana_is_said_to_be_none(grafana: GrafanaStub) -> None:
    with pytest.raises(ServerError, match="answers 404") as caught:
        read_live(f"{grafana.url}/elsewhere", TOKEN)
    assert caught.value.expected == "the HTTP API of Grafana 9 or later"


@pytest.mark.parametrize("body", ["[" * 200_000, "9" * 10_000, "{"])
def test_an_answer_that_nobody_can_read_is_no_grafana(body: str) -> None:
    with Stub({"/api/search": Reply(body=body)}) as stub, pytest.raises(ServerError, match="answers no JSON"):
        read_live(stub.url, TOKEN)


def test_a_server_that_does_not_run_is_an_error_of_the_server() -> None:
    with pytest.raises(ServerError, match="cannot be reached"):
        read_live("http://127.0.0.1:9", None)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        read_live("http://admin:hunter2@127.0.0.1:9", None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "two words", "with\nlines", "schlüssel"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(InputError, match="holds no token"):
        read_token(tmp_path / "token")
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "nothing")
