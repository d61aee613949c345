"""Made courses of an SLO: what it counted, and the same as counters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regobs.budgets.past import Numbers, SloPast
from regobs.slo.spec import read_slos
from regobs.slo.windows import read_windows
from tests.slo.packs import BUNDLED, GITLAB

WINDOWS = read_windows(BUNDLED.file("alerts", "windows.yaml"))
EVERY = 30_000  # milliseconds
SLOS = {slo.name: slo for slo in read_slos(BUNDLED, GITLAB)}
SLO = SLOS["tag-list-availability"]  # 99.5 % of the answers
HOUR, DAY = 120, 2880  # evaluations
START = 1_795_003_200_000


def past_of(events: Numbers, bad: Numbers, start: int = START) -> SloPast:
    """What an SLO counted at each evaluation from `start` on."""
    times = start + EVERY * np.arange(len(events), dtype=np.int64)
    return SloPast(SLO.name, (), times, np.asarray(events, float), np.asarray(bad, float))


def steady(rate: float, count: int) -> Numbers:
    """Events that come evenly, `rate` at each evaluation."""
    return np.diff(np.floor(rate * np.arange(count + 1) + 1e-9))


def outage(rate: float, share: float, before: int, length: int, after: int) -> SloPast:
    """Traffic that is steady, of which a share fails in the middle."""
    events = steady(rate, before + length + after)
    bad = np.zeros(len(events))
    bad[before : before + length] = steady(rate * share, length)
    return past_of(events, np.minimum(bad, events))


def without(past: SloPast, first: int, last: int) -> SloPast:
    """The same with evaluations missing."""
    keep = np.r_[0:first, last : len(past.times)]
    return replace(past, times=past.times[keep], events=past.events[keep], bad=past.bad[keep])
