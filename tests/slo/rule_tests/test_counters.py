"""The counters of generated tests: nothing that a selector asks for goes unasked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from regobs.config import Config, LabelNames
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.walk import selectors
from regobs.slo.model import Ratio, Slo
from regobs.slo.outputs import compile_rules
from regobs.slo.recording import bound, selector_of
from regobs.slo.rule_tests.counters import FedCounter, Role, counters
from tests.slo.packs import BUNDLED, CONFIGS, GITLAB

MATCHERS = (Matcher("job", MatchOp.EQUAL, "registry"), Matcher("env", MatchOp.NOT_REGEX, "dev|test"))
SCOPED = replace(GITLAB, labels=LabelNames(environment="env"), matchers=MATCHERS)
CASES = {**CONFIGS, "scoped": SCOPED}


def ratios(config: Config) -> list[Slo]:
    """The SLOs that this registry can have and whose events are counted."""
    found = [one.slo for one in compile_rules(BUNDLED, config).slos]
    return [slo for slo in found if isinstance(slo.indicator, Ratio)]


every_case = pytest.mark.parametrize(
    ("slo", "config"),
    [pytest.param(slo, config, id=f"{slo.name}-{name}") for name, config in CASES.items() for slo in ratios(config)],
)


def test_every_registry_has_slos_of_counted_events() -> None:
    assert {name: len(ratios(config)) > 10 for name, config in CASES.items()} == dict.fromkeys(CASES, True)


def matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.label, "")
    equal = value == matcher.value if matcher.op in "=!=" else re.fullmatch(matcher.value, value) is not None
    return equal == (matcher.op in {MatchOp.EQUAL, MatchOp.REGEX})


def read_by(node: Selector, found: list[FedCounter]) -> list[FedCounter]:
    return [one for one in found if one.series == node.metric and all(matches(m, one.labels) for m in node.matchers)]


def selector(slo: Slo, config: Config, *, part: bool) -> Selector:
    assert isinstance(slo.indicator, Ratio)
    source = slo.indicator.part if part else slo.indicator.total
    return next(selectors(bound(selector_of(source), config)))


@every_case
def test_the_selectors_read_their_events_and_no_others(slo: Slo, config: Config) -> None:
    found = counters(slo, config)
    total = {one.role for one in read_by(selector(slo, config, part=False), found)}
    part = {one.role for one in read_by(selector(slo, config, part=True), found)}
    assert isinstance(slo.indicator, Ratio)
    if slo.sli == "availability":
        assert (total, part) == ({Role.GOOD, Role.BAD}, {Role.BAD if slo.indicator.part_is_bad else Role.GOOD})
    else:
        assert (total, part) == ({Role.ALL}, {Role.GOOD})


@every_case
def test_a_selector_that_loses_a_matcher_reads_something_else(slo: Slo, config: Config) -> None:
    found = counters(slo, config)
    for part in (False, True):
        node = selector(slo, config, part=part)
        for matcher in node.matchers:
            less = replace(node, matchers=tuple(one for one in node.matchers if one != matcher))
            assert read_by(less, found) != read_by(node, found), matcher


@every_case
def test_a_selector_that_loses_an_alternative_reads_less(slo: Slo, config: Config) -> None:
    found = counters(slo, config)
    node = selector(slo, config, part=False)
    for matcher in node.matchers:
        alternatives = matcher.value.split("|") if matcher.op is MatchOp.REGEX else []
        for alternative in alternatives:
            rest = "|".join(one for one in alternatives if one != alternative)
            less = tuple(replace(m, value=rest) if m == matcher else m for m in node.matchers)
            if rest:
                assert read_by(replace(node, matchers=less), found) != read_by(node, found), alternative


@every_case
def test_shares_of_a_role_add_up_to_the_whole(slo: Slo, config: Config) -> None:
    node = selector(slo, config, part=True)
    shares = [1 / one.parts for one in read_by(node, counters(slo, config))]
    assert sum(shares) == pytest.approx(1)
