"""Resources of a `Saturation` table: how much is used, and how long it lasts if it goes on as in the last hours."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Metric
from regobs.grafana.panels import Resource
from regobs.promql.build import By, highest, lowest, ratio, shifted
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Number, Selector

_HOURS = "6h"  # long enough that a daily peak is not taken for a slope, short enough that a leak is seen the same day


def used(part: Metric, *, of: Metric, by: By) -> Resource:
    """A gauge that grows towards its limit, such as open file descriptors of their maximum; a limit of 0 is none."""
    now, most = highest(part, by), highest(of, by)
    rest = Binary("-", Binary(">", most, Number(Decimal(0))), now)
    return Resource(ratio(now, most), _until(rest, _slope(part, by, falling=False), now))


def left(rest: Metric, *, of: Metric, by: By) -> Resource:
    """A gauge that falls towards zero, such as the space left of a file system."""
    now, whole = lowest(rest, by), lowest(of, by)
    return Resource(
        Binary("-", Number(Decimal(1)), ratio(now, whole)), _until(now, _slope(rest, by, falling=True), now)
    )


def _slope(gauge: Metric, by: By, *, falling: bool) -> Expr:
    """What is lost of the rest, a second; of several series the fastest counts."""
    window = Duration(6 * 3_600_000)
    slope: Expr = Call("deriv", (replace(Selector(gauge), range=window),))
    names = (by,) if isinstance(by, str) else by
    if falling:
        slope = Binary("*", slope, Number(Decimal(-1)))
    return Aggregate("max", slope, labels=names)


def _until(rest: Expr, slope: Expr, now: Expr) -> Expr:
    """Seconds until the rest is gone; nothing where it does not shrink, or where there was no sample hours ago."""
    return Binary("and", Binary("/", rest, Binary(">", slope, Number(Decimal(0)))), shifted(now, _HOURS))
