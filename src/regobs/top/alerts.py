"""Alerts in the view: by name on the overview, all of them, and one with its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regobs.common.screen import Colour
from regobs.common.table import Cell, Value
from regobs.doctor.report import FiringAlert
from regobs.doctor.server import since_text
from regobs.promql.types import Type
from regobs.query.show import unit_value
from regobs.status import screen as status
from regobs.top.place import Page, TopPlace
from regobs.top.rows import INDENT, MARK, Section, TopRow, mark
from regobs.top.take import Taken

_KINDS = 3  # rows of the overview


def firing(taken: Taken) -> Iterator[Section]:
    """The alerts of the overview, a row for each name."""
    report = taken.report
    count = len(report.firing)
    title = f"{count} alert{'' if count == 1 else 's'} firing" if count else "No alert firing"
    kinds: dict[str, list[FiringAlert]] = {}
    for one in report.firing:
        kinds.setdefault(one.name, []).append(one)
    title += f", {_KINDS} of {len(kinds)} kinds below" if len(kinds) > _KINDS else ""
    title += f"; {report.pending} pending" if report.pending else ""
    title += f"; {report.others} other{'' if report.others == 1 else 's'} on this server" if report.others else ""
    note = ""
    if report.rules_elsewhere:
        note = f"rules run elsewhere: none of the {report.alerts} alerts of this build is loaded here"
    elif report.loaded == 0 and report.alerts:
        note = f"none of the {report.alerts} alerts of this build is loaded: silence says nothing"
    elif report.loaded is not None and report.loaded < report.alerts:
        note = f"only {report.loaded} of the {report.alerts} alerts of this build are loaded: silence says little"
    heading = TopRow((Cell(INDENT + title, Colour.BOLD),), TopPlace(Page.ALERTS) if count else None)
    doubt = [TopRow((Cell(f"!   {note}", Colour.YELLOW),))] if note else []
    yield Section((), [heading, *doubt])
    yield Section((), [_alert_row(name, kinds[name], report.now) for name in list(kinds)[:_KINDS]])


def _alert_row(name: str, alerts: Sequence[FiringAlert], now: float) -> TopRow:
    """One row for all alerts of a name, so that many of one kind hide no other."""
    if len(alerts) == 1:
        return TopRow(_alert_cells(alerts[0], now), _alert_place(alerts[0]))
    colour = status.alert_colour(alerts[0])
    subjects = dict.fromkeys(_subject(one) for one in alerts)
    cells = (mark(colour), name, f"{len(alerts)}: {', '.join(subjects)}")
    oldest = min(alerts, key=lambda one: one.since)
    target = TopPlace(Page.ALERTS, name=name)
    return TopRow((*(Cell(text, colour) for text in cells), since_text(oldest, now)), target)


def _subject(one: FiringAlert) -> str:
    """What an alert is about in a word: its SLO, else its instance, else whatever tells it from others."""
    return one.labels.get("slo") or one.labels.get("instance") or _alert_labels(one)


def _alert_labels(one: FiringAlert) -> str:
    hidden = {"severity", "operation", "sli"}
    return " ".join(value for name, value in sorted(one.labels.items()) if name not in hidden)


def all_alerts(taken: Taken, place: TopPlace) -> Iterator[Section]:
    """All alerts, or those of the name that the place has."""
    report = taken.report
    shown = [one for one in report.firing if place.name in {"", one.name}]
    rows = [TopRow(_alert_cells(one, report.now), _alert_place(one)) for one in shown]
    yield Section((MARK, "Alerts that fire", "", ""), rows, "none")


def _alert_cells(one: FiringAlert, now: float) -> Sequence[Value]:
    colour = status.alert_colour(one)
    labels = _alert_labels(one)
    return (Cell(mark(colour), colour), Cell(one.name, colour), Cell(labels, colour), since_text(one, now))


def _alert_place(one: FiringAlert) -> TopPlace:
    return TopPlace(Page.ALERT, name=one.name, labels=frozenset(one.labels.items()))


def alert(taken: Taken, place: TopPlace) -> Iterator[Section]:
    """One alert: its labels, which may lead on, and the conditions of its rule."""
    labels = dict(place.labels)
    found = next((one for one in taken.report.firing if _alert_place(one) == place), None)
    title = f"{place.name}: " + (since_text(found, taken.report.now) or "firing" if found else "does not fire")
    rows = [TopRow((name, value), _of_label(name, value)) for name, value in sorted(labels.items())]
    rule = taken.detail.rule
    if rule is not None:
        said = {name: rule.annotations.get(name, "") for name in ("summary", "description")}
        rows += [TopRow((name, text)) for name, text in said.items() if text and "{{" not in text]
    if found is not None:
        rows.append(TopRow(("runbook", found.runbook or f"{found.runbook_file} of the build")))
    rows.append(TopRow(("next", f"regobs query runbook {place.name}")))
    yield Section((title,))
    yield Section((), rows)
    parts = [TopRow((one.branch + one.head, *_condition_cells(one.series, one.value, one.limit, one.type)))
             for one in taken.detail.conditions]  # fmt: skip
    head = ("Its conditions", "series", "nearest", "limit")
    if parts:
        yield Section(head, parts, right=head[1:])


def _condition_cells(
    series: int, value: float | None, limit: float | None, kind: Type | None
) -> tuple[Value, str, str]:
    count = Cell(f"{series:,}", Colour.RED if series else None)
    if value is None:
        return count, "", ""
    return count, unit_value(value, kind), unit_value(limit or 0.0, kind)


def _of_label(name: str, value: str) -> TopPlace | None:
    """Where a label of an alert leads."""
    if name == "slo":
        return TopPlace(Page.SLO, name=value)
    return TopPlace(Page.TRAFFIC, instance=value) if name == "instance" else None
