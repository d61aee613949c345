"""What Alertmanager refuses, inhibitions that inhibit nothing or too much, and labels that are misspelt."""

from __future__ import annotations

from textwrap import indent

import pytest

from regobs.lint import LintReport, lint_text

TAIL = "receivers: [{name: tickets}, {name: pager}]\n"
OK = "receiver: tickets"
RULES = """\
groups:
- name: pool
  rules:
  - {alert: PoolFull, expr: up == 0, labels: {severity: page, sevrity: a}}
---
"""


def lint(text: str) -> LintReport:
    return lint_text(text, "alertmanager.yaml", ".yaml")


def whats(report: LintReport, check: str) -> list[str]:
    return [one.what for one in report.findings if one.check == check]


def route(fields: str, tail: str = TAIL) -> LintReport:
    """Of a configuration with a first route of these fields."""
    return lint(f"route:\n{indent(fields, '  ')}\n{tail}")


def below(fields: str, tail: str = TAIL) -> LintReport:
    """Of a configuration with one route below the first."""
    return route(f"{OK}\nroutes:\n- {indent(fields, '  ').lstrip()}", tail)


REFUSED = {
    "no such receiver": ("receiver: ticket", "receiver: tickets", "there is no receiver ticket"),
    "no receiver": ("group_by: [job]", f"{OK}\ngroup_by: [job]", "the first route has no receiver"),
    "matchers at the top": (
        f"{OK}\nmatchers: [a=b]", f"{OK}\nmatchers: []", "the first route takes every alert, and can have no matchers",
    ),
    "a label twice": (f"{OK}\ngroup_by: [job, job]", f"{OK}\ngroup_by: [job]", "job is there twice"),
    "all labels and one": (
        f"{OK}\ngroup_by: ['...', job]", f"{OK}\ngroup_by: ['...']", "... stands for all labels, beside others",
    ),
    "a text for a list": (f"{OK}\ngroup_by: job", f"{OK}\ngroup_by: [job]", "group_by is no list"),
    "no duration": (f"{OK}\ngroup_wait: 30", f"{OK}\ngroup_wait: 30s", "30 is no duration"),
    "a wait of words": (f"{OK}\ngroup_wait: 5 minutes", f"{OK}\ngroup_wait: 0s", "5 minutes is no duration"),
    "zero": (f"{OK}\ngroup_interval: 0s", f"{OK}\ngroup_interval: 1s", "group_interval is zero"),
    "zero without a unit": (f"{OK}\nrepeat_interval: 0", f"{OK}\nrepeat_interval: 1s", "0 is no duration"),
    "told before it is looked at": (
        f"{OK}\ngroup_interval: 5m\nrepeat_interval: 4m", f"{OK}\ngroup_interval: 5m\nrepeat_interval: 5m",
        "alerts are to be told again before their group is looked at again",
    ),
    "a field that is nearly one": (f"{OK}\ngroupby: [job]", f"{OK}\nnewer: [job]", "there is no field groupby"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "right", "what"), REFUSED.values(), ids=REFUSED)
def test_what_alertmanager_refuses_of_its_first_route_is_said(wrong: str, right: str, what: str) -> None:
    assert whats(route(wrong), "broken-routing") == [what]
    assert whats(route(right), "broken-routing") == []


BELOW = {
    "no such receiver": ("receiver: pgaer", "receiver: pager", "there is no receiver pgaer"),
    "no such interval": (
        "mute_time_intervals: [nigths]", "mute_time_intervals: [nights]", "there is no time interval nigths",
    ),
    "no operator": ("matchers: [severity page]", "matchers: [severity=page]", "'severity page' is no matcher"),
    "two equal signs": (
        "matchers: ['severity==\"page\"']", "matchers: ['severity=\"page\"']", "'severity==\"page\"' is no matcher",
    ),
    "a colon": ("matchers: ['severity:page']", "matchers: ['{severity=page}']", "'severity:page' is no matcher"),
    "only a name": ("matchers: [severity]", "matchers: ['severity!=\"\"']", "'severity' is no matcher"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "right", "what"), BELOW.values(), ids=BELOW)
def test_what_it_refuses_of_a_route_below_is_said(wrong: str, right: str, what: str) -> None:
    tail = f"{TAIL}time_intervals: [{{name: nights, time_intervals: []}}]\n"
    assert whats(below(wrong, tail), "broken-routing") == [what]
    assert whats(below(right, tail), "broken-routing") == []


def test_a_receiver_that_is_there_twice_is_said_at_its_second_place() -> None:
    (one,) = route(OK, "receivers:\n- name: tickets\n- name: tickets\n").findings
    assert (one.check, one.line, one.column) == ("broken-routing", 5, 9)


