"""Plain rule files in a deployment's names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.config import Config, LabelNames
from regobs.errors import RulesError
from regobs.promql import Duration, Matcher, MatchOp, to_text
from regobs.slo import outputs
from regobs.slo.rule_files import read_rule_files
from tests.slo.packs import BUNDLED, DISTRIBUTION, GITLAB, pack_of, rules_of

RECORD = """\
groups:
  - name: one
    rules:
      - record: registry:http_requests:rate5m
        expr: sum by (code, route) (rate(registry_http_requests_total{route="/v2/{name}/blobs/{digest}"}[5m]))
"""
ALERT = """\
groups:
  - name: one
    interval: 1m
    rules:
      - alert: TooMany
        expr: sum by (route) (rate(registry_http_requests_total{code=~"5.."}[5m])) > 1
        for: 5m
        labels: {severity: ticket}
        annotations:
          summary: Too many at {{ $labels.route }}.
          description: It is {{ $value }}.
"""


def rules(tmp_path: Path, text: str, config: Config = GITLAB) -> list[dict[str, Any]]:
    return rules_of(outputs.files(pack_of(tmp_path, one=text), config)["prometheus/rules/one.yaml"])


def test_a_record_is_translated_and_put_in_the_scope(tmp_path: Path) -> None:
    config = replace(DISTRIBUTION, labels=LabelNames(environment="env"))
    (rule,) = rules(tmp_path, RECORD, config)
    expected = 'sum by (code, handler, env) (rate(registry_http_requests_total{handler="blob", job="registry"}[5m]))'
    assert rule["expr"] == expected


DECLARED = {
    "scope": (replace(GITLAB, labels=LabelNames(environment="env")), "env"),
    "targets": (replace(GITLAB, target_labels=frozenset({"instance", "job", "rack"})), "rack"),
    "other flavor": (replace(DISTRIBUTION, labels=LabelNames(environment="env")), "env"),
}


@pytest.mark.parametrize(("config", "label"), DECLARED.values(), ids=DECLARED)
def test_labels_that_the_settings_declare_may_stand_in_rules_of_the_users_pack(
    tmp_path: Path, config: Config, label: str
) -> None:
    expr = f'sum by ({label}) (rate(registry_http_requests_total{{{label}="p"}}[5m]))'
    text = f"groups:\n  - name: one\n    rules:\n      - {{record: a:b:c, expr: {expr!r}}}\n"
    (rule,) = rules(tmp_path, text, config)
    assert rule["expr"].startswith(f"sum by ({label}) (rate(registry_http_requests_total{{")
    assert f'{label}="p"' in rule["expr"]
    alert = ALERT.replace("by (route)", f"by ({label})").replace("$labels.route", f"$labels.{label}")
    (told,) = rules(tmp_path, alert, config)
    assert told["annotations"]["summary"].startswith(f"Too many at {{{{ $labels.{label} }}}}")
    with pytest.raises(RulesError, match=f"has no label {label}"):
        rules(tmp_path, text, Config())


NOT_EVALUATED = {
    "the window": ("rate(team_total[$__rate_interval])", "$__rate_interval is a variable"),
    "the offset": ("team_size offset $__interval", "$__interval is a variable"),
    "the step": ("max_over_time(team_size[1h:$__interval])", "$__interval is a variable"),
    "a number": ("team_size > $limit", "$limit is a variable"),
    "a label": ('team_size{job="$job"} > 1', "$job is a variable"),
    "a part of a pattern": ('team_size{job=~"a|${job:regex}"} > 1', "${job:regex} is a variable"),
    "a range": ("team_size[5m]", "the result is a range"),
    "a range of an expression": ("team_size[5m:1m]", "the result is a range"),
    "a text": ("'team'", "the result is a text"),
}
EVALUATED = ["1", "time()", "scalar(team_size)", 'team_size{job=~"a$|b.$"}', r'team_size{job="\\$job"}']


@pytest.mark.parametrize("rule", [RECORD, ALERT], ids=["record", "alert"])
@pytest.mark.parametrize("case", NOT_EVALUATED.values(), ids=NOT_EVALUATED)
def test_what_prometheus_cannot_evaluate_is_refused_where_it_stands(
    tmp_path: Path, rule: str, case: tuple[str, str]
) -> None:
    expr, told = case
    with pytest.raises(RulesError, match=re.escape(told)) as caught:
        rules(tmp_path, with_expr(rule, expr))
    line = rule.splitlines().index(next(one for one in rule.splitlines() if "expr:" in one)) + 1
    assert caught.value.location is not None
    assert caught.value.location.line == line
    assert caught.value.next_step


@pytest.mark.parametrize("expr", EVALUATED)
def test_what_prometheus_evaluates_is_kept(tmp_path: Path, expr: str) -> None:
    (rule,) = rules(tmp_path, with_expr(RECORD, expr))
    assert rule["expr"] == expr


def with_expr(rule: str, expr: str) -> str:
    lines = rule.replace(" at {{ $labels.route }}", "").splitlines(keepends=True)
    return "".join(f"        expr: {json.dumps(expr)}\n" if "expr:" in one else one for one in lines)


def test_records_for_dashboards_are_bound_but_in_no_scope(tmp_path: Path) -> None:
    (record,) = outputs.records(pack_of(tmp_path, one=RECORD), DISTRIBUTION)
    assert record.name == "registry:http_requests:rate5m"
    expected = 'sum by (code, handler) (rate(registry_http_requests_total{handler="blob"}[5m]))'
    assert to_text(record.expr) == expected


@pytest.mark.parametrize(("line", "ms"), [("    interval: 2m\n", 120_000), ("", None)])
def test_a_record_says_how_often_it_is_written(tmp_path: Path, line: str, ms: int | None) -> None:
    text = RECORD.replace("    rules:\n", line + "    rules:\n")
    (record,) = outputs.records(pack_of(tmp_path, one=text), GITLAB)
    assert record.every == (None if ms is None else Duration(ms))


@pytest.mark.parametrize(("config", "label"), [(GITLAB, "route"), (DISTRIBUTION, "handler")])
def test_the_texts_of_an_alert_name_the_flavors_labels(tmp_path: Path, config: Config, label: str) -> None:
    (rule,) = rules(tmp_path, ALERT, config)
    assert rule["annotations"]["summary"] == f"Too many at {{{{ $labels.{label} }}}}."
    assert "runbook_url" not in rule["annotations"]


def test_the_summary_ends_in_the_scope(tmp_path: Path) -> None:
    (rule,) = rules(tmp_path, ALERT, replace(GITLAB, labels=LabelNames(environment="env")))
    assert rule["annotations"]["summary"] == (
        "Too many at {{ $labels.route }}{{ with $labels.env }}, env {{ . }}{{ end }}."
    )


def test_what_prometheus_says_about_targets_is_about_the_registrys(tmp_path: Path) -> None:
    matchers = (Matcher("job", MatchOp.REGEX, "a|b"),)
    files = outputs.files(BUNDLED, replace(GITLAB, matchers=matchers))
    found = {rule["alert"]: rule["expr"] for rule in rules_of(files["prometheus/rules/process.yaml"])}
    assert found["RegistryTargetDown"] == 'up{job=~"a|b"} == 0'
    assert found["RegistryTargetMissing"] == 'absent(up{job=~"a|b"})'


def test_a_missing_target_has_no_scope_to_name() -> None:
    files = outputs.files(BUNDLED, replace(GITLAB, labels=LabelNames(environment="env")))
    found = {rule["alert"]: rule["annotations"] for rule in rules_of(files["prometheus/rules/process.yaml"])}
    assert "$labels.env" not in found["RegistryTargetMissing"]["summary"]
    assert "$labels.env" in found["RegistryDown"]["summary"]


def test_what_the_registry_lacks_is_left_out_with_the_reason() -> None:
    assert [rule for file in read_rule_files(BUNDLED, GITLAB) for rule in file.left_out] == []
    bare = {one["rule"]: one["reason"] for one in outputs.manifest(BUNDLED, Config())["left_out"]}
    assert "capability metadata_database" in bare["RegistryDatabasePoolSaturated"]
    other = {one["rule"]: one["reason"] for one in outputs.manifest(BUNDLED, DISTRIBUTION)["left_out"]}
    assert "does not exist in distribution" in other["RegistryStorageRetries"]
    assert "RegistryTargetDown" not in {*bare, *other}


WRONG = [
    # text, replaced, by what, line:column, part of the message
    (ALERT, "rate(", "rat(", "6:31", "rat"),
    (ALERT, "sum by (route)", "sum by (rout)", "6:23", "rout"),
    (ALERT, "[5m]", "", "6:", "rate"),
    (ALERT, "registry_http_requests_total", "registry_http_requests_totl", "6:", "registry_http_requests_total"),
    (ALERT, "by (route)", "by ('my.route')", "6:", "which Prometheus before 3.0 refuses"),
    (ALERT, "{code=~", "{'a b'='c', code=~", "6:", "Prometheus before 3.0"),
    (ALERT, "sum by (route) (", "limitk by (route) (1, ", "6:15", "limitk is there since Prometheus 2.54"),
    (ALERT, "sum by (route)", "abs(mad_over_time(process_open_fds[5m])) + sum by (route)", "6:19", "Prometheus 2.49"),
    (ALERT, "registry_http_requests_total", "process_open_fds", "6:", "process_open_fds"),
    (ALERT, "$labels.route", "$labels.code", "10:20", "the label code does not survive the expression of TooMany"),
    (ALERT, "$labels.route", "$labels.instance", "10:20", "the label instance does not survive"),
    (
        ALERT,
        "sum by (route)",
        "sum(registry:http_requests:rate5m) > 9 or sum by (route)",
        "10:20",
        "the label route does",
    ),
    (ALERT, "severity: ticket", "severity: loud", "8:28", "severity"),
    (ALERT, "        for: 5m\n", "", "5:9", "'for'"),
    (ALERT, "          description: It is {{ $value }}.\n", "", "10:11", "'description'"),
    (ALERT, "alert: TooMany", "alert: too many", "5:16", "alert"),
    (RECORD, "registry:http_requests:rate5m", "http_requests", "4:17", "record"),
    (RECORD, "record:", "recrod:", "4:9", "record"),
    (RECORD, 'route="/v2/{name}/blobs/{digest}"', 'le="0.3"', "5:", "le"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{one[1][:20]} to {one[2][:20]}" for one in WRONG])
def test_a_wrong_rule_is_refused_where_it_is_wrong(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    text, old, new, place, message = wrong
    assert old in text
    with pytest.raises(RulesError) as caught:
        rules(tmp_path, text.replace(old, new, 1))
    assert str(caught.value.location).startswith(f"{tmp_path}/alerts/one.rules.yaml:{place}"), caught.value
    assert message in str(caught.value)
    assert caught.value.next_step or caught.value.expected


def test_two_groups_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="two groups have the same name") as caught:
        rules(tmp_path, RECORD + RECORD.partition("\n")[2])
    assert str(caught.value.location).endswith(":6:11")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("registry:http_requests:rate5", "registry:http_requests:rate5m"),
        ("registry:http_request:rate5m", "registry:http_requests:rate5m"),
        ("registry:http_requests:rate5m", None),
        ("registry:slo_burn_rate:ratio3h", None),
        ("registry:shifts_of_the_team:sum", None),
        ("team:http_requests:rate5", None),
    ],
)
def test_a_misspelt_record_of_the_pack_is_refused_with_the_nearest(
    tmp_path: Path, name: str, nearest: str | None
) -> None:
    text = f"{RECORD}      - record: team:requests:rate5m\n        expr: sum({name})\n"
    if nearest is None:
        assert "team:requests:rate5m" in [rule.get("record") for rule in rules(tmp_path, text)]
        return
    with pytest.raises(RulesError) as caught:
        rules(tmp_path, text)
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.value, caught.value.expected) == (7, name, nearest)
