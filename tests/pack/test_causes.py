"""Every cause alert fires when its cause is there and is silent otherwise, and its tests see each part of it broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.catalog.model import Capability
from regobs.catalog.probe import RESULTS
from regobs.config import LabelNames
from regobs.promql.nodes import Duration
from regobs.slo.alert_tests import check_alerts
from regobs.slo.outputs import CompiledRules, compile_rules
from tests.pack.rule_trial import alerts, tried
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, CONFIGS, GITLAB, bundled_rules, run_tests

Json = dict[str, Any]
# What fires where nothing is there: an absence is just that.
OF_ABSENCE = {"RegistryTargetMissing", "RegistryProbeMissing", "RegistryWatchdog"}


def write_all(directory: Path, compiled: CompiledRules) -> list[Path]:
    """The rules of the pack with the tests of its causes, as a build writes them; the paths of the tests."""
    files, causes = compiled.files(), compiled.alert_tests()
    wanted = {f"prometheus/tests/{name}": files[f"prometheus/tests/{name}"] for name in causes}
    wanted |= {name: content for name, content in files.items() if name.startswith("prometheus/rules/")}
    for name, content in wanted.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return sorted((directory / "prometheus/tests").iterdir())


def test_every_alert_of_the_pack_has_a_runbook_and_tests_of_both_sides() -> None:
    check_alerts(BUNDLED, bundled_rules().alert_cases, bundled_rules().rule_files)


@pytest.mark.parametrize(
    ("program", "flavor"),
    [
        pytest.param("debian", "gitlab", marks=pytest.mark.server),
        pytest.param("debian", "distribution", marks=[pytest.mark.server, pytest.mark.long]),
        *(pytest.param("3.x", flavor, marks=pytest.mark.peer) for flavor in CONFIGS),
    ],
)
def test_alerts_fire_when_they_are_due_and_are_silent_just_below(tmp_path: Path, program: str, flavor: str) -> None:
    done = run_tests(promtool_of(program), *write_all(tmp_path, bundled_rules(flavor)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "files", ["garbage-collection|monitoring|incidents|postgresql-.*", pytest.param(".*", marks=pytest.mark.long)]
)
@pytest.mark.server
def test_alerts_fire_with_the_labels_of_a_deployment_too(tmp_path: Path, files: str) -> None:
    scoped = replace(CONFIGS["gitlab"], labels=LabelNames(environment="env", cluster="cluster"))
    written = write_all(tmp_path, compile_rules(BUNDLED, scoped))
    chosen = [path for path in written if re.fullmatch(files, path.name.partition(".")[0])]
    assert chosen
    done = run_tests(promtool_of("debian"), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "seconds", [30, pytest.param(20, marks=pytest.mark.long), pytest.param(60, marks=pytest.mark.long)]
)
@pytest.mark.server
def test_what_is_built_for_seldom_scrapes_passes_without_the_alerts_that_look_further_back(
    tmp_path: Path, seconds: int
) -> None:
    seldom = replace(GITLAB, prometheus=replace(GITLAB.prometheus, scrape_interval=Duration(seconds * 1000)))
    compiled = compile_rules(BUNDLED, seldom)
    done = run_tests(promtool_of("debian"), *write_all(tmp_path, compiled))
    assert done.returncode == 0, done.stdout + done.stderr
    left_out = compiled.manifest()["tests_left_out"]
    assert {"RegistryUploadsFail", "RegistryNoTraffic"} < set(left_out)  # its own window; that of a series it reads
    assert len(left_out) < len(alerts()) / 3
    assert bundled_rules().manifest()["tests_left_out"] == []


@pytest.mark.server
def test_a_standby_has_its_alert_also_where_servers_do_not_tell_their_role(tmp_path: Path) -> None:
    silent = replace(GITLAB, capabilities=GITLAB.capabilities - {Capability.POSTGRES_QUERIES})
    compiled = compile_rules(BUNDLED, silent)
    (servers,) = (file for file in compiled.rule_files if file.name == "postgresql-servers")
    names = [rule.get("alert") or rule["record"] for group in servers.groups for rule in group["rules"]]
    assert names[:2] == ["RegistryPostgresqlStandbyDown", "RegistryDatabaseDown"]
    chosen = [path for path in write_all(tmp_path, compiled) if path.name.startswith("postgresql-servers.")]
    done = run_tests(promtool_of("debian"), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_alerts_are_silent_where_nothing_is_there_but_those_of_an_absence(tmp_path: Path) -> None:
    write_all(tmp_path, bundled_rules())
    rules = sorted(str(path) for path in (tmp_path / "prometheus/rules").glob("*.yaml"))
    test = {
        "interval": "1m",
        "input_series": [{"series": "something_else", "values": "1x90"}],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) * 0',
                "eval_time": "90m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 0} for name in sorted(OF_ABSENCE)],
            }
        ],
    }
    file = tmp_path / "nothing.test.yaml"
    # As seldom as rules can be evaluated: they read what others recorded up to 5 minutes before.
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "270s", "tests": [test]}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_the_first_step_that_fails_is_named_with_its_most_frequent_result(tmp_path: Path) -> None:
    write_all(tmp_path, bundled_rules())
    steps = ("resolve", "connect", "tls", "auth", "base", "pull_manifest", "pull_blob", "push", "read_back", "delete")
    tests = []
    for first, failing in enumerate(steps):
        series = {
            f'registry_probe_success{{step="{step}", target="a"}}': "1x4 0x16" if step in steps[first:] else "1x20"
            for step in steps
        }
        series |= {
            f'registry_probe_runs_total{{step="{step}", target="a", result="timeout"}}': "0x4 1+1x15"
            for step in steps[first:]
        }
        # An older failure of another kind, which was seldom.
        series[f'registry_probe_runs_total{{step="{failing}", target="a", result="status"}}'] = "0x2 1x18"
        labels = (
            f'alertname="RegistryProbeStepFails", alertstate="firing", severity="page", target="a", step="{failing}"'
        )
        asked = {
            "expr": 'ALERTS{alertname="RegistryProbeStepFails", alertstate="firing"}',
            "eval_time": "5m",
            "exp_samples": [{"labels": f'ALERTS{{{labels}, result="timeout"}}', "value": 1}],
        }
        series |= {
            name.replace("}", ', instance="b:9521"}'): values for name, values in series.items()
        }  # another probe
        given = [{"series": name, "values": values} for name, values in series.items()]
        tests.append({"interval": "15s", "input_series": given, "promql_expr_test": [asked]})
    file = tmp_path / "steps.test.yaml"
    rules = [str(tmp_path / "prometheus/rules/probe.yaml")]
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "15s", "tests": tests}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_the_text_of_a_failing_step_is_a_sentence_for_each_result(tmp_path: Path) -> None:
    said = {
        "dns": "finds no address for the name",
        "connect": "gets no connection",
        "tls": "gets no TLS connection that a client accepts",
        "auth": "is refused its login",
        "status": "gets an HTTP status that means failure",
        "digest": "gets other bytes than it asked for",
        "timeout": "gets no answer in time",
        "answer": "gets an answer that is no registry's",
    }
    assert said.keys() | {"ok"} == set(RESULTS)
    texts = {name: alerts()["RegistryProbeStepFails"][1]["annotations"][name] for name in ("summary", "description")}
    rule = {"alert": "A", "expr": "a", "annotations": texts}
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    labels = [{"target": "registry", "step": "push", "result": result} for result in said]
    series = [
        {"series": f"a{{{', '.join(f'{name}={json.dumps(value)}' for name, value in one.items())}}}", "values": "1"}
        for one in labels
    ]
    more = "It is the first step that fails; later ones follow from it. The runbook says what each step means."
    summary = 'Clients fail at registry, where the step "push" of the probe ends with the result "{}".'
    expected = [
        {
            "exp_labels": one,
            "exp_annotations": {"summary": summary.format(result), "description": f"The step {words}. {more}"},
        }
        for one, (result, words) in zip(labels, said.items(), strict=True)
    ]
    asked = {"eval_time": "0", "alertname": "A", "exp_alerts": expected}
    test = {"interval": "15s", "input_series": series, "alert_rule_test": [asked]}
    file = tmp_path / "text.test.yaml"
    file.write_text(json.dumps({"rule_files": [str(tmp_path / "rules.yaml")], "tests": [test]}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_text_puts_the_word_registry_before_a_name_that_may_be_the_same_word() -> None:
    for name, (_, rule) in alerts().items():
        texts = " ".join((rule["annotations"]["summary"], rule["annotations"]["description"]))
        assert re.search(r"registry \{\{ \$labels\.\w+", texts) is None, name


def test_what_ends_the_row_counts_says_that_a_restart_brings_them_back() -> None:
    for name in ("RegistryRateLimiterUnreachable", "RegistryRedisUnreachable", "RegistryRedisDown"):
        description = alerts()[name][1]["annotations"]["description"]
        assert re.search(r"[Rr]ow counts.* come back only when an instance is restarted", description), name
        assert "RegistryRowCountsMissing" in BUNDLED.file("alerts", f"runbooks/{name}.md").read(), name


@pytest.mark.server
def test_an_outage_is_in_the_windows_of_each_tier_for_its_time(tmp_path: Path) -> None:
    write_all(tmp_path, bundled_rules())
    in_windows = {
        "29m": ("6h", "1d", "3d"),
        "40m": ("1d", "3d"),
        "119m": ("1d", "3d"),
        "130m": ("3d",),
        "359m": ("3d",),
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": 'ALERTS{alertname="RegistryOutageRecent", alertstate="firing"}', "values": "1"}],
        "promql_expr_test": [
            {
                "expr": 'count by (tier) (ALERTS{alertname="RegistryOutageInWindow", alertstate="firing"})',
                "eval_time": time,
                "exp_samples": [{"labels": f'{{tier="{tier}"}}', "value": 1} for tier in tiers],
            }
            for time, tiers in {**in_windows, "370m": ()}.items()
        ],
    }
    file = tmp_path / "tiers.test.yaml"
    rules = [str(tmp_path / "prometheus/rules/incidents.yaml")]
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.parametrize("age", [0, 20, 40])
@pytest.mark.parametrize(
    ("alert", "uses"), [("RegistryRateLimiterUnreachable", "ratelimiting"), ("RegistryRedisUnreachable", "cache")]
)
def test_a_redis_that_stops_is_seen_by_seldom_scrapes_of_any_age(
    tmp_path: Path, alert: str, uses: str, age: int
) -> None:
    """A scrape a minute, whose sample is `age` seconds old when rules are evaluated; Redis stops after ten minutes."""
    seldom = replace(GITLAB, prometheus=replace(GITLAB.prometheus, scrape_interval=Duration(60_000)))
    write_all(tmp_path, compile_rules(BUNDLED, seldom))
    numbers: dict[str, Callable[[int], int]] = {
        "pool_stats_misses": lambda second: max(second - 600, 0) * 5,
        "pool_stats_hits": lambda second: min(second, 600) * 8,
        "single_commands_count": lambda second: min(second, 600) * 8,
    }
    series = [
        {
            "series": f'registry_redis_{name}{{job="registry", instance="a:5001", exported_instance="{uses}"}}',
            "values": " ".join(str(of(n * 20)) if (n * 20 + age) % 60 == 0 else "_" for n in range(60)),
        }
        for name, of in numbers.items()
    ]
    asked = [
        {"expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})', "eval_time": time, "exp_samples": seen}
        for time, seen in {"10m": [], "15m": [{"value": 1}]}.items()
    ]
    test = {"interval": "20s", "input_series": series, "promql_expr_test": asked}
    file = tmp_path / "seldom.test.yaml"
    rules = [str(tmp_path / "prometheus/rules/redis.yaml")]
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_what_the_probe_asks_of_a_registry_is_at_most_what_its_record_says(tmp_path: Path) -> None:
    """Its steps at their default times: 13 requests a minute, as many as 13 in 45 s between two scrapes."""
    write_all(tmp_path, bundled_rules())
    every = {"resolve": 10, "base": 10, "pull_manifest": 30, "pull_blob": 30, "push": 60, "read_back": 60, "delete": 60}
    series = [
        {
            "series": f'registry_probe_runs_total{{step="{step}", target="a", result="ok"}}',
            "values": f"0+{60 / often}x20",
        }
        for step, often in every.items()
    ]
    asked = {
        "expr": "round(registry:probe_requests:rate5m, 0.01)",
        "eval_time": "15m",
        "exp_samples": [{"labels": "{}", "value": 0.47}],
    }
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [asked]}
    file = tmp_path / "requests.test.yaml"
    rules = [str(tmp_path / "prometheus/rules/probe.yaml")]
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}))
    done = run_tests(promtool_of("debian"), file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "every"),
    [
        pytest.param("debian", 8, marks=pytest.mark.server),
        pytest.param("debian", 1, marks=[pytest.mark.server, pytest.mark.peer, pytest.mark.timeout(1800)]),
        pytest.param("3.x", 1, marks=[pytest.mark.peer, pytest.mark.timeout(1800)]),
    ],
)
def test_each_part_of_an_alert_is_missed_when_it_is_broken(tmp_path: Path, program: str, every: int) -> None:
    """All mutants take some minutes of CPU, so `make test` takes every eighth and `make test-peers` all.

    A case may say nothing in Prometheus 3 alone: a window as long as samples are apart holds one of them, not two.
    """
    found = tried(tmp_path, promtool_of(program), every)
    assert found.mutants > 1500 // every
    assert not found.survived, found.survived


def test_texts_name_what_they_are_about() -> None:
    for name, (_, rule) in alerts().items():
        summary, description = rule["annotations"]["summary"], rule["annotations"]["description"]
        assert 20 < len(summary) < 200, name
        assert len(description) > 30, name
        assert summary.endswith("."), name


def test_the_bundled_rules_are_yaml_that_a_person_wrote() -> None:
    for file in sorted((Path(__file__).parents[2] / "alerts").glob("*.rules.yaml")):
        assert yaml.safe_load(file.read_text())["groups"]
        assert "{%" not in file.read_text()
