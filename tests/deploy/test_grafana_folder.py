"""Dashboards into a folder of Grafana: a stub of the documented API stands for it, because no package offers one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.grafana_folder import GrafanaFolder
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, RegobsError, ServerError
from tests.deploy.fakes import Cut, KilledError, kill_at, put_back
from tests.deploy.grafana_stub import TOKEN, Answer, WritableGrafana

FOLDER = "registry"


def board(uid: str, expr: str = "up", title: str = "") -> dict[str, Any]:
    panel = {
        "id": 1,
        "type": "timeseries",
        "title": "Up",
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "targets": [{"refId": "A", "expr": expr}],
    }
    return {"uid": uid, "title": title or uid.title(), "tags": ["regobs"], "panels": [panel]}


def build(*boards: dict[str, Any]) -> dict[str, bytes]:
    return {f"dashboards/{one['uid']}.json": json.dumps(one).encode() for one in boards}


OLD = build(board("a"), board("b"), board("c"))
NEW = build(board("a", "sum(up)"), board("b"), board("d"))


@pytest.fixture
def grafana() -> Iterator[WritableGrafana]:
    with WritableGrafana() as stub:
        yield stub


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)


def rollout(grafana: WritableGrafana, tmp_path: Path, tags: tuple[str, ...] = ()) -> Rollout:
    return Rollout(GrafanaFolder("dashboards", grafana.url, FOLDER, None, tags), StateFolder(tmp_path / "state"))


def shown(grafana: WritableGrafana) -> dict[str, str]:
    """The query of each dashboard of the folder."""
    return {
        uid: one["panels"][0]["targets"][0]["expr"] for uid, (folder, one) in grafana.boards.items() if folder == FOLDER
    }


def test_dashboards_are_saved_changed_deleted_and_brought_back(grafana: WritableGrafana, tmp_path: Path) -> None:
    ours = rollout(grafana, tmp_path, ("deploy", "registry"))
    ours.apply(ours.plan(OLD))
    assert grafana.folders == {FOLDER: FOLDER}
    assert shown(grafana) == {"a": "up", "b": "up", "c": "up"}
    plan = ours.plan(NEW)
    assert {(one.thing, one.what) for one in plan.changes} == {
        ("a / Up", "query changed"),
        ("c", "dashboard removed"),
        ("d", "dashboard added"),
    }
    grafana.asked.clear()
    ours.apply(plan)
    assert shown(grafana) == {"a": "sum(up)", "b": "up", "d": "up"}
    assert ("POST", "/api/dashboards/db") in grafana.asked
    assert len(grafana.asked) == 4  # two saved, one deleted, one annotation: what is the same is left alone
    assert grafana.annotations[-1]["tags"] == ["deploy", "registry"]
    ours.verify()
    assert not ours.plan(NEW).differs
    ours.apply(ours.plan_back(1))
    assert shown(grafana) == {"a": "up", "b": "up", "c": "up"}


def test_an_annotation_that_fails_does_not_undo_the_deployment(grafana: WritableGrafana, tmp_path: Path) -> None:
    ours = rollout(grafana, tmp_path, ("deploy",))
    grafana.refuse = lambda _, path: (500, {"message": "broken"}) if path == "/api/annotations" else None
    assert ours.apply(ours.plan(OLD)) is not None
    assert shown(grafana) == {"a": "up", "b": "up", "c": "up"}
    assert "annotations" in ours.notes[0]


def test_dashboards_of_others_in_the_folder_stay(grafana: WritableGrafana, tmp_path: Path) -> None:
    grafana.put(FOLDER, board("theirs", "1"))
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    ours.apply(ours.plan(NEW))
    assert shown(grafana)["theirs"] == "1"


def test_a_uid_of_another_folder_is_not_taken_away_there(grafana: WritableGrafana, tmp_path: Path) -> None:
    grafana.put("elsewhere", board("b", "1"))
    ours = rollout(grafana, tmp_path)
    with pytest.raises(InputError, match="in another folder"):
        ours.apply(ours.plan(OLD))
    assert grafana.asked == []


def test_what_somebody_saved_in_the_browser_is_a_conflict(grafana: WritableGrafana, tmp_path: Path) -> None:
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    grafana.put(FOLDER, board("a", "count(up)"))
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(NEW))
    assert shown(grafana)["a"] == "count(up)"
    ours.apply(ours.plan(NEW), overwrite=True)
    assert shown(grafana)["a"] == "sum(up)"


ANSWERS: list[Answer | str] = [
    *((status, {"message": "no"}) for status in (400, 401, 403, 404, 409, 412, 429, 500, 503)),
    (302, {}),
    "<html>sign in</html>",
]


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_whatever_is_answered_at_whatever_step_the_old_dashboards_are_back(
    grafana: WritableGrafana, tmp_path: Path, answer: Answer | str, step: int
) -> None:
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    plan, before = ours.plan(NEW), shown(grafana)
    cut = Cut(step, answer)
    grafana.refuse = cut
    if step == 2 and isinstance(answer, tuple) and answer[0] == 404:
        ours.apply(plan)  # a dashboard that is gone already need not be deleted
        return
    with pytest.raises(ServerError, match="dashboards") as error:
        ours.apply(plan)
    assert cut.used
    assert TOKEN not in str(error.value)
    assert shown(grafana) == before
    assert ours.status().state.number == 1


@pytest.mark.parametrize("step", range(32))
def test_killed_at_any_request_the_next_command_puts_the_old_dashboards_back(
    grafana: WritableGrafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    plan, before = ours.plan(NEW), shown(grafana)
    target = ours.target
    assert isinstance(target, GrafanaFolder)
    kill_at(step, ours, target, "_ask", monkeypatch)
    killed = False
    try:
        ours.apply(plan)
    except KilledError:
        killed = True
    again = rollout(grafana, tmp_path)
    assert killed == (step < 31)  # as many requests as it makes
    if shown(grafana) != before:
        assert bool(again.status().interrupted) == killed
    put_back(again)
    assert shown(grafana) == (before if killed else {"a": "sum(up)", "b": "up", "d": "up"})
    assert again.status().edited == ()


def test_without_a_token_one_error_says_where_to_put_it(
    grafana: WritableGrafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    with pytest.raises(ServerError, match="does not let us") as error:
        rollout(grafana, tmp_path).plan(OLD)
    assert "GRAFANA_TOKEN" in (error.value.next_step or "")


def test_a_server_that_is_away_is_one_error(tmp_path: Path) -> None:
    target = GrafanaFolder("dashboards", "http://127.0.0.1:1", FOLDER, None)
    with pytest.raises(RegobsError, match="cannot be reached"):
        Rollout(target, StateFolder(tmp_path / "state")).plan(OLD)


@pytest.mark.parametrize("uid", ["a", "c", "d"])
def test_what_somebody_saves_just_before_we_do_is_not_replaced(
    grafana: WritableGrafana, tmp_path: Path, uid: str
) -> None:
    """One that is to be changed, one that is to be deleted, one that is to be new."""
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    plan = ours.plan(NEW)

    def late(method: str, path: str) -> Answer | None:
        if method == "POST" and path == "/api/dashboards/db":
            grafana.refuse = lambda *_: None
            grafana.put(FOLDER, board(uid, "by somebody"))
        return None

    grafana.refuse = late
    with pytest.raises(ServerError) as error:
        ours.apply(plan)
    assert "somebody else changed it at the same time" in str(error.value.next_step)
    assert shown(grafana) == {"a": "up", "b": "up", "c": "up"} | {uid: "by somebody"}


def test_what_somebody_saves_just_after_we_did_is_not_taken_for_ours(grafana: WritableGrafana, tmp_path: Path) -> None:
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(OLD))
    write = ours.target.write

    def then(before: Any, after: Any) -> None:
        write(before, after)
        ours.target.write = write  # type: ignore[method-assign]
        grafana.put(FOLDER, board("a", "by somebody"))
        del grafana.boards["d"]

    plan = ours.plan(NEW)
    ours.target.write = then  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="is not what was saved") as error:
        ours.apply(plan)
    assert shown(grafana) == {"a": "by somebody", "b": "up", "c": "up"}
    assert "somebody changed since, and it stays as it is: a.json" in str(error.value.next_step)


def test_a_title_moves_to_another_uid_and_is_taken_from_nobody(grafana: WritableGrafana, tmp_path: Path) -> None:
    ours = rollout(grafana, tmp_path)
    ours.apply(ours.plan(build(board("a", title="One"))))
    ours.apply(ours.plan(build(board("z", title="One"))))
    assert shown(grafana) == {"z": "up"}
    grafana.put(FOLDER, board("theirs", title="Two"))
    with pytest.raises(ServerError) as error:
        ours.apply(ours.plan(build(board("z", title="Two"))))
    assert "rename or move the other dashboard of this title" in str(error.value.next_step)
    assert shown(grafana) == {"z": "up", "theirs": "up"}
    assert grafana.boards["z"][1]["title"] == "One"
