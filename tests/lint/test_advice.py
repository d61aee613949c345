"""What lint advises is right: whoever follows it gets no other finding, and `--fix` never chooses for people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from regobs.lint import LintFinding, Severity
from tests.lint.cases import alert, found, panel, query

_BUCKET = "registry_http_request_duration_seconds_bucket"
_COUNT = "sum(rate(registry_http_request_duration_seconds_count[5m]))"
_ALL = "registry_http_requests_total"
_BAD = f'{_ALL}{{code=~"5.."}}'


def _fast(le: str) -> set[str]:
    return found(query(f"sum(rate({_BUCKET}{{le{le}}}[5m])) / {_COUNT} < 0.9"))


@pytest.mark.parametrize(
    "le",
    [
        r'=~"1(\\.0)?"',
        r'=~"1(?:\\.0)?"',
        r'=~"^1(\\.0)?$"',
        r'=~"(?:1|1\\.0)"',
        r'=~"1|1\\.0"',
        r"=~`1(\.0)?`",
        r"=~`1|1\.0`",
        r'=~"60\\.?0?"',
        '="2.5"',
        '="$bound"',
        '=~"$bound"',
    ],
)
def test_one_bound_in_both_spellings_is_one_bound(le: str) -> None:
    assert _fast(le) == set()


@pytest.mark.parametrize(
    ("le", "checks"),
    [
        ('="1"', {"bucket-spelling"}),
        ('="1.0"', {"bucket-spelling"}),
        ('=~"1"', {"bucket-spelling"}),
        (r'=~"[2]\\.5|10?"', {"bucket-spelling", "mixed-buckets"}),
        (r'=~"1\\.?0?"', {"bucket-spelling", "mixed-buckets"}),  # it accepts the bound 10 too
        (r'=~"1(\\.0)?|2\\.5"', {"mixed-buckets"}),
        ('=~".+"', {"mixed-buckets"}),
        ('="3"', {"no-such-bucket"}),
        ('="3.0"', {"no-such-bucket"}),
        (r'=~"3(\\.0)?"', {"no-such-bucket"}),
    ],
)
def test_other_matchers_of_bounds_are_judged_by_the_bounds_that_they_accept(le: str, checks: set[str]) -> None:
    assert _fast(le) == checks


@pytest.mark.parametrize(
    ("le", "near"),
    [
        ("3", "the nearest bounds are 2.5 and 5"),
        ("0.3", "the nearest bounds are 0.25 and 0.5"),
        ("100", "the nearest bound is 60"),
    ],
)
def test_the_bounds_on_both_sides_are_named(le: str, near: str) -> None:
    told = query(f'sum(rate({_BUCKET}{{le="{le}"}}[5m])) > 1').findings
    assert [one.next_step for one in told if one.check == "no-such-bucket"] == [near]


def _advice(finding: LintFinding) -> str:
    """The condition that an advice says to add."""
    match = re.search(r"add[^`]*`([^`]+)`", finding.next_step)
    return match[1] if match else ""


_SHARES = [
    (f"sum(rate({_BAD}[5m])) / sum(rate({_ALL}[5m])) > 0.05", f"and sum(increase({_ALL}[5m])) > 20"),
    (
        f"sum by (route) (rate({_BAD}[5m])) / sum by (route) (rate({_ALL}[5m])) > 0.05",
        f"and sum by (route) (increase({_ALL}[5m])) > 20",
    ),
    (
        f"100 * sum by (job) (rate({_BAD}[10m])) / sum by (job) (rate({_ALL}[10m])) > 50",
        f"and sum by (job) (increase({_ALL}[10m])) > 10",
    ),
    (
        f"sum by (route) (rate({_BAD}[5m])) / on () group_left () sum(rate({_ALL}[5m])) > 0.01",
        f"and on () sum(increase({_ALL}[5m])) > 100",
    ),
    (
        f"sum without (instance) (rate({_BAD}[5m])) / ignoring (code) sum without (instance) (rate({_ALL}[5m])) > 0.05",
        f"and ignoring (code) sum without (instance) (increase({_ALL}[5m])) > 20",
    ),
    (
        f'sum by (job) (irate({_ALL}{{code="503",job="a"}}[5m])) / sum by (job) (irate({_ALL}{{job="a"}}[5m])) > 0.05',
        f'and sum by (job) (increase({_ALL}{{job="a"}}[5m])) > 20',
    ),
    (f"sum by (route) (rate({_ALL}[5m])) == 0", f"or absent({_ALL})"),
]


@pytest.mark.parametrize(("expr", "added"), _SHARES)
def test_advice_that_is_followed_ends_the_finding_and_makes_no_other(expr: str, added: str) -> None:
    told = [(one.check, _advice(one)) for one in alert(expr).findings if _advice(one)]
    assert [text for _, text in told] == [added]
    after = alert(f"{expr} {added}").findings
    assert not [one for one in after if one.severity is not Severity.NOTE or one.check == told[0][0]]


_P9 = "sum by (le) (rate(a_bucket[5m]))"
_PART = "sum(rate(a_total{code='500'}[5m])) / sum(rate(a_total[5m])) > "


def _fix(findings: list[LintFinding], check: str) -> list[str]:
    return [one.fix.text if one.fix else "" for one in findings if one.check == check]


@pytest.mark.parametrize(
    ("text", "check", "fix"),
    [
        ("quantile_over_time(1.5, x[5m])", "quantile-out-of-range", ""),
        ("quantile_over_time(95, x[5m])", "quantile-out-of-range", "0.95"),
        (f"histogram_quantile(5, {_P9})", "quantile-out-of-range", ""),
        (f"histogram_quantile(99.9, {_P9})", "quantile-out-of-range", "0.999"),
        (f'sum(rate({_BUCKET}{{le="1"}}[5m]))', "bucket-spelling", r'le=~"1|1\\.0"'),
        (f'sum by (le) (rate({_BUCKET}{{le=~"1|2.5"}}[5m]))', "bucket-spelling", ""),
        (_PART + "25", "ratio-compared-with-percent", "0.25"),
    ],
)
def test_only_what_has_one_right_answer_is_fixed(text: str, check: str, fix: str) -> None:
    assert _fix(query(text).findings, check) == [fix]


@pytest.mark.parametrize(
    ("summary", "fix"),
    [
        ('{{ printf "%.0f" $value }} percent fail', ""),
        ('{{ printf "%.0f%%" $value }} fail', ""),
        ("{{ $value }}% fail", ""),
        ("{{ $value }} Per cent fail", ""),
        ("{{ $value | humanizePercentage }} fail", "0.25"),
        ('{{ printf "%.2f" $value }} fail', "0.25"),
        ("Too many fail", "0.25"),
    ],
)
def test_a_threshold_stays_where_a_text_takes_the_value_for_percent(summary: str, fix: str) -> None:
    annotations = {"summary": summary, "runbook_url": "https://example.com/a"}
    report = alert(f"{_PART}25", annotations=annotations)
    assert _fix(report.findings, "ratio-compared-with-percent") == [fix]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("rate(a_total[$__interval])", "[$__rate_interval]"),
        ("rate(a_total[$__interval] offset $__interval)", ""),
        ("increase(a_total[$__interval])", ""),
        ("increase(a_total[$__interval] offset $__interval)", ""),
    ],
)
@pytest.mark.parametrize("style", ["bars", "line"])
def test_the_window_of_an_amount_is_left_to_people(text: str, fix: str, style: str) -> None:
    drawn: dict[str, Any] = {"fieldConfig": {"defaults": {"custom": {"drawStyle": style}}, "overrides": []}}
    assert _fix(panel(text, **drawn).findings, "interval-in-rate") == [fix]
