"""The units of Grafana: what each is a step of, and what is wrong where a panel shows a measure in another.

Source: the value formats of Grafana's panels; `bytes` and `kbytes` are binary, `decbytes` and `KBs` decimal.
"""

from __future__ import annotations

from math import isclose

from regobs.lint.quantities import Dimension, Quantity

_DATA, _TIME, _MOMENT = Dimension.DATA, Dimension.TIME, Dimension.MOMENT
_STEPS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
UNITS: dict[str, Quantity] = {
    **dict.fromkeys(("bytes", "decbytes"), Quantity(_DATA)),
    **dict.fromkeys(("bits", "decbits"), Quantity(_DATA, 1 / 8)),
    **{f"{step.lower()}bytes": Quantity(_DATA, 1024.0**power) for step, power in _STEPS.items()},
    **{f"dec{step.lower()}bytes": Quantity(_DATA, 1000.0**power) for step, power in _STEPS.items()},
    **dict.fromkeys(("binBps", "Bps"), Quantity(_DATA, per_second=True)),
    **dict.fromkeys(("bps", "binbps"), Quantity(_DATA, 1 / 8, per_second=True)),
    **{f"{step}iBs": Quantity(_DATA, 1024.0**power, per_second=True) for step, power in _STEPS.items()},
    **{f"{step}Bs": Quantity(_DATA, 1000.0**power, per_second=True) for step, power in _STEPS.items()},
    **{f"{step}ibits": Quantity(_DATA, 1024.0**power / 8, per_second=True) for step, power in _STEPS.items()},
    **{f"{step}bits": Quantity(_DATA, 1000.0**power / 8, per_second=True) for step, power in _STEPS.items()},
    **dict.fromkeys(("s", "dtdurations", "clocks", "dthms", "dtdhms"), Quantity(_TIME)),
    **dict.fromkeys(("ms", "dtdurationms", "clockms"), Quantity(_TIME, 1e-3)),
    **dict.fromkeys(("µs", "us"), Quantity(_TIME, 1e-6)),
    "ns": Quantity(_TIME, 1e-9),
    "m": Quantity(_TIME, 60.0),
    "h": Quantity(_TIME, 3600.0),
    "d": Quantity(_TIME, 86_400.0),
    **dict.fromkeys(
        (
            *("dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsUS", "dateTimeAsUSNoDateIfToday"),
            *("dateTimeAsLocal", "dateTimeAsLocalNoDateIfToday", "dateTimeAsSystem", "dateTimeFromNow"),
        ),
        Quantity(_MOMENT, 1e-3),
    ),
}
SHARES = frozenset({"percent", "percentunit"})
PER_SECOND = frozenset({"ops", "reqps", "rps", "wps", "iops", "cps", "mps", "eps", "cpm"})
# What no metric of bytes, times or things is.
_OF_OTHERS = frozenset(
    """
    celsius fahrenheit farenheit kelvin volt kvolt mvolt amp kamp mamp watt kwatt megwatt mwatt joule kwatth humidity
    currencyUSD currencyEUR currencyGBP currencyJPY lengthm lengthkm lengthmm pressurebar pressurepsi rothz
    """.split()  # noqa: SIM905 - words
)
_NAMES = {
    (_DATA, 1 / 8): "bits", (_DATA, 1.0): "bytes",
    **{(_DATA, 1024.0**power): f"{step}iB" for step, power in _STEPS.items()},
    **{(_DATA, 1000.0**power): f"{step.replace('K', 'k')}B" for step, power in _STEPS.items()},
    **{(_DATA, 1024.0**power / 8): f"{step}ibit" for step, power in _STEPS.items()},
    **{(_DATA, 1000.0**power / 8): f"{step.replace('K', 'k')}bit" for step, power in _STEPS.items()},
    (_TIME, 1.0): "seconds", (_TIME, 1e-3): "milliseconds", (_TIME, 1e-6): "microseconds",
    (_TIME, 1e-9): "nanoseconds", (_TIME, 60.0): "minutes", (_TIME, 3600.0): "hours", (_TIME, 86_400.0): "days",
    (_MOMENT, 1.0): "seconds since 1970", (_MOMENT, 1e-3): "milliseconds since 1970",
}  # fmt: skip
_WINDOWS = {60: "minute", 3600: "hour", 86_400: "day", 604_800: "week", 2_592_000: "month of 30 days"}
# Steps of 1,000 and of 1,024 are taken for each other: of a petabyte they are an eighth apart.
_NEAR = 1.13


