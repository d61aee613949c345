"""Every alert as a person reads it: rendered by a real Prometheus from the labels that its expression leaves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.config import Config
from regobs.config.model import GrafanaSettings, LabelNames
from regobs.documents import dump_yaml
from regobs.slo import outputs
from regobs.slo.rule_files import read_rule_files
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, DISTRIBUTION, GITLAB, run_tests

pytestmark = pytest.mark.server

PROBLEMS = ("<no value>", "<error", "%!", "NaN", "  ", '""', " ,", " .", "()", "{{", "+Inf", ",,", ", .")
_LABELS = LabelNames(environment="env", cluster="cluster")
LABELLED = replace(
    GITLAB,
    labels=_LABELS,
    target_labels=GITLAB.target_labels | {"env", "cluster"},
    grafana=GrafanaSettings(url="https://grafana.example.com"),
    runbook_url="https://runbooks.example.com",
)
# Absence has the labels of no series, and this one fires without any.
UNLABELLED = {"RegistryTargetMissing", "RegistryProbeMissing", "RegistryWatchdog"}
Texts = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return rendered(tmp_path_factory.mktemp("rendered"), GITLAB)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return rendered(tmp_path_factory.mktemp("labelled"), LABELLED)


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """The rules keep labels that no target has."""
    return rendered(tmp_path_factory.mktemp("lacking"), LABELLED, stripped=True)


@pytest.fixture(scope="module")
def of_distribution(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return rendered(tmp_path_factory.mktemp("distribution"), DISTRIBUTION)


def rendered(directory: Path, config: Config, *, stripped: bool = False) -> Texts:
    """The annotations of each alert in a case of its tests in which it fires, as promtool says that it got them."""
    compiled = outputs.compile_rules(BUNDLED, config)
    (directory / "rules").mkdir()
    for name, groups in compiled.groups.items():
        (directory / "rules" / f"{name}.yaml").write_text(dump_yaml({"groups": groups}))
    (directory / "tests").mkdir()
    seen: set[str] = set()
    for name, test in sorted(compiled.alert_tests().items(), key=lambda one: len(str(one[1]))):
        groups_of = [_asked(group) for group in test["tests"] if _first(group) and _is_new(group, seen)]
        text = json.dumps({**test, "tests": groups_of})
        if groups_of:
            (directory / "tests" / name).write_text(_without_scope(text) if stripped else text)
    tests = sorted((directory / "tests").iterdir())
    done = run_tests(promtool_of("debian"), *tests)
    texts: Texts = {}
    for labels, told in re.findall(r"Labels:\{(.*)\}\s*\n\s*Annotations:\{(.*)\}", done.stdout + done.stderr):
        alert = re.search(r'alertname="(\w+)"', labels)
        assert alert, labels
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', told)
        texts.setdefault(alert[1], []).append({name: json.loads(f'"{text}"') for name, text in pairs})
    return texts


def _without_scope(text: str) -> str:
    return re.sub(r'(?:env|cluster)=\\"[^"]*\\",? ?', "", text)


def _is_new(group: dict[str, Any], seen: set[str]) -> bool:
    """Whether no group of this alert was taken before; one is enough where its texts are the same for all values."""
    alert = group["name"].partition(":")[0]
    new = alert not in seen or alert == "RegistryProbeSuccessOld"
    seen.add(alert)
    return new


def _first(group: dict[str, Any]) -> str | None:
    """When the alert of a group first fires."""
    fires = (one["eval_time"] for one in group["promql_expr_test"] if one["exp_samples"][0]["value"] > 0)
    return next(fires, None)


def _asked(group: dict[str, Any]) -> dict[str, Any]:
    """The group, asked for no alert at the time when there is one, so that promtool tells what it got."""
    alert = group["name"].partition(":")[0]
    others = {name: value for name, value in group.items() if name != "promql_expr_test"}
    return {**others, "alert_rule_test": [{"eval_time": _first(group), "alertname": alert, "exp_alerts": []}]}


@pytest.mark.parametrize("deployment", ["found", "labelled", "lacking", "of_distribution"])
def test_every_alert_reads_well_with_the_labels_that_it_has(deployment: str, request: pytest.FixtureRequest) -> None:
    texts_of: Texts = request.getfixturevalue(deployment)
    assert set(texts_of) == {
        rule["alert"]
        for file in read_rule_files(BUNDLED, DISTRIBUTION if deployment == "of_distribution" else GITLAB)
        for rule in _alerts(file.groups)
    }
    for alert, texts in texts_of.items():
        for text in texts:
            assert set(text) >= {"summary", "description", "logs_command"}, alert
            for name in ("summary", "description"):
                assert not [problem for problem in PROBLEMS if problem in text[name]], (alert, text[name])
                assert text[name].endswith("."), (alert, text[name])
            assert "{{" not in "".join(text.values()), alert


def test_every_alert_says_its_environment_and_passes_it_to_the_dashboard(labelled: Texts) -> None:
    for alert in set(labelled) - UNLABELLED:
        for text in labelled[alert]:
            assert text["summary"].endswith(", env env-1, cluster cluster-1."), alert
            link = r"\?from=now-(1h|6h|1d|3d|7d)&to=now&var-env=env-1&var-cluster=cluster-1"
            assert re.search(link, text["dashboard_url"]), alert


def test_a_label_that_is_not_there_is_in_no_text_and_in_no_link(labelled: Texts, lacking: Texts) -> None:
    for alert, texts in [*lacking.items(), *((alert, labelled[alert]) for alert in UNLABELLED)]:
        for text in texts:
            assert "env" not in re.sub(r"environment|event", "", text["summary"]), alert
            assert "var-env" not in text["dashboard_url"], alert
            assert "var-cluster" not in text["dashboard_url"], alert
            assert not re.search(r"=(&|$)", text["dashboard_url"]), alert


def test_an_instance_in_a_link_is_one_of_the_registry(labelled: Texts) -> None:
    assert labelled["RegistryTargetDown"][0]["dashboard_url"].endswith("&var-instance=a%3A5001")
    assert "instance" not in labelled["RegistryRedisExporterDown"][0]["dashboard_url"]


def test_a_step_that_never_worked_is_not_told_to_be_as_old_as_the_clock(found: Texts) -> None:
    summaries = {text["summary"] for text in found["RegistryProbeSuccessOld"]}
    assert "A step of the probe at registry has never worked since the probe started." in summaries
    assert any("has not worked for 1" in one for one in summaries)


def _alerts(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_the_redis_of_an_alert_is_told_from_the_instance(found: Texts) -> None:
    (text, *_) = found["RegistryRedisUnreachable"]
    assert "instance a:1 gets no answer from the Redis of its cache" in text["summary"]
