"""Text tables on a terminal and in a pipe."""

import os
import pty
import sys
import time
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.common.screen import PIPE, Colour, Screen, screen, wrapped
from regobs.common.table import Cell, display_width, escape, shorten, table, table_or_records


def test_columns_stand_two_spaces_apart_and_lines_end_without_blanks() -> None:
    assert table(("name", "unit"), [("a", "bytes"), ("longer", "")]) == "name    unit\na       bytes\nlonger"


def test_numbers_stand_to_the_right_in_groups_of_three_digits() -> None:
    rows = [("a", 1_234_567, 0.25), ("b", 5, None)]
    assert table(("name", "count", "share"), rows).splitlines() == [
        "name      count  share",
        "a     1,234,567   0.25",
        "b             5",
    ]


def test_a_column_of_texts_stands_to_the_right_when_it_is_named() -> None:
    assert table(("size",), [("9 B",), ("10 MB",)], right={"size"}).splitlines() == [" size", "  9 B", "10 MB"]


def test_a_column_of_empty_cells_and_truth_values_stands_to_the_left() -> None:
    assert table(("ok", "no"), [(True, None), (False, None)]).splitlines() == ["ok     no", "true", "false"]


def test_a_line_below_the_headings_is_drawn_on_request() -> None:
    assert table(("a", "b"), [("xx", "y")], underline=True).splitlines() == ["a   b", "--  -", "xx  y"]


def test_a_table_without_headings_is_its_rows_and_one_without_rows_its_headings() -> None:
    assert table((), [("a", "b"), ("cc", "d")], indent=2) == "  a   b\n  cc  d"
    assert table(("a", "b"), []) == "a  b"
    assert table((), []) == ""


def test_the_widest_column_is_shortened_on_a_narrow_screen_only() -> None:
    rows = [("route", "x" * 50)]
    assert table(("a", "b"), rows).splitlines()[1] == "route  " + "x" * 50
    assert table(("a", "b"), rows, on=Screen(20)).splitlines()[1] == "route  " + "x" * 12 + "…"


def test_numbers_and_times_are_not_cut_while_a_text_can_be() -> None:
    rows = [("2026-11-23T11:13:17.470Z", "x" * 90, 2_147_483_648)]
    shown = table(("time", "msg", "written_bytes_of_all"), rows, on=Screen(60)).splitlines()
    assert shown[1] == "2026-11-23T11:13:17.470Z  " + "x" * 15 + "…     2,147,483,648"
    assert display_width(shown[0]) <= 60
    assert "…" in table(("time", "msg", "bytes"), rows, on=Screen(30))  # nothing else is left


ROWS = [
    ("2026-11-23T11:13:17.470Z", "error", "the tag is gone " * 4, None),
    ("2026-11-23T11:13:18.000Z", "fatal", "", 7),
]


def test_names_are_not_cut_and_columns_without_place_beside_them_are_told() -> None:
    head = ("NAME", "TYPE", "LABELS", "NEEDS")
    rows = [("registry_http_requests_total", "counter", "code handler method route", "nothing at all")]
    assert table(head, rows, on=Screen(57), names=True).splitlines() == [
        "NAME                          TYPE     LABELS    NEEDS",
        "registry_http_requests_total  counter  code ha…  nothing…",
    ]
    assert table(head, rows, on=Screen(56), names=True).splitlines() == [
        "NAME                          TYPE     LABELS",
        "registry_http_requests_total  counter  code handler met…",
        "left out for want of space: NEEDS",
    ]
    assert table(head, rows, on=Screen(10), names=True).splitlines() == ["NAME", "registry_…", "left out …"]
    assert table(head, rows, names=True) == table(head, rows)


def test_a_row_is_a_list_of_its_cells_where_texts_would_be_cut_to_a_few_letters() -> None:
    shown = table_or_records(("time", "level", "msg", "count"), ROWS, on=Screen(40))
    assert shown.splitlines() == [
        "time   2026-11-23T11:13:17.470Z",
        "level  error",
        "msg    the tag is gone the tag is gone",
        "       the tag is gone the tag is gone",
        "",
        "time   2026-11-23T11:13:18.000Z",
        "level  fatal",
        "count  7",
    ]


