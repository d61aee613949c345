"""Probable mistakes in the rules and SLOs of a pack, which a build tells and does not refuse."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from time import process_time

import pytest

from regobs.config import Config, read_config
from regobs.errors import InputError
from regobs.pack import Pack
from regobs.promql.misspelt import nearly
from regobs.slo.outputs import compile_rules
from regobs.slo.rule_files import read_rule_files
from regobs.slo.spec import read_slos
from regobs.slo.warned import pack_warnings
from tests.slo.packs import BUNDLED, pack_of

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: one}}
spec:
  service: registry
  description: of a pack
  indicator:
    metadata: {{name: one}}
    spec:
      {indicator}
  budgetingMethod: Occurrences
  objectives: [{{target: 0.99, op: lte, value: 1}}]
"""
RATIO = "ratioMetric:\n        counter: true\n        good: {{{good}}}\n        total: {{{total}}}"
RULES = """\
groups:
  - name: one
    rules:
      - record: team:one:two
        expr: %s
"""


@pytest.mark.parametrize(
    ("expr", "part"),
    [
        ("pg_stat_database_numbackend > 5", "did you mean pg_stat_database_numbackends?"),
        ("pg_upp == 0", "a metric pg_upp; did you mean pg_up?"),
        ("probe_succes == 0", "did you mean probe_success?"),
        ("sum(redis_pu)", "did you mean redis_up?"),
        ("sum(go_gorutine)", "a metric go_gorutine; did you mean go_goroutines?"),
        ("sum(process_resident_mem_bytes)", "did you mean process_resident_memory_bytes?"),
        ("sum(process_opened_fds)", "did you mean process_open_fds?"),
        ("rate(process_cpu_seconds_totl[5m])", "did you mean process_cpu_seconds_total?"),
        ("sum(go_sql_dbstats_open_connections)", "did you mean go_sql_dbstats_connections_open?"),
        ("sum(go_memstats_heap_used_bytes)", "did you mean go_memstats_heap_inuse_bytes?"),
        ("gitlab_buildinfo", "did you mean gitlab_build_info?"),
        ('sum({__name__=~"registry_http_request_total"})', "did you mean registry_http_requests_total?"),
        ('sum({__name__=~"pg_up|redis_upp"})', "a metric redis_upp; did you mean redis_up?"),
        ('sum({__name__=~"registry_http_requsts_.+"})', "a metric registry_http_requsts_; did you mean registry_http_"),
        ('sum({__name__=~"registry_http_request.*_totl"})', "_totl; did you mean registry_http_requests_total?"),
        (
            'sum({__name__=~"^registry_http_requests_totl$"})',
            "requests_totl; did you mean registry_http_requests_total?",
        ),
        ('sum({__name__=~"^(?:up|pg_upp)$"})', "a metric pg_upp; did you mean pg_up?"),
        ('sum({__name__=~"(registry_http_requests_totl|up)"})', "totl; did you mean registry_http_requests_total?"),
        (
            'sum by (x) (label_replace(registry_http_requests_total, "x", "$1", "metod", "(.*)"))',
            "no series of registry_http_requests_total has the label metod; did you mean method?",
        ),
        ('sum by (x) (label_join(registry_http_requests_total, "x", "-", "code", "metod"))', "did you mean method?"),
        ('sum(rate(registry_http_requests_total{metod="get"}[5m]))', "the label metod; did you mean method?"),
        ("sum by (metod) (rate(registry_http_requests_total[5m]))", "the label metod; did you mean method?"),
        ('rate(registry_http_requests_total{code="abc"}[5m])', "abc"),
        ('rate(registry_http_requests_total{code="5XX"}[5m])', "no code of registry_http_requests_total is '5XX'"),
        ('rate(registry_http_requests_total{code=~"5XX"}[5m])', "'5XX', which no series has; expected: "),
        ('rate(registry_http_requests_total{code=~"500|5XX"}[5m])', "is '5XX'"),
        ('rate(registry_http_requests_total{code=~"600|5.."}[5m])', "is '600'"),
        ('rate(registry_http_requests_total{code!~"5XX"}[5m])', "is '5XX'"),
        ('rate(registry_http_requests_total{code=""}[5m])', "is '', which no series has; expected: "),
        ('rate(registry_http_requests_total{code=~""}[5m])', "is ''"),
        ('rate(registry_http_requests_total{method=""}[5m])', "no method of registry_http_requests_total is ''"),
    ],
)
def test_a_probable_mistake_is_told_with_its_place(tmp_path: Path, expr: str, part: str) -> None:
    [told] = pack_warnings(pack_of(tmp_path, one=RULES % expr))
    assert told.startswith(f"{tmp_path}/alerts/one.rules.yaml:5: ")
    assert part in told


