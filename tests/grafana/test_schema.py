"""The JSON against Grafana's published schema.

grafana-foundation-sdk is generated from that schema: its models keep the keys they know and refuse values that an
enumeration does not have. What comes back from them must hold everything that went in.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from regobs.catalog.model import Flavor
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.render import render
from regobs.promql.vocabulary import Vocabulary
from tests.grafana.conftest import Load
from tests.grafana.test_render import SETTING
from tests.pack.test_dashboards import DASHBOARDS

with warnings.catch_warnings():  # the newer model is of the layout that file provisioning rejects
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

WORDS = ("Stat", "Tile", "Lines", "States", "Bars", "GaugePanel", "Table", "LongTable", "Alerts")


@pytest.fixture(autouse=True, scope="module")
def _plugins() -> None:
    register_default_plugins()


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """The places of `given` that `kept` does not have as they were."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, other, f"{path}[{index}]")
    elif given != kept:
        yield path


def through_the_schema(dashboard: dict[str, Any]) -> list[str]:
    kept = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    return list(lost(dashboard, kept))


@pytest.mark.parametrize("key", DASHBOARDS, ids="/".join)
def test_the_schema_knows_everything_in_a_bundled_dashboard(key: tuple[str, str]) -> None:
    assert through_the_schema(DASHBOARDS[key]) == []


def test_the_schema_knows_every_word(load: Load) -> None:
    panels = [f'{word}("{word}", rate(http.REQUESTS), good="g", thresholds=(1, 2))' for word in WORDS]
    row = f'Row("R", {", ".join(panels)}, Heat("H", http.DURATION, good="g"), collapsed=True)'
    bound = bind_dashboard("t", load(row), Vocabulary(Flavor.GITLAB))
    assert through_the_schema(render(bound, SETTING)) == []


def test_the_schema_notices_a_key_that_does_not_exist() -> None:
    dashboard = next(iter(DASHBOARDS.values()))
    assert through_the_schema(dashboard | {"sharedCrosshair": True}) == [".sharedCrosshair"]


def test_the_oracle_is_the_pinned_one() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '"grafana-foundation-sdk==0.0.21"' in text
