"""The tiles of the Overview: ok while a part works, critical with the cause while it does not, not green without data.

Their queries are asked on series that promtool makes, and on the recording of a real registry's outages.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog.model import Capability, Metric
from regobs.documents import load_yaml
from regobs.grafana.levels import ALL_WELL, CAUSE, WORDS
from regobs.grafana.outputs import panel_queries
from regobs.promql.nodes import Aggregate, Binary, Selector
from regobs.promql.walk import selectors, walk
from regobs.slo import outputs
from tests.pack.replay import STEP, load, notation
from tests.pack.test_dashboards import CONFIGS, DASHBOARDS, PACK, ROOT, Json, charts
from tests.pack.test_outages import CONFIG as RECORDED
from tests.pack.test_outages import DATA, OUTAGES
from tests.pack.test_panels import PANELS
from tests.slo.conftest import promtool_of

TILES = ("HTTP", "Storage", "Database", "Garbage collection", "Redis", "Notifications", "Hosts")
WELL = "{" + f'{CAUSE}="{ALL_WELL}"' + "}"
LENGTH, AT = 60, "14m"  # steps of 15 s, and the moment that is asked about
GONE = "1x36 stale"  # the series ends nine minutes after the start


def own(name: str, labels: str = "") -> str:
    """A series of the registry itself."""
    return f'{name}{{job="registry", instance="a"{labels and f", {labels}"}}}'


# A registry that works, with everything that its tiles read.
FINE: Mapping[str, str] = {
    own("up"): "1x60",
    'up{job="registry", instance="b"}': "1x60",
    'probe_success{instance="https://registry"}': "1x60",
    'registry_probe_success{target="registry", step="base"}': "1x60",
    own("registry_http_requests_total", 'code="200", route="/v2/{name}/blobs/{digest}"'): "0+15x60",
    own("registry_http_requests_total", 'code="202", route="/v2/{name}/blobs/uploads/"'): "0+15x60",
    'registry_log_requests_total{status="2xx", route="manifest"}': "0+15x60",
    own("registry_storage_action_seconds_count", 'action="Stat"'): "0+15x60",
    own("registry_storage_storage_backend_retries_total"): "0x60",
    own("registry_storage_rate_limit_total"): "0x60",
    'pg_up{instance="one"}': "1x60",
    'pg_up{instance="two"}': "1x60",
    own("registry_database_queries_total", 'name="q"'): "0+150x60",
    own("go_sql_dbstats_connections_open", 'host_type="primary"'): "5x60",
    own("go_sql_dbstats_connections_in_use", 'host_type="primary"'): "2x60",
    own("go_sql_dbstats_connections_max_open", 'host_type="primary"'): "10x60",
    own("go_sql_dbstats_connections_wait_seconds_total", 'host_type="primary"'): "0x60",
    own("registry_database_rows", 'query_name="gc_blob_review_queue_overdue"'): "3x60",
    own("registry_gc_runs_total", 'worker="BlobWorker", error="false"'): "0+15x60",
    'redis_up{instance="r"}': "1x60",
    own("registry_redis_pool_stats_total_conns", 'exported_instance="cache"'): "4x60",
    own("registry_redis_pool_stats_misses", 'exported_instance="cache"'): "0x60",
    own("registry_redis_pool_stats_timeouts", 'exported_instance="cache"'): "0x60",
    own("registry_notifications_delivery_total", 'delivery_type="lost", endpoint="e"'): "0x60",
    own("registry_notifications_events_total", 'type="Dropped", endpoint="e"'): "0x60",
    own("registry_notifications_pending", 'endpoint="e"'): "0x60",
    'node_cpu_seconds_total{instance="h", cpu="0", mode="idle"}': "0+1x60",
    'node_memory_MemTotal_bytes{instance="h"}': "100x60",
    'node_memory_MemAvailable_bytes{instance="h"}': "60x60",
    'node_filesystem_avail_bytes{instance="h", mountpoint="/"}': "60x60",
    'node_filesystem_size_bytes{instance="h", mountpoint="/"}': "100x60",
    'node_filesystem_files_free{instance="h", mountpoint="/"}': "60x60",
    'node_filesystem_files{instance="h", mountpoint="/"}': "100x60",
}
# What is wrong, on which tile, with which cause and level, and how the series differ.
WRONG: Mapping[str, tuple[str, str, int, dict[str, str]]] = {
    "PostgreSQL stopped": ("Database", "PostgreSQL down", 2, {'pg_up{instance="one"}': "1x36 0x24"}),
    "one of two exporters of PostgreSQL gone": (
        *("Database", "one postgres_exporter gone", 1),
        {'pg_up{instance="one"}': GONE},
    ),
    "a standby stopped": (
        *("Database", "PostgreSQL standby down", 1),
        {
            'pg_up{instance="one"}': "1x36 0x24",
            'ALERTS{alertname="RegistryPostgresqlStandbyDown", alertstate="firing", instance="one"}': "_x36 1x24",
        },
    ),
    "a standby stopped, and all connections in use": (
        *("Database", "connection pool full", 2),
        {
            'pg_up{instance="one"}': "1x36 0x24",
            'ALERTS{alertname="RegistryPostgresqlStandbyDown", alertstate="firing", instance="one"}': "_x36 1x24",
            own("go_sql_dbstats_connections_in_use", 'host_type="primary"'): "10x60",
        },
    ),
    "a replica quarantined": (
        *("Database", "replica quarantined", 1),
        {own("registry_database_lb_pool_status", 'replica="b", status="quarantined"'): "0x36 1x24"},
    ),
    "PostgreSQL hangs with its exporter": (
        *("Database", "PostgreSQL hangs", 2),
        {'ALERTS{alertname="RegistryDatabaseHangs", alertstate="firing"}': "1x60"},
    ),
    "all exporters of PostgreSQL gone": (
        *("Database", "", 1),
        {'pg_up{instance="one"}': GONE, 'pg_up{instance="two"}': GONE},
    ),
    "no connection to the primary": (
        *("Database", "no connection to the primary", 2),
        {own("go_sql_dbstats_connections_open", 'host_type="primary"'): "5x36 0x24"},
    ),
    "requests wait for the database": (
        *("Database", "requests wait for a connection", 1),
        {
            own("go_sql_dbstats_connections_wait_seconds_total", 'host_type="primary"'): "0+90x60",
        },
    ),
    "all connections in use": (
        *("Database", "connection pool full", 2),
        {own("go_sql_dbstats_connections_in_use", 'host_type="primary"'): "9x60"},
    ),
    "most connections in use": (
        *("Database", "connection pool full", 1),
        {own("go_sql_dbstats_connections_in_use", 'host_type="primary"'): "7x60"},
    ),
    "Redis stopped": ("Redis", "Redis down", 1, {'redis_up{instance="r"}': "1x36 0x24"}),
    "Redis and its exporter gone": ("Redis", "", 1, {'redis_up{instance="r"}': GONE}),
    "Redis of the rate limiter without connection": (
        *("Redis", "rate limiter without connection", 2),
        {
            own("registry_redis_pool_stats_total_conns", 'exported_instance="ratelimiting"'): "4x36 0x24",
            own("registry_redis_pool_stats_misses", 'exported_instance="ratelimiting"'): "0+15x60",
        },
    ),
    "Redis without connection": (
        *("Redis", "no connection", 1),
        {
            own("registry_redis_pool_stats_total_conns", 'exported_instance="cache"'): "4x36 0x24",
            own("registry_redis_pool_stats_misses", 'exported_instance="cache"'): "0+15x60",
        },
    ),
    "Redis times out": (
        *("Redis", "pool timeouts", 1),
        {own("registry_redis_pool_stats_timeouts", 'exported_instance="cache"'): "0+15x60"},
    ),
    "only 5xx": (
        *("HTTP", "server errors", 2),
        {
            own("registry_http_requests_total", 'code="200", route="/v2/{name}/blobs/{digest}"'): ("0+15x36 540x24"),
            own("registry_http_requests_total", 'code="500", route="/v2/"'): "0x36 0+15x24",
        },
    ),
    "503 uncounted, a blackbox probe": (
        *("HTTP", "blackbox probe fails", 2),
        {'probe_success{instance="https://registry"}': "1x36 0x24"},
    ),
    "503 uncounted, the probe": (
        *("HTTP", "probe step fails", 2),
        {'registry_probe_success{target="registry", step="base"}': "1x36 0x24"},
    ),
    "503 uncounted, the access log": (
        *("HTTP", "server errors in the access log", 2),
        {'registry_log_requests_total{status="5xx", route="manifest"}': "0+15x60"},
    ),
    "503 uncounted, the alert": (
        *("HTTP", "requests stopped", 2),
        {'ALERTS{alertname="RegistryRequestsStopped", alertstate="firing"}': "1x60"},
    ),
    "no client for 15 minutes, the alert": (
        *("HTTP", "requests ceased", 1),
        {'ALERTS{alertname="RegistryTrafficCeased", alertstate="firing"}': "1x60"},
    ),
    "one instance down": ("HTTP", "instances down", 2, {own("up"): "1x36 0x24"}),
    "all instances down": (
        *("HTTP", "instances down", 2),
        {own("up"): "1x36 0x24", 'up{job="registry", instance="b"}': "1x36 0x24"},
    ),
    "no target": (
        *("HTTP", "no scrape target", 2),
        {own("up"): GONE, 'up{job="registry", instance="b"}': GONE},
    ),
    "uploads fail": (
        *("Storage", "uploads fail", 2),
        {own("registry_http_requests_total", 'code="500", route="/v2/{name}/blobs/uploads/"'): ("0+15x60")},
    ),
    "pulls end in 503, which is not the storage's": (
        *("HTTP", "server errors", 2),
        {own("registry_http_requests_total", 'code="503", route="/v2/{name}/blobs/{digest}"'): ("0+15x60")},
    ),
    "row counts vanished": (
        *("Garbage collection", "no row counts", 1),
        {own("registry_database_rows", 'query_name="gc_blob_review_queue_overdue"'): GONE},
    ),
    "runs of garbage collection fail": (
        *("Garbage collection", "runs fail", 1),
        {own("registry_gc_runs_total", 'worker="BlobWorker", noop="false", error="true"'): "0+30x60"},
    ),
    "notifications lost": (
        *("Notifications", "events lost", 1),
        {own("registry_notifications_delivery_total", 'delivery_type="lost", endpoint="e"'): ("0+15x60")},
    ),
    "disk full": ("Hosts", "disk space", 2, {'node_filesystem_avail_bytes{instance="h", mountpoint="/"}': "1x60"}),
    "no CPU idle": ("Hosts", "CPU", 1, {'node_cpu_seconds_total{instance="h", cpu="0", mode="user"}': "0+15x60"}),
    "no memory": ("Hosts", "memory", 1, {'node_memory_MemAvailable_bytes{instance="h"}': "4x60"}),
    "disk fills up": ("Hosts", "disk space", 1, {'node_filesystem_avail_bytes{instance="h", mountpoint="/"}': "15x60"}),
}


@cache
def tiles(*, recorded: bool = False) -> dict[str, str]:
    """The query of each tile, with every variable at `All`, over the shortest window that holds four scrapes."""
    config = RECORDED if recorded else CONFIGS["gitlab"]
    found = {one.title: one.text for one in panel_queries(PACK, config) if one.dashboard == "overview" and one.text}
    return {title: re.sub(r"\$\w+", ".*", found[title].replace("$__rate_interval", "1m")) for title in TILES}


def shows(title: str, samples: list[Json], time: str = AT, *, recorded: bool = False) -> Json:
    return {"expr": tiles(recorded=recorded)[title], "eval_time": time, "exp_samples": samples}


def case(name: str, series: Mapping[str, str], tests: list[Json]) -> Json:
    inputs = [{"series": head, "values": values} for head, values in series.items()]
    return {"name": name, "interval": f"{STEP}s", "input_series": inputs, "promql_expr_test": tests}


def promtool(tests: list[Json], folder: Path) -> str:
    """What promtool finds wrong, "" for nothing."""
    file = folder / "tiles.test.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": f"{STEP}s", "tests": tests}))
    command = [str(promtool_of("debian")), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def sample(cause: str, value: int) -> list[Json]:
    return [{"labels": "{" + f'{CAUSE}="{cause}"' + "}", "value": value}]


@pytest.mark.server
def test_every_tile_is_ok_while_all_works_and_empty_or_critical_without_any_series(tmp_path: Path) -> None:
    well = case("all works", FINE, [shows(title, [{"labels": WELL, "value": 0}]) for title in TILES])
    silent = {
        "HTTP": sample("no scrape target", 2),
        "Storage": [],  # `no data`, in a colour of its own
        "Database": sample("no data of postgres_exporter", 1),
        "Garbage collection": sample("no row counts", 1),
        "Redis": sample("no data of redis_exporter", 1),
        "Notifications": [],
        "Hosts": sample("no data of node_exporter", 1),
    }
    nothing = case("no series", {'other{job="x"}': "1x60"}, [shows(title, silent[title]) for title in TILES])
    assert promtool([well, nothing], tmp_path) == ""


@pytest.mark.server
def test_a_tile_tells_what_is_wrong_with_its_part_and_the_others_stay_ok(tmp_path: Path) -> None:
    tests = []
    for name, (tile, cause, level, changes) in WRONG.items():
        if cause:  # of two that are both critical either is named
            series = {**FINE, **changes}
            told = shows(tile, sample(cause, level))
            others = [
                shows(one, [{"labels": WELL, "value": 0}]) for one in ("Hosts", "Redis", "Storage") if one != tile
            ]
            tests.append(case(name, series, [told, *others]))
    assert promtool(tests, tmp_path) == ""


@pytest.mark.server
def test_a_tile_tells_that_all_exporters_are_gone(tmp_path: Path) -> None:
    tests = []
    for name, (tile, cause, level, changes) in WRONG.items():
        if not cause:
            asked = {**shows(tile, []), "exp_samples": [{"labels": "{}", "value": level}]}
            asked["expr"] = f"max({asked['expr']})"
            tests.append(case(name, {**FINE, **changes}, [asked]))
    assert len(tests) == 2
    assert promtool(tests, tmp_path) == ""


SEEN = {
    "the primary database is stopped, with its health check": "Database",
    "the primary database is stopped, without health check": "Database",
    "Redis is stopped, with rate limiter": "Redis",
    "the storage takes no writes": "Storage",
    "the registry is killed": "HTTP",
}


@pytest.mark.server
def test_a_tile_is_critical_in_each_recorded_outage_of_its_part_and_not_before(tmp_path: Path) -> None:
    recording = load(DATA)
    names = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", " ".join(tiles(recorded=True).values())))
    shown = {head: values for head, values in recording.items() if values and head.split("{")[0] in names}
    first, last = (edge(edge(values) for values in shown.values()) for edge in (min, max))

    def asked(title: str, time: int, *, critical: bool) -> Json:
        query = f"max({tiles(recorded=True)[title]}) >= bool 2"
        return {
            "expr": query,
            "eval_time": f"{time - first * STEP}s",
            "exp_samples": [{"labels": "{}", "value": int(critical)}],
        }

    tests = [asked(tile, OUTAGES[outage][0] + 120, critical=True) for outage, tile in SEEN.items()]
    before = min(start for start, *_ in OUTAGES.values()) - 60
    tests += [asked(tile, before, critical=False) for tile in ("Database", "Redis", "HTTP")]
    assert promtool([case("recording", {h: notation(v, first, last) for h, v in shown.items()}, tests)], tmp_path) == ""


def asked_in(config: str, dashboard: str, title: str) -> str:
    """The one query of a panel, with every variable at `All`."""
    queries = [one for one in panel_queries(PACK, CONFIGS[config]) if (one.dashboard, one.title) == (dashboard, title)]
    [text] = [one.text for one in queries if one.text]
    return re.sub(r"\$\w+", ".*", text.replace("$__rate_interval", "1m"))


def number(query: str, value: float | None) -> Json:
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": query, "eval_time": AT, "exp_samples": samples}


DOWN = {
    "postgresql-detail": ("PostgreSQL servers down", "pg_up"),
    "redis-detail": ("Redis servers down", "redis_up"),
    "pgbouncer-detail": ("PgBouncers down", "pgbouncer_up"),
}
# The series of two servers, and how many are down.
SERVERS: Mapping[str, tuple[str, str, float | None]] = {
    "both are up": ("1x60", "1x60", 0),
    "one says that it is down": ("1x36 0x24", "1x60", 1),
    "the series of one are gone": (GONE, "1x60", 1),
    "the series of both are gone": (GONE, GONE, 2),
    "one is down and the other is gone": ("1x36 0x24", GONE, 2),
    "one is new": ("_x50 1x10", "1x60", 0),
    "there never was one": ("_x60", "_x60", None),
}


@pytest.mark.server
@pytest.mark.parametrize("slug", DOWN)
def test_a_server_whose_series_are_gone_is_down(slug: str, tmp_path: Path) -> None:
    title, metric = DOWN[slug]
    query = asked_in("gitlab", slug, title)
    tests = [
        case(name, {f'{metric}{{instance="one"}}': one, f'{metric}{{instance="two"}}': two}, [number(query, wanted)])
        for name, (one, two, wanted) in SERVERS.items()
    ]
    assert promtool(tests, tmp_path) == ""


@pytest.mark.server
def test_no_more_replicas_are_online_than_the_pool_has(tmp_path: Path) -> None:
    query = asked_in("gitlab", "database-detail", "Replicas online")

    def online(*states: str, pool: str) -> dict[str, str]:
        names = [f'status="online", replica="{number}"' for number in range(len(states))]
        replicas = {
            own("registry_database_lb_pool_status", name): state for name, state in zip(names, states, strict=True)
        }
        return {**replicas, own("registry_database_lb_pool_size"): pool}

    tests = [
        case("as many", online("1x60", "1x60", pool="2x60"), [number(query, 2)]),
        case("one quarantined", online("1x60", "0x60", pool="2x60"), [number(query, 1)]),
        case("one that is no more in the pool", online("1x60", "1x60", "1x60", pool="2x60"), [number(query, 2)]),
        case("an empty pool", online("1x60", pool="0x60"), [number(query, 0)]),
    ]
    assert promtool(tests, tmp_path) == ""


def test_no_panel_counts_as_down_only_what_still_has_a_series() -> None:
    """An exporter that is gone takes its series along: the number of series minus those that are 1 stays 0."""
    blind = {
        panel.title
        for _, panel in PANELS
        for choices in panel.choices
        for _, expr in choices
        for node in walk(expr)
        if isinstance(node, Binary) and node.op == "-"
        for counted, summed in [(node.left, node.right)]
        if isinstance(counted, Aggregate) and isinstance(summed, Aggregate) and counted.op == "count"
        for one in selectors(counted)
        if isinstance(one.metric, Metric) and one.metric.exposer.is_neighbour
    }
    # `up` is 0 where a scrape fails, and the tile has a cause of its own for no target
    assert blind == {"HTTP", "Instances down", "Prometheus config reloads failed"}


@pytest.mark.server
def test_the_tiles_of_distribution_are_ok_and_critical_too(tmp_path: Path) -> None:
    http, storage = (asked_in("distribution", "overview", title) for title in TILES[:2])
    kept = ("up{", "probe_", "registry_probe", "registry_log", "registry_storage_action")
    fine = {head: values for head, values in FINE.items() if head.startswith(kept)}
    fine |= {
        own("registry_http_requests_total", f'code="200", handler="{one}"'): "0+15x60"
        for one in ("blob", "blob_upload")
    }
    failing = {own("registry_http_requests_total", 'code="500", handler="blob_upload"'): "0+15x60"}
    down = {own("up"): "0x60", 'up{job="registry", instance="b"}': "0x60"}

    def told(query: str, samples: list[Json]) -> Json:
        return {"expr": query, "eval_time": AT, "exp_samples": samples}

    well = [{"labels": WELL, "value": 0}]
    tests = [
        case("fine", fine, [told(http, well), told(storage, well)]),
        case(
            "failing",
            {**fine, **failing},
            [told(http, sample("server errors", 2)), told(storage, sample("uploads fail", 2))],
        ),
        case("down", {**fine, **down}, [told(http, sample("instances down", 2))]),
        case("no series", {"other": "1x60"}, [told(http, sample("no scrape target", 2)), told(storage, [])]),
    ]
    assert promtool(tests, tmp_path) == ""


def test_no_cause_of_a_tile_is_an_alert_that_does_not_exist() -> None:
    rules = [load_yaml(path.read_text(), str(path)).data for path in (ROOT / "alerts").glob("*.rules.yaml")]
    alerts = {rule["alert"] for file in rules for group in file["groups"] for rule in group["rules"] if "alert" in rule}
    named = {
        word
        for _, panel in PANELS
        for choices in panel.choices
        for _, expr in choices
        for node in selectors(expr)
        for word in alertnames(node)
    }
    assert named == {
        "RegistryDatabaseHangs",
        "RegistryDiskReadOnly",
        "RegistryHealthCheckFails",
        "RegistryNoTraffic",
        "RegistryPgbouncerDown",
        "RegistryPgbouncerPaused",
        "RegistryPostgresqlStandbyDown",
        "RegistryProbeSuccessOld",
        "RegistryRateLimiterUnreachable",
        "RegistryRefusesRequests",
        "RegistryRequestsHang",
        "RegistryRequestsStopped",
        "RegistryRestarting",
        "RegistryRouteFails",
        "RegistryStarvedOfCpu",
        "RegistryTrafficCeased",
        "RegistryUnreachable",
        "RegistryUploadsHang",
    }
    assert named <= alerts


def alertnames(node: Selector) -> list[str]:
    chosen = [word for choice in node.choices if choice.label == "alertname" for word in choice.words]
    return [word for word in chosen if word != "registry"]


def no_data_color(panel: Json) -> str:
    """The colour in which Grafana shows an empty answer: that of a mapping, else that of the lowest threshold."""
    defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
    for mapping in defaults["mappings"]:
        if mapping["type"] == "special" and mapping["options"]["match"] in {"null", "null+nan"}:
            assert mapping["options"]["result"]["text"] == "no data"
            return str(mapping["options"]["result"]["color"])
    if defaults["color"]["mode"] == "thresholds":
        return str(defaults["thresholds"]["steps"][0]["color"])
    return str(defaults["color"]["fixedColor"])


@pytest.mark.parametrize("key", DASHBOARDS, ids="/".join)
def test_no_number_without_data_is_green_yellow_or_red(key: tuple[str, str]) -> None:
    numbers = [panel for panel in charts(DASHBOARDS[key]) if panel["type"] in {"stat", "gauge", "bargauge"}]
    assert {panel["title"]: no_data_color(panel) for panel in numbers if no_data_color(panel) in {"green", "red"}} == {}


def test_a_number_that_would_be_green_without_data_is_noticed() -> None:
    thresholds = {"steps": [{"color": "green", "value": None}]}
    defaults = {"mappings": [], "color": {"mode": "thresholds"}, "thresholds": thresholds}
    assert no_data_color({"fieldConfig": {"defaults": defaults}}) == "green"


def test_the_words_of_a_tile_are_in_the_json_with_their_colours() -> None:
    [tile] = [one for one in charts(DASHBOARDS["gitlab", "overview"]) if one["title"] == "Redis"]
    words = tile["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert {value: (one["text"], one["color"]) for value, one in words.items()} == {
        "0": (WORDS[0], "green"),
        "1": (WORDS[1], "yellow"),
        "2": (WORDS[2], "red"),
    }
    assert tile["targets"][0]["legendFormat"] == "{{cause}}"


def test_a_tile_that_reads_recorded_series_is_not_ok_without_the_rules() -> None:
    config = CONFIGS["gitlab"]
    found = panel_queries(PACK, config, outputs.records(PACK, config))
    http, storage = (
        next(one.text for one in found if (one.dashboard, one.title) == ("overview", title)) for title in TILES[:2]
    )
    for text in (http, storage):
        assert "count(registry:http_requests:rate5m" in text
        assert "count(registry_http_requests_total" not in text
    assert "or count(up" not in http


def test_a_tile_without_the_exporters_still_has_what_the_registry_tells() -> None:
    bare = replace(CONFIGS["gitlab"], capabilities=frozenset({Capability.REDIS}))
    [redis] = [
        one
        for one in panel_queries(PACK, bare)
        if (one.dashboard, one.title, one.text != "") == ("overview", "Redis", True)
    ]
    assert "no connection" in redis.text
    assert "redis_exporter" not in redis.text
