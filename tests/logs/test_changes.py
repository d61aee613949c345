"""What changed is told, what is chance is not."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from regobs.cli.logs_lines import diff
from regobs.common.screen import Screen
from regobs.errors import InputError, LogQueryError
from regobs.logs.changes import Changes, LogChange, Window, _chance, changes, read_window
from regobs.logs.kql.bind import condition
from regobs.logs.lines_shown import changes_as_answer
from regobs.logs.query import Clause
from regobs.logs.saved import load_query
from regobs.pack import find_pack

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REQUESTS = load_query(find_pack(), "requests-by-route-and-status", now=NOW)
BEFORE, AFTER = read_window("2026-11-23T10", NOW), read_window("now-1h..now", NOW)


# Lines at the begin of the first window and at the end of the second.
EDGES = "".join(
    json.dumps({"time": f"2026-11-23T{time}Z", "level": "debug", "msg": "edge"}) + "\n"
    for time in ("10:00:00", "11:59:59")
)


def _messages(hour: int, count: int, msg: str, level: str = "info", **more: str | int) -> str:
    line = {"time": f"2026-11-23T{hour}:30:00Z", "level": level, "msg": msg, **more}
    return (json.dumps(line) + "\n") * count


def _access(hour: int, count: int, status: int) -> str:
    uri = "/v2/a/manifests/latest"
    return _messages(hour, count, "access", method="GET", status=status, written_bytes=1, uri=uri)


def _found(tmp_path: Path, text: str, **options: object) -> Changes:
    path = tmp_path / "a.log"
    path.write_text(text + EDGES)
    return changes(REQUESTS, [str(path)], BEFORE, AFTER, **options)  # type: ignore[arg-type]


def test_new_gone_more_and_less_are_told_with_counts_and_rates(tmp_path: Path) -> None:
    text = _messages(10, 40, "steady") + _messages(11, 44, "steady")
    text += _messages(10, 30, "gone") + _messages(11, 30, "fresh", component="registry.gc.Agent")
    text += _access(10, 20, 200) + _access(11, 90, 200) + _access(10, 90, 404) + _access(11, 20, 404)
    found = {(one.kind, one.what): one for one in _found(tmp_path, text).found}
    assert set(found) == {
        ("gone", "info: gone"),
        ("new", "info: registry.gc.Agent: fresh"),
        ("more", "manifest GET 200"),
        ("less", "manifest GET 404"),
    }
    assert found["more", "manifest GET 200"] == LogChange("more", "manifest GET 200", 20, 90, 20.0, 90.0)
    assert found["more", "manifest GET 200"].times == 4.5
    assert found["new", "info: registry.gc.Agent: fresh"].times is None


@pytest.mark.parametrize(("level", "told"), [("info", False), ("warning", True), ("error", True)])
def test_one_new_line_is_told_only_when_it_is_severe(tmp_path: Path, level: str, told: bool) -> None:
    text = _messages(10, 5, "steady") + _messages(11, 5, "steady") + _messages(11, 1, "fresh", level)
    assert [one.what for one in _found(tmp_path, text).found] == ([f"{level}: fresh"] if told else [])


@pytest.mark.parametrize(("status", "told"), [(499, False), (500, True)])
def test_one_new_server_error_is_told(tmp_path: Path, status: int, told: bool) -> None:
    text = _access(10, 5, 200) + _access(11, 5, 200) + _access(11, 1, status)
    assert bool(_found(tmp_path, text).found) is told


def test_messages_that_differ_in_values_are_one_and_the_factor_and_the_condition_count(tmp_path: Path) -> None:
    text = "".join(_messages(10, 1, f"took {number} ms") for number in range(40))
    text += "".join(_messages(11, 1, f"took {number} ms") for number in range(500, 580)) + _access(11, 50, 200)
    (more, access) = sorted(_found(tmp_path, text).found, key=lambda one: one.kind)
    assert (more.what, more.before, more.after) == ("info: took … ms", 40, 80)
    assert access.what == "manifest GET 200"
    assert [one.what for one in _found(tmp_path, text, factor=2.5).found] == ["manifest GET 200"]
    narrowed = _found(tmp_path, text, where=Clause("level: info and not status: 200", condition("not status: 200")))
    assert [one.what for one in narrowed.found] == ["info: took … ms"]


def test_lines_at_the_edges_of_a_window_count_once(tmp_path: Path) -> None:
    times = ["10:00:00.000", "10:59:59.999", "11:00:00.000", "11:59:59.999", "12:00:00.000", "09:59:59.999"]
    lines = [{"time": f"2026-11-23T{time}Z", "level": "error", "msg": time[:2]} for time in times]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    apart = _found(tmp_path, text.replace('"msg": "11"', '"msg": "later"').replace('"msg": "12"', '"msg": "last"'))
    assert [(one.what, one.before, one.after) for one in apart.found] == [("error: later", 0, 2)]


def test_a_window_without_lines_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 5, "m"))
    with pytest.raises(InputError, match="no line") as caught:
        changes(REQUESTS, [str(path)], BEFORE, AFTER)
    assert caught.value.value == "2026-11-23T11:00:00.000Z..2026-11-23T12:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "start", "hours"),
    [("2026-11-23T10", 10, 1.0), ("2026-11-23T09:00..2026-11-23T10:30", 9, 1.5), ("now-2h..now-1h", 10, 1.0)],
)
def test_a_window_is_read(text: str, start: int, hours: float) -> None:
    window = read_window(text, NOW)
    assert window.start == int(datetime(2026, 11, 23, start, tzinfo=UTC).timestamp() * 1000)
    assert window.hours == hours


@pytest.mark.parametrize("text", ["", "soon", "now..", "..now", "now..now", "now..now-1h", "2026-11-24..2026-11-23"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(LogQueryError):
        read_window(text, NOW)


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.01, 0.99))
def test_a_chance_is_a_probability_and_grows_towards_what_is_expected(before: int, after: int, share: float) -> None:
    chance = _chance(before, after, share)
    assert 0 <= chance <= 1
    total = before + after
    if after - 1 > total * share:  # one step nearer to what an unchanged registry gives
        nearer = _chance(before + 1, after - 1, share)
        assert nearer >= chance or math.isclose(nearer, chance, abs_tol=1e-9)


def test_the_command_prints_rows_and_exits_with_one_when_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 9, "a") + _messages(11, 9, "a") + _messages(11, 1, "/x?_state=SECRET", "error"))
    words = [str(path), "--before", "2026-11-23T10", "--after", "2026-11-23T11", "--format", "json"]
    result = CliRunner().invoke(diff, words)
    assert result.exit_code == 1, result.output
    data = json.loads(result.stdout)
    assert (data["lines"], len(data["rows"]), data["rows"][0]["change"]) == (19, 1, "new")
    assert "SECRET" not in result.stdout
    assert CliRunner().invoke(diff, [*words, "--where", "level: info"]).exit_code == 0


def test_windows_of_unequal_length_are_compared_by_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 100, "m") + _messages(11, 10, "m") + EDGES)
    short = Window(AFTER.start, AFTER.start + 31 * 60_000)
    assert [one.kind for one in changes(REQUESTS, [str(path)], BEFORE, short).found] == ["less"]
    path.write_text(_messages(10, 100, "m") + _messages(11, 52, "m") + EDGES)
    assert changes(REQUESTS, [str(path)], BEFORE, short).found == ()


def test_windows_that_overlap_are_refused_and_such_that_touch_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 9, "m") + _messages(11, 9, "m") + EDGES)
    with pytest.raises(LogQueryError, match="overlap"):
        changes(REQUESTS, [str(path)], BEFORE, Window(BEFORE.end - 1, AFTER.end))
    assert changes(REQUESTS, [str(path)], BEFORE, AFTER).notes == ()


def test_a_window_that_begins_before_the_logs_do_is_told_and_its_rate_is_that_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 100, "m") + _messages(11, 100, "m") + EDGES)
    early = Window(BEFORE.start - 9 * 3_600_000, BEFORE.end)
    found = changes(REQUESTS, [str(path)], early, AFTER)
    assert found.found == ()  # a tenth of the rate if the nine hours counted
    assert [note.split(" is ")[0] for note in found.notes] == [str(early)]


def _timed(hour: int, count: int, took: int) -> str:
    return _messages(
        hour, count, "access", method="GET", status=200, written_bytes=1, uri="/v2/a/tags/list", duration_ms=took
    )


@pytest.mark.parametrize(
    ("before", "after", "count", "told"),
    [
        (10, 40, 40, ["slower"]),
        (40, 10, 40, ["faster"]),
        (10, 40, 29, []),  # too few
        (10, 14, 40, []),  # not by the factor
        (2, 6, 40, []),  # nobody notices
        (10, 40, 200, ["slower", "slower"]),  # the 95th percentile as well
    ],
)
def test_durations_are_compared(tmp_path: Path, before: int, after: int, count: int, told: list[str]) -> None:
    found = _found(tmp_path, _timed(10, count, before) + _timed(11, count, after)).found
    assert [one.kind for one in found] == told
    assert all((one.before, one.after, one.times) == (before, after, after / before) for one in found)
    shown = changes_as_answer(Changes(found, 0, 0)).rows
    assert all(row[2:] == (before, after, None, None, after / before) for row in shown)


def test_what_changed_is_not_cut_on_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regobs.cli.logs_lines.screen", lambda: Screen(80))
    what = "error: a message that is as long as those that registries write when something is wrong"
    path = tmp_path / "a.log"
    path.write_text(_messages(10, 9, "a") + _messages(11, 9, "a") + _messages(11, 1, what[7:], "error"))
    result = CliRunner().invoke(diff, [str(path), "--before", "2026-11-23T10", "--after", "2026-11-23T11"])
    shown = " ".join(line.removeprefix("what").strip() for line in result.stdout.splitlines()[1:3])
    assert shown == what, result.stdout


# Lines of the hour, each in a form of its own that lacks a level, a message, or what requests are told apart by.
_FORMS = {
    "Go's standard logger": (
        "2026/11/23 {hour}:30:00 http: TLS handshake error",
        "(no level): http: TLS handshake error",
    ),
    "Apache": (
        '192.0.2.1 - - [23/Nov/2026:{hour}:30:00 +0000] "GET /v2/a/manifests/b HTTP/1.1" 502 2 "-" "docker/28.1"',
        "access line: manifest GET 502",
    ),
    "nginx without a request": (
        '192.0.2.1 - - [23/Nov/2026:{hour}:30:00 +0000] "-" 408 0 "-" "-"',
        "access line: other - 408",
    ),
    "JSON of a proxy": (
        '{{"time":"2026-11-23T{hour}:30:00Z","remote_addr":"192.0.2.1","request":"GET /v2/","status":504}}',
        "access line: other - 504",
    ),
    "JSON without a level": ('{{"time":"2026-11-23T{hour}:30:00Z","msg":"odd"}}', "(no level): odd"),
    "JSON without a message": (
        '{{"time":"2026-11-23T{hour}:30:00Z","level":"error","component":"a"}}',
        "error: a: (no message)",
    ),
    "an access line without a status": (
        '{{"time":"2026-11-23T{hour}:30:00Z","level":"info","msg":"access","uri":"/v2/","written_bytes":1}}',
        "info: access",
    ),
    "an access line without a method": (
        '{{"time":"2026-11-23T{hour}:30:00Z","level":"info","msg":"access","uri":"/v2/","status":200}}',
        "base - 200",
    ),
    "labkit": ('{{"time":"2026-11-23T{hour}:30:00Z","severity":"info","message":"odd"}}', None),
}


@pytest.mark.parametrize("kind", _FORMS)
def test_a_line_of_any_form_is_compared(tmp_path: Path, kind: str) -> None:
    shown, what = _FORMS[kind]
    for hour, change in ((10, "gone"), (11, "new")):
        (one,) = _found(tmp_path, f"{shown.format(hour=hour)}\n" * 40).found
        assert one.kind == change
        assert (one.before, one.after) == ((40, 0) if hour == 10 else (0, 40))
        assert what is None or one.what == what


def test_each_line_is_compared_once(tmp_path: Path) -> None:
    text = "".join(f"{shown.format(hour=11)}\n" * 40 for shown, _ in _FORMS.values())
    found = _found(tmp_path, text).found
    assert sum(one.after for one in found) == 40 * len(_FORMS)
    assert {one.what for one in found} >= {what for _, what in _FORMS.values() if what}


def test_a_request_of_distribution_with_its_line_in_apaches_form_is_told_once(tmp_path: Path) -> None:
    own: dict[str, str | int] = {"time": "2026-11-23T11:30:00Z", "level": "info", "msg": "response completed"}
    own |= {"http.request.method": "GET"}
    own |= {"http.request.uri": "/v2/a/manifests/b", "http.response.status": 200, "http.response.written": 2}
    line = '192.0.2.1 - - [23/Nov/2026:11:30:00 +0000] "GET /v2/a/manifests/b HTTP/1.1" {} 2 "-" "docker/28.1"\n'
    text = f"{json.dumps(own)}\n{line.format(200)}" * 40 + line.format(502)
    found = {(one.kind, one.what): one.after for one in _found(tmp_path, text).found}
    assert found == {("new", "manifest GET 200"): 40, ("new", "access line: manifest GET 502"): 1}
