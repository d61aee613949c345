"""The view, driven by Textual's pilot in 80 x 24."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from regobs.errors import ServerError
from regobs.top.app import TopApp
from regobs.top.place import HOME, Page, TopPlace
from regobs.top.take import Taken
from regobs.top.watch import Watch
from tests.terminal import PATIENCE
from tests.top.world import NOW, PULL, taken

Script = Callable[[TopApp, "Pilot[None]"], Awaitable[None]]


class Server:
    """What the view asks: it answers, fails, or makes a mistake; what was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[TopPlace, float | None]] = []
        self.fault: BaseException | None = None
        self.hangs: threading.Event | None = None

    def take(self, place: TopPlace, moment: float | None) -> Taken:
        self.asked.append((place, moment))
        if self.hangs is not None:
            self.hangs.wait(2 * PATIENCE)
        if self.fault is not None:
            raise self.fault
        return taken(place, moment)


def drive(script: Script, server: Server | None = None, folder: Path | None = None, every: float = 60.0) -> TopApp:
    app = TopApp((server or Server()).take, Watch(every), "http://prometheus", folder=folder)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await script(app, pilot)

    asyncio.run(run())
    return app


def shown(app: TopApp) -> str:
    """All lines, from the first of the screen to the last row."""
    heading = [str(app.query_one(name, Static).render()) for name in ("#bar", "#news", "#pages")]
    rows = app.query_one(OptionList)
    return "\n".join([*heading, *(str(rows.get_option_at_index(index).prompt) for index in range(rows.option_count))])


async def wait(app: TopApp, pilot: Pilot[None], *words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all(word in shown(app) for word in words):
        assert time.monotonic() < deadline, f"{words} are not shown:\n{shown(app)}"
        await pilot.pause(0.02)


async def choose(app: TopApp, pilot: Pilot[None], words: str) -> None:
    """Put the cursor on the row with these words, and open it."""
    rows = app.query_one(OptionList)
    for _ in range(rows.option_count):
        if rows.highlighted is not None and words in str(rows.get_option_at_index(rows.highlighted).prompt):
            await pilot.press("enter")
            return
        await pilot.press("j")
    raise AssertionError(f"no row {words!r} can be chosen:\n{shown(app)}")


def test_a_person_goes_from_the_service_to_a_route_and_an_instance_and_back() -> None:
    server = Server()

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "1 Overview", "Traffic", "Garbage collection")
        await choose(app, pilot, PULL)
        await wait(app, pilot, f"Overview > {PULL}", "a:5001")
        await choose(app, pilot, "a:5001")
        await wait(app, pilot, f"{PULL} on a:5001")
        await pilot.press("escape")
        await wait(app, pilot, "Its instances")
        await pilot.press("escape")
        await wait(app, pilot, "1 Overview", "Garbage collection")

    drive(script, server)
    assert [place for place, _ in server.asked[:3]] == [
        HOME,
        TopPlace(Page.TRAFFIC, route=PULL),
        TopPlace(Page.TRAFFIC, PULL, "a:5001"),
    ]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", "burn rate"),
        ("3", "the most failing first"),
        ("4", "Instances, down first"),
        ("5", "Closest to a limit"),
        ("8", "gc-backlog"),
    ],
)
def test_a_digit_opens_a_page(key: str, words: str) -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press(key)
        await wait(app, pilot, words)

    assert drive(script).watched.place != HOME


def test_brackets_go_through_time_and_n_back_to_now() -> None:
    server = Server()

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "now")
        before = time.time() + app.watched.skew
        await pilot.press("left_square_bracket")
        await wait(app, pilot, "PAST")
        moment = server.asked[-1][1]
        assert moment is not None
        assert abs(before - 300 - moment) < PATIENCE
        await pilot.press("left_curly_bracket")
        await wait(app, pilot, "answered")
        assert app.watched.moment == moment - 3600
        await pilot.press("right_curly_bracket")
        await pilot.press("n")
        await wait(app, pilot, "UTC  now")

    app = drive(script, server)
    assert app.watched.moment is None
    assert server.asked[-1][1] is None