@pytest.mark.parametrize(
    "expr",
    [
        "pg_up",
        "team_jobs",
        "node_load7",
        'ALERTS{alertname="TeamDown"}',
        'rate(registry_http_requests_total{code!=""}[5m])',
        "team:probe_succes:rate",
        'rate(registry_http_requests_total{code=~"5.."}[5m])',
        'rate(registry_http_requests_total{code=~"5..|"}[5m])',
        'rate(registry_http_requests_total{code=~"(4|5)..|200"}[5m])',
        'rate(registry_http_requests_total{code=~"5[0-9]{2}"}[5m])',
        'rate(registry_http_requests_total{code=~"^5.+$|404"}[5m])',
        'rate(registry_http_requests_total{code=~".+"}[5m])',
        'rate(registry_http_requests_total{namespace=""}[5m])',
        'registry_http_in_flight_requests{handler=""}',
        'rate(registry_http_requests_total{code!~""}[5m])',
        'sum({__name__=~"registry_http_requests_.*|team_.*"})',
        'sum({__name__=~"registry_http_(requests|answers)_total"})',
        'sum({__name__=~"registry_http_.*_of_teams_own"})',
        'sum by (metod) (label_replace(registry_http_requests_total, "metod", "$1", "method", "(.*)"))',
        "sum by (metod) (registry_http_requests_total * on () group_left () team_jobs)",
        'sum by (metod) (count_values("metod", registry_http_requests_total))',
    ],
)
def test_what_may_well_be_meant_is_not_told(tmp_path: Path, expr: str) -> None:
    assert list(pack_warnings(pack_of(tmp_path, one=RULES % expr))) == []


@pytest.mark.parametrize("kind", ["query", "part", "limit"])
def test_a_probable_mistake_of_an_slo_is_told_with_its_place(tmp_path: Path, kind: str) -> None:
    source = "metricSource: {type: Prometheus, spec: {query: '%s'}}"
    wrong, right = source % "rate(process_cpu_second_total[5m])", source % "go_gc_duration_seconds_count"
    both = {"query": (wrong, right), "part": (right, wrong)}.get(kind)
    if both is None:
        indicator, line = f"thresholdMetric: {{{wrong}}}", 10
    else:
        indicator, line = RATIO.format(good=both[0], total=both[1]), {"query": 12, "part": 13}[kind]
    text = SLO.format(indicator=indicator)
    [told] = pack_warnings(pack_of(tmp_path, one=text))
    assert told == (
        f"{tmp_path}/alerts/one.slo.yaml:{line}: no exporter that regobs knows has a metric process_cpu_second_total; "
        "did you mean process_cpu_seconds_total?"
    )


DATA = Path(__file__).parents[1] / "data"
OF_OTHERS = """process_cpu_user_seconds_total process_cpu_system_seconds_total process_heap_bytes process_cpu_usage
process_uptime_seconds process_files_open_files process_files_max_files process_threads_total
go_gc_heap_goal_bytes go_gc_cycles_total_gc_cycles_total go_gc_pauses_seconds_bucket go_sched_goroutines_goroutines
go_memory_classes_heap_objects_bytes go_cgo_go_to_c_calls_calls_total go_sql_open_connections go_build_info nginx_up
go_sql_stats_connections_open go_sql_stats_connections_idle go_sql_stats_connections_in_use
go_sql_stats_connections_max_open go_sql_stats_connections_waited_for go_sql_stats_connections_blocked_seconds
go_sql_stats_connections_closed_max_idle go_sql_stats_connections_closed_max_lifetime
go_sql_stats_connections_closed_max_idle_time
"""


@pytest.mark.parametrize("file", sorted(DATA.glob("*.prom.gz")), ids=lambda file: file.name)
def test_no_name_of_a_real_exposition_is_taken_for_a_mistake(file: Path) -> None:
    with gzip.open(file, "rt") as text:
        names = {re.split(r"[{ ]", line)[0] for line in text if not line.startswith("#")}
    assert names
    assert {name: near for name in names if (near := nearly(name))} == {}


