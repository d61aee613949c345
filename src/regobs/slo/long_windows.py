"""Tests of windows that are summed from other recorded windows, fed with those sums.

The counters behind them are absent, so no rule writes the sums that the test gives. That allows a test of three days
with an evaluation each half an hour, where counters would need one each few minutes.
"""

from __future__ import annotations

from math import log

from regobs.catalog import slo as names
from regobs.promql.nodes import Duration
from regobs.slo import expectations as expect
from regobs.slo.alerts import MORE_THAN_ONE
from regobs.slo.bench import MANY, Bench, Json
from regobs.slo.counters import scope_labels
from regobs.slo.course import recovering
from regobs.slo.model import Tier, window_text
from regobs.slo.windows import evidence, step_of

_LOOKBACK = 300_000  # Prometheus' default: samples further apart would leave gaps
_CLEAR = 1.2  # how far the evidence must be from its limit for a test to expect anything
_FLOOD = 1000.0
_UNDER = 0.99  # of the limit
_SAMPLES = 20  # of the short window, that a test of the ratio of the long one is made of
Spans = list[tuple[int, float, float]]  # until when (ms), events, bad events in the fed window


def groups(bench: Bench) -> list[Json]:
    """All test groups; none where no long window is summed from its short one."""
    found = [group for tier in _summed(bench) for group in (_short_alone(bench, tier), *_few(bench, tier))]
    for tier in _derived(bench):
        found += [_long(bench, tier), _quiet(bench, tier)]
        if tier not in recovering(bench):
            found.append(_recovery(bench, tier))
    return found


def every(bench: Bench) -> int:
    """The evaluation interval, in ms: a twelfth of the shortest of the long windows that need many evaluations."""
    return min(tier.long.ms for tier in _derived(bench) or _summed(bench)) // 12


def _summed(bench: Bench) -> list[Tier]:
    """The tiers whose long window is summed from its short one."""
    return [tier for tier in bench.tiers if bench.sources[tier.long.ms] == tier.short]


def _derived(bench: Bench) -> list[Tier]:
    """Those whose short window is not the base window: only the sums of sums are that long."""
    return [tier for tier in _summed(bench) if bench.sources[tier.short.ms]]


