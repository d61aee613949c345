"""`regobs deploy` as a person or a pipeline uses it, on a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from regobs.cli.main import run
from regobs.common.programs import free_port
from regobs.documents.json_output import json_schema
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus
from tests.deploy.fakes import PREFIX, rule_file, rules
from tests.e2e.conftest import PrometheusFactory, prometheus_server, supervisor

__all__ = ["prometheus_server", "supervisor"]

WATCHDOG = b"groups: [{name: w, rules: [{alert: Watchdog, expr: vector(1)}]}]"
Deploy = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.server


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What a build gives, for a test to change."""
    files = rules(High=5, Low=1)
    monkeypatch.setattr("regobs.build.build_files", lambda *_: dict(files))
    monkeypatch.delenv("CI", raising=False)
    return files


@pytest.fixture
def url(prometheus_server: PrometheusFactory, tmp_path: Path) -> str:
    away = {"job_name": "away", "scrape_interval": "1s", "static_configs": [{"targets": ["127.0.0.1:1"]}]}
    return prometheus_server({"rule_files": [f"{tmp_path}/rules/*.yaml"], "scrape_configs": [away]}).url


@pytest.fixture
def deploy(url: str, built: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Deploy:
    del built
    settings = tmp_path / "regobs.toml"
    settings.write_text(
        f"[contexts.here]\nurl = '{url}'\n[deploy.rules]\nkind = 'rules'\ndirectory = 'rules'\ncontext = 'here'\n"
    )

    def called(*arguments: str) -> tuple[int, str, str]:
        # lint calls `vector(1) > 5` an error, since it is never true; the test of that gives its own argument
        allowed = ["--allow-findings"] if arguments[0] == "apply" and "--judged" not in arguments else []
        given = [one for one in arguments if one != "--judged"]
        code = run(["deploy", *given, *allowed, "--config", str(settings)])
        return code, *capsys.readouterr()

    return called


def alerts(url: str) -> dict[str, str]:
    with Prometheus(url) as client:
        return {rule.name: rule.query for group in client.rules() for rule in group.rules}


def test_a_deployment_from_plan_to_rollback(deploy: Deploy, built: dict[str, bytes], url: str) -> None:
    code, out, _ = deploy("plan")
    assert (code, alerts(url)) == (1, {})
    assert "alert added: High" in out
    code, out, _ = deploy("apply", "--yes", "--environment", "staging")
    assert (code, alerts(url)["High"]) == (0, "vector(1) > 5")
    assert "rules: state 1 is in use" in out
    assert deploy("plan")[:2] == (0, "rules: nothing to change\n")
    built |= rules(High=7)
    code, out, _ = deploy("plan")
    assert "threshold changed: High\n    - vector(1) > 5\n    + vector(1) > 7\n" in out
    assert deploy("apply", "--yes")[0] == 0
    assert deploy("verify")[:2] == (0, "rules: well\n")
    assert deploy("rollback", "rules", "--yes")[0] == 0
    assert alerts(url)["High"] == "vector(1) > 5"
    code, out, _ = deploy("status", "--format=json")
    (found,) = json.loads(out)
    assert (code, found["state"], found["kept"], found["edited"]) == (0, 3, [1, 2, 3], [])


def test_a_directory_that_is_a_link_is_verified_under_the_name_that_the_server_has(
    deploy: Deploy, built: dict[str, bytes], url: str, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "rules").symlink_to(tmp_path / "real")
    assert deploy("apply", "--yes")[0] == 0
    assert deploy("verify")[0] == 0
    assert deploy("plan")[:2] == (0, "rules: nothing to change\n")
    (tmp_path / "real" / "High.yaml").write_bytes(built[f"{PREFIX}High.yaml"] + b"hand\n")
    code, out, _ = deploy("plan")
    assert (code, "conflict: High.yaml changed since it was deployed; what is there cannot be read: " in out) == (
        1,
        True,
    )
    assert deploy("apply", "--yes")[0] == 2
    assert deploy("apply", "--yes", "--overwrite")[0] == 0
    assert alerts(url)["High"] == "vector(1) > 5"
    assert (tmp_path / "rules").is_symlink()


def test_a_reader_that_leaves_changes_neither_the_exit_code_nor_what_is_done(
    deploy: Deploy, url: str, tmp_path: Path
) -> None:
    for words, code in ((("plan",), 1), (("apply", "--yes", "--allow-findings"), 0)):
        script = (
            "import sys\nfrom regobs.cli.main import run\nimport regobs.build\nfrom tests.deploy.fakes import rules\n"
            "regobs.build.build_files = lambda *_: rules(High=5)\nsys.stdin.readline()\n"
            f"sys.exit(run(['deploy', *{words!r}, '--config', {str(tmp_path / 'regobs.toml')!r}]))"
        )
        pipe = subprocess.PIPE
        child = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe)
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(b"\n")
        child.stdin.close()
        said = child.stderr.read()
        child.stderr.close()
        assert (child.wait(), said) == (code, b"")
    assert alerts(url)["High"] == "vector(1) > 5"
    assert deploy("rollback", "rules", "--to", "7", "--yes")[0] == 2


