"""No alert of a rule file goes without a runbook, a case in which it fires and one in which it is silent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from regobs.config import read_config
from regobs.documents import load_yaml
from regobs.errors import RulesError
from regobs.pack import Pack
from regobs.slo.alert_tests import AlertCase, AlertCases, alert_test_files, check_alerts
from regobs.slo.rule_files import RuleFile
from tests.slo.packs import GITLAB

RULES = RuleFile("disk", [{"name": "disk", "rules": [{"alert": "DiskFull", "expr": "a > 1"}, {"record": "a:b"}]}])
ENDS = AlertCase("DiskFull", "it is full for a while", (("a", "2x8"),), 15_000, first=0, last=60_000)


def check(folder: Path, *cases: AlertCase, runbook: str = "DiskFull.md") -> None:
    runbooks = folder / "alerts/runbooks"
    runbooks.mkdir(parents=True)
    (runbooks / runbook).write_text("# DiskFull\n")
    check_alerts(Pack((("test", folder),)), [AlertCases("disk", load_yaml("{}", "disk.tests.yaml"), cases)], [RULES])


@pytest.mark.parametrize(
    "cases",
    [[ENDS], [replace(ENDS, last=None), replace(ENDS, first=None, last=None)]],
    ids=["one that ends", "one that does not end, and one that never fires"],
)
def test_both_sides_are_seen(tmp_path: Path, cases: list[AlertCase]) -> None:
    check(tmp_path, *cases)


@pytest.mark.parametrize(
    ("cases", "missing"),
    [
        ([], "a test that shows it firing"),
        ([replace(ENDS, first=None, last=None)], "a test that shows it firing"),
        ([replace(ENDS, last=None)], "a test that shows it silent"),
        ([replace(ENDS, alert="DiskSlow")], "a test that shows it firing"),
    ],
)
def test_an_alert_with_one_side_is_refused(tmp_path: Path, cases: list[AlertCase], missing: str) -> None:
    with pytest.raises(RulesError, match="DiskFull") as caught:
        check(tmp_path, *cases)
    assert caught.value.expected == f"{missing} for every alert"


def test_an_alert_without_a_runbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="DiskFull has no runbook"):
        check(tmp_path, ENDS, runbook="Other.md")


@pytest.mark.parametrize(
    ("alerts", "asked"),
    [(None, [("> bool 0 or vector(0)", 1)] * 2 + [("> bool 0 or vector(0)", 0)]),
     (2, [("or vector(0)", 2)] * 2 + [("or vector(0)", 0)])],
    ids=["any number", "two"],
)  # fmt: skip
def test_a_case_asks_whether_the_alert_fires_or_how_many_do(alerts: int | None, asked: list[tuple[str, int]]) -> None:
    case = replace(ENDS, series=(("redis_up", "0x8"),), alerts=alerts)
    rule = {"alert": "DiskFull", "expr": "redis_up == 0", "for": "0s"}
    cases = AlertCases("disk", load_yaml("{}", "disk.tests.yaml"), (case,))
    files = alert_test_files([cases], [RuleFile("disk", [{"name": "disk", "rules": [rule]}])], GITLAB)
    count = 'count(ALERTS{alertname="DiskFull", alertstate="firing"})'
    (group,) = files["disk.15s.test.yaml"]["tests"]
    found = [(one["expr"], one["exp_samples"][0]["value"]) for one in group["promql_expr_test"]]
    assert found == [(f"{count} {end}", value) for end, value in asked]


@pytest.mark.parametrize(
    ("selectors", "fed", "asked"),
    [
        ("", ["one", "two"], "or vector(0)"),
        ("cadvisor = 'pod=~\"registry-.*\"'\n", ["one", "two"], "or vector(0)"),
        ("cadvisor = 'namespace=\"gitlab\"'\n", ["gitlab"], "> bool 0 or vector(0)"),
    ],
)
def test_offenders_that_the_deployment_cannot_tell_apart_are_fed_once_and_not_counted(
    selectors: str, fed: list[str], asked: str
) -> None:
    name = "container_memory_working_set_bytes"
    given = tuple((f'{name}{{namespace="{one}", pod="a", container="registry"}}', "0x8") for one in ("one", "two"))
    case = replace(ENDS, series=given, alerts=2)
    rule = {"alert": "DiskFull", "expr": f"{name} == 0", "for": "0s"}
    config = read_config(
        f'[registry]\ncapabilities = ["kubernetes"]\n[prometheus.selectors]\n{selectors}', Path("regobs.toml")
    )
    cases = AlertCases("disk", load_yaml("{}", "disk.tests.yaml"), (case,))
    files = alert_test_files([cases], [RuleFile("disk", [{"name": "disk", "rules": [rule]}])], config)
    (group,) = files["disk.15s.test.yaml"]["tests"]
    series = [one["series"] for one in group["input_series"]]
    assert [namespace for one in series for namespace in re.findall('namespace="([^"]*)"', one)] == fed
    assert group["promql_expr_test"][0]["expr"] == f'count(ALERTS{{alertname="DiskFull", alertstate="firing"}}) {asked}'
