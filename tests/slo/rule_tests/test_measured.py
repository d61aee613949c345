"""Generated tests of an SLO that compares a value: they pass, and fail where its first two rules are broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from regobs.slo import outputs
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, GITLAB, pack_of, run_tests, write

pytestmark = pytest.mark.server

VALUE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: value}
spec:
  service: registry
  indicator: {spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: '%s'}}}}}
  budgetingMethod: Occurrences
  objectives: [{op: %s, value: 1, target: 0.99}]
"""
GAUGE = 'team_state{kind="disk",site!="old"}'


def counting(directory: Path, query: str, op: str) -> Path:
    """A build of this SLO alone, and the file of its test."""
    pack = pack_of(directory / "pack", value=VALUE % (query, op))
    write(outputs.files(pack, GITLAB), directory / "out")
    return directory / "out/prometheus/tests/value.counting.test.yaml"


@pytest.mark.parametrize("op", ["gte", "lte", "gt", "lt"])
def test_a_value_is_tested_on_both_sides_of_its_limit(tmp_path: Path, op: str) -> None:
    test = counting(tmp_path, GAUGE, op)
    done = run_tests(promtool_of("debian"), test)
    assert done.returncode == 0, done.stdout + done.stderr
    values = {one["values"] for group in yaml.safe_load(test.read_text())["tests"] for one in group["input_series"]}
    assert any(value.startswith("1+0x") for value in values), "the limit itself is among them"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("< bool 1", "<= bool 1"),
        ("< bool 1", "< bool 0"),
        ("< bool 1", "> bool 1"),
        ("min(", "max("),
        ('kind="disk", ', ""),
        ('site!="old"', 'site!="older"'),
        ("+ 1", "+ 2"),
    ],
)
def test_a_rule_that_counts_another_value_fails_its_test(tmp_path: Path, old: str, new: str) -> None:
    test = counting(tmp_path, GAUGE, "gte")
    rules = tmp_path / "out/prometheus/rules/slo-value.yaml"
    text = rules.read_text()
    assert old in text
    rules.write_text(text.replace(old, new))
    assert run_tests(promtool_of("debian"), test).returncode == 1


@pytest.mark.parametrize("query", [f"2 * {GAUGE}", f"avg_over_time({GAUGE}[5m])", f"{GAUGE} offset 5m"])
def test_of_an_expression_no_test_says_what_feeds_it(tmp_path: Path, query: str) -> None:
    test = counting(tmp_path, query, "gte")
    names = [group["name"] for group in yaml.safe_load(test.read_text())["tests"]]
    assert not [name for name in names if "its values" in name]


def test_the_values_of_each_bundled_slo_that_compares_one_are_tested() -> None:
    files = outputs.files(BUNDLED, GITLAB)
    found = [name for name, data in files.items() if b"its values and no others" in data]
    assert sorted(Path(name).name.partition(".")[0] for name in found) == [
        "garbage-collection-freshness",
        "probe-availability",
    ]
