"""Tests of cause alerts: what the pack says of each becomes a test of promtool, in the deployment's names.

A file `<name>.test.yaml` beside `<name>.rules.yaml` maps an alert to cases. A case gives series, in the names and the
notation of values that promtool's documentation describes, and when the alert fires:

    RegistryRedisDown:
      - when: Redis is stopped and started again
        series: {'redis_up{instance="redis:9121"}': 1x8 0x12 1x20}
        fires: 3m to 5m

`fires` is `never`, `from 3m` (until the end) or `3m to 5m`: it does not fire just before the first time, it does at the
first and just before the last, and no more at the last. Just before is one step, two where the rule looks at a window:
Prometheus 3 leaves the oldest sample of a window out. `alerts: 2` says how many fire then: as many as there are
offenders. Without it any number will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from regobs.catalog.model import Exposer
from regobs.config import Config, Environment
from regobs.documents import Document, Steps, load_yaml, validate
from regobs.errors import PromqlError, RulesError
from regobs.pack import Pack
from regobs.promql.bind import bind
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Duration, Expr, Matcher, Selector
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import selectors
from regobs.slo.rule_files import RuleFile
from regobs.slo.rule_scope import OF_PODS, asks_absence, scoped, shows_pods, within
from regobs.slo.rule_tests.counters import accepted_samples, scope_labels

SUFFIX = ".test.yaml"
Json = dict[str, Any]
_FIRES = re.compile(r"never|from (?P<from>[0-9smhdw]+)|(?P<start>[0-9smhdw]+) to (?P<end>[0-9smhdw]+)")
_SEEN = 240_000  # ms: what was recorded at the evaluation before is still there; Prometheus looks back 5 minutes
_SELDOM = 4  # samples to an evaluation, at most
_CASE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["when", "series", "fires"],
    "properties": {
        "when": {"type": "string", "minLength": 1},
        "every": {"type": "string", "pattern": "^[0-9]+[smh]$", "description": "a step such as 1m"},
        "series": {
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
            "propertyNames": {"type": "string", "minLength": 1},
        },
        "fires": {
            "type": "string",
            "pattern": "^(never|from [0-9smhdw]+|[0-9smhdw]+ to [0-9smhdw]+)$",
            "description": "never, `from 3m` or `3m to 5m`",
        },
        "alerts": {"type": "integer", "minimum": 1, "description": "how many fire, one for each offender"},
    },
}
_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": "array", "minItems": 1, "items": _CASE},
}


@dataclass(frozen=True, slots=True)
class AlertCase:
    """One case of a test file; times in ms, `first` None where it never fires, `last` None where it does not end.

    `alerts` is how many fire, None where any number will do.
    """

    alert: str
    when: str
    series: tuple[tuple[str, str], ...]
    step: int
    first: int | None
    last: int | None
    alerts: int | None = None


@dataclass(frozen=True, slots=True)
class AlertCases:
    """The cases that stand beside one rule file, whose `name` they have."""

    name: str
    document: Document
    cases: tuple[AlertCase, ...]


def read_alert_cases(pack: Pack) -> tuple[AlertCases, ...]:
    """The test files of a pack. Raises RulesError with a place."""
    return tuple(AlertCases(name, document, tuple(_cases(document))) for name, document in _documents(pack))


def alert_test_files(tests: Iterable[AlertCases], files: Iterable[RuleFile], config: Config) -> dict[str, Json]:
    """Test files of promtool by name, as data, of the rule files that have cases. Raises RulesError with a place.

    Without the alerts that look further back here than their cases know of: see `untested`.
    """
    files = list(files)
    left_out = untested(files)
    found: dict[str, Json] = {}
    named: dict[tuple[str, str], str] = {}
    built = {file.name: file for file in files}
    for test in tests:
        rules = [rule for group in getattr(built.get(test.name), "groups", ()) for rule in group["rules"]]
        alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
        recorded = {rule["record"] for rule in rules if "record" in rule}
        for case in test.cases:
            rule = alerts.get(case.alert) if case.alert not in left_out else None
            fed = _fed(case, rule, test.document, config, named) if rule else None
            if rule and fed is not None:
                every = _evaluated_every(case, rule, recorded)
                file = found.setdefault(f"{test.name}.{_text(every)}{SUFFIX}", _file(built[test.name], every))
                times = len(_environments(rule, config))
                whole = len(fed) == times * len(case.series)
                file["tests"].append(_group(case, rule, fed, case.alerts * times if case.alerts and whole else None))
    return found


def untested(files: Iterable[RuleFile]) -> set[str]:
    """Alerts whose windows, or those of a rule that they read, are wider here than written: they fire at other times.

    That is so where scrapes are further apart than the 15 seconds that cases are written for.
    """
    files = list(files)
    rules = [rule for file in files for group in file.groups for rule in group["rules"]]
    read = [(_name(rule), _rules_read(parse(rule["expr"]))) for rule in rules]
    more = found = set[str]().union(*(file.widened for file in files))
    while more:
        more = {name for name, names in read if names & more} - found
        found = found | more
    return found & {rule["alert"] for rule in rules if "alert" in rule}


def _name(rule: Json) -> str:
    return str(rule.get("alert", rule.get("record")))


def _rules_read(expr: Expr) -> set[str]:
    """The names of the recorded series and of the alerts that an expression reads."""
    nodes = list(selectors(expr))
    alerts = (matcher.value.split("|") for node in nodes for matcher in node.matchers if matcher.label == "alertname")
    return {str(node.metric) for node in nodes}.union(*alerts)


def _evaluated_every(case: AlertCase, rule: Json, recorded: set[str]) -> int:
    """How often the rules of a case are evaluated, in ms: as often as samples come, so long cases cost no more.

    Where nothing fires, there is no edge to see: up to four times as seldom, if the alert is still evaluated twice
    while it would be pending, what is fed stays as it is for that long, and no rule records what the alert adds up.
    """
    if case.first is not None or recorded & {str(one.metric) for one in selectors(parse(rule["expr"]))}:
        return case.step
    hold = read_duration(rule["for"])
    parts = (_length(word) for _, values in case.series for word in values.split()[1:])
    longest = min(hold.ms // 2 if hold else 0, _SEEN, case.step * min((*parts, _SELDOM)))
    return max(longest // case.step, 1) * case.step


def _file(rules: RuleFile, step: int) -> Json:
    """A test file of promtool without tests, whose rules are evaluated at each step.

    Groups are evaluated in the order of the file; promtool shuffles those that it is not told of.
    """
    return {
        "rule_files": [f"../rules/{rules.name}.yaml"],
        "evaluation_interval": _text(step),
        "group_eval_order": [group["name"] for group in rules.groups],
        "tests": [],
    }


def _text(ms: int) -> str:
    return duration_text(Duration(ms))


def check_alerts(pack: Pack, tests: Iterable[AlertCases], rules: Iterable[RuleFile]) -> None:
    """Refuse an alert without a runbook, or without a test that shows it firing and one that shows it silent."""
    runbooks = {file.name.rpartition("/")[2] for file in pack.files("alerts", "runbooks/*.md")}
    fires: set[str] = set()
    silent: set[str] = {WATCHDOG}
    for case in (case for test in tests for case in test.cases):
        if case.first is not None:
            fires.add(case.alert)
        if case.first is None or case.last is not None:
            silent.add(case.alert)
    for file in rules:
        for rule in (rule for group in file.groups for rule in group["rules"] if "alert" in rule):
            alert = rule["alert"]
            if f"{alert}.md" not in runbooks:
                raise _missing(alert, file.name, "a runbook", f"alerts/runbooks/{alert}.md")
            if alert not in fires:
                raise _missing(alert, file.name, "a test that shows it firing", f"alerts/{file.name}{SUFFIX}")
            if alert not in silent:
                raise _missing(alert, file.name, "a test that shows it silent", f"alerts/{file.name}{SUFFIX}")


WATCHDOG = "RegistryWatchdog"  # the one alert that is never silent


def _missing(alert: str, file: str, what: str, where: str) -> RulesError:
    return RulesError(
        f"the alert {alert} has no {what.removeprefix('a ')}",
        value=f"alerts/{file}.rules.yaml",
        expected=f"{what} for every alert",
        next_step=f"write {where}",
    )


def _documents(pack: Pack) -> Iterator[tuple[str, Document]]:
    for file in pack.files("alerts", "*" + SUFFIX):
        document = load_yaml(file.read(), str(file.path), error=RulesError)
        validate(document, _SCHEMA, RulesError)
        yield file.name.removesuffix(SUFFIX), document


def _cases(document: Document) -> Iterator[AlertCase]:
    for alert, cases in document.data.items():
        for case in cases:
            found = _FIRES.fullmatch(case["fires"])
            first, last = (found["from"] or found["start"], found["end"]) if found else (None, None)
            yield AlertCase(
                alert,
                case["when"],
                tuple(case["series"].items()),
                _ms(case.get("every", "15s")),
                _ms(first) if first else None,
                _ms(last) if last else None,
                case.get("alerts"),
            )


def _ms(text: str) -> int:
    found = read_duration(text)
    return found.ms if found is not None else 0  # the schema lets only durations through


def _group(case: AlertCase, rule: Json, fed: list[dict[str, str]], alerts: int | None) -> Json:
    """A test group of promtool, which asks when the alert fires, and how many do where `alerts` says it."""
    named = f'alertname="{case.alert}", alertstate="firing"'
    count = f"count(ALERTS{{{named}}})"
    firing = f"{count} or vector(0)" if alerts else f"{count} > bool 0 or vector(0)"
    number = alerts or 1
    before = case.step * (2 if _looks_back(parse(rule["expr"])) else 1)
    end = case.step * (max(_length(values) for _, values in case.series) - 1) if case.series else 20 * case.step
    checks: list[tuple[str, int, int]] = []
    if case.first is None:
        checks.append((f"count(count_over_time(ALERTS{{{named}}}[{_text(end + case.step)}])) or vector(0)", end, 0))
    else:
        checks += [(firing, case.first - before, 0)] if case.first >= before else []
        last = [(end, number)] if case.last is None else [(case.last - before, number), (case.last, 0)]
        checks += [(firing, at, value) for at, value in [(case.first, number), *last]]
    return {
        "name": f"{case.alert}: {case.when}",
        "interval": _text(case.step),
        "input_series": fed,
        "promql_expr_test": [
            {"expr": expr, "eval_time": _text(at), "exp_samples": [{"labels": "{}", "value": value}]}
            for expr, at, value in checks
        ],
    }


def _looks_back(expr: Expr) -> bool:
    return any(node.range is not None for node in selectors(expr))


def _length(values: str) -> int:
    """Samples in promtool's notation: `1x8` are nine, `_x3` are three, `1` is one."""
    count = 0
    for word in values.split():
        value, times, number = word.rpartition("x")
        count += (int(number) + (0 if value in {"_", "stale"} else 1)) if times else 1
    return count


