"""The pack as a deployment of several environments, with labels of its own, gets it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.build import build_files
from regobs.config import Config, Environment
from regobs.config.model import GrafanaSettings, LabelNames
from regobs.lint import LintContext, Severity, lint_paths
from regobs.promql.nodes import Matcher, MatchOp
from regobs.slo import outputs
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, GITLAB, rules_of, run_tests, write

PRODUCTION = Environment("production", (Matcher("env", MatchOp.EQUAL, "p"),))
STAGING = Environment("staging", (Matcher("env", MatchOp.EQUAL, "s"),))
TWO = replace(
    GITLAB,
    labels=LabelNames(environment="env", cluster="cluster"),
    target_labels=GITLAB.target_labels | {"env", "cluster"},
    environments=(PRODUCTION, STAGING),
    grafana=GrafanaSettings(url="https://grafana.example.com"),
    runbook_url="https://runbooks.example.com",
)
OF_ABSENCE = {"RegistryTargetMissing": "process", "RegistryProbeMissing": "probe"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build_files(TWO, BUNDLED), tmp_path_factory.mktemp("environments"))


@pytest.mark.server
def test_promtool_finds_nothing_in_the_rules_and_no_two_that_are_the_same(tree: Path) -> None:
    files = sorted((tree / "prometheus/rules").iterdir())
    command = [str(promtool_of("debian")), "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.server
def test_the_tests_of_the_alerts_hold_in_each_environment(tree: Path) -> None:
    tests = [
        file
        for name in OF_ABSENCE.values()
        for file in sorted((tree / "prometheus/tests").glob(f"{name}.*"))
        if any(alert in file.read_text() for alert in OF_ABSENCE)
    ]
    assert len(tests) >= len(OF_ABSENCE)
    done = run_tests(promtool_of("debian"), *tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint_finds_nothing_that_is_wrong_or_dubious(tree: Path) -> None:
    found = lint_paths([tree], LintContext(scrape_interval_ms=15_000))
    assert not [one for one in found.findings if one.severity is not Severity.NOTE]


def test_what_is_absent_is_told_of_each_environment_by_its_labels_and_its_name() -> None:
    for alert, file in OF_ABSENCE.items():
        told = [rule for rule in _rules(TWO, file) if rule.get("alert") == alert]
        assert [rule["labels"]["env"] for rule in told] == ["p", "s"]
        endings = [rule["annotations"]["summary"].rpartition(" ")[2] for rule in told]
        assert endings == ["(production).", "(staging)."]
        for rule in told:
            assert re.findall(r"var-(\w+)", rule["annotations"]["dashboard_url"]) == ["env"]


def test_environments_that_no_label_tells_apart_are_told_apart_by_their_names() -> None:
    patterns = (
        Environment("production", (Matcher("env", MatchOp.REGEX, "p.*"),)),
        Environment("staging", (Matcher("env", MatchOp.REGEX, "s.*"),)),
    )
    told = [rule for rule in _rules(replace(TWO, environments=patterns), "process") if "absent(" in rule["expr"]]
    assert [rule["labels"] for rule in told] == [
        {"severity": "page", "environment": "production"},
        {"severity": "page", "environment": "staging"},
    ]


def test_what_has_no_series_names_no_environment() -> None:
    (watchdog,) = (rule for rule in _rules(TWO, "monitoring") if rule.get("alert") == "RegistryWatchdog")
    assert "$labels" not in str(watchdog["annotations"])
    (down,) = (rule for rule in _rules(TWO, "process") if rule.get("alert") == "RegistryDown")
    assert "$labels.env" in down["annotations"]["summary"]


def _rules(config: Config, file: str) -> list[dict[str, Any]]:
    return rules_of(outputs.files(BUNDLED, config, tests=False)[f"prometheus/rules/{file}.yaml"])