def _at(bench: Bench, ms: int) -> int:
    return -(-ms // every(bench)) * every(bench)


def _group(bench: Bench, tier: Tier, name: str, spans: Spans, checks: list[Json]) -> Json:
    """Feed events and bad events of the tier's short window, which its long one is summed from."""
    sample = step_of(tier.short).ms
    step = sample // -(-sample // _LOOKBACK)  # values that change with the samples of the short window
    window = window_text(tier.short)
    labels = {**bench.slo.labels, **scope_labels(bench.config)}
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    series = []
    for which, metric in ((1, names.EVENTS(window)), (2, names.BAD_EVENTS(window))):
        parts, start = [], 0
        for span in spans:
            count = -(-(span[0] - start) // step)
            start += count * step
            parts.append(f"{span[which]:.6f}+0x{count - 1}")
        series.append({"series": f"{metric.name}{{{inner}}}", "values": " ".join(parts)})
    return bench.fed(f"{tier.name} {name}", series, every=step, promql_expr_test=checks)


def _long(bench: Bench, tier: Tier) -> Json:
    """A great many good events, then a burn: silent until the good ones have left the long window."""
    limit = bench.limit(tier)
    ratio = min((1 + limit) / 2, 2 * limit)
    events = MANY / ratio
    silent = tier.long.ms // every(bench) * every(bench)
    due = _at(bench, tier.short.ms + tier.long.ms + tier.hold.ms + every(bench))
    spans = [(tier.short.ms, _FLOOD * events / limit, 0.0), (due + every(bench), events, MANY)]
    checks = [expect.silent(tier, silent), expect.firing(bench.slo, tier, bench.config, due)]
    return _group(bench, tier, "is that long", spans, checks)


def _recovery(bench: Bench, tier: Tier) -> Json:
    """Everything is bad, then nothing: silent at once, because the short window is what the test feeds."""
    broken = _at(bench, tier.short.ms + tier.hold.ms + every(bench))
    over = broken + every(bench)
    spans = [(broken + 1, MANY, MANY), (over + every(bench), MANY, 0.0)]
    checks = [expect.firing(bench.slo, tier, bench.config, broken), expect.silent(tier, over)]
    return _group(bench, tier, "silent after recovery", spans, checks)


def _quiet(bench: Bench, tier: Tier) -> Json:
    """One event in each of the shortest long windows, and all fail: the tier fires once that is proof."""
    limit, each = bench.limit(tier), bench.tiers[0].long.ms
    proof = float(evidence(bench.windows.confidence)) / (log(1 / limit) + limit - 1)
    needed = max(proof, float(MORE_THAN_ONE))
    end = _at(bench, int(needed * _CLEAR * each) + tier.short.ms + tier.hold.ms + every(bench))
    inside = min(end, tier.long.ms) / each
    checks = []
    if inside > needed * _CLEAR:
        checks.append(expect.firing(bench.slo, tier, bench.config, end))
    elif inside < needed / _CLEAR:
        checks.append(expect.silent(tier, end))
    count = tier.short.ms / each
    name = f"one event each {window_text(Duration(each))}, all fail"
    return _group(bench, tier, name, [(end + every(bench), count, count)], checks)


def _short_alone(bench: Bench, tier: Tier) -> Json:
    """The short window is over the factor and the long one just under it: not even pending."""
    sample = step_of(tier.short).ms
    end = _at(bench, min(_SAMPLES, tier.long.ms // sample - 1) * sample)
    count = end // sample + 1
    total = _UNDER * bench.limit(tier) * count  # what the ratios of all samples may add up to
    bad = max(count // 2, int(total) + 1)
    events = MANY / bench.limit(tier)
    spans = [((count - bad) * sample, events, 0.0), (end + every(bench), events, events * total / bad)]
    never = expect.nothing(f'count_over_time(ALERTS{{tier="{tier.name}"}}[{expect.at(end)}])', end)
    return _group(bench, tier, "short window alone", spans, [never])


def _few(bench: Bench, tier: Tier) -> list[Json]:
    """Few events: one failure is never enough, and more are once they are hardly an accident."""
    proof = float(evidence(bench.windows.confidence))
    highest = -log(bench.limit(tier)) + bench.limit(tier) - 1  # what each bad event proves if all are bad
    bad = max(2.0, 2 * proof / highest)
    short_of, enough = (_events(bench, tier, bad, proof * share) for share in (1 / _CLEAR, _CLEAR))
    end = _at(bench, step_of(tier.short).ms + tier.short.ms + tier.hold.ms + every(bench))
    fires = [expect.firing(bench.slo, tier, bench.config, end)]
    wrong = [expect.nothing(f'count_over_time(ALERTS{{tier="{tier.name}"}}[{expect.at(end)}])', end)]

    if end > tier.long.ms:  # the window would have moved on before the alert is due
        return []

    def group(name: str, events: float, failures: float, checks: list[Json]) -> Json:
        # not at 0: Prometheus 3 leaves out the first moment of a range, Prometheus 2 does not
        first, over = step_of(tier.short).ms, step_of(tier.short).ms + tier.short.ms
        spans = [(first, 0.0, 0.0), (over, events, failures), (end + every(bench), 0.0, 0.0)]
        return _group(bench, tier, name, spans, checks)

    return [
        group("one event, a failure", 1.0, 1.0, wrong),
        group("failures that may be an accident", short_of, bad, wrong),
        group("failures that are hardly an accident", enough, bad, fires),
    ]


def _events(bench: Bench, tier: Tier, bad: float, proof: float) -> float:
    """Of how many events `bad` must be bad to be that much proof: found by halving, the more events the less proof."""
    limit = bench.limit(tier)
    low, high = bad, bad / limit
    for _ in range(60):
        middle = (low + high) / 2
        excess = bad / middle / limit
        low, high = (middle, high) if bad * (log(excess) + 1 / excess - 1) > proof else (low, middle)
    return low
