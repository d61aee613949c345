"""Probable mistakes in the rules of a pack, which a build tells and does not refuse."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from regobs.slo.warned import nearly, pack_warnings
from tests.slo.packs import BUNDLED, pack_of

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
        ("pg_upp == 0", "a metric pg_upp; did you mean pg_up?"),
        ("probe_succes == 0", "did you mean probe_success?"),
        ("sum(redis_pu)", "did you mean redis_up?"),
        ('rate(registry_http_requests_total{code="abc"}[5m])', "abc"),
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
    ],
)
def test_what_may_well_be_meant_is_not_told(tmp_path: Path, expr: str) -> None:
    assert list(pack_warnings(pack_of(tmp_path, one=RULES % expr))) == []


def test_the_bundled_rules_are_not_looked_at() -> None:
    assert list(pack_warnings(BUNDLED)) == []


def test_a_long_name_takes_no_time() -> None:
    start = process_time()
    assert nearly("p" * 200_000) is None
    assert process_time() - start < 1
