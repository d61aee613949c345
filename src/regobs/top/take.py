"""Asking a server for what the view shows: the status each time, and what the open page needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any

from regobs.config import Config
from regobs.doctor.gather import concurrently
from regobs.errors import PackError, PromqlError
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.promql.types import Type
from regobs.promql.unavailable import Unavailable
from regobs.query.alert import AskedAlert, Condition, conditions, pack_alerts
from regobs.query.ask import check_query
from regobs.query.named import load_question, narrowed, question_names, slo_question
from regobs.query.show import Shown
from regobs.query.times import AskedRange
from regobs.status import questions as status
from regobs.status.gaps import GapRecorder
from regobs.status.report import RouteStatus, StatusReport
from regobs.status.take import StatusPlan, route_rows
from regobs.top import questions
from regobs.top.place import Page, TopPlace
from regobs.top.questions import SentQuery

TREND = 3600  # seconds that a trend looks back
POINTS = 20  # of a trend
_STEP = TREND // POINTS
_QUESTIONS = {Page.GARBAGE: "gc-backlog", Page.REPLICAS: "replica-health"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One value with its type, and where it is one of several the labels that tell it from the others."""

    name: str
    value: float
    type: Type
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of the whole service: its value, None without data, and its last hour."""

    name: str
    value: float | None
    type: Type
    series: RangeSeries | None
    asked: AskedRange


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one query of a question, or why it was not asked."""

    name: str
    shown: Shown | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a page has beside the status. `codes` are requests a second by method and status code."""

    title: str = ""
    by_route: tuple[RouteStatus, ...] = ()
    by_instance: tuple[RouteStatus, ...] = ()
    codes: tuple[Fact, ...] = ()
    signals: tuple[Fact, ...] = ()
    facts: tuple[Fact, ...] = ()
    answers: tuple[Answered, ...] = ()
    rule: AskedAlert | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """All that was asked for a place at one time."""

    place: TopPlace
    report: StatusReport
    signals: tuple[Signal, ...]
    garbage: tuple[Fact, ...]
    replicas: tuple[Fact, ...]
    detail: Detail
    questions: Mapping[str, str]


class TopSource:
    """Takes what a place shows."""

    def __init__(self, prometheus: Prometheus, pack: Pack, config: Config, zone: tzinfo = UTC) -> None:
        self._prometheus, self._pack, self._config, self._asked = prometheus, pack, config, config.asked
        self._zone = zone
        self._plan = StatusPlan.of(pack, config)
        self._signals = questions.narrowed(questions.SIGNALS, config)
        self._garbage = questions.narrowed(questions.GARBAGE, config.asked)
        self._replicas = questions.narrowed(questions.REPLICAS, config.asked)
        self._titles = {name: load_question(pack, name).title for name in question_names(pack)}

    def take(self, place: TopPlace, moment: float | None) -> Taken:
        """Everything for a place, now or at a moment. Raises ServerError when the status cannot be asked."""
        prometheus = self._prometheus.at(moment)
        report = self._plan.take(prometheus)
        asking = GapRecorder(prometheus)
        work: list[Callable[[], Any]] = [
            *(lambda name=name, query=query: self._signal(asking, name, query, report.now)
              for name, query in self._signals.items()),
            lambda: self._facts(asking, self._garbage),
            lambda: self._facts(asking, self._replicas),
            lambda: self._detail(asking, place),
        ]  # fmt: skip
        *signals, garbage, replicas, detail = concurrently(lambda look: look(), work)
        gaps = dict.fromkeys((*report.gaps, *asking.gaps()))
        report = replace(report, gaps=tuple(gaps), refused=(*report.refused, *asking.refused))
        return Taken(place, report, tuple(signals), garbage, replicas, detail, self._titles)

    def _signal(self, asking: GapRecorder, name: str, query: SentQuery, now: float) -> Signal:
        end = int(now // _STEP) * _STEP
        asked = AskedRange((end - TREND) * 1000, end * 1000, _STEP * 1000)
        answer = asking.asked_range(name, query.text, end - TREND, end, _STEP)
        value = next((one.value for one in asking.samples(name, query.text)), None)
        return Signal(name, value, query.type, next(iter(answer.ranges), None) if answer else None, asked)

    def _facts(self, asking: GapRecorder, asked: Mapping[str, SentQuery]) -> tuple[Fact, ...]:
        return tuple(
            Fact(name, one.value, query.type, one.labels)
            for name, query in asked.items()
            for one in asking.samples(name, query.text)
        )

    def _detail(self, asking: GapRecorder, place: TopPlace) -> Detail:
        match place.page:
            case Page.TRAFFIC:
                found = self._traffic(asking, place)
            case Page.INSTANCES:
                found = Detail(by_instance=self._by(asking, place, status.INSTANCE))
            case Page.GARBAGE | Page.REPLICAS:
                found = self._question(asking, _QUESTIONS[place.page])
            case Page.QUESTION:
                found = self._question(asking, place.name)
            case Page.SLO:
                found = self._slo(asking, place.name)
            case Page.ALERT:
                found = self._alert(asking, place)
            case _:
                found = Detail()
        return found

    def _traffic(self, asking: GapRecorder, place: TopPlace) -> Detail:
        """The open side is listed: of a route its instances, of an instance its routes; of both neither."""
        facts = questions.narrowed(questions.FACTS, self._asked, instance=place.instance) if place.instance else {}
        within = (self._config, place.route, place.instance)
        return Detail(
            by_route=() if place.route else self._by(asking, place, status.ROUTE),
            by_instance=() if place.instance else self._by(asking, place, status.INSTANCE),
            codes=self._facts(asking, questions.narrowed(questions.CODES, *within)),
            signals=self._facts(asking, questions.narrowed(questions.SIGNALS, *within)),
            facts=self._facts(asking, facts),
        )

    def _by(self, asking: GapRecorder, place: TopPlace, label: str) -> tuple[RouteStatus, ...]:
        """Requests, failures and latency by a label, within what the place is about."""
        asked = questions.narrowed(questions.signals_by(label), self._config, place.route, place.instance)
        found = {name: asking.samples(name, query.text) for name, query in asked.items()}
        name = self._config.labels.instance if label == status.INSTANCE else questions.label_of(self._config, label)
        requests, failed, latency = (found.get(one, ()) for one in (status.REQUESTS, status.FAILED, status.LATENCY))
        return route_rows(requests, failed, latency, lambda labels: labels.get(name, ""))

    def _question(self, asking: GapRecorder, name: str) -> Detail:
        try:
            named = load_question(self._pack, name)
        except PackError as error:
            return Detail(title=error.message)
        return Detail(named.title, answers=tuple(self._answers(asking, named.queries)))

    def _slo(self, asking: GapRecorder, name: str) -> Detail:
        named = slo_question(self._plan.compiled, name)
        return Detail(named.title, answers=tuple(self._answers(asking, named.queries, bound=True)))

    def _answers(self, asking: GapRecorder, queries: Mapping[str, str], *, bound: bool = False) -> list[Answered]:
        """The answers to the queries of the pack; those of an SLO have the deployment's names already."""
        found = []
        for name, text in queries.items():
            try:
                checked = check_query(text) if bound else narrowed(text, self._asked)
            except Unavailable as error:
                found.append(Answered(name, None, error.message))
                continue
            answer = asking.asked(name, checked.text)
            shown = None if answer is None else Shown(checked.text, answer, checked.type, zone=self._zone)
            found.append(Answered(name, shown, "" if shown else "the server refuses the query"))
        return found

    def _alert(self, asking: GapRecorder, place: TopPlace) -> Detail:
        labels = dict(place.labels)
        rules = [one for one in pack_alerts(self._plan.compiled) if one.name == place.name and _fits(one, labels)]
        if not rules:
            return Detail()
        try:
            parts = conditions(rules[0].expr, lambda text: _series(asking, text))
        except PromqlError:  # a rule in a syntax that regobs does not read
            parts = []
        return Detail(rule=rules[0], conditions=tuple(parts))


def _series(asking: GapRecorder, text: str) -> list[tuple[Mapping[str, str], float]]:
    answer = asking.asked("a condition of the alert", text)
    return [(one.labels, one.value) for one in answer.samples] if answer is not None else []


def _fits(rule: AskedAlert, labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels comes from the rule; a label may be a template."""
    return all("{{" in value or labels.get(label) == value for label, value in rule.labels.items())
