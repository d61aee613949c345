"""Tests fed with the counters of the registry: which events are counted, and one outage from beginning to end."""

from __future__ import annotations

from regobs.catalog import slo as names
from regobs.promql.nodes import Duration
from regobs.slo.model import Budgeting, window_text
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import MANY, Bench, Json
from regobs.slo.rule_tests.counters import Phase, Role, flat_data, series_data
from regobs.slo.rule_tests.measured import fed_values

_OUTAGE = 600_000  # ten minutes
_QUIET = 2  # evaluations, where each is like the one before
_EDGE = 0.25  # of the way to the limit of a time slice, on each side of it


def groups(bench: Bench, *, whole: bool, outage: bool) -> list[Json]:
    """All test groups, or those of the events or values alone; what feeds an expression is nobody's to say."""
    events = [_counted(bench), _no_traffic(bench), *_no_failure_yet(bench)] if bench.counters else []
    events += _measured(bench)
    return [
        *([_no_series(bench)] if whole else []),
        *events,
        *([_outage(bench)] if bench.counters and outage else []),
    ]


def _no_series(bench: Bench) -> Json:
    """Nothing to count: no alert, no ratio."""
    silence = [expect.never(4 * bench.every), *expect.no_ratio(bench.windows, 4 * bench.every)]
    return bench.group("no series", [], bench.every, promql_expr_test=silence)


def _tile(bench: Bench) -> tuple[str, str]:
    every = window_text(Duration(bench.every))
    return names.EVENTS(every).name, names.BAD_EVENTS(every).name


def _counted(bench: Bench) -> Json:
    """The events of the SLO and no others, good ones and bad ones apart; more of them later than at first."""
    every, (events, bad) = bench.every, _tile(bench)
    few, many = _mixed(bench, 4)
    checks = []
    for phase, ms in ((few, 3 * every), (many, 7 * every)):
        total, failed = _expected(bench, phase)
        checks.append(expect.about(events, total, bench.labels, ms))
        checks.append(
            expect.about(bad, failed, bench.labels, ms) if failed else expect.exactly(bad, 0, bench.labels, ms)
        )
    checks += _summed(bench, 7 * every)
    series = series_data(bench.counters, [few, many])
    return bench.group("its events and no others", series, every, promql_expr_test=checks)


def _summed(bench: Bench, ms: int) -> list[Json]:
    """The windows that are longer than all evaluations up to now: each is their sum, or their number."""
    span, (events, bad) = expect.at(ms + 1), _tile(bench)
    checks = []
    for window in (one for one in bench.fed if one.ms > ms):
        text = window_text(window)
        for metric, tile in ((names.EVENTS(text), events), (names.BAD_EVENTS(text), bad)):
            checks.append(expect.like(metric.name, f"sum_over_time({tile}[{span}])", bench.labels, ms))
    if bench.fed[-1].ms > ms:
        count = names.EVALUATIONS(window_text(bench.fed[-1])).name
        checks.append(expect.like(count, f"count_over_time({events}[{span}])", bench.labels, ms))
    return checks


def _mixed(bench: Bench, steps: int) -> tuple[Phase, Phase]:
    """Two shares of bad events: where slices of time count, one makes a good slice and one a bad one."""
    allowed = 1 - float(bench.slo.slice_target) if bench.slo.slice_target is not None else None
    low, high = (0.01, 0.3) if allowed is None else (allowed * (1 - _EDGE), allowed + (1 - allowed) * _EDGE)
    return (
        Phase(steps, MANY * (1 - low), MANY * low),
        Phase(steps, 3 * MANY * (1 - high), 3 * MANY * high),
    )


def _expected(bench: Bench, phase: Phase) -> tuple[float, float]:
    """Events and bad events of one evaluation."""
    total = phase.good + phase.bad
    if bench.slo.budgeting is Budgeting.OCCURRENCES:
        return total, phase.bad
    if bench.slo.budgeting is Budgeting.RATIO_TIMESLICES:
        return 1, phase.bad / total
    return 1, float(phase.bad / total > 1 - float(bench.slo.slice_target or 1))


