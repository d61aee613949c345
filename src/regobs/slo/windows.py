"""Burn-rate tiers: read from windows.yaml, checked, and laid out as a chain of recorded windows.

What happened since the evaluation before is read from the counters; windows up to the long one of the fastest tier sum
those samples, and longer windows are laid together from shorter ones, end to end: 6h = 2h + 2h before that + 2h before
that. So each window is exact at every evaluation, none lags, and a window of 28 days reads a few samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

from regobs.config.model import SEVERITIES
from regobs.documents import Document, load_yaml, validate
from regobs.errors import SloError
from regobs.pack import PackFile
from regobs.promql.nodes import Duration
from regobs.slo.model import CalendarSpan, Period, Slo, Tier, Windows, read_window, window_text

_EVALUATIONS = 10  # in the shortest window, at most: 30 s of 5 min
LONGEST_INTERVAL = 150_000  # half of Prometheus' --query.lookback-delta: one evaluation may fail
_SCRAPES = 2  # between two evaluations
_LONGEST_GAP = 1_800_000  # of Prometheus itself, that windows of days bear without a dip
_LEAST_FACTOR = Fraction(9, 10)  # the workbook's slowest tier is 1 for 30 days, and 14/15 for 28
# What the burn rates of tiers are judged by, in a sentence.
LASTS = f"a budget that burns slower than {float(_LEAST_FACTOR):g} lasts to its end"
_ENDS = 12  # the most windows that are laid end to end; longer ones get a window in between
_BETWEEN = 10

_DURATION = {"type": "string", "description": "a duration such as 5m or 1h30m"}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["confidence", "tiers"],
    "properties": {
        "confidence": {
            "type": "number",
            "minimum": 0.5,
            "exclusiveMaximum": 1,
            "description": "how sure an alert must be that the burn is no accident of few events, such as 0.99",
        },
        "tiers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["long", "short", "share", "for", "severity"],
                "properties": {
                    "long": _DURATION,
                    "short": _DURATION,
                    "for": _DURATION,
                    "share": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "maximum": 1,
                        "description": "the part of the budget that may be spent in the long window, such as 0.02",
                    },
                    "severity": {"enum": list(SEVERITIES)},
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A recorded window, as it was `offset` ago."""

    window: Duration
    offset: Duration


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded window: laid together from pieces, or without any the sum of the evaluations in it."""

    window: Duration
    pieces: tuple[Piece, ...] = ()


def read_windows(file: PackFile) -> Windows:
    """The tiers of a windows.yaml. Raises SloError with a place for everything that cannot work."""
    document = load_yaml(file.read(), str(file.path), error=SloError)
    validate(document, _SCHEMA, SloError)
    tiers = tuple(_tier(document, index) for index in range(len(document.data["tiers"])))
    for index, tier in enumerate(tiers[1:], start=1):
        if tier.long.ms <= tiers[index - 1].long.ms:
            raise SloError(
                "tiers are out of order",
                location=document.locate(("tiers", index, "long")),
                value=tier.name,
                expected=f"a long window longer than {tiers[index - 1].name}, that of the tier before",
                next_step="order the tiers from the shortest long window to the longest, each window once",
            )
    windows = Windows(tiers, Decimal(document.data["confidence"]))
    _check_covered(windows)
    return windows


def _check_covered(windows: Windows) -> None:
    """Refuse a window that shorter ones do not add up to: it would be recorded shorter than its name says."""
    steps = chain(windows, Period(windows.tiers[-1].long, CalendarSpan.MONTH))  # of a calendar: no window of a period
    for index, step in enumerate(steps):
        if step.pieces and sum(piece.window.ms for piece in step.pieces) < step.window.ms:
            raise SloError(
                f"the window {window_text(step.window)} cannot be laid together from shorter ones",
                location=next(tier for tier in windows.tiers if step.window in {tier.short, tier.long}).location,
                value=f"the shorter ones are {', '.join(window_text(one.window) for one in steps[:index])}",
                expected="a sum of them, the longest first",
                next_step=f"choose a multiple of {window_text(steps[0].window)}, or windows that divide each other",
            )


def _tier(document: Document, index: int) -> Tier:
    data = document.data["tiers"][index]
    tier = Tier(
        long=_duration(document, index, "long"),
        short=_duration(document, index, "short"),
        share=Decimal(data["share"]),
        hold=_duration(document, index, "for"),
        severity=data["severity"],
        location=document.locate(("tiers", index)),
    )
    if tier.short.ms >= tier.long.ms or tier.long.ms % tier.short.ms:
        raise SloError(
            "the long window is no multiple of the short one",
            location=document.locate(("tiers", index, "short")),
            value=f"{data['short']} and {data['long']}",
            expected="long = 2, 3, 4... x short; the usual choice is 12 x",
            next_step="choose a short window that divides the long one",
        )
    return tier


def _duration(document: Document, index: int, key: str) -> Duration:
    text = document.data["tiers"][index][key]
    found = read_window(str(text), zero=key == "for")
    if found is None:
        raise SloError(
            f"{key} is no duration",
            location=document.locate(("tiers", index, key)),
            value=text,
            expected="a fixed duration above zero, such as 5m or 1h30m" + (", or 0s" if key == "for" else ""),
            next_step=f"correct {key}",
        )
    return found


def check_base(windows: Windows, scrape_interval: Duration) -> None:
    """Raise SloError when the shortest window is too short for the scrape interval, or not divisible in whole ms."""
    tier = min(windows.tiers, key=lambda one: one.short.ms)
    needed = Duration(2 * _SCRAPES * scrape_interval.ms)
    if tier.short.ms < needed.ms:
        raise SloError(
            f"the short window of the tier {tier.name} holds fewer than {2 * _SCRAPES} scrapes",
            location=tier.location,
            value=f"{window_text(tier.short)}, with a scrape every {window_text(scrape_interval)}",
            expected=f"at least {window_text(needed)}",
            next_step="lengthen the window, or scrape more often (scrape_interval in regobs.toml)",
        )


def fitting(slo: Slo, windows: Windows) -> tuple[Tier, ...]:
    """The tiers that make sense for an SLO's period: others would alert on burns that it can bear to its end."""
    return tuple(tier for tier in windows.tiers if fits(tier, slo.period))


