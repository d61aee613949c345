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
from regobs.slo.recording import MORE_THAN_ONE, lowest
from regobs.slo.rule_tests import ending
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import MANY, Bench, Course, Json
from regobs.slo.rule_tests.joining import one_after_another, silent_to_the_end
from regobs.slo.windows import evidence

# How far from a threshold its two sides are tested: one percent, and a little more so that no figure of an annotation
# lies halfway between two roundings.
JUST = Fraction(1003, 100_000)
_CLEAR = 1.2  # how far evidence is from its limit, on each side
_NEAR = 1.1  # the same for evidence of few events, which are no whole number
_CLOSE = 1.04  # the same where what is seen is one edge alone
_ONE = 1.4  # increase() estimates where a scrape is missing: it is still one event


def groups(bench: Bench) -> list[Json]:
    """All test groups."""
    found = []
    for tier in bench.tiers:
        found += [*_edges(bench, tier), _just_under(bench, tier), *_few(bench, tier), *_again(bench, tier)]
        found += _refusals(bench, tier)
    found += [*_accidents(bench), *ending.groups(bench)]
    return [*found, *_one_at_a_time(bench), *_after_a_faster_one(bench)]


def own_groups(bench: Bench) -> list[Json]:
    """Those of an SLO whose rules are those of another one but for names and events: each part of them is seen once."""
    accidents = _accidents(bench)
    quiet = [group for group in accidents if len(group["promql_expr_test"]) == len(bench.tiers)]
    found = [group for group in accidents if group not in quiet]
    quiet += ending.falls(bench)
    for tier in bench.tiers:
        told = [_just_over(bench, tier), *ending.limits(bench, tier)]
        found += _long_alone(bench, tier)
        (quiet if tier is bench.tiers[-1] else found).append(_short_alone(bench, tier))
        quiet += _hardly_watched(bench, tier)
        if tier is bench.tiers[0]:
            told += _again(bench, tier)[1:2]
        found += one_after_another(bench, f"{tier.name} fires just over, and ends at its limits", told)
    begun = [silent_to_the_end(bench, group) for group in quiet] + _one_at_a_time(bench)[:1]
    return [*found, *one_after_another(bench, "no alert begins, then the fastest alone", begun)]


def _edges(bench: Bench, tier: Tier) -> list[Json]:
    """Both sides of each threshold of a tier."""
    found = [_just_over(bench, tier), *_hardly_watched(bench, tier)]
    return [*found, _short_alone(bench, tier), *_long_alone(bench, tier)]


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


def _seen(bench: Bench, tier: Tier) -> int:
    """When an alert that should not be there would be seen: at once, where nothing waits."""
    return _end(bench, tier) if tier.hold.ms else 0


def _burn_over(bench: Bench, tier: Tier) -> float:
    """A burn rate just over the tier's factor."""
    factor = bench.factor(tier)
    return float(min(factor * (1 + JUST), (factor + 1 / Fraction(bench.slo.budget)) / 2))


def _watched(bench: Bench, watched: int, until: int) -> Json:
    """The series that says that so many ms were watched, all the time."""
    name = names.EVALUATIONS(window_text(bench.fed[-1])).name  # all longer windows have no other
    return bench.series(name, f"{watched // bench.every}+0x{max(until // bench.minute, 1) - 1}")


def _steady(bench: Bench, tier: Tier, watched: int, end: int) -> tuple[float, list[Json]]:
    """A burn just over the tier's factor until a time, of which so many ms were watched, and the series that say so.

    The long window has hardly more events than are needed for evidence.
    """
    burn, until = _burn_over(bench, tier), end + bench.minute
    ratio = burn * float(bench.slo.budget)
    bad = _needed(bench, tier, burn) * _CLOSE
    courses = _all_fed(bench, ratio, until) | {bench.fed[-1]: [(until, bad / ratio, bad)]}
    return burn, [*bench.windows_of(courses, bench.minute), _watched(bench, watched, until)]