@pytest.mark.parametrize("on", [PIPE, Screen(56), Screen(200)])
def test_a_table_stays_one_where_its_texts_are_readable(on: Screen) -> None:
    head = ("time", "level", "msg", "count")
    assert table_or_records(head, ROWS, on=on, underline=True) == table(head, ROWS, on=on, underline=True)
    assert table_or_records(head, ROWS, on=Screen(49)).splitlines()[0].split() == [*head]
    assert table_or_records(head, ROWS, on=Screen(48)).startswith("time   2026")


def test_an_id_is_whole_or_its_row_a_list() -> None:
    rows = [("x" * 40, "01M841REMV71X0YJ47A9GKR2KN")]
    assert "01M841REMV71X0YJ47A9GKR2KN" in table_or_records(("msg", "id"), rows, on=Screen(44))
    assert table_or_records(("msg", "id"), rows, on=Screen(43)).startswith("msg  xxx")


@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=9)), max_size=4), st.integers(24, 60))
def test_records_fit_the_screen_and_lose_nothing(rows: list[tuple[str, str]], width: int) -> None:
    shown = table_or_records(("a", "b", *"cdefg"), [(*row, *["x" * 20] * 5) for row in rows], on=Screen(width))
    assert max(map(display_width, shown.splitlines())) <= width
    for row in rows:
        assert all("".join(escape(cell).split()) in "".join(shown.split()) for cell in row)


WORDS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(st.tuples(WORDS, WORDS, st.integers()), min_size=1, max_size=6), st.integers(30, 120))
def test_every_table_fits_the_screen(rows: list[tuple[str, str, int]], width: int) -> None:
    lines = table(("first", "second", "count"), rows, on=Screen(width)).split("\n")
    assert len(lines) == len(rows) + 1
    assert max(map(display_width, lines)) <= width


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_nothing_is_lost_in_a_pipe(rows: list[tuple[str, str]]) -> None:
    text = table((), rows)
    assert all(escape(cell).strip() in text for row in rows for cell in row)
    assert "…" not in text or any("…" in cell for row in rows for cell in row)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert table((), [("\x1b[31mred\n\x07",)]) == "\\x1b[31mred\\n\\x07"
    assert table((), [(Cell("\x1b[0m", Colour.RED),)]) == "\\x1b[0m"


def test_colour_does_not_change_where_columns_stand() -> None:
    rows = [(Cell("bad", Colour.RED), "x"), (Cell("fine"), "y")]
    assert table((), rows, on=Screen(colour=True)).splitlines() == ["\x1b[31mbad\x1b[0m   x", "fine  y"]
    assert table((), rows).splitlines() == ["bad   x", "fine  y"]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 6, "日本語"), ("日本語", 5, "日本…")],
)
def test_a_text_is_shortened_by_the_places_that_it_takes(text: str, width: int, expected: str) -> None:
    assert shorten(text, width) == expected


def test_a_file_is_no_screen() -> None:
    assert screen(StringIO()) == PIPE


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_has_its_width_and_colour_unless_the_environment_forbids_it(
    environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "w"), os.fdopen(theirs, "w") as terminal:
        assert screen(terminal) == Screen(None, colour)
        monkeypatch.setenv("COLUMNS", "72")
        assert screen(terminal) == Screen(72, colour)


def test_a_closed_stdout_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    assert screen() == PIPE


def test_a_cell_of_a_megabyte_takes_time_that_grows_with_its_length() -> None:
    def seconds(length: int) -> float:
        begun = time.process_time()
        table((), [("é\x00" * length,)], on=Screen(80))
        return time.process_time() - begun

    assert seconds(200_000) < 40 * max(seconds(20_000), 0.005)


def test_a_record_of_a_megabyte_takes_time_that_grows_with_its_length() -> None:
    def seconds(length: int) -> float:
        begun = time.process_time()
        table_or_records(tuple("abcde"), [("x" * length, "é" * length, "y z " * length, *"de")], on=Screen(80))
        return time.process_time() - begun

    assert seconds(200_000) < 40 * max(seconds(20_000), 0.005)


def test_a_column_that_is_to_be_whole_is_cut_by_no_screen() -> None:
    what = "x" * 30 + " " + "y" * 29
    head, rows = ("to change", "what", "was before"), [("new", what, 1), ("gone", "z", 2)]
    width = len("to change") + 2 + len(what) + 2 + len("was before")
    wide = table_or_records(head, rows, on=Screen(width), whole=("what",))
    assert wide == table(head, rows)
    assert table_or_records(head, rows, on=Screen(width - 3)) != table(head, rows)
    assert what in table_or_records(head, rows, on=Screen(width - 7), whole=("what",)).splitlines()[2]
    narrow = table_or_records(head, rows, on=Screen(width - 8), whole=("what",))
    assert narrow.splitlines()[:2] == ["to change   new", f"what        {what}"]


