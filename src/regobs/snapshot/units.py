"""From a number and Grafana's unit to text: `0.0123` and `s` to `12.3 ms`.

One table says how each unit is cut into steps; Python, the page's script and the labels of logarithmic axes read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from regobs.common.frozen import frozen

_COUNTS = ((1.0, ""), (1e3, " K"), (1e6, " Mil"), (1e9, " Bil"), (1e12, " Tri"))  # Grafana's words for `short`
_BYTES = tuple((float(1024**power), f" {name}") for power, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB")))


def _counted(noun: str) -> tuple[tuple[float, str], ...]:
    """Grafana's simple counts: `1.2K req/s`."""
    return tuple((size, f"{letter} {noun}") for size, letter in ((1.0, ""), (1e3, "K"), (1e6, "M"), (1e9, "B")))


# Grafana's identifiers as regobs.grafana.units gives them, with (size, suffix) from small to large.
UNITS: dict[str, tuple[tuple[float, str], ...]] = {
    "none": ((1.0, ""),),
    "short": _COUNTS,
    "percent": ((1.0, "%"),),
    "percentunit": ((0.01, "%"),),
    "s": (
        (1e-9, " ns"),
        (1e-6, " µs"),
        (1e-3, " ms"),
        (1.0, " s"),
        (60.0, " min"),
        (3600.0, " h"),
        (86400.0, " days"),
    ),
    "bytes": _BYTES,
    "binBps": tuple((size, f"{name}/s") for size, name in _BYTES),
    "ops": _counted("ops/s"),
    "reqps": _counted("req/s"),
    "rowsps": _counted("rows/s"),
}
_WORDLESS = 1e15  # from here on a power of ten is shorter than the digits
DIGITS = 3  # significant ones


@frozen
class Scale:
    """One step of a unit: values are divided by `size` and followed by `suffix`."""

    size: float
    suffix: str


def scale_of(unit: str, largest: float) -> Scale:
    """The step in which a value is written: the largest that is not above it; for 0 the unit itself."""
    steps = UNITS.get(unit, UNITS["none"])
    magnitude = abs(largest)
    if magnitude == 0 or not math.isfinite(magnitude):
        return Scale(*next((step for step in steps if step[0] == 1), steps[0]))
    fitting = [step for step in steps if step[0] <= magnitude * (1 + 1e-9)]  # 1.0 that was computed as 0.9999999999
    return Scale(*(fitting[-1] if fitting else steps[0]))


def number_text(value: float) -> str:
    """Three significant digits, all digits before the point, no zeros behind: `12.3`, `1234`, `0.00123`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    if abs(value) >= _WORDLESS:
        return f"{value:.{DIGITS}g}"
    decimals = min(max(DIGITS - 1 - math.floor(math.log10(abs(value))), 0), 12)
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"0", "-0"} else text


def value_text(value: float, unit: str) -> str:
    """A value with its unit."""
    scale = scale_of(unit, value)
    return number_text(value / scale.size) + scale.suffix


def label_expression(unit: str) -> str:
    """A Vega expression for the labels of an axis whose values lie many steps apart, a logarithmic one."""
    steps = UNITS.get(unit, UNITS["none"])
    size, suffix = steps[0]
    expression = f"format(datum.value / {size!r}, '.3~g') + '{suffix}'"
    for size, suffix in steps[1:]:
        expression = (
            f"abs(datum.value) >= {size!r} ? format(datum.value / {size!r}, '.3~g') + '{suffix}' : {expression}"
        )
    return expression


_MOST_TICKS = 6
# Numbers that people count in, from 1 to a thousand times as much, ever fewer of them.
_DECADES = ((1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0), (1.0, 10.0, 100.0), (1.0, 30.0), (1.0,))
_BINARY = ((1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0), (1.0, 8.0, 64.0), (1.0, 32.0), (1.0,))
_DAY = 86_400.0
_SPANS = (
    (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
    (1.0, 60.0, 3600.0, _DAY, 30 * _DAY),
)


def log_ticks(unit: str, low: float, high: float) -> list[float]:
    """Round values of a unit from `low` to `high`, for a logarithmic axis that is linear from -1 to 1.

    The first is not above `low` unless that is below zero; the others are not above `high`. Zero is the first where a
    value is below 1.
    """
    found: list[float] = []
    for steps in _ladders(unit, high):
        first = max((step for step in steps if step <= low), default=0.0)
        found = sorted({first, *(step for step in steps if first <= step <= high)})
        if len(found) <= _MOST_TICKS:
            break
    return found


def _ladders(unit: str, high: float) -> Iterator[list[float]]:
    """The values that can be labelled, ever fewer of them, from 1 to beyond `high`."""
    if unit == "s":
        yield from (list(steps) for steps in _SPANS)
        return
    base, shapes = (1024.0, _BINARY) if unit in {"bytes", "binBps"} else (1000.0, _DECADES)
    powers = range(1 + math.floor(math.log(max(high, 1.0), base)))
    yield from ([base**power * part for power in powers for part in shape] for shape in shapes)
    skipped = 2
    while skipped < 2 * len(powers):
        yield [base**power for power in powers[::skipped]]
        skipped *= 2
