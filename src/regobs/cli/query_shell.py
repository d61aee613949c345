"""`regobs query` on a terminal: expressions and commands, one after the other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, content, settings
from regobs.cli.query_asking import Asking, asking_options
from regobs.cli.query_expr import evaluate, open_server, show
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.closest import did_you_mean
from regobs.common.output import end_with_reader
from regobs.common.table import escape_lines
from regobs.errors import InputError, MachineError, PromqlError, RegobsError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.prometheus import Prometheus
    from regobs.promql.nodes import Duration
    from regobs.query.ask import CheckedQuery
    from regobs.query.server_names import KeptNames
    from regobs.query.show import Shown
    from regobs.query.times import AskedRange

HELP = """Type PromQL; Enter asks it once its brackets are closed, Tab completes,
Ctrl-D ends. Or one of (without EXPR: of the last expression):
  \\range 6h         ask ranges of this length from now on; \\range off: a moment
  \\at TIME          ask this moment, or ranges up to it; \\at now: now again
  \\plot [EXPR]      draw a range, of an hour when none is chosen
  \\why [EXPR]       why it is empty
  \\explain [EXPR]   its parts with type, unit, series and time
  \\save NAME        keep the last expression, for `regobs query NAME`
  \\panel DASHBOARD / PANEL   type what a panel asks, to change it
  \\context [NAME]   ask another server of regobs.toml; without NAME list them
  \\help, \\quit"""


@click.command()
@asking_options
@server_options
@click.option("--config", "config_file", type=PATH, help="Settings; regobs.toml where there is one.")
def shell(*, asking: Asking, server: ServerOptions, config_file: Path | None) -> None:
    r"""Ask one expression after the other, with completion and history; what is wrong is shown before it is sent.

    `regobs query` without an argument is this on a terminal. \help lists its commands: \range, \plot, \why and more.
    """
    try:
        from regobs.cli.query_prompt import Prompt  # noqa: PLC0415 - an extra
    except ImportError as fault:
        raise MachineError(
            "the package that the shell is made with is missing",
            value=fault.name,
            next_step="pip install 'regobs[shell]'",
        ) from None
    asking.times(time.time())  # a wrong time is said before anything is asked
    session = ShellSession(server, settings(config_file), asking, config_file)
    try:
        with _plain_ctrl_d():
            prompt = Prompt(session)
            end_with_reader()
            click.echo(f"{session.prometheus.url}: \\help lists the commands, Ctrl-D ends")
            while (text := prompt.ask()) is not None:
                session.handle(text)
    finally:
        session.close()


@contextmanager
def _plain_ctrl_d() -> Iterator[None]:
    """Let a Ctrl-D that is typed while an answer is waited for stay a character, which the next prompt reads.

    Between two prompts the terminal reads by lines, where Linux turns it into an end of file that no prompt ever sees.
    """
    import termios  # noqa: PLC0415 - of terminals

    try:
        before = termios.tcgetattr(sys.stdin)
        changed = termios.tcgetattr(sys.stdin)
        changed[6][termios.VEOF] = os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE").to_bytes(1, "big")
        termios.tcsetattr(sys.stdin, termios.TCSANOW, changed)
    except (OSError, ValueError, termios.error):  # no terminal, or one that is read by other means
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


class ShellSession:
    """What holds from one line to the next: the server, the range, the last expression.

    `next` is the text that the next line begins with, `cursor` where the cursor stands in it.
    """

    def __init__(self, server: ServerOptions, config: Config, asking: Asking, config_file: Path | None = None) -> None:
        self.config, self.asking = config, asking
        self.next, self.cursor = "", 0
        self.last = ""
        self.ended = False
        self._config_file = config_file
        self._commands: dict[str, Callable[[str], None]] = {
            "range": self._range,
            "at": self._at,
            "plot": self._plot,
            "why": self._why,
            "explain": self._explain,
            "save": self._save,
            "panel": self._panel,
            "context": self._context,
            "help": lambda _: click.echo(HELP),
            "quit": self._quit,
        }
        self._use(server)

    def _use(self, server: ServerOptions) -> None:
        config = server.within(self.config)
        prometheus = open_server(server, config, self.asking)
        self.server, self.prometheus, self.names = server, prometheus, _names(prometheus)

    @property
    def commands(self) -> tuple[str, ...]:
        """The names of the commands, without their backslash."""
        return tuple(self._commands)

    @property
    def title(self) -> str:
        """What the prompt says: the context or host, the range, and the moment where it is not now."""
        place = self.prometheus.connection.context or self.prometheus.url.partition("://")[2]
        moment = self.asking.at or self.asking.end
        return f"{place}{f'[{self.asking.span}]' if self.asking.span else ''}{f' at {moment}' if moment else ''}"

    def close(self) -> None:
        """Close the connections."""
        self.prometheus.close()

    def handle(self, text: str) -> None:
        """Answer a line. What is wrong with it is said, and the next one is waited for."""
        self.next, self.cursor = "", 0
        text = text.strip()
        try:
            if text.startswith("\\"):
                self._command(text)
            elif text:
                self._ask(text)
        except PromqlError as error:
            self.next = "" if text.startswith("\\") else text
            self.cursor = _offset(text, error)
            click.echo(f"Error: {escape_lines(str(error))}", err=True)
        except RegobsError as error:
            click.echo(f"Error: {escape_lines(str(error))}", err=True)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)

    def _command(self, text: str) -> None:
        name, _, rest = text[1:].partition(" ")
        if name not in self._commands:
            raise InputError(
                "no such command",
                value=f"\\{name}",
                next_step=did_you_mean(name, self._commands, "\\help lists the commands"),
            )
        self._commands[name](rest.strip())

    def _ask(self, text: str) -> None:
        from regobs.query.ask import check_query  # noqa: PLC0415

        if (saved := self.config.queries.get(text)) is not None:
            from regobs.cli.query_saved import filled  # noqa: PLC0415

            text = filled(saved, ())
            click.echo(text)
        query = check_query(text, *self._windows())
        self.last = text
        shown = evaluate(self.prometheus, query, self.asking)
        show(shown, "text")
        self._say_why(query, shown)

    def _say_why(self, query: CheckedQuery, shown: Shown) -> None:
        """Of an answer without data: the nearest names, and what finds the reason; not where the server says why."""
        from regobs.query.ask import empty_notes  # noqa: PLC0415

        if not shown.is_empty or shown.answer.warnings:
            return
        for note in empty_notes(query, "\\why"):
            click.echo(f"Note: {note}", err=True)

    def _windows(self) -> tuple[Duration, Duration | None]:
        from regobs.doctor.questions import default_window  # noqa: PLC0415
        from regobs.promql.durations import read_duration  # noqa: PLC0415

        return default_window(self.config), read_duration(self.asking.span) if self.asking.span else None

    def _text(self, given: str) -> str:
        """The expression of a command, or the last one."""
        if not given and not self.last:
            raise InputError("there is no last expression", next_step="put one behind the command")
        self.last = given or self.last
        return self.last

    def _range(self, given: str) -> None:
        from regobs.query.times import read_seconds  # noqa: PLC0415

        if given not in {"", "off"}:
            read_seconds("\\range", given)
        if given in {"", "off"}:
            moment = self.asking.at or self.asking.end
            self.asking = replace(self.asking, span=None, start=None, end=None, step=None, at=moment)
        else:
            self.asking = self._up_to(given)

    def _at(self, given: str) -> None:
        from regobs.query.times import read_moment, zone_named  # noqa: PLC0415

        moment = None if given in {"", "now"} else given
        if moment is not None:
            read_moment("\\at", moment, time.time(), zone_named(self.asking.zone))
        ranged = self.asking.ranged
        self.asking = replace(self.asking, at=None if ranged else moment, end=moment if ranged else None)

    def _up_to(self, span: str) -> Asking:
        """A range of this length: up to now, or to the moment that the shell was begun with by --at or --to."""
        return replace(self.asking, span=span, start=None, end=self.asking.at or self.asking.end, at=None)

    def _plot(self, given: str) -> None:
        from regobs.cli.query_prompt import chart  # noqa: PLC0415 - an extra
        from regobs.query.ask import check_query  # noqa: PLC0415

        query = check_query(self._text(given), *self._windows())
        asking = self.asking if self.asking.ranged else self._up_to("1h")
        shown = evaluate(self.prometheus, query, asking)
        click.echo(chart(shown))
        self._say_why(query, shown)

    def _why(self, given: str) -> None:
        from regobs.cli.query_tree import causes_of, print_causes  # noqa: PLC0415
        from regobs.query.ask import check_query  # noqa: PLC0415

        query = check_query(self._text(given), *self._windows())
        assert query.expr is not None  # noqa: S101 - it was checked
        moment, asked = self._times()
        print_causes(*causes_of(self.prometheus, query.expr, moment, asked))

    def _times(self) -> tuple[float, AskedRange | None]:
        """The moment that is asked about, the end of a range, and the range."""
        now = time.time()
        moment, asked, _ = self.asking.times(now)
        return (asked.end / 1000 if asked is not None else now if moment is None else moment), asked

    def _explain(self, given: str) -> None:
        from regobs.cli.query_tree import print_operators, print_tree  # noqa: PLC0415
        from regobs.query.ask import check_query  # noqa: PLC0415
        from regobs.query.explain import explain, operators  # noqa: PLC0415

        query = check_query(self._text(given), *self._windows())
        assert query.expr is not None  # noqa: S101 - it was checked
        moment = self._times()[0]
        print_tree(explain(query.expr, self.prometheus, moment))
        print_operators(operators(query.expr, self.prometheus, moment))

    def _save(self, given: str) -> None:
        from regobs.cli.query_saved import keep  # noqa: PLC0415

        file, _ = keep(self._config_file, given, self._text(""), title="", defaults={}, replace=False)
        self.config = settings(self._config_file)
        click.echo(f"{file}: added [queries.{given}]; regobs query {given} asks it")

    def _panel(self, given: str) -> None:
        from regobs.cli.query_panel import asked_query, find_bound  # noqa: PLC0415
        from regobs.promql.nodes import Duration  # noqa: PLC0415
        from regobs.query.times import read_seconds  # noqa: PLC0415

        dashboard, slash, panel = given.partition("/")
        if not slash:
            raise InputError(
                "a panel is named with its dashboard", value=given, expected="\\panel overview / Requests, 5 min"
            )
        pack, config = content(self._config_file, None, None)
        span = Duration(round(read_seconds("\\range", self.asking.span or "1h") * 1000))
        found = find_bound(pack, self.server.within(config), dashboard.strip(), panel.strip())
        texts = [asked_query(one, config, (None, span)).text for one in found.queries]
        for text in texts[1:]:
            click.echo(text)
        self.next = texts[0]
        self.cursor = len(self.next)

    def _context(self, given: str) -> None:
        if not given:
            used = self.prometheus.connection.context
            for name, one in self.config.contexts.items():
                click.echo(f"{'*' if name == used else ' '} {name}  {one.url}")
            return
        before = self.prometheus
        self._use(ServerOptions(context=given))
        before.close()

    def _quit(self, _: str) -> None:
        self.ended = True


def _names(prometheus: Prometheus) -> KeptNames:
    from regobs.query.server_names import KeptNames  # noqa: PLC0415

    return KeptNames(lambda: prometheus)


def _offset(text: str, error: PromqlError) -> int:
    """Where in the text the caret of an error stands; at its end when it has no place."""
    place = error.location
    lines = text.splitlines(keepends=True)
    if place is None:
        value = str(error.value or "")
        head, newline, caret = value.rpartition("\n")
        at = len(caret) - 1 - 12 if newline and caret.endswith("^") else -1
        return at if 0 <= at <= len(text) and head.startswith(text[:20]) else len(text)
    if place.line is None or place.line > len(lines):
        return len(text)
    return sum(map(len, lines[: place.line - 1])) + max((place.column or 1) - 1, 0)
