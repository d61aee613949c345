"""The pages as rows: what they say, what is marked, where a row leads, what a hostile label can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regobs.common.screen import Screen
from regobs.common.table import display_width
from regobs.doctor.report import FiringAlert, Problem
from regobs.status.report import OutsideView, ProcessStatus, RouteStatus, StatusReport
from regobs.top.pages import lines
from regobs.top.place import HOME, Page, TopPlace
from regobs.top.rows import TopLine, since
from regobs.top.take import Detail
from tests.top.world import BURN, NOW, PULL, REPORT, TAKEN, taken

WIDE = Screen(width=77)


def page(place: TopPlace = HOME, report: StatusReport = REPORT, on: Screen = WIDE) -> list[TopLine]:
    return list(lines(replace(taken(place), report=report), place, on))


def line(words: str, found: list[TopLine]) -> TopLine:
    return next(one for one in found if words in one.text)


def test_the_overview_has_all_parts_and_fits_an_80x24_terminal() -> None:
    found = page()
    for words in (
        "Traffic",
        "Processes",
        "alert firing",
        "Error budgets",
        PULL,
        "database pool",
        "Garbage",
        "Replicas",
    ):
        assert words in line(words, found).text
    assert len(found) <= 20, "24 lines less those of time, age, pages and keys"
    assert all(display_width(one.text) <= 77 for one in found)


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("Traffic", TopPlace(Page.ROUTES)),
        ("Processes", TopPlace(Page.INSTANCES)),
        ("alert firing", TopPlace(Page.ALERTS)),
        (PULL, TopPlace(Page.TRAFFIC, route=PULL)),
        ("-50.0%", TopPlace(Page.SLO, name="pull")),
        ("Garbage", TopPlace(Page.GARBAGE)),
        ("database pool", TopPlace(Page.LIMITS)),
    ],
)
def test_a_row_of_the_overview_leads_to_its_page(words: str, target: TopPlace) -> None:
    assert line(words, page()).target == target


def test_a_route_leads_to_its_instances_and_an_instance_to_its_routes() -> None:
    route = TopPlace(Page.TRAFFIC, route=PULL)
    assert line("a:5001", page(route)).target == TopPlace(Page.TRAFFIC, PULL, "a:5001")
    own = Detail(by_route=(RouteStatus(PULL, 1.0, 0.0, 0.1),))
    instance = TopPlace(Page.TRAFFIC, instance="a:5001")
    found = list(lines(replace(TAKEN, detail=own), instance, WIDE))
    assert line(PULL, found).target == TopPlace(Page.TRAFFIC, PULL, "a:5001")


@pytest.mark.parametrize(("failed", "mark"), [(0.0, "  "), (0.0099, "! "), (0.01, "!!"), (None, "  ")])
def test_what_fails_is_marked_without_a_colour(failed: float | None, mark: str) -> None:
    report = replace(REPORT, routes=(RouteStatus(PULL, 1.0, failed, 0.1),))
    assert line(PULL, page(TopPlace(Page.ROUTES), report)).text[:2] == mark


@pytest.mark.parametrize(("age", "mark"), [(3599.0, "! "), (3600.0, "  ")])
def test_a_process_that_has_just_started_is_marked(age: float, mark: str) -> None:
    report = replace(REPORT, processes=(ProcessStatus("a:5001", up=True, age=age),))
    assert line("a:5001", page(TopPlace(Page.INSTANCES), report)).text[:2] == mark


def test_a_process_that_is_down_says_why_with_the_cause_that_stands_last() -> None:
    error = 'Get "http://b:5001/metrics": dial tcp 127.0.0.1:5001: connect: connection refused'
    report = replace(REPORT, processes=(ProcessStatus("b:5001", up=False, error=error),))
    found = page(TopPlace(Page.INSTANCES), report)
    assert line("b:5001", found).text.startswith("!!")
    assert line("connection refused", found).text.split() == ["b:5001", "connection", "refused"]


def test_values_that_are_stale_and_what_probes_get_are_told_above_the_alerts() -> None:
    report = replace(REPORT, stale=130.0, outside=(OutsideView("https://r", works=False, text="answers 503"),))
    texts = [one.text for one in page(report=report)]
    stale = next(at for at, text in enumerate(texts) if "stale: nothing was scraped for 2 min" in text)
    probe = next(at for at, text in enumerate(texts) if "From outside: https://r answers 503" in text)
    alerts = next(at for at, text in enumerate(texts) if "alert firing" in text)
    assert stale < probe < alerts
    assert texts[stale].startswith("!!")
    assert texts[probe].startswith("!!")


def test_colours_are_only_there_where_they_are_wanted() -> None:
    assert any("\x1b[31m" in one.text for one in page(on=Screen(77, colour=True)))
    assert not any("\x1b" in one.text for one in page())


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        (10, ""),
        (9, "only 9 of the 10 alerts of this build are loaded: silence says little"),
        (0, "none of the 10 alerts of this build is loaded: silence says nothing"),
        (None, ""),
    ],
)
def test_silence_of_alerts_that_are_not_loaded_is_told(loaded: int | None, told: str) -> None:
    found = page(report=replace(REPORT, alerts=10, loaded=loaded, firing=(), budgets=()))
    assert [one.text.strip() for one in found if "of this build" in one.text] == ([f"!   {told}"] if told else [])


def test_many_alerts_of_one_name_are_one_row_so_that_they_hide_no_other_kind() -> None:
    burns = [replace(BURN, labels={**BURN.labels, "slo": slo}) for slo in ("pull", "push", "tags", "delete")]
    pool = FiringAlert("RegistryDatabasePoolSaturated", {"severity": "ticket", "instance": "a:5001"}, 1.0)
    report = replace(REPORT, firing=(*burns, pool))
    found = page(report=report)
    assert "4: pull, push" in line(BURN.name, found).text
    assert line("PoolSaturated", found).text.startswith("! ")
    target = line(BURN.name, found).target
    assert target == TopPlace(Page.ALERTS, name=BURN.name)
    listed = page(target, report)
    assert len(listed) == 1 + len(burns)
    assert line("push", listed).target == TopPlace(
        Page.ALERT, name=BURN.name, labels=frozenset(burns[1].labels.items())
    )
    assert len(page(TopPlace(Page.ALERTS), report)) == 1 + len(report.firing)


def test_a_server_that_is_ill_is_one_row_and_a_page() -> None:
    report = replace(REPORT, failing_rules={"a": "cannot join"}, problems=(Problem("it is behind", "more CPU"),))
    assert line("1 rule fails; it is behind", page(report=report)).target == TopPlace(Page.SERVER)
    assert "cannot join" in line("the rule a fails", page(TopPlace(Page.SERVER), report)).text


def test_labels_from_outside_move_no_cursor_on_any_page() -> None:
    evil = "\x1b[2Jx\r\n" * 30
    alert = FiringAlert(evil, {"severity": evil, "slo": evil}, 1.0, evil, evil)
    report = replace(
        REPORT,
        firing=(alert,),
        routes=(RouteStatus(evil, 1.0, 0.5, 0.1),),
        processes=(ProcessStatus(evil, up=False, error=evil),),
        failing_rules={evil: evil},
        problems=(Problem(evil, evil),),
        versions={evil: 1},
        links={evil: evil},
    )
    places = [TopPlace(one) for one in Page]
    places += [
        TopPlace(Page.TRAFFIC, evil, evil),
        TopPlace(Page.ALERT, name=evil, labels=frozenset(alert.labels.items())),
    ]
    for place in places:
        detail = Detail(evil, by_instance=report.routes, by_route=report.routes)
        for one in lines(replace(TAKEN, report=report, detail=detail, questions={evil: evil}), place, WIDE):
            assert one.text.isprintable(), (place.page, one.text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 s"), (119.0, "119 s"), (120.0, "2 m"), (7200.0, "2 h"), (NOW, "20601 d")]
)
def test_a_time_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert since(seconds) == text
