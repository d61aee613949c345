from __future__ import annotations

import pytest

from regobs.catalog.model import Unit
from regobs.grafana.units import axis, grafana_unit


@pytest.mark.parametrize(
    ("unit", "per_second", "shown"),
    [
        (Unit.SECONDS, False, "s"),
        (Unit.BYTES, False, "bytes"),
        (Unit.BYTES, True, "binBps"),
        (Unit.RATIO, False, "percentunit"),
        (Unit.REQUESTS, True, "reqps"),
        (Unit.REQUESTS, False, "short"),
        (Unit.QUERIES, True, "ops"),
        (Unit.CORES, False, "none"),
        (Unit.SECONDS, True, "none"),
    ],
)
def test_a_unit_is_shown_as_grafana_calls_it(unit: Unit, per_second: bool, shown: str) -> None:
    assert grafana_unit(unit, per_second=per_second) == shown


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("per_second", [False, True])
def test_every_unit_has_a_way_to_be_shown(unit: Unit, per_second: bool) -> None:
    assert grafana_unit(unit, per_second=per_second)


def test_only_a_part_of_a_whole_has_an_upper_end() -> None:
    assert axis(Unit.RATIO, fraction=True) == (0, 1)
    assert axis(Unit.RATIO, fraction=False) == (0, None)
    assert axis(Unit.PERCENT, fraction=False) == (0, 100)
    assert axis(Unit.BYTES, fraction=False) == (0, None)
    assert axis(Unit.TIMESTAMP, fraction=False) == (None, None)
