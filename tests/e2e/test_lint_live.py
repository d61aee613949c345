"""Lint beside a real Prometheus: which series and values it has, how often alerts would have fired, what it costs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.lint import CHECKS, LintContext, Severity, lint_text
from regobs.lint.findings import CheckSubject
from regobs.lint.live import LiveServer, alert_history, live_findings
from regobs.lint.read import read_text
from regobs.prometheus import Prometheus
from tests.e2e.conftest import require
from tests.slo.conftest import DEBIAN, PEER, promtool_of

STEP = 60
HOURS = 6
LIVE = sorted(name for name, one in CHECKS.items() if one.subject is CheckSubject.LIVE)


def history(end: int) -> Iterator[str]:
    """Six hours of a load that is high for ten minutes of each hour, and of many series in the last ten minutes."""
    start = end - HOURS * 3600
    yield "# TYPE node_load1 gauge\n"
    for job, up in (("node", 1.0), ("other", 0.0)):
        for at in range(start, end, STEP):
            high = job == "node" and (at - start) % 3600 < 600
            yield f'node_load1{{job="{job}",instance="a"}} {6.0 if high else up} {at}\n'
    yield "# TYPE up gauge\n"
    for at in range(start, end, STEP):
        yield f'up{{job="node",instance="a"}} 1 {at}\n'
    for family, labels in (("registry_http_requests", 'code="200"'), ("tasks", 'outcome="done"')):
        yield f"# TYPE {family} counter\n"
        for at in range(end - 600, end, STEP):
            yield f'{family}_total{{job="node",instance="a",{labels}}} {at - end + 600} {at}\n'
    yield "# EOF\n"


@pytest.fixture(scope="module", params=[DEBIAN, PEER])
def prometheus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server of each release that knows this history, and scrapes nothing."""
    promtool = promtool_of(request.param)
    if request.param == "debian":
        require("prometheus", package="prometheus")
    folder = tmp_path_factory.mktemp("lint")
    end = int(time.time()) // STEP * STEP
    (folder / "history.om").write_text("".join(history(end)))
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run(
        [*command, str(folder / "history.om"), str(folder / "data")], check=True, capture_output=True, timeout=60
    )
    with Supervisor() as supervisor:
        url = servers.prometheus(
            supervisor,
            {"scrape_configs": []},
            data=folder / "data",
            retention="10y",
            program=promtool.with_name("prometheus"),
        ).url
        with Prometheus(url) as client:
            yield client


def server(client: Prometheus) -> LiveServer:
    return LiveServer(client, HOURS / 24)


def found(client: Prometheus, text: str, suffix: str) -> dict[str, str]:
    """What is found, by the name of the check."""
    asked = server(client)
    context = LintContext(live=lambda file: live_findings(file, asked))
    return {one.check: one.what for one in lint_text(text, f"a{suffix}", suffix, context).findings}


@pytest.mark.parametrize("name", LIVE)
def test_a_check_finds_its_wrong_example_and_not_its_right_one(
    name: str, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.lint.live._COSTLY_SAMPLES", 900)
    for side, there in (("Wrong", True), ("Right", False)):
        text = CHECKS[name].parts[side]
        rules = text.startswith("- alert")
        text = yaml.safe_dump({"groups": [{"name": "a", "rules": yaml.safe_load(text)}]}) if rules else text
        assert (name in found(prometheus, text, ".yaml" if rules else ".promql")) is there


def test_what_is_missing_is_named_with_what_is_there(prometheus: Prometheus) -> None:
    assert found(prometheus, "node_lode1 > 4", ".promql") == {"live-no-series": "the server has no series node_lode1"}
    report = lint_text(
        'node_load1{job="nodes", instance="a"} > 4',
        "a.promql",
        ".promql",
        LintContext(live=lambda file: live_findings(file, server(prometheus))),
    )
    (one,) = report.findings
    assert (one.what, one.next_step) == ("the server has no node_load1 with job='nodes'", "it is one of node")
    assert found(prometheus, 'up{job="node", instance="b"}', ".promql")
    together = found(prometheus, 'node_load1{job="node", instance=~"a"} unless up{job="other"}', ".promql")
    assert together == {}


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('rate(registry_http_requests_total{code=~"5.."}[5m])', Severity.NOTE),
        ('rate(registry_http_requests_total{code="200", method="PUT"}[5m])', Severity.NOTE),
        ('rate(tasks_total{outcome="failed"}[5m])', Severity.NOTE),
        ("rate(registry_storage_cdn_redirects_total[5m])", Severity.NOTE),  # each series comes with its first event
        ('rate(registry_http_requests_total{job="nodes"}[5m])', Severity.WARNING),
        ('rate(tasks_total{job="nodes"}[5m])', Severity.WARNING),
        ('node_load1{device="a"}', Severity.WARNING),
        ("rate(registry_gc_runz_total[5m])", Severity.WARNING),
        ("registry_http_in_flight_requests", Severity.WARNING),
    ],
)
def test_what_may_come_with_the_next_event_is_a_note(text: str, severity: Severity, prometheus: Prometheus) -> None:
    asked = server(prometheus)
    context = LintContext(live=lambda file: live_findings(file, asked))
    seen = [one for one in lint_text(text, "a.promql", ".promql", context).findings if one.check.startswith("live-no")]
    assert [one.severity for one in seen] == [severity]


def test_a_watchdog_is_meant_to_fire_all_the_time(prometheus: Prometheus) -> None:
    text = "groups: [{name: a, rules: [{alert: A, expr: %s, labels: {severity: none}, annotations: {summary: x}}]}]"
    asked = server(prometheus)
    context = LintContext(live=lambda file: live_findings(file, asked))
    (fires,) = [
        one
        for one in lint_text(text % "vector(1)", "a.yaml", ".yaml", context).findings
        if one.check == "live-would-fire"
    ]
    assert fires.severity is Severity.NOTE


