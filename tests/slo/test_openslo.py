"""OpenSLO v1 as it is written elsewhere: what is compiled, what changes nothing, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.catalog.model import Flavor
from regobs.errors import ExitCode, SloError
from regobs.promql.nodes import Duration
from regobs.slo import outputs
from regobs.slo.model import Budgeting, CalendarSpan, Limit, Slo
from regobs.slo.spec import read_slos
from regobs.slo.warned import pack_warnings
from tests.slo.conftest import promtool_of
from tests.slo.packs import GITLAB as BASE
from tests.slo.packs import pack_of, rules_of, run_tests, write

Json = dict[str, Any]
GITLAB = replace(BASE, prometheus=replace(BASE.prometheus, retention=Duration(90 * 86_400_000)))
REQUESTS = "registry_http_requests_total"
LATENCY = "registry_http_request_duration_seconds"


def source(query: str, **more: Any) -> Json:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}, **more}}


def document(**spec: Any) -> Json:
    """An SLO over all requests; `spec` replaces its parts."""
    ratio = {"counter": True, "bad": source(f'{REQUESTS}{{code=~"5.."}}'), "total": source(REQUESTS)}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "pulls"},
        "spec": {
            "service": "registry",
            "indicator": {"metadata": {"name": "errors"}, "spec": {"ratioMetric": ratio}},
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": "ok", "target": 0.99}],
            **spec,
        },
    }


def ratio(**parts: Any) -> Json:
    return document(indicator={"spec": {"ratioMetric": {"counter": True, **parts}}})


def uncounted(**parts: Any) -> Json:
    """A ratio that leaves out `counter`, as the standard's own examples of time slices do."""
    return document(indicator={"spec": {"ratioMetric": parts}})


def write_pack(directory: Path, *documents: Any) -> Any:
    return pack_of(directory, my=yaml.safe_dump_all(documents, sort_keys=False))


def read(directory: Path, *documents: Any) -> list[Slo]:
    return read_slos(write_pack(directory, *documents), GITLAB)


def refused(directory: Path, *documents: Any) -> SloError:
    with pytest.raises(SloError) as caught:
        read(directory, *documents)
    assert caught.value.exit_code is ExitCode.INPUT
    assert caught.value.location is not None
    assert caught.value.location.line is not None
    assert caught.value.next_step
    return caught.value


def expr(directory: Path, record: str, *documents: Any) -> str:
    content = outputs.files(write_pack(directory, *documents), GITLAB)["prometheus/rules/slo-pulls.yaml"]
    return str(next(rule["expr"] for rule in rules_of(content) if rule.get("record") == record))


# What changes nothing


def plain_rules(directory: Path) -> bytes:
    return outputs.files(write_pack(directory, document()), GITLAB)["prometheus/rules/slo-pulls.yaml"]


def with_source(**more: Any) -> Json:
    return ratio(bad=source(f'{REQUESTS}{{code=~"5.."}}', **more), total=source(REQUESTS, **more))


def with_one(reference: str) -> Json:
    return ratio(bad=source(f'{REQUESTS}{{code=~"5.."}}', metricSourceRef=reference), total=source(REQUESTS))


SERVICE = {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "registry"}, "spec": {}}
DATA_SOURCE = {
    "apiVersion": "openslo/v1",
    "kind": "DataSource",
    "metadata": {"name": "thanos"},
    "spec": {"type": "Prometheus", "connectionDetails": {"url": "http://127.0.0.1:9090"}},
}
POLICY = {
    "apiVersion": "openslo/v1",
    "kind": "AlertPolicy",
    "metadata": {"name": "pager"},
    "spec": {
        "alertWhenBreaching": True,
        "conditions": [{"conditionRef": "fast"}],
        "notificationTargets": [{"targetRef": "mail"}],
    },
}
CONDITION = {
    "apiVersion": "openslo/v1",
    "kind": "AlertCondition",
    "metadata": {"name": "fast", "displayName": "Fast burn"},
    "spec": {
        "severity": "page",
        "condition": {"kind": "burnrate", "op": "lte", "threshold": 2, "lookbackWindow": "1h", "alertAfter": "5m"},
    },
}
TARGET = {
    "apiVersion": "openslo/v1",
    "kind": "AlertNotificationTarget",
    "metadata": {"name": "mail"},
    "spec": {"target": "email"},
}


def in_place(given: Json) -> Json:
    """As it stands within another document."""
    return {key: value for key, value in given.items() if key != "apiVersion"}


