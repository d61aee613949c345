from __future__ import annotations

from dataclasses import replace

import pytest

from regobs.config import Config
from regobs.doctor.diagnosis import diagnose
from regobs.doctor.facts import Up
from regobs.doctor.loading import LOAD, LOAD_RULER
from regobs.doctor.problems import problems
from regobs.doctor.questions import RuleQuestion
from regobs.doctor.rules import differs, examine_rules, loaded, told_of_rules
from regobs.doctor.verdict import Status
from regobs.prometheus.state import LoadedRule
from regobs.promql.parse import parse
from tests.doctor.world import IN_FLIGHT, TARGET, facts, gitlab, rule, without

TEXT = f'sum({IN_FLIGHT}{{job="registry"}}) > 5'
ASKED = RuleQuestion("alerting", "Crowded", "g", parse(TEXT), {"severity": "page"})


def alert(**changes: object) -> LoadedRule:
    found = rule("Crowded", TEXT, kind="alerting", labels={"severity": "page", "extra": "x"}, state="inactive")
    return replace(found, **changes)  # type: ignore[arg-type]


def test_a_loaded_alert_with_input_works_and_has_its_state() -> None:
    for state in ("inactive", "pending", "firing"):
        (found,) = examine_rules(facts(rules={"Crowded": (alert(state=state),)}), gitlab(), [ASKED])
        assert (found.verdict.status, found.state, found.labels) == (Status.DATA, state, {"severity": "page"})


def test_an_alert_that_is_not_loaded_is_a_fault() -> None:
    (found,) = examine_rules(facts(), gitlab(), [ASKED])
    assert (found.verdict.status, found.state) == (Status.EMPTY, "")
    assert "not loaded" in found.verdict.reason
    assert "rule_files" in found.verdict.change


@pytest.mark.parametrize("other", [{"labels": {"severity": "ticket"}}, {"kind": "recording"}])
def test_a_rule_of_other_labels_or_kind_is_not_taken_for_it(other: dict[str, object]) -> None:
    known = facts(rules={"Crowded": (alert(**other),)})
    assert loaded(known, ASKED) == ()
    assert loaded(facts(rules={"Crowded": (alert(),)}), ASKED) == (alert(),)


def test_an_alert_whose_evaluation_fails_is_an_error() -> None:
    known = facts(rules={"Crowded": (alert(health="err", last_error="many-to-many"),)})
    (found,) = examine_rules(known, gitlab(), [ASKED])
    assert (found.verdict.status, "many-to-many" in found.verdict.reason) == (Status.ERROR, True)


def test_an_alert_without_input_can_never_fire_and_says_why() -> None:
    known = without(IN_FLIGHT, rules={"Crowded": (alert(),)}, up=(Up(TARGET, healthy=False),))
    (found,) = examine_rules(known, gitlab(), [ASKED])
    assert (found.verdict.status, "is down" in found.verdict.reason) == (Status.EMPTY, True)


def test_an_alert_that_was_not_evaluated_yet_is_quiet() -> None:
    known = facts(rules={"Crowded": (alert(last_evaluation=None),)})
    assert examine_rules(known, gitlab(), [ASKED])[0].verdict.status is Status.QUIET


def test_a_server_that_shows_no_rules_is_judged_by_the_input_alone() -> None:
    assert examine_rules(facts(rules=None), gitlab(), [ASKED])[0].verdict.status is Status.DATA
    assert examine_rules(without(IN_FLIGHT, rules=None), gitlab(), [ASKED])[0].verdict.status is Status.EMPTY


RECORDING = RuleQuestion("recording", "registry:slo_events:increase5m", "g", parse(TEXT))


def test_rules_whose_series_are_here_and_that_are_not_loaded_run_elsewhere() -> None:
    written = facts(live=facts().live | {RECORDING.name})
    known = told_of_rules(written, [ASKED, RECORDING], lambda: "never asked")
    assert (known.elsewhere, known.rules) == (True, None)
    found = examine_rules(known, gitlab(), [ASKED, RECORDING])
    assert {(one.verdict.status, one.verdict.change) for one in found} == {(Status.DATA, "")}
    assert "evaluated elsewhere" in found[0].verdict.reason
    [problem] = problems(known, gitlab(), Config(), [ASKED, RECORDING])
    assert "they are evaluated elsewhere" in problem.text
    assert "rule_files" not in problem.change
    other = diagnose(known, gitlab(), parse("registry:slo_bad_events:increase5m"))
    assert "others of this build are written here" in other.reason
    assert "rule_files" not in other.change


def test_rules_that_run_nowhere_are_loaded_as_this_kind_of_server_wants_it() -> None:
    known = told_of_rules(facts(), [ASKED, RECORDING], lambda: LOAD_RULER)
    assert not known.elsewhere
    assert examine_rules(known, gitlab(), [ASKED])[0].verdict.change == LOAD_RULER
    assert [one.change for one in problems(known, gitlab(), Config(), [ASKED])] == [LOAD_RULER]
    assert diagnose(known, gitlab(), parse(RECORDING.name)).change == LOAD_RULER


def test_a_server_with_some_rules_of_the_build_evaluates_them_itself() -> None:
    some = facts(live=facts().live | {RECORDING.name}, rules={"Crowded": (alert(),)})
    known = told_of_rules(some, [ASKED, RECORDING], lambda: LOAD)
    assert (known.elsewhere, known.rules) == (False, some.rules)
    all_of_them = told_of_rules(some, [ASKED], lambda: "never asked")
    assert all_of_them is some


def test_another_expression_differs_and_another_spelling_does_not() -> None:
    assert not differs(gitlab(), ASKED, alert(query=f'(sum ( {IN_FLIGHT}{{job="registry"}} ))  >  5'))
    ours = RuleQuestion("alerting", "A", "g", parse('sum by () (a{z="1",b="2"})'))
    assert not differs(gitlab(), ours, alert(query='sum(a{b="2",z="1"})'))
    assert differs(gitlab(), ours, alert(query='sum by (z) (a{b="2",z="1"})'))
    assert differs(gitlab(), ASKED, alert(query=TEXT.replace("5", "6")))
    assert differs(gitlab(), ASKED, alert(query="this is no PromQL"))
