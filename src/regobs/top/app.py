"""The view itself, on a terminal. The only part that needs Textual."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from threading import Thread
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from regobs.common.files import write_file
from regobs.common.screen import Screen
from regobs.common.table import escape, shorten
from regobs.errors import InputError, MachineError, RegobsError
from regobs.query.times import moment_text, read_moment
from regobs.status.screen import lacks
from regobs.top.pages import lines
from regobs.top.place import HOME, KEYS, TopPlace
from regobs.top.rows import TopLine
from regobs.top.take import Taken
from regobs.top.watch import Ask, Watch

_TICK = 0.5  # seconds between two looks at the clock
_STEPS = {"[": -300, "]": 300, "{": -3600, "}": 3600}  # seconds through time
# Rich's SVG loads its font from a server; what a person saves shall open without a network, and tell nobody.
_FONT = re.compile(r"@font-face \{[^}]*\}")
HELP = """Enter opens a row: an alert, an SLO, a route, then an instance of it.

1 to 8      the pages of the line above      Enter  open the row
Esc         one page back                    j k    choose a row; also arrows
[ ]         5 minutes back, forward          { }    1 hour
t           type a time: 14:03, now-6h       n      now, asked again and again
s           save the screen as SVG           r      ask at once
?           this help, or back               q      end

!!  an alert that pages, a burn that does, or 1 request in 100 fails
!   a ticket, something nearly full or just started, or a doubt

The first line has the time of the values, by the clock of the server. The
second says how old they are, and NO ANSWER while the server does not answer;
PARTIAL and MISSING name what an answer lacks. Of the past, what a server
tells of the present only (its rules, errors of scrapes) is left out."""

Take = Callable[[TopPlace, float | None], Taken]


class _Rows(OptionList):
    """The rows; the chosen one is reversed, which every terminal shows, also without colours."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        chosen = self.highlighted is not None and any(
            segment.style is not None and segment.style.meta.get("option") == self.highlighted for segment in strip
        )
        return strip.apply_style(Style(reverse=True)) if chosen else strip


