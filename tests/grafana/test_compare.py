from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.config import Config
from regobs.errors import InputError
from regobs.grafana.boards import board_of, read_board, read_boards
from regobs.grafana.compare import DashboardChange, compare_boards, same_query
from regobs.grafana.outputs import files
from regobs.pack import Pack

ROOT = Path(__file__).parents[2]
BUILT = {
    Path(name).stem: json.loads(data)
    for name, data in files(Pack((("bundled", ROOT),)), Config()).items()
    if name.startswith("dashboards/")
}
Json = dict[str, Any]


@pytest.fixture
def board() -> Json:
    """The overview, as a build writes it."""
    return copy.deepcopy(BUILT["overview"])


def panel(board: Json, title: str) -> Json:
    found: Json = next(one for one in board["panels"] if one["title"] == title)
    return found


def changes(old: Json, new: Json, folder: Path) -> list[DashboardChange]:
    """What differs from old to new, each written to a file first."""
    sides = []
    for name, data in (("old", old), ("new", new)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "overview.json").write_text(json.dumps(data))
        sides.append(read_boards(folder / name))
    return compare_boards(*sides)


def whats(found: list[DashboardChange]) -> list[tuple[str, str]]:
    return [(one.panel, one.what) for one in found]


@pytest.mark.parametrize("name", BUILT)
def test_a_dashboard_does_not_differ_from_itself(name: str, tmp_path: Path) -> None:
    assert changes(BUILT[name], BUILT[name], tmp_path) == []


