"""Tests fed with the windows that are sums of evaluations: thresholds, evidence, what begins an alert and what ends it.

Nothing is older than such a test, so every longer window has the same ratio as the longest that is fed.
"""

from __future__ import annotations

from fractions import Fraction
from math import log

from regobs.catalog import slo as names
from regobs.promql.nodes import Duration
from regobs.slo.alerts import FALLING, OVER, RENEWED, watched_counts
from regobs.slo.model import Tier, window_text
from regobs.slo.recording import lowest
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import MANY, Bench, Course, Json
from regobs.slo.windows import evidence

# How far from a threshold its two sides are tested: one percent, and a little more so that no figure of an annotation
# lies halfway between two roundings.
JUST = Fraction(1003, 100_000)
_CLEAR = 1.2  # how far evidence is from its limit, on each side
_NEAR = 1.1  # the same for evidence of few events, which are no whole number


def groups(bench: Bench) -> list[Json]:
    """All test groups."""
    found = []
    for tier in bench.tiers:
        found += [_just_over(bench, tier), *_hardly_watched(bench, tier)]
        found += [_just_under(bench, tier), *_few(bench, tier)]
        found += [_short_alone(bench, tier), *_long_alone(bench, tier), *_again(bench, tier)]
    for severity in dict.fromkeys(tier.severity for tier in bench.tiers):
        fastest = next(tier for tier in bench.tiers if tier.severity == severity)
        if fastest.short.ms <= bench.fed[-1].ms:
            found += _ends(bench, fastest)
        else:
            found.append(_ends_slowly(bench, fastest))
    return [*found, *_one_at_a_time(bench), *_after_a_faster_one(bench)]


def own_groups(bench: Bench) -> list[Json]:
    """Those that say what an SLO has for itself where others have the same rules: names, texts and thresholds."""
    found = [group for tier in bench.tiers for group in (_just_over(bench, tier), _short_alone(bench, tier))]
    return [*found, *_falls(bench)]


def _falls(bench: Bench) -> list[Json]:
    """The short windows have no bad event, and the reference window had: the evidence that the burn falls."""
    references = dict.fromkeys(bench.windows.reference(tier.severity) for tier in bench.tiers)
    reference = next((window for window in references if window in bench.fed), None)
    shorts = [window for window in bench.fed if reference is not None and window.ms < reference.ms]
    if reference is None or not shorts:
        return []
    ratio, step = (1 + bench.limit(bench.tiers[0])) / 2, bench.minute
    courses = dict.fromkeys(bench.fed, _course((step, ratio))) | dict.fromkeys(shorts, _course((step, 0.0)))
    recorded = [names.RECOVERY(f"{window_text(short)}_{window_text(reference)}").name for short in shorts]
    checks = [expect.about(name, MANY * ratio, bench.labels, 0) for name in recorded]
    return [bench.group("the short windows fall", bench.windows_of(courses, step), step, promql_expr_test=checks)]


def _course(*ratios: tuple[int, float]) -> Course:
    """Heavy traffic with a ratio of bad events until each time; with none, as many events as at ratio 1."""
    return [(until, MANY / ratio if ratio else MANY, MANY if ratio else 0.0) for until, ratio in ratios]


def _all_fed(bench: Bench, ratio: float, until: int) -> dict[Duration, Course]:
    return dict.fromkeys(bench.fed, _course((until, ratio)))


def _due(bench: Bench, tier: Tier) -> int:
    return bench.at(tier.hold.ms, bench.minute)


def _end(bench: Bench, tier: Tier) -> int:
    """One evaluation after it is due: what is fed does not change, and ALERTS of the one before is there."""
    return _due(bench, tier) + bench.minute


def _burn_over(bench: Bench, tier: Tier) -> float:
    """A burn rate just over the tier's factor."""
    factor = bench.factor(tier)
    return float(min(factor * (1 + JUST), (factor + 1 / Fraction(bench.slo.budget)) / 2))


def _watched(bench: Bench, watched: int, until: int) -> Json:
    """The series that says that so many ms were watched, all the time."""
    name = names.EVALUATIONS(window_text(bench.fed[-1])).name  # all longer windows have no other
    return bench.series(name, f"{watched // bench.every}+0x{until // bench.minute}")


def _steady(bench: Bench, tier: Tier, watched: int) -> tuple[float, list[Json]]:
    """A burn just over the tier's factor, of which so many ms were watched, and the series that say so."""
    burn, until = _burn_over(bench, tier), _end(bench, tier) + bench.minute
    series = bench.windows_of(_all_fed(bench, burn * float(bench.slo.budget), until), bench.minute)
    return burn, [*series, _watched(bench, watched, until)]


