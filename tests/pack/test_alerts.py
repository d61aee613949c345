"""The bundled alerts: documents, rules and runbooks as content."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from regobs.build.runbooks import runbook_queries
from regobs.catalog.model import Capability, Flavor, Metric
from regobs.config import Config
from regobs.pack import Pack
from regobs.promql.bind import bind
from regobs.promql.infer import infer
from regobs.promql.nodes import Binary, Expr, Matcher, MatchOp, Number
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.vocabulary import Vocabulary
from regobs.slo import outputs
from regobs.slo.model import Ratio, Slo
from regobs.slo.spec import read_slos
from tests.slo.packs import bundled_alerts, bundled_groups

ROOT = Path(__file__).parents[2]
PACK = Pack((("bundled", ROOT),))
WHOLE = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))
OPERATIONS = {"pull_manifest", "push_manifest", "pull_blob", "blob_upload", "delete", "tag_list", "catalog_base"}
OUTSIDE = {("outside", "availability"), ("probe", "availability")}  # as clients see all of it
COMPONENTS = {
    ("storage_read", "latency"),
    ("storage_write", "latency"),
    ("database_query", "latency"),
    ("replica_read", "availability"),
    ("garbage_collection", "availability"),
    ("garbage_collection", "freshness"),
    ("redis_cache", "latency"),
    ("redis_ratelimiting", "latency"),
    ("redis_loadbalancing", "latency"),
    ("notification", "availability"),
    ("notification", "latency"),
    ("migration", "latency"),
    ("signed_url", "availability"),
}
SLOS = read_slos(PACK, WHOLE)
RUNBOOKS = sorted((ROOT / "alerts/runbooks").glob("*.md"))
HEADINGS = ["Meaning", "Impact", "Check", "Mitigate", "Escalate"]
every_slo = pytest.mark.parametrize("slo", SLOS, ids=lambda slo: slo.name)
every_runbook = pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)


def queries(path: Path) -> list[str]:
    return re.findall(r"```promql\n(.*?)\n```", path.read_text(), flags=re.DOTALL)


def test_each_operation_has_an_slo_of_each_kind_and_each_component_one() -> None:
    operations = {(operation, sli) for operation in OPERATIONS for sli in ("availability", "latency")}
    assert {(slo.operation, slo.sli) for slo in SLOS} == operations | COMPONENTS | OUTSIDE


@every_slo
def test_what_users_do_not_feel_pages_nobody(slo: Slo) -> None:
    assert (slo.severity == "ticket") == (slo.operation not in {*OPERATIONS, *dict(OUTSIDE)})


@every_slo
def test_an_slo_is_called_after_its_operation_and_kind(slo: Slo) -> None:
    assert slo.name == f"{slo.operation.replace('_', '-')}-{slo.sli}"
    assert Path(slo.location.file).name == f"{slo.operation.replace('_', '-')}.slo.yaml"


@every_slo
def test_an_slo_says_why_its_target_and_threshold_are_what_they_are(slo: Slo) -> None:
    assert len(slo.description) > 150
    if slo.sli == "latency":
        # the threshold stands in its own reason, as a person writes it
        words = {f"{slo.at_most:f} s", {"0.5": "Half a second"}.get(str(slo.at_most), "")}
        assert any(word and word in slo.description for word in words), slo.description


@every_slo
def test_a_latency_threshold_is_a_bucket_edge_of_both_flavors(slo: Slo) -> None:
    if slo.sli != "latency":
        assert slo.at_most is None
        return
    assert slo.at_most is not None
    assert isinstance(slo.indicator, Ratio)
    metric = slo.indicator.part.selector.metric
    assert isinstance(metric, Metric)
    forms = [form for form in map(metric.form, Flavor) if form is not None]
    assert forms
    for form in forms:
        assert float(slo.at_most) in (form.buckets or ())


@every_slo
def test_where_bodies_are_transferred_the_threshold_leaves_room_and_says_so(slo: Slo) -> None:
    if slo.sli == "latency" and slo.operation in {"pull_blob", "blob_upload"}:
        assert slo.at_most is not None
        assert slo.at_most >= Decimal(10)
        assert "body at the client's speed" in slo.description


@pytest.mark.parametrize("flavor", Flavor)
def test_an_slo_whose_component_is_not_there_is_left_out_with_the_reason(flavor: Flavor) -> None:
    found = outputs.manifest(PACK, Config(flavor=flavor, capabilities=frozenset()))
    kept = {(slo["operation"], slo["sli"]) for slo in found["slos"]}
    assert {operation for operation, _ in kept} == OPERATIONS | {"storage_read", "storage_write"}
    left_out = {one["rule"]: one["reason"] for one in found["left_out"]}
    assert {slo.name for slo in SLOS} == {slo["slo"] for slo in found["slos"]} | (
        left_out.keys() & {s.name for s in SLOS}
    )


def test_a_file_holds_the_slos_of_one_operation() -> None:
    for path in (ROOT / "alerts").glob("*.slo.yaml"):
        documents = list(yaml.safe_load_all(path.read_text()))
        kinds = [document["metadata"]["labels"]["sli"] for document in documents]
        assert kinds in (["availability", "latency"], ["availability", "freshness"], ["availability"], ["latency"]), (
            path
        )
        assert len({document["metadata"]["labels"]["operation"] for document in documents}) == 1


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(bundled_alerts()) == [path.stem for path in RUNBOOKS]


@every_runbook
def test_a_runbook_has_the_fixed_headings(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == f"# {path.stem}"
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS
    sections = re.split(r"^## .*$", path.read_text(), flags=re.MULTILINE)[1:]
    assert all(len(section.strip()) > 20 and section.strip().endswith((".", "```")) for section in sections)


@every_runbook
def test_the_queries_of_a_runbook_make_sense(path: Path) -> None:
    found = queries(path)
    assert found, "a runbook has queries to run"
    for text in found:
        kind = infer(parse(text), Vocabulary(Flavor.GITLAB))
        assert kind.value in {"vector", "scalar"}
        assert not kind.raw_counter, text


@pytest.mark.parametrize("name", ["RegistryProbeMissing", "RegistryTargetMissing"])
def test_where_a_target_is_missing_its_runbook_asks_for_the_targets_of_all_jobs(name: str) -> None:
    config = replace(WHOLE, matchers=(*WHOLE.matchers, Matcher("env", MatchOp.EQUAL, "a")))
    [found] = [one.text for one in runbook_queries(PACK, config) if one.name.startswith(f"{name}/")]
    assert found == 'count by (job) (up{job!=""})'


@every_runbook
def test_a_runbook_names_the_whole_setting(path: Path) -> None:
    text = path.read_text()
    assert ("gc.blobs.interval" in text) == ("gc.manifests.interval" in text)
    assert ("profile" in text and "debug port" in text) == ("http.debug.pprof.enabled" in text)


@pytest.mark.parametrize("name", ["RegistryAvailabilityBurn", "RegistryLatencyBurn", "RegistryDown"])
def test_the_runbooks_of_every_registry_speak_of_what_every_registry_has(name: str) -> None:
    for text in queries(ROOT / f"alerts/runbooks/{name}.md"):
        assert to_text(bind(parse(text), Vocabulary(Flavor.DISTRIBUTION, capabilities=frozenset())))


@pytest.mark.parametrize("name", ["RegistryAvailabilityBurn", "RegistryLatencyBurn"])
def test_the_runbook_of_a_burn_says_of_each_operation_whether_it_pages(name: str) -> None:
    text = (ROOT / f"alerts/runbooks/{name}.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    said = {operation: row[-1] for row in rows for operation in re.findall(r"`(\w+)`", row[0])}
    burns = [rule["labels"] for group in bundled_groups() for rule in group["rules"] if rule.get("alert") == name]
    severities = {(one["operation"], one["severity"]) for one in burns if one["tier"] in {"1h", "6h"}}
    assert severities == set(said.items())


def test_the_routes_speak_of_alerts_that_exist() -> None:
    text = (ROOT / "alerts/routing.yaml").read_text()
    assert set(re.findall(r"Registry[A-Za-z]+", text)) <= set(bundled_alerts())


def test_a_number_with_metric_prefixes_in_a_text_is_never_below_1() -> None:
    """`humanize` writes 0.5 as `500m`: half a day is `500m days`."""
    files = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "alerts").glob("*.rules.yaml"))
    ]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    texts = [(rule, text) for rule in rules for text in rule.get("annotations", {}).values() if "| humanize }" in text]
    assert texts
    assert [(rule["alert"], text) for rule, text in texts if _least(parse(rule["expr"])) < 1] == []


def _least(expr: Expr) -> Decimal:
    """What the values of an alert's expression are above."""
    while isinstance(expr, Binary) and expr.op in {"and", "unless"}:
        expr = expr.left
    if isinstance(expr, Binary) and expr.op == "or":
        return min(_least(expr.left), _least(expr.right))
    if isinstance(expr, Binary) and expr.op in {">", ">="} and isinstance(expr.right, Number):
        return Decimal(str(expr.right.value))
    return Decimal("-Infinity")