SHORT_CONDITION = {
    **CONDITION,
    "spec": {"severity": "page", "condition": {"op": "gt", "threshold": 2, "lookbackWindow": "1h"}},
}


def policy_of(condition: Json, target: Json) -> Json:
    return {**POLICY, "spec": {"alertWhenBreaching": True, "conditions": [condition], "notificationTargets": [target]}}


SLI = {
    "apiVersion": "openslo/v1",
    "kind": "SLI",
    "metadata": {"name": "errors"},
    "spec": document()["spec"]["indicator"]["spec"],
}
without_type = with_source(metricSourceRef="thanos")
for part in ("bad", "total"):
    del without_type["spec"]["indicator"]["spec"]["ratioMetric"][part]["metricSource"]["type"]
referring = document(indicatorRef="errors")
del referring["spec"]["indicator"]
SAME: dict[str, tuple[Any, ...]] = {
    "a list in the place of a document": ([document()],),
    "nothing after a last separator": (document(), None),
    "the same SLI and data source twice": (SLI, DATA_SOURCE, referring, SLI, DATA_SOURCE),
    "documents of other kinds": (SERVICE, DATA_SOURCE, document(), POLICY, CONDITION, TARGET),
    "alert policies by name": (
        document(alertPolicies=[{"alertPolicyRef": "pager"}, "pager"]), POLICY, CONDITION, TARGET
    ),
    "alert policies in place": (document(alertPolicies=[POLICY]), CONDITION, TARGET),
    "a policy with all in place": (document(alertPolicies=[policy_of(in_place(CONDITION), in_place(TARGET))]),),
    "no alert policies, as the standard's examples say it": (document(alertPolicies=None),),
    "names of policies as in the standard's examples": (
        document(), {**TARGET, "metadata": {"name": "OnCallDevopsMailNotification"}}
    ),
    "a data source beside the type": (with_source(metricSourceRef="thanos"),),
    "a data source in the place of the type": (without_type, DATA_SOURCE),
    "an SLI of its own": (referring, SLI),
    "sum()": (ratio(bad=source(f'sum({REQUESTS}{{code=~"5.."}})'), total=source(f"sum({REQUESTS})")),),
    "sum(rate())": (
        ratio(bad=source(f'sum(rate({REQUESTS}{{code=~"5.."}}[5m]))'), total=source(f"sum(rate({REQUESTS}[5m]))")),
    ),
    "increase()": (ratio(bad=source(f'increase({REQUESTS}{{code=~"5.."}}[1h])'), total=source(f"({REQUESTS})")),),
    "an operator beside the target": (document(objectives=[{"op": "lte", "target": 0.99}]),),
    "a target in percent": (document(objectives=[{"targetPercent": 99}]),),
    "a rolling window": (document(timeWindow=[{"duration": "4w", "isRolling": True}]),),
    "policies, conditions and targets that no document defines": (
        document(alertPolicies=["x", {"alertPolicyRef": "y"}, policy_of({"conditionRef": "z"}, in_place(TARGET))]),
        POLICY,
    ),
    "a counter by its name": (uncounted(bad=source(f'{REQUESTS}{{code=~"5.."}}'), total=source(REQUESTS)),),
    "a counter by what is done with it": (
        uncounted(bad=source(f'rate({REQUESTS}{{code=~"5.."}}[5m])'), total=source(f"sum(increase({REQUESTS}[1h]))")),
    ),
    "details of a data source as a list": (
        without_type, {**DATA_SOURCE, "spec": {"type": "Prometheus", "connectionDetails": [{"url": "http://x"}]}}
    ),
    "no details of a data source": (
        without_type, {**DATA_SOURCE, "spec": {"type": "Prometheus", "connectionDetails": None}}
    ),
    "a service that says nothing more": (document(), {key: SERVICE[key] for key in ("apiVersion", "kind", "metadata")}),
    "a condition with what the standard takes where nothing is said": (
        document(alertPolicies=[policy_of(in_place(SHORT_CONDITION), in_place(TARGET))]), SHORT_CONDITION
    ),
    "labels of a team": ({**document(), "metadata": {"name": "pulls", "labels": {"team": ["a", "b"], "tier": "1"}}},),
}  # fmt: skip


@pytest.mark.parametrize("documents", SAME.values(), ids=SAME)
def test_other_ways_to_write_it_give_the_same_rules(tmp_path: Path, documents: tuple[Any, ...]) -> None:
    files = outputs.files(write_pack(tmp_path / "a", *documents), GITLAB)
    assert files["prometheus/rules/slo-pulls.yaml"] == plain_rules(tmp_path / "b")


