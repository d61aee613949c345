"""What the generated tests of all rules cost promtool, counted in what it does: no machine is quick or busy in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from regobs.config import Config
from regobs.promql.durations import read_duration
from regobs.slo import outputs
from tests.slo.packs import BUNDLED, CONFIGS

Json = dict[str, Any]
RULES, TESTS = "prometheus/rules/", "prometheus/tests/"
# A rule is evaluated in about 0.2 ms. A test group costs as much as its rules once more, which it reads anew, and as 30
# of them for a database of its own. So this is about a minute of one processor. All tests of GitLab's flavor once cost
# half as much again.
BUDGET = 325_000
OF_A_GROUP = 30


def ms(text: str) -> int:
    found = read_duration(text) if text != "0" else None
    return found.ms if found else 0


def costs(config: Config) -> Iterator[tuple[str, int]]:
    """Each test file with the evaluations of rules that promtool makes for it."""
    files = outputs.files(BUNDLED, config)
    rules = {
        name.removeprefix(RULES): sum(len(group["rules"]) for group in yaml.load(data, yaml.CSafeLoader)["groups"])
        for name, data in files.items()
        if name.startswith(RULES)
    }
    for name, data in files.items():
        if not name.startswith(TESTS):
            continue
        test: Json = yaml.load(data, yaml.CSafeLoader)
        held = sum(rules[path.rpartition("/")[2]] for path in test["rule_files"])
        rounds = [last(group) // ms(test["evaluation_interval"]) + 1 for group in test["tests"]]
        yield name.removeprefix(TESTS), held * (sum(rounds) + len(rounds)) + OF_A_GROUP * len(rounds)


def last(group: Json) -> int:
    """The time in ms up to which a test group is evaluated."""
    asked = [*group.get("promql_expr_test", ()), *group.get("alert_rule_test", ())]
    return max(ms(one["eval_time"]) for one in asked)


@pytest.mark.parametrize("flavor", CONFIGS)
def test_all_generated_tests_together_take_promtool_less_than_a_minute(flavor: str) -> None:
    found = sorted(costs(CONFIGS[flavor]), key=lambda one: -one[1])
    total = sum(cost for _, cost in found)
    assert total < BUDGET, f"{total}, most of it: {found[:10]}"


@pytest.mark.parametrize("flavor", CONFIGS)
def test_no_generated_test_file_is_more_than_a_twentieth_of_the_budget(flavor: str) -> None:
    assert [one for one in costs(CONFIGS[flavor]) if one[1] > BUDGET // 20] == []