def test_ids_places_and_spelling_do_not_count(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    for number, one in enumerate(new["panels"], 1):
        one["id"] = number
        one["gridPos"]["y"] += 7
        for target in one.get("targets", ()):
            target["expr"] = f"(  {target['expr']})"
    new["panels"].reverse()
    assert changes(board, new, tmp_path) == []


@pytest.mark.parametrize(
    ("keys", "value", "what"),
    [
        (("fieldConfig", "defaults", "unit"), "bytes", "unit changed"),
        (("description",), "Good: never", "description changed"),
        (("type",), "timeseries", "type changed"),
        (("targets", 0, "expr"), "sum(up)", "query changed"),
        (("targets", 0, "legendFormat"), "all", "legend changed"),
        (("links",), [{"title": "Runbook", "url": "http://x"}], "links changed"),
        (("fieldConfig", "defaults", "thresholds", "steps", 1, "value"), 0.5, "thresholds changed"),
    ],
)
def test_one_change_of_a_panel_is_one_difference(
    board: Json, tmp_path: Path, keys: tuple[str | int, ...], value: object, what: str
) -> None:
    new = copy.deepcopy(board)
    place: Any = panel(new, "HTTP latency p95, 5 min")
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    [found] = changes(board, new, tmp_path)
    assert (found.dashboard, found.row, found.panel) == (
        "overview",
        "Requests and instances",
        "HTTP latency p95, 5 min",
    )
    assert found.what == what
    assert found.before != found.after


def test_thresholds_are_told_in_words(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    panel(new, "HTTP latency p95, 5 min")["fieldConfig"]["defaults"]["thresholds"]["steps"][2]["value"] = 0.05
    [found] = changes(board, new, tmp_path)
    assert found.before == "green, yellow from 1, red from 5"
    assert found.after == "green, yellow from 1, red from 0.05"


def test_a_panel_that_comes_or_goes_is_added_or_removed(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    new["panels"].remove(panel(new, "Requests, 5 min"))
    assert whats(changes(board, new, tmp_path)) == [("Requests, 5 min", "panel removed")]
    assert whats(changes(new, board, tmp_path)) == [("Requests, 5 min", "panel added")]


def test_a_panel_with_another_title_is_the_same_panel(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    panel(new, "Requests, 5 min").update(title="Traffic", id=1)
    [found] = changes(board, new, tmp_path)
    assert (found.panel, found.what, found.before, found.after) == (
        "Traffic",
        "title changed",
        "Requests, 5 min",
        "Traffic",
    )


def test_a_panel_in_another_row_has_moved(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    row = next(one for one in new["panels"] if one["type"] == "row" and one["title"] == "Error budgets")
    panel(new, "Requests, 5 min")["gridPos"] = {**row["gridPos"], "y": row["gridPos"]["y"] + 1, "x": 23}
    [found] = changes(board, new, tmp_path)
    assert (found.what, found.before, found.after) == ("panel moved", "row Requests and instances", "row Error budgets")


def test_only_the_panel_that_changed_its_place_has_moved(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    last = panel(new, "Registry version")["gridPos"]
    panel(new, "Instances up")["gridPos"] = {**last, "x": last["x"] + 1}
    assert whats(changes(board, new, tmp_path)) == [("Instances up", "panel moved")]


def test_a_query_that_is_put_before_others_changes_none_of_them(board: Json, tmp_path: Path) -> None:
    new = copy.deepcopy(board)
    targets = panel(new, "Requests, 5 min")["targets"]
    targets.insert(0, {**targets[0], "expr": "sum(up)"})
    for ref, target in zip("AB", targets, strict=True):
        target["refId"] = ref
    [found] = changes(board, new, tmp_path)
    assert (found.what, found.after) == ("query added", "sum(up)")


def test_dashboards_come_and_go() -> None:
    boards = {name: board_of(data) for name, data in BUILT.items()}
    fewer = {name: board for name, board in boards.items() if name != "slo"}
    assert [(one.dashboard, one.what) for one in compare_boards(boards, fewer)] == [("slo", "dashboard removed")]
    assert [(one.dashboard, one.what) for one in compare_boards(fewer, boards)] == [("slo", "dashboard added")]


@given(st.randoms(use_true_random=False), st.sampled_from(sorted(BUILT)))
def test_what_is_removed_one_way_is_added_the_other(chance: random.Random, name: str) -> None:
    old, new = copy.deepcopy(BUILT[name]), copy.deepcopy(BUILT[name])
    new["panels"] = [one for one in new["panels"] if one["type"] == "row" or chance.random() < 0.7]
    there, back = (compare_boards({name: board_of(a)}, {name: board_of(b)}) for a, b in ((old, new), (new, old)))
    removed = {(one.row, one.panel) for one in there if one.what == "panel removed"}
    assert removed == {(one.row, one.panel) for one in back if one.what == "panel added"}
    assert {one.what for one in there} <= {"panel removed"}


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("sum(up)", " sum ( up )", True),
        ('up{a="1", b="2"}', 'up{b="2", a="1"}', True),
        ("sum by (a, b) (up)", "sum by (b, a) (up)", True),
        ("sum(up) by (a)", "sum by (a) (up)", True),
        ("(up)", "up", True),
        ("up", "down", False),
        ("a - b", "b - a", False),
        ("rate(x[5m])", "rate(x[6m])", False),
        ("no promql (", "no  promql (", True),
        ("no promql (", "other (", False),
    ],
)
def test_two_spellings_of_one_query_are_the_same(old: str, new: str, same: bool) -> None:
    assert same_query(old, new) is same


def test_an_export_of_the_api_is_read_like_a_file(board: Json, tmp_path: Path) -> None:
    plain, wrapped = tmp_path / "a.json", tmp_path / "b.json"
    plain.write_text(json.dumps(board))
    wrapped.write_text(json.dumps({"dashboard": board, "meta": {}}))
    assert read_board(plain) == read_board(wrapped)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is no JSON"),
        ("[" * 200_000, "brackets within brackets"),
        ("9" * 10_000, "cannot be read"),
        ("[]", "no list of panels"),
        ('{"title": "x"}', "no list of panels"),
        ('{"panels": [{"title": "x"}]}', "not whole"),
        ('{"panels": [1]}', "not whole"),
    ],
)
def test_what_is_no_dashboard_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_board(file)
    assert str(caught.value.location).startswith(str(file))


def test_a_directory_without_dashboards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no dashboard"):
        read_boards(tmp_path)
    with pytest.raises(InputError, match="there is no dashboard"):
        read_boards(tmp_path / "missing")


OLD = {
    "title": "Old",
    "schemaVersion": 14,
    "rows": [
        {"title": "Traffic", "panels": [{"id": 1, "type": "graph", "title": "A", "targets": [{"expr": "up"}]}]},
        {"title": "Cache", "panels": [{"id": 2, "type": "singlestat", "title": "B", "targets": [{"expr": "up"}]}]},
    ],
}


def test_rows_of_the_old_kind_are_read_like_those_of_today(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(OLD))
    assert [(one.row, one.title, one.texts) for one in read_board(file).panels] == [
        ("Traffic", "A", ("up",)),
        ("Cache", "B", ("up",)),
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        {"meta": {}, "dashboard": OLD},
        {"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "spec": OLD},
        {"grafanaDashboards": {"old.json": OLD}},
    ],
)
def test_a_wrapped_dashboard_is_unwrapped(wrapped: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(wrapped))
    assert read_board(file).title == "Old"


def test_a_dashboard_of_schema_v2_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "v2.json"
    file.write_text(json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}}}))
    with pytest.raises(InputError, match="schema v2"):
        read_board(file)