def test_of_long_texts_the_part_is_shown_that_differs(deploy: Deploy, built: dict[str, bytes]) -> None:
    long = "vector(1)" + " + vector(0)" * 40
    built |= {f"{PREFIX}High.yaml": rule_file("High", 5, long)}
    assert deploy("apply", "--yes")[0] == 0
    built |= {f"{PREFIX}High.yaml": rule_file("High", 7, long)}
    _, out, _ = deploy("plan")
    sides = [line for line in out.splitlines() if line.startswith(("    - ", "    + "))]
    assert [side[:9] for side in sides] == ["    - ...", "    + ..."]
    assert [side[-3:] for side in sides] == ["> 5", "> 7"]


def test_what_became_of_each_target_is_told_as_json(
    deploy: Deploy, built: dict[str, bytes], url: str, tmp_path: Path
) -> None:
    def told(*words: str) -> tuple[int, Any]:
        code, out, _ = deploy(*words, "--format=json")
        data = json.loads(out)
        name = f"deploy_{words[0]}"
        jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": json_schema()["$defs"]}).validate(data)
        return code, data

    good = {"target": "rules", "well": True, "error": None}
    assert told("apply", "--yes") == (0, [good | {"state": 1}])
    assert told("apply", "--yes") == (0, [])
    built |= rules(High=7)
    assert told("apply", "--yes") == (0, [good | {"state": 2}])
    assert told("verify") == (0, [good | {"state": None}])
    assert told("rollback", "rules", "--yes") == (0, [good | {"state": 3}])
    settings = tmp_path / "regobs.toml"
    settings.write_text(settings.read_text().replace(url, f"http://127.0.0.1:{free_port()}"))
    code, (found,) = told("verify", "--wait", "1")
    assert (code != 0, found["well"], bool(found["error"])) == (True, False, True)


