"""The command line of `regobs slo`: what it refuses, what it writes, and its exit codes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from regobs.budgets.words import percent, read_share, time_text
from regobs.cli.main import run
from regobs.cli.slo import _status_table
from regobs.cli.slo_backtest import last_moment, warn_unwatched
from regobs.cli.slo_report import read_month
from regobs.common.screen import Screen
from regobs.errors import InputError
from regobs.slo.status import SloStatus
from tests.prometheus.stub import Reply, Stub, vector

NOWHERE = ("--prometheus", "http://127.0.0.1:1")
EMPTY = Reply(body='{"status": "success", "data": {"resultType": "vector", "result": []}}')
MATRIX = Reply(body='{"status": "success", "data": {"resultType": "matrix", "result": []}}')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REGOBS_PROMETHEUS_URL", "REGOBS_CONTEXT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status",), "no server is named"),
        (("status", *NOWHERE, "--slo", "tag-list-availabilty"), "did you mean tag-list-availability?"),
        (("policy", *NOWHERE, "--least", "120%"), "--least is no share"),
        (("explain", "tag-list"), "there is no such SLO"),
        (("backtest", *NOWHERE, "--range", "soon"), "--range is not a duration"),
        (("backtest", *NOWHERE, "--range", "1d", "--from", "yesterday"), "both say where the past begins"),
        (("backtest", *NOWHERE, "--from", "now", "--to", "now-1h"), "ends before it begins"),
        (("backtest", *NOWHERE, "--set", "target=2"), "the value of --set is wrong"),
        (("backtest", *NOWHERE, "--incidents", "none.yaml"), "cannot be read"),
        (("backtest", "--openmetrics", "none.om"), "cannot be read"),
        (("backtest", *NOWHERE, "--openmetrics", "none.om"), "both say where the past is"),
        (("report", *NOWHERE, "--month", "2026-13"), "--month is no month"),
        (("report", *NOWHERE, "--month", "2026-05", "--range", "1d"), "--month is a whole span"),
        (("report", *NOWHERE, "--zone", "Europe/Nowhere"), "no such time zone"),
    ],
)
def test_a_wrong_argument_is_exit_code_2_and_says_what_is_wrong(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["slo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


@pytest.mark.parametrize("command", [("status",), ("policy", "--least=0"), ("backtest",), ("report",)])
def test_a_server_that_is_away_is_exit_code_3(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slo", *command, *NOWHERE, "--slo", "tag-list-latency"]) == 3
    assert "cannot be reached" in capsys.readouterr().err


def test_a_server_without_the_rules_is_exit_code_5_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with Stub({"/api/v1/query": EMPTY}) as stub:
        assert run(["slo", "status", "--prometheus", f"http://{stub.address}"]) == 5
    out, err = capsys.readouterr()
    assert "no data" in out
    assert "load the recording rules" in err


def test_policy_says_nothing_good_of_a_server_without_data(capsys: pytest.CaptureFixture[str]) -> None:
    with Stub({"/api/v1/query": EMPTY}) as stub:
        assert run(["slo", "policy", "--least=20%", "--prometheus", f"http://{stub.address}"]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert "no SLO has data" in err


def test_a_report_is_written_whole_or_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stub({"/api/v1/query": MATRIX, "/api/v1/query_range": MATRIX}) as stub:
        server = ("--prometheus", f"http://{stub.address}", "--slo", "tag-list-latency", "--range", "1d")
        assert run(["slo", "report", *server, "--out", "page.html"]) == 5
        assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
        (tmp_path / "taken").mkdir()
        assert run(["slo", "report", *server, "--out", "taken"]) == 4
    assert "the report cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "taken"]


def test_explain_asks_the_server_for_the_traffic_of_each_deployment(capsys: pytest.CaptureFixture[str]) -> None:
    answer = vector(({"slo": "tag-list-latency", "env": "a"}, "7200"), ({"slo": "tag-list-latency", "env": "b"}, "0"))
    with Stub({"/api/v1/query": answer}) as stub:
        arguments = ["slo", "explain", "tag-list-latency", "--prometheus", f"http://{stub.address}", "--format=json"]
        assert run(arguments) == 0
    rates = {one["events_per_second"] for one in json.loads(capsys.readouterr().out)["outages"]}
    assert sorted(rates) == [pytest.approx(1 / 60), 2]


@pytest.mark.parametrize(("answer", "code", "says"), [((), 5, "no data"), (({"env": "a"}, "0"), 0, "no traffic")])
def test_explain_says_that_the_present_traffic_is_not_known(
    answer: tuple[Any, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stub({"/api/v1/query": vector(*([answer] if answer else []))}) as stub:
        assert run(["slo", "explain", "tag-list-latency", "--prometheus", f"http://{stub.address}"]) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("text", "share"), [("20%", 0.2), ("0.2", 0.2), ("0", 0), ("100%", 1), (" 5 % ", 0.05)])
def test_a_share_is_read_as_it_is_typed(text: str, share: float) -> None:
    assert read_share("--least", text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "20%%", "-1%", "1.01", "nan", "inf", "a fifth", "1" * 50])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_share("--least", text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (86_401, "1 d 1 s"),
        (math.nan, "unknown"),
        (math.inf, "without end"),
        (1e308, "without end"),
    ],
)
def test_a_time_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_a_share_in_percent_has_no_needless_zeros() -> None:
    assert [percent(share) for share in (1, 0, 0.5, 0.999999, -0.25)] == ["100%", "0%", "50%", "99.9999%", "-25%"]


@pytest.mark.parametrize("text", ["2026-5", "2026-00", "26-05", "2026-05-01", "٢٠٢٦-05", "0001-01", "x" * 100])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no month"):
        read_month(text, "UTC")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("a 1 1000\nb 2 2000.5\n# EOF\n", 2000.5),
        ('a{x="1 2"} 1 1000 # {id="a"} 1 999\n# EOF\n', 1000),
    ],
)
def test_the_last_moment_of_a_history_is_that_of_its_last_sample(text: str, moment: float, tmp_path: Path) -> None:
    (tmp_path / "history.om").write_text(text)
    assert last_moment(tmp_path / "history.om") == moment


@pytest.mark.parametrize("text", ["", "# EOF\n", "a b\n# EOF\n"])
def test_a_history_without_times_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "history.om").write_text(text)
    with pytest.raises(InputError, match="no times"):
        last_moment(tmp_path / "history.om")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_table_fits_a_terminal_and_shows_names_budgets_and_what_fires_in_any(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    burns = {"1h": 114.09, "6h": 98.2, "1d": 41.0, "3d": 12.5}
    row = SloStatus(
        "tag-list-availability",
        "",
        0.995,
        {},
        456,
        0.57,
        -14.5,
        114.09,
        "1h",
        burns,
        0.9,
        ("1h", "6h"),
        2_419_200,
        "28d",
    )
    monkeypatch.setattr("regobs.cli.slo.screen", lambda: Screen(width))
    text = _status_table([row])
    assert max(map(len, text.splitlines())) <= width
    assert all(word in text for word in ("tag-list-availability", "-1450%", "1h 6h"))
    left_out = "left out for want of space: " in text
    assert left_out == (width < 140)
    assert left_out != ("12.50" in text)


@pytest.mark.parametrize("reckoned", [set[str](), {"a"}, {"a", "b", "c"}, {"c"}])
def test_the_counters_are_recommended_only_for_what_was_not_reckoned_from_them(
    capsys: pytest.CaptureFixture[str], reckoned: set[str]
) -> None:
    warn_unwatched({"a": 0.4, "b": 1.0, "c": 0.5}, reckoned)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 + (reckoned in ({"a"}, {"c"}))
    for name, share in (("a", "40%"), ("c", "50%")):
        (line,) = (one for one in said if f"{name} ({share})" in one)
        assert ("--from-counters" in line) is (name not in reckoned)
        assert ("have no more of it" in line) is (name in reckoned)
