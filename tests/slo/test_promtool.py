"""What is generated, judged by promtool: rules are valid and their tests pass."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from regobs.config import GrafanaSettings, LabelNames, PrometheusSettings, SloSettings
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.slo import outputs
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, CONFIGS, DISTRIBUTION, GITLAB, SLOW, SMALL, pack_of, run_tests, write

SECONDS = """\
confidence: 0.99
tiers:
  - {long: 1m, short: 10s, share: 0.02, for: 4s, severity: page}
  - {long: 3m, short: 30s, share: 0.05, for: 10s, severity: ticket}
"""


def assert_pass(promtool: Path, directory: Path, kind: str = "*") -> int:
    """Run all tests of a build, or those of a kind, two processes at a time; how many files there were."""
    tests = sorted((directory / "prometheus/tests").glob(f"*.{kind}.test.yaml"))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda test: run_tests(promtool, test), tests))
    failed = [one.stdout + one.stderr for one in done if one.returncode]
    assert not failed, failed[0][:4000]
    return len(done)


@pytest.mark.parametrize("flavor", CONFIGS)
def test_all_rules_of_the_bundled_pack_are_valid(promtool: Path, tmp_path: Path, flavor: str) -> None:
    rules = sorted((write(outputs.files(BUNDLED, CONFIGS[flavor]), tmp_path) / "prometheus/rules").glob("*.yaml"))
    command = [str(promtool), "check", "rules", "--lint=all", "--lint-fatal", *map(str, rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(rules) > 27


@pytest.mark.parametrize("flavor", CONFIGS)
def test_all_generated_tests_of_one_slo_of_each_kind_pass(promtool: Path, tmp_path: Path, flavor: str) -> None:
    pack = pack_of(tmp_path / "pack", small=SMALL, slow=SLOW)
    assert assert_pass(promtool, write(outputs.files(pack, CONFIGS[flavor]), tmp_path / "out")) == 16


@pytest.mark.parametrize("target", ["0.93", "0.9999999"])
def test_tests_of_high_and_low_targets_pass(promtool: Path, tmp_path: Path, target: str) -> None:
    """A budget of one in ten million has bad events enough in what the tests feed, to be told from none."""
    pack = pack_of(tmp_path / "pack", small=SMALL.replace("0.999", target))
    assert assert_pass(promtool, write(outputs.files(pack, GITLAB), tmp_path / "out")) > 4


@pytest.mark.server
def test_the_events_of_every_bundled_slo_are_counted(tmp_path: Path) -> None:
    """The selectors are an SLO's own; its windows and alerts are those of its shape (the test above, and below all)."""
    built = write(outputs.files(BUNDLED, DISTRIBUTION), tmp_path)
    assert assert_pass(promtool_of("debian"), built, "counting") == 18


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("program", "flavor", "slos"),
    [
        pytest.param("debian", "distribution", 18, marks=[pytest.mark.server, pytest.mark.long]),
        pytest.param("3.x", "gitlab", 29, marks=pytest.mark.peer),
    ],
)
def test_all_generated_tests_of_the_bundled_pack_pass(tmp_path: Path, program: str, flavor: str, slos: int) -> None:
    """The flavors differ in names only: one goes through this promtool whole, the other one through the other's."""
    built = write(outputs.files(BUNDLED, CONFIGS[flavor]), tmp_path)
    assert len(list((built / "prometheus/rules").glob("slo-*.yaml"))) == slos
    assert assert_pass(promtool_of(program), built) > slos * 3


def test_they_pass_with_windows_of_seconds(promtool: Path, tmp_path: Path) -> None:
    config = replace(
        DISTRIBUTION,
        slo=SloSettings(period=Duration(8 * 3_600_000)),
        prometheus=PrometheusSettings(scrape_interval=Duration(2_000)),
    )
    pack = pack_of(tmp_path / "pack", small=SMALL, slow=SLOW, windows=SECONDS)
    assert assert_pass(promtool, write(outputs.files(pack, config), tmp_path / "out")) == 12


def test_they_pass_with_scope_labels_selectors_and_links(promtool: Path, tmp_path: Path) -> None:
    matchers = (
        Matcher("type", MatchOp.EQUAL, "registry"),
        Matcher("stage", MatchOp.REGEX, "main|cny"),
        Matcher("env", MatchOp.NOT_EQUAL, "dev"),
    )
    config = replace(
        GITLAB,
        labels=LabelNames(environment="env", stage="stage"),
        matchers=matchers,
        runbook_url="https://example.com/runbooks",
        grafana=GrafanaSettings(url="https://grafana.example.com"),
    )
    pack = pack_of(tmp_path / "pack", small=SMALL, slow=SLOW)
    assert assert_pass(promtool, write(outputs.files(pack, config), tmp_path / "out")) == 16


def test_each_slo_is_tested_on_both_sides_of_every_edge(tmp_path: Path) -> None:
    files = outputs.files(pack_of(tmp_path, slow=SLOW), GITLAB)
    tests = [yaml.safe_load(content) for name, content in files.items() if name.startswith("prometheus/tests/")]
    names = {group["name"].removeprefix("slow: ") for test in tests for group in test["tests"]}
    for tier in ("1h", "6h", "1d", "3d"):
        assert {f"{tier} silent just under", f"{tier} fires just over", f"{tier} short window alone"} <= names
        assert f"{tier} one event, a failure" in names
    assert {f"{window} is that long" for window in ("2h", "6h", "1d", "3d", "28d")} <= names
    assert {"one outage, one alert", "no traffic", "no series", "1h goes on when traffic stops"} <= names


def test_the_tests_feed_both_spellings_of_a_whole_edge(tmp_path: Path) -> None:
    files = outputs.files(pack_of(tmp_path, slow=SLOW), GITLAB)
    text = files["prometheus/tests/slow.counting.test.yaml"].decode()
    assert 'le="1",' in text
    assert 'le="1.0",' in text


FIRST = """\
rule_files: [{rules}]
evaluation_interval: 30s
tests:
- interval: 15s
  input_series:
  - {{series: 'registry_http_requests_total{{{labels},code="200"}}', values: '0+10x40'}}
  - {{series: 'registry_http_requests_total{{{labels},code="500"}}', values: '{failed}'}}
  promql_expr_test:
  - expr: round(sum_over_time(registry:slo_bad_events:increase30s{{slo="tag-list-availability"}}[9m]))
    eval_time: 10m
    exp_samples: [{{labels: '{{slo="tag-list-availability",operation="tag_list",sli="availability"}}', value: {bad}}}]
"""


@pytest.mark.server
@pytest.mark.parametrize(
    ("failed", "bad"),
    [("100x19 103x20", 3), ("0x19 3x20", 2), ("_x19 3x20", 0), ("_x19 3x5 8x15", 5)],
    ids=["later", "from zero", "with the first failures", "and more of them"],
)
def test_what_a_counter_that_begins_loses(tmp_path: Path, failed: str, bad: int) -> None:
    """As docs/slo.md says."""
    built = write(outputs.files(BUNDLED, DISTRIBUTION), tmp_path)
    labels = 'handler="tags",method="get",job="registry",instance="a:5001"'
    test = tmp_path / "first.test.yaml"
    rules = built / "prometheus/rules/slo-tag-list-availability.yaml"
    test.write_text(FIRST.format(rules=rules, labels=labels, failed=failed, bad=bad))
    done = run_tests(promtool_of("debian"), test)
    assert done.returncode == 0, done.stdout + done.stderr