def _no_traffic(bench: Bench) -> Json:
    """Counters that stand still: no alert, no ratio, no NaN."""
    end, (events, bad) = _QUIET * bench.every, _tile(bench)
    silence = [expect.never(end), *expect.no_ratio(bench.windows, end)]
    zero = [expect.exactly(name, 0, bench.labels, end) for name in (events, bad)]
    return bench.group("no traffic", flat_data(bench.counters, _QUIET), bench.every, promql_expr_test=[*silence, *zero])


def _no_failure_yet(bench: Bench) -> list[Json]:
    """The counters of failures are not there before the first one: that is a burn rate of zero, not none."""
    if all(one.role is not Role.BAD for one in bench.counters):
        return []
    end, (_, bad) = _QUIET * bench.every, _tile(bench)
    series = series_data([one for one in bench.counters if one.role is not Role.BAD], [Phase(_QUIET, MANY, 0.0)])
    burn = names.BURN_RATE(window_text(bench.fed[0])).name
    checks = [expect.exactly(name, 0, bench.labels, end) for name in (bad, burn)]
    return [bench.group("no failure yet", series, bench.every, promql_expr_test=checks)]


def _measured(bench: Bench) -> list[Json]:
    """One event an evaluation, bad while the worst value is: at the limit, beyond it, and none once all is gone."""
    fed, steps = fed_values(bench.slo, bench.config), 3
    if fed is None:
        return []
    good, bad = f"{fed.good:f}", f"{fed.bad:f}"
    first, second = fed.own
    series = [
        {"series": first.text(), "values": f"{good}+0x{3 * steps - 1} stale"},
        {"series": second.text(), "values": f"{good}+0x{steps - 1} {bad}+0x{steps - 1} {good}+0x{steps - 1} stale"},
        *({"series": one.text(), "values": f"{bad}+0x{4 * steps}"} for one in fed.noise),
    ]
    every, (events, failed) = bench.every, _tile(bench)
    checks = []
    for phase, is_bad in enumerate((0, 1, 0)):
        ms = (phase * steps + 1) * every
        checks += [expect.exactly(events, 1, bench.labels, ms), expect.exactly(failed, is_bad, bench.labels, ms)]
    checks += [expect.nothing(one, (3 * steps + 1) * every) for one in (events, failed)]
    return [bench.group("its values and no others", series, every, promql_expr_test=checks)]


def _outage(bench: Bench) -> Json:
    """Everything fails for ten minutes: one alert, which ends with the shortest window, and none after it."""
    every, shortest = bench.every, bench.fed[0].ms
    if not bench.tiers:
        return bench.group("no tier fits the period", [], every, promql_expr_test=[expect.never(every)])
    lasts = bench.at(max(2 * shortest, min(_OUTAGE, bench.tiers[0].long.ms // 4)), every)
    phases = [Phase(lasts // every, 0.0, MANY), Phase(6 * shortest // every, 40 * MANY, 0.0)]
    slow = bench.tiers[0]
    due = bench.at(bench.first_burn + slow.hold.ms, every)
    over = lasts + shortest + every
    checks = [expect.firing(bench.slo, slow, bench.config, lasts + every)]
    if bench.slo.slice_length is None:  # slices are few: they begin an alert later, and need longer to prove its end
        checks += [
            expect.firing(bench.slo, slow, bench.config, due),
            expect.silent(over),
            expect.never(lasts + 6 * shortest, since=over),
        ]
    if not any(tier.hold.ms for tier in bench.tiers):
        checks += [expect.never(lasts + 6 * shortest, tier=tier.name) for tier in bench.tiers[1:]]
    return bench.group("one outage, one alert", series_data(bench.counters, phases), every, promql_expr_test=checks)
