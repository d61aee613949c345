"""Routes and inhibitions of Alertmanager against the alerts of the rules that are linted with them."""

from __future__ import annotations

from textwrap import indent

import pytest

from regobs.catalog.model import Flavor
from regobs.lint import LintContext, LintReport, Severity, lint_text

RULES = """\
groups:
  - name: pool
    labels: {team: registry}
    rules:
      - alert: PoolFull
        expr: max by (cluster) (go_sql_dbstats_connections_in_use) > 10
        labels: {severity: page, tier: "{{ $labels.cluster }}"}
        annotations: {summary: full}
      - alert: PoolSlow
        expr: max(go_sql_dbstats_connections_in_use) > 5
        labels: {severity: ticket}
        annotations: {summary: slow}
---
"""


def lint(routing: str, rules: str = RULES) -> LintReport:
    return lint_text(rules + routing, "all.yaml", ".yaml")


def route(matchers: str, rules: str = RULES) -> LintReport:
    return lint(f"route:\n  receiver: a\n  routes:\n    - receiver: b\n{indent(matchers, '      ')}\n", rules)


def dead(report: LintReport) -> list[tuple[str, Severity]]:
    return [(one.what, one.severity) for one in report.findings if one.check == "dead-route"]


@pytest.mark.parametrize(
    "matchers",
    [
        'matchers: [alertname="PoolFull"]',
        "matchers: ['alertname=~\"Pool.*\"', severity=ticket]",
        "matchers: [severity = page]",
        'matchers: [\'{severity="page", team="registry"}\']',
        "match: {severity: page}",
        "match_re: {severity: page|critical}",
        'matchers: [cluster="eu"]',  # a label of the series
        'matchers: [region="eu"]',  # a label of the server
        "matchers: [tier=~gold]",  # a template
        "matchers: [alertname!=PoolFull]",
        'matchers: [alertname=~"(P+)+"]',  # what cannot be tried soon
        "matchers: []",
        "matchers: 3",
    ],
)
def test_a_route_that_an_alert_may_take_is_passed_over(matchers: str) -> None:
    assert dead(route(matchers)) == []


@pytest.mark.parametrize(
    ("matchers", "what", "severity"),
    [
        ("matchers: [alertname=PoolFul]", "no alert is called PoolFul", Severity.WARNING),
        ("match: {alertname: PoolFul}", "no alert is called PoolFul", Severity.WARNING),
        ("matchers: [alertname=Watchdog]", "no alert is called Watchdog", Severity.NOTE),
        ('matchers: [alertname=~"Disk.*"]', "no alert is called Disk.*", Severity.NOTE),
        ("matchers: [severity=critical]", "this route fits no alert", Severity.WARNING),
        ("match_re: {severity: crit.*}", "this route fits no alert", Severity.WARNING),
        ("matchers: [alertname=PoolSlow, severity=page]",
         "this route fits no alert: each matcher fits some, all fit none", Severity.WARNING),
        ("matchers: [team!=registry]", "this route fits no alert", Severity.WARNING),
    ],
)  # fmt: skip
def test_a_route_that_no_alert_can_take_is_found(matchers: str, what: str, severity: Severity) -> None:
    assert dead(route(matchers)) == [(what, severity)]


def test_without_rules_nothing_is_said() -> None:
    assert dead(route("matchers: [severity=critical]", rules="")) == []


def test_matchers_of_a_route_count_for_those_below_it_and_are_told_once() -> None:
    nested = """\
matchers: [alertname=PoolSlow]
routes:
  - matchers: [severity=page]
    receiver: c
    routes:
      - matchers: [severity=critical]
"""
    assert [what for what, _ in dead(route(nested))] == [
        "this route fits no alert: each matcher fits some, all fit none"
    ]


