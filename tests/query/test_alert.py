"""Alerts taken apart: which conditions there are, and which value is nearest to firing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.config import Config
from regobs.errors import RulesError
from regobs.pack import find_pack
from regobs.query.alert import AskedAlert, Series, alert_list, chosen_alerts, conditions, pack_alerts
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


@pytest.mark.parametrize(
    ("a", "b", "nearest"),
    [
        ([4], [9, 6], (4, 9)),  # the 6 is of another series
        ([4, 1], [9, 6], (4, 9)),
        ([4, 2], [9, 6], (2, 6)),
        ([4, 7], [9, 6], (7, 6)),
        ([float("nan"), 2], [1, 6], (2, 6)),
        ([float("inf"), 2], [float("inf"), 6], (float("inf"), float("inf"))),
    ],
)
def test_a_limit_that_is_a_series_is_that_of_the_same_labels(
    a: list[float], b: list[float], nearest: tuple[float, float]
) -> None:
    (found,) = conditions("a > b", answers(a=a, b=b))
    assert (found.value, found.limit, found.values) == (*nearest, len(a))


def test_a_limit_of_no_series_of_the_left_is_none() -> None:
    (found,) = conditions("a > b", lambda text: [({"i": text}, 1.0)] if text in {"a", "b"} else [])
    assert (found.values, found.value, found.limit) == (1, None, None)


@pytest.mark.parametrize(
    ("expr", "nearest"),
    [
        ("a > on (x) group_left () b", (3, 5)),
        ("a > ignoring (y, z) group_left () b", (3, 5)),
        ("a > scalar(b)", (9, 5)),
    ],
)
def test_labels_are_matched_as_the_operator_says(expr: str, nearest: tuple[float, float]) -> None:
    known: dict[str, Series] = {
        "a": [({"__name__": "a", "x": "1", "y": "1"}, 3.0), ({"x": "2", "y": "1"}, 9.0)],
        "b": [({"__name__": "b", "x": "1", "z": "1"}, 5.0)],
        "scalar(b)": [({}, 5.0)],
    }
    (found,) = conditions(expr, lambda text: known.get(text, []))
    assert (found.value, found.limit) == nearest


def rule(name: str, severity: str, summary: str) -> AskedAlert:
    return AskedAlert(name, "up", "0s", {"severity": severity}, {"summary": summary})


def test_the_list_has_what_all_rules_of_an_alert_say_and_no_template() -> None:
    found = alert_list(
        [
            rule("Burn", "page", 'Budget of "Pulls" burns at {{ $value | printf "%.1f" }} times'),
            rule("Burn", "ticket", 'Budget of "Pushes of a layer" burns at {{ $value | printf "%.1f" }} times'),
            rule("Burn", "page", 'Budget of "Pulls" burns at {{ $value | printf "%.1f" }} times'),
            rule("Full", "page", "{{ $labels.instance }} is full."),
            rule("Odd", "ticket", "one"),
            rule("Odd", "ticket", "two"),
        ]
    )
    assert found == [
        ["Burn", "page, ticket", "Budget of ... burns at ... times"],
        ["Full", "page", "... is full."],
        ["Odd", "ticket", "..."],
    ]


def test_an_alert_that_the_settings_leave_out_is_among_the_names_that_may_be_meant() -> None:
    with pytest.raises(RulesError) as caught:
        chosen_alerts("Redis", None, [rule("Registry", "page", "")], left_out={"Rediss": "redis is off"})
    assert caught.value.next_step == "did you mean Rediss?"


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