def unit_fault(found: Quantity, unit: str, things: str = "things") -> tuple[str, str] | None:
    """What is wrong where a measure is shown in a unit, and what to do; None where nothing is, or it is not known."""
    shown = UNITS.get(unit)
    if shown is not None and shown.per_second and (window := _window(found)):
        return f"bytes per {window} are shown as {unit}", "write bytes and say so in the title"
    name = _name(found, things)
    if not name or not unit:
        return None
    wrong = f"{name} are shown as {unit}"
    if shown is not None and shown.dimension is found.dimension:
        if found.dimension is _TIME and found.per_second:
            return None
        differs = not _is_near(found.scale, shown.scale) or found.per_second is not shown.per_second
        return (wrong, _right(found)) if differs else None
    if shown is not None:
        return None if _may_be(found, shown) else (wrong, _right(found))
    other = unit in _OF_OTHERS or (unit in SHARES and _is_no_share(found, unit))
    other = other or (unit in PER_SECOND and found.dimension is not Dimension.COUNT)
    return (wrong, _right(found)) if other else None


def _window(found: Quantity) -> str:
    """In what time the bytes are that a rate of them was multiplied for; "" for anything else."""
    flows = found.dimension is _DATA and found.per_second
    return next((name for time, name in _WINDOWS.items() if flows and isclose(found.scale * time, 1)), "")


def _is_near(one: float, other: float) -> bool:
    return 1 / _NEAR < one / other < _NEAR


def _may_be(found: Quantity, shown: Quantity) -> bool:
    """Whether a measure may be meant as another one: a share of time as a time, what is known only by a constant."""
    return found.dimension is _TIME and found.per_second and shown.dimension is not _DATA


def _is_no_share(found: Quantity, unit: str) -> bool:
    if found.dimension is _TIME:
        return unit == "percent" and not found.per_second
    if found.dimension is Dimension.PART:
        return False
    return found.dimension not in {Dimension.STATE, Dimension.SHARE} or unit == "percent"


def _name(found: Quantity, things: str) -> str:
    """What it is called; nothing for steps that have no name, such as bytes a minute."""
    if found.dimension in {Dimension.STATE, Dimension.SHARE}:
        return "0 and 1" if found.dimension is Dimension.STATE else "shares of 1"
    if found.dimension is Dimension.PART:
        return "shares"
    if found.dimension is Dimension.COUNT:
        return f"{things} per second" if found.per_second else f"numbers of {things}"
    near = (name for (of, scale), name in _NAMES.items() if of is found.dimension and _is_near(found.scale, scale))
    exact = next((name for (of, scale), name in _NAMES.items() if (of, scale) == (found.dimension, found.scale)), "")
    name = exact or next(near, "")
    return f"{name} per second" if name and found.per_second else name


def _right(found: Quantity) -> str:
    """The next step."""
    if found.dimension is Dimension.COUNT:
        return "write ops" if found.per_second else "write short"
    if found.dimension is Dimension.STATE:
        return "write short, or bool"
    if found.dimension in {Dimension.SHARE, Dimension.PART}:
        return "write percentunit" if found.dimension is Dimension.SHARE else "write percent, or percentunit"
    if found.dimension is _MOMENT and not _is_near(found.scale, 1e-3):
        return "write dateTimeAsIso and multiply it by 1000, or subtract it from time()"
    if found.dimension is _TIME and found.per_second:
        return "write percentunit, or short"
    units = (
        unit
        for unit, one in UNITS.items()
        if (one.dimension, one.per_second) == (found.dimension, found.per_second) and _is_near(one.scale, found.scale)
    )
    return f"write {next(units, 'short')}"
