"""What a report says of a made history, beside numbers that a hand computes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from regobs.budgets.backtest import Objectives
from regobs.budgets.past import SloPast
from regobs.budgets.report import BurnStretch, Offender, SloReport, month_span, slo_reports, span_before, spending
from regobs.budgets.report_page import ReportText
from regobs.slo.model import Budgeting
from tests.budgets import courses
from tests.budgets.courses import EVERY, HOUR, SLO, WINDOWS, past_of
from tests.slo.packs import GITLAB

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = 1_795_046_400_000  # 2026-11-19 00:00 UTC
DAY = 24 * HOUR


class _Silent:
    """A server that has no counters."""

    def query(self, text: str, time: float) -> Any:
        del text, time
        return type("Answer", (), {"samples": ()})()


def reported(monkeypatch: pytest.MonkeyPatch, past: SloPast, span: tuple[int, int], **more: Any) -> SloReport:
    """The report of one SLO whose past is given."""
    monkeypatch.setattr("regobs.budgets.report.read_past", lambda *_, **__: [past])
    objectives = Objectives("as it is", (more.get("slo", SLO),), WINDOWS, GITLAB)
    before = (2 * span[0] - span[1], span[0])
    (found,) = slo_reports(cast("Any", _Silent()), objectives, span, before, more.get("zone", UTC))
    return found


def two_days() -> SloPast:
    """10 events at each evaluation; on the second day all of them fail for ten minutes from 06:00 on."""
    bad = np.zeros(2 * DAY)
    bad[DAY + 6 * HOUR : DAY + 6 * HOUR + 20] = 10
    return past_of(np.full(2 * DAY, 10.0), bad, MIDNIGHT + EVERY)


def test_the_budget_of_the_span_is_compared_with_the_span_before(monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400_000
    found = reported(monkeypatch, two_days(), (MIDNIGHT + day, MIDNIGHT + 2 * day))
    assert (found.now.events, found.now.bad) == (28_800, 200)
    assert found.now.achieved == pytest.approx(1 - 200 / 28_800)
    assert found.now.spent == pytest.approx(200 / (28_800 * 0.005))
    assert (found.before.events, found.before.bad, found.before.spent) == (28_800, 0, 0)
    assert found.course[0][1] == 1
    assert found.course[-1][1] == pytest.approx(1 - 200 / 144)


def test_a_burn_has_its_time_its_share_and_its_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400_000
    (burn,) = reported(monkeypatch, two_days(), (MIDNIGHT + day, MIDNIGHT + 2 * day)).burns
    six = MIDNIGHT + day + 6 * 3_600_000
    assert burn.begin == six + EVERY
    assert burn.end == six + 600_000  # though the window of five minutes still shows it
    assert burn.bad == 200
    assert burn.share == pytest.approx(200 / 144)
    assert burn.peak == pytest.approx(200)  # all of them, of which 0.5 % may be bad
    assert "1h" in burn.tiers


@pytest.mark.parametrize(("minutes", "count"), [(30, 1), (45, 2)])
def test_burns_are_one_while_no_half_hour_lies_between(
    monkeypatch: pytest.MonkeyPatch, minutes: int, count: int
) -> None:
    bad = np.zeros(DAY)
    for start in (HOUR, HOUR + 2 * minutes):
        bad[start : start + 10] = 10
    past = past_of(np.full(DAY, 10.0), bad, MIDNIGHT + EVERY)
    assert len(reported(monkeypatch, past, (MIDNIGHT, MIDNIGHT + 86_400_000)).burns) == count


def test_a_missing_evaluation_loses_its_events_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = two_days()
    span = (MIDNIGHT, MIDNIGHT + 2 * 86_400_000)
    holes = courses.without(whole, 100, 200)
    found = reported(monkeypatch, holes, span)
    assert (found.now.events, found.now.bad) == (2 * 28_800 - 1000, 200)


def test_no_traffic_is_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    past = past_of(np.zeros(DAY), np.zeros(DAY), MIDNIGHT + EVERY)
    found = reported(monkeypatch, past, (MIDNIGHT, MIDNIGHT + 86_400_000))
    assert (found.now.achieved, found.now.spent, found.burns, found.course) == (None, None, (), ())
    assert spending(past, SLO).events == 0


def test_a_month_has_the_hours_that_its_zone_gives_it() -> None:
    hours = []
    for month in (3, 10, 2):
        (start, end), (_, before) = month_span(2026, month, BERLIN)
        hours.append((end - start) / 3_600_000)
        assert before == start
    assert hours == [31 * 24 - 1, 31 * 24 + 1, 28 * 24]
    (start, _), (before, _) = month_span(2026, 1, UTC)
    assert datetime.fromtimestamp(start / 1000, UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(before / 1000, UTC) == datetime(2025, 12, 1, tzinfo=UTC)


def test_the_day_on_which_clocks_are_set_back_has_25_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = round(datetime(2026, 10, 24, tzinfo=BERLIN).timestamp() * 1000)
    count = (24 + 25 + 24) * HOUR
    past = past_of(np.ones(count), np.zeros(count), begin + EVERY)
    days = reported(monkeypatch, past, (begin, begin + EVERY * count), zone=BERLIN).days
    assert [(day, spent.events) for day, spent in days] == [
        ("2026-10-24", 24 * HOUR),
        ("2026-10-25", 25 * HOUR),
        ("2026-10-26", 24 * HOUR),
    ]


DAYS_OF_ZONES = [  # a zone, a month, its hours, and the day that has not 24 of them
    ("Europe/Berlin", (2026, 3), 31 * 24 - 1, ("2026-03-29", 23)),
    ("Europe/Berlin", (2026, 10), 31 * 24 + 1, ("2026-10-25", 25)),
    (
        "America/Havana",
        (2026, 3),
        31 * 24 - 1,
        ("2026-03-08", 23),
    ),  # 00:00 is followed by 01:00: a day without midnight
    ("America/Havana", (2026, 11), 30 * 24 + 1, ("2026-11-01", 25)),  # 01:00 is followed by 00:00: two midnights
    ("America/Santiago", (2026, 9), 30 * 24 - 1, ("2026-09-06", 23)),
    ("Australia/Lord_Howe", (2026, 4), 30 * 24 + 0.5, ("2026-04-05", 24.5)),
    ("UTC", (2028, 2), 29 * 24, ("2028-02-29", 24)),
    ("Asia/Kathmandu", (2026, 11), 30 * 24, ("2026-11-30", 24)),
]


@pytest.mark.parametrize(("name", "month", "hours", "odd"), DAYS_OF_ZONES)
def test_a_month_has_its_days_and_each_the_hours_of_its_zone(
    monkeypatch: pytest.MonkeyPatch, name: str, month: tuple[int, int], hours: float, odd: tuple[str, float]
) -> None:
    """The evaluation at 00:00:00 counts what came before it: the last one of the month is on its last day."""
    zone = ZoneInfo(name)
    span, _ = month_span(*month, zone)
    assert (span[1] - span[0]) / 3_600_000 == hours
    around = 2 * DAY  # evaluations before and after the month, which are not in it
    evaluations = (span[1] - span[0]) // EVERY + 2 * around
    bad = np.zeros(evaluations)
    bad[around - 1] = bad[around + (span[1] - span[0]) // EVERY] = 1  # the last of the month before, the first after it
    bad[around + (span[1] - span[0]) // EVERY - 1] = 7  # at the midnight that ends the month
    past = past_of(np.ones(evaluations), bad, span[0] + EVERY * (1 - around))
    found = reported(monkeypatch, past, span, zone=zone)
    counts = {day: spent.events / HOUR for day, spent in found.days}
    last = (datetime.fromtimestamp(span[1] / 1000, zone).date() - timedelta(days=1)).day
    assert list(counts) == [f"{month[0]}-{month[1]:02}-{day:02}" for day in range(1, last + 1)]
    assert {day: count for day, count in counts.items() if count != 24} == (dict([odd]) if odd[1] != 24 else {})
    assert counts[odd[0]] == odd[1]
    assert [spent.bad for _, spent in found.days] == [0] * (last - 1) + [7]
    assert sum(spent.events for _, spent in found.days) == found.now.events == hours * HOUR


def test_days_are_not_seen_twice_from_the_second_of_two_midnights_on(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = ZoneInfo("America/Havana")
    begin = round(datetime(2026, 11, 1, 0, 20, tzinfo=zone, fold=1).timestamp() * 1000)
    past = past_of(np.ones(DAY * 1), np.zeros(DAY * 1), begin + EVERY)
    days = reported(monkeypatch, past, (begin, begin + EVERY * DAY), zone=zone).days
    assert [(day, spent.events) for day, spent in days] == [("2026-11-01", DAY - HOUR / 3), ("2026-11-02", HOUR / 3)]


def text_of(monkeypatch: pytest.MonkeyPatch, **more: Any) -> ReportText:
    day = 86_400_000
    found = reported(monkeypatch, two_days(), (MIDNIGHT + day, MIDNIGHT + 2 * day), **more)
    found = replace(found, offenders=(Offender("route", "</script><b>|x`", 200, 1),))
    return ReportText([found], "2026-11", "the day before", UTC)


def test_values_from_outside_are_text_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = replace(SLO, title="<img src=x> | title", target=Decimal("0.995"))
    text = text_of(monkeypatch, slo=hostile)
    page, markdown = text.html(), text.markdown()
    assert "&lt;/script&gt;&lt;b&gt;|x`" in page
    assert "<img" not in page
    assert "<b>" not in page
    assert r"\</script\>\<b\>\|x\`" in markdown
    assert page.startswith("<!doctype html>")
    assert "http" not in page  # it loads nothing


def test_a_burn_of_a_thousand_has_its_digits_and_an_empty_label_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400_000
    found = reported(monkeypatch, two_days(), (MIDNIGHT + day, MIDNIGHT + 2 * day))
    burn = BurnStretch(MIDNIGHT, MIDNIGHT + day, 10.0, 0.5, 1000.0, ("1h",))
    found = replace(found, offenders=(Offender("code", "", 200, 1),), burns=(burn,))
    text = ReportText([found], "2026-11", "the day before", UTC).markdown()
    assert "| 1,000 | 1h |" in text
    assert "| code | no code | 200 |" in text


@pytest.mark.parametrize(
    ("bad", "budgeting", "differs"),
    [
        (200.9, Budgeting.OCCURRENCES, False),
        (203.3, Budgeting.OCCURRENCES, True),
        (197.0, Budgeting.OCCURRENCES, True),
        (230.0, Budgeting.TIMESLICES, False),
    ],
)
def test_bad_events_that_evaluations_and_counters_tell_otherwise_are_explained(
    monkeypatch: pytest.MonkeyPatch, bad: float, budgeting: Budgeting, *, differs: bool
) -> None:
    """A third of the first rise of a counter from zero is in no evaluation. Slices of time are no events."""
    day = 86_400_000
    found = reported(monkeypatch, two_days(), (MIDNIGHT + day, MIDNIGHT + 2 * day))
    offenders = (Offender("code", "503", bad / 4, 0.25), Offender("code", "500", bad / 2, 0.5))
    found = replace(found, offenders=offenders, slo=replace(SLO, budgeting=budgeting))
    text = ReportText([found], "2026-11", "the day before", UTC)
    for made in (text.markdown(), text.html()):
        assert ("up to a third of the first rise" in made) is differs
        assert ("counted 200:" in made) is differs
    (data,) = text.data()
    assert data["bad_by_counters"] == (None if budgeting is Budgeting.TIMESLICES else pytest.approx(bad))


def test_the_csv_has_a_line_for_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    head, *rows = csv.reader(io.StringIO(text_of(monkeypatch).csv()))
    assert head[:4] == ["day", "slo", "events", "bad"]
    assert [(row[0], row[3]) for row in rows] == [("2026-11-20", "200")]


def test_the_markdown_has_tables_of_equal_width(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(monkeypatch).markdown()
    assert "138.8889% of the error budget is spent; before it was 0%." in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


def test_what_lies_before_the_first_data_is_said_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400_000
    for begin, share, cell, sentence in (
        (MIDNIGHT + day // 2, 0.5, "0% (data of 50% of that time)", "before it was 0% (data of 50% of that time)."),
        (MIDNIGHT + day, 0.0, "no data", "There was no data before."),
        (MIDNIGHT, 1.0, "0%", "before it was 0%."),
    ):
        past = two_days().between(begin, MIDNIGHT + 2 * day)
        found = reported(monkeypatch, past, (MIDNIGHT + day, MIDNIGHT + 2 * day))
        text = ReportText([found], "2026-11", "the day before", UTC)
        assert found.watched_before == pytest.approx(share, abs=0.001)
        assert text.overview().rows[0][4] == cell
        for made in (text.markdown(), text.html()):
            assert sentence in made
        assert text.data()[0]["watched_before"] == found.watched_before


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-10-24", "2026-10-27", "2026-10-21"),  # 73 hours, beside 72
        ("2026-10-27", "2026-10-29", "2026-10-25"),  # 48 hours, beside 49
        ("2026-03-29", "2026-03-30", "2026-03-28"),  # 23 hours, beside 24
        ("2026-10-24", "2026-10-24 12:00", "2026-10-23 12:00"),
        ("2026-10-25", "2026-10-25 12:00", "2026-10-24 11:00"),  # no whole day: as many hours, which are 13
    ],
)
def test_whole_days_are_compared_with_as_many_days_also_where_clocks_change(first: str, last: str, before: str) -> None:
    moments = (datetime.fromisoformat(one).replace(tzinfo=BERLIN) for one in (first, last, before))
    begin, end, earlier = (round(one.timestamp() * 1000) for one in moments)
    assert span_before((begin, end), BERLIN) == (earlier, begin)


def test_a_day_without_midnight_is_compared_with_the_day_before() -> None:
    zone = ZoneInfo("America/Havana")
    first, begin, end = (round(datetime(2026, 3, day, tzinfo=zone).timestamp() * 1000) for day in (7, 8, 9))
    assert (end - begin) / 3_600_000 == 23
    assert span_before((begin, end), zone) == (first, begin)
