"""The questions of a pack: queries of panels within the selector, rules as their files have them."""

from __future__ import annotations

import pytest

from regobs.catalog.model import Capability
from regobs.config import Config
from regobs.doctor.content import panel_questions, rule_questions, rules_of_files
from regobs.errors import InputError
from regobs.promql import to_text
from tests.doctor.world import JOB
from tests.slo.packs import BUNDLED

RULES = b"""\
groups:
- name: disk
  interval: 1m
  rules:
  - record: disk:free:ratio
    expr: a / b
    labels: {tier: "1h"}
- name: other
  rules:
  - alert: DiskFull
    expr: disk:free:ratio < 0.1
    labels: {severity: page, who: "{{ $labels.who }}"}
"""


def test_rules_are_read_with_their_kind_their_group_and_the_labels_that_they_add() -> None:
    files = {"prometheus/rules/disk.yaml": RULES, "prometheus/tests/disk.yaml": b"- no rules", "a.json": b"{}"}
    record, alert = rules_of_files(files)
    assert (record.kind, record.name, record.group) == ("recording", "disk:free:ratio", "disk")
    assert (alert.kind, alert.name, alert.group) == ("alerting", "DiskFull", "other")
    assert (record.own_interval, alert.own_interval) == (True, False)
    assert (record.labels, alert.labels) == ({"tier": "1h"}, {"severity": "page"})
    assert to_text(record.expr) == "a / b"


def test_the_rules_of_a_pack_are_those_of_its_build() -> None:
    found = rule_questions(BUNDLED, Config())
    assert {one.kind for one in found} == {"recording", "alerting"}
    assert "RegistryDown" in {one.name for one in found if one.kind == "alerting"}


def test_a_panel_asks_within_the_selector_and_one_that_is_left_out_says_why() -> None:
    config = Config(matchers=(JOB,), capabilities=frozenset({Capability.REDIS}))
    found = panel_questions(BUNDLED, config, dashboard="application-detail")
    shown = [one for one in found if not one.left_out]
    assert shown
    assert all(one.expr is not None and 'job="registry"' in to_text(one.expr) for one in shown)
    left_out = [one for one in panel_questions(BUNDLED, config) if one.left_out]
    assert left_out
    assert all(one.expr is None for one in left_out)


def test_a_dashboard_is_chosen_by_its_slug_or_its_title_and_another_name_is_refused() -> None:
    by_slug = panel_questions(BUNDLED, Config(), dashboard="overview")
    title = by_slug[0].dashboard
    assert panel_questions(BUNDLED, Config(), dashboard=title) == by_slug
    assert {one.dashboard for one in by_slug} == {title}
    with pytest.raises(InputError, match="no such dashboard"):
        panel_questions(BUNDLED, Config(), dashboard="overvieww")