# What GitLab's registry alone has. Alerts about a metadata database are of deployments that have one.
OF_GITLAB = re.compile(
    r"rate limiter|row counts|log positions|\b503 points\b|primary database|metadata database", re.IGNORECASE
)
OF_DATABASES = re.compile(r"Database|Postgresql|Pgbouncer|Migration|Garbage|Replica|Lsn|RowCounts|RedisOutageRecent")


def test_texts_of_alerts_of_every_registry_say_what_is_of_gitlabs_alone() -> None:
    rules = [rule for group in bundled_groups("distribution") for rule in group["rules"] if "alert" in rule]
    texts = {rule["alert"]: rule["annotations"]["description"] for rule in rules}
    said = {alert: text for alert, text in texts.items() if OF_GITLAB.search(text) and not OF_DATABASES.search(alert)}
    assert len(said) > 3
    assert [(alert, text) for alert, text in said.items() if "GitLab's registry" not in text] == []


def test_a_number_of_things_that_may_be_one_is_followed_by_their_singular() -> None:
    """Texts say `1 pod` and `2 pods`: a whole number before a plural has a condition on it."""
    plural = re.compile(r'\{\{ \$value (?:\| printf "%\.0f" )?\}\} (?!of )(?:[a-z]+ ){0,2}?[a-z]{3,}s\b')
    texts = [
        (rule["alert"], text)
        for group in bundled_groups()
        for rule in group["rules"]
        if "alert" in rule
        for text in rule["annotations"].values()
    ]
    assert any("pod{{ if gt $value 1.5 }}s{{ end }}" in text for _, text in texts)
    # An instance that restarted more than twice, scrapes that changed more than four times, what outgrows a server.
    many = {"RegistryRestarting", "RegistryScrapesFail", "RegistryPostgresqlConnectionsGrow"}
    found = {(alert, at[0]) for alert, text in texts if (at := plural.search(text))}
    assert {alert for alert, _ in found} <= many, found
