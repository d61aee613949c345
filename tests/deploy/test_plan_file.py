"""Plan files: taken only as they were written, and never believed of what is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.plan_file import read_plan, write_plan
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.deploy.target import PlannedChange
from regobs.errors import InputError
from tests.deploy.conftest import NEW, rollout
from tests.deploy.fakes import MemoryTarget, rule_file


def test_a_plan_survives_its_file(deployed: MemoryTarget, folder: StateFolder, tmp_path: Path) -> None:
    ours = Rollout(deployed, folder, place="rules /etc/prometheus/rules")
    plan = ours.plan(NEW)
    write_plan(tmp_path / "plan.json", [plan])
    assert read_plan(tmp_path / "plan.json") == {plan.target: plan}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99, "plans": []}', '{"format": 1, "plans": [{}]}', "\xff"]
)
def test_what_is_no_plan_is_an_input_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError):
        read_plan(path)


def _other(data: dict[str, Any], **values: Any) -> str:
    return json.dumps(data | values)


def _of_plan(data: dict[str, Any], **values: Any) -> str:
    return _other(data, plans=[data["plans"][0] | values])


STRICT: dict[str, tuple[Callable[[dict[str, Any]], str | bytes], str]] = {
    "brackets": (lambda _: "[" * 100_000, "brackets within brackets"),
    "list": (lambda _: "[]", "no JSON object"),
    "cut": (lambda data: json.dumps(data)[:-1], "no JSON at line 1, column "),
    "long number": (lambda _: "9" * 5000, "too long"),
    "utf16": (lambda data: json.dumps(data).encode("utf-16"), "byte 1 is no UTF-8"),
    "mark": (lambda data: b"\xef\xbb\xbf" + json.dumps(data).encode(), "no JSON at line 1, column 1"),
    "version": (lambda data: _other(data, version="0.0"), "`version` is '0.0', expected"),
    "no version": (lambda data: _other({key: data[key] for key in ("format", "plans")}), "`version` is missing"),
    "format": (lambda data: _other(data, format=3.0), "`format` is 3.0, expected 3"),
    "key": (lambda data: _other(data, more=1), "the file has the key 'more'"),
    "plans": (lambda data: _other(data, plans={}), "plans is no list"),
    "twice": (lambda data: json.dumps(data)[:-1] + ', "format": 3}', "the key 'format' is there twice"),
    "plan": (lambda data: _other(data, plans=[1]), "plans[0] is no object"),
    "differs": (lambda data: _of_plan(data, differs=1), "plans[0].differs is no true or false"),
    "due": (lambda data: _of_plan(data, due=None), "plans[0].due is no text"),
    "deleted": (lambda data: _of_plan(data, deleted=[1]), "plans[0].deleted[0] is no text"),
    "change": (lambda data: _of_plan(data, changes=[{"thing": "a"}]), "plans[0].changes[0] lacks the key `what`"),
    "object": (
        lambda data: _of_plan(data, objects={"a.yaml": "groups: []"}),
        "plans[0].objects['a.yaml'] is not `text:`",
    ),
    "base64": (
        lambda data: _of_plan(data, objects={"a.yaml": "base64:!"}),
        "plans[0].objects['a.yaml'] is not `text:`",
    ),
    "surrogate": (lambda data: _of_plan(data, objects={"a.yaml": "text:\ud800"}), "is not `text:`"),
}


@pytest.mark.parametrize("case", STRICT)
def test_a_plan_file_is_taken_only_as_it_was_written(
    case: str, deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    path, (change, why) = tmp_path / "plan.json", STRICT[case]
    write_plan(path, [rollout(deployed, folder).plan(NEW)])
    text = change(json.loads(path.read_bytes()))
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError, match="this is no plan of regobs deploy") as raised:
        read_plan(path)
    assert why in str(raised.value.value)
    assert raised.value.next_step == "make the plan again"


def test_objects_that_are_no_text_go_through_a_plan_file(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    plan = replace(rollout(deployed, folder).plan(NEW), objects={"a.yaml": b"\xff", "b.yaml": b"base64:"})
    write_plan(tmp_path / "plan.json", [plan])
    assert read_plan(tmp_path / "plan.json") == {plan.target: plan}


def test_a_plan_file_that_names_no_conflicts_replaces_nothing_of_others(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    ours, path = rollout(deployed, folder), tmp_path / "plan.json"
    deployed.live["High.yaml"] = rule_file("High", 7)
    edited, plan = dict(deployed.live), ours.plan(NEW)
    assert plan.conflicts
    write_plan(path, [replace(plan, conflicts=())])
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(read_plan(path)["memory"])
    assert deployed.live == edited
    assert ours.apply(read_plan(path)["memory"], overwrite=True) is not None


@pytest.mark.parametrize(
    "said",
    [
        {"changes": ()},
        {"changes": (PlannedChange("High", "written differently"),)},
        {"deleted": ()},
        {"differs": False},
        {"due": "nothing of note"},
        {"conflicts": ()},
        {"conflicts": (PlannedChange("Low.yaml", "is fine"), PlannedChange("High.yaml", "is fine"))},
    ],
    ids=" ".join,
)
def test_a_plan_file_that_says_anything_else_of_its_objects_is_refused(
    deployed: MemoryTarget, folder: StateFolder, said: Any
) -> None:
    ours = rollout(deployed, folder)
    deployed.live["High.yaml"] = rule_file("High", 7)
    plan = ours.plan(NEW)
    assert ours.as_it_is(plan) == plan
    with pytest.raises(InputError, match="does not say what would be done") as raised:
        ours.as_it_is(replace(plan, **said))
    assert raised.value.value == next(iter(said))
    assert deployed.steps == []


@pytest.mark.parametrize(
    "content", [b"[", b"1", b"groups: 1", b"groups: [1]", b"groups: [{name: a, rules: 1}]", b"\xff"]
)
def test_objects_of_a_plan_file_that_cannot_be_compared_are_one_error(
    deployed: MemoryTarget, folder: StateFolder, content: bytes
) -> None:
    """The digests may be right, as they stand in the file too."""
    ours = rollout(deployed, folder)
    with pytest.raises(InputError):
        ours.as_it_is(replace(ours.plan(NEW), objects={"High.yaml": content}))


def test_a_plan_file_has_one_plan_for_a_target_and_says_which_it_has(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    path, plan = tmp_path / "plan.json", rollout(deployed, folder).plan(NEW)
    write_plan(path, [plan, replace(plan, target="other")])
    assert list(read_plan(path)) == ["memory", "other"]
    assert list(read_plan(path, ["other"])) == ["other"]
    with pytest.raises(InputError, match="the plan has no such target"):
        read_plan(path, ["other", "third"])
    write_plan(path, [plan, plan])
    with pytest.raises(InputError, match="this is no plan"):
        read_plan(path)
