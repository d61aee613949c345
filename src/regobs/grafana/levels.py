"""Levels of trouble: 0 is fine, 1 is a warning, 2 is critical. A `Tile` shows the highest of those of one part.

Each word gives one number without labels, or nothing where it has no data; `gone` and `down` are the ones that see a
loss of the series themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from regobs.catalog import targets
from regobs.catalog.model import Metric
from regobs.errors import PromqlError
from regobs.promql.build import Source, any_of, count, select, total, zero_filled
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Number, Selector, String, Subquery
from regobs.promql.walk import selectors

WARNING, CRITICAL = 1, 2
WORDS = {0: "ok", WARNING: "warning", CRITICAL: "critical"}  # what a tile says, by level
CAUSE = "cause"  # the label with the name of what is wrong
ALL_WELL = "all checks"  # its value where nothing is
# Half of six hours: what was there for the longer part of it and is no more counts as down, what was retired this
# morning does not for long.
_MEMORY, _STEP = Duration(6 * 3_600_000), Duration(5 * 60_000)

Threshold = int | float | Decimal


def level(
    expr: Expr, warning: Threshold | None = None, critical: Threshold | None = None, *, low: bool = False
) -> Expr:
    """1 where the worst result has reached `warning`, 2 where it has reached `critical`; one of the two may be absent.

    Where `warning` is the higher of the two, or with `low`, low values are bad: 1 is below it, 2 is below `critical`.
    """
    if warning is None and critical is None:
        raise PromqlError("a level without a threshold is always 0", expected="warning, critical, or both")
    falling = low or (warning is not None and critical is not None and warning > critical)
    op = "<" if falling else ">="

    def reached(edge: Threshold) -> Expr:
        return Binary(op, expr, Number(Decimal(str(edge))), bool=True)

    if critical is None:
        return Aggregate("max", reached(warning or 0))
    return Aggregate("max", _twice(reached(critical)) if warning is None else reached(warning) + reached(critical))


def off(switch: Source, *, told: str | None = None) -> Expr:
    """2 where a switch is 0 anywhere, such as `probe_success`; not of instances that the alert `told` is about."""
    of: Expr = _selected(switch)
    if told is not None:
        of = Binary("unless", of, select(targets.ALERTS, alertname=told), on=("instance",))
    return Aggregate("max", _twice(Binary("==", of, Number(Decimal(0)), bool=True)))


def gone(x: Source, *, at: int = CRITICAL) -> Expr:
    """A level `at` where a metric has no series at all."""
    return Binary("unless", Call("vector", (Number(Decimal(at)),)), count(x), on=())


def down(switch: Source) -> Expr:
    """How many targets are down: those that say 0, and those whose own series are gone.

    Gone is what was there for most of the last six hours. A target that fails its scrapes has no series of its own.
    """
    known = _known(switch)
    return Call("clamp_min", (known - zero_filled(total(switch), known), Number(Decimal(0))))


def lost(switch: Source) -> Expr:
    """How many targets have no series of their own any more, whatever those that are left say."""
    known = _known(switch)
    return Call("clamp_min", (known - zero_filled(count(switch), known), Number(Decimal(0))))


def _known(switch: Source) -> Expr:
    """How many targets there are, with those that were there for most of the last six hours."""
    now = count(switch)
    usual = Call("round", (Call("quantile_over_time", (Number(Decimal("0.5")), Subquery(now, _MEMORY, _STEP))),))
    return any_of([Binary(">", usual, now), now, usual])


def firing(*alerts: str, at: int = CRITICAL) -> Expr:
    """A level `at` while one of these alerts of the pack fires."""
    fired = count(select(targets.ALERTS, alertname=alerts, alertstate="firing"))
    return Number(Decimal(at)) * Binary(">", fired, Number(Decimal(0)), bool=True)


def only_alerts(expr: Expr) -> bool:
    """Whether a level is that of alerts alone, which say nothing of a part that nobody else looks at."""
    return {str(one.metric) for one in selectors(expr)} == {targets.ALERTS.name}


def while_zero(part: Expr, gauge: Expr) -> Expr:
    """`part` where `gauge` is 0, such as requests for a connection while there is none; 0 elsewhere."""
    return part * Binary("==", gauge, Number(Decimal(0)), bool=True)


def capped(expr: Expr, most: Expr) -> Expr:
    """The expression, or `most` where that is less."""
    return any_of([Binary("<=", expr, most), Binary("and", most, expr), expr])


def worst(causes: Sequence[tuple[str, Expr]], read: Iterable[Expr]) -> Expr:
    """The highest of several bound levels, with the name of its cause as a label; 0 where none is above 0.

    No result where nothing has a series of what they read in the end, `read`. A night without traffic is no such thing.
    """
    named = any_of(_labelled(Binary(">", expr, Number(Decimal(0))), name) for name, expr in causes)
    names = dict.fromkeys(str(one.metric) for expr in read for one in selectors(expr))
    there = any_of(_count_of(name) for name in _telling(names))
    return Binary("or", Aggregate("topk", named, param=Number(Decimal(1))), _labelled(0 * there, ALL_WELL), on=())


def _labelled(expr: Expr, cause: str) -> Expr:
    return Call("label_replace", (expr, *(String(text) for text in (CAUSE, cause, "", ""))))


def _telling(names: Iterable[str]) -> list[str]:
    """The series whose presence says that there is something to judge, cheap ones where there is a choice."""
    found = [name for name in names if name not in {targets.ALERTS.name, targets.UP.name}]
    return [name for name in found if "_bucket" not in name] or found


def _count_of(name: str) -> Expr:
    """How many series of this name there are."""
    return Aggregate("count", Selector(name))


def _twice(expr: Expr) -> Expr:
    return Number(Decimal(2)) * expr


def _selected(switch: Source) -> Selector:
    return Selector(switch) if isinstance(switch, Metric) else switch
