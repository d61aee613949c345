"""Tests of what stays silent and what ends: burns just under a factor, recovery, few events, an end of traffic."""

from __future__ import annotations

from regobs.slo import expectations as expect
from regobs.slo.bench import Bench, Json
from regobs.slo.edges import JUST
from regobs.slo.model import Tier, window_text
from regobs.slo.traffic import Phase

_CLEAR = 1.2  # how far a ratio must be from its limit for a test to expect anything
_FLOOD = 100.0


def groups(bench: Bench) -> list[Json]:
    """All test groups."""
    fast = [tier for tier in bench.tiers if bench.soft_edge(tier.long) <= bench.tiers[0].short.ms]
    under = [_just_under(bench, tier) for tier in bench.tiers]
    return [
        *under,
        _recovery(bench),
        _traffic_stops(bench),
        _one_failure(bench),
        *(_long(bench, tier) for tier in fast),
    ]


def _just_under(bench: Bench, tier: Tier) -> Json:
    """A steady burn just under the tier's factor: not even pending."""
    burn = bench.factor(tier) * (1 - JUST)
    end = bench.first(tier.long) + 2 * bench.step
    never = expect.nothing(f'count_over_time(ALERTS{{tier="{tier.name}"}}[{expect.at(end)}])', end)
    return bench.group(f"{tier.name} silent just under", [bench.steady(end, burn)], promql_expr_test=[never])


def recovering(bench: Bench) -> list[Tier]:
    """The tiers whose short window is no other tier's long one: nothing else tests how that one is made."""
    return [tier for tier in bench.tiers if tier.short not in {one.long for one in bench.tiers}]


def _recovery(bench: Bench) -> Json:
    """Everything fails until the tiers fire, then nothing does: each ends with its short window, and not before."""
    tiers = recovering(bench) or [bench.tiers[0]]
    broken = max(bench.due(tier) for tier in tiers) + 2 * bench.step
    checks = [expect.firing(bench.slo, tier, bench.config, broken) for tier in tiers]
    end = broken
    for tier in tiers:
        limit = bench.limit(tier)
        still = int(tier.short.ms * (1 - limit) / 2) // bench.step * bench.step
        if still and broken / (broken + still) > limit * _CLEAR:
            checks.append(expect.firing(bench.slo, tier, bench.config, broken + still))
        over = broken + tier.short.ms + bench.soft_edge(tier.short) + 2 * bench.step
        checks.append(expect.silent(tier, over))
        end = max(end, over)
    phases = [bench.phase(broken, 1.0), bench.phase(end - broken + bench.step, 0.0)]
    return bench.group("silent after recovery", phases, promql_expr_test=checks)


def _traffic_stops(bench: Bench) -> Json:
    """Everything fails, then nobody asks any more: that is no recovery."""
    tier = bench.tiers[0]
    broken = bench.due(tier) + 2 * bench.step
    later = broken + min(2 * tier.short.ms, tier.long.ms // 2)
    phases = [bench.phase(broken, 1.0), Phase((later - broken) // bench.step + 1, 0.0, 0.0)]
    checks = [expect.firing(bench.slo, tier, bench.config, time) for time in (broken, later)]
    return bench.group("still firing when traffic stops", phases, promql_expr_test=checks)


def _one_failure(bench: Bench) -> Json:
    """One event in each of the shortest long windows, in its middle; the first one fails."""
    every = bench.tiers[0].long
    steps = every.ms // bench.step
    before, after = Phase(steps // 2, 0.0, 0.0), Phase(steps - steps // 2 - 1, 0.0, 0.0)
    phases = [before, Phase(1, 0.0, 1.0), after, before, Phase(1, 1.0, 0.0), after]
    name = f"one event each {window_text(every)}, one failure"
    return bench.group(name, [one for one in phases if one.steps], promql_expr_test=[expect.never(2 * every.ms)])


def _long(bench: Bench, tier: Tier) -> Json:
    """A great many good events, then a burn: silent until the good ones have left the long window."""
    limit, edge = bench.limit(tier), bench.soft_edge(tier.long)
    ratio = min((1 + limit) / 2, 2 * limit)
    flood = 2 * bench.step
    silent = (tier.long.ms + edge // 2) // bench.step * bench.step
    due = -(-(flood + tier.long.ms + edge + tier.hold.ms + 2 * bench.step) // bench.step) * bench.step
    burn = bench.phase(due, ratio)
    steps = flood // bench.step
    good = Phase(steps, _FLOOD * burn.steps * burn.bad / limit / steps, 0.0)
    checks = [expect.silent(tier, silent), expect.firing(bench.slo, tier, bench.config, due)]
    return bench.group(f"{tier.name} is that long", [good, burn], promql_expr_test=checks)
