"""Saved objects into a space of Kibana: a stub of the documented API stands for it, because no package offers one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.kibana_space import KibanaSpace
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, RegobsError, ServerError
from regobs.kibana.outputs import files
from regobs.logs.elasticsearch.access import Access
from regobs.pack import find_pack
from tests.deploy.elastic_stub import KEY, Answer, StubKibana
from tests.deploy.fakes import Cut, KilledError, kill_at, put_back

OLD = files(find_pack())
FILE = "kibana/production.ndjson"
BOARD = "dashboard/registry-main-production"
SEARCH = "search/registry-errors-production"


def without(*names: str, **titles: str) -> dict[str, bytes]:
    """The build without some objects of production, and others under another title."""
    lines = []
    for line in OLD[FILE].splitlines():
        saved = json.loads(line)
        name = f"{saved['type']}/{saved['id']}"
        saved["attributes"]["title"] = titles.get(saved["id"], saved["attributes"]["title"])
        if name not in names:
            lines.append(json.dumps(saved).encode())
    return {**OLD, FILE: b"\n".join(lines) + b"\n"}


NEW = without(
    "dashboard/registry-blob-downloads-production", **{"registry-errors-production": "Errors of the registry"}
)


@pytest.fixture
def server() -> Iterator[StubKibana]:
    with StubKibana("registry") as stub:
        yield stub


def rollout(server: StubKibana, tmp_path: Path, environment: str = "production") -> Rollout:
    target = KibanaSpace("kibana", Access(server.url, api_key=KEY), "registry", environment)
    return Rollout(target, StateFolder(tmp_path / "state"))


def titles(server: StubKibana) -> dict[str, str]:
    return {name: one["attributes"]["title"] for name, one in server.saved.items()}


def test_objects_are_imported_changed_deleted_and_brought_back_in_their_space(
    server: StubKibana, tmp_path: Path
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    first = titles(server)
    assert len(first) == len(OLD[FILE].splitlines())
    assert not ours.plan(OLD).differs  # though Kibana has migrated them
    assert ours.status().edited == ()
    plan = ours.plan(NEW)
    assert [(one.thing, one.what) for one in plan.changes] == [
        ("dashboard/registry-blob-downloads-production", "removed"),
        (f"{SEARCH} / attributes.title", "changed"),
    ]
    server.asked.clear()
    ours.apply(plan)
    assert server.asked == [
        ("POST", "/s/registry/api/saved_objects/_import"),
        ("DELETE", "/s/registry/api/saved_objects/dashboard/registry-blob-downloads-production"),
    ]
    assert titles(server)[SEARCH] == "Errors of the registry"
    ours.apply(ours.plan_back(1))
    assert titles(server) == first
    ours.verify()


def test_without_an_environment_every_one_of_the_build_is_imported(server: StubKibana, tmp_path: Path) -> None:
    ours = rollout(server, tmp_path, "")
    ours.apply(ours.plan(OLD))
    assert {name.rpartition("-")[2] for name in server.saved} == {"production"}
    assert "index-pattern/registry-non-production" in server.saved
    with pytest.raises(InputError, match="no Kibana objects of this environment") as error:
        rollout(server, tmp_path, "prod").plan(OLD)
    assert "non-production, production" in str(error.value)


def test_objects_of_others_stay_and_edits_in_the_browser_are_conflicts(server: StubKibana, tmp_path: Path) -> None:
    theirs = {"type": "dashboard", "id": "nginx", "attributes": {"title": "Nginx"}, "references": []}
    server.saved["dashboard/nginx"] = theirs
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    server.saved[BOARD]["attributes"]["title"] = "My dashboard"
    assert [(one.thing, one.what) for one in ours.status().edited] == [(BOARD, "changed since it was deployed")]
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(NEW))
    ours.apply(ours.plan(NEW), overwrite=True)
    assert titles(server)[BOARD] != "My dashboard"
    assert server.saved["dashboard/nginx"] == theirs


def test_objects_that_refer_to_what_is_nowhere_are_refused_before_anything_changes(
    server: StubKibana, tmp_path: Path
) -> None:
    ours = rollout(server, tmp_path)
    plan = ours.plan(without(SEARCH))
    with pytest.raises(InputError, match="refers to an object that is not there"):
        ours.apply(plan)
    assert server.asked == []


ANSWERS: list[Answer | str] = [
    *((status, {"statusCode": status, "message": "no"}) for status in (400, 401, 403, 409, 413, 429, 503)),
    (200, {"success": False, "errors": [{"type": "search", "id": "a", "error": {"type": "conflict"}}]}),
    (302, {}),
    "<html>sign in</html>",
]


@pytest.mark.parametrize("step", range(2))
@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_whatever_is_answered_at_whatever_step_the_old_objects_are_back(
    server: StubKibana, tmp_path: Path, answer: Answer | str, step: int
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    plan, before = ours.plan(NEW), titles(server)
    cut = Cut(step, answer)
    server.refuse = cut
    if step == 1 and isinstance(answer, tuple) and answer[0] == 200:
        return  # no answer of a deletion
    with pytest.raises(RegobsError, match="kibana") as error:
        ours.apply(plan)
    assert cut.used
    assert KEY not in str(error.value)
    assert titles(server) == before
    assert ours.status().state.number == 1


@pytest.mark.parametrize("answer", [b"[]", b'{"type": 1}', b"\xff", b"<html>"])
def test_an_export_that_is_not_one_saved_object_a_line_is_told(
    server: StubKibana, tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = rollout(server, tmp_path)
    routed = server.routed

    def strange(method: str, path: str, *rest: Any) -> Any:
        return (200, answer) if path.endswith("_export") else routed(method, path, *rest)

    monkeypatch.setattr(server, "routed", strange)
    with pytest.raises(ServerError, match="not one saved object a line"):
        ours.plan(OLD)


@pytest.mark.parametrize("step", range(2))
def test_killed_at_any_change_the_next_command_puts_the_old_objects_back(
    server: StubKibana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    plan, before = ours.plan(NEW), titles(server)
    target = ours.target
    assert isinstance(target, KibanaSpace)
    kill_at(step, ours, target._api, "send", monkeypatch, counts=server.changes)
    with pytest.raises(KilledError):
        ours.apply(plan)
    again = rollout(server, tmp_path)
    assert again.status().interrupted
    put_back(again)
    assert titles(server) == before
    assert again.status().edited == ()
