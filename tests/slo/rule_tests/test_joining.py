"""Parts of a test that follow each other in one group: what each feeds, when it asks, and where they stay apart."""

from __future__ import annotations

from typing import Any

from regobs.slo.model import Slo
from regobs.slo.rule_tests.bench import Bench
from regobs.slo.rule_tests.joining import one_after_another, silent_to_the_end
from tests.slo.packs import GITLAB, bundled_rules

Json = dict[str, Any]
RULES = bundled_rules()
SLO: Slo = RULES.slos[0].slo
BENCH = Bench(SLO, RULES.windows.of(SLO), GITLAB)
STEP = BENCH.minute


def part(values: dict[str, str], at: str, **more: list[Json]) -> Json:
    series = [{"series": name, "values": text} for name, text in values.items()]
    asked = [{"expr": "up", "eval_time": at, "exp_samples": []}]
    return BENCH.group("part", series, STEP, promql_expr_test=asked, **more)


def fed(group: Json) -> dict[str, str]:
    return {one["series"]: one["values"] for one in group["input_series"]}


def test_a_part_is_fed_and_asked_after_those_before_it() -> None:
    texts: list[Json] = [{"alertname": "A", "eval_time": "4m", "exp_alerts": []}]
    parts = [part({"a": "1+0x1"}, "4m"), part({"a": "2+0x0 3+0x0"}, "0s", alert_rule_test=texts)]
    (joined,) = one_after_another(BENCH, "both", parts)
    assert joined["name"] == f"{SLO.name}: both"
    assert fed(joined) == {"a": "1+0x1 2+0x0 3+0x0"}
    assert [one["eval_time"] for one in joined["promql_expr_test"]] == ["4m", "8m"]
    assert [one["eval_time"] for one in joined["alert_rule_test"]] == ["12m"]


def test_what_a_part_does_not_feed_ends_with_the_one_before() -> None:
    parts = [part({"a": "1+0x0"}, "0s"), part({"b": "5+0x1"}, "4m"), part({"a": "2+0x0"}, "0s")]
    (joined,) = one_after_another(BENCH, "three", parts)
    assert fed(joined) == {"a": "1+0x0 stale _ 2+0x0", "b": "stale 5+0x1 stale"}


def test_a_part_that_asks_once_more_than_it_feeds_sees_its_last_sample() -> None:
    (joined,) = one_after_another(BENCH, "two", [part({"a": "1+0x0"}, "4m"), part({"a": "2+0x0"}, "0s")])
    assert fed(joined) == {"a": "1+0x0 _ 2+0x0"}
    assert [one["eval_time"] for one in joined["promql_expr_test"]] == ["4m", "8m"]


def test_parts_stay_apart_where_the_first_would_be_older_than_the_longest_window_that_is_fed() -> None:
    most = BENCH.fed[-1].ms // STEP
    just, over = ([part({"a": f"1+0x{count - 2}"}, "0s"), part({"a": "2+0x0"}, "0s")] for count in (most, most + 1))
    assert len(one_after_another(BENCH, "just", just)) == 1
    assert one_after_another(BENCH, "over", over) == over


def test_a_part_alone_is_as_it_was() -> None:
    alone = [part({"a": "1+0x0"}, "0s")]
    assert one_after_another(BENCH, "one", alone) == alone
    assert one_after_another(BENCH, "none", []) == []


def test_a_silent_part_asks_at_its_last_evaluation_that_nothing_fires() -> None:
    (_, last) = silent_to_the_end(BENCH, part({"a": "1+0x2"}, "0s"))["promql_expr_test"]
    assert last == {"expr": 'ALERTS{alertstate="firing"}', "eval_time": "8m", "exp_samples": []}