def test_no_name_of_other_languages_and_collectors_is_taken_for_a_mistake() -> None:
    assert {name: near for name in OF_OTHERS.split() if (near := nearly(name))} == {}


OF_CATALOG = "metricSource: {{type: catalog, spec: {{metric: storage.ACTIONS, where: {{driver: {0}}}{1}}}}}"
OF_PROMQL = "metricSource: {{type: Prometheus, spec: {{query: 'registry_storage_action_seconds_{1}driver=\"{0}\"}}'}}}}"
KINDS = {"catalog": (OF_CATALOG, ", at_most: 1", ""), "PromQL": (OF_PROMQL, 'bucket{le="1",', "count{")}


@pytest.mark.parametrize(
    ("release", "driver", "fits"),
    [
        ("distribution 2.8.2", "swift", "yes"),
        ("distribution 2.8.2", "oss", "yes"),
        ("distribution 2.8.2", "s3aws", "yes"),
        ("distribution 2.8.2", "s3_v2", "told"),
        ("distribution 3.0.0", "swift", "no"),
        ("gitlab 4.32.0", "s3_v2", "yes"),
        ("gitlab 4.32.0", "swift", "no"),
        ("distribution 2.8.2", "swft", "no"),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "rule"])
def test_values_are_judged_by_flavor_and_version(
    tmp_path: Path, release: str, driver: str, fits: str, kind: str
) -> None:
    flavor, version = release.split()
    config = read_config(f"[registry]\nflavor = '{flavor}'\nversion = '{version}'\n", tmp_path / "regobs.toml")
    if kind == "rule":
        text = RULES % f'sum(rate(registry_storage_action_seconds_count{{driver="{driver}"}}[5m]))'
        pack = pack_of(tmp_path, one=text)
    else:
        source, good, total = KINDS[kind]
        parts = {"good": source.format(driver, good), "total": source.format(driver, total)}
        pack = pack_of(tmp_path, one=SLO.format(indicator=RATIO.format(**parts)))
    if fits == "no":
        with pytest.raises(InputError, match="driver of registry_storage_action_seconds"):
            read_slos(pack, config), read_rule_files(pack, config)
        return
    read_slos(pack, config)
    read_rule_files(pack, config)
    told = list(pack_warnings(pack, config))
    assert [one for one in told if "so this is left out; expected: " not in one] == []
    assert bool(told) is (fits == "told")


LEFT_OUT = {
    "a metric of a capability that is off": (
        "", "registry_notifications_errors_total",
        "needs the capability notifications, which is off, so this is left out; if the deployment has it, add it",
    ),
    "a metric of another flavor": (
        "flavor = 'distribution'", "registry_database_queries_total",
        "this is left out; expected: flavor gitlab; remove this from the pack, or correct flavor in regobs.toml",
    ),
    "a metric of a later version": (
        "version = '3.0.0'", "registry_database_queries_total",
        "; remove this from the pack, or correct version in regobs.toml",
    ),
    "a label of another flavor": (
        "flavor = 'distribution'", 'registry_storage_action_seconds_count{driver="s3_v2"}',
        "; remove this from the pack, or choose what there is",
    ),
    "targets of an exporter that is not scraped": (
        "", 'up{job="postgres_exporter"}', "nothing says that postgres_exporter is scraped, so this is left out; if ",
    ),
}  # fmt: skip


def settings(directory: Path, registry: str) -> Config:
    return read_config(f"[registry]\n{registry}\n", directory / "regobs.toml")


