"""Reading OpenSLO v1 documents: what is compiled, what is accepted because it changes nothing, and what is refused.

A metric source is of type `catalog` (a metric of the catalog by its entry, label words, and for a histogram the
threshold `at_most`) or of type `Prometheus` (PromQL in the names of GitLab's registry). docs/openslo.md has the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from regobs.common.closest import did_you_mean
from regobs.config import Config, Threshold
from regobs.documents import Document, Steps
from regobs.errors import ConfigError, PromqlError, SloError
from regobs.pack import Pack
from regobs.promql.nodes import Duration
from regobs.slo.model import DAY, Budgeting, CalendarSpan, EventSource, Limit, Period, Ratio, Slo, read_window
from regobs.slo.openslo import OpensloDocuments, place_of, read_documents, unsupported
from regobs.slo.sources import check_counter_known, read_source, read_value

_OPS = {"lte": "<=", "lt": "<", "gte": ">=", "gt": ">"}
_SPANS = {CalendarSpan.DAY: 1, CalendarSpan.WEEK: 7, CalendarSpan.MONTH: 31}  # days, of a month the most
_WINDOW: Steps = ("spec", "timeWindow", 0)
NOTHING = Threshold()  # overrides nothing
# Of ten million requests one may fail: at ten a second that is two in four weeks. Less is one event or none.
_HIGHEST = Decimal("0.9999999")
Read = TypeVar("Read")


def read_slos(pack: Pack, config: Config) -> list[Slo]:
    """Every SLO of a pack, by file and place, with the thresholds of regobs.toml put in. One for each objective."""
    documents = read_documents(pack)
    slos = [slo for document in documents.slos for slo in _Reader(document, documents, config).slos()]
    seen: dict[str, Slo] = {}
    for slo in slos:
        if slo.name in seen:
            raise SloError(
                f"the SLO {slo.name} is defined twice",
                location=slo.location,
                value=slo.name,
                expected=f"a name of its own; the first is at {seen[slo.name].location}",
                next_step="rename one of the two",
            )
        seen[slo.name] = slo
    _refuse_unknown(config, seen)
    return slos


def _refuse_unknown(config: Config, known: Iterable[str]) -> None:
    unknown = next((name for name in config.slo.thresholds if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            f"[thresholds.{unknown}] names no SLO of the pack",
            location=config.slo.thresholds[unknown].place,
            value=unknown,
            expected=f"one of {', '.join(sorted(known))}",
            next_step=did_you_mean(unknown, known, "correct the name, or remove the table"),
        )


class _Reader:
    """One SLO document: an `Slo` for each of its objectives."""

    def __init__(self, document: Document, documents: OpensloDocuments, config: Config) -> None:
        self._document, self._documents, self._config = document, documents, config
        self._metadata, self._spec = document.data["metadata"], document.data["spec"]
        self._from, self._path = self._indicator()

    def slos(self) -> list[Slo]:
        """In the order of the objectives. Several are told apart by their place: `name-1`, `name-2`."""
        count = len(self._spec["objectives"])
        return [self._slo(index, f"-{index + 1}" if count > 1 else "") for index in range(count)]

    def _slo(self, index: int, suffix: str) -> Slo:
        objective = self._spec["objectives"][index]
        name = self._metadata["name"] + suffix
        labels = self._metadata.get("labels", {})
        override = self._config.slo.thresholds.get(name, NOTHING)
        indicator = self._read_indicator(index, override)
        budgeting = Budgeting(self._spec["budgetingMethod"])
        title = self._metadata.get("displayName", self._metadata["name"])
        slo = Slo(
            name=name,
            title=f"{title}, {objective.get('displayName', index + 1)}" if suffix else title,
            description=" ".join(self._spec.get("description", "").split()),
            operation=_word(labels.get("operation"), self._metadata["name"].replace("-", "_")),
            sli=_word(labels.get("sli"), "latency" if _has_threshold(indicator) else "availability"),
            indicator=indicator,
            target=self._target(index, override),
            target_location=override.target_place or self._document.locate(self._target_path(index)),
            period=self._period(),
            location=self._document.locate(("metadata", "name")),
            budgeting=budgeting,
            slice_target=self._slice_target(index, budgeting, indicator),
            slice_length=self._slice_length(index, budgeting),
            slice_location=self._document.locate(("spec", "objectives", index, "timeSliceWindow")),
            severity=labels.get("severity"),
            period_location=self._document.locate((*_WINDOW, "duration")) if "timeWindow" in self._spec else None,
        )
        self._check_kind(slo, override, labels)
        return slo

    def _indicator(self) -> tuple[Document, Steps]:
        """The document that holds the indicator, and the path of its spec there."""
        if "indicator" in self._spec:
            return self._document, ("spec", "indicator", "spec")
        name = self._spec["indicatorRef"]
        if name in self._documents.slis:
            return self._documents.slis[name], ("spec",)
        raise SloError(
            f"the pack has no SLI {name}",
            location=self._document.locate(("spec", "indicatorRef")),
            value=name,
            expected=", ".join(self._documents.slis) or "a document of the kind SLI",
            next_step=did_you_mean(name, self._documents.slis, "add the SLI, or write the indicator into the SLO"),
        )

    def _read_indicator(self, index: int, override: Threshold) -> Ratio | Limit:
        spec = self._from.at(self._path)
        if "thresholdMetric" in spec:
            return self._limit(index)
        ratio, path = spec["ratioMetric"], (*self._path, "ratioMetric")
        if "raw" in ratio:
            raise unsupported(
                self._from, (*path, "raw"), "a raw ratio", "good or bad, and total", "count good and all events apart"
            )
        if ratio.get("counter") is False:
            raise unsupported(
                self._from,
                (*path, "counter"),
                "a ratio of gauges",
                "counter: true: only counters that grow can be summed over any window",
                "use counters, or a thresholdMetric",
            )
        if ("bad" in ratio) == ("good" in ratio) or "total" not in ratio:
            both = "both good and" if "bad" in ratio else "neither good nor"
            raise SloError(
                "the ratio has no total" if "total" not in ratio else f"the ratio has {both} bad events",
                location=self._from.locate(path),
                expected="either good or bad, beside total",
                next_step="the other one follows from total",
            )
        part = "bad" if "bad" in ratio else "good"
        found = Ratio(
            total=self._source((*path, "total", "metricSource"), NOTHING),
            part=self._source((*path, part, "metricSource"), override),
            part_is_bad=part == "bad",
        )
        if "counter" not in ratio:
            for place in ((*path, "total", "metricSource"), (*path, part, "metricSource")):
                self._check_counter(place)
        return found

    def _check_counter(self, path: Steps) -> None:
        source = self._from.at(path)
        if source.get("type") != "catalog":  # of the catalog, a gauge is refused where it is read
            self._explained(path, lambda: check_counter_known(source["spec"]["query"]))

    def _limit(self, index: int) -> Limit:
        objective = self._spec["objectives"][index]
        if "op" not in objective or "value" not in objective:
            raise SloError(
                "a thresholdMetric needs a value to compare with",
                location=self._document.locate(("spec", "objectives", index)),
                expected="op: lte and value: 5, for example",
                next_step="add op and value to the objective",
            )
        path = (*self._path, "thresholdMetric", "metricSource")
        self._check_source(path)
        value = self._explained(path, lambda: read_value(self._from, path, self._config))
        return Limit(value, _OPS[objective["op"]], Decimal(objective["value"]), self._from.locate(path))

    def _source(self, path: Steps, override: Threshold) -> EventSource:
        self._check_source(path)
        return self._explained(path, lambda: read_source(self._from, path, override.at_most, self._config), override)

    def _check_source(self, path: Steps) -> None:
        """Its type, its own or that of the data source that it names, is one that has PromQL."""
        source = self._from.at(path)
        reference, kind = source.get("metricSourceRef"), source.get("type")
        known = self._documents.sources
        if kind is None and reference is None:
            raise SloError(
                "the metric source has no type",
                location=self._from.locate(path),
                expected="type: catalog or type: Prometheus",
                next_step="add one",
            )
        if kind is None and reference not in known:
            raise SloError(
                f"the pack has no DataSource {reference}",
                location=self._from.locate((*path, "metricSourceRef")),
                value=reference,
                expected=", ".join(known) or "a document of the kind DataSource",
                next_step=did_you_mean(reference, known, "add it, or give the source a type"),
            )
        actual = kind if kind is not None else known[reference].data["spec"]["type"]
        if actual != "catalog" and actual.lower() != "prometheus":
            where = (*path, "type") if kind is not None else (*path, "metricSourceRef")
            raise unsupported(
                self._from, where, f"the metric source {actual}", "catalog, Prometheus", "write the query in PromQL"
            )

    def _explained(self, path: Steps, read: Callable[[], Read], override: Threshold = NOTHING) -> Read:
        """What `read` gives; its PromqlError becomes an error at the place in the document, or in regobs.toml."""
        try:
            return read()
        except PromqlError as error:
            told = override.at_most_place if str(override.at_most) == str(error.value) else None
            raise SloError(
                error.message,
                location=told or place_of(self._from, (*path, "spec"), error.value),
                value=error.value,
                expected=error.expected,
                next_step=error.next_step or "correct the metric source",
            ) from error

    def _target(self, index: int, override: Threshold) -> Decimal:
        objective, path = self._spec["objectives"][index], ("spec", "objectives", index)
        if "target" not in objective and "targetPercent" not in objective:
            raise SloError(
                "the objective has no target",
                location=self._document.locate(path),
                expected="target: 0.999, or targetPercent: 99.9",
                next_step="add one of the two",
            )
        key = self._target_path(index)[-1]
        target = Decimal(objective[key]) / (1 if key == "target" else 100)
        place, value = self._document.locate(self._target_path(index)), objective[key]
        if override.target is not None:
            target, place, value = override.target, override.target_place or place, override.target
        if target <= _HIGHEST:
            return target
        if target < 1:
            raise SloError(
                "a budget of fewer than one bad event in ten million cannot be told from none",
                location=place,
                value=value,
                expected=f"a fraction of at most {_HIGHEST}",
                next_step="lower the target to what users would notice",
            )
        raise SloError(
            "a target of 100 % leaves no error budget, so nothing can be said about how fast it burns",
            location=place,
            value=value,
            expected="a fraction below 1, such as 0.999",
            next_step="lower the target to what users would notice",
        )

    def _target_path(self, index: int) -> Steps:
        key = "target" if "target" in self._spec["objectives"][index] else "targetPercent"
        return ("spec", "objectives", index, key)

    def _slice_length(self, index: int, budgeting: Budgeting) -> Duration | None:
        if budgeting is Budgeting.OCCURRENCES:
            return None
        path = ("spec", "objectives", index)
        text = self._spec["objectives"][index].get("timeSliceWindow")
        found = read_window(str(text)) if text is not None else None
        if found is None and re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", str(text)):
            found = Duration(int(60_000 * Decimal(text)))  # the standard counts a number in minutes
        if found is None or not found.ms:
            raise SloError(
                "a time slice needs a length",
                location=self._document.locate((*path, "timeSliceWindow") if text is not None else path),
                value=text,
                expected="timeSliceWindow: 1m",
                next_step="add timeSliceWindow to the objective",
            )
        return found

    def _slice_target(self, index: int, budgeting: Budgeting, indicator: Ratio | Limit) -> Decimal | None:
        if budgeting is not Budgeting.TIMESLICES:
            return None
        target, path = self._spec["objectives"][index].get("timeSliceTarget"), ("spec", "objectives", index)
        if isinstance(indicator, Limit):
            return None  # a slice is one measurement, whose share of good ones is 0 or 1: each target asks the same
        if target is None:
            raise SloError(
                "Timeslices need the ratio that makes a slice a good one",
                location=self._document.locate(path),
                expected="timeSliceTarget: 0.95",
                next_step="add timeSliceTarget to the objective",
            )
        return Decimal(target)

    def _period(self) -> Period:
        if "timeWindow" not in self._spec:
            return Period(self._config.slo.period)
        window, path = self._spec["timeWindow"][0], _WINDOW
        if "calendar" in window or window.get("isRolling") is False:
            return self._calendar(window, path)
        found = read_window(window["duration"])
        if found is not None:
            return Period(found)
        raise SloError(
            "the time window is no fixed duration",
            location=self._document.locate((*path, "duration")),
            value=window["duration"],
            expected="a duration such as 28d or 4w; a rolling window in months or years has no fixed length",
            next_step="give it in days or weeks, or make it calendar-aligned",
        )

    def _calendar(self, window: dict[str, Any], path: Steps) -> Period:
        if window.get("isRolling") is True or "calendar" not in window:
            raise SloError(
                "a time window is either rolling or aligned with the calendar",
                location=self._document.locate(path),
                expected="isRolling: true, or isRolling: false and a calendar with startTime and timeZone",
                next_step="add the calendar, or remove it",
            )
        span = {"1d": CalendarSpan.DAY, "1w": CalendarSpan.WEEK, "7d": CalendarSpan.WEEK, "1M": CalendarSpan.MONTH}.get(
            window["duration"]
        )
        if span is None:
            expected = "1d, 1w or 1M"
            raise unsupported(
                self._document, (*path, "duration"), "this calendar window", expected, "use one, or a rolling window"
            )
        if window["calendar"]["timeZone"] not in {"UTC", "Etc/UTC", "GMT", "Z"}:
            where = (*path, "calendar", "timeZone")
            raise unsupported(
                self._document, where, "a time zone", "UTC: PromQL knows no other", "use UTC, or a rolling window"
            )
        self._check_start(span, window["calendar"]["startTime"], (*path, "calendar", "startTime"))
        return Period(Duration(_SPANS[span] * DAY), span)

    def _check_start(self, span: CalendarSpan, text: str, path: Steps) -> None:
        """The first span must begin where all of its kind do: regobs counts from midnight, Monday or the 1st."""
        from datetime import datetime  # noqa: PLC0415 - few SLOs follow the calendar

        expected = {
            CalendarSpan.DAY: "00:00:00",
            CalendarSpan.WEEK: "a Monday, 00:00:00",
            CalendarSpan.MONTH: "the 1st, 00:00:00",
        }[span]
        try:
            start = datetime.fromisoformat(text)
        except ValueError:
            raise SloError(
                "startTime is no time",
                location=self._document.locate(path),
                value=text,
                expected=f"such as 2026-01-01 00:00:00; {expected}",
                next_step="correct startTime",
            ) from None
        fits = (start.hour, start.minute, start.second) == (0, 0, 0)
        fits &= span is not CalendarSpan.WEEK or start.isoweekday() == 1
        fits &= span is not CalendarSpan.MONTH or start.day == 1
        if not fits:
            raise unsupported(self._document, path, "this startTime", expected, "move it, or use a rolling window")

    def _check_kind(self, slo: Slo, override: Threshold, labels: dict[str, Any]) -> None:
        """A latency SLO has a threshold, an availability SLO has none: the alert's text depends on it."""
        has_threshold = slo.at_most is not None
        if override.at_most is not None and not has_threshold:
            raise SloError(
                f"at_most of {slo.name} in regobs.toml has nothing to override: the SLO has no threshold",
                location=override.at_most_place or slo.location,
                value=override.at_most,
                expected="an SLO whose document has at_most",
                next_step=f"remove at_most from [thresholds.{slo.name}]",
            )
        if not isinstance(slo.indicator, Ratio) or "sli" not in labels:
            return
        spec = self._from.at((*self._path, "ratioMetric", "total", "metricSource"))
        if spec.get("type") == "catalog" and has_threshold != (slo.sli == "latency"):
            raise SloError(
                f"the label sli says {slo.sli}, but the indicator has {'a' if has_threshold else 'no'} threshold",
                location=self._document.locate(("metadata", "labels", "sli")),
                value=slo.sli,
                expected="latency with at_most, availability without",
                next_step="correct the label or the indicator",
            )


def _word(value: Any, otherwise: str) -> str:
    """A label of the document, which may be a list there: then the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    return otherwise if value is None else str(value)


def _has_threshold(indicator: Ratio | Limit) -> bool:
    if isinstance(indicator, Limit):
        return False
    part = indicator.part.selector
    return indicator.part.at_most is not None or any(matcher.label == "le" for matcher in part.matchers)
