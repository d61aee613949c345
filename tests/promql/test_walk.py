"""Expressions rebuilt with other times."""

from __future__ import annotations

import pytest

from regobs.promql.nodes import Duration
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.walk import fill_durations


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("rate(a[$__rate_interval])", "rate(a[2m])"),
        ("increase(a[$__range])", "increase(a[1h])"),
        ("max_over_time(a[$__interval])", "max_over_time(a[2m])"),
        ("rate(a[5m] offset 1w)", "rate(a[5m] offset 1w)"),
        ("max_over_time(rate(a[$__rate_interval])[$__range:1m])", "max_over_time(rate(a[2m])[1h:1m])"),
        ("sum(rate(a[$__rate_interval])) / b", "sum(rate(a[2m])) / b"),
        ("max_over_time(a[1h:$__interval] offset $__range)", "max_over_time(a[1h:2m] offset 1h)"),
        ("increase(a[$__range]) / $__range_s", "increase(a[1h]) / 3600"),
        ("a * $__interval_ms", "a * 120000"),
        ("topk($limit, a)", "topk($limit, a)"),
    ],
)
def test_grafanas_macros_become_durations(text: str, filled: str) -> None:
    assert to_text(fill_durations(parse(text), Duration(120_000))) == filled
