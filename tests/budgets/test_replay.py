"""When alerts would have fired: the same as promtool says of the generated rules, and both sides of every edge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regobs.budgets.past import SloPast
from regobs.budgets.replay import AlertReplay, BurnWindows, FiredAlert, fired_alerts
from regobs.documents import dump_yaml
from regobs.promql.nodes import Duration
from regobs.slo import compile_rules
from tests.budgets.courses import EVERY, HOUR, SLO, START, WINDOWS, outage, without
from tests.slo.conftest import DEBIAN, PEER, promtool_of
from tests.slo.packs import BUNDLED, GITLAB, run_tests

LABELS = 'route="/v2/{name}/tags/list",method="get",job="registry",instance="a"'
# requests of an evaluation, share that fails, and evaluations before, during and after
COURSES = [
    (60, 1.0, 2 * HOUR, 20, 2 * HOUR),
    (300, 0.12, 2 * HOUR, 360, HOUR),  # the window of six hours is not filled
    (0.5, 0.5, 2 * HOUR, 100, HOUR),
]


def firing_at(fired: list[FiredAlert], tier: str, last: int) -> int:
    """The evaluations up to `last` at which the alert of a tier fires."""
    step = {START + EVERY * place for place in range(last + 1)}
    return sum(
        sum(one.begin <= at and (one.end is None or at < one.end) for at in step) for one in fired if one.tier == tier
    )


def outage_and_failures(failures: int, later: int) -> SloPast:
    """Half an hour in which all of one request a minute fails, and so many failures in a row `later` evaluations on."""
    past = outage(0.5, 1.0, 8 * HOUR, 60, 12 * HOUR)
    bad = past.bad.copy()
    happened = np.flatnonzero(past.events[8 * HOUR + 60 + later :])[:failures]
    bad[8 * HOUR + 60 + later + happened] = 1
    return replace(past, bad=bad)


@pytest.mark.parametrize("release", [DEBIAN, PEER])
@pytest.mark.parametrize("past", [*(outage(*course) for course in COURSES), outage_and_failures(4, 3 * HOUR)])
def test_alerts_fire_at_the_evaluations_at_which_the_generated_rules_fire(
    past: SloPast, release: str, tmp_path: Path
) -> None:
    fired = fired_alerts(past, SLO, WINDOWS, EVERY)
    assert fired
    compiled = compile_rules(BUNDLED, GITLAB)
    group = next(one.group for one in compiled.slos if one.slo.name == SLO.name)
    (tmp_path / "rules.yaml").write_text(dump_yaml({"groups": [group]}))
    (tmp_path / "test.yaml").write_text(dump_yaml(promtool_test(past.events, past.bad, fired)))
    done = run_tests(promtool_of(release), tmp_path / "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def promtool_test(events: Any, bad: Any, fired: list[FiredAlert]) -> dict[str, Any]:
    """At the middle and the end, how often each tier's alert has fired. Counters are scraped twice an evaluation."""

    def counter(grown: Any) -> str:
        so_far = 1000 + np.cumsum(grown)  # increase() takes what grows from zero on for less
        between = so_far - np.ceil(grown / 2)  # what the scrape in the middle saw
        values = [value for pair in zip(between, so_far, strict=True) for value in pair]
        return " ".join(f"{value:.0f}" for value in values[1:])  # the first evaluation is at 0 s

    count = len(events)
    checks = [
        {
            "expr": f'sum(count_over_time(ALERTS{{alertstate="firing",tier="{tier}"}}[7d])) or vector(0)',
            "eval_time": f"{30 * last + 15}s",
            "exp_samples": [{"labels": "{}", "value": firing_at(fired, tier, last)}],
        }
        for tier in ("1h", "6h", "1d", "3d")
        for last in (count * 2 // 3, count - 2)
    ]
    series = [
        {"series": f'registry_http_requests_total{{code="200",{LABELS}}}', "values": counter(events - bad)},
        {"series": f'registry_http_requests_total{{code="503",{LABELS}}}', "values": counter(bad)},
    ]
    tests = [{"interval": "15s", "input_series": series, "promql_expr_test": checks}]
    return {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": tests}


def spans(fired: list[FiredAlert], tier: str) -> list[tuple[int, int | None]]:
    """Beginning and end of each alert of a tier, in evaluations."""
    return [
        ((one.begin - START) // EVERY, None if one.end is None else (one.end - START) // EVERY)
        for one in fired
        if one.tier == tier
    ]


@pytest.mark.parametrize(("failures", "pages"), [(2, 1), (3, 1), (4, 2)])
def test_within_the_long_window_of_a_page_another_needs_failures_that_prove_it_alone(failures: int, pages: int) -> None:
    # of 30 events in half an hour 0.15 may fail: 2 and 3 are evidence of 3.3 and 6.1, and 6.9 is asked
    fired = fired_alerts(outage_and_failures(failures, 3 * HOUR), SLO, WINDOWS, EVERY)
    assert sum(one.severity == "page" for one in fired) == pages


@pytest.mark.parametrize("later", [7 * HOUR, 11 * HOUR])
def test_the_failures_of_a_paged_outage_are_no_ticket_when_two_more_follow(later: int) -> None:
    fired = fired_alerts(outage_and_failures(2, later), SLO, WINDOWS, EVERY)
    assert [one.severity for one in fired] == ["page"]


@pytest.mark.parametrize("missing", [1, 9, 10, 40])
def test_an_outage_with_a_gap_in_it_is_one_alert(missing: int) -> None:
    whole = outage(60, 1.0, 8 * HOUR, 240, HOUR)
    with_gap = without(whole, 8 * HOUR + 100, 8 * HOUR + 100 + missing)
    assert len(spans(fired_alerts(with_gap, SLO, WINDOWS, EVERY), "1h")) == 1


@pytest.mark.parametrize(("missing", "goes_on"), [(9, True), (10, False)], ids=["five minutes", "an evaluation more"])
def test_an_alert_that_only_goes_on_ends_where_prometheus_was_away_for_longer_than_it_looks_back(
    missing: int, goes_on: bool
) -> None:
    quiet = outage(0.5, 1.0, 8 * HOUR, 60, 2 * HOUR)  # so few events that it takes long to prove the end
    over = 8 * HOUR + 60
    ((begin, end),) = spans(fired_alerts(quiet, SLO, WINDOWS, EVERY), "1h")
    assert end is not None
    assert begin < over < over + 30 < end
    first = over + 12  # the shortest window has no bad event left: nothing begins any more
    ends = [end for _, end in spans(fired_alerts(without(quiet, first, first + missing), SLO, WINDOWS, EVERY), "1h")]
    assert (ends[0] != first + missing) == goes_on


@pytest.mark.parametrize(("hold", "delay"), [(0, 0), (60_000, 2), (600_000, 20)])
def test_an_alert_waits_for_as_long_as_its_tier_says(hold: int, delay: int) -> None:
    past = outage(60, 1.0, 8 * HOUR, 240, HOUR)
    tiers = tuple(replace(one, hold=Duration(hold)) for one in WINDOWS.tiers[:1])
    ((begin, _),) = spans(fired_alerts(past, SLO, replace(WINDOWS, tiers=tiers), EVERY), "1h")
    ((first, _),) = spans(fired_alerts(past, SLO, replace(WINDOWS, tiers=WINDOWS.tiers[:1]), EVERY), "1h")
    assert begin - first == delay


def test_windows_are_sums_of_what_was_counted_and_skip_what_was_not() -> None:
    past = outage(10, 0.5, 4 * HOUR, 20, 4 * HOUR)
    burn, whole = BurnWindows(past, SLO, WINDOWS, EVERY), len(past.times) - 1
    assert burn.events(3_600_000)[whole] == 10 * HOUR
    assert burn.events(7_200_000)[whole] == 2 * 10 * HOUR
    assert burn.bad(21_600_000)[whole] == 100
    assert burn.burn(21_600_000)[whole] == pytest.approx(100 / (6 * HOUR * 10) / 0.005)
    holes = without(past, whole - 50, whole - 20)
    assert BurnWindows(holes, SLO, WINDOWS, EVERY).events(3_600_000)[-1] == 10 * (HOUR - 30)


def test_without_events_there_is_no_burn_and_no_alert() -> None:
    past = outage(0, 1.0, 100, 100, 100)
    assert fired_alerts(past, SLO, WINDOWS, EVERY) == []
    assert np.isnan(BurnWindows(past, SLO, WINDOWS, EVERY).burn(3_600_000)).all()
    assert fired_alerts(without(past, 0, 300), SLO, WINDOWS, EVERY) == []


@pytest.mark.parametrize("hours", [0.5, 7, 100])
@pytest.mark.parametrize(
    "past",
    [
        *(outage(*course) for course in COURSES),
        outage_and_failures(4, 3 * HOUR),
        outage(300, 0.02, 90 * HOUR, 30 * HOUR, 80 * HOUR),
        without(outage(60, 1.0, 2 * HOUR, 90, 100 * HOUR), 2 * HOUR + 30, 2 * HOUR + 45),
    ],
)
def test_a_past_that_comes_in_pieces_fires_what_it_fires_as_a_whole(past: SloPast, hours: float) -> None:
    replay, found = AlertReplay(SLO, WINDOWS, EVERY), []
    first, last = int(past.times[0]) - 1, int(past.times[-1])
    step = round(hours * 3_600_000)
    for at in range(first, last, step):
        found += replay.feed(past.between(at, at + step))
    assert sorted([*found, *replay.rest()], key=lambda one: (one.begin, one.tier)) == fired_alerts(
        past, SLO, WINDOWS, EVERY
    )


def test_of_a_long_past_no_more_is_kept_than_the_longest_window_holds() -> None:
    past = outage(60, 1.0, 100 * HOUR, 20, 400 * HOUR)
    replay = AlertReplay(SLO, WINDOWS, EVERY)
    for at in range(int(past.times[0]) - 1, int(past.times[-1]), 86_400_000):
        replay.feed(past.between(at, at + 86_400_000))
    kept = replay._tail
    assert kept is not None
    assert 72 * HOUR < len(kept.times) <= 75 * HOUR