def _needed(bench: Bench, tier: Tier, burn: float) -> float:
    """How many bad events are just evidence of a burn that is no accident; more than one in any case."""
    return max(_proving(bench, tier, burn), 2.0)


def _proving(bench: Bench, tier: Tier, burn: float) -> float:
    """How many bad events the evidence alone asks for: less than two where a tier's factor is high."""
    excess = burn / float(min(bench.factor(tier), Fraction(1)))
    return float(evidence(bench.windows.confidence)) / (log(excess) + 1 / excess - 1)


def _accidents(bench: Bench) -> list[Json]:
    """Too few events for any tier: in the long windows, in the window that must have two, and in all of them."""
    if not bench.tiers or any(tier.hold.ms for tier in bench.tiers) or bench.limit(bench.tiers[0]) >= 1:
        return []
    budget, step = float(bench.slo.budget), bench.minute
    burn = _burn_over(bench, bench.tiers[0])
    few = min(_proving(bench, tier, burn) for tier in bench.tiers) / _CLOSE
    ratio = burn * budget
    steady = dict.fromkeys(bench.fed, _course((0, ratio)))

    def group(name: str, courses: dict[Duration, Course], tiers: tuple[Tier, ...]) -> Json:
        checks = [expect.never(0, tier=tier.name) for tier in tiers]
        return bench.group(name, bench.windows_of(courses, step), step, promql_expr_test=checks)

    found = [group("one event alone", {window: [(0, _ONE, _ONE)] for window in bench.fed}, bench.tiers)]
    if few > float(MORE_THAN_ONE):
        found.append(group("too few events", steady | {bench.fed[-1]: [(0, few / ratio, few)]}, bench.tiers))
    for severity in dict.fromkeys(tier.severity for tier in bench.tiers):
        lately = bench.windows.shorts(severity)[-1]
        if lately in bench.fed[:-1]:
            tiers = tuple(tier for tier in bench.tiers if tier.severity == severity)
            name = f"one event in {window_text(lately)}"
            found.append(group(name, steady | {lately: [(0, _ONE / ratio, _ONE)]}, tiers))
    return found


