"""The status as text: what is coloured, what is shortened, what a hostile label can do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import inf, nan

import pytest

from regobs.common.screen import PIPE, Screen
from regobs.common.table import display_width
from regobs.doctor.report import FiringAlert, Problem
from regobs.slo.status import SloStatus
from regobs.status.report import OutsideView, ProcessStatus, RouteStatus, StatusReport, Usage
from regobs.status.screen import screen_text

RED, YELLOW = "\x1b[31m", "\x1b[33m"
QUIET = StatusReport(
    server="http://prometheus",
    server_version="2.42.0",
    now=1_780_000_000.0,
    window="5m",
    flavor="gitlab",
    versions={"4.32.0": 2},
    firing=(),
    pending=0,
    others=0,
    alerts=10,
    loaded=10,
    budgets=(),
    requests=2.0,
    in_flight=1.0,
    routes=(),
    usage=(),
    processes=(ProcessStatus("a:5001", up=True, age=90_000.0),),
    failing_rules={},
    problems=(),
    links={"alerts": "http://prometheus/alerts"},
)


def budget(burn: float | None, remaining: float = 0.5) -> SloStatus:
    return SloStatus(
        slo="pull",
        title="Pulls",
        target=0.999,
        scope={},
        events=100.0,
        ratio=0.001,
        remaining=remaining,
        burn=burn,
        window="1h",
        burns={},
        watched=1.0,
        firing=(),
        period=2_419_200.0,
        period_text="28d",
    )


def coloured(report: StatusReport) -> str:
    return screen_text(report, Screen(width=100, colour=True))


def test_nothing_that_is_well_is_red_and_the_processes_are_one_number() -> None:
    text = coloured(QUIET)
    assert RED not in text
    assert "1 of 1 up" in text
    assert "a:5001" not in text
    assert "No alert firing" in text


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (10, ""),
        (9, "only 9 of the 10 alerts of this build are loaded here: silence says little"),
        (1, "only 1 of the 10 alerts of this build are loaded here: silence says little"),
        (0, "none of the 10 alerts of this build is loaded here: their silence says nothing; load them"),
        (None, ""),
    ],
)
def test_silence_of_alerts_that_are_not_loaded_is_told(loaded: int | None, said: str) -> None:
    text = screen_text(replace(QUIET, loaded=loaded, load="load them" if loaded == 0 else ""), PIPE)
    assert said in text
    assert ("loaded here" in text) is bool(said)


def test_of_rules_that_run_elsewhere_it_is_told_where_to_ask_and_what_their_alerts_lack() -> None:
    fired = FiringAlert("RegistryDown", {"severity": "page"}, nan)
    text = screen_text(replace(QUIET, loaded=0, alerts=61, firing=(fired,)), PIPE)
    assert "none of the 61 alerts of this build is loaded here" in text
    assert "rules run elsewhere" in text
    assert "silence says little" not in text
    assert "its value and since when it fires is known only where its rule is evaluated" in text
    whole = replace(QUIET, loaded=0, budgets=(budget(1.0),))
    assert "rules run elsewhere" in screen_text(whole, PIPE)
    assert "known only where" not in screen_text(whole, PIPE)


@pytest.mark.parametrize("width", [44, 60, 100])
@pytest.mark.parametrize("scope", [{}, {"env": "x"}])
def test_a_scope_that_no_budget_has_takes_no_room_from_what_tells_them_apart(width: int, scope: dict[str, str]) -> None:
    names = ("catalog-base-availability", "catalog-base-latency")
    rows = tuple(replace(budget(1.0), slo=name, scope=scope) for name in names)
    lines = screen_text(replace(QUIET, budgets=rows), Screen(width=width)).splitlines()
    head = next(at for at, line in enumerate(lines) if line.strip().startswith("SLO "))
    assert ("scope" in lines[head]) is bool(scope)
    if not scope:
        assert [line.split()[0][:14] for line in lines[head + 1 : head + 3]] == ["catalog-base-a", "catalog-base-l"]


@pytest.mark.parametrize("width", [50, 60, 80, 100])
def test_budgets_fit_a_narrow_terminal_and_keep_what_is_left_and_what_burns(width: int) -> None:
    rows = [replace(budget(39.8), events=123_456_789.0, scope={"env": "production"}, title="Pulling blobs works")]
    text = screen_text(replace(QUIET, budgets=tuple(rows)), Screen(width=width))
    drawn = text[text.index("Error budgets") :].split("\n\n")[0].splitlines()
    assert max(map(display_width, drawn)) <= width
    assert "39.8" in drawn[2]
    assert "budget l" in drawn[1]
    assert ("left out for want of space: events" in drawn[-1]) is (width <= 60)


@pytest.mark.parametrize(("burn", "colour"), [(0.99, ""), (1.0, YELLOW), (14.39, YELLOW), (14.4, RED), (None, "")])
def test_a_burn_has_the_colour_of_the_alert_that_it_means(burn: float | None, colour: str) -> None:
    line = next(line for line in coloured(replace(QUIET, budgets=(budget(burn),))).splitlines() if "pull" in line)
    assert (RED in line, YELLOW in line) == (colour == RED, colour == YELLOW)


@pytest.mark.parametrize(("used", "colour"), [(0.69, ""), (0.7, YELLOW), (0.89, YELLOW), (0.9, RED), (1.2, RED)])
def test_what_is_full_has_a_colour(used: float, colour: str) -> None:
    usage = (Usage("database pool", {"instance": "a"}, used),)
    line = next(line for line in coloured(replace(QUIET, usage=usage)).splitlines() if "pool" in line)
    assert (RED in line, YELLOW in line) == (colour == RED, colour == YELLOW)


@pytest.mark.parametrize(("age", "shown"), [(3599.0, True), (3600.0, False), (None, False)])
def test_a_process_that_has_just_started_is_shown(age: float | None, shown: bool) -> None:
    assert (
        "a:5001" in screen_text(replace(QUIET, processes=(ProcessStatus("a:5001", up=True, age=age),)), PIPE)
    ) is shown


@pytest.mark.parametrize(
    ("count", "rules", "others"),
    [
        (1, "- and 1 more rule fails", "1 other alert fires on"),
        (2, "- and 2 more rules fail", "2 other alerts fire on"),
    ],
)
def test_what_is_counted_fits_its_number(count: int, rules: str, others: str) -> None:
    failing = {f"rule{number}": "wrong" for number in range(3 + count)}
    lines = screen_text(replace(QUIET, failing_rules=failing, others=count), PIPE).splitlines()
    assert f"  {rules}" in lines
    assert any(others in line for line in lines)


def test_a_long_list_is_cut_and_says_how_much_is_left() -> None:
    alerts = tuple(FiringAlert(f"Alert{number}", {"severity": "page"}, 1.0) for number in range(9))
    processes = tuple(ProcessStatus(f"p{number}", up=False) for number in range(8))
    problems = tuple(Problem(f"problem {number}", "mend it") for number in range(6))
    rules = {f"rule{number}": "wrong" for number in range(5)}
    text = screen_text(replace(QUIET, firing=alerts, processes=processes, problems=problems, failing_rules=rules), PIPE)
    assert "9 alerts firing" in text
    assert all(f"and {count} more" in text for count in (1, 2))
    assert "and 2 more rules fail" in text
    assert len(text.splitlines()) < 50


def test_an_alert_names_its_runbook_with_and_without_an_address() -> None:
    unlinked = FiringAlert("RegistryDown", {"severity": "page"}, 1.0)
    text = screen_text(replace(QUIET, firing=(unlinked,)), PIPE)
    assert "  runbooks, of the build: runbooks/RegistryDown.md\n" in text
    assert "`runbook_url` under [alerts] in regobs.toml" in text
    linked = screen_text(replace(QUIET, firing=(replace(unlinked, runbook="https://r.example/a"),)), PIPE)
    assert "runbook: https://r.example/a\n" in linked
    assert "runbook_url" not in linked


def test_labels_and_errors_from_outside_move_no_cursor_and_a_table_fits_the_terminal() -> None:
    evil = "\x1b[2Jx\r\n" * 30
    report = replace(
        QUIET,
        firing=(FiringAlert(evil, {"severity": "page", "slo": evil}, nan, evil, evil),),
        routes=(RouteStatus(evil, 1.0, 0.5, 0.1),),
        usage=(Usage(evil, {"a": evil}, 0.5),),
        processes=(ProcessStatus(evil, up=False, error=evil),),
        failing_rules={evil: evil},
        problems=(Problem(evil, evil),),
        versions={evil: 1},
        links={evil: evil},
    )
    for text in (screen_text(report, PIPE), screen_text(report, Screen(width=80))):
        assert "\x1b" not in text
        assert "\r" not in text
    table = [line for line in screen_text(report, Screen(width=80)).splitlines() if line.startswith("  \\x1b")]
    assert [line for line in table if "more" not in line and "alerts" not in line]
    assert all(display_width(line) <= 80 for line in table if "%" in line)


def test_the_json_has_neither_nan_nor_infinity() -> None:
    report = replace(
        QUIET,
        firing=(FiringAlert("a", {}, inf),),
        routes=(RouteStatus("b", nan, inf, nan),),
        budgets=(budget(inf, nan),),
        requests=nan,
    )
    data = json.loads(json.dumps(report.as_data(), allow_nan=False))
    assert (data["requests_per_second"], data["alerts"]["firing"][0]["value"], data["budgets"][0]["burn"]) == (
        None,
    ) * 3
    assert data["routes"] == [{"route": "b", "requests_per_second": None, "failed": None, "latency_p95": None}]


@pytest.mark.parametrize(
    ("up", "seen", "stale", "words"),
    [
        ((False,), 130.0, 130.0, "; stale: nothing was scraped for 2 min"),
        ((True, False), 90.0, None, "; partly stale: 1 down, last scraped 90 s ago"),
        ((True, True), None, None, ""),
    ],
)
def test_numbers_of_what_is_down_are_marked_with_their_age(
    up: tuple[bool, ...], seen: float | None, stale: float | None, words: str
) -> None:
    processes = tuple(ProcessStatus(f"a:{place}", up=one, seen=None if one else seen) for place, one in enumerate(up))
    report = replace(QUIET, processes=processes, stale=stale, routes=(RouteStatus("r", 1.0, 0.0, 0.1),))
    lines = screen_text(report, PIPE).splitlines()
    for start in ("traffic ", "Routes, "):
        line = next(line for line in lines if line.startswith(start))
        assert ("stale" in line) is bool(words)
        assert line.endswith(words)
    assert any("down, last scraped" in line for line in lines) is (False in up)


@pytest.mark.parametrize(("recent", "said"), [(0.0, True), (0.1, False), (None, False)])
def test_counters_that_stand_still_are_told_with_what_answers_then(recent: float | None, said: bool) -> None:
    report = replace(QUIET, recent=recent, recent_window="1m", routes=(RouteStatus("r", 1.0, 0.0, 0.1),))
    lines = screen_text(report, PIPE).splitlines()
    told = [line for line in lines if "none was counted for 1m: none is sent, or all are answered before" in line]
    assert [line.split()[0] for line in told] == (["traffic", "Routes,"] if said else [])
    assert replace(report, requests=0.0).stands_still is False
    assert replace(report, stale=60.0).stands_still is False


def test_what_probes_get_stands_at_the_top_and_what_fails_is_red() -> None:
    works = OutsideView("https://a/v2/", works=True, text="answers 200")
    fails = OutsideView("https://b/v2/", works=False, text="answers 503")
    assert "outside   1 of 1 probe gets what it wants" in screen_text(replace(QUIET, outside=(works,)), PIPE)
    text = coloured(replace(QUIET, outside=(works, fails)))
    line = next(line for line in text.splitlines() if "answers 503" in line)
    assert RED in line
    assert "https://a/v2/" not in text
    assert "outside" not in screen_text(QUIET, PIPE)


@pytest.mark.parametrize(
    ("version", "shown"), [("unknown", "without a version (2)"), ("v4.32.0-gitlab", "v4.32.0-gitlab (2)")]
)
def test_a_build_that_was_not_told_its_version_is_said_to_have_none(version: str, shown: str) -> None:
    assert f"registry  gitlab {shown}" in screen_text(replace(QUIET, versions={version: 2}), PIPE)


def test_no_line_is_wider_than_the_terminal_but_for_addresses() -> None:
    alert = FiringAlert(
        "RegistryAvailabilityBurn",
        {"severity": "page", "slo": "pull-manifest-availability", "environment": "production", "tier": "1h"},
        13_440.0,
        "2026-01-01T00:00:00Z",
        "runbooks/RegistryAvailabilityBurn.md",
    )
    report = replace(
        QUIET,
        firing=(alert,),
        loaded=3,
        versions={"4.32.0-gitlab with a long name of a build": 12, "4.31.0-gitlab with a long name of a build": 12},
        requests=1234.5,
        processes=(
            ProcessStatus("a:5001", up=False, error="no route to host", seen=500.0),
            ProcessStatus("b:5001", up=True, age=90_000.0),
        ),
        routes=(RouteStatus("/v2/{name}/manifests/{reference}", 1000.0, 0.5, 1234.0),),
        budgets=(budget(1000.0),),
        outside=(OutsideView("https://registry.example.com/v2/", works=False, text="does not work " * 8),),
        others=3,
        past=True,
    )
    for colour in (False, True):
        text = screen_text(report, Screen(width=80, colour=colour))
        lines = [re.sub(r"\x1b\[[0-9]*m", "", line) for line in text.splitlines()]
        assert [line for line in lines if display_width(line) > 80 and " " in line.strip()] == []
        assert "e+0" not in text
    assert "1,000/s" in text
    assert "1,234 requests a second" in " ".join(" ".join(lines).split())
    assert max(map(len, screen_text(report, PIPE).splitlines())) > 100