def unfit_tiers(period: Period, windows: Windows) -> dict[str, str]:
    """Why a tier makes no sense for a period, by the name of each that does not."""
    return {tier.name: reason for tier in windows.tiers if (reason := _unfit(tier, period))}


def fits(tier: Tier, period: Period) -> bool:
    """Whether a tier makes sense for a period."""
    return not _unfit(tier, period)


def _unfit(tier: Tier, period: Period) -> str:
    if tier.long.ms > period.length.ms:
        return f"{tier.name} is longer than the period"
    factor = tier.factor(period)
    if factor >= _LEAST_FACTOR:
        return ""
    return f"{tier.name} would fire at a burn rate of {float(factor):.2g}"


def base(windows: Windows) -> Duration:
    """The shortest window of a tier."""
    return min((tier.short for tier in windows.tiers), key=lambda one: one.ms)


def interval(windows: Windows, scrape_interval: Duration) -> Duration:
    """How often the rules are evaluated: ten times in the shortest window, if two scrapes lie between."""
    shortest = base(windows).ms
    for parts in range(_EVALUATIONS, 1, -1):
        every = shortest // parts
        if shortest % parts == 0 and _SCRAPES * scrape_interval.ms <= every <= LONGEST_INTERVAL:
            return Duration(every)
    return Duration(shortest // 2)


def gap(window: Duration) -> Duration | None:
    """How far back an older sample of a window is taken where one is missing; None: as far as Prometheus does."""
    far = min(_LONGEST_GAP, window.ms // _ENDS)
    return Duration(far) if far > 2 * LONGEST_INTERVAL else None


@lru_cache(maxsize=16)  # the same for most SLOs of a pack
def chain(windows: Windows, period: Period) -> tuple[Step, ...]:
    """Every window that is recorded, shortest first, so that each stands behind those it is laid together from."""
    first = windows.tiers[0].long.ms
    sizes = {size for tier in windows.tiers for size in (tier.short.ms, tier.long.ms)}
    if period.span is None:
        sizes.add(period.length.ms)
    between = max(size for size in sizes if size != period.length.ms or size == first)
    while period.span is None and period.length.ms > _ENDS * between:
        between *= _BETWEEN
        sizes.add(between)
    steps: list[Step] = []
    for size in sorted(sizes):
        if size <= first:
            steps.append(Step(Duration(size)))
        else:
            steps.append(Step(Duration(size), _end_to_end(size, [step.window.ms for step in reversed(steps)])))
    return tuple(steps)


def _end_to_end(size: int, shorter: list[int]) -> tuple[Piece, ...]:
    """Pieces from the present backwards, the longest first; `shorter` is in falling order.

    Less than the shortest one may be left of a period; tiers have no such windows, which `read_windows` refuses.
    """
    pieces, at = [], 0
    for window in shorter:
        while size - at >= window:
            pieces.append(Piece(Duration(window), Duration(at)))
            at += window
    return tuple(pieces)


def evidence(confidence: Decimal) -> Decimal:
    """ln(1 / (1 - confidence)), rounded up to four places: 4.6052 for 0.99."""
    with localcontext() as context:
        context.rounding = "ROUND_CEILING"
        return -(1 - confidence).ln().quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")
