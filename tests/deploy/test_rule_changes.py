"""What differs in meaning between rule files."""

from __future__ import annotations

import pytest

from regobs.deploy.rule_changes import rule_changes

FILE = """\
groups:
- name: a
  interval: 30s
  rules:
  - record: registry:requests:rate5m
    expr: sum(rate(registry_http_requests_total[5m]))
  - alert: High
    expr: registry:requests:rate5m{{a="1", b="2"}} > 5
    for: 5m
    labels: {{severity: page}}
    annotations: {{summary: many}}
"""
TEXT = FILE.replace("{{", "{").replace("}}", "}")


def whats(before: str, after: str) -> list[tuple[str, str]]:
    found = rule_changes({"a.yaml": before.encode()}, {"a.yaml": after.encode()})
    return [(one.thing, one.what) for one in found]


@pytest.mark.parametrize(
    ("old", "new", "thing", "what"),
    [
        ("> 5", "> 9", "High", "threshold changed"),
        ('{a="1", b="2"} > 5', '{b="2",a="1"}  >  5', "High", "query written differently"),
        ("rate5m{a", "rate1h{a", "High", "query changed"),
        ("[5m]", "[10m]", "registry:requests:rate5m", "query changed"),
        ("for: 5m", "for: 10m", "High", "`for` changed"),
        ("severity: page", "severity: ticket", "High", "label severity changed"),
        ("summary: many", "summary: too many", "High", "annotation summary changed"),
        ("alert: High", "alert: TooHigh", "High", "alert renamed"),
        (
            "record: registry:requests:rate5m",
            "record: registry:all:rate5m",
            "registry:requests:rate5m",
            "recorded series renamed",
        ),
        ("interval: 30s", "interval: 1m", "High", "evaluated at another interval"),
        ("name: a", "name: b", "High", "moved to another group"),
    ],
)
def test_a_change_is_called_what_it_is(old: str, new: str, thing: str, what: str) -> None:
    assert old in TEXT
    assert (thing, what) in whats(TEXT, TEXT.replace(old, new))


def test_comments_and_layout_are_no_change() -> None:
    assert whats(TEXT, "# a comment\n" + TEXT.replace("{severity: page}", '\n      severity: "page"')) == []


def test_alerts_of_one_name_are_told_apart_by_slo_and_tier() -> None:
    def alerts(limit: int) -> str:
        rule = "  - alert: Burn\n    expr: burn > {}\n    labels: {{slo: pull, tier: {}}}\n"
        return "groups:\n- name: a\n  rules:\n" + rule.format(1, "1h") + rule.format(limit, "6h")

    assert whats(alerts(2), alerts(3)) == [("Burn slo=pull tier=6h", "threshold changed")]


def test_a_file_that_is_no_rule_file_is_named() -> None:
    found = rule_changes({"x": b"1", "y": b"1"}, {"y": b"2", "z": b"1"})
    assert [(one.thing, one.what) for one in found] == [
        ("x", "file removed"),
        ("y", "file changed"),
        ("z", "file added"),
    ]
