"""Every alert as a person reads it: rendered by a real Prometheus from the labels that its expression leaves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from regobs.slo import outputs
from regobs.slo.rule_files import read_rule_files
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, GITLAB

pytestmark = pytest.mark.server

PROBLEMS = ("<no value>", "<error", "%!", "NaN", "  ", '""')


Texts = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return rendered(tmp_path_factory.mktemp("rendered"))


def rendered(directory: Path) -> dict[str, list[dict[str, str]]]:
    """The annotations of each alert in the cases of its tests in which it fires, as promtool says that it got them."""
    files = outputs.files(BUNDLED, GITLAB)
    for name, content in files.items():
        if name.startswith("prometheus/rules/"):
            path = directory / "rules" / Path(name).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    (directory / "tests").mkdir()
    seen: set[str] = set()
    for name, test in sorted(
        outputs.compile_rules(BUNDLED, GITLAB).alert_tests().items(), key=lambda one: len(str(one[1]))
    ):
        groups = [_asked(group) for group in test["tests"] if _first(group) and _is_new(group, seen)]
        if groups:
            (directory / "tests" / name).write_text(json.dumps({**test, "tests": groups}))
    tests = sorted(str(path) for path in (directory / "tests").iterdir())
    command = [str(promtool_of("debian")), "test", "rules", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[str, list[dict[str, str]]] = {}
    for labels, texts in re.findall(r"Labels:\{(.*)\}\s*\n\s*Annotations:\{(.*)\}", done.stdout + done.stderr):
        alert = re.search(r'alertname="(\w+)"', labels)
        assert alert, labels
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', texts)
        found.setdefault(alert[1], []).append({name: json.loads(f'"{text}"') for name, text in pairs})
    return found


def _is_new(group: dict[str, Any], seen: set[str]) -> bool:
    """Whether no group of this alert was taken before; one is enough."""
    alert = group["name"].partition(":")[0]
    new = alert not in seen
    seen.add(alert)
    return new


def _first(group: dict[str, Any]) -> str | None:
    """When the alert of a group first fires."""
    fires = (one["eval_time"] for one in group["promql_expr_test"] if one["exp_samples"][0]["value"] == 1)
    return next(fires, None)


def _asked(group: dict[str, Any]) -> dict[str, Any]:
    """The group, asked for no alert at the time when there is one, so that promtool tells what it got."""
    alert = group["name"].partition(":")[0]
    others = {name: value for name, value in group.items() if name != "promql_expr_test"}
    return {**others, "alert_rule_test": [{"eval_time": _first(group), "alertname": alert, "exp_alerts": []}]}


def test_every_alert_reads_well_with_the_labels_that_it_has(found: Texts) -> None:
    alerts = {rule["alert"] for file in read_rule_files(BUNDLED, GITLAB) for rule in _alerts(file.groups)}
    assert set(found) == alerts
    for alert, texts in found.items():
        for text in texts:
            assert set(text) >= {"summary", "description", "logs_command"}, alert
            for name in ("summary", "description"):
                assert not [problem for problem in PROBLEMS if problem in text[name]], (alert, text[name])
                assert "{{" not in text[name], alert


def _alerts(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_the_redis_of_an_alert_is_told_from_the_instance(found: Texts) -> None:
    (text, *_) = found["RegistryRedisUnreachable"]
    assert "instance a:1 has no connection to the Redis of its cache" in text["summary"]
