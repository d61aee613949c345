from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from regobs.doctor.report import (
    DashboardFinding,
    DoctorReport,
    PanelFinding,
    Problem,
    ProposedSetting,
    QueryFinding,
    RuleFinding,
    SettingsProposal,
)
from regobs.doctor.table import text
from regobs.doctor.verdict import Status, Verdict, worst
from regobs.errors import ExitCode

GOOD = Verdict(Status.DATA)
DOWN = Verdict(Status.EMPTY, "the target is down", "start it")


def panel(title: str, *verdicts: Verdict) -> PanelFinding:
    queries = tuple(QueryFinding(f"q{number}", 1, verdict) for number, verdict in enumerate(verdicts))
    return PanelFinding("Row", title, worst(verdicts), queries)


def report(*panels: PanelFinding, rules: tuple[RuleFinding, ...] = ()) -> DoctorReport:
    board = DashboardFinding("Board", panels)
    problem = Problem("a capability is missing", "list it")
    return DoctorReport("http://prom:9090", "2.42.0", "gitlab", "4.32.0", (board,), rules, (problem,))


def alert(verdict: Verdict, state: str = "inactive", kind: str = "alerting") -> RuleFinding:
    name = "a:b:c" if kind == "recording" else "Crowded"
    return RuleFinding(kind, name, "g", {"severity": "page", "slo": "pull"}, state, verdict)


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("regobs.toml", "`regobs init --update` writes"),
        (f"{Path.cwd()}/regobs.toml", "`regobs init --update` writes"),
        ("../caps.toml", "`regobs init --update --out ../caps.toml` writes"),
        ("my settings.toml", "`regobs init --update --out 'my settings.toml'` writes"),
    ],
)
def test_the_command_that_writes_the_proposed_settings_names_the_file(file: str, command: str) -> None:
    setting = ProposedSetting(("registry",), "flavor", "gitlab", "label route")
    proposal = SettingsProposal(file, (setting,), "", "", ())
    assert command in text(replace(report(), proposal=proposal))


@pytest.mark.parametrize("status", list(Status))
def test_only_empty_and_error_fail(status: Status) -> None:
    expected = ExitCode.DIFFERENCE if status in {Status.EMPTY, Status.ERROR} else ExitCode.OK
    assert report(panel("a", GOOD), panel("b", Verdict(status))).exit_code is expected
    assert report(rules=(alert(Verdict(status)),)).exit_code is expected


@pytest.mark.parametrize(
    ("statuses", "decides"),
    [
        ((Status.DATA, Status.EMPTY), Status.EMPTY),
        ((Status.EMPTY, Status.ERROR), Status.ERROR),
        ((Status.QUIET, Status.DATA, Status.ZERO), Status.DATA),
        ((Status.QUIET, Status.ZERO), Status.ZERO),
        ((Status.LEFT_OUT, Status.QUIET), Status.QUIET),
        ((Status.LEFT_OUT, Status.LEFT_OUT), Status.LEFT_OUT),
    ],
)
def test_a_panel_is_as_bad_as_its_worst_fault_else_as_good_as_its_best(
    statuses: tuple[Status, ...], decides: Status
) -> None:
    assert worst(Verdict(status) for status in statuses).status is decides


def test_the_summary_tells_zero_quiet_empty_and_left_out_apart() -> None:
    found = report(*(panel(status.value, Verdict(status)) for status in Status), panel("more", GOOD))
    last = text(found).splitlines()[-1]
    assert last == (
        "3 of 6 panels have data (1 is zero), 1 is quiet: nothing happened yet, 1 is empty; 1 left out; 1 query error"
    )


def test_a_healthy_summary_is_short() -> None:
    assert (
        text(report(panel("a", GOOD), panel("b", GOOD))).splitlines()[-1] == "2 of 2 panels have data; 0 query errors"
    )


def test_each_panel_has_one_line_and_each_reason_stands_once() -> None:
    shown = text(report(panel("a", DOWN), panel("b", DOWN), panel("c", GOOD)))
    assert [line for line in shown.splitlines() if "Row" in line] == [
        "  empty     Row  a  [1]",
        "  empty     Row  b  [1]",
        "  data      Row  c",
    ]
    assert shown.count("the target is down") == 1
    assert shown.count("change: start it") == 1


