"""Every recorded series is the sum over the instances that its name promises, and a dashboard reads it: in promtool."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.catalog import database, gc, http, load_balancing, notifications, probe, redis, storage
from regobs.catalog.model import Metric
from regobs.grafana.outputs import Dashboards
from regobs.promql.walk import selectors
from regobs.slo import outputs
from tests.slo.conftest import promtool, promtool_of
from tests.slo.packs import BUNDLED, GITLAB, run_tests

__all__ = ["promtool", "promtool_of"]

RECORDS: dict[str, tuple[Metric, str, tuple[str, ...]]] = {  # what each is made of, and the labels that it keeps
    "registry:http_requests:rate5m": (http.REQUESTS, "", ("code", "route")),
    "registry:http_request_duration_seconds_bucket:rate5m": (http.DURATION, "_bucket", ("le", "route")),
    "registry:http_request_size_bytes_sum:rate5m": (http.REQUEST_SIZE, "_sum", ("route",)),
    "registry:http_response_size_bytes_sum:rate5m": (http.RESPONSE_SIZE, "_sum", ("route",)),
    "registry:storage_storage_backend_retries:rate5m": (storage.RETRIES, "", ()),
    "registry:storage_action_seconds_bucket:rate5m": (storage.ACTIONS, "_bucket", ("action", "le")),
    "registry:storage_action_seconds_count:rate5m": (storage.ACTIONS, "_count", ("action",)),
    "registry:database_queries:rate5m": (database.QUERIES, "", ("name",)),
    "registry:database_query_duration_seconds_bucket:rate5m": (database.QUERY_DURATION, "_bucket", ("le", "name")),
    "registry:database_query_duration_seconds_count:rate5m": (database.QUERY_DURATION, "_count", ("name",)),
    "registry:database_query_duration_seconds_sum:rate5m": (database.QUERY_DURATION, "_sum", ("name",)),
    "registry:database_lb_targets:rate5m": (load_balancing.TARGETS, "", ("fallback",)),
    "registry:gc_runs:rate5m": (gc.RUNS, "", ("error", "noop", "worker")),
    "registry:redis_single_commands_bucket:rate5m": (redis.COMMANDS, "_bucket", ("exported_instance", "le")),
    "registry:notifications_events:rate5m": (notifications.EVENTS, "", ("type",)),
    "registry:probe_runs:rate5m": (probe.RUNS, "", ("result", "step")),
    "registry:probe_duration_seconds_bucket:rate5m": (probe.DURATION, "_bucket", ("le", "step")),
}
every_record = pytest.mark.parametrize("name", RECORDS)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return outputs.files(BUNDLED, GITLAB)


def labelled(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def recording(name: str) -> dict[str, Any]:
    """Two instances, each with two series that differ in a label that goes, and a restart of the second instance.

    One instance counts 15 a scrape and series, the other 30: 1 + 1 + 2 + 2 a second for each value of the labels kept.
    """
    metric, suffix, kept = RECORDS[name]
    values_of_labels = ("x", "y") if kept else ("",)
    given, wanted = [], []
    for one in values_of_labels:
        for (instance, values), other in product((("a", "0+15x60"), ("b", "0+30x19 0+30x40")), ("p", "q")):
            labels = {"job": "registry", "instance": instance, "gone": other, **dict.fromkeys(kept, one)}
            given.append({"series": labelled(metric.name + suffix, labels), "values": values})
        wanted.append({"labels": labelled("", dict.fromkeys(kept, one)), "value": 6})
    asked = {"expr": f"round({name}, 0.1)", "eval_time": "15m", "exp_samples": wanted}
    return {"interval": "15s", "input_series": given, "promql_expr_test": [asked]}


def judge(promtool: Path, directory: Path, files: dict[str, bytes], *names: str) -> tuple[int, str]:
    rules = [name for name in files if name.startswith("prometheus/rules/") and "slo-" not in name]
    for rule in rules:
        (directory / Path(rule).name).write_bytes(files[rule])
    tests = {"rule_files": [Path(rule).name for rule in rules], "evaluation_interval": "15s"}
    path = directory / "records.test.yaml"
    path.write_text(yaml.safe_dump(tests | {"tests": [recording(name) for name in names]}))
    done = run_tests(promtool, path)
    return done.returncode, done.stdout + done.stderr


# What alerts read instead of raw series: http.test.yaml feeds their counters and asks the alerts.
# The record of the probe is asked in test_causes.py, those of servers and outages by cases of alerts that read them.
OF_ALERTS = {
    "registry:http_client_requests:rate1m",
    "registry:http_health_requests:rate1m",
    "registry:probe_requests:rate5m",
    "registry:postgresql_replica_role:last6h",
    "registry:outages_announced:count",
}


def test_every_record_is_tested() -> None:
    assert {record.name for record in outputs.records(BUNDLED, GITLAB)} == set(RECORDS) | OF_ALERTS


def test_every_record_is_the_sum_over_the_instances(promtool: Path, tmp_path: Path, files: dict[str, bytes]) -> None:
    code, output = judge(promtool, tmp_path, files, *RECORDS)
    assert code == 0, output


@pytest.mark.server
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("sum by (code, route)", "sum by (code, instance, route)"),
        ("sum by (code, route)", "sum by (route)"),
        ("sum by (code, route)", "max by (code, route)"),
        ("rate(registry_http_requests_total", "irate(registry_http_request_size_bytes_sum"),
    ],
)
def test_a_broken_record_fails_its_test(tmp_path: Path, files: dict[str, bytes], right: str, wrong: str) -> None:
    path = "prometheus/rules/http.yaml"
    text = files[path].decode()
    assert right in text
    broken = files | {path: text.replace(right, wrong, 1).encode()}
    code, output = judge(promtool_of("debian"), tmp_path, broken, "registry:http_requests:rate5m")
    assert code != 0, output


def test_every_record_is_read_by_a_dashboard() -> None:
    bound = Dashboards.of(BUNDLED, GITLAB, outputs.records(BUNDLED, GITLAB)).bound
    queries = (query for one in bound for _, panel in one.panels() for query in panel.queries)
    read = {str(selector.metric) for query in queries for selector in selectors(query.expr)}
    assert set(RECORDS) - read == set()