def test_a_part_of_a_configuration_and_templates_are_not_held_against_receivers() -> None:
    assert not route("receiver: anything", "").findings
    assert not route("receiver: '{{ receiver }}'").findings
    assert not route("receiver: $RECEIVER").findings


def test_the_operator_puts_the_route_of_its_object_below_another_one() -> None:
    head = "kind: AlertmanagerConfig\nspec:\n  receivers: [{name: a}]\n  route: "
    assert not lint(f"{head}{{receiver: a, matchers: [{{name: b, value: c}}]}}\n").findings
    assert whats(lint(f"{head}{{receiver: b, groupBy: [job, job], groupWait: 30}}\n"), "broken-routing") == [
        "there is no receiver b",
        "job is there twice",
        "30 is no duration",
    ]


def inhibit(fields: str) -> LintReport:
    return route(OK, f"{TAIL}inhibit_rules:\n- {indent(fields, '  ').lstrip()}\n")


PAGE, TICKET = '[severity="page"]', '[severity="ticket"]'


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (f"source_matchers: {PAGE}\ntarget_matchers: {PAGE}", f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}"),
        (f"source_matchers: {PAGE}\ntarget_match: {{severity: page}}",
         f"source_matchers: {PAGE}\ntarget_match_re: {{severity: page|ticket}}"),
        (f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}\nequal: [severity]",
         f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}\nequal: [job]"),
        ("source_matchers: [alertname=A]\ntarget_matchers: ['alertname=~\"B|C\"']\nequal: [alertname]",
         "source_matchers: [alertname=A]\ntarget_matchers: ['alertname=~\"A|C\"']\nequal: [alertname]"),
        ("source_matchers: [a=b]\ntarget_matchers: [a!=b]\nequal: [a]",
         "source_matchers: [a=b]\ntarget_matchers: [a!=c]\nequal: [a]"),
    ],
)  # fmt: skip
def test_an_inhibition_that_inhibits_nothing_is_found(wrong: str, right: str) -> None:
    assert len(whats(inhibit(wrong), "dead-inhibition")) == 1
    assert whats(inhibit(right), "dead-inhibition") == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("target_matchers: [team=a]", "source_matchers: [alertname=B]\ntarget_matchers: [team=a]"),
        ("target_matchers: ['alertname=~\"A.*\"']", "target_matchers: [alertname=A]"),
        ("target_match: {severity: info}", "target_match: {alertname: InfoInhibitor}"),
        ("source_matchers: [alertname=A]\ntarget_matchers: []", "source_match: {a: b}\ntarget_match: {a: c}"),
        (f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}",
         f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}\nequal: [job]"),
        (f"source_matchers: {PAGE}\ntarget_matchers: {TICKET}\nequal: []",
         f"source_matchers: [severity=page, alertname=A]\ntarget_matchers: {TICKET}"),
        (f"source_matchers: {PAGE}\ntarget_matchers: ['level=~\"a|b\"']",
         f"source_matchers: {PAGE}\ntarget_matchers: [team=a]"),
    ],
)  # fmt: skip
def test_an_inhibition_of_everything_is_found(wrong: str, right: str) -> None:
    assert len(whats(inhibit(wrong), "broad-inhibition")) == 1
    assert whats(inhibit(right), "broad-inhibition") == []


def test_a_field_of_an_inhibition_that_is_nearly_one_is_said() -> None:
    fields = f"source_matcher: {PAGE}\ntarget_matchers: {TICKET}\nequal: [job]"
    assert whats(inhibit(fields), "broken-routing") == ["there is no field source_matcher"]


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("alertnmae", "alertname"), ("alertnam", "alertname"), ("allertname", "alertname"), ("alertnane", "alertname"),
        ("clutser", "cluster"), ("severty", "severity"), ("jbo", "job"), ("namepsace", "namespace"),
    ],
)  # fmt: skip
def test_a_label_of_a_slip_is_found_in_groups_matchers_and_equal(label: str, meant: str) -> None:
    reports = (
        route(f"{OK}\ngroup_by: [{label}]"),
        below(f"group_by: [alertname, {label}]"),
        below(f"matchers: [{label}=a]"),
        inhibit(f"source_matchers: [a=b]\ntarget_matchers: [a=c]\nequal: [{label}]"),
    )
    for report in reports:
        (one,) = [one for one in report.findings if one.check == "misspelt-label"]
        assert (one.what, one.next_step) == (f"no alert has a label {label}", f"did you mean {meant}?")


@pytest.mark.parametrize(
    "label",
    [
        "alertname",
        "job",
        "jobs",
        "nodes",
        "clusters",
        "mode",
        "tier",
        "zones",
        "bob",
        "site",
        "shard",
        "...",
        "servers",
        "cluster2",
        "alert_name",
    ],
)
def test_a_label_that_may_be_another_one_is_passed_over(label: str) -> None:
    assert whats(route(f"{OK}\ngroup_by: ['{label}']"), "misspelt-label") == []


