"""Tests of the windows: those that sum evaluations, and those that are laid together from shorter ones.

Each is fed with what it is made of. Of windows there is one sample a window, each of another size, so that the sum says
which of them are in it. Where no single window is what all are laid from, such as 65m of 1h and 5m, each sum of
evaluations is fed, at steps of their greatest common divisor.
"""

from __future__ import annotations

from itertools import groupby
from math import gcd

from regobs.catalog import slo as names
from regobs.promql.nodes import Duration
from regobs.slo.alerts import NAMES, alert_labels
from regobs.slo.model import Tier, window_text
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import Bench, Json
from regobs.slo.windows import Step

_FLOOD = 1e12  # events in each fed sample: enough that a thousandth over the limit is no accident


def groups(bench: Bench) -> dict[int, list[Json]]:
    """Test groups by their step of time in ms; of each window one."""
    found: dict[int, list[Json]] = {bench.fed[0].ms: [_evaluations(bench)]}
    for step in bench.steps:
        if step.pieces:
            parts = _parts(bench, [piece.window.ms for piece in step.pieces])
            found.setdefault(gcd(*parts), []).append(_sum(bench, step, parts))
    for tier in bench.tiers:
        until = [one for one in bench.tiers if one.long.ms <= tier.long.ms]
        shorts = [one.short for one in until if one.short not in bench.fed]
        if shorts and by_ms(bench, min(short.ms for short in shorts)).pieces:
            read = [window.ms for one in until for window in (one.short, one.long) if window not in bench.fed]
            parts = _parts(bench, read)
            every = _evaluated_every(bench, tier, parts)
            found.setdefault(every, []).extend(
                _at_its_end(bench, tier, parts, every, over=over) for over in (False, True)
            )
    return found


def _evaluated_every(bench: Bench, tier: Tier, parts: tuple[int, ...]) -> int:
    """How seldom rules may be evaluated so that each piece of the tier's window was recorded when it is looked for."""
    unit = gcd(*parts)
    longer = [step for step in bench.steps if unit < step.window.ms <= tier.long.ms]
    offsets = {piece.offset.ms for step in longer for piece in step.pieces if piece.window.ms not in parts}
    sizes = [unit, *(step.window.ms for step in longer if step.window.ms < tier.long.ms)]
    return max(size for size in sizes if all(one % size == 0 for one in (*offsets, tier.long.ms)))


def _at_its_end(bench: Bench, tier: Tier, parts: tuple[int, ...], every: int, *, over: bool) -> Json:
    """The short windows burn a little more than the rest of the long one, just under or just over its limit."""
    unit, end = gcd(*parts), tier.long.ms - every
    count, burning = end // unit + 1, tier.short.ms // unit
    before, now = bench.limit(tier) * (0.999 if over else 0.97), bench.limit(tier) * 1.03
    events = [_FLOOD] * count
    bad = [_FLOOD * (before if index < count - burning else now) for index in range(count)]
    others = [window for window in bench.fed[:-1] if window.ms not in parts]
    series = bench.windows_of({window: [(end + unit, _FLOOD, _FLOOD * now)] for window in others}, unit)
    for part in parts:
        for values, family in ((events, names.EVENTS), (bad, names.BAD_EVENTS)):
            name = family(window_text(Duration(part))).name
            series.append(bench.series(name, _written(_sums(values, part // unit))))
    if tier.hold.ms:
        over = False
    labels = {"alertname": NAMES[bench.slo.sli], "alertstate": "firing", **alert_labels(bench.slo, tier, bench.config)}
    expr = f'ALERTS{{tier="{tier.name}"}}'
    expected = [{"labels": expect.series_text("ALERTS", {**labels, **bench.labels}), "value": 1}] if over else []
    check = {"expr": expr, "eval_time": expect.at(end), "exp_samples": expected}
    name = f"{tier.name} burns at its end, just {'over' if over else 'under'}"
    return bench.group(name, series, unit, promql_expr_test=[check])


def _evaluations(bench: Bench) -> Json:
    """One event and two bad ones at every evaluation, for longer than the longest window."""
    end, every = bench.at(bench.fed[-1].ms + bench.fed[0].ms, bench.fed[0].ms), window_text(Duration(bench.every))
    series = [
        bench.series(family(every).name, f"{value}+0x{end // bench.every}")
        for value, family in ((1, names.EVENTS), (2, names.BAD_EVENTS))
    ]
    checks = []
    for window in bench.fed:
        text, count = window_text(window), window.ms // bench.every
        checks += [
            expect.exactly(names.EVENTS(text).name, count, bench.labels, end),
            expect.exactly(names.BAD_EVENTS(text).name, 2 * count, bench.labels, end),
        ]
    last = bench.fed[-1]
    name = names.EVALUATIONS(window_text(last)).name
    checks.append(expect.exactly(name, last.ms // bench.every, bench.labels, end))
    return bench.group("sums of evaluations", series, bench.every, promql_expr_test=checks)


def _parts(bench: Bench, windows: list[int]) -> tuple[int, ...]:
    """The windows to feed: the longest that all these are laid together from or are, else all sums of evaluations."""
    units = [step.window.ms for step in bench.steps]
    fitting = [unit for unit in units if all(bench.made_of(window, unit) for window in windows)]
    return (max(fitting),) if fitting else tuple(window.ms for window in bench.fed)


def _sums(values: list[float], count: int) -> list[float]:
    """The sum of each value and those before it, `count` in all: what a window of that many steps would record."""
    return [sum(values[max(index - count + 1, 0) : index + 1]) for index in range(len(values))]


def _written(values: list[float]) -> str:
    """Values in promtool's notation, equal ones in a row as one."""
    runs = ((value, sum(1 for _ in run)) for value, run in groupby(f"{value:.6f}" for value in values))
    return " ".join(f"{value}+0x{count - 1}" for value, count in runs)


def _sum(bench: Bench, step: Step, parts: tuple[int, ...]) -> Json:
    """Samples 1, 2, 4, 8... of 16 sizes, so that no two of their sums are alike within a window's length."""
    unit = gcd(*parts)
    count = step.window.ms // unit
    values = [float(2 ** (index % 16) + index) for index in range(count + 3)]
    window = window_text(step.window)
    series, checks = [], []
    for place, family in enumerate((names.EVENTS, names.BAD_EVENTS, names.EVALUATIONS)):
        own = [value * (place + 1) for value in values]
        for part in parts:
            fed = " ".join(f"{value:.0f}" for value in _sums(own, part // unit))
            series.append(bench.series(family(window_text(Duration(part))).name, fed))
        for last in (count // 2, count - 1, count + 2):
            inside = own[max(last - count + 1, 0) : last + 1]
            checks.append(expect.exactly(family(window).name, sum(inside), bench.labels, last * unit))
    return bench.group(f"{window} is that long", series, unit, promql_expr_test=checks)


def by_ms(bench: Bench, size: int) -> Step:
    """The recorded window of a size."""
    return next(step for step in bench.steps if step.window.ms == size)
