"""Tests of the windows: those that sum evaluations, and those that are laid together from shorter ones.

Each is fed with what it is made of. Of windows there is one sample a window, each of another size, so that the sum says
which of them are in it.
"""

from __future__ import annotations

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
    by_size = {step.window.ms: step for step in bench.steps}
    for step in bench.steps:
        if step.pieces:
            unit = _unit(step, by_size)
            found.setdefault(unit, []).append(_sum(bench, step, unit))
    for tier in bench.tiers:
        shorts = [one.short for one in bench.tiers if one.long.ms <= tier.long.ms and one.short not in bench.fed]
        if shorts and by_ms(bench, min(short.ms for short in shorts)).pieces:
            unit = min(short.ms for short in shorts)
            every = _evaluated_every(bench, tier, unit)
            found.setdefault(every, []).extend(
                _at_its_end(bench, tier, unit, every, over=over) for over in (False, True)
            )
    return found


def _evaluated_every(bench: Bench, tier: Tier, unit: int) -> int:
    """How seldom rules may be evaluated so that each piece of the tier's window was recorded when it is looked for."""
    longer = [step for step in bench.steps if unit < step.window.ms <= tier.long.ms]
    offsets = {piece.offset.ms for step in longer for piece in step.pieces if piece.window.ms > unit}
    sizes = [unit, *(step.window.ms for step in longer if step.window.ms < tier.long.ms)]
    return max(size for size in sizes if all(one % size == 0 for one in (*offsets, tier.long.ms)))


def _at_its_end(bench: Bench, tier: Tier, unit: int, every: int, *, over: bool) -> Json:
    """The short windows burn a little more than the rest of the long one, just under or just over its limit."""
    end = tier.long.ms - every
    count, burning = end // unit + 1, tier.short.ms // unit
    before, now = bench.limit(tier) * (0.999 if over else 0.97), bench.limit(tier) * 1.03
    courses = {
        **{window: [(end + unit, _FLOOD, _FLOOD * now)] for window in bench.fed[:-1]},
        Duration(unit): [((count - burning) * unit, _FLOOD, _FLOOD * before), (end + unit, _FLOOD, _FLOOD * now)],
    }
    if tier.hold.ms:
        over = False
    labels = {"alertname": NAMES[bench.slo.sli], "alertstate": "firing", **alert_labels(bench.slo, tier, bench.config)}
    expr = f'ALERTS{{tier="{tier.name}"}}'
    expected = [{"labels": expect.series_text("ALERTS", {**labels, **bench.labels}), "value": 1}] if over else []
    check = {"expr": expr, "eval_time": expect.at(end), "exp_samples": expected}
    name = f"{tier.name} burns at its end, just {'over' if over else 'under'}"
    return bench.group(name, bench.windows_of(courses, unit), unit, promql_expr_test=[check])


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


def _unit(step: Step, by_size: dict[int, Step]) -> int:
    """The window to feed: the longest that all pieces are laid together from, or are themselves."""

    def made_of(window: int, unit: int) -> bool:
        if window == unit:
            return True
        pieces = by_size[window].pieces
        return bool(pieces) and all(made_of(piece.window.ms, unit) for piece in pieces)

    fitting = [unit for unit in by_size if all(made_of(piece.window.ms, unit) for piece in step.pieces)]
    return max(fitting)


def _sum(bench: Bench, step: Step, unit: int) -> Json:
    """Samples 1, 2, 4, 8... of 16 sizes, so that no two of their sums are alike within a window's length."""
    count = step.window.ms // unit
    values = [float(2 ** (index % 16) + index) for index in range(count + 3)]
    window, fed = window_text(step.window), window_text(by_ms(bench, unit).window)
    series, checks = [], []
    for place, family in enumerate((names.EVENTS, names.BAD_EVENTS, names.EVALUATIONS)):
        own = [value * (place + 1) for value in values]
        series.append(bench.series(family(fed).name, " ".join(f"{value:.0f}" for value in own)))
        for last in (count // 2, count - 1, count + 2):
            inside = own[max(last - count + 1, 0) : last + 1]
            checks.append(expect.exactly(family(window).name, sum(inside), bench.labels, last * unit))
    return bench.group(f"{window} is that long", series, unit, promql_expr_test=checks)


def by_ms(bench: Bench, size: int) -> Step:
    """The recorded window of a size."""
    return next(step for step in bench.steps if step.window.ms == size)