@pytest.mark.parametrize(
    "text",
    ["ALERTS{alertstate='firing'}", 'absent(up{job="registry"})', "gone_total or node_load1", "up", 'up{job=~"$job"}'],
)
def test_what_asks_for_absence_or_for_anything_is_passed_over(text: str, prometheus: Prometheus) -> None:
    assert found(prometheus, text, ".promql") == {}


@pytest.mark.parametrize(
    ("expr", "waits", "fired", "minutes"),
    [
        ("node_load1 > 5", "0m", 6, 60),
        ("node_load1 > 5", "5m", 6, 30),
        ("node_load1 > 5", "9m", 6, 6),
        ("node_load1 > 5", "10m", 0, 0),
        ("node_load1 > 100", "0m", 0, 0),
        ("node_load1 >= 0", "0m", 2, 720),
    ],
)
def test_an_alert_is_counted_as_often_as_it_would_have_fired(
    expr: str, waits: str, fired: int, minutes: int, prometheus: Prometheus
) -> None:
    rules = {"groups": [{"name": "a", "interval": "1m", "rules": [{"alert": "A", "expr": expr, "for": waits}]}]}
    (rule,) = read_text(json.dumps(rules), "a.json", ".json", LintContext()).rules
    # No sample is newer than five minutes for those that look back from the end.
    seen = alert_history(rule, LiveServer(prometheus, HOURS / 24, end=int(time.time()) // STEP * STEP - 240))
    assert seen is not None
    assert abs(seen.fired - fired) <= (1 if fired else 0)
    assert abs(seen.seconds / 60 - minutes) <= max(0.2 * minutes, 12 if fired else 0)


@pytest.mark.parametrize("days", [7.0, 1.0, HOURS / 24])
@pytest.mark.parametrize("expr", ["node_load1 >= 0", "absent(node_gone)"])
def test_an_alert_is_tried_over_the_history_that_the_server_has(days: float, expr: str, prometheus: Prometheus) -> None:
    alert = {"alert": "A", "expr": expr, "labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    rules = {"groups": [{"name": "a", "interval": "1m", "rules": [alert]}]}
    asked = LiveServer(prometheus, days)
    context = LintContext(live=lambda file: live_findings(file, asked))
    report = lint_text(json.dumps(rules), "a.json", ".json", context)
    (one,) = [one for one in report.findings if one.check == "live-would-fire"]
    assert one.severity is Severity.WARNING  # it fires all the time that there is
    assert ("of 7 days that the server has" in one.what) is (days == 7)
    assert ("of 1 day that the server has" in one.what) is (days == 1)
    (rule,) = read_text(json.dumps(rules), "a.json", ".json", LintContext()).rules
    seen = alert_history(rule, asked)
    assert seen is not None
    assert abs(seen.seconds_tried - HOURS * 3600) < 900
    assert seen.share == pytest.approx(1, abs=0.05)


def test_a_server_without_up_is_asked_for_the_series_of_the_alert(prometheus: Prometheus) -> None:
    rules = {"groups": [{"name": "a", "rules": [{"alert": "A", "expr": "registry_http_requests_total > 1e9"}]}]}
    (rule,) = read_text(json.dumps(rules), "a.json", ".json", LintContext()).rules
    asked = LiveServer(prometheus, 1.0)
    asked._kept["up"] = None
    first, last = asked.history(rule)
    assert 0 < last - first < 1800
    assert asked.history() == (asked.end - 86_400, asked.end)


def test_a_query_that_the_server_refuses_is_told_and_the_others_go_on(prometheus: Prometheus) -> None:
    rules = [
        {"alert": "A", "expr": "node_load1 * on (job) node_load1", "labels": {"severity": "page"}},
        {"alert": "B", "expr": "node_load1 >= 0", "labels": {"severity": "page"}},
    ]
    seen = found(prometheus, yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}), ".yaml")
    assert "live-would-fire" in seen


def test_the_command_tells_what_the_server_said(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [
        {"alert": name, "expr": expr, "for": "1m", "labels": {"severity": "ticket"}, "annotations": {"summary": "x"}}
        for name, expr in (("High", "node_load1 > 5"), ("Never", "node_load1 > 100"), ("Gone", "node_gone > 1"))
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}, sort_keys=False))
    assert run(["lint", "--prometheus", prometheus.url, "--days", "0.25", str(file)]) == 1
    said = capsys.readouterr().out
    assert "High would have fired" in said
    assert "the server has no series node_gone" in said
    assert "2 of 3 alerts would not have fired in the last 0.25 days\n" in said
    assert run(["lint", "--prometheus", prometheus.url, "--days", "7", str(file)]) == 1
    assert (
        "2 of 3 alerts would not have fired in the last 7 days, of which the server has 6.0 h\n"
        in capsys.readouterr().out
    )
    assert run(["lint", str(file)]) == 0


def test_a_live_check_may_be_allowed_and_is_not_unused_without_a_server(prometheus: Prometheus) -> None:
    text = "# regobs: allow live-no-series: only in production\n- a\n"
    rules = yaml.safe_dump({"groups": [{"name": "a", "rules": [{"record": "a:b:c", "expr": "sum(node_gone)"}]}]})
    text = text.splitlines()[0] + "\n" + rules
    assert found(prometheus, text, ".yaml") == {}
    assert lint_text(text, "a.yaml", ".yaml").findings == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.promql").write_text("up")
    assert run(["lint", "--prometheus", "http://127.0.0.1:1", str(tmp_path / "a.promql")]) not in {0, 1}
    assert "cannot be reached" in capsys.readouterr().err
