"""`regobs query runbook`, `alert` and `slo` on servers that answer as told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.config import Config
from regobs.errors import ExitCode
from regobs.pack import find_pack
from regobs.query.ask import check_query
from regobs.query.named import slo_question
from regobs.slo.outputs import compile_rules
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, failure, success, vector

Output = pytest.CaptureFixture[str]
NONE = success({"groups": []})


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ask(
    capsys: Output, reply: Reply, *arguments: str, alerts: Reply = NOT_FOUND, rules: Reply = NOT_FOUND
) -> tuple[int, str, list[str]]:
    """Exit code, output and the queries that were sent."""
    replies = {"/api/v1/query": reply, "/api/v1/alerts": alerts, "/api/v1/rules": rules}
    with Stub(replies) as stub:
        code = run(["query", *arguments, "--prometheus", stub.url])
        queries = [request.params["query"][0] for request in stub.requests if request.path == "/api/v1/query"]
        sent = [text for text in queries if text != "1"]  # whether it is a server at all
    out, err = capsys.readouterr()
    return code, out + err, sent


def test_a_runbook_has_the_answer_under_each_query(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(({"instance": "r1"}, "7")), "runbook", "RegistryDatabaseHangs")
    assert code == ExitCode.OK
    assert len(sent) == 3
    lines = out.splitlines()
    question = lines.index("How many connections are stuck?")
    assert lines[question + 2] == sent[0]
    assert lines[question + 4 : question + 6] == ["  instance  connections", "  r1                  7"]
    assert lines.index("## Mitigate") > question, "the page goes on behind its queries"


def test_queries_of_a_runbook_are_about_the_registry_of_the_settings(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text('[registry]\ncapabilities = []\n[prometheus]\nselector = \'{job="r", stage="main"}\'\n')
    sent = ask(capsys, vector(), "runbook", "RegistryDatabaseHangs")[2]
    assert sent[-1] == 'sum by (code, method, route) (rate(registry_http_requests_total{job="r", stage="main"}[1m]))'
    out = ask(capsys, vector(), "runbook", "RegistryRedisDown")[1]
    assert "not in this deployment: redis_up needs the capability redis_exporter" in out
    file.unlink()
    assert "not in this deployment" not in ask(capsys, vector(), "runbook", "RegistryRedisDown")[1]


def test_a_question_says_what_the_registry_cannot_count_and_asks_what_sees_it(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(), "ask", "error-sources")
    assert code == ExitCode.OK
    assert "In none of its counters are the 503 of its own health checks" in out
    assert "no blackbox_exporter asks the registry; docs/exporters.md says how one is set up" in out
    assert out.count("no data\nnone, as far as requests are counted") == 3
    assert "no data\nthe server has no data of that time" in out
    for name in ("probe_http_status_code", "registry_probe_success", "registry_log_requests_total"):
        assert any(name in text for text in sent), name
    data = json.loads(ask(capsys, vector(), "ask", "error-sources", "--format", "json")[1])
    assert [one["note"] for one in data["queries"] if "probe_http_status_code" in one["query"]] == [
        "no blackbox_exporter asks the registry; docs/exporters.md says how one is set up"
    ]
    seen = ask(capsys, vector(({"instance": "https://r/v2/"}, "503")), "ask", "error-sources")[1]
    assert "no blackbox_exporter" not in seen
    assert "503" in seen


def test_a_lag_that_is_no_number_says_that_the_replica_is_gone_or_was_not_asked(capsys: Output, tmp_path: Path) -> None:
    settings = '[registry]\nflavor = "gitlab"\ncapabilities = ["metadata_database", "load_balancing"]\n'
    (tmp_path / "regobs.toml").write_text(settings)
    gone = ask(capsys, vector(({"replica": "a"}, "NaN")), "ask", "replica-health")[1]
    assert "NaN: the replica is gone or was not asked in these 5 minutes" in gone
    assert "NaN" not in ask(capsys, vector(({"replica": "a"}, "0.1")), "ask", "replica-health")[1]
    assert "no replica was ever checked" in ask(capsys, vector(), "ask", "replica-health")[1]


def test_what_the_deployment_lacks_of_a_question_is_left_out_and_the_rest_is_asked(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(({"instance": "a"}, "7")), "ask", "versions", "--flavor", "distribution")
    assert (code, len(sent)) == (ExitCode.OK, 1)
    assert "# versions\nnot in this deployment: " in out
    code, out, sent = ask(capsys, vector(), "ask", "replica-health", "--flavor", "distribution")
    assert (code, sent) == (ExitCode.INPUT, [])


def test_one_query_of_a_runbook_can_be_asked_alone(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(({}, "7")), "runbook", "RegistryDatabaseHangs/2", "--format", "json")
    assert (code, len(sent)) == (ExitCode.OK, 1)
    (entry,) = json.loads(out)["queries"]
    assert (entry["question"], entry["query"]) == ("Do queries still end?", sent[0])
    assert entry["result"][0]["value"] == 7
    code, out, sent = ask(capsys, vector(), "runbook", "RegistryDatabaseHangs/9")
    assert (code, sent) == (ExitCode.INPUT, [])
    assert "RegistryDatabaseHangs/1 to RegistryDatabaseHangs/3" in out


def test_a_query_that_the_server_refuses_does_not_hide_the_rest_of_the_page(capsys: Output) -> None:
    code, out, _ = ask(capsys, failure(422, "execution", "too many samples"), "runbook", "RegistryDatabaseHangs")
    assert code == ExitCode.OK
    assert out.count("refused: ") == 3
    assert "## Escalate" in out


def test_a_misspelt_runbook_or_alert_is_answered_with_the_nearest(capsys: Output) -> None:
    for verb in ("runbook", "alert"):
        code, out, _ = ask(capsys, vector(), verb, "RegistryRedisDwn", alerts=success({"alerts": []}), rules=NONE)
        assert code == ExitCode.INPUT
        assert "did you mean RegistryRedisDown" in out


def test_without_a_name_runbooks_and_alerts_are_listed_and_no_server_is_asked(capsys: Output) -> None:
    for verb in ("runbook", "alert"):
        assert run(["query", verb]) == ExitCode.OK
        assert "RegistryDatabaseHangs " in capsys.readouterr().out


RULE = {
    "type": "alerting",
    "name": "Mine",
    "query": "queue_length > 100",
    "duration": 300,
    "health": "ok",
    "labels": {"severity": "page"},
    "annotations": {},
    "state": "firing",
    "alerts": [],
}
ACTIVE = {
    "labels": {"alertname": "Mine", "severity": "page", "pod": "a"},
    "annotations": {"summary": "The queue of a is long."},
    "state": "firing",
    "activeAt": "2026-05-31T12:00:00Z",
    "value": "3e+02",
}


def test_an_alert_of_the_server_is_shown_with_its_conditions_and_its_offenders(capsys: Output) -> None:
    rules = success({"groups": [{"name": "g", "file": "f", "interval": 15, "rules": [RULE]}]})
    options = {"alerts": success({"alerts": [ACTIVE]}), "rules": rules}
    code, out, sent = ask(capsys, vector(({"pod": "a"}, "300"), ({"pod": "b"}, "2")), "alert", "Mine", **options)
    assert (code, sent) == (ExitCode.OK, ["queue_length > 100", "queue_length"])
    lines = out.splitlines()
    assert lines[:2] == ["Mine: firing, page", "It fires once its condition has held for 5m:"]
    assert lines[5].split() == ["queue_length", ">", "100", "2", "300", "(1", "more)", "100"]
    holds = "its condition holds since 2026-05-31 12:00:00 UTC"
    assert f"firing, {holds}, it fires since 2026-05-31 12:05:00 UTC: pod=a, severity=page" in lines
    assert "  The queue of a is long." in lines
    assert "has no rule of this name" not in out
    (rule,) = json.loads(ask(capsys, vector(({}, "300")), "alert", "Mine", "--format", "json", **options)[1])["rules"]
    assert rule["conditions"] == [
        {"condition": "queue_length > 100", "series": 1, "values": 1, "value": 300, "limit": 100}
    ]
    assert rule["active"][0]["since"] == "2026-05-31T12:00:00Z"
    assert rule["active"][0]["annotations"] == ACTIVE["annotations"]


def test_an_active_alert_is_shown_with_the_links_that_the_server_filled_in(capsys: Output) -> None:
    rules = success({"groups": [{"name": "g", "file": "f", "interval": 15, "rules": [RULE]}]})
    links = {
        "runbook_url": "https://runbooks.example.com/Mine",
        "logs_url": "https://kibana.example.com/app/r?l=a",
        "dashboard_url": "https://grafana.example.com/d/mine?var-pod=a",
    }

    def shown(**more: str) -> list[str]:
        active = {**ACTIVE, "annotations": {"summary": "The queue of a is long.", **more}}
        options = {"alerts": success({"alerts": [active]}), "rules": rules}
        return ask(capsys, vector(({"pod": "a"}, "300")), "alert", "Mine", **options)[1].splitlines()

    assert [line for line in shown(**links) if "https://" in line] == [
        "  dashboard: https://grafana.example.com/d/mine?var-pod=a",
        "  logs: https://kibana.example.com/app/r?l=a",
        "  runbook: https://runbooks.example.com/Mine",
    ]
    assert not any(word in line for line in shown(logs_url="") for word in ("dashboard:", "logs:", "runbook:"))


@pytest.mark.parametrize(
    ("changed", "values", "words"),
    [
        (
            {},
            "300",
            "holds since 2026-05-31 12:00:00 UTC, it will fire at 2026-05-31 12:05:00 UTC",
        ),
        ({"duration": 0}, "300", "It fires as soon as its condition holds:"),
        ({"keepFiringFor": 60}, "300", "held for 5m, and 1m longer than it holds:"),
        ({"keepFiringFor": 60}, "", "though its condition does not hold now: it fires 1m longer"),
    ],
)
def test_condition_hold_and_since_are_told_apart(
    capsys: Output, changed: dict[str, object], values: str, words: str
) -> None:
    rules = success({"groups": [{"name": "g", "file": "f", "interval": 15, "rules": [{**RULE, **changed}]}]})
    alerts = success({"alerts": [{**ACTIVE, "state": "pending" if not changed else "firing"}]})
    reply = vector(({"pod": "a"}, values)) if values else vector()
    assert words in ask(capsys, reply, "alert", "Mine", alerts=alerts, rules=rules)[1]


def test_an_alert_of_the_pack_that_the_server_has_not_loaded_says_so(capsys: Output) -> None:
    code, out, _ = ask(capsys, vector(), "alert", "RegistryDatabaseHangs", alerts=success({"alerts": []}), rules=NONE)
    assert code == ExitCode.OK
    assert "has no rule of this name loaded" in out
    assert "next: regobs query runbook RegistryDatabaseHangs" in out


def test_of_a_burn_rate_alert_only_what_is_not_silent_is_taken_apart(capsys: Output) -> None:
    out = ask(capsys, vector(), "alert", "RegistryAvailabilityBurn")[1]
    assert re.search(r"^RegistryAvailabilityBurn pull-manifest-availability 1h +page +inactive$", out, re.MULTILINE)
    assert "condition" not in out
    out = ask(capsys, vector(), "alert", "RegistryAvailabilityBurn", "--slo", "pull-manifest-availability")[1]
    assert out.count("nearest value") == 4, "one table for each tier"
    code, out, _ = ask(capsys, vector(), "alert", "RegistryAvailabilityBurn", "--slo", "pull-manifest")
    assert code == ExitCode.INPUT
    assert "did you mean pull-manifest-availability" in out


def test_an_slo_is_asked_for_its_budget_its_burn_rates_and_its_events(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(({}, "0.5")), "slo", "pull-manifest-availability", "--format", "json")
    assert code == ExitCode.OK
    data = json.loads(out)
    assert data["title"] == "Pulling manifests works (99.9% of events over 28d)"
    assert [entry["query"] for entry in data["queries"]] == sent
    titles = [entry["name"] for entry in data["queries"]]
    assert titles[:2] == ["Error budget left", "Burn rate over 1h: page above 13.44"]
    assert 'code=~"5.."' in sent[-1], "bad events are counted from the registry's own metrics"
    assert "50%" in ask(capsys, vector(({}, "0.5")), "slo", "pull-manifest-availability")[1]


@pytest.mark.parametrize(
    "asked",
    [("slo", "pull-manifest-availability"), ("ask", "top-routes"), ("runbook", "RegistryDatabaseHangs")],
)
def test_what_several_answers_lack_is_said_once(capsys: Output, asked: tuple[str, ...]) -> None:
    listed = success({"sidecar": [{"name": "a:10901", "lastError": "EOF"}]})
    with Stub({"/api/v1/query": vector(({}, "0.5")), "/api/v1/stores": listed}) as stub:
        assert run(["query", *asked, "--prometheus", stub.url]) == ExitCode.INCOMPLETE
    assert capsys.readouterr().err.count("PARTIAL: sidecar a:10901 is away") == 1


def test_a_misspelt_slo_is_answered_with_the_nearest_and_none_with_the_list(capsys: Output) -> None:
    code, out, sent = ask(capsys, vector(), "slo", "pull-manifest-availabilty")
    assert (code, sent) == (ExitCode.INPUT, [])
    assert "did you mean pull-manifest-availability" in out
    assert run(["query", "slo"]) == ExitCode.OK
    assert "pull-manifest-availability " in capsys.readouterr().out


@pytest.mark.parametrize("name", [one.slo.name for one in compile_rules(find_pack(), Config()).slos])
def test_every_slo_of_the_pack_has_its_questions(name: str) -> None:
    question = slo_question(compile_rules(find_pack(), Config()), name)
    assert len(question.queries) == 9
    assert all(check_query(text).type is not None for text in question.queries.values())


def test_an_alert_that_the_settings_leave_out_names_the_capability(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "regobs.toml").write_text("[registry]\ncapabilities = []\n")
    code, said, _ = ask(capsys, vector(), "alert", "RegistryDatabasePoolSaturated", rules=NONE)
    assert code == ExitCode.INPUT
    assert "the settings leave this alert out" in said
    assert "metadata_database" in said
    code, said, _ = ask(capsys, vector(), "alert", "RegistryDatabasePoolSaturatd", rules=NONE)
    assert code == ExitCode.INPUT
    assert "there is no alert of this name" in said


def test_a_file_of_contexts_alone_leaves_nothing_out(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "regobs.toml").write_text('[contexts.a]\nurl = "http://127.0.0.1:1"\n')
    assert ask(capsys, vector(), "alert", "RegistryDatabasePoolSaturated", rules=NONE)[0] == ExitCode.OK


@pytest.mark.parametrize("verb", ["ask", "slo", "alert", "runbook"])
def test_the_list_of_names_is_a_table_and_json_of_it_is_refused(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", verb]) == ExitCode.OK
    assert capsys.readouterr().out.count("\n") > 5
    assert run(["query", verb, "--format", "json"]) == ExitCode.INPUT
    written = capsys.readouterr()
    assert written.out == ""
    assert "--format json needs a NAME" in written.err
