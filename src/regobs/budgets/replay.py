"""When the burn-rate alerts of an SLO fire, given what it counted at each evaluation.

The same arithmetic as the rules of `regobs.slo.recording` and `regobs.slo.alerts`, which have the reasons; a test runs
both on the same counters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regobs.budgets.past import Numbers, ScopeLabels, SloPast, joined
from regobs.promql.nodes import Duration
from regobs.slo.alerts import FALLING, OVER, RENEWED, falling_windows, told_by, watched_counts
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.recording import MORE_THAN_ONE, lowest
from regobs.slo.windows import Step, chain, evidence, fitting, gap

Truth = NDArray[np.bool_]
LOOKBACK = 300_000  # milliseconds that Prometheus looks back for a sample (--query.lookback-delta)
_SLACK = 7_200_000  # milliseconds that the pieces of a window may lie before it, where an evaluation is missing
_LEAST = 0.0001  # of a burn rate, in the place of zero; as in the rules


@dataclass(frozen=True, slots=True)
class FiredAlert:
    """An alert from its first evaluation to the first at which it fires no more; milliseconds since 1970.

    `end` is None while it still fires at the end of the data.
    """

    slo: str
    scope: ScopeLabels
    tier: str
    severity: str
    begin: int
    end: int | None


class BurnWindows:
    """Events, bad events and burn rates of an SLO's windows at each evaluation, as the recording rules give them."""

    def __init__(self, past: SloPast, slo: Slo, windows: Windows, every: int) -> None:
        self._past, self._slo, self._windows, self._every = past, slo, windows, every
        self._steps = {step.window.ms: step for step in chain(windows, slo.period)}
        self._values = {"events": past.events, "bad": past.bad, "evaluations": np.ones_like(past.events)}
        self._sums: dict[tuple[int, str], Numbers] = {}

    def events(self, window: int) -> Numbers:
        """How many happened in a window (milliseconds)."""
        return self._sum(window, "events")

    def bad(self, window: int) -> Numbers:
        """How many of them were bad."""
        return self._sum(window, "bad")

    def watched(self, window: int) -> Numbers:
        """Which part of a window was watched."""
        return self._sum(window, "evaluations") * (self._every / window)

    def burn(self, window: int) -> Numbers:
        """The burn rate; not a number where nothing happened."""
        events = self.events(window)
        with np.errstate(all="ignore"):
            found: Numbers = np.where(events > 0, self.bad(window) / events / float(self._slo.budget), np.nan)
        return found

    def _sum(self, window: int, what: str) -> Numbers:
        if (window, what) not in self._sums:
            step = self._steps[window]
            self._sums[window, what] = self._laid_together(step, what) if step.pieces else self._summed(window, what)
        return self._sums[window, what]

    def _summed(self, window: int, what: str) -> Numbers:
        times = self._past.times
        so_far = np.concatenate(([0.0], np.cumsum(self._values[what])))
        ranged = max(window - self._every // 2, self._every // 2)
        first = np.searchsorted(times, times - ranged, side="left")
        found: Numbers = so_far[1:] - so_far[first]
        return np.maximum(found, 0.0)

    def _laid_together(self, step: Step, what: str) -> Numbers:
        times = self._past.times
        made = self._sum(step.pieces[0].window.ms, what).copy()
        for piece in step.pieces[1:]:
            values, at = self._sum(piece.window.ms, what), times - piece.offset.ms
            far = gap(piece.window)
            place = np.searchsorted(times, at, side="right") - 1
            there = (place >= 0) & (at - times[place] <= (LOOKBACK if far is None else far.ms))
            made += np.where(there, values[place], 0.0)
        return made


class AlertReplay:
    """The alerts of one SLO in one scope, over a past that comes piece by piece, in the order of time.

    Of what was fed it keeps no more than the longest window looks at. `every` is the interval of the evaluation in
    milliseconds.
    """

    def __init__(self, slo: Slo, windows: Windows, every: int) -> None:
        self._slo, self._windows, self._every = slo, windows, every
        self._tail: SloPast | None = None
        self._course = _Course(len(fitting(slo, windows.of(slo))))
        self._reach = max((tier.long.ms for tier in windows.of(slo).tiers), default=0) + _SLACK

    def feed(self, past: SloPast) -> list[FiredAlert]:
        """The alerts that ended in this piece."""
        if not len(past.times):
            return []
        whole = past if self._tail is None else joined(self._tail, past)
        burn = BurnWindows(whole, self._slo, self._windows, self._every)
        found = _Alerting(burn, whole, self._slo, self._windows).fired(self._course, len(whole.times) - len(past.times))
        last = int(whole.times[-1])
        self._tail = whole.between(last - self._reach, last)
        return found

    def rest(self) -> list[FiredAlert]:
        """The alerts that still fire at the end."""
        tiers, past = fitting(self._slo, self._windows.of(self._slo)), self._tail
        pairs = zip(tiers, self._course.begun, strict=True) if past is not None else ()
        return [_alert(past, tier, first, None) for tier, first in pairs if past is not None and first is not None]


def fired_alerts(past: SloPast, slo: Slo, windows: Windows, every: int) -> list[FiredAlert]:
    """The alerts of one SLO in one scope; `every` is the interval of its evaluation in milliseconds."""
    replay = AlertReplay(slo, windows, every)
    return sorted([*replay.feed(past), *replay.rest()], key=lambda one: (one.begin, one.tier))


class _Course:
    """What alerts remember from one evaluation to the next, by tier; milliseconds since 1970."""

    def __init__(self, tiers: int) -> None:
        self.last = [-(2**62)] * tiers  # when it fired for the last time
        self.since: list[int | None] = [None] * tiers  # when its condition became true
        self.begun: list[int | None] = [None] * tiers  # when it began to fire


def _alert(past: SloPast, tier: Tier, begin: int, end: int | None) -> FiredAlert:
    return FiredAlert(past.slo, past.scope, window_text(tier.long), tier.severity, begin, end)


class _Alerting:
    """The conditions of the alerts of an SLO at each evaluation, and the states that follow from them."""

    def __init__(self, burn: BurnWindows, past: SloPast, slo: Slo, windows: Windows) -> None:
        self._burn, self._past, self._slo, self._windows = burn, past, slo, windows.of(slo)
        self._tiers = fitting(slo, self._windows)

    @cached_property
    def _recoveries(self) -> Mapping[tuple[str, Duration], Numbers]:
        """By severity and short window, the evidence that the burn of the severity's reference window is over."""
        severities = dict.fromkeys(one.severity for one in self._tiers)
        pairs = [(severity, short) for severity in severities for short in self._windows.shorts(severity)]
        return {pair: self._recovery(*pair) for pair in pairs}

    def _recovery(self, severity: str, short: Duration) -> Numbers:
        low = float(lowest(self._slo, self._windows, severity))
        before = self._burn.burn(self._windows.reference(severity).ms)
        with np.errstate(all="ignore"):
            bad, burn = self._burn.bad(short.ms), self._burn.burn(short.ms)
            expected = self._burn.events(short.ms) * float(self._slo.budget) * before
            falls = np.maximum(before / np.maximum(burn, _LEAST), _LEAST)
            proof = expected - bad - bad * np.log(falls)
            holds = (burn < before) & ((burn <= low) | (bad < float(MORE_THAN_ONE)))
            found: Numbers = np.where(holds, proof, 0.0)
        return found

    def _begins(self, tier: Tier) -> Truth:
        up_to_it = self._tiers[: self._tiers.index(tier) + 1]
        factor, burn, bad = float(tier.factor(self._slo.period)), self._burn.burn(tier.long.ms), self._burn.bad
        with np.errstate(all="ignore"):
            begins = burn > factor
            if watched_counts(tier, self._tiers):
                begins &= burn * self._burn.watched(tier.long.ms) > factor
            for one in up_to_it:
                begins &= self._burn.burn(one.short.ms) > factor
            begins &= bad(self._windows.shorts(tier.severity)[-1].ms) > float(MORE_THAN_ONE)
            begins &= self._proof(tier, tier.long.ms) > float(evidence(self._windows.confidence))
        for pair in falling_windows(self._slo, tier, self._windows):
            begins &= ~(self._recoveries[pair] > float(FALLING))
        return begins

    def _proof(self, tier: Tier, window: int) -> Numbers:
        burn, least = self._burn.burn(window), min(float(tier.factor(self._slo.period)), 1.0)
        with np.errstate(all="ignore"):
            found: Numbers = self._burn.bad(window) * (np.log(burn / least) + least / burn - 1)
        return found

    def _ends(self, tier: Tier) -> Truth:
        before = self._burn.burn(self._windows.reference(tier.severity).ms)
        shorts = self._windows.shorts(tier.severity)
        over = np.any([self._recoveries[tier.severity, short] > float(OVER) for short in shorts], axis=0)
        found: Truth = over | (before <= float(lowest(self._slo, self._windows, tier.severity)))
        return found

    def fired(self, course: _Course, at: int) -> list[FiredAlert]:
        """Step by step from one evaluation on, where an alert may begin or fires; the others change nothing."""
        tiers, times = self._tiers, self._past.times
        ends = [self._ends(tier) for tier in tiers]
        begins = [self._begins(tier) & ~end for tier, end in zip(tiers, ends, strict=True)]
        goes_on = [(self._burn.burn(tier.long.ms) > 0) & ~end for tier, end in zip(tiers, ends, strict=True)]
        interesting = np.flatnonzero(np.any(begins, axis=0))
        silencing = [self._silencing(place) for place in range(len(tiers))]
        last, since, begun = course.last, course.since, course.begun
        found: list[FiredAlert] = []
        while at < len(times):
            if all(one is None for one in since):
                later = np.searchsorted(interesting, at)
                if later == len(interesting):
                    break
                at = int(interesting[later])
            now = int(times[at])
            seen = at > 0 and now - int(times[at - 1]) <= LOOKBACK  # ALERTS of the evaluation before
            fires = [first is not None and seen for first in begun]
            for place, tier in enumerate(tiers):
                held = fires[place] and bool(goes_on[place][at])
                if held or (bool(begins[place][at]) and not silencing[place](at, fires, last)):
                    first = since[place] = now if since[place] is None else since[place]
                    if begun[place] is None and first is not None and now - first >= tier.hold.ms:
                        begun[place] = now
                else:
                    since[place] = None
                    if (first := begun[place]) is not None:
                        found.append(_alert(self._past, tier, first, now))
                        begun[place] = None
                fires[place] = begun[place] is not None
                last[place] = now if fires[place] else last[place]
            at += 1
        return found

    def _silencing(self, place: int) -> Callable[[int, list[bool], list[int]], bool]:
        """Whether what fires, and what fired when for the last time, keeps a tier's alert from beginning."""
        tiers, tier, times = self._tiers, self._tiers[place], self._past.times
        told = [tiers.index(one) for one in told_by(tier, tiers)]
        slower = [other for other in told if other > place]
        renewed = self._proof(tier, tier.short.ms) > float(RENEWED)

        def silenced(at: int, fires: list[bool], last: list[int]) -> bool:
            now = int(times[at])
            if any(fires[other] for other in slower) or any(now - one <= tier.short.ms for one in last[:place]):
                return True
            return not renewed[at] and any(now - last[other] <= tier.long.ms for other in told)

        return silenced
