from __future__ import annotations

import pytest

from regobs.config import Config, PrometheusSettings
from regobs.doctor.questions import default_window, fill_durations
from regobs.promql.nodes import Duration
from regobs.promql.parse import parse
from regobs.promql.printer import to_text


@pytest.mark.parametrize(
    ("interval", "window"), [(1_000, 60_000), (15_000, 60_000), (15_001, 60_004), (60_000, 240_000)]
)
def test_the_window_is_four_scrapes_and_at_least_a_minute(interval: int, window: int) -> None:
    config = Config(prometheus=PrometheusSettings(scrape_interval=Duration(interval)))
    assert default_window(config) == Duration(window)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("rate(a[$__rate_interval])", "rate(a[2m])"),
        ("increase(a[$__range])", "increase(a[1h])"),
        ("max_over_time(a[$__interval])", "max_over_time(a[2m])"),
        ("rate(a[5m] offset 1w)", "rate(a[5m] offset 1w)"),
        ("max_over_time(rate(a[$__rate_interval])[$__range:1m])", "max_over_time(rate(a[2m])[1h:1m])"),
        ("sum(rate(a[$__rate_interval])) / b", "sum(rate(a[2m])) / b"),
    ],
)
def test_grafanas_macros_become_durations(text: str, filled: str) -> None:
    assert to_text(fill_durations(parse(text), Duration(120_000))) == filled
