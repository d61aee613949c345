"""The status of SLOs, as read from a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any

import pytest

from regobs.slo.spec import read_slos
from regobs.slo.status import HEADER, read_status
from regobs.slo.windows import read_windows
from tests.slo.packs import BUNDLED, GITLAB

WINDOWS = read_windows(BUNDLED.file("alerts", "windows.yaml"))
SLOS = [slo for slo in read_slos(BUNDLED, GITLAB) if slo.operation == "tag_list"]
NAME = "tag-list-availability"


@dataclass
class Sample:
    labels: dict[str, str]
    value: float


@dataclass
class Answer:
    samples: tuple[Sample, ...]


@dataclass
class Server:
    """Answers by the name of a series, and counts the questions."""

    series: dict[str, list[Sample]]
    asked: list[str] = field(default_factory=list)

    def query(self, text: str) -> Any:
        self.asked.append(text)
        return Answer(tuple(self.series.get(text, ())))


def sample(value: float, slo: str = NAME, **scope: str) -> Sample:
    return Sample({"slo": slo, "operation": "tag_list", "sli": "availability", **scope}, value)


def test_a_row_holds_the_whole_period_and_the_fastest_burn() -> None:
    server = Server(
        {
            "registry:slo_events:increase28d": [sample(2000)],
            "registry:slo_bad_events:increase28d": [sample(5)],
            "registry:slo_budget_remaining:ratio": [sample(0.5)],
            "registry:slo_burn_rate:ratio1h": [sample(3)],
            "registry:slo_burn_rate:ratio6h": [sample(4)],
        }
    )
    row, other = read_status(server, SLOS, WINDOWS, GITLAB)
    assert (row.slo, row.events, row.ratio, row.remaining, row.burn, row.window) == (NAME, 2000, 0.0025, 0.5, 4, "6h")
    assert row.cells == (NAME, "", "99.5 %", "2000", "0.250%", "50.0%", "4.00 (6h)")
    assert other.cells[3:] == ("no data",) * 4
    assert len(row.cells) == len(HEADER)


def test_no_traffic_is_no_ratio() -> None:
    server = Server(
        {"registry:slo_events:increase28d": [sample(0)], "registry:slo_bad_events:increase28d": [sample(0)]}
    )
    row = read_status(server, SLOS, WINDOWS, GITLAB)[0]
    assert (row.events, row.ratio, row.remaining, row.burn) == (0, None, None, None)


def test_what_is_no_number_is_no_data() -> None:
    names = (
        "slo_events:increase28d",
        "slo_bad_events:increase28d",
        "slo_budget_remaining:ratio",
        "slo_burn_rate:ratio1h",
    )
    row = read_status(Server({f"registry:{one}": [sample(nan)] for one in names}), SLOS, WINDOWS, GITLAB)[0]
    assert row.cells[3:] == ("no data",) * 4
    server = Server(
        {"registry:slo_events:increase28d": [sample(1)], "registry:slo_budget_remaining:ratio": [sample(0)]}
    )
    assert read_status(server, SLOS, WINDOWS, GITLAB)[0].cells[5] == "0.0%", "zero is a number"


def test_each_scope_has_its_own_row() -> None:
    server = Server({"registry:slo_events:increase28d": [sample(1, env="b"), sample(2, env="a")]})
    rows = [row for row in read_status(server, SLOS, WINDOWS, GITLAB) if row.slo == NAME]
    assert [(row.scope, row.events) for row in rows] == [({"env": "a"}, 2), ({"env": "b"}, 1)]


@pytest.mark.parametrize("count", [1, 2])
def test_each_series_is_asked_for_once(count: int) -> None:
    server = Server({})
    read_status(server, SLOS[:count], WINDOWS, GITLAB)
    assert len(server.asked) == len(set(server.asked)) == 5 + len(WINDOWS.tiers)
    assert f"registry:slo_events:increase{SLOS[0].period.text}" in server.asked