def test_both_sides_of_an_inhibition_are_tried() -> None:
    report = lint(
        "route: {receiver: a}\ninhibit_rules:\n"
        "  - source_matchers: [severity=page]\n    target_matchers: [severity=ticket]\n"
        "  - source_match: {alertname: PoolFulll}\n    target_match_re: {severity: none|info}\n"
    )
    assert [what for what, _ in dead(report)] == [
        "no alert is called PoolFulll",
        "the target of this inhibition fits no alert",
    ]


def test_an_object_of_the_operator_is_read() -> None:
    config = """\
apiVersion: monitoring.coreos.com/v1beta1
kind: AlertmanagerConfig
spec:
  route:
    receiver: a
    routes:
      - matchers: [{name: severity, value: critical, matchType: "="}]
  inhibitRules:
    - sourceMatch: [{name: severity, value: pages}]
      targetMatch: [{name: severity, value: tick.*, matchType: "=~"}]
"""
    assert [what for what, _ in dead(lint(config))] == [
        "this route fits no alert",
        "the source of this inhibition fits no alert",
    ]


def test_the_finding_stands_at_the_matcher() -> None:
    report = route("matchers: [team=registry, severity=critical]")
    one = next(one for one in report.findings if one.check == "dead-route")
    line = report.files[one.file].split("\n")[one.line - 1]
    assert line[one.column - 1 : one.end_column - 1] == "severity=critical"
    assert one.next_step == "of the alerts severity is one of page, ticket"


def lost(report: LintReport) -> list[tuple[str, Severity]]:
    return [(one.what, one.severity) for one in report.findings if one.check == "label-lost-before-routing"]


def routed(expr: str, matchers: str, labels: str = "{severity: page}", more: str = "") -> LintReport:
    """Of an alert, and of a route for it."""
    rule = f"      - alert: Slow\n        expr: {expr}\n        labels: {labels}\n        annotations: {{summary: s}}\n"
    return route(f"matchers: {matchers}", f"groups:\n  - name: g\n    rules:\n{rule}{more}---\n")


_DROPS = "this route asks for {}, which Slow drops"


@pytest.mark.parametrize(
    ("expr", "label"),
    [
        ('sum(rate(http_total{stage="cny"}[5m])) > 9', "stage"),  # a label that the expression selects by
        ("max(sum by (stage) (http_total)) > 9", "stage"),  # one that it groups by below
        ("sum(rate(registry_gc_runs_total[5m])) > 9", "worker"),  # one of the catalog
        ("max(redis_up) < 1", "instance"),  # one that each target has
        ("sum without (stage) (sum by (stage, job) (http_total)) > 9", "stage"),
        ('sum(http_total{stage="cny"}) or sum(https_total{stage="cny"})', "stage"),
    ],
)
def test_a_label_that_the_expression_drops_is_no_label_to_route_by(expr: str, label: str) -> None:
    asked = f'[{label}="cny"]'
    assert lost(routed(expr, asked)) == [(_DROPS.format(label), Severity.WARNING)]
    assert lost(routed(expr, asked, f"{{severity: page, {label}: cny}}")) == []  # the rule adds it
    assert lost(routed(expr, asked, f"{{severity: page, {label}: '{{{{ $value }}}}'}}")) == []
    assert dead(routed(expr, asked)) == []


@pytest.mark.parametrize(
    ("expr", "matchers"),
    [
        ('sum by (stage) (rate(http_total{stage="cny"}[5m])) > 9', '[stage="cny"]'),
        ('sum without (job) (rate(http_total{stage="cny"}[5m])) > 9', '[stage="cny"]'),
        ('rate(http_total{stage="cny"}[5m]) > 9', '[stage="cny"]'),
        ('sum(rate(http_total{stage="cny"}[5m])) > 9', '[stage!="main"]'),  # an alert without the label passes
        ('sum(rate(http_total{stage="cny"}[5m])) > 9', "['stage=~\"cny|\"']"),
        ('sum(rate(http_total{stage="cny"}[5m])) > 9', "['stage!~\"main.*\"']"),
        ('absent(http_total{stage="cny"})', '[stage="cny"]'),  # has the labels that are compared with =
        ('sum(http_total{stage="cny"}) or http_total', '[stage="cny"]'),
        ('job:http:rate5m{stage="cny"} > 9', '[stage="cny"]'),  # what a record keeps is not known
        ('label_replace(sum(http_total), "stage", "cny", "", "")', '[stage="cny"]'),
        ('count_values("stage", http_total{stage="cny"}) > 3', '[stage="cny"]'),
        ("not promql(", '[stage="cny"]'),
    ],
)
def test_a_label_that_may_be_there_is_passed_over(expr: str, matchers: str) -> None:
    assert lost(routed(f"'{expr}'" if "'" not in expr else expr, matchers)) == []


