"""Tests of what ends an alert and what keeps it: limits of the short windows, of the reference window, and evidence.

Pages are ended by windows that are fed. The short windows of tickets are laid together from hours: what says that they
fall is seen in tests of hours of their own. No alert goes on in these, as it would be hours old at the next evaluation;
that none begins can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from regobs.catalog import slo as names
from regobs.promql.nodes import Duration
from regobs.slo.alerts import FALLING, OVER
from regobs.slo.model import Tier, window_text
from regobs.slo.recording import lowest
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import Bench, Course, Json

_ABOVE, _BELOW = 1.02, 0.98  # of a limit, on each side
_JUST = 1.01  # of a tier's factor
_ONE = 1.4  # bad events: increase() estimates where a scrape is missing, and it is still one
_TWO = 2.0
_NEAR = 1.1  # how far evidence is over what refuses an alert


def groups(bench: Bench) -> list[Json]:
    """All of the minutes: limits of every tier, evidence of the fastest of each severity."""
    found = [group for tier in bench.tiers for group in limits(bench, tier)]
    for severity in dict.fromkeys(tier.severity for tier in bench.tiers):
        fastest = next(tier for tier in bench.tiers if tier.severity == severity)
        if _is_fed(bench, fastest):
            found += _by_evidence(bench, fastest)
        elif all(bench.made_of(one.ms, bench.fed[-1].ms) for one in (fastest.short, fastest.long)):
            found.append(_slowly(bench, fastest))
    return found


def groups_of_hours(bench: Bench, *, whole: bool) -> tuple[int, list[Json]]:
    """The step of time in ms, and what the evidence of short windows that are laid together says.

    Not `whole`: without their limits, only with the number.
    """
    unit = bench.fed[-1].ms
    references = {tier.severity: bench.windows.reference(tier.severity) for tier in bench.tiers}
    found = []
    for severity, reference in references.items():
        shorts = [one for one in bench.windows.shorts(severity) if one not in bench.fed]
        longs = [tier.long for tier in bench.tiers if tier.severity == severity and tier.long not in bench.fed]
        if not shorts or not all(bench.made_of(one.ms, unit) for one in (*shorts, *longs)):
            continue
        if reference in bench.fed:
            found.append(_falls_at_last(bench, severity, shorts))
        else:
            found.append(_falls_in_hours(bench, severity, shorts, whole=whole))
            if whole:
                tiers = [tier for tier in bench.tiers if tier.severity == severity and not tier.hold.ms]
                found += [group for tier in tiers for short in shorts for group in _refused(bench, tier, short)]
    return unit, found


def _is_fed(bench: Bench, tier: Tier) -> bool:
    return tier.short.ms <= bench.fed[-1].ms


def _low(bench: Bench, severity: str) -> float:
    """The ratio of bad events below which alerts of a severity end."""
    return float(lowest(bench.slo, bench.windows, severity)) * float(bench.slo.budget)


def _burning(bench: Bench, tier: Tier) -> float:
    """A ratio at which this tier fires and no faster one does."""
    limit = bench.limit(tier)
    return (1 + limit) / 2 if tier is bench.tiers[0] else min((1 + limit) / 2, _JUST * limit)


def limits(bench: Bench, tier: Tier) -> list[Json]:
    """An alert goes on while each window in turn is a little over its limit, and ends with each that is under."""
    if tier.hold.ms or bench.limit(tier) >= 1:
        return []
    reference, burning, low = bench.windows.reference(tier.severity), _burning(bench, tier), _low(bench, tier.severity)
    if reference in bench.fed:
        ending = [one for one in bench.windows.shorts(tier.severity) if one in bench.fed[:-1]] + [reference]
    elif all(one not in bench.fed for one in bench.windows.shorts(tier.severity)):
        ending = [bench.fed[-1]]  # all longer windows have no other
    else:
        return []
    step = bench.minute
    events = bench.many / burning  # a burn a hundredth over a factor near 1 is no accident of so many
    courses: dict[Duration, Course] = {window: [(step, events, bench.many)] for window in bench.fed}
    checks = [expect.firing(bench.slo, tier, bench.config, 0)]

    def then(ratio: float, *windows: Duration) -> int:
        """One evaluation more, at which these windows have this ratio and the others burn; when it is."""
        now = courses[bench.fed[0]][-1][0]
        for one, course in courses.items():
            course.append((now + step, events, events * (ratio if one in windows else burning)))
        return now

    # The short windows at once: each of them would end it. The last one alone, or none of them could end it.
    alone = [over for over in (ending[:-1], ending[-1:]) if over]
    checks += [expect.firing(bench.slo, tier, bench.config, then(low * _ABOVE, *over)) for over in alone]
    for window in ending:
        checks.append(expect.silent(then(low * _BELOW, window)))
        if window != ending[-1]:
            checks.append(expect.firing(bench.slo, tier, bench.config, then(burning)))
    series = bench.windows_of(courses, step)
    watched = names.EVALUATIONS(window_text(bench.fed[-1])).name
    series.append(bench.series(watched, f"{tier.long.ms // bench.every}+0x{courses[bench.fed[0]][-1][0] // step - 1}"))
    return [bench.group(f"{tier.name} goes on and ends at its limits", series, step, promql_expr_test=checks)]


def _by_evidence(bench: Bench, tier: Tier) -> list[Json]:
    """Of a severity whose short windows are fed: few events that tell too little, and as many as are enough."""
    step, reference = bench.minute, bench.windows.reference(tier.severity)
    shorts = [window for window in bench.windows.shorts(tier.severity) if window in bench.fed]
    burning = _burning(bench, tier)
    begin = bench.at(tier.hold.ms, step) + step
    middle, end = begin + step, begin + 2 * step
    # with no bad event among n, the evidence is n x the ratio of the reference window
    enough = float(OVER) / burning

    def group(name: str, courses: dict[Duration, Course], *, keeps: bool) -> Json:
        now = expect.firing(bench.slo, tier, bench.config, middle) if keeps else expect.silent(middle, tier.name)
        checks = [expect.firing(bench.slo, tier, bench.config, begin - step), now]
        return bench.group(f"{tier.name} {name}", bench.windows_of(courses, step), step, promql_expr_test=checks)

    def none(events: float) -> Course:
        return [(begin, bench.many, bench.many * burning), (end, events, 0.0)]

    steady: dict[Duration, Course] = {window: [(end, bench.many, bench.many * burning)] for window in bench.fed}
    found = []
    for short in shorts:
        window = window_text(short)
        found += [
            group(f"goes on with few events in {window}", {**steady, short: none(enough * 0.9)}, keeps=True),
            group(f"ends without bad events in {window}", {**steady, short: none(enough * 1.1)}, keeps=False),
        ]
    if reference in bench.fed:
        stopped = {window: none(0.0) for window in bench.fed if window != reference}
        found.append(group("goes on when traffic stops", {**stopped, reference: steady[reference]}, keeps=True))
    return found


def _slowly(bench: Bench, tier: Tier) -> Json:
    """Of a severity whose short windows are laid together: it goes on while bad events are in them, and no longer."""
    step, longest = bench.minute, bench.fed[-1].ms
    begin = bench.at(bench.at(tier.hold.ms, step) + longest + 2 * step, step)
    ratio = _JUST * bench.limit(tier)
    over = bench.at(begin + tier.short.ms - longest + 2 * step, step)
    courses = {window: [(begin, bench.many / ratio, bench.many), (over, 2 * bench.many, 0.0)] for window in bench.fed}
    checks = [
        expect.firing(bench.slo, tier, bench.config, begin - step),
        expect.firing(bench.slo, tier, bench.config, bench.at(begin + (tier.short.ms - longest) / 2, step)),
        expect.silent(over),
    ]
    name = f"{tier.name} ends with its short window"
    return bench.group(name, bench.windows_of(courses, step), step, promql_expr_test=checks)


def falls(bench: Bench) -> list[Json]:
    """The short windows have no bad event, and the reference window had: the evidence that the burn falls."""
    references = dict.fromkeys(bench.windows.reference(tier.severity) for tier in bench.tiers)
    reference = next((window for window in references if window in bench.fed), None)
    shorts = [window for window in bench.fed if reference is not None and window.ms < reference.ms]
    if reference is None or not shorts:
        return []
    ratio = (1 + bench.limit(bench.tiers[0])) / 2
    burning: Course = [(0, bench.many / ratio, bench.many)]
    courses = dict.fromkeys(bench.fed, burning) | {short: [(0, bench.many, 0.0)] for short in shorts}
    recorded = [names.RECOVERY(f"{window_text(short)}_{window_text(reference)}").name for short in shorts]
    checks = [expect.about(name, bench.many * ratio, bench.labels, 0) for name in recorded]
    series = bench.windows_of(courses, bench.minute)
    return [bench.group("the short windows fall", series, bench.minute, promql_expr_test=checks)]


def _falls_in_hours(bench: Bench, severity: str, shorts: Sequence[Duration], *, whole: bool) -> Json:
    """An hour of failures, then hours a little over the limit, a little under it, and without a bad event.

    Nothing falls while the short windows are over the limit; under it they do; and without a bad event the evidence is
    the number of events times the ratio of the reference window.
    """
    unit, longest, low = bench.fed[-1].ms, max(shorts, key=lambda one: one.ms).ms, _low(bench, severity)
    reference = window_text(bench.windows.reference(severity))
    count = longest // unit
    ratios = [(1 + low) / 2, *([low * _ABOVE] * count + [low * _BELOW] * count if whole else []), *[0.0] * count]
    end = (len(ratios) - 1) * unit
    course: Course = [((index + 1) * unit, bench.many, bench.many * ratio) for index, ratio in enumerate(ratios)]
    checks: list[Json] = []
    in_reference = bench.windows.reference(severity).ms // unit
    share = sum(ratios[-in_reference:]) / len(ratios[-in_reference:])
    for short in shorts:
        name = names.RECOVERY(f"{window_text(short)}_{reference}").name
        if whole:
            checks.append(expect.nothing(name, count * unit))
            there = {"expr": f"{name} > bool 0", "eval_time": expect.at(2 * count * unit)}
            checks.append({**there, "exp_samples": [{"labels": expect.series_text("", bench.labels), "value": 1}]})
        checks.append(expect.about(name, bench.many * (short.ms // unit) * share, bench.labels, end))
    series = bench.windows_of(dict.fromkeys(bench.fed, course), unit)
    return bench.group(f"the short windows of a {severity} fall", series, unit, promql_expr_test=checks)


def _refused(bench: Bench, tier: Tier, short: Duration) -> list[Json]:
    """A day of failures, then few events in a short window: all of it burns, less than before, and no alert begins.

    In its longest short window a tier needs two bad events. Where that window also has to be over the factor of the
    tier, it never falls when an alert could begin, and there is nothing to see.
    """
    unit, over, proven = bench.fed[-1].ms, _JUST * bench.limit(tier), _NEAR * float(FALLING)
    hours, last = short.ms // unit, tier.short.ms // unit
    quiet: list[tuple[float, float]] = []
    if short != bench.windows.shorts(tier.severity)[-1]:
        fall = 1.0  # how many times the burn of the short window that of the reference window is
        while _ONE * (fall - 1 - log(fall)) < proven:
            fall += 0.01
        before, bad, last = fall * over, _ONE, hours
    else:
        before, bad, events = over, _TWO, _TWO / (_BELOW * _low(bench, tier.severity))
        evidence = events * before - bad - bad * log(events * before / bad)
        if hours <= last or not proven < evidence < float(OVER) / _ABOVE:
            return []
        quiet = [((events - bad / over) / (hours - last), 0.0)] * (hours - last)
    if before > 1:
        return []
    ahead = bench.windows.reference(tier.severity).ms // unit - hours
    counts = [(bench.many, bench.many * before)] * ahead + quiet + [(bad / over / last, bad / last)] * last
    end = (len(counts) - 1) * unit
    course: Course = [((index + 1) * unit, events, bad) for index, (events, bad) in enumerate(counts)]
    short_of_all: Course = [(end, bench.many, 0.0), (end + unit, bench.many, bench.many * over)]
    courses = dict.fromkeys(bench.fed[:-1], short_of_all) | {bench.fed[-1]: course}
    watched = names.EVALUATIONS(window_text(bench.fed[-1])).name
    series = [*bench.windows_of(courses, unit), bench.series(watched, f"{tier.long.ms // bench.every}+0x{len(counts)}")]
    name = f"{tier.name} does not begin while {window_text(short)} falls"
    return [bench.group(name, series, unit, promql_expr_test=[expect.never(end, tier=tier.name)])]


def _falls_at_last(bench: Bench, severity: str, shorts: Sequence[Duration]) -> Json:
    """Hours of heavy traffic without a bad event, and one of little that burns: longer windows have less of it."""
    unit, reference = bench.fed[-1].ms, window_text(bench.windows.reference(severity))
    count, ratio, heavy = max(one.ms for one in shorts) // unit, (1 + _low(bench, severity)) / 2, 10_000 * bench.many
    end = (count - 1) * unit
    course: Course = [(end, heavy, 0.0), (end + unit, bench.many, bench.many * ratio)]
    checks = []
    for short in shorts:
        events, bad = heavy * (short.ms // unit - 1) + bench.many, bench.many * ratio
        proof = events * ratio - bad - bad * log(ratio * events / bad)
        checks.append(expect.about(names.RECOVERY(f"{window_text(short)}_{reference}").name, proof, bench.labels, end))
    series = bench.windows_of(dict.fromkeys(bench.fed, course), unit)
    return bench.group(f"longer windows of a {severity} fall", series, unit, promql_expr_test=checks)