def test_a_label_that_an_alert_beside_it_has_is_no_slip() -> None:
    config = f"route:\n  {OK}\n  group_by: [sevrity]\n{TAIL}"
    assert whats(lint(config), "misspelt-label") == ["no alert has a label sevrity"]
    assert whats(lint(RULES + config), "misspelt-label") == []


def test_a_route_behind_one_that_takes_all_its_alerts_is_found() -> None:
    def dead(first: str, second: str) -> list[str]:
        return whats(route(f"{OK}\nroutes:\n- {first}\n- {second}"), "dead-route")

    found = ["a route before this one takes all alerts of this one"]
    assert dead("matchers: [a=b]", "matchers: [a=b]") == found
    assert dead("matchers: [a=b]", "matchers: [a=b, c=d]") == found
    assert dead("matchers: ['a=~\"b|c\"']", "match: {a: b}") == found
    assert dead("matchers: [a!=c]", "matchers: [a=b]") == found
    assert dead("matchers: [a=b, c=d]", "matchers: [a=b]") == []
    assert dead("matchers: ['a=~\"b|c\"']", "matchers: [a=d]") == []
    assert dead("matchers: ['a=~\"b|c\"']", "matchers: ['a=~\"b|d\"']") == []
    assert dead("{matchers: [a=b], continue: true}", "matchers: [a=b]") == []
    assert dead("matchers: [a=b, broken]", "matchers: [a=b]") == []


def test_matchers_that_contradict_each_other_are_found_without_rules() -> None:
    found = ["no alert fits: a is b by another matcher"]
    assert whats(below("matchers: [a=b, a=c]"), "dead-route") == found
    assert whats(below("matchers: [a=b]\nroutes:\n- matchers: [a=c]"), "dead-route") == found
    assert whats(below("matchers: [a=b, 'a=~\"b|c\"']"), "dead-route") == []


@pytest.mark.parametrize(
    ("source", "said"),
    [("up == 0", 1), ("max_over_time(up[5m]) == 0", 1), ("a:b:sum == 0", 0), ("sum without (job) (up) == 0", 0)],
)
def test_what_is_scraped_has_an_instance_that_the_other_side_may_drop(source: str, said: int) -> None:
    rules = (
        f"groups:\n- name: g\n  rules:\n  - {{alert: Cause, expr: '{source}', labels: {{severity: page}}}}\n"
        "  - {alert: Effect, expr: 'sum by (job) (up) == 0', labels: {severity: ticket}}\n---\n"
    )
    fields = "source_matchers: [alertname=Cause]\n  target_matchers: [alertname=Effect]\n  equal: [instance]\n"
    report = lint(f"{rules}route: {{{OK}}}\n{TAIL}inhibit_rules:\n- {fields}")
    assert len(whats(report, "label-lost-before-routing")) == said


SHAPES = {
    "routes": (f"{OK}\nroutes: {{receiver: pager}}", f"{OK}\nroutes: []", "routes is no list"),
    "matchers": (f"{OK}\nroutes: [{{matchers: a=b}}]", f"{OK}\nroutes: [{{matchers: [a=b]}}]", "matchers is no list"),
    "match": (f"{OK}\nroutes: [{{match: [a=b]}}]", f"{OK}\nroutes: [{{match: {{a: b}}}}]", "match is no mapping"),
    "continue": (
        f"{OK}\nroutes: [{{matchers: [a=b], continue: 'yes'}}]", f"{OK}\nroutes: [{{matchers: [a=b], continue: true}}]",
        "continue is neither true nor false",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "right", "what"), SHAPES.values(), ids=SHAPES)