class TopApp(App[None]):
    """Shows what `take` gives, asked in threads that nobody waits for: the view answers while the server does not."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #bar { height: 1; text-style: reverse; }
    #news { height: auto; max-height: 4; }
    #pages { height: 1; }
    #rows { height: 1fr; border: none; padding: 0; scrollbar-size-vertical: 1; text-wrap: nowrap; text-overflow: clip; }
    #rows > .option-list--option { padding: 0 0 0 1; }
    #rows > .option-list--option-disabled { color: ansi_default; }
    #rows, #rows:focus { background: ansi_default; background-tint: ansi_default 0%; }
    #rows > .option-list--option-highlighted, #rows:focus > .option-list--option-highlighted {
        background: ansi_default; color: ansi_default;
    }
    #help { height: 1fr; display: none; padding: 0 1; }
    #time { display: none; height: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        *(Binding(key, f"page('{key}')", page.value, show=False) for key, page in KEYS.items()),
        Binding("left_square_bracket", "travel('[')", "-5m", key_display="["),
        Binding("right_square_bracket", "travel(']')", "+5m", key_display="]"),
        Binding("left_curly_bracket", "travel('{')", "-1h", key_display="{"),
        Binding("right_curly_bracket", "travel('}')", "+1h", key_display="}"),
        Binding("t", "type_time", "Time"),
        Binding("n", "live", "Now"),
        Binding("r", "ask", "Ask", show=False),
        Binding("s", "save", "SVG"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q,ctrl+c", "quit", "Quit", key_display="q", priority=False),
    ]

    class Heard(Message):
        """What came of a question; `fault` is a mistake of ours."""

        def __init__(self, asked: Ask, taken: Taken | None, fault: BaseException | None) -> None:
            super().__init__()
            self.asked, self.taken, self.fault = asked, taken, fault

    def __init__(
        self,
        take: Take,
        watch: Watch,
        server: str,
        *,
        zone: tzinfo = UTC,
        folder: Path | None = None,
        screenshot: Path | None = None,
    ) -> None:
        self.coloured = not os.environ.get("NO_COLOR")  # Textual takes it out of the environment that it looks at
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"  # the terminal's own colours, whatever its background
        self.watched = watch
        self.fault: BaseException | None = None
        self._take, self._server, self._zone = take, server, zone
        self._folder, self._shot = folder or Path.cwd(), screenshot
        self._visited: list[TopPlace] = []
        self._lines: list[TopLine] = []
        self._said = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Static(id="bar")
        yield Static(id="news")
        yield Static(id="pages")
        yield _Rows(id="rows", markup=False)
        yield Static(HELP, id="help", markup=False)
        yield Input(placeholder="a time: 14:03, now-6h, yesterday 14:00; empty: back", id="time")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to ask."""
        self.query_one(OptionList).focus()
        self.set_interval(_TICK, self._tick)
        self._tick()

    def on_resize(self) -> None:
        """Lay the rows out anew."""
        self._show()

    # Asking

    def _tick(self) -> None:
        now = time.monotonic()
        if self.watched.due(now):
            asked = self.watched.begin(now)
            Thread(target=self._ask, args=(asked,), daemon=True).start()
        self._show_heading()

    def _ask(self, asked: Ask) -> None:
        """In a thread of its own."""
        try:
            answer = self.Heard(asked, self._take(asked.place, asked.moment), None)
        except BaseException as error:  # noqa: BLE001 - it is told, or raised where the view ends
            answer = self.Heard(asked, None, error)
        with suppress(RuntimeError):  # the view has ended, and its loop with it
            self.post_message(answer)

    @on(Heard)
    def _hear(self, message: Heard) -> None:
        now = time.monotonic()
        if message.taken is not None:
            self.watched.answered(message.asked, message.taken, now, time.time())
        elif isinstance(message.fault, RegobsError):
            self.watched.failed(message.asked, message.fault, now)
        if message.fault is not None and (self._shot or not isinstance(message.fault, RegobsError)):
            self.fault = message.fault
            self.exit()
            return
        self._show()
        if self._shot is not None and self.watched.fits:
            self.call_after_refresh(self._shoot)

    def _shoot(self) -> None:
        """Save what is shown, and end."""
        try:
            self._write(self._shot or self._folder)
        except MachineError as error:
            self.fault = error
        self.exit()

    def _write(self, path: Path) -> None:
        try:
            write_file(path, self.svg().encode())
        except OSError as error:
            raise MachineError(
                f"cannot write {path}", value=error.strerror, next_step="name a file in a folder that may be written"
            ) from None

    # Showing

    @property
    def _room(self) -> Screen:
        return Screen(max(self.size.width - 2, 20), colour=self.coloured)

    @property
    def _drawn(self) -> bool:
        """Whether there is a screen to write on: a clock or an answer may come while the view begins or ends."""
        return bool(self.query("#bar")) and bool(self.query("#rows"))

    def _show(self) -> None:
        if not self._drawn:
            return
        self._show_heading()
        watched, rows = self.watched, self.query_one(OptionList)
        if watched.shown is None or not watched.fits:
            found = [TopLine("" if watched.error else "asking ...")]
        else:
            found = list(lines(watched.shown, watched.place, self._room, self._zone))
        if found == self._lines:
            return
        chosen, top = rows.highlighted, rows.scroll_y
        self._lines = found
        rows.clear_options()
        rows.add_options([self._option(line) for line in found])
        targets = [index for index, line in enumerate(found) if line.target is not None]
        if targets:
            rows.highlighted = chosen if chosen in targets else targets[0]
            rows.scroll_to(y=top, animate=False)

    def _option(self, line: TopLine) -> Option:
        text = Text.from_ansi(line.text, no_wrap=True)
        return Option(text, disabled=line.target is None)

    def _show_heading(self) -> None:
        if not self._drawn:
            return
        now, watched = time.monotonic(), self.watched
        report = watched.shown.report if watched.shown else None
        if report is None:
            when = "no answer yet"
        else:
            when = moment_text(int(report.now), self._zone) + ("  PAST" if report.past else "  now")
        width = self.size.width
        server = shorten(escape(f" regobs top  {self._server}"), max(width - len(when) - 2, 10))
        self.query_one("#bar", Static).update(Text(f"{server:<{max(width - len(when) - 1, 0)}}{when} ", no_wrap=True))
        said, bad = watched.news(now)
        news = Text(escape(self._said or said), style="bold red" if bad and not self._said else "")
        for line in list(lacks(report))[:2] if report else ():
            news.append(f"\n{escape(line)}", style="bold yellow")
        self.query_one("#news", Static).update(news)
        self.query_one("#pages", Static).update(self._page_line(width))

    def _page_line(self, width: int) -> Text:
        place = self.watched.place
        if place.page not in KEYS.values():
            way = " > ".join([*(one.title for one in self._visited), place.title])
            return Text(shorten(escape(way), width), style="bold", no_wrap=True)
        text = Text(no_wrap=True)
        for key, page in KEYS.items():
            text.append(f"{key} {page.value}", style="bold reverse" if page is place.page else "")
            text.append("  ")
        return text

    def svg(self) -> str:
        """The screen as a picture that loads nothing."""
        title = f"regobs top {self._server} {moment_text(int(time.time()), self._zone)}"
        return _FONT.sub("", self.export_screenshot(title=escape(title)))

    # Keys

    @on(OptionList.OptionSelected)
    def _open(self, event: OptionList.OptionSelected) -> None:
        target = self._lines[event.option_index].target
        if target is not None:
            self._go(target)

    def _go(self, place: TopPlace) -> None:
        if place == self.watched.place:
            return
        if place.page in KEYS.values():
            self._visited.clear()
        if self.watched.place not in self._visited:
            self._visited.append(self.watched.place)
        self._move_to(place)

    def _move_to(self, place: TopPlace) -> None:
        self._said = ""
        self.watched.go(place)
        self._lines = []
        self.query_one(OptionList).highlighted = None
        self.query_one(OptionList).scroll_to(y=0, animate=False)
        self._show()
        self._tick()

    def action_page(self, key: str) -> None:
        """Open one of the pages that have a key."""
        self._go(TopPlace(KEYS[key]))

    def action_leave(self) -> None:
        """Close the help or the line for a time, else one page back."""
        if self.query_one("#help").display:
            self.action_help()
        elif self.query_one("#time").display:
            self._close_time()
        elif self._visited:
            self._move_to(self._visited.pop())
        elif self.watched.place != HOME:
            self._move_to(HOME)

    def action_move(self, by: int) -> None:
        """The row below or above."""
        rows = self.query_one(OptionList)
        (rows.action_cursor_down if by > 0 else rows.action_cursor_up)()

    def action_travel(self, key: str) -> None:
        """A step through time; beyond now it is now again."""
        present = time.time() + self.watched.skew
        moment = (present if self.watched.moment is None else self.watched.moment) + _STEPS[key]
        self._travel(None if moment >= present else moment)

    def action_live(self) -> None:
        """Show now."""
        self._travel(None)

    def _travel(self, moment: float | None) -> None:
        self._said = ""
        self.watched.travel(moment)
        self._tick()

    def action_ask(self) -> None:
        """Ask at once."""
        self.watched.refresh()
        self._tick()

    def action_type_time(self) -> None:
        """Open the line for a time."""
        box = self.query_one(Input)
        box.value, box.display = "", True
        box.focus()

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        try:
            moment = read_moment("the time", event.value, time.time(), self._zone) if event.value.strip() else None
        except InputError as error:
            self._said = f"{error.message}: {error.value}. Expected {error.expected}"
            self._show_heading()
            return
        self._close_time()
        if moment is not None:
            self._travel(None if moment >= time.time() + self.watched.skew else moment)

    def _close_time(self) -> None:
        self._said = ""
        self.query_one(Input).display = False
        self.query_one(OptionList).focus()
        self._show_heading()

    def action_save(self) -> None:
        """Save the screen beside where the program was started."""
        path = self._folder / f"regobs-top-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.svg"
        try:
            self._write(path)
            self._said = f"saved as {path}"
        except MachineError as error:
            self._said = f"not saved: {error.message}: {error.value}"
        self._show_heading()

    def action_help(self) -> None:
        """Show the help in the place of the rows, or the rows again."""
        shown = self.query_one("#help")
        shown.display = not shown.display
        self.query_one(OptionList).display = not shown.display
        if not shown.display:
            self.query_one(OptionList).focus()