def test_a_label_that_nothing_tells_of_is_a_note_since_the_server_may_add_it() -> None:
    assert lost(routed("sum(http_total) > 9", '[region="eu"]')) == [(_DROPS.format("region"), Severity.NOTE)]


def test_a_route_that_others_take_is_told_of_the_alert_that_asks_for_its_value() -> None:
    keeps = '      - {alert: Kept, expr: "sum by (stage) (http_total) > 1", labels: {severity: page}}\n'
    meant = routed('sum(rate(http_total{stage="cny"}[5m])) > 9', '[stage="cny"]', more=keeps)
    assert lost(meant) == [(_DROPS.format("stage"), Severity.WARNING)]
    for expr in ('sum(http_total{stage="main"}) > 9', "sum(http_total) > 9"):
        assert lost(routed(expr, '[stage="cny"]', more=keeps)) == []
    assert lost(routed("sum(http_total) > 9", '[alertname="Slow", stage="cny"]', more=keeps)) == [
        (_DROPS.format("stage"), Severity.WARNING)
    ]


def test_a_lost_label_is_told_once_for_the_routes_below_and_at_its_matcher() -> None:
    nested = 'matchers: [severity=page, stage="cny"]\nroutes:\n  - matchers: [stage="cny"]\n'
    rules = "groups: [{name: g, rules: [{alert: Slow, expr: 'sum(a{stage=\"cny\"}) > 1', labels: {severity: page}}]}]\n"
    report = route(nested, rules + "---\n")
    (one,) = [one for one in report.findings if one.check == "label-lost-before-routing"]
    assert report.files[one.file].split("\n")[one.line - 1][one.column - 1 : one.end_column - 1] == 'stage="cny"'


INHIBITED = """\
groups:
- name: g
  rules:
  - {{alert: Cause, expr: '{source}', labels: {{severity: page}}}}
  - {{alert: Effect, expr: '{target}', labels: {{severity: ticket}}}}
---
inhibit_rules:
- source_matchers: [alertname="Cause"]
  target_matchers: [alertname="Effect"]
  equal: [{equal}]
"""
_KEEPS = 'sum by (stage) (http_total{stage="cny"}) > 1'
_LOSES = 'sum(http_total{stage="cny"}) > 1'


def inhibited(source: str, target: str, equal: str = "stage") -> list[tuple[str, Severity]]:
    return lost(lint_text(INHIBITED.format(source=source, target=target, equal=equal), "all.yaml", ".yaml"))


def test_both_sides_of_an_inhibition_keep_the_labels_that_are_to_be_equal() -> None:
    what = "the {} of this inhibition drops stage, which its other side keeps: they never agree"
    assert inhibited(_LOSES, _KEEPS) == [(what.format("source"), Severity.WARNING)]
    assert inhibited(_KEEPS, _LOSES) == [(what.format("target"), Severity.WARNING)]
    assert inhibited(_KEEPS, _KEEPS) == []
    assert inhibited(_LOSES, _LOSES) == []  # equal, since neither has it
    assert inhibited(_LOSES, "http_total > 1") == []  # not known to have it
    assert inhibited(_LOSES, _KEEPS, "alertname") == []
    assert inhibited("sum(vector(1))", _KEEPS) == [(what.format("source"), Severity.NOTE)]


