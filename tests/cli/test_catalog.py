"""`regobs catalog`, run as a command: what it writes and with which code it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from regobs.catalog import METRICS
from regobs.cli.catalog import catalog
from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.catalog.samples import DOCKER, GITLAB, replaced, text_of


def _run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(catalog, list(arguments), **options)


def _json(*arguments: str) -> Any:
    result = _run(*arguments)
    assert result.exit_code in {ExitCode.OK, ExitCode.DIFFERENCE}, result.output
    return json.loads(result.output)


def test_the_list_has_a_line_for_each_metric() -> None:
    lines = _run("list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", *METRICS]


def test_the_export_is_a_list_of_objects_by_the_name_as_exposed() -> None:
    found = {one["name"]: one for one in _json("export")}
    assert list(found) == list(METRICS)
    assert all(
        {"name", "type", "labels", "buckets", "unit", "flavors", "forms"} <= one.keys() for one in found.values()
    )
    assert found["registry_storage_action_seconds"]["labels"] == ["action", "driver"]
    assert found["registry_http_requests_total"]["buckets"] is None


@pytest.mark.parametrize(("flavor", "route"), [("gitlab", "route"), ("distribution", "handler")])
def test_the_export_of_one_flavor_has_its_names(flavor: str, route: str) -> None:
    found = {one["name"]: one for one in _json("export", "--flavor", flavor)}
    assert found["registry_http_requests_total"]["labels"] == ["code", "method", route] or found[
        "registry_http_requests_total"
    ]["labels"] == ["code", route, "method"]
    assert {tuple(one["flavors"]) for one in found.values()} == {(flavor,)}


def test_list_and_export_differ_in_their_default_only() -> None:
    for form in ("table", "json", "markdown"):
        assert _run("list", "--format", form).output == _run("export", "--format", form).output
    assert _run("export").output == _run("export", "--format", "json").output
    assert _run("list").output == _run("list", "--format", "table").output


def test_one_component_can_be_listed() -> None:
    assert {one["component"] for one in _json("list", "--component", "gc", "--format", "json")} == {"gc"}


@pytest.mark.parametrize(
    "name", ["registry_http_request_duration_seconds", "registry_http_request_duration_seconds_bucket"]
)
def test_a_metric_is_shown_by_the_name_of_its_family_or_of_a_series(name: str) -> None:
    result = _run("show", name)
    assert result.exit_code == ExitCode.OK
    assert result.output.startswith("registry_http_request_duration_seconds\n")
    assert _json("show", name, "--format", "json")["name"] == "registry_http_request_duration_seconds"


def test_a_recorded_series_of_any_window_is_shown() -> None:
    assert _json("show", "registry:slo_events:increase7d", "--format", "json")["exposer"] == "recording rules"


def test_an_unknown_name_is_answered_with_close_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "registry_gc_run_total"]) == ExitCode.INPUT
    error = capsys.readouterr().err
    assert "registry_gc_runs_total" in error
    assert "registry_gc_run_total" in error


def test_an_unknown_component_is_answered_with_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "list", "--component", "nothing"]) == ExitCode.INPUT
    assert "storage" in capsys.readouterr().err


@pytest.mark.parametrize(("path", "families"), [(GITLAB, 87), (DOCKER, 43)], ids=["gitlab", "docker"])
def test_a_real_scrape_has_no_difference(path: Path, families: int) -> None:
    result = _run("check", str(path))
    assert result.exit_code == ExitCode.OK
    assert result.output.splitlines()[-1] == "differences  0"
    assert f"seen         {families} families" in result.output
    report = _json("check", str(path), "--format", "json")
    assert (report["ok"], report["differences"], report["families"]) == (True, [], families)


def test_standard_input_may_be_packed() -> None:
    assert _run("check", "-", input=GITLAB.read_bytes()).exit_code == ExitCode.OK
    assert _run("check", "-", input=text_of(DOCKER)).exit_code == ExitCode.OK


def test_a_difference_is_exit_code_1_and_says_where(tmp_path: Path) -> None:
    changed = tmp_path / "changed.prom"
    changed.write_bytes(replaced(text_of(DOCKER), 'action="Move"', 'action="Rename"'))
    result = _run("check", str(changed))
    assert result.exit_code == ExitCode.DIFFERENCE
    assert "registry_storage_action_seconds: unknown label value" in result.output
    assert "action='Rename'" in result.output
    report = _json("check", str(changed), "--format", "json")
    (difference,) = report["differences"]
    assert (difference["what"], difference["line"] > 0, report["ok"]) == ("unknown label value", True, False)


def test_flavor_and_version_can_be_given() -> None:
    report = _json("check", str(GITLAB), "--flavor", "gitlab", "--version", "4.20.0", "--format", "json")
    assert (report["flavor"], report["version"]) == ("gitlab", "4.20.0")
    assert "registry_database_rows" in {one["family"] for one in report["differences"]}


@pytest.mark.parametrize("arguments", [("--version", "new"), ("--flavor", "harbor")])
def test_a_wrong_option_is_exit_code_2(arguments: tuple[str, str]) -> None:
    assert run(["catalog", "check", str(DOCKER), *arguments]) == ExitCode.INPUT


@pytest.mark.parametrize("text", ["<html>", "", "a 1\n", "a b\n"])
def test_a_file_that_is_no_scrape_of_a_registry_is_exit_code_2(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").write_text(text)
    assert run(["catalog", "check", str(tmp_path / "x")]) == ExitCode.INPUT
    captured = capsys.readouterr()
    assert str(tmp_path / "x") in captured.err
    assert captured.out == ""


def test_a_server_that_is_not_there_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "check", "http://127.0.0.1:9/metrics"]) == ExitCode.SERVER
    assert "http://127.0.0.1:9/metrics" in capsys.readouterr().err


def test_a_password_in_the_address_of_an_exposition_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "check", "http://me:s3cret@127.0.0.1:9/metrics"]) == ExitCode.INPUT
    assert "s3cret" not in capsys.readouterr().err


def test_a_difference_is_exit_code_1_of_the_whole_program_too(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(replaced(text_of(DOCKER), "go_threads", "go_thread"))
    assert run(["catalog", "check", str(tmp_path / "x")]) == ExitCode.DIFFERENCE
    assert run(["catalog", "check", str(DOCKER)]) == ExitCode.OK