def _just_over(bench: Bench, tier: Tier) -> Json:
    """A steady burn just over the tier's factor: pending to the last evaluation of its `for`, then firing."""
    due, end, step = _due(bench, tier), _end(bench, tier), bench.minute
    burn, series = _steady(bench, tier, tier.long.ms, end)
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
    end = _seen(bench, tier)
    _, series = _steady(bench, tier, tier.long.ms * 49 // 50, end)
    check = expect.never(end, tier=tier.name)
    return [bench.group(f"{tier.name} hardly watched", series, bench.minute, promql_expr_test=[check])]


def _just_under(bench: Bench, tier: Tier) -> Json:
    """A steady burn just under the tier's factor: not even pending. Slower tiers may be."""
    end = _seen(bench, tier)
    ratio = float(bench.factor(tier) * (1 - JUST)) * float(bench.slo.budget)
    series = bench.windows_of(_all_fed(bench, ratio, end), bench.minute)
    check = expect.never(end, tier=tier.name)
    return bench.group(f"{tier.name} silent just under", series, bench.minute, promql_expr_test=[check])


def _few(bench: Bench, tier: Tier) -> list[Json]:
    """Few events that all fail, or nearly: one is never enough, and more are once they are hardly an accident."""
    proof, null = float(evidence(bench.windows.confidence)), float(min(bench.factor(tier), Fraction(1)))
    budget, limit, end = float(bench.slo.budget), bench.limit(tier), _seen(bench, tier)

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
    end, limit = _seen(bench, tier), bench.limit(tier)
    over, under = (limit + 1) / 2, limit * float(1 - JUST)
    courses = {window: _course((end, under if window == bench.fed[-1] else over)) for window in bench.fed}
    series = bench.windows_of(courses, bench.minute)
    check = expect.never(end, tier=tier.name)
    return bench.group(f"{tier.name} short window alone", series, bench.minute, promql_expr_test=[check])


def _long_alone(bench: Bench, tier: Tier) -> list[Json]:
    """A short window just under the factor keeps its tier, and every slower one, from beginning."""
    end, limit = _seen(bench, tier), bench.limit(tier)
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


def _refusals(bench: Bench, tier: Tier) -> list[Json]:
    """Short windows that say that the burn falls, one at a time: the tier does not begin."""
    shorts = [window for window in bench.windows.shorts(bench.tiers[0].severity) if window in bench.fed[:-1]]
    if tier is bench.tiers[0]:
        return [_begins_falling(bench, tier, short) for short in shorts]
    if tier.hold.ms:
        return []
    lately = bench.windows.shorts(tier.severity)[-1]
    return [group for short in shorts if short != lately for group in _refused(bench, tier, short)]


def _refused(bench: Bench, tier: Tier, short: Duration) -> list[Json]:
    """One bad event in a short window that still burns over the factor: less of it than in the long one."""
    fall = 1.0  # how many times the burn of the short window that of the long one is
    while _ONE * (fall - 1 - log(fall)) < _NEAR * float(FALLING):
        fall += 0.01
    ratio = float(1 + 5 * JUST) * fall * bench.limit(tier)
    if ratio > 1:
        return []
    courses = _all_fed(bench, ratio, 0) | {short: [(0, _ONE * fall / ratio, _ONE)]}
    check = expect.never(0, tier=tier.name)
    name = f"{tier.name} does not begin while {window_text(short)} falls"
    return [bench.group(name, bench.windows_of(courses, bench.minute), bench.minute, promql_expr_test=[check])]


def _begins_falling(bench: Bench, tier: Tier, short: Duration) -> Json:
    """The burn falls, though not surely enough to end an alert: none begins.

    In the shorter windows there is one bad event; the longest needs two for an alert anyway, so it has two, among as
    many as are no burn any more and are evidence: more where the severity has one tier, whose burn is hardly faster.
    """

    def proof(events: float, bad: float, ratio: float) -> float:
        return events * ratio - bad - bad * log(events * ratio / bad)

    bad, events, burning = 1.0, 2.0, (1 + bench.limit(tier)) / 2
    if short == bench.windows.shorts(tier.severity)[-1]:
        low = float(lowest(bench.slo, bench.windows, tier.severity)) * float(bench.slo.budget)
        bad, events, burning = 2.0, 2.0 / low * 1.02, float(1 + JUST) * bench.limit(tier)
        enough = float(FALLING) * _CLEAR
    else:
        enough = (float(FALLING) + float(OVER)) / 2
    while proof(events, bad, burning) < enough:
        events += 1
    end = _seen(bench, tier)
    courses = _all_fed(bench, burning, end) | {short: [(end, events, bad)]}
    check = expect.never(end, tier=tier.name)
    name = f"{tier.name} does not begin while {window_text(short)} falls"
    return bench.group(name, bench.windows_of(courses, bench.minute), bench.minute, promql_expr_test=[check])


def _one_at_a_time(bench: Bench) -> list[Json]:
    """Everything is over every factor: the fastest alert fires alone, and a slower one that fires already is left."""
    if any(tier.hold.ms for tier in bench.tiers) or len(bench.tiers) < 2 or bench.limit(bench.tiers[0]) >= 1:
        return []
    first, step = bench.tiers[0], bench.minute
    end = 3 * step
    over = (1 + bench.limit(first)) / 2
    alone = [expect.firing(bench.slo, first, bench.config, step)]
    alone += [expect.never(step, tier=tier.name) for tier in bench.tiers[1:]]
    found = [
        bench.group(
            "the fastest alone", bench.windows_of(_all_fed(bench, over, step), step), step, promql_expr_test=alone
        )
    ]
    second = bench.tiers[1]
    if second.severity == first.severity:
        slower = float(bench.factor(second) * (1 + JUST)) * float(bench.slo.budget)
        courses = dict.fromkeys(bench.fed, _course((2 * step, slower), (end, over)))
        kept = [expect.firing(bench.slo, second, bench.config, time) for time in (step, end)]
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