def _just_over(bench: Bench, tier: Tier) -> Json:
    """A steady burn just over the tier's factor: pending to the last evaluation of its `for`, then firing."""
    due, end, step = _due(bench, tier), _end(bench, tier), bench.minute
    burn, series = _steady(bench, tier, tier.long.ms)
    spent = burn * tier.long.ms / bench.slo.period.length.ms
    figures = {"burn": burn, "spent": spent, "left": 1 - spent}
    checks = [expect.silent(due - step)] if due else []
    checks.append(expect.firing(bench.slo, tier, bench.config, due))
    texts = []
    if not bench.slo.period.span:  # what the target and the spent budget are read from is not fed for a calendar
        checks.append(expect.exactly(names.TARGET.name, float(bench.slo.target), bench.labels, due))
        texts.append(expect.alert_texts_of(bench.slo, tier, bench.config, end, figures))
    return bench.group(f"{tier.name} fires just over", series, step, alert_rule_test=texts, promql_expr_test=checks)


def _hardly_watched(bench: Bench, tier: Tier) -> list[Json]:
    """The same burn, of which a little less than the whole window was watched: had that been good, it is under."""
    if not watched_counts(tier, bench.tiers):
        return []
    _, series = _steady(bench, tier, tier.long.ms * 49 // 50)
    check = expect.never(_end(bench, tier), tier=tier.name)
    return [bench.group(f"{tier.name} hardly watched", series, bench.minute, promql_expr_test=[check])]


def _just_under(bench: Bench, tier: Tier) -> Json:
    """A steady burn just under the tier's factor: not even pending. Slower tiers may be."""
    end = _end(bench, tier)
    ratio = float(bench.factor(tier) * (1 - JUST)) * float(bench.slo.budget)
    series = bench.windows_of(_all_fed(bench, ratio, end), bench.minute)
    check = expect.never(end, tier=tier.name)
    return bench.group(f"{tier.name} silent just under", series, bench.minute, promql_expr_test=[check])


def _few(bench: Bench, tier: Tier) -> list[Json]:
    """Few events that all fail, or nearly: one is never enough, and more are once they are hardly an accident."""
    proof, null = float(evidence(bench.windows.confidence)), float(min(bench.factor(tier), Fraction(1)))
    budget, limit, end = float(bench.slo.budget), bench.limit(tier), _end(bench, tier)

    def exponent(events: float, bad: float) -> float:
        excess = bad / events / budget / null
        return bad * (log(excess) + 1 / excess - 1)

    def group(name: str, events: float, bad: float, *, fires: bool) -> Json:
        series = bench.windows_of({window: [(end, events, bad)] for window in bench.fed}, bench.minute)
        due = _due(bench, tier)
        check = expect.firing(bench.slo, tier, bench.config, due) if fires else expect.never(end, tier=tier.name)
        return bench.group(f"{tier.name} {name}", series, bench.minute, promql_expr_test=[check])

    found = [group("one event, a failure", 1.0, 1.0, fires=False)]
    bad = next(bad for bad in range(2, 100_000) if exponent(bad, bad) > _CLEAR * proof)
    if any(one.long.ms < tier.long.ms for one in bench.tiers):
        # so many failures of so few events would fire a faster tier: choose a ratio between the two limits
        faster = max(bench.limit(one) for one in bench.tiers if one.long.ms < tier.long.ms)
        ratio = min((limit + min(faster, 1.0)) / 2, limit * 2)
        if all(bench.limit(one) > ratio for one in bench.tiers if one.long.ms < tier.long.ms):
            bad = next(bad for bad in range(2, 10_000_000) if exponent(bad / ratio, bad) > _CLEAR * proof)
            found.append(group("failures that are hardly an accident", bad / ratio, bad, fires=True))
            few = next((bad for bad in range(bad, 1, -1) if exponent(bad / ratio, bad) < proof / _CLEAR), 0)
            if few:
                found.append(group("failures that may be an accident", few / ratio, few, fires=False))
        return found
    found.append(group("failures that are hardly an accident", bad, bad, fires=True))
    # two of as many events as make it likely, if that is still over the factor
    events = 2.0
    while exponent(events, 2.0) > proof / _CLEAR and 2.0 / events > limit:
        events += 1
    if 2.0 / events > limit:
        found.append(group("failures that may be an accident", events, 2.0, fires=False))
    return found


def _short_alone(bench: Bench, tier: Tier) -> Json:
    """The short windows are over the factor and the long one just under it: not even pending."""
    end, limit = _end(bench, tier), bench.limit(tier)
    over, under = (limit + 1) / 2, limit * float(1 - JUST)
    courses = {window: _course((end, under if window == bench.fed[-1] else over)) for window in bench.fed}
    series = bench.windows_of(courses, bench.minute)
    check = expect.never(end, tier=tier.name)
    return bench.group(f"{tier.name} short window alone", series, bench.minute, promql_expr_test=[check])


def _long_alone(bench: Bench, tier: Tier) -> list[Json]:
    """A short window just under the factor keeps its tier, and every slower one, from beginning."""
    end, limit = _end(bench, tier), bench.limit(tier)
    if tier.short not in bench.fed:
        return []
    ratio = min((limit + 1) / 2, 1.05 * limit)
    under = limit * float(1 - JUST)
    courses = _all_fed(bench, ratio, end) | {tier.short: _course((end, under))}
    check = expect.never(end, tier=tier.name)
    name = f"{tier.name} long window alone"
    return [bench.group(name, bench.windows_of(courses, bench.minute), bench.minute, promql_expr_test=[check])]


def _again(bench: Bench, tier: Tier) -> list[Json]:
    """Soon after an alert, few failures are enough for another only where the short window alone proves them."""
    burn, due, step = _burn_over(bench, tier), _due(bench, tier), bench.minute
    ratio, excess = burn * float(bench.slo.budget), burn / float(min(bench.factor(tier), Fraction(1)))
    over = due + step  # the first one fires until then
    calm = over + 2 * step
    end = calm + due + step

    def group(name: str, proof: float, few: tuple[Duration, ...], check: Json) -> Json:
        bad = proof / (log(excess) + 1 / excess - 1)
        courses: dict[Duration, Course] = {}
        for window in bench.fed:
            last = bad if window in few else MANY
            courses[window] = [(over, MANY / ratio, MANY), (calm, MANY, 0.0), (end, last / ratio, last)]
        series = [*bench.windows_of(courses, step), _watched(bench, tier.long.ms, end)]
        checks = [expect.firing(bench.slo, tier, bench.config, due), check]
        return bench.group(f"{tier.name} {name}", series, step, promql_expr_test=checks)

    fires = expect.firing(bench.slo, tier, bench.config, calm + due)
    silent = expect.never(end - step, since=over, tier=tier.name)
    proof = float(RENEWED)
    found = [group("again, proven anew", proof * _NEAR, bench.fed, fires)]
    if evidence(bench.windows.confidence) < RENEWED:
        found.append(group("not again for few failures", proof / _NEAR, bench.fed, silent))
    if tier.short in bench.fed:
        name = f"not again for few failures in {window_text(tier.short)}"
        found.append(group(name, proof / _NEAR, (tier.short,), silent))
    return found


def _ends(bench: Bench, tier: Tier) -> list[Json]:
    """Of a severity whose short windows are fed: what keeps an alert, ends it, and keeps it from beginning."""
    step, reference = bench.minute, bench.windows.reference(tier.severity)
    shorts = [window for window in bench.windows.shorts(tier.severity) if window in bench.fed]
    low = float(lowest(bench.slo, bench.windows, tier.severity)) * float(bench.slo.budget)
    burning = (1 + bench.limit(tier)) / 2 if tier is bench.tiers[0] else float(1 + JUST) * bench.limit(tier)
    begin = _due(bench, tier) + step
    middle, end = begin + step, begin + 2 * step

    def course(before: float, after: float, events: float = MANY) -> Course:
        return [(begin, MANY, MANY * before), (end, events, events * after)]

    def group(name: str, courses: dict[Duration, Course], *, keeps: bool) -> Json:
        now = expect.firing(bench.slo, tier, bench.config, middle) if keeps else expect.silent(middle, tier.name)
        checks = [expect.firing(bench.slo, tier, bench.config, begin - step), now]
        return bench.group(f"{tier.name} {name}", bench.windows_of(courses, step), step, promql_expr_test=checks)

    steady = {window: course(burning, burning) for window in bench.fed}
    found = []
    for short in shorts:
        window = window_text(short)
        # with no bad event among n, the evidence is n x the ratio of the reference window
        enough = float(OVER) / burning
        found += [
            group(
                f"goes on a little over its end in {window}", {**steady, short: course(burning, low * 1.02)}, keeps=True
            ),
            group(
                f"ends a little under its end in {window}", {**steady, short: course(burning, low * 0.98)}, keeps=False
            ),
            group(
                f"goes on with few events in {window}", {**steady, short: course(burning, 0, enough * 0.9)}, keeps=True
            ),
            group(
                f"ends without bad events in {window}", {**steady, short: course(burning, 0, enough * 1.1)}, keeps=False
            ),
            _begins_falling(bench, tier, short, burning),
        ]
    if reference not in bench.fed:
        return found
    all_but = {window: course(burning, burning) for window in bench.fed if window != reference}
    found += [
        group("goes on a little over its end", {**all_but, reference: course(burning, low * 1.02)}, keeps=True),
        group("ends a little under its end", {**all_but, reference: course(burning, low * 0.98)}, keeps=False),
    ]
    stopped = {window: [(begin, MANY, MANY * burning), (end, 0.0, 0.0)] for window in bench.fed if window != reference}
    found.append(group("goes on when traffic stops", {**stopped, reference: course(burning, burning)}, keeps=True))
    return found


def _ends_slowly(bench: Bench, tier: Tier) -> Json:
    """Of a severity whose short windows are laid together: it goes on while bad events are in them, and no longer."""
    step, longest = bench.minute, bench.fed[-1].ms
    begin = bench.at(_due(bench, tier) + longest + 2 * step, step)
    ratio = float(bench.factor(tier) * (1 + JUST)) * float(bench.slo.budget)
    over = bench.at(begin + tier.short.ms - longest + 2 * step, step)
    courses = {window: [*_course((begin, ratio)), (over, 2 * MANY, 0.0)] for window in bench.fed}
    checks = [
        expect.firing(bench.slo, tier, bench.config, begin - step),
        expect.firing(bench.slo, tier, bench.config, bench.at(begin + (tier.short.ms - longest) / 2, step)),
        expect.silent(over),
    ]
    name = f"{tier.name} ends with its short window"
    return bench.group(name, bench.windows_of(courses, step), step, promql_expr_test=checks)


def _begins_falling(bench: Bench, tier: Tier, short: Duration, burning: float) -> Json:
    """The burn falls, though not surely enough to end an alert: none begins.

    In the shorter windows there is one bad event; the longest needs two for an alert anyway, so it has two, among as
    many as are no burn any more.
    """

    def proof(events: float, bad: float, ratio: float) -> float:
        return events * ratio - bad - bad * log(events * ratio / bad)

    bad, events = 1.0, 2.0
    if short == bench.windows.shorts(tier.severity)[-1]:
        low = float(lowest(bench.slo, bench.windows, tier.severity)) * float(bench.slo.budget)
        bad, events, burning = 2.0, 2.0 / low * 1.02, float(1 + JUST) * bench.limit(tier)
    else:
        while proof(events, bad, burning) < (float(FALLING) + float(OVER)) / 2:
            events += 1
    end = _end(bench, tier)
    courses = _all_fed(bench, burning, end) | {short: [(end, events, bad)]}
    check = expect.never(end, tier=tier.name)
    name = f"{tier.name} does not begin while {window_text(short)} falls"
    return bench.group(name, bench.windows_of(courses, bench.minute), bench.minute, promql_expr_test=[check])


def _one_at_a_time(bench: Bench) -> list[Json]:
    """Everything is over every factor: the fastest alert fires alone, and a slower one that fires already is left."""
    if any(tier.hold.ms for tier in bench.tiers) or len(bench.tiers) < 2 or bench.limit(bench.tiers[0]) >= 1:
        return []
    first, step = bench.tiers[0], bench.minute
    end = 4 * step
    over = (1 + bench.limit(first)) / 2
    alone = [expect.firing(bench.slo, first, bench.config, end)]
    alone += [expect.never(end, tier=tier.name) for tier in bench.tiers[1:]]
    found = [
        bench.group(
            "the fastest alone", bench.windows_of(_all_fed(bench, over, end), step), step, promql_expr_test=alone
        )
    ]
    second = bench.tiers[1]
    if second.severity == first.severity:
        slower = float(bench.factor(second) * (1 + JUST)) * float(bench.slo.budget)
        courses = dict.fromkeys(bench.fed, _course((2 * step, slower), (end, over)))
        kept = [expect.firing(bench.slo, second, bench.config, time) for time in (step, end - step)]
        found.append(
            bench.group("the one that fires goes on", bench.windows_of(courses, step), step, promql_expr_test=kept)
        )
    return found


def _after_a_faster_one(bench: Bench) -> list[Json]:
    """A page ends, and its trace would be a ticket: none begins while the page is in the short window."""
    if not bench.tiers:
        return []
    first, last, step = bench.tiers[0], bench.tiers[-1], bench.minute
    slow = float(bench.factor(last) * (1 + JUST))
    if first.severity == last.severity or first.hold.ms or bench.limit(first) >= 1:
        return []
    if slow >= lowest(bench.slo, bench.windows, first.severity):
        return []
    ratios = (step, (1 + bench.limit(first)) / 2), (4 * step, slow * float(bench.slo.budget))
    series = bench.windows_of(dict.fromkeys(bench.fed, _course(*ratios)), step)
    checks = [expect.firing(bench.slo, first, bench.config, 0), expect.never(3 * step, tier=last.name)]
    checks.append(expect.silent(3 * step))
    return [bench.group(f"{last.name} not after {first.name}", series, step, promql_expr_test=checks)]