def test_a_plan_is_carried_out_as_it_was_shown(
    deploy: Deploy, built: dict[str, bytes], url: str, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    assert deploy("plan", "--out", plan)[0] == 1
    built |= rules(High=99)
    assert deploy("apply", "--plan", plan, "--yes")[0] == 0
    assert alerts(url)["High"] == "vector(1) > 5"
    code, _, err = deploy("apply", "--plan", plan, "--yes")
    assert (code, "has changed since the plan" in err) == (2, True)


def test_a_plan_without_changes_is_refused_too_when_the_target_moved_on(deploy: Deploy, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    assert deploy("apply", "--yes")[0] == 0
    assert deploy("plan", "--out", plan)[0] == 0
    assert deploy("apply", "--plan", plan, "--yes")[0] == 0
    file = tmp_path / "rules" / "High.yaml"
    file.write_bytes(file.read_bytes() + b"# by hand\n")
    code, _, err = deploy("apply", "--plan", plan, "--yes")
    assert (code, "has changed since the plan" in err) == (2, True)


def test_rules_that_the_server_has_not_read_are_work_to_do(
    deploy: Deploy, built: dict[str, bytes], url: str, tmp_path: Path
) -> None:
    """The files are as they should be, and the server goes on with those of before."""
    assert deploy("apply", "--yes")[0] == 0
    before = (tmp_path / "rules" / "High.yaml").read_bytes()
    built |= rules(High=7)
    (tmp_path / "rules" / "High.yaml").write_bytes(built[f"{PREFIX}High.yaml"])
    code, out, _ = deploy("plan")
    assert (code, "the server is to be told to read what is there: the group High" in out) == (1, True)
    (told,) = json.loads(deploy("plan", "--format=json")[1])
    assert (told["differs"], bool(told["due"])) == (False, True)
    assert deploy("apply", "--yes")[0] == 0
    assert alerts(url)["High"] == "vector(1) > 7"
    assert deploy("plan")[:2] == (0, "rules: nothing to change\n")
    (tmp_path / "rules" / "High.yaml").write_bytes(before)
    built |= rules(High=5)
    assert "is to be told" in deploy("plan")[1]


def test_many_changes_are_counted_by_kind_first(deploy: Deploy, built: dict[str, bytes]) -> None:
    built |= rules(**{f"A{number}": number for number in range(25)})
    lines = deploy("plan")[1].splitlines()
    assert lines[1].startswith("  in short: alert added 27")


def test_a_plan_for_one_directory_is_refused_for_another_of_the_same_name(
    deploy: Deploy, url: str, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    assert deploy("plan", "--out", plan)[0] == 1
    settings = tmp_path / "regobs.toml"
    settings.write_text(settings.read_text().replace("directory = 'rules'", "directory = 'production'"))
    code, _, err = deploy("apply", "--plan", plan, "--yes")
    assert (code, "made for another place" in err) == (2, True)
    assert f"rules {tmp_path}/production read by {url}" in err
    assert not (tmp_path / "production").exists()


def test_where_ci_is_set_nothing_is_changed_without_yes(
    deploy: Deploy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    code, out, err = deploy("apply")
    assert (code, alerts(url)) == (1, {})
    assert "alert added" in out
    assert "CI is set" in err
    assert deploy("apply", "--yes")[0] == 0


@pytest.mark.parametrize("value", ["false", "0", "no", "", "False"])
def test_a_machine_that_says_it_is_no_ci_is_none(deploy: Deploy, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", value)
    code, _, err = deploy("apply")
    assert (code, "nobody can be asked" in err) == (2, True)


def test_nobody_to_ask_is_an_input_error(deploy: Deploy, url: str) -> None:
    code, _, err = deploy("apply")
    assert (code, "nobody can be asked" in err, alerts(url)) == (2, True, {})


def test_what_somebody_changed_is_told_and_not_lost(deploy: Deploy, built: dict[str, bytes], tmp_path: Path) -> None:
    assert deploy("apply", "--yes")[0] == 0
    edited = tmp_path / "rules/High.yaml"
    edited.write_text(edited.read_text() + "# by hand\n")
    built |= rules(High=8)
    code, out, _ = deploy("status")
    assert (code, "High.yaml changed since it was deployed" in out) == (1, True)
    code, _, err = deploy("apply", "--yes")
    assert (code, "somebody else's work" in err) == (2, True)
    assert "by hand" in edited.read_text()
    assert deploy("apply", "--yes", "--overwrite")[0] == 0
    assert "by hand" not in edited.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "--target", "rulse"), "did you mean rules?"),
        (("rollback", "rules"), "no such state"),
        (("apply", "--plan", "missing.json"), "this is no plan"),
    ],
)
def test_a_wrong_argument_is_exit_code_2(deploy: Deploy, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = deploy(*arguments)
    assert (code, said in err) == (2, True)


def test_without_targets_it_says_how_to_add_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "regobs.toml").write_text("")
    assert run(["deploy", "status", "--config", str(tmp_path / "regobs.toml")]) == 2
    assert "[deploy.NAME]" in capsys.readouterr().err


def test_what_lint_calls_an_error_is_not_deployed_unless_it_is_allowed(
    deploy: Deploy, built: dict[str, bytes], url: str
) -> None:
    """promtool takes it: the query is well formed, and means nothing."""
    built.clear()
    built |= {f"{PREFIX}odd.yaml": rule_file("Odd", 1, "rate(registry_storage_cache_errors_total[5m])")}
    assert deploy("apply", "--yes", "--judged")[0] == 0
    built |= {f"{PREFIX}odd.yaml": rule_file("Odd", 1, "rate(registry_http_in_flight_requests[5m])")}
    code, _, err = deploy("apply", "--yes", "--judged")
    assert (code, "odd.yaml" in err, "rate-of-gauge" in err, "--allow-findings" in err) == (2, True, True, True)
    assert "in_flight" not in alerts(url)["Odd"]
    assert deploy("apply", "--yes", "--judged", "--allow-findings")[0] == 0
    assert "in_flight" in alerts(url)["Odd"]


def test_a_plan_file_is_linted_too(deploy: Deploy, built: dict[str, bytes], url: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    built.clear()
    built |= {f"{PREFIX}odd.yaml": rule_file("Odd", 1, "rate(registry_http_in_flight_requests[5m])")}
    assert deploy("plan", "--out", str(path))[0] == 1
    code, _, err = deploy("apply", "--plan", str(path), "--yes", "--judged")
    assert (code, "rate-of-gauge" in err, alerts(url)) == (2, True, {})


def test_a_plan_file_that_says_something_else_than_would_be_done_shows_nothing_and_does_nothing(
    deploy: Deploy, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    assert deploy("plan", "--out", str(path))[0] == 1
    whole = path.read_text()
    lies: list[dict[str, Any]] = [{"differs": False, "due": "x"}, {"changes": []}, {"deleted": ["High.yaml"]}]
    for said in lies:
        data = json.loads(whole)
        data["plans"][0] |= said
        path.write_text(json.dumps(data))
        code, out, err = deploy("apply", "--plan", str(path), "--yes")
        assert (code, out, "does not say what would be done" in err, alerts(url)) == (2, "", True, {})
    path.write_text(whole.replace("> 5", "> 55"))  # in its objects, and in what it says of them: that is another plan
    code, out, _ = deploy("apply", "--plan", str(path), "--yes")
    assert (code, "alert added: High" in out, alerts(url)["High"]) == (0, True, "vector(1) > 55")


def test_no_name_of_a_plan_erases_or_adds_a_line(deploy: Deploy, built: dict[str, bytes]) -> None:
    built |= {f"{PREFIX}High.yaml": rule_file("High", 5).replace(b"alert: High", b'alert: "High\\n  x\\e[1A\\e[2K"')}
    out = deploy("plan")[1]
    assert "  alert added: High\\n  x\\x1b[1A\\x1b[2K\n" in out
    assert "\x1b" not in out


def test_a_plan_says_what_a_rename_or_removal_breaks_and_what_would_have_fired(
    deploy: Deploy, built: dict[str, bytes], url: str
) -> None:
    assert deploy("apply", "--yes")[0] == 0
    renamed = rules(High=5)[f"{PREFIX}High.yaml"].replace(b"alert: High", b"alert: Higher")
    built.clear()
    built |= {f"{PREFIX}High.yaml": renamed, f"{PREFIX}new.yaml": rule_file("New", -1, "max(up)")}
    built |= {f"{PREFIX}unheard.yaml": rule_file("Unheard", 0, "nobody_has_this"), f"{PREFIX}w.yaml": WATCHDOG}
    with Prometheus(url) as client:
        while not client.query("up").samples:
            time.sleep(0.2)
    code, out, err = deploy("plan", "--risk", "5m")
    assert code == 1
    assert "alert renamed: High\n    - High\n    + Higher\n    breaks: silences, inhibitions and routes" in out
    assert "alert removed: Low\n    breaks: silences" in out
    assert re.search(r"New would have fired 1 time in the last 5m, for \d min; there was data of \d min of it", err)
    assert "Unheard: nobody can tell" in err
    assert "Watchdog" not in err
    code, out, _ = deploy("plan", "--risk", "5m", "--format", "json")
    (found,) = json.loads(out)
    assert {one["thing"]: bool(one["breaks"]) for one in found["changes"]} == {
        "High": True, "Low": True, "New": False, "Unheard": False, "Watchdog": False
    }  # fmt: skip
    assert {one["alert"]: (one["times"], 0 < one["observed"] < 300) for one in found["risks"]} == {
        "New": (1, True), "Unheard": (0, False)
    }  # fmt: skip
    assert json.loads(deploy("plan", "--format", "json")[1])[0]["risks"] == []


def test_a_target_that_does_not_answer_hides_no_plan_of_the_others(deploy: Deploy, tmp_path: Path, url: str) -> None:
    settings = tmp_path / "regobs.toml"
    away = "[contexts.away]\nurl = 'http://127.0.0.1:1'\n[deploy.away]\nkind = 'ruler'\n"
    settings.write_text(f"{away}api = 'http://127.0.0.1:1/api/v1/rules'\ncontext = 'away'\n{settings.read_text()}")
    code, out, err = deploy("plan", "--out", str(tmp_path / "plan.json"))
    assert code == ExitCode.SERVER
    assert "alert added: High" in out
    assert "[deploy.away] (ruler)" in err
    assert "is not written, as the plan is not whole" in " ".join(err.split())
    assert not (tmp_path / "plan.json").exists()
    code, out, _ = deploy("plan", "--format", "json")
    assert (code, [one["target"] for one in json.loads(out)]) == (ExitCode.SERVER, ["rules"])
    assert deploy("apply", "--yes")[0] == ExitCode.SERVER  # all that was asked for, or nothing
    assert alerts(url) == {}
