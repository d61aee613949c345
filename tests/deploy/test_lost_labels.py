"""A label that the results of a rule have no longer is told, whether the rule sets it or its query keeps it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from regobs.deploy.breaks import upgrade_breaks
from regobs.deploy.lost_labels import OF_ALERT, OF_SERIES, Rule
from regobs.deploy.rule_changes import rule_changes
from regobs.documents import dump_yaml

TOTAL = "registry_http_requests_total"
SERIES: Rule = {"record": "registry:requests:rate5m", "expr": f"sum by (route, code) (rate({TOTAL}[5m]))"}
ALERT: Rule = {"alert": "High", "expr": "registry:requests:rate5m > 5", "labels": {"severity": "page"}}


def files(*rules: Rule) -> dict[str, bytes]:
    return {"a.yaml": dump_yaml({"groups": [{"name": "a", "rules": list(rules)}]}).encode()}


def lost(old: Sequence[Rule], new: Sequence[Rule]) -> list[tuple[str, str]]:
    found = rule_changes(files(*old), files(*new))
    return [(one.thing, one.what.removeprefix("removed label ")) for one in found if "removed label" in one.what]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (f"sum by (route) (rate({TOTAL}[5m]))", f"sum by () (rate({TOTAL}[5m]))", ["route"]),
        (f"sum by (route) (rate({TOTAL}[5m]))", f"sum(rate({TOTAL}[5m]))", ["route"]),
        (f"sum by (route, code) (rate({TOTAL}[5m]))", f"sum by (code) (rate({TOTAL}[5m]))", ["route"]),
        (f"sum by (code) (rate({TOTAL}[5m]))", f"sum by (route, code) (rate({TOTAL}[5m]))", []),
        (f"sum by (route) (rate({TOTAL}[5m]))", f"avg by (route) (rate({TOTAL}[9m]))", []),
        (f"sum by (route, code) (rate({TOTAL}[5m]))", f"sum by (code, method) (rate({TOTAL}[5m]))", ["route"]),
        (f"rate({TOTAL}[5m])", f"sum without (route) (rate({TOTAL}[5m]))", ["route"]),
        (f"rate({TOTAL}[5m])", f"sum by (code) (rate({TOTAL}[5m]))", ["(all but code)"]),
        (f"rate({TOTAL}[5m])", f"sum(rate({TOTAL}[5m]))", ["(all)"]),
        ("sum by (a) (rate(mine_total[5m]))", "sum by (b) (rate(mine_total[5m]))", ["a"]),
        ("rate(mine_total[5m])", "sum by (b) (rate(mine_total[5m]))", ["(all but b)"]),
        ("rate(mine_total[5m])", "rate(mine_total[9m])", []),
        ("sum by (instance, a) (x)", "max without (b) (x)", []),  # whoever has b away keeps all others
        ("sum by (le, route) (rate(x_bucket[5m]))", "sum by (le) (rate(x_bucket[5m]))", ["route"]),
        ("topk by (a) (3, x) > 1", "sum by (a) (x) > 1", ["(all but a)"]),
        ("sum by (a, b) (x) / on (a) group_left () sum by (a) (y)", "sum by (a) (x) / sum by (a) (y)", ["b"]),
        ("sum by (a, b) (x) / on (a) group_left () sum by (a) (y)", "sum by (a, b) (x) / on (a) sum by (a, b) (y)", ["b"]),  # noqa: E501
        ("sum by (a) (x)", "sum by (a (x)", []),  # no PromQL: nothing is known of it
        ("sum by (a) (x)", 'label_replace(sum by (b) (x), "a", "$1", "b", "(.*)")', []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["record", "alert"])
def test_what_a_query_drops_is_told(kind: str, before: str, after: str, expected: list[str]) -> None:
    old, new = ({kind: "x_of_mine", "expr": text} for text in (before, after))
    assert lost([old], [new]) == [("x_of_mine", name) for name in expected]


def test_an_alert_loses_what_the_series_loses_that_it_reads() -> None:
    """Its own text is the same; so is that of the series between."""
    between = {"record": "registry:between", "expr": "max without (nothing) (registry:requests:rate5m)"}
    alert = {**ALERT, "expr": "registry:between > 5"}
    less = {**SERIES, "expr": f"sum by (code) (rate({TOTAL}[5m]))"}
    assert lost([SERIES, between, alert], [less, between, alert]) == [
        ("High", "route"),
        ("registry:between", "route"),
        ("registry:requests:rate5m", "route"),
    ]


def test_a_label_that_the_rule_sets_instead_is_there_still() -> None:
    less = {**SERIES, "expr": f"sum by (code) (rate({TOTAL}[5m]))"}
    assert lost([SERIES], [{**less, "labels": {"route": "all"}}]) == []
    labelled = {**SERIES, "labels": {"team": "registry"}}
    assert lost([labelled], [SERIES]) == [("registry:requests:rate5m", "team")]
    assert lost([{**ALERT, "expr": "unheard_of > 1"}], [{"alert": "High", "expr": "unheard_of > 1"}]) == [
        ("High", "severity")
    ]


def test_a_rule_that_is_renamed_too_is_told_what_it_loses() -> None:
    old, new = {**ALERT, "expr": "up == 0"}, {"alert": "Higher", "expr": "up == 0"}
    found = rule_changes(files(old), files(new))
    assert [(one.thing, one.what) for one in found] == [
        ("High", "alert renamed"),
        ("Higher", "removed label severity"),
    ]


def test_series_that_read_each_other_are_no_endless_search() -> None:
    a, b = {"record": "a", "expr": "b + 1"}, {"record": "b", "expr": "a + 1"}
    assert lost([a, b], [{**a, "expr": "sum by (x) (b)"}, b]) == [("a", "(all but x)"), ("b", "(all but x)")]


def test_an_upgrade_says_what_the_loss_breaks() -> None:
    def build(series: Rule) -> dict[str, bytes]:
        return {"prometheus/rules/a.yaml": files(series, ALERT)["a.yaml"], "dashboards/a.json": json.dumps({}).encode()}

    found = upgrade_breaks(build(SERIES), build({**SERIES, "expr": f"sum(rate({TOTAL}[5m]))"}))
    assert [(one.kind, one.name, one.breaks) for one in found] == [
        ("label", "code of High", OF_ALERT),
        ("label", "route of High", OF_ALERT),
        ("label", "code of registry:requests:rate5m", OF_SERIES),
        ("label", "route of registry:requests:rate5m", OF_SERIES),
    ]
    assert str(found[0]) == f"label code of High is gone: {OF_ALERT}"


@pytest.mark.parametrize("count", [500, 1000])
def test_a_chain_of_series_is_followed_in_linear_time(count: int) -> None:
    chain = [{"record": f"s{number}", "expr": f"s{number + 1} * 2"} for number in range(count)]
    ends = [{"record": f"s{count}", "expr": f"sum by ({names}) (x)"} for names in ("a, b", "a")]
    begin = time.perf_counter()
    assert len(lost([*chain[::-1], ends[0]], [*chain[::-1], ends[1]])) == count + 1
    assert lost([*chain, ends[0]], [*chain, ends[1]])  # as far as anybody stacks series
    assert time.perf_counter() - begin < count / 50