def test_text_is_wrapped_on_a_terminal_with_its_indent_and_left_alone_in_a_pipe() -> None:
    text = "Calls\n\n  sum by (action) (rate(a_total[5m])) / on (action) b\n  " + "x" * 50
    assert wrapped(text, PIPE) == text
    lines = wrapped(text, Screen(30, colour=False)).split("\n")
    assert lines[:2] == ["Calls", ""]
    assert lines[2:4] == ["  sum by (action)", "    (rate(a_total[5m])) / on"]
    assert lines[4] == "    (action) b"
    assert lines[-1].strip() == "x" * 50
    assert " ".join(text.split()) == " ".join(" ".join(lines).split())


NARROW = ("worker", "requests", "client_errors", "first", "last")
TIMES = ("2026-11-23T11:11:21.704Z", "2026-11-23T11:12:26.302Z")
WORKERS = [("registry.gc.worker.BlobWorker", 3, "9.5 %", *TIMES), ("registry.gc.worker.TagWorker", 3, "0 %", *TIMES)]


def test_a_table_fits_by_headings_in_several_lines_and_times_to_the_second() -> None:
    shown = table_or_records(NARROW, [("a b", *row[1:]) for row in WORKERS[:1]], on=Screen(70), underline=True)
    assert shown.splitlines() == [
        "                  client",
        "worker  requests  errors    first                 last",
        "------  --------  --------  --------------------  --------------------",
        "a b            3  9.5 %     2026-11-23T11:11:21Z  2026-11-23T11:12:26Z",
    ]


def test_times_are_shown_to_the_minute_where_seconds_have_no_room_and_whole_in_a_pipe() -> None:
    shown = table_or_records(NARROW, WORKERS, on=Screen(70))
    assert shown.splitlines()[-1].endswith("2026-11-23T11:11Z  2026-11-23T11:12Z")
    assert max(map(len, shown.splitlines())) <= 70
    assert "2026-11-23T11:11:21.704Z" in table_or_records(NARROW, WORKERS)


def test_names_that_differ_at_their_ends_are_cut_at_their_begins() -> None:
    shown = table_or_records(NARROW, WORKERS, on=Screen(70))
    assert "r.BlobWorker" in shown
    assert ".TagWorker" in shown


def test_what_fits_with_whole_times_keeps_them() -> None:
    assert TIMES[0] in table_or_records(NARROW, WORKERS, on=Screen(95))


def test_a_heading_is_broken_between_its_words_only_and_a_word_shortened_where_there_is_no_other_way() -> None:
    head, row = ("error code", "client_errors", "requests", "text"), ("a", 1, 2, "x " * 30)
    found = {width: table_or_records(head, [row], on=Screen(width)).splitlines() for width in (45, 41, 40, 39)}
    for width in (45, 41):
        assert [line.split() for line in found[width][:2]] == [
            ["error", "client"],
            ["code", "errors", "requests", "text"],
        ]
    assert found[40][1].split() == ["code", "errors", "reque…", "text"]
    assert found[39][0] == "error code     a"


def test_columns_that_are_empty_in_every_row_leave_their_place_on_a_terminal_and_are_named() -> None:
    head, reason = ("time", "code", "error", "detail"), "creating a transaction: the database is closed"
    rows = [("2026-11-23T11:13:17.470Z", None, reason, "")]
    assert table_or_records(head, rows, on=Screen(74), underline=True).splitlines() == [
        "time                      error",
        "------------------------  ----------------------------------------------",
        f"2026-11-23T11:13:17.470Z  {reason}",
        "left out, as every row has nothing there: code, detail",
    ]
    assert table_or_records(head, rows, on=Screen(86), underline=True) == table(head, rows, underline=True)
    assert table_or_records(head, rows) == table(head, rows)
    assert "code" in table_or_records(head, [*rows, (None, 0, "", "")], on=Screen(74)).splitlines()[0]
    assert table_or_records(head, [(None,) * 4], on=Screen(26)).split() == [*head]