def test_a_label_of_another_flavor_is_none_that_the_server_adds() -> None:
    """A context that knows the flavor says it as surely as one that does not: `route` is `handler` in CNCF's."""
    what = "the target of this inhibition drops route, which its other side keeps: they never agree"
    source, target = "count by (route) (ALERTS) > 1", "sum by (handler) (rate(registry_http_requests_total[5m])) > 1"
    text = INHIBITED.format(source=source, target=target, equal="route")
    for flavor in (None, Flavor.DISTRIBUTION):
        report = lint_text(text, "all.yaml", ".yaml", LintContext(flavor=flavor))
        assert lost(report) == [(what, Severity.WARNING)]
    assert inhibited(source.replace("route", "handler"), target, "handler") == []
    assert inhibited(source.replace("route", "region"), target, "region") == [
        (what.replace("route", "region"), Severity.NOTE)
    ]


def test_a_matcher_of_an_inhibition_asks_for_a_label_in_vain() -> None:
    rules = RULES.replace("max(go_sql", 'max(go_sql_x{stage="cny"} * go_sql')
    report = lint('inhibit_rules:\n  - source_matchers: [alertname="PoolSlow", stage="cny"]\n', rules)
    assert lost(report) == [("the source of this inhibition asks for stage, which PoolSlow drops", Severity.WARNING)]


@pytest.mark.parametrize(
    ("pattern", "severity"),
    [
        ("PoolFul", Severity.WARNING),
        ("DiskFull|PoolSlwo", Severity.WARNING),
        ("Disk.*", Severity.NOTE),
        ("DiskFull|Disk.*", Severity.NOTE),
    ],
)
def test_a_pattern_close_to_the_name_of_an_alert_is_told_like_a_name(pattern: str, severity: Severity) -> None:
    for matcher, given in ((f"'alertname=~\"{pattern}\"'", pattern), (f"alertname={pattern}", "")):
        if given or pattern == "PoolFul":
            ((_, told),) = dead(route(f"matchers: [{matcher}]"))
            assert told is severity


def test_the_name_of_an_alert_is_no_label_of_its_series() -> None:
    texts = "annotations: {summary: '{{ $labels.NAME }}'}"
    for label, step in (("alertname", "write the name: $labels has"), ("pod", "add pod to the by list; the")):
        rules = RULES.replace("annotations: {summary: full}", texts.replace("NAME", label)).removesuffix("---\n")
        (one,) = [one for one in lint("", rules).findings if one.check == "label-not-in-result"]
        assert one.next_step.startswith(step)


_TREE = """\
route:
  receiver: all
  routes:
    - matchers: [alertname=~"{}"]
      receiver: pager
receivers: [{{name: all}}, {{name: pager}}]
inhibit_rules:
  - slower_tiers_of: [RegistryAvailabilityBurn, RegistryLatencyBurn]
    equal: [alertname, slo]
  - source_matchers: [alertname="PoolFull"]
    target_matchers: [alertname="RegistryLatencyBurn"]
    equal: [job]
"""
_BURN = """\
      - alert: RegistryLatencyBurn
        expr: up == 0
        labels: {severity: page}
        annotations: {summary: a}
---
"""


def test_alerts_that_a_build_makes_of_slos_are_none_that_a_pack_lacks() -> None:
    found = {one.check for one in lint(_TREE.format("Registry.+Burn")).findings}
    assert found.isdisjoint({"dead-route", "broad-inhibition", "broken-routing"})
    assert [one.check for one in lint(_TREE.format("PoolFul|PoolSlo")).findings if one.check == "dead-route"]


def test_built_rules_beside_a_routing_say_which_burns_there_are() -> None:
    rules = RULES.removesuffix("---\n") + _BURN
    whats = [one.what for one in lint(_TREE.format("RegistryAvailabilityBurn"), rules).findings]
    assert "no alert is called RegistryAvailabilityBurn" in whats
    assert "no alert is called RegistryLatencyBurn" not in whats
