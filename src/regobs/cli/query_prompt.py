"""The line editor of the shell of `regobs query`, and its charts of characters: what needs the extra `shell`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import plotext
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from regobs.common.screen import screen
from regobs.errors import RegobsError
from regobs.query.suggest import Suggestion, spot, suggestions

if TYPE_CHECKING:
    from regobs.cli.query_shell import ShellSession
    from regobs.query.show import Shown

_SHOWN = 60  # characters of a help in the menu
_COLUMNS, _ROWS = 78, 20  # of a chart, at most
_MENU = 7  # rows that the line editor keeps free below a line
_MARKERS = "abcdefgh"
_DAY = 86_400  # seconds
_SERIES = 8  # of a chart: more cannot be told apart


class Prompt:
    """Reads the lines of a session."""

    def __init__(self, session: ShellSession) -> None:
        self._session = session
        suggested = _Suggested(session)
        self._editor: PromptSession[str] = PromptSession(
            history=history(history_file()),
            completer=suggested,
            bottom_toolbar=lambda: suggested.chosen() or None,
            complete_in_thread=True,
            complete_while_typing=True,
            reserve_space_for_menu=_MENU,
            multiline=Condition(_Unfinished()),
            key_bindings=_keys(),
            prompt_continuation=lambda width, _line, _wrapped: "." * max(width - 1, 1) + " ",
        )

    def ask(self) -> str | None:
        """The next line; None at the end. Ctrl-C begins it again."""
        while not self._session.ended:
            begun, cursor = self._session.next, self._session.cursor

            def place(cursor: int = cursor) -> None:
                get_app().current_buffer.cursor_position = cursor

            try:
                return self._editor.prompt(f"{self._session.title}> ", default=begun, pre_run=place if begun else None)
            except KeyboardInterrupt:
                self._session.next = ""
            except EOFError:
                return None
        return None


class _Unfinished:
    """Whether the line that is typed goes on, held still while Ctrl-R or Ctrl-S searches.

    Which field prompt_toolkit searches in follows from this: when it changes meanwhile, the search cannot be ended.
    """

    def __init__(self) -> None:
        self._last = False

    def __call__(self) -> bool:
        layout = get_app().layout
        if not layout.is_searching:
            self._last = unfinished(layout.current_buffer.text if layout.current_buffer else "")
        return self._last


def unfinished(text: str) -> bool:
    """Whether Enter begins another line: a bracket or a text is open, or an operator waits for its right side."""
    if text.lstrip().startswith("\\"):
        return False
    if not text.strip() or text.endswith("\n\n"):  # an empty line ends it, whatever is missing
        return False
    words = text.split()
    waits = words[-1] in {"and", "or", "unless", "by", "without", "on", "ignoring"} or text.rstrip()[-1] in "+-*/%^=<>,"
    return waits or spot(text).depth > 0


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Another line, wherever the cursor is."""
        event.current_buffer.insert_text("\n")

    return keys


def history_file() -> Path:
    """Where the lines are kept: the user's state, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "regobs" / "query_history"


def history(file: Path) -> History:
    """The lines of before, in a file that only its user can read; of this session alone where none can be written."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        file.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(file))


class _Suggested(Completer):
    """What may stand at the cursor: commands with their arguments, or PromQL."""

    def __init__(self, session: ShellSession) -> None:
        self._session = session
        self._panels: list[str] | None = None
        self.whole: dict[str, str] = {}  # what the menu shortens

    def chosen(self) -> str:
        """What the chosen line of the menu is, as far as it fits below it."""
        state = get_app().current_buffer.complete_state
        one = state.current_completion if state else None
        return self.whole.get(one.text, "") if one else ""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The menu at the cursor; while letters are typed, only where a name has begun."""
        before = document.text_before_cursor
        if before.startswith("\\"):
            found = self._of_command(before)
        else:
            at = spot(before)
            if at.kind == "series" and not at.begun and not complete_event.completion_requested:
                return
            words = self._session.config.vocabulary
            found = suggestions(before, document.text_after_cursor, self._session.names, words)
        self.whole = {one.text: one.what for one in found}
        for one in found:
            what = one.what if len(one.what) <= _SHOWN else f"{one.what[: _SHOWN - 3]}..."
            yield Completion(one.text, start_position=one.start - len(before), display_meta=what)

    def _of_command(self, before: str) -> list[Suggestion]:
        name, space, rest = before[1:].partition(" ")
        if not space:
            return [Suggestion(f"\\{one}", 0, "command") for one in self._session.commands if one.startswith(name)]
        start = len(before) - len(rest)
        if name == "context":
            contexts = self._session.config.contexts.items()
            return [Suggestion(key, start, one.url) for key, one in contexts if key.startswith(rest)]
        if name == "panel":
            return [Suggestion(one, start, "panel") for one in self._of_pack() if rest.casefold() in one.casefold()]
        if name in {"plot", "why", "explain"}:
            found = suggestions(rest, "", self._session.names, self._session.config.vocabulary)
            return [Suggestion(one.text, one.start + start, one.what) for one in found]
        return []

    def _of_pack(self) -> list[str]:
        if self._panels is None:
            from regobs.cli.query_names import panel_names  # noqa: PLC0415 - loads grafanalib

            self._panels = []
            with suppress(RegobsError):
                self._panels = panel_names(self._session.config)
        return self._panels


def chart(shown: Shown) -> str:
    """A range as lines of characters, the largest series; times are in the zone of the answer."""
    from regobs.query.show import busiest, label_text  # noqa: PLC0415

    series = [one for one in busiest(shown.answer.ranges) if one.points]
    if not series:
        return "no data"
    size = shutil.get_terminal_size()
    plotext.clear_figure()
    coloured = screen().colour
    plotext.theme("pro" if coloured else "clear")
    plotext.plotsize(min(size.columns, _COLUMNS), max(min(size.lines - _MENU - 2, _ROWS), 8))
    drawn = series[:_SERIES]
    many = len(drawn) > 1 and not coloured  # then only the character tells them apart
    finite = [value for one in drawn for _, value in one.points if isfinite(value)]
    if not finite:
        return "no finite value"
    for number, one in enumerate(drawn):
        points = [(time, value) for time, value in one.points if isfinite(value)]
        times, values = [time for time, _ in points], [value for _, value in points]
        plotext.plot(times, values, label=label_text(one, drawn), marker=_MARKERS[number] if many else "hd")
    low, high = min(finite), max(finite)
    heights = [low + (high - low) * part / 4 for part in range(5)] if high > low else [low]
    plotext.yticks(heights, [shown.value(value) for value in heights])
    first, last = (one(time for series in drawn for time, _ in series.points) for one in (min, max))
    moments = [first + (last - first) * part / 4 for part in range(5)]
    form = "%H:%M" if last - first <= _DAY else "%m-%d %H:%M"
    plotext.xticks(moments, [datetime.fromtimestamp(time, shown.zone).strftime(form) for time in moments])
    more = f"\n... {len(series) - _SERIES} more series" if len(series) > _SERIES else ""
    built = str(plotext.build())
    return (built if coloured else plotext.uncolorize(built)).rstrip() + more