@pytest.mark.parametrize("case", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_rule_that_is_left_out_is_told_once_with_its_place_and_the_next_step(
    tmp_path: Path, case: tuple[str, str, str]
) -> None:
    registry, metric, expected = case
    config = settings(tmp_path, registry)
    pack = pack_of(tmp_path, one=RULES % f"sum({metric})" + f"      - {{record: team:one:more, expr: {metric!r}}}\n")
    [file] = [file for file in read_rule_files(pack, config) if file.name == "one"]
    assert [one["rule"] for one in file.left_out] == ["team:one:two", "team:one:more"]
    [told] = pack_warnings(pack, config)
    assert told.startswith(f"{tmp_path}/alerts/one.rules.yaml:5: ")
    assert expected in told
    assert told.endswith(" (and on line 6)")


CHAIN = """\
      - {record: team:one:chained, expr: sum(team:one:two) / 2}
      - {record: team:one:last, expr: max(team:one:chained)}
      - {record: team:one:other, expr: team:one:two or sum(up)}
      - {record: team:one:fine, expr: max(team:one:other)}
      - {record: team:one:absent, expr: sum(absent(up))}
"""


def test_what_reads_the_record_of_a_rule_that_is_left_out_is_told_with_its_line(tmp_path: Path) -> None:
    pack, config = (
        pack_of(tmp_path, one=RULES % "sum(registry_notifications_errors_total)" + CHAIN),
        settings(tmp_path, ""),
    )
    first, *told = (one.removeprefix(f"{tmp_path}/alerts/one.rules.yaml:") for one in pack_warnings(pack, config))
    assert first.startswith("5: registry_notifications_errors_total")
    assert [one.partition(": it has no data; ")[0] for one in told] == [
        "6: reads team:one:two, whose rule is left out",
        "7: reads team:one:chained, which has no data either",
        "8: reads team:one:two, whose rule is left out",
    ]


def test_a_record_that_another_rule_writes_as_well_has_data(tmp_path: Path) -> None:
    more = "      - {record: team:one:two, expr: sum(up)}\n      - {record: team:one:on, expr: max(team:one:two)}\n"
    pack = pack_of(tmp_path, one=RULES % "sum(registry_notifications_errors_total)" + more)
    [told] = pack_warnings(pack, settings(tmp_path, ""))
    assert "so this is left out" in told


OF_AN_SLO = "metricSource: {type: Prometheus, spec: {query: %s}}"


@pytest.mark.parametrize("part", ["good", "total"])
def test_an_slo_that_is_left_out_is_told_with_the_line_of_what_is_lacking(tmp_path: Path, part: str) -> None:
    lacking, there = OF_AN_SLO % "registry_notifications_errors_total", OF_AN_SLO % "registry_http_requests_total"
    parts = {"good": there, "total": there, part: lacking}
    pack, config = pack_of(tmp_path, one=SLO.format(indicator=RATIO.format(**parts))), settings(tmp_path, "")
    assert {"one"} <= {one["rule"] for one in compile_rules(pack, config).left_out}
    [told] = pack_warnings(pack, config)
    assert told.startswith(f"{tmp_path}/alerts/one.slo.yaml:{12 if part == 'good' else 13}: registry_notifications_err")


def test_an_slo_whose_threshold_the_flavor_has_no_bucket_for_is_told(tmp_path: Path) -> None:
    source = "metricSource: {type: catalog, spec: {metric: http.DURATION%s}}"
    text = SLO.format(indicator=RATIO.format(good=source % ", at_most: 0.1", total=source % ""))
    pack, config = pack_of(tmp_path, one=text), settings(tmp_path, "flavor = 'distribution'")
    left_out = [one["reason"] for one in compile_rules(pack, config).left_out if one["rule"] == "one"]
    told = list(pack_warnings(pack, config))
    assert [one.partition(", so this is left out")[0] for one in told] == [
        f"{tmp_path}/alerts/one.slo.yaml:12: {reason}" for reason in left_out
    ]


def test_the_bundled_rules_are_not_looked_at(tmp_path: Path) -> None:
    assert list(pack_warnings(BUNDLED)) == []
    assert compile_rules(BUNDLED, settings(tmp_path, "")).left_out
    assert list(pack_warnings(BUNDLED, settings(tmp_path, ""))) == []


LONG = {"parts": "5XX|" * 40_000, "nested": "(a*)*" * 2_000, "plain": "5" * 200_000, "both": "5XX|(a*)*" * 50}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_a_long_value_takes_no_time(tmp_path: Path, value: str) -> None:
    pack = pack_of(tmp_path, one=RULES % f'rate(registry_http_requests_total{{code=~"{value}"}}[5m])')
    start = process_time()
    list(pack_warnings(pack))
    assert process_time() - start < 5


def test_a_long_name_takes_no_time() -> None:
    start = process_time()
    assert nearly("p" * 200_000) is None
    assert nearly("process_" * 20_000) is None
    assert nearly("go_sql_dbstats_" * 20_000) is None
    assert process_time() - start < 1


OWN = """\
      - {record: my:req:rate5m, expr: "sum by (code) (rate(registry_http_requests_total[5m]))"}
      - {record: my:req:rate1h, expr: "sum by (code) (avg_over_time(my:req:rate5m[1h]))"}
      - {record: my:teams:sum, expr: sum by (team) (team_jobs), labels: {place: here}}
"""


def told_of_records(directory: Path, expr: str, registry: str) -> list[str]:
    pack_of(directory, one=RULES % f"{expr!r}" + OWN)
    pack = Pack((*BUNDLED.layers, ("own", directory)))
    found = pack_warnings(pack, settings(directory, registry))
    return [one.removeprefix(f"{directory}/alerts/one.rules.yaml:") for one in found]


@pytest.mark.parametrize(
    ("expr", "part"),
    [
        (
            "registry:slo_burn_rate:ratio45m",
            "5: no SLO records registry:slo_burn_rate:ratio45m; expected: registry:slo_b",
        ),
        (
            'registry:slo_burn_rate:ratio1h{slo="pull-manifst-latency"}',
            "'pull-manifst-latency'; expected: pull-manifest",
        ),
        ('registry:slo_burn_rate:ratio1h{operation=~"pul-.*"}', "no SLO of the pack has operation 'pul-.*'"),
        ('sum(registry:http_requests:rate5m{cod=~"5.."})', "keeps no label cod; expected: code"),
        (
            'sum(registry:http_requests:rate5m{route="manifests"})',
            "'manifests', so registry:http_requests:rate5m has no",
        ),
        ('sum(my:req:rate5m{code="5XX"})', "no code of registry_http_requests_total is '5XX'"),
        ('sum(my:req:rate1h{code="5XX"})', "'5XX', so my:req:rate1h has none"),
        ("sum(my:req:rate5)", "no rule of the pack records my:req:rate5; expected: my:req:rate5m"),
        (
            'sum(my:req:rate5m{route=~"/v2/"})',
            "the rule that records my:req:rate5m keeps no label route; expected: code",
        ),
        ('my:teams:sum{tem="a"}', "keeps no label tem; expected: team, place"),
    ],
)
def test_what_no_record_has_is_told_with_its_line_and_the_nearest(tmp_path: Path, expr: str, part: str) -> None:
    [told] = told_of_records(tmp_path, expr, "flavor = 'distribution'")
    assert told.startswith("5: ")
    assert part in told


@pytest.mark.parametrize(
    "expr",
    [
        'registry:slo_burn_rate:ratio1h{slo="pull-manifest-latency", sli!="x"}',
        'registry:slo_burn_rate:ratio1h{slo=~"pull-.*"}',
        'registry:slo_burn_rate:ratio1h{slo="database-query-latency"}',
        'sum(registry:http_requests:rate5m{code=~"5..", instance="a"})',
        'sum(registry:http_requests:rate5m{route="/v2/{name}/manifests/{reference}"})',
        'sum(my:req:rate5m{code=~"5..", route=""})',
        'sum(my:req:rate5m{code!="5XX"})',
        "sum(my:req:rate6h)",
        "sum(other:jobs:sum)",
        'my:teams:sum{team="anything", place="there"}',
    ],
)
def test_what_a_record_may_have_is_not_told(tmp_path: Path, expr: str) -> None:
    assert told_of_records(tmp_path, expr, "flavor = 'distribution'") == []


@pytest.mark.parametrize("flavor", ["gitlab", "distribution"])
def test_a_copy_of_the_bundled_pack_misreads_no_record(tmp_path: Path, flavor: str) -> None:
    pack = Pack((("own", BUNDLED.layers[0][1]),))
    told = list(pack_warnings(pack, settings(tmp_path, f"flavor = '{flavor}'")))
    assert [one for one in told if "so this is left out" not in one and "it has no data" not in one] == []


@pytest.mark.parametrize(
    ("name", "is_told"),
    [("code", True), ("handler", True), ("route", False), ("env", False), ("instance_group", False)],
)
def test_a_label_of_the_registrys_own_metrics_that_tells_environments_apart_is_told(
    tmp_path: Path, name: str, is_told: bool
) -> None:
    config = settings(tmp_path, f"flavor = 'distribution'\n\n[labels]\nenvironment = '{name}'")
    told = list(pack_warnings(BUNDLED, config))
    assert [one.startswith(f"{tmp_path}/regobs.toml") and f" {name}, " in one for one in told] == [True] * is_told
