"""Burn-rate tiers: read from windows.yaml, checked, and laid out as a chain of recorded windows.

Which window is summed from which: the longest shorter one that is at most 1/12 of it (1/600 for the period), and the
counters' own base window otherwise. Samples of the shorter window V overlap: `sum_over_time(x_V[W:V/5]) / 5` reads
each event from every sample whose window holds it, so none falls between two samples and none is counted twice. The
price is a soft edge: an event enters and leaves W over the length of V. 1/12 is the workbook's own ratio of short to
long window, and 1/600 lets the budget of 28 days follow an incident within the hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from regobs.documents import Document, load_yaml, validate
from regobs.errors import SloError
from regobs.pack import PackFile
from regobs.promql.nodes import Duration
from regobs.slo.model import Tier, Windows, read_window, window_text

SAMPLES = 5  # evaluations within one source window, and the longest distance of two: one minute for 5m
_LONGEST_INTERVAL = 60_000
_SCRAPES = 4  # increase() needs 2 samples; 4 bear one failed scrape and keep the extrapolation under a third
_SOFT_EDGE = 12
_SOFT_PERIOD_EDGE = 600

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
                    "severity": {"enum": ["page", "ticket"]},
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded window. `source` None: straight from the counters; else summed from that window."""

    window: Duration
    source: Duration | None = None


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
    return Windows(tiers, Decimal(document.data["confidence"]))


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
    found = read_window(text)
    if found is None:
        raise SloError(
            f"{key} is no duration",
            location=document.locate(("tiers", index, key)),
            value=text,
            expected="a fixed duration above zero, such as 5m or 1h30m",
            next_step=f"correct {key}",
        )
    return found


def check_base(windows: Windows, scrape_interval: Duration) -> None:
    """Raise SloError when the shortest window is too short for the scrape interval, or not divisible in whole ms."""
    tier = min(windows.tiers, key=lambda one: one.short.ms)
    needed = Duration(max(_SCRAPES * scrape_interval.ms, SAMPLES))
    if tier.short.ms < needed.ms:
        raise SloError(
            f"the short window of the tier {tier.name} holds fewer than {_SCRAPES} scrapes",
            location=tier.location,
            value=f"{window_text(tier.short)}, with a scrape every {window_text(scrape_interval)}",
            expected=f"at least {window_text(needed)}",
            next_step="lengthen the window, or scrape more often (scrape_interval in regobs.toml)",
        )


def base(windows: Windows) -> Duration:
    """The shortest window: the one that is read from the counters."""
    return min((tier.short for tier in windows.tiers), key=lambda one: one.ms)


def interval(windows: Windows) -> Duration:
    """How often the rules are evaluated: five times in the base window, at least once a minute."""
    return Duration(min(_LONGEST_INTERVAL, base(windows).ms // SAMPLES))


def budget_interval(windows: Windows) -> Duration:
    """How often the sums over the whole period are made: they read thousands of samples and move slowly.

    Every second minute and no slower: a sample counts as present for five minutes (Prometheus' default of
    --query.lookback-delta), and one evaluation may come late.
    """
    return Duration(2 * interval(windows).ms)


def step_of(source: Duration) -> Duration:
    """The distance of the samples that a longer window sums."""
    return Duration(source.ms // SAMPLES)


def chain(windows: Windows, period: Duration) -> tuple[Step, ...]:
    """Every window that is recorded, shortest first; each source stands before the window that needs it.

    A source's samples divide the window evenly; where only the base window is left they may miss it by part of one.
    """
    sizes = sorted({size for tier in windows.tiers for size in (tier.short.ms, tier.long.ms)} | {period.ms})
    steps = [Step(Duration(sizes[0]))]
    for size in sizes[1:]:
        edge = _SOFT_PERIOD_EDGE if size == period.ms else _SOFT_EDGE
        fitting = [one for one in sizes if one * edge <= size and size % (one // SAMPLES) == 0]
        steps.append(Step(Duration(size), Duration(max(fitting, default=sizes[0]))))
    return tuple(steps)


def evidence(confidence: Decimal) -> Decimal:
    """ln(1 / (1 - confidence)), rounded up to four places: 4.6052 for 0.99."""
    with localcontext() as context:
        context.rounding = "ROUND_CEILING"
        return -(1 - confidence).ln().quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")
