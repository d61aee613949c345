"""Dividing every time in rules by one number."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Capability, Flavor
from regobs.config.model import Config, PrometheusSettings
from regobs.demo.shortened import (
    shorten,
    shorten_config,
    shorten_dashboard,
    shorten_files,
    shorten_flags,
    shorten_rules,
)
from regobs.errors import RulesError
from regobs.grafana.outputs import Dashboards
from regobs.pack import find_pack
from regobs.promql import parse, to_text
from regobs.promql.nodes import Duration
from regobs.slo import records

_RULES = b"""
groups:
  - name: a
    interval: 30s
    rules:
      - record: x:rate5m
        expr: sum(rate(http_requests_total[5m]))
      - alert: Burns
        expr: sum_over_time(x:rate5m[1h:5m] offset 2h) > 3600 and x:rate5m > 0.5
        for: 10m
        keep_firing_for: 1m
        labels: {severity: page, window: 1h}
  - name: b
    rules:
      - {alert: Down, expr: up == 0}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rate(x[5m])", "rate(x[10s])"),
        ("rate(x[1h] offset 1w)", "rate(x[2m] offset 5h36m)"),
        ("rate(x[5m] offset -1m)", "rate(x[10s] offset -2s)"),
        ("max_over_time((x > 3600)[6h:1m])", "max_over_time((x > 3600)[12m:2s])"),
        ("max_over_time(rate(x[5m])[1h:])", "max_over_time(rate(x[10s])[2m:])"),
        ("time() - x > 300", "time() - x > 300"),
        ("rate(x[10s])", "rate(x[333ms])"),
        ("rate(x[1s])", "rate(x[250ms])"),
    ],
)
def test_every_time_in_an_expression_is_divided_and_no_number(before: str, after: str) -> None:
    assert to_text(shorten(parse(before), 30)) == after


@given(minutes=st.integers(1, 50_000), factor=st.integers(1, 60))
def test_a_window_divided_and_multiplied_is_the_same_window(minutes: int, factor: int) -> None:
    before = parse(f"rate(x[{minutes * factor}m])")
    assert to_text(shorten(before, factor)) == to_text(parse(f"rate(x[{minutes}m])"))


def test_only_the_times_of_a_rule_file_change() -> None:
    before, after = yaml.safe_load(_RULES), yaml.safe_load(shorten_rules(_RULES, "a.yaml", 30))
    first, second = after["groups"]
    assert first["interval"] == "1s"
    assert second == before["groups"][1]
    record, alert = first["rules"]
    assert record == {"record": "x:rate5m", "expr": "sum(rate(http_requests_total[10s]))"}
    assert alert["expr"] == "sum_over_time(x:rate5m[2m:10s] offset 4m) > 3600 and x:rate5m > 0.5"
    assert (alert["for"], alert["keep_firing_for"]) == ("20s", "2s")
    assert alert["labels"] == before["groups"][0]["rules"][1]["labels"]


@pytest.mark.parametrize(
    ("expr", "hold", "shortened"),
    [
        ("absent(up)", "5m", "10s"),  # Prometheus scrapes nothing in its first five seconds
        ("absent(up)", "1h", "1m"),
        ("absent(up)", "5s", "5s"),
        ("absent(up)", "0s", "0s"),
        ("up == 0", "5m", "5s"),
    ],
)
def test_an_absence_is_told_only_after_prometheus_has_had_time_to_scrape(expr: str, hold: str, shortened: str) -> None:
    rule = {"alert": "A", "expr": expr, "for": hold}
    short = yaml.safe_load(shorten_rules(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}).encode(), "a.yaml"))
    assert short["groups"][0]["rules"][0]["for"] == shortened


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(RulesError, match="for is not a duration"):
        shorten_rules(_RULES.replace(b"10m", b"soon"), "a.yaml")


def test_the_configuration_scrapes_and_evaluates_as_much_more_often() -> None:
    config = shorten_config(Config(prometheus=PrometheusSettings(Duration(60_000), Duration(60_000))), 30)
    assert (config.prometheus.scrape_interval.ms, config.prometheus.evaluation_interval.ms) == (2000, 2000)


def test_it_does_neither_more_often_than_once_a_second() -> None:
    config = shorten_config(Config(prometheus=PrometheusSettings(Duration(15_000), Duration(400))), 30)
    assert (config.prometheus.scrape_interval.ms, config.prometheus.evaluation_interval.ms) == (1000, 400)
    assert config.slo == Config().slo


def test_the_lookback_and_the_repetition_of_alerts_are_times_too() -> None:
    assert shorten_flags(10) == ("--query.lookback-delta=30s", "--rules.alert.resend-delay=5s")


def test_the_lookback_holds_as_many_scrapes_of_a_second_as_with_the_real_times() -> None:
    assert shorten_flags(60)[0] == "--query.lookback-delta=20s"


def test_a_panel_is_asked_for_short_times_and_keeps_the_macros_of_grafana() -> None:
    pack, config = find_pack(), Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))
    (board,) = Dashboards.of(pack, config, records(pack, config)).as_built(["capacity"])
    short = shorten_dashboard(board, 30)
    before, after = ([query for _, panel in one.panels() for query in panel.queries] for one in (board, short))
    texts = [(to_text(one.expr), to_text(other.expr)) for one, other in zip(before, after, strict=True)]
    for text, changed in texts:
        divided = text.replace("[10m:1m]", "[20s:2s]").replace("[6h]", "[12m]").replace("offset 6h", "offset 12m")
        assert changed == divided
    for part in ("$__rate_interval", "[12m]", "[20s:2s]"):
        assert any(part in changed for _, changed in texts)


def test_a_build_keeps_everything_but_its_rule_tests_and_says_that_it_is_shortened() -> None:
    manifest = json.dumps({"generator": "regobs", "files": {"old": "1"}}).encode()
    files = {
        "prometheus/rules/a.yaml": _RULES,
        "prometheus/tests/a.yaml": b"",
        "b.json": b"{}",
        "manifest.json": manifest,
    }
    short = shorten_files(files, 30)
    assert set(short) == {"prometheus/rules/a.yaml", "b.json", "manifest.json"}
    assert short["b.json"] == b"{}"
    read = json.loads(short["manifest.json"])
    assert (read["generator"], read["shortened"]) == ("regobs", 30)
    assert set(read["files"]) == {"prometheus/rules/a.yaml", "b.json"}