def test_a_step_beyond_now_is_now() -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press("left_square_bracket", "right_curly_bracket")
        await wait(app, pilot, "UTC  now")

    assert drive(script).watched.moment is None


def test_a_time_is_typed_and_one_that_is_none_is_explained() -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press("t", *"noon", "enter")
        await wait(app, pilot, "the time is no time: noon")
        await pilot.press(*["backspace"] * 4, *"2026-05-01", "enter")
        await wait(app, pilot, "2026-05-01 00:00:00 UTC  PAST")
        await pilot.press("t", "escape", "2")
        await wait(app, pilot, "burn rate")

    assert drive(script).watched.moment == 1_777_593_600.0


def test_a_server_that_fails_is_said_above_what_it_said_before_and_recovers() -> None:
    server = Server()

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic", "answered")
        server.fault = ServerError("http://prometheus cannot be reached", value="Connection refused")
        await wait(app, pilot, "NO ANSWER, what is shown is", "Connection refused", "Traffic")
        await pilot.press("2")
        await wait(app, pilot, "NO ANSWER", "burn rate")
        server.fault = None
        await wait(app, pilot, "answered")

    drive(script, server, every=0.2)


def test_a_server_that_never_answered_shows_no_values() -> None:
    server = Server()
    server.fault = ServerError("\x1b[2Jgone")

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "NO ANSWER, nothing is shown yet", r"\x1b[2Jgone", "no answer yet")
        assert "Traffic" not in shown(app)

    drive(script, server)


def test_the_view_ends_at_once_while_the_server_hangs() -> None:
    server = Server()
    began = time.monotonic()

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "asking the server")
        await pilot.press("question_mark")
        assert app.query_one("#help").display
        await pilot.press("question_mark", "q")

    server.hangs = threading.Event()
    drive(script, server)
    assert time.monotonic() - began < PATIENCE
    server.hangs.set()  # an answer that comes after the end breaks nothing


def test_a_clock_and_an_answer_that_come_while_the_view_ends_break_nothing() -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await app.query("#bar").remove()
        asked = app.watched.begin(time.monotonic())
        app.post_message(app.Heard(asked, taken(), None))
        await pilot.pause(1.1)  # two ticks of the clock
        assert asked not in app.watched.asking

    assert drive(script).fault is None


def test_a_mistake_of_ours_ends_the_view_and_is_not_hidden() -> None:
    server = Server()
    server.fault = KeyError("a mistake")

    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        while app.fault is None:
            await pilot.pause(0.02)

    assert isinstance(drive(script, server).fault, KeyError)


def test_the_screen_is_saved_as_a_picture_that_loads_nothing(tmp_path: Path) -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press("s")
        await wait(app, pilot, "saved as")

    drive(script, folder=tmp_path)
    (file,) = tmp_path.glob("regobs-top-*.svg")
    text = file.read_text()
    assert "Garbage" in text
    assert "@font-face" not in text
    assert "url(http" not in text
    assert 'url("http' not in text


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press("s")
        await wait(app, pilot, "not saved")

    (tmp_path / "file").touch()
    drive(script, folder=tmp_path / "file")


def test_the_chosen_row_stays_chosen_while_values_change() -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "Traffic")
        await pilot.press("j", "j", "j")
        rows = app.query_one(OptionList)
        before = rows.highlighted
        await pilot.press("left_square_bracket")
        await wait(app, pilot, "PAST")
        assert rows.highlighted == before

    assert drive(script).watched.moment is not None


def test_the_clock_of_the_server_is_used_for_its_times() -> None:
    async def script(app: TopApp, pilot: Pilot[None]) -> None:
        await wait(app, pilot, "the server's clock is")

    assert abs(drive(script).watched.skew - (NOW - time.time())) < PATIENCE
