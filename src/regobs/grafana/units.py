"""From what a value counts to the unit Grafana shows it in.

Grafana's identifiers: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
Bytes are shown in powers of 1024 (`bytes`, `binBps`) because registries, their buckets and their quotas count so.
"""

from __future__ import annotations

from regobs.catalog.model import Unit

_NOW = {
    Unit.SECONDS: "s",
    Unit.TIMESTAMP: "dateTimeAsIso",
    Unit.BYTES: "bytes",
    Unit.RATIO: "percentunit",
    Unit.PERCENT: "percent",
    Unit.CORES: "none",
    Unit.BOOL: "none",  # usually a sum of them: how many are up
    Unit.INFO: "none",
    Unit.NONE: "none",
}
_PER_SECOND = {
    Unit.SECONDS: "none",  # seconds a second: how many at a time
    Unit.BYTES: "binBps",
    Unit.RATIO: "none",
    Unit.PERCENT: "none",
    Unit.CORES: "none",
    Unit.NONE: "none",
    Unit.REQUESTS: "reqps",
    Unit.ROWS: "rowsps",
}


def grafana_unit(unit: Unit, *, per_second: bool) -> str:
    """Grafana's identifier for a value in `unit`, or in `unit` per second. Counts of things are `short` and `ops`."""
    return _PER_SECOND.get(unit, "ops") if per_second else _NOW.get(unit, "short")


def unit_named(name: str) -> tuple[Unit, bool] | None:
    """The unit that Grafana calls so, and whether it is one per second; None for a name that we do not use."""
    for units, per_second in ((_NOW, False), (_PER_SECOND, True)):
        for unit, shown in units.items():
            if shown == name and name != "none":
                return unit, per_second
    return {"short": (Unit.EVENTS, False), "ops": (Unit.EVENTS, True)}.get(name)


def axis(unit: Unit, *, fraction: bool) -> tuple[float | None, float | None]:
    """The lower and upper end of a value's axis; None where it follows the data. Nothing a registry counts is < 0.

    `fraction` says that the value is a part of a whole; a ratio may also be busy time per time, which has no end.
    """
    if unit is Unit.TIMESTAMP:
        return None, None
    if unit is Unit.PERCENT:
        return 0, 100
    return 0, 1 if fraction else None
