# ruff: noqa: E501 - a table
"""Defects that other checks once passed over, each beside what looks like it and is right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.lint import LintReport
from tests.lint.cases import found, query, rules

_LE = "registry_http_request_duration_seconds_bucket"


def _two(first: str, second: str, **more: object) -> LintReport:
    return rules({"record": "job:a:b", "expr": first}, {"record": "job:a:b", "expr": second, **more})


# name of the check, what it finds, what is just no such thing
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    *(("no-such-bucket", lambda le=le: query(f'rate({_LE}{{le="{le}"}}[5m])'), lambda: query(f'rate({_LE}{{le="0.5"}}[5m])'))
      for le in ("+inf", "inf", "-inf", "Inf", "1e9999", "0.50", ".5", "5e-1", "00.5")),
    ("no-such-bucket", lambda: query('rate(x_bucket{le="1e0"}[5m])'), lambda: query('rate(x_bucket{le=~"1|1[.]0"}[5m])')),
    ("no-such-bucket", lambda: query('rate(x_bucket{le=".5"}[5m])'), lambda: query('rate(x_bucket{le=~"[.]5|0[.]5"}[5m])')),
    *(("no-such-bucket", lambda: query('rate(x_bucket{le="+INF"}[5m])'), lambda le=le: query(f'rate(x_bucket{{le="{le}"}}[5m])'))
      for le in ("+Inf", "1e+06", "1000000", "1000000.0", "1.0E6", "1e-05", "1.048576e+06", "0", "-1", "0.005")),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(a_total[10m]))"),
     lambda: _two("sum by (job) (rate(a_total{job='x'}[5m]))", "sum by (job) (rate(a_total{job='y'}[10m]))")),
    ("conflicting-records",
     lambda: _two("rate(a_total[5m])", "rate(a_total[10m])"),
     lambda: _two("rate(a_total[5m])", "rate(a_total[10m])", labels={"window": "10m"})),
    ("conflicting-records",
     lambda: _two("max by (job) (a)", "avg by (job) (a)"), lambda: _two("max by (job) (a)", "max by (instance) (a)")),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(registry_gc_runs_total[5m]))", "sum by (job) (rate(registry_gc_postpones_total[5m]))"),
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(b_total[5m]))")),
    ("conflicting-records",
     lambda: _two("sum by (job) (a)", "sum by (job) (a) * 2"), lambda: _two("sum by (job) (a) > 5", "sum by (job) (a) <= 5")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_defect_is_found_and_what_looks_like_it_is_not(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())
