from __future__ import annotations

import pytest

from regobs.config import Config, PrometheusSettings
from regobs.doctor.questions import default_window
from regobs.promql.nodes import Duration


@pytest.mark.parametrize(
    ("interval", "window"), [(1_000, 60_000), (15_000, 60_000), (15_001, 60_004), (60_000, 240_000)]
)
def test_the_window_is_four_scrapes_and_at_least_a_minute(interval: int, window: int) -> None:
    config = Config(prometheus=PrometheusSettings(scrape_interval=Duration(interval)))
    assert default_window(config) == Duration(window)
