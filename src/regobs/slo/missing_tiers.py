"""Burn alerts that a build leaves out, because the period of an error budget is too short for them: told, with why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from regobs.promql.nodes import Duration
from regobs.slo.model import DAY, Period, Windows
from regobs.slo.windows import LASTS, fits


def tier_notes(slos: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each period of the SLOs of a manifest that some tier does not fit, those without any first."""
    found: dict[tuple[bool, str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for one in slos:
        if one["tiers_left_out"]:
            key = (bool(one["tiers"]), one["period"], tuple(one["tiers_left_out"].items()))
            found[key].append(one["slo"])
    for (some, period, tiers), names in sorted(found.items()):
        which = names[0] if len(names) == 1 else f"{len(names)} SLOs, {names[0]} among them"
        left = ", ".join(name for name, _ in tiers)
        reasons = why(reason for _, reason in tiers)
        if some:
            yield f"Note: with a period of {period} the burn alerts over {left} are left out ({which}): {reasons}"
        else:
            yield f"Warning: with a period of {period} there is no burn alert at all ({which}): {reasons}"


def why(reasons: Iterable[str]) -> str:
    """The reasons of `unfit_tiers` in a sentence."""
    return f"{', '.join(reasons)}; {LASTS}"


def best_days(most: int, windows: Windows) -> int:
    """Of periods of up to so many days that with the most burn alerts: if possible whole weeks, and the longest."""

    def worth(days: int) -> tuple[int, bool, int]:
        period = Period(Duration(days * DAY))
        return sum(fits(tier, period) for tier in windows.tiers), days % 7 == 0, days

    return max(range(1, most + 1), key=worth)


def first_days(windows: Windows) -> int:
    """The shortest period, in days, that has a burn alert."""
    return next(
        days for days in range(1, 366) if any(fits(tier, Period(Duration(days * DAY))) for tier in windows.tiers)
    )
