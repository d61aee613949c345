"""The counters of generated tests: nothing that a selector asks for goes unasked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from regobs.config import Config, LabelNames
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.walk import selectors
from regobs.slo.counters import Counter, Role, counters
from regobs.slo.model import Slo
from regobs.slo.recording import bound, selector_of
from regobs.slo.spec import read_slos
from tests.slo.packs import BUNDLED, CONFIGS, GITLAB

MATCHERS = (Matcher("job", MatchOp.EQUAL, "registry"), Matcher("env", MatchOp.NOT_REGEX, "dev|test"))
SCOPED = replace(GITLAB, labels=LabelNames(environment="env"), matchers=MATCHERS)
CASES = {**CONFIGS, "scoped": SCOPED}
SLOS = {slo.name: slo for slo in read_slos(BUNDLED, GITLAB)}
every_case = pytest.mark.parametrize(
    ("slo", "config"),
    [pytest.param(slo, config, id=f"{slo.name}-{name}") for slo in SLOS.values() for name, config in CASES.items()],
)


def matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.label, "")
    equal = value == matcher.value if matcher.op in "=!=" else re.fullmatch(matcher.value, value) is not None
    return equal == (matcher.op in {MatchOp.EQUAL, MatchOp.REGEX})


def read_by(node: Selector, found: list[Counter]) -> list[Counter]:
    return [one for one in found if one.series == node.metric and all(matches(m, one.labels) for m in node.matchers)]


def selector(slo: Slo, config: Config, *, part: bool) -> Selector:
    return next(selectors(bound(selector_of(slo.part if part else slo.total), config)))


@every_case
def test_the_selectors_read_their_events_and_no_others(slo: Slo, config: Config) -> None:
    found = counters(slo, config)
    total = {one.role for one in read_by(selector(slo, config, part=False), found)}
    part = {one.role for one in read_by(selector(slo, config, part=True), found)}
    if slo.sli == "availability":
        assert (total, part) == ({Role.GOOD, Role.BAD}, {Role.BAD})
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
