"""Tests of what fires: a steady burn just over each tier's factor, with `for` and annotations, and no traffic."""

from __future__ import annotations

from fractions import Fraction

from regobs.slo import expectations as expect
from regobs.slo.bench import Bench, Json
from regobs.slo.counters import Role
from regobs.slo.model import Tier, window_text
from regobs.slo.traffic import flat_data, series_data
from regobs.slo.windows import base

# How far from a threshold its two sides are tested: one percent, and a little more so that no figure of an annotation
# lies halfway between two roundings.
JUST = Fraction(1003, 100_000)


def groups(bench: Bench) -> list[Json]:
    """All test groups."""
    return [*(_just_over(bench, tier) for tier in bench.tiers), *_no_traffic(bench), *_no_failure_yet(bench)]


def _just_over(bench: Bench, tier: Tier) -> Json:
    """A steady burn just over the tier's factor: pending to the last evaluation of its `for`, then firing."""
    slo, config, factor = bench.slo, bench.config, bench.factor(tier)
    burn = min(factor * (1 + JUST), (factor + 1 / Fraction(slo.budget)) / 2)
    due, whole = bench.due(tier), bench.first(slo.period)
    # promtool evaluates the groups of two files in any order: whether the budget is there at once is open
    seen = due + bench.step if due == whole else due
    firing = [one for one in bench.tiers if bench.factor(one) < burn and bench.due(one) <= seen]
    pending = [expect.silent(tier, due - bench.step)] if due > bench.first(tier.long) else []
    return bench.group(
        f"{tier.name} fires just over",
        [bench.steady(seen, burn)],
        alert_rule_test=[expect.alert_list(slo, firing, burn, config, seen, budget=whole < seen)],
        promql_expr_test=[*pending, expect.firing(slo, tier, config, due)],
    )


def _no_traffic(bench: Bench) -> list[Json]:
    """Counters that stand still, and none at all: no alert, no ratio, no NaN."""
    end = bench.first(bench.slo.period) + 4 * bench.step
    shortest = window_text(base(bench.windows))
    silence = [expect.never(end), *expect.no_ratio(bench.windows, end)]
    flat = [*silence, expect.no_bad_events(bench.slo, bench.config, shortest, end)]
    return [
        bench.fed("no traffic", flat_data(bench.counters, end // bench.step), promql_expr_test=flat),
        bench.fed("no series", [], promql_expr_test=silence),
    ]


def _no_failure_yet(bench: Bench) -> list[Json]:
    """The counters of failures are not there before the first one: that is a burn rate of zero, not none."""
    if not bench.slo.part_is_bad:
        return []
    phases = [bench.phase(4 * bench.step, 0.0)]
    series = series_data([one for one in bench.counters if one.role is not Role.BAD], phases)
    checks = expect.zeros(bench.slo, bench.config, window_text(base(bench.windows)), 3 * bench.step)
    return [bench.fed("no failure yet", series, promql_expr_test=checks)]