def test_one_reason_of_several_metrics_stands_once_and_counts_them() -> None:
    lacking = [Verdict(Status.EMPTY, f"{name} comes from x, which is not scraped", "scrape") for name in ("a_b", "c_d")]
    other = Verdict(Status.QUIET, "e_f comes from x, which is not scraped", "scrape")  # not as bad: a note of its own
    shown = text(report(panel("a", lacking[0]), panel("b", lacking[1]), panel("c", lacking[1]), panel("d", other)))
    assert [line.split()[-1] for line in shown.splitlines() if "Row" in line] == ["[1]", "[1]", "[1]", "[2]"]
    assert "[1] empty: a_b comes from x, which is not scraped; the same of 1 other metric\n" in shown
    assert "[2] quiet: e_f comes from x, which is not scraped\n" in shown
    single = text(report(panel("a", lacking[0]), panel("b", DOWN)))
    assert "other metric" not in single


def test_failing_only_hides_what_works() -> None:
    shown = text(report(panel("a", DOWN), panel("c", GOOD), rules=(alert(GOOD), alert(DOWN))), failing_only=True)
    assert "data      Row" not in shown
    assert "empty     Row  a" in shown
    assert shown.count("Crowded") == 1


def test_alerts_have_their_state_and_rules_their_count() -> None:
    rules = (alert(GOOD, "firing"), alert(GOOD, "pending"), alert(DOWN, ""), alert(GOOD, "", "recording"))
    shown = text(report(rules=rules))
    assert "firing     Crowded (severity=page, slo=pull)" in shown
    assert "unknown    Crowded (page)  [1]" in shown
    assert "recording" not in shown
    assert shown.splitlines()[-1] == "3 of 4 rules work; of 3 alerts 1 firing, 1 pending"
    watchdog = replace(alert(GOOD, "firing"), labels={"severity": "none"})
    one = text(report(panel("a", GOOD), rules=(*rules, watchdog))).splitlines()[-1]
    assert (
        one
        == "4 of 5 rules work; of 4 alerts 1 firing, 1 pending; 1 more, such as the watchdog, fires and tells nobody"
    )
    two = text(report(panel("a", GOOD), rules=(watchdog, watchdog))).splitlines()[-1]
    assert (
        two == "2 of 2 rules work; of 2 alerts 0 firing, 0 pending; 2 more, such as the watchdog, fire and tell nobody"
    )


def test_rules_that_are_alike_share_a_line() -> None:
    shown = text(report(rules=(alert(GOOD), alert(GOOD), alert(DOWN, "", "recording"), alert(DOWN, "", "recording"))))
    assert "data      inactive   Crowded (page)  x2" in shown
    assert "empty     recording  a:b:*  x2  [1]" in shown


def test_the_json_has_the_documented_shape() -> None:
    data = json.loads(json.dumps(report(panel("a", DOWN, GOOD), rules=(alert(GOOD, "firing"),)).as_data()))
    assert data == {
        "server": "http://prom:9090",
        "server_version": "2.42.0",
        "flavor": "gitlab",
        "version": "4.32.0",
        "ok": False,
        "summary": {
            "panels": 1,
            "data": 0,
            "zero": 0,
            "quiet": 0,
            "left_out": 0,
            "empty": 1,
            "error": 0,
            "query_errors": 0,
            "rules": 1,
            "failing_rules": 0,
        },
        "dashboards": [
            {
                "title": "Board",
                "panels": [
                    {
                        "title": "a",
                        "row": "Row",
                        "status": "empty",
                        "reason": "the target is down",
                        "change": "start it",
                        "queries": [
                            {
                                "query": "q0",
                                "series": 1,
                                "status": "empty",
                                "reason": "the target is down",
                                "change": "start it",
                            },
                            {"query": "q1", "series": 1, "status": "data", "reason": "", "change": ""},
                        ],
                    }
                ],
            }
        ],
        "alerts": [
            {
                "name": "Crowded",
                "group": "g",
                "labels": {"severity": "page", "slo": "pull"},
                "state": "firing",
                "status": "data",
                "reason": "",
                "change": "",
            }
        ],
        "recordings": [],
        "problems": [{"problem": "a capability is missing", "change": "list it"}],
        "firing": [],
        "server_state": [],
        "proposal": None,
    }


def test_failing_only_keeps_the_summary_of_all() -> None:
    data = report(panel("a", DOWN), panel("b", GOOD)).as_data(failing_only=True)
    assert [item["title"] for item in data["dashboards"][0]["panels"]] == ["a"]
    assert data["summary"]["panels"] == 2
