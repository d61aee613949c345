"""Alerts taken apart: which conditions there are, and which value is nearest to firing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.config import Config
from regobs.errors import RulesError
from regobs.pack import find_pack
from regobs.query.alert import AskedAlert, Series, chosen_alerts, conditions, pack_alerts
from regobs.slo.outputs import compile_rules


def answers(**values: list[float]) -> Callable[[str], Series]:
    """A server that knows some series by their expression, and nothing else."""
    return lambda text: [({"i": str(place)}, value) for place, value in enumerate(values.get(text, []))]


@pytest.mark.parametrize(
    ("expr", "values", "value", "limit"),
    [
        ("a > 3", [1, 2.5], 2.5, 3),
        ("a >= 3", [9, 2], 9, 3),
        ("a < 3", [5, 8], 5, 3),
        ("a <= 3", [2, 8], 2, 3),
        ("a == 0", [7, 1, 4], 1, 0),
        ("a != 1", [1], 1, 1),
        ("a > (3)", [float("nan"), 2], 2, 3),
    ],
)
def test_the_nearest_value_is_the_one_that_fires_first(
    expr: str, values: list[float], value: float, limit: float
) -> None:
    (found,) = conditions(expr, answers(a=values))
    assert (found.value, found.limit, found.values, found.series) == (value, limit, len(values), 0)


def test_a_limit_that_is_a_series_is_the_lowest_that_would_be_passed() -> None:
    (found,) = conditions("a > b", answers(a=[4], b=[9, 6], **{"a > b": []}))
    assert (found.value, found.limit) == (4, 6)


def test_a_comparison_without_data_has_no_value() -> None:
    (found,) = conditions("a > 3", answers())
    assert (found.values, found.value, found.limit) == (0, None, None)


def test_the_parts_of_an_expression_are_a_tree() -> None:
    found = conditions("(a > 1 and b > 2 and on (x) c > 3) unless d or absent(e)", answers(e=[1]))
    assert [one.branch + one.head for one in found] == [
        "or",
        "├─ unless",
        "│  ├─ and on (x)",
        "│  │  ├─ a > 1",
        "│  │  ├─ b > 2",
        "│  │  └─ c > 3",
        "│  └─ d",
        "└─ absent(e)",
    ]
    assert found[-1].values == 1, "absent tells how many there are of what it looks for"


@pytest.mark.parametrize("rule", pack_alerts(compile_rules(find_pack(), Config())), ids=lambda rule: rule.title)
def test_every_alert_of_the_pack_is_taken_apart(rule: AskedAlert) -> None:
    assert all(one.series == 0 for one in conditions(rule.expr, answers()))


def test_an_alert_is_chosen_by_its_name_and_its_slo() -> None:
    rules = [AskedAlert("Burn", "x > 1", "0s", {"slo": slo, "tier": "1h"}, {}) for slo in ("pull", "push")]
    other = [AskedAlert("Other", "y > 1", "0s", {}, {})]
    assert [one.title for one in chosen_alerts("Burn", "push", rules, other)] == ["Burn push 1h"]
    assert len(chosen_alerts("Burn", None, rules, other)) == 2
    assert chosen_alerts("Other", None, rules, other) == other
    for name, slo, words in (("Burm", None, "did you mean Burn"), ("Burn", "pul", "did you mean pull")):
        with pytest.raises(RulesError) as wrong:
            chosen_alerts(name, slo, rules, other)
        assert words in str(wrong.value)