def test_a_field_of_another_shape_is_said(wrong: str, right: str, what: str) -> None:
    assert whats(route(wrong), "broken-routing") == [what]
    assert whats(route(right), "broken-routing") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"route: [{{{OK}}}]\n{TAIL}", ["route is no mapping"]),
        (f"route: {{{OK}}}\nreceivers: {{name: tickets}}\n", ["receivers is no list"]),
        (f"route: {{{OK}}}\n{TAIL}inhibit_rules: {{equal: [a]}}\n", ["inhibit_rules is no list"]),
        (f"route: {{{OK}}}\n{TAIL}inhibit_rules: [{{source_matchers: [a=b], target_matchers: [a=c], equal: job}}]\n",
         ["equal is no list"]),
        ("route: [1]\nreceivers: [a]\n", []),
        ("route: /path\n", []),
    ],
)  # fmt: skip
def test_a_configuration_of_another_shape_is_said(text: str, said: list[str]) -> None:
    assert whats(lint(text), "broken-routing") == said


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("matchers: ['severity=\"page|ticket\"']", "matchers: ['severity=~\"page|ticket\"']"),
        ("match: {alertname: Pool.*}", "match_re: {alertname: Pool.*}"),
        ("match: {alertname: a|b}", "match: {path: a.b}"),
    ],
)
def test_a_pattern_that_is_compared_as_a_value_is_found(wrong: str, right: str) -> None:
    assert len(whats(below(wrong), "dead-route")) == 1
    assert whats(below(right), "dead-route") == []


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ("start_time: 09:00, end_time: 17:00", []),
        ("start_time: '00:00', end_time: '24:00'", []),
        ("start_time: '25:00', end_time: '26:00'", ["25:00 is no time of a day", "26:00 is no time of a day"]),
        ("start_time: '9:00', end_time: '24:01'", ["9:00 is no time of a day", "24:01 is no time of a day"]),
        ("start_time: '09:00', end_time: '08:00'", ["08:00 is not behind 09:00"]),
        ("start_time: '09:00', end_time: '09:00'", ["09:00 is not behind 09:00"]),
        ("start_time: '{{ begin }}', end_time: '09:00'", []),
    ],
)
def test_times_of_a_day_in_intervals_are_read(times: str, said: list[str]) -> None:
    intervals = f"time_intervals: [{{name: nights, time_intervals: [{{times: [{{{times}}}]}}]}}]\n"
    assert whats(lint(f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\n{intervals}"), "broken-routing") == said


DAYS = [  # as amtool 0.25 judges them
    ("weekdays", "mon", "monday"), ("weekdays", "friday:monday", "Monday:FRIDAY"),
    ("weekdays", "a:b:c", "sunday:saturday"), ("weekdays", "1", "saturday"),
    ("weekdays", "monday:", "monday"), ("months", "jan", "january"),
    ("months", "november:february", "november:december"), ("months", "3:1", "1:3"), ("months", "x", "13"),
    ("days_of_month", "0", "1"), ("days_of_month", "32", "31"), ("days_of_month", "-32", "-31"),
    ("days_of_month", "5:1", "1:5"), ("days_of_month", "-1:-5", "-5:-1"), ("days_of_month", "-1:5", "5:-1"),
    ("years", "x", "2030"), ("years", "2030:2020", "2020:2030"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "wrong", "right"), DAYS)
def test_days_that_alertmanager_refuses_are_said(key: str, wrong: str, right: str) -> None:
    def said(text: str) -> list[str]:
        interval = f"time_intervals: [{{name: a, time_intervals: [{{{key}: ['{text}']}}]}}]\n"
        return whats(route(OK, TAIL + interval), "broken-routing")

    assert len(said(wrong)) == 1
    assert said(right) == said("{{ .Values.day }}") == []


def test_days_that_yaml_reads_as_numbers_are_passed_over() -> None:
    interval = "time_intervals: [{name: a, time_intervals: [{days_of_month: [1:5, 7], years: [2030]}]}]\n"
    assert whats(route(OK, TAIL + interval), "broken-routing") == []


def test_a_time_interval_that_is_there_twice_is_said_at_its_second_place() -> None:
    for key in ("time_intervals", "mute_time_intervals"):
        first = "time_intervals: [{name: a, time_intervals: []}, {name: b, time_intervals: []}"
        second = ", {name: a, time_intervals: []}" if key == "time_intervals" else ""
        more = f"]\n{key}: [{{name: a, time_intervals: []}}]\n" if not second else f"{second}]\n"
        assert whats(route(OK, TAIL + first + more), "broken-routing") == ["a second time interval a"]
        assert whats(route(OK, f"{TAIL}{first}]\n"), "broken-routing") == []


def test_the_first_route_has_none_to_go_on_with() -> None:
    assert whats(route(f"{OK}\ncontinue: true"), "broken-routing")
    assert not whats(route(f"{OK}\ncontinue: false"), "broken-routing")
    assert not whats(below("matchers: [a=b]\ncontinue: true"), "broken-routing")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [('a="b', 'a="b"'), ('a=b"', "a=b"), ('a="b\\"', 'a="b\\""'), ('{a="b",c="d}', '{a="b",c="d"}'), ('a="', 'a=""')],
)
def test_a_matcher_with_a_quote_too_many_is_said(wrong: str, right: str) -> None:
    assert whats(below(f"matchers: ['{wrong}']"), "broken-routing") == [f"{wrong!r} is no matcher"]
    assert whats(below(f"matchers: ['{right}']"), "broken-routing") == []


def test_a_kind_of_receiver_that_is_nearly_one_is_said() -> None:
    for kind, said in (("webhok_configs", 1), ("webhook_configs", 0), ("newer_configs", 0)):
        tail = f"receivers: [{{name: tickets, {kind}: []}}]\n"
        assert len(whats(route(OK, tail), "broken-routing")) == said