def warnings(directory: Path, *documents: Any) -> list[str]:
    """What `regobs build` warns of, without the file: a line and a sentence."""
    return [
        one.removeprefix(f"{directory}/alerts/my.slo.yaml:") for one in pack_warnings(write_pack(directory, *documents))
    ]


ADD = "add it, or remove the reference"
UNKNOWN: dict[str, tuple[Any, str, str]] = {
    "a policy": ([document(alertPolicies=[{"alertPolicyRef": "x"}])], "AlertPolicy x", ADD),
    "a policy by its bare name": ([document(alertPolicies=["x"])], "AlertPolicy x", ADD),
    "a data source beside a type": (
        [with_one("thanos"), {**DATA_SOURCE, "metadata": {"name": "thano"}}], "DataSource thanos", "did you mean thano?"
    ),
    "a data source beside the type of an SLI": (
        [referring, {**SLI, "spec": with_one("x")["spec"]["indicator"]["spec"]}], "DataSource x", ADD
    ),
    "a data source beside the type of a threshold": (
        [document(
            indicator={"spec": {"thresholdMetric": source("process_open_fds", metricSourceRef="x")}},
            objectives=[{"op": "lte", "value": 1, "target": 0.9}],
        )],
        "DataSource x", ADD,
    ),
    "a misspelt policy": (
        [document(alertPolicies=["pagr"]), POLICY, CONDITION, TARGET], "AlertPolicy pagr", "did you mean pager?"
    ),
    "a condition": ([document(), POLICY, TARGET], "AlertCondition fast", ADD),
    "a target": ([document(), POLICY, CONDITION], "AlertNotificationTarget mail", ADD),
    "a condition of a policy in place": (
        [document(alertPolicies=[policy_of({"conditionRef": "fast"}, in_place(TARGET))])], "AlertCondition fast", ADD
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_a_name_of_a_document_that_nothing_defines_is_a_warning(tmp_path: Path, case: tuple[Any, str, str]) -> None:
    documents, what, next_step = case
    [told] = warnings(tmp_path, *documents)
    line, sentence = told.split(": ", 1)
    assert what.split()[1] in (tmp_path / "alerts/my.slo.yaml").read_text().splitlines()[int(line) - 1]
    assert sentence == f"no document of the pack is the {what}, so this reference changes nothing; {next_step}"


def test_names_of_documents_that_the_pack_has_are_no_warning(tmp_path: Path) -> None:
    given = with_source(metricSourceRef="thanos")
    given["spec"]["alertPolicies"] = ["pager"]
    assert warnings(tmp_path, given, DATA_SOURCE, POLICY, CONDITION, TARGET) == []


# What is compiled


@pytest.mark.parametrize("name", ["_total", "_count", "_sum", '_bucket{le="1"}'])
def test_a_name_that_only_counters_have_needs_no_word_on_counters(tmp_path: Path, name: str) -> None:
    given = {"bad": source(f"team_bad{name}"), "total": source(f"sum(team_all{name})")}
    files = [outputs.files(write_pack(tmp_path, form(**given)), GITLAB, tests=False) for form in (uncounted, ratio)]
    assert files[0]["prometheus/rules/slo-pulls.yaml"] == files[1]["prometheus/rules/slo-pulls.yaml"]


@pytest.mark.parametrize("target", [None, 0.01, 0.95, 1])
def test_a_slice_of_a_threshold_is_one_measurement_whatever_share_of_it_must_be_good(
    tmp_path: Path, target: float | None
) -> None:
    given = limit("process_open_fds", timeSliceWindow="1m")
    given["spec"]["budgetingMethod"] = "Timeslices"
    plain = outputs.files(write_pack(tmp_path / "a", given), GITLAB)
    if target is not None:
        given["spec"]["objectives"][0]["timeSliceTarget"] = target
    assert outputs.files(write_pack(tmp_path / "b", given), GITLAB) == plain


def test_each_objective_is_an_slo(tmp_path: Path) -> None:
    many = document(objectives=[{"displayName": "good", "target": 0.99}, {"target": 0.95}])
    assert [(slo.name, slo.title, str(slo.target)) for slo in read(tmp_path, many)] == [
        ("pulls-1", "pulls, good", "0.99"),
        ("pulls-2", "pulls, 2", "0.95"),
    ]


@pytest.mark.parametrize(("text", "days"), [("28d", 28), ("4w", 28), ("30d", 30), ("7d", 7), ("1d", 1), ("3d12h", 3.5)])
def test_a_window_rolls_over_any_number_of_days(tmp_path: Path, text: str, days: float) -> None:
    (slo,) = read(tmp_path, document(timeWindow=[{"duration": text, "isRolling": True}]))
    assert (slo.period.length.ms, slo.period.span) == (days * 86_400_000, None)


def calendar(duration: str, start: str, zone: str = "UTC") -> Json:
    window = {"duration": duration, "isRolling": False, "calendar": {"startTime": start, "timeZone": zone}}
    return document(timeWindow=[window])


@pytest.mark.parametrize(
    ("duration", "start", "span"),
    [
        ("1M", "2026-01-01 00:00:00", CalendarSpan.MONTH),
        ("1w", "2026-01-05 00:00:00", CalendarSpan.WEEK),
        ("1d", "2026-01-02T00:00:00Z", CalendarSpan.DAY),
    ],
)
def test_a_window_follows_the_calendar(tmp_path: Path, duration: str, start: str, span: CalendarSpan) -> None:
    (slo,) = read(tmp_path, calendar(duration, start))
    assert slo.period.span is span


def test_slices_of_time_are_one_evaluation_each(tmp_path: Path) -> None:
    sliced = document(
        budgetingMethod="Timeslices", objectives=[{"target": 0.99, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}]
    )
    (slo,) = read(tmp_path / "a", sliced)
    assert (slo.budgeting, str(slo.slice_target), slo.counted) == (Budgeting.TIMESLICES, "0.95", "slices of 1m")
    bad = expr(tmp_path / "b", "registry:slo_bad_events:increase1m", sliced)
    assert "> bool 0.05" in bad
    assert expr(tmp_path / "c", "registry:slo_events:increase1m", sliced).endswith("> bool 0")


def test_slices_may_count_by_their_share(tmp_path: Path) -> None:
    sliced = document(budgetingMethod="RatioTimeslices", objectives=[{"target": 0.99, "timeSliceWindow": "1m"}])
    assert "bool" not in expr(tmp_path, "registry:slo_bad_events:increase1m", sliced)


def limit(query: str, op: str = "lte", value: float = 0.8, **objective: Any) -> Json:
    return document(
        indicator={"spec": {"thresholdMetric": source(query)}},
        objectives=[{"op": op, "value": value, "target": 0.99, **objective}],
    )


POOL = "registry_database_connections / registry_database_connections_max"


@pytest.mark.parametrize(
    ("op", "worst", "bad"), [("lte", "max", "> bool"), ("lt", "max", ">= bool"), ("gte", "min", "< bool")]
)
def test_a_threshold_is_compared_at_each_evaluation_with_the_worst_value(
    tmp_path: Path, op: str, worst: str, bad: str
) -> None:
    (slo,) = read(tmp_path / "a", limit("process_open_fds", op))
    assert isinstance(slo.indicator, Limit)
    text = expr(tmp_path / "b", "registry:slo_bad_events:increase30s", limit("process_open_fds", op))
    assert text.startswith(f"{worst}(process_open_fds")
    assert text.endswith(f"{bad} 0.8")


@pytest.mark.parametrize(
    ("le", "written"), [("1", r'le=~"1|1\\.0"'), ("1.0", r'le=~"1|1\\.0"'), ("0.3", 'le="0.3"'), ("+Inf", 'le="+Inf"')]
)
@pytest.mark.parametrize("metric", ["team_seconds", LATENCY])
def test_a_bucket_in_promql_is_matched_in_both_spellings(tmp_path: Path, metric: str, le: str, written: str) -> None:
    if metric == LATENCY and le == "0.3":
        le, written = "0.5", 'le="0.5"'
    spec = ratio(good=source(f'{metric}_bucket{{le="{le}"}}'), total=source(f"{metric}_count"))
    assert f"{metric}_bucket{{" in (text := expr(tmp_path, "registry:slo_bad_events:increase30s", spec))
    assert written.replace("\\\\", "\\") in text or written in text


GENERATED: dict[str, Json] = {
    "a bucket and a count": ratio(good=source(f'{LATENCY}_bucket{{le="0.5"}}'), total=source(f"{LATENCY}_count")),
    "two buckets": ratio(good=source(f'{LATENCY}_bucket{{le="1"}}'), total=source(f'{LATENCY}_bucket{{le="+Inf"}}')),
    "metrics of a team": ratio(bad=source('team_jobs_total{state="failed"}'), total=source("team_jobs_total")),
    "a bucket in both spellings": ratio(
        good=source('team_seconds_bucket{le=~"1|1\\\\.0"}'), total=source("team_seconds_count")
    ),
    "buckets of a team": ratio(good=source('team_seconds_bucket{le="0.3"}'), total=source("team_seconds_count")),
    "slices": document(
        budgetingMethod="Timeslices", objectives=[{"target": 0.99, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}]
    ),
    "shares of slices": document(
        budgetingMethod="RatioTimeslices", objectives=[{"target": 0.99, "timeSliceWindow": "1m"}]
    ),
    "a threshold": limit("process_open_fds"),
    "a month": calendar("1M", "2026-01-01 00:00:00"),
    "a week of the calendar": calendar("1w", "2026-01-05 00:00:00"),
    "a day of the calendar": calendar("1d", "2026-01-02 00:00:00"),
    "two days": document(timeWindow=[{"duration": "2d", "isRolling": True}]),  # the first tier has its severity alone
    "a week": document(timeWindow=[{"duration": "7d", "isRolling": True}]),
    "thirty days": document(timeWindow=[{"duration": "30d", "isRolling": True}]),
}
# Rules of the form of another one: `make test-peers` asks Prometheus 3 of them, `make test-all` the older one too.
LIKE_ANOTHER = {"two buckets", "buckets of a team", "shares of slices", "a week"}


@pytest.mark.parametrize(
    ("program", "name"),
    [
        pytest.param("debian", name, marks=[pytest.mark.server] + [pytest.mark.long] * (name in LIKE_ANOTHER))
        for name in GENERATED
    ]
    + [pytest.param("3.x", name, marks=pytest.mark.peer) for name in GENERATED],
)
def test_the_generated_tests_pass(tmp_path: Path, program: str, name: str) -> None:
    promtool = promtool_of(program)
    directory = write(outputs.files(write_pack(tmp_path / "pack", GENERATED[name]), GITLAB), tmp_path / "out")
    tests = sorted((directory / "prometheus/tests").glob("*.test.yaml"))
    assert len(tests) > 2
    done = run_tests(promtool, *tests)
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


@pytest.mark.parametrize(
    ("duration", "start"), [("1d", "2026-01-02 00:00:00"), ("1w", "2026-01-05 00:00:00"), ("1M", "2026-01-01 00:00:00")]
)
def test_no_two_rules_of_a_calendar_period_record_the_same_series(tmp_path: Path, duration: str, start: str) -> None:
    files = outputs.files(write_pack(tmp_path, calendar(duration, start)), GITLAB, tests=False)
    records = [rule["record"] for rule in rules_of(files["prometheus/rules/slo-pulls.yaml"]) if "record" in rule]
    assert [name for name in set(records) if records.count(name) > 1] == []


@pytest.mark.parametrize(("duration", "start"), [("1w", "2026-01-05 00:00:00"), ("1M", "2026-01-01 00:00:00")])
def test_what_was_not_watched_counts_as_good_in_a_calendar_period_too(
    tmp_path: Path, duration: str, start: str
) -> None:
    files = outputs.files(write_pack(tmp_path, calendar(duration, start)), GITLAB, tests=False)
    rules = rules_of(files["prometheus/rules/slo-pulls.yaml"])
    alerts = {rule["labels"]["tier"]: rule["expr"] for rule in rules if "alert" in rule}
    assert {tier for tier, expr in alerts.items() if "slo_evaluations:count" in expr} == set(alerts) - {"1h"}


def test_a_calendar_month_is_counted_from_its_first_day(promtool: Path, tmp_path: Path) -> None:
    """promtool's time begins on 1 January 1970: 10 bad events late in January are forgotten in February."""
    files = outputs.files(write_pack(tmp_path / "pack", calendar("1M", "2026-01-01 00:00:00")), GITLAB)
    directory = write(files, tmp_path / "out")
    labels = '{slo="pulls",operation="pulls",sli="availability"}'
    test = {
        "rule_files": ["../rules/slo-pulls.yaml"],
        "evaluation_interval": "12h",
        "tests": [
            {
                "interval": "12h",
                "input_series": [
                    {"series": f"registry:slo_events:increase30s{labels}", "values": "100+0x70"},
                    {"series": f"registry:slo_bad_events:increase30s{labels}", "values": "0+0x49 10 0+0x18"},
                ],
                "promql_expr_test": [
                    {"expr": f"registry:slo_{name}:increase1M", "eval_time": at, "exp_samples": expected}
                    for name, at, value in (
                        ("events", "60h", 600),
                        ("bad_events", "24d12h", 0),
                        ("bad_events", "30d12h", 10),
                        ("bad_events", "31d", 0),
                        ("events", "31d12h", 200),
                    )
                    for expected in ([{"labels": f"registry:slo_{name}:increase1M{labels}", "value": value}],)
                ],
            }
        ],
    }
    path = directory / "prometheus/tests/month.test.yaml"
    path.write_text(yaml.safe_dump(test))
    done = run_tests(promtool, path)
    assert done.returncode == 0, done.stdout + done.stderr


# What is refused


def other(**top: Any) -> Json:
    return {**document(), **top}


def without_indicator(**spec: Any) -> Json:
    given = document(**spec)
    del given["spec"]["indicator"]
    return given


def sliced_limit(**objective: Any) -> Json:
    given = limit("process_open_fds", timeSliceWindow="1m")
    given["spec"]["budgetingMethod"] = "Timeslices"
    given["spec"]["objectives"][0].update(objective)
    return given


good_and_bad = ratio(bad=source(REQUESTS), good=source(REQUESTS), total=source(REQUESTS))
REFUSED: dict[str, tuple[Any, str, str, str]] = {
    # what is written, and parts of the message, the value and the expectation
    "v1alpha": (other(apiVersion="openslo/v1alpha"), "not supported by regobs", "openslo/v1alpha", "openslo/v1"),
    "v2alpha": (other(apiVersion="openslo.com/v2alpha"), "not supported by regobs", "v2alpha", "openslo/v1"),
    "Sloth": (
        {"version": "prometheus/v1", "service": "x", "slos": []}, "not supported by regobs", "prometheus/v1", "openslo"
    ),
    "nothing": ({"kind": "SLO"}, "no apiVersion", "None", "openslo/v1"),
    "an unknown kind": (other(kind="Budget"), "not supported by regobs", "Budget", "AlertPolicy"),
    "a composite": (
        document(objectives=[{"target": 0.9, "indicatorRef": "x", "compositeWeight": 1}]),
        "a composite SLO is not supported by regobs", "x", "one indicator",
    ),
    "a raw ratio": (
        ratio(raw=source("my_ratio"), rawType="success"), "a raw ratio is not supported by regobs", "None", "total"
    ),
    "a raw ratio as the standard has it": (
        document(indicator={"spec": {"ratioMetric": {"raw": source("my_ratio"), "rawType": "success"}}}),
        "a raw ratio is not supported by regobs", "None", "total",
    ),
    "a composite as the standard has it": (
        without_indicator(objectives=[{"target": 0.9, "indicator": {"spec": {}}, "compositeWeight": 1}]),
        "a composite SLO is not supported by regobs", "None", "one indicator",
    ),
    "a ratio without a word on counters": (
        uncounted(bad=source("team_bad"), total=source(REQUESTS)),
        "does not say whether team_bad is a counter", "team_bad", "counter: true beside total, or a name that ends in",
    ),
    "a total without a word on counters": (
        uncounted(bad=source("team_bad_total"), total=source("sum(team_all)")),
        "does not say whether team_all is a counter", "team_all", "_total, _count, _sum, _bucket",
    ),
    "a ratio of what the catalog has as gauges": (
        uncounted(bad=source("registry_http_in_flight_requests"), total=source(REQUESTS)),
        "is a gauge: it counts no events", "registry_http_in_flight_requests", "a counter",
    ),
    "a ratio of gauges as it says itself": (
        ratio(counter=False, bad=source(REQUESTS), total=source(REQUESTS)),
        "a ratio of gauges is not supported by regobs", "False", "counter: true",
    ),
    "a slice of no length": (sliced_limit(timeSliceWindow="0"), "a time slice needs a length", "0", "1m"),
    "a condition in place that is none": (
        [document(), policy_of({"kind": "AlertCondition"}, {"targetRef": "mail"}), TARGET], "lacks the key", "None", "'"
    ),
    "a quarter": (calendar("1Q", "2026-01-01 00:00:00"), "not supported by regobs", "1Q", "1d, 1w or 1M"),
    "a time zone": (
        calendar("1M", "2026-01-01 00:00:00", "Europe/Berlin"), "not supported by regobs", "Europe/Berlin", "UTC"
    ),
    "the middle of a month": (calendar("1M", "2026-01-15 00:00:00"), "not supported", "2026-01-15", "the 1st"),
    "a Tuesday": (calendar("1w", "2026-01-06 00:00:00"), "not supported", "2026-01-06", "a Monday"),
    "no time": (calendar("1d", "soon"), "startTime is no time", "soon", "2026-01-01"),
    "Datadog": (
        ratio(bad=source("x"), total={"metricSource": {"type": "Datadog", "spec": {"query": "sum:x"}}}),
        "the metric source Datadog is not supported by regobs", "Datadog", "catalog, Prometheus",
    ),
    "an unknown data source": (without_type, "no DataSource thanos", "thanos", "DataSource"),
    "an unknown SLI": (referring, "no SLI errors", "errors", "SLI"),
    "slices without a length": (
        document(budgetingMethod="RatioTimeslices"), "a time slice needs a length", "None", "timeSliceWindow: 1m"
    ),
    "slices without a target": (
        document(budgetingMethod="Timeslices", objectives=[{"target": 0.9, "timeSliceWindow": "1m"}]),
        "the ratio that makes a slice a good one", "None", "timeSliceTarget",
    ),
    "no value": (
        document(indicator={"spec": {"thresholdMetric": source("process_open_fds")}}),
        "a value to compare with", "None", "op: lte",
    ),
    "good and bad": (good_and_bad, "both good and bad", "None", "either good or bad"),
    "no total": (ratio(bad=source(REQUESTS)), "no total", "None", "beside total"),
    "a quantile": (
        ratio(bad=source(f"histogram_quantile(0.9, {LATENCY}_bucket)"), total=source(REQUESTS)),
        "no counter", "histogram_quantile", "the selector of a counter",
    ),
    "sum by": (
        ratio(bad=source(REQUESTS), total=source(f"sum by (code) ({REQUESTS})")), "no counter", "by (code)", "selector"
    ),
    "a misspelt label": (
        ratio(bad=source(f'{REQUESTS}{{handlr="x"}}'), total=source(REQUESTS)), "no label handlr", "handlr", "route"
    ),
    "an unknown value": (
        ratio(bad=source(f'{REQUESTS}{{method="gett"}}'), total=source(REQUESTS)), "no method", "gett", "get"
    ),
    "an unknown alternative": (
        ratio(bad=source(f'{REQUESTS}{{method=~"gett|putt"}}'), total=source(REQUESTS)), "no method", "gett", "get"
    ),
    "an impossible code": (
        ratio(bad=source(f'{REQUESTS}{{code="9000"}}'), total=source(REQUESTS)), "no code", "9000", "5.."
    ),
    "between two buckets": (
        ratio(good=source(f'{LATENCY}_bucket{{le="0.3"}}'), total=source(f"{LATENCY}_count")),
        "no bucket edge", "0.3", "0.25, 0.5",
    ),
    "buckets without a bound": (
        ratio(good=source(f"{LATENCY}_bucket"), total=source(f"{LATENCY}_count")),
        "in every bucket", "_bucket", "_count",
    ),
    "buckets of all events": (
        ratio(good=source('team_bucket{le="1"}'), total=source("rate(team_bucket[5m])")),
        "in every bucket", "team", "le=",
    ),
    "buckets of two bounds": (
        ratio(good=source('team_bucket{le=~"1|2"}'), total=source("team_count")),
        "in every bucket", "team", "le=",
    ),
    "buckets but one": (
        ratio(good=source('team_bucket{le!="1"}'), total=source("team_count")),
        "in every bucket", "team", "le=",
    ),
    "a misspelt metric": (
        ratio(bad=source("registry_http_requests_totl"), total=source(REQUESTS)), "no metric", "totl", REQUESTS
    ),
    "two SLIs of one name": (
        [referring, SLI, {**SLI, "spec": {**SLI["spec"], "description": "other"}}],
        "the SLI errors is defined twice", "errors", "the first is at",
    ),
    "two data sources of one name": (
        [without_type, DATA_SOURCE, {**DATA_SOURCE, "spec": {"type": "Datadog"}}],
        "the DataSource thanos is defined twice", "thanos", "the first is at",
    ),
    "a data source of another type": (
        [with_source(metricSourceRef="thanos"), {**DATA_SOURCE, "spec": {"type": "Datadog"}}],
        "of the type Prometheus, and the DataSource thanos that it names of Datadog", "Prometheus", "Datadog",
    ),
    "a variable for the window of a threshold": (
        limit("sum(rate(team_total[$__rate_interval]))"), "variable of a dashboard", "$__rate_interval", "without"
    ),
    "a variable for the step of a threshold": (
        limit("max_over_time(team_size[5m:$__interval])"), "variable of a dashboard", "$__interval", "without"
    ),
    "a variable for a number": (limit("team_size > $limit"), "variable of a dashboard", "$limit", "without"),
    "a variable for a label": (
        ratio(bad=source('team_bad{job="$job"}'), total=source("team_all")),
        "variable of a dashboard", "$job", "without",
    ),
    "a variable within a pattern": (
        limit('team_size{job=~"a|${job:regex}"}'), "variable of a dashboard", "${job:regex}", "without"
    ),
    "a number without series": (limit("scalar(team_size)"), "a number without series", "None", "of each series"),
    "a literal": (limit("1"), "a number without series", "None", "of each series"),
    "the time": (limit("time()"), "a number without series", "None", "of each series"),
    "a text": (limit('"team"'), "the result is a text", "None", "of each series"),
    "a range": (limit("(team_size[5m])"), "a range of values", "None", "of each series"),
    "a range of an expression": (limit("team_size[5m:1m]"), "a range of values", "None", "of each series"),
    "broken PromQL": (ratio(bad=source("sum(("), total=source(REQUESTS)), "never closed", "(", ")"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_not_compiled_is_one_clear_error(tmp_path: Path, case: tuple[Any, str, str, str]) -> None:
    given, message, value, expected = case
    error = refused(tmp_path, *(given if isinstance(given, list) else [given]))
    assert message in error.message, str(error)
    assert value in str(error.value), str(error)
    assert expected in str(error.expected), str(error)


def test_for_cncf_distribution_the_error_says_whose_names_documents_have(tmp_path: Path) -> None:
    given = ratio(bad=source(f'{REQUESTS}{{handler="manifest"}}'), total=source(REQUESTS))
    pack = write_pack(tmp_path, given)
    for flavor, told in ((Flavor.GITLAB, False), (Flavor.DISTRIBUTION, True)):
        with pytest.raises(SloError, match="no label handler") as caught:
            outputs.files(pack, replace(GITLAB, flavor=flavor))
        assert ("names of GitLab's registry" in str(caught.value.next_step)) is told


WINDOWS = """\
confidence: 0.99
tiers:
  - {long: 1h, short: 2m, share: 0.02, for: 0s, severity: page}
"""


def test_a_slice_is_shorter_than_the_shortest_window_of_the_pack(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, sliced("2m"))
    (tmp_path / "alerts/windows.yaml").write_text(WINDOWS)
    with pytest.raises(SloError, match="time slices of 2m do not fit") as caught:
        outputs.files(pack, GITLAB, tests=False)
    assert "(2m), from 30s (two scrapes) to 1m:" in str(caught.value.expected)


def sliced(length: object) -> Json:
    return document(budgetingMethod="RatioTimeslices", objectives=[{"target": 0.99, "timeSliceWindow": length}])


@pytest.mark.parametrize(
    ("length", "read"),
    [("10m", "10m"), ("5m", "5m"), (5, "5m"), ("5", "5m"), ("20s", "20s"), ("90s", "1m30s"), ("1h", "1h")],
)
def test_slices_that_do_not_fit_the_rules_are_refused_where_they_stand(
    tmp_path: Path, length: object, read: str
) -> None:
    with pytest.raises(SloError, match=f"time slices of {read} do not fit") as caught:
        outputs.files(write_pack(tmp_path, sliced(length)), GITLAB)
    assert "divides the shortest window (5m)" in str(caught.value.expected)
    assert "from 30s (two scrapes) to 2m30s" in str(caught.value.expected)
    found = caught.value.location
    assert found is not None
    assert found.line is not None
    lines = Path(str(found.file)).read_text().splitlines()
    assert "timeSliceWindow" in lines[found.line - 1]


@pytest.mark.parametrize(("length", "seconds"), [(1, 60), (2.5, 150), ("2m30s", 150), ("30s", 30), ("100s", 100)])
def test_a_number_of_minutes_is_a_length_of_slices_too(tmp_path: Path, length: object, seconds: int) -> None:
    (slo,) = read(tmp_path, sliced(length))
    assert slo.slice_length == Duration(1000 * seconds)


@pytest.mark.parametrize("length", ["30s", "1m", "100s", "2m30s"])
def test_no_two_rules_of_slices_record_the_same_series(tmp_path: Path, length: str) -> None:
    files = outputs.files(write_pack(tmp_path, sliced(length)), GITLAB, tests=False)
    records = [rule["record"] for rule in rules_of(files["prometheus/rules/slo-pulls.yaml"]) if "record" in rule]
    assert [name for name in sorted(set(records)) if records.count(name) > 1] == []


@pytest.mark.parametrize("field", ["spec", "metadata", "objectives", "displayNam"])
def test_an_unknown_key_is_named_with_its_place(tmp_path: Path, field: str) -> None:
    given = document(**{field: {}}) if field != "objectives" else document(objectives=[{"target": 0.9, "goal": 1}])
    error = refused(tmp_path, given)
    assert "unknown key" in error.message