def _fed(
    case: AlertCase, rule: Json, document: Document, config: Config, named: dict[tuple[str, str], str]
) -> list[dict[str, str]] | None:
    """The case's series in the deployment's names; None where the registry has one of them not.

    An alert of what is absent has them in each environment. Many cases feed the same series: `named` keeps what each is
    called. A case that counts its alerts is fed without the offenders that this deployment cannot tell apart.
    """
    fed = []
    for one in _environments(rule, config):
        for text, values in case.series:
            key = (text, one.name if one else "")
            try:
                named[key] = named.get(key) or _series(text, (case.alert,), document, config, one)
            except Unavailable:
                return None
            fed.append({"series": named[key], "values": values})
    return fed if case.alerts is None else _kept_apart(case, fed)


def _environments(rule: Json, config: Config) -> tuple[Environment | None, ...]:
    """Those in which a case is fed: all for an alert of what is absent, else one, whichever it is."""
    alone = not config.environments or not asks_absence(parse(rule["expr"]))
    return (None,) if alone else config.environments


def _kept_apart(case: AlertCase, fed: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without the series that differ from an earlier one of the case in a label which is the same in the deployment.

    Selectors such as `namespace="gitlab"` choose one value where the case has two.
    """
    written: dict[tuple[int, str, str], str] = {}
    kept = []
    for number, one in enumerate(fed):
        environment, place = divmod(number, len(case.series))
        here = _labels(one["series"])
        there = _labels(case.series[place][0])
        pairs = [((environment, label, here[label]), said) for label, said in there.items() if label in here]
        if all(written.get(key, said) == said for key, said in pairs):
            written.update(pairs)
            kept.append(one)
    return kept


def _labels(series: str) -> dict[str, str]:
    return {matcher.label: matcher.value for node in selectors(parse(series)) for matcher in node.matchers}


def _series(text: str, path: Steps, document: Document, config: Config, environment: Environment | None) -> str:
    try:
        written = parse(text)
        if not isinstance(written, Selector) or written.range is not None:
            raise PromqlError("this is no series", value=text, expected='such as redis_up{instance="a:9121"}')  # noqa: TRY301
        own = bind(written, config.vocabulary)
        bound = scoped(own, config)
    except Unavailable:
        raise
    except PromqlError as error:
        raise RulesError(
            error.message,
            location=document.locate(path),
            value=text,
            expected=error.expected,
            next_step=error.next_step,
        ) from error
    node = next(selectors(within(bound, environment) if environment else bound))
    labels = dict(scope_labels(config))  # which sums keep, and so recorded series have
    if not _is_recorded(node):
        labels["instance"] = "a:1"
    for name in dict.fromkeys(matcher.label for matcher in node.matchers):
        labels[name] = accepted_samples(name, node.matchers, [f"{name}-1"])[0]
    if shows_pods(node):
        labels |= {m.label: _of_pod(m, config) for one in selectors(own) for m in one.matchers}
    labels |= {m.label: m.value for m in written.matchers if m.label == "le"}
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)
    return f"{node.metric}{{{inner}}}"


def _of_pod(said: Matcher, config: Config) -> str:
    """A label of a case's pod as the deployment chooses its pods, the same for each exporter that shows it."""
    every = [
        *config.matchers,
        *(one for exposer in sorted(OF_PODS) for one in config.exposer_matchers.get(exposer, ())),
    ]
    asked = [matcher for matcher in every if matcher.label == said.label]
    accepted = accepted_samples(said.label, asked, [said.value])
    if said.value in accepted:
        return said.value
    longer = accepted[0] + said.value  # so that two pods of a case stay two
    return longer if longer in accepted_samples(said.label, asked, [longer]) else accepted[0]


def _is_recorded(node: Selector) -> bool:
    metric = known_metric(node)
    return metric is None or metric.exposer is Exposer.RULES
