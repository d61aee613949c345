from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode

NAMES = [path.name.split(".")[0] for path in sorted((Path(__file__).parents[2] / "dashboards").glob("*.dashboard.py"))]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dashboards(capsys: Output, *arguments: str | Path) -> tuple[int, str, str]:
    code = run(["dashboards", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_list_has_every_dashboard_with_its_title(capsys: Output) -> None:
    code, out, _ = dashboards(capsys, "list")
    head, *lines = out.splitlines()
    assert code == ExitCode.OK
    assert head.split() == ["NAME", "TITLE", "PANELS", "LEFT", "OUT", "NEEDS"]
    assert [line.split()[0] for line in lines] == NAMES
    assert "Registry Storage Detail" in out


def test_the_list_counts_what_a_flavor_lacks(capsys: Output) -> None:
    found = json.loads(dashboards(capsys, "list", "--flavor", "distribution", "--format", "json")[1])
    panels = {one["name"]: (one["panels"], one["left_out"]) for one in found}
    assert panels["redis-detail"] == (0, 44)
    assert panels["slo"][0] >= 9
    assert panels["slo"][1] == 0


@pytest.mark.parametrize("name", ["slo", "SLO", "Registry SLOs and Error Budgets"])
def test_a_dashboard_is_shown_by_its_name_or_title(capsys: Output, name: str) -> None:
    code, out, _ = dashboards(capsys, "show", name)
    assert code == ExitCode.OK
    assert out.startswith("Registry SLOs and Error Budgets\n")
    for part in (
        "Burn rates",
        "(alert RegistryLatencyBurn, logs slow-requests-by-route)",
        'max by (slo) (registry:slo_target:ratio{slo=~"$slo"})',
    ):
        assert part in out


def test_what_is_left_out_is_shown_with_its_reason(capsys: Output) -> None:
    _, out, _ = dashboards(capsys, "show", "garbage-collection-detail")
    assert "needs     garbage_collection" in out
    assert "GC tasks overdue: the dashboard needs the capability garbage_collection" in out


def test_json_of_a_dashboard_holds_its_queries(capsys: Output) -> None:
    shown = json.loads(dashboards(capsys, "show", "overview", "--format", "json")[1])
    assert shown["name"] == "overview"
    assert all(query["expr"] for panel in shown["panels"] for query in panel["expressions"])


def test_a_name_that_is_none_is_answered_with_the_closest(capsys: Output) -> None:
    code, _, err = dashboards(capsys, "show", "overveiw")
    assert code == ExitCode.INPUT
    assert "expected: overview" in err


def build(out: Path) -> Path:
    assert run(["build", "--out", str(out)]) == ExitCode.OK
    return out


def twice(folder: Path) -> tuple[Path, Path]:
    """A build and its copy."""
    return build(folder / "a"), shutil.copytree(folder / "a", folder / "b")


def test_two_equal_builds_do_not_differ(capsys: Output, tmp_path: Path) -> None:
    old, new = twice(tmp_path)
    capsys.readouterr()
    assert dashboards(capsys, "diff", old, new) == (ExitCode.OK, "no difference\n", "")
    assert json.loads(dashboards(capsys, "diff", old, new, "--format", "json")[1]) == {"changes": []}


def test_a_changed_query_is_exit_code_1_and_both_texts(capsys: Output, tmp_path: Path) -> None:
    old, new = twice(tmp_path)
    file = new / "dashboards" / "overview.json"
    board = json.loads(file.read_text())
    target = next(one for one in board["panels"] if one["title"] == "Requests in flight")["targets"][0]
    before, target["expr"] = target["expr"], "sum(up)"
    file.write_text(json.dumps(board))
    capsys.readouterr()
    code, out, _ = dashboards(capsys, "diff", old, new)
    assert code == ExitCode.DIFFERENCE
    assert out == (
        "overview\n  Requests and instances / Requests in flight\n    query changed\n"
        f"      - {before}\n      + sum(up)\n1 difference\n"
    )
    code, out, _ = dashboards(capsys, "diff", old / "dashboards" / "overview.json", file, "--format", "json")
    assert code == ExitCode.DIFFERENCE
    assert [(one["what"], one["after"]) for one in json.loads(out)["changes"]] == [("query changed", "sum(up)")]


def test_two_files_are_compared_whatever_they_are_called(capsys: Output, tmp_path: Path) -> None:
    old = build(tmp_path / "a") / "dashboards" / "overview.json"
    new = tmp_path / "mine.json"
    new.write_bytes(old.read_bytes())
    capsys.readouterr()
    assert dashboards(capsys, "diff", old, new)[0] == ExitCode.OK


def test_a_path_without_dashboards_is_exit_code_2(capsys: Output, tmp_path: Path) -> None:
    code, out, err = dashboards(capsys, "diff", tmp_path, tmp_path / "missing")
    assert (code, out) == (ExitCode.INPUT, "")
    assert "there is no dashboard" in err
