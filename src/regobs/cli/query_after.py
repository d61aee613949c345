"""What `regobs query 'EXPR'` does beside printing an answer: compare, watch, link, write to a file, share as a note."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.server_options import complete_context
from regobs.common.frozen import frozen
from regobs.common.output import end_with_reader
from regobs.common.screen import Colour, screen
from regobs.common.table import escape_lines
from regobs.errors import InputError, MachineError, ServerError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.prometheus import Prometheus
    from regobs.query.show import Shown
    from regobs.query.times import AskedRange

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--diff", metavar="TIME", help="Beside the answer of another time: now-1d, 14:03."),
    click.option(
        "--diff-context", metavar="NAME", shell_complete=complete_context, help="Beside that of another server."
    ),
    click.option("--diff-ignore", "ignored", multiple=True, metavar="LABEL", help="Not compared: cluster, instance."),
    click.option("--watch", metavar="10s", help="Ask again and again, until Ctrl-C."),
    click.option("--plot", is_flag=True, help="Draw a range in the terminal, below its table."),
    click.option("--link", is_flag=True, help="Print the addresses that show it in a browser: the server, Grafana."),
    click.option("--out", type=_FILE, metavar="FILE", help="Write .csv .json .ndjson .parquet, or .svg .png .html."),
    click.option("--share", type=_FILE, metavar="DIR", help="Write a note with query, addresses, chart and data."),
)


@frozen
class Afterwards:
    """What the command line wants beside the answer."""

    diff: str | None
    diff_context: str | None
    ignored: tuple[str, ...]
    watch: str | None
    plot: bool
    link: bool
    out: Path | None
    share: Path | None

    @property
    def compares(self) -> bool:
        """Whether a second answer is asked."""
        return self.diff is not None or self.diff_context is not None

    def streams(self, shape: str) -> bool:
        """Whether an answer too long for one request is written out in pieces: data in a file, or printed alone."""
        if self == NOTHING:
            return shape in {"csv", "ndjson"}
        from regobs.query.files import STREAMED  # noqa: PLC0415

        return shape == "text" and self.share is None and self.out is not None and self.out.suffix in STREAMED

    def check(self, shape: str, *, ranged: bool) -> None:
        """Raise InputError, before anything is asked, for what does not go together."""
        from regobs.query.files import check_file  # noqa: PLC0415
        from regobs.query.times import read_seconds  # noqa: PLC0415

        if self.out is not None:
            check_file(self.out, ranged=ranged)
        if self.plot and not ranged:
            raise InputError("--plot draws a range", next_step="add --range 6h, or --from TIME")
        if self.plot and shape != "text":
            raise InputError("--plot draws below a table", value=f"--format {shape}", expected="--format text")
        if self.compares and ranged:
            raise InputError("--diff compares two moments", expected="no --range, --from, --to or --step")
        if self.ignored and not self.compares:
            raise InputError("--diff-ignore is for --diff and --diff-context")
        if self.watch is not None:
            read_seconds("--watch", self.watch)
            if self.out is not None or self.share is not None:
                raise InputError("--watch writes no file", next_step="leave out --out and --share")


NOTHING = Afterwards(None, None, (), None, plot=False, link=False, out=None, share=None)


def after_options(command: _Command) -> _Command:
    """Add the options to a command, which gets them as one `after`."""
    import functools  # noqa: PLC0415

    names = tuple(Afterwards.__dataclass_fields__)

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        own = {name: given.pop(name) for name in names}
        return command(after=Afterwards(**own), **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def watch(every: str, once: Callable[[], int]) -> int:
    """Do it again and again; a server that fails for a while is said, and asked again."""
    from regobs.query.times import moment_text, read_seconds  # noqa: PLC0415

    seconds = read_seconds("--watch", every)
    end_with_reader()
    while True:
        if sys.stdout.isatty():
            click.clear()
            click.echo(screen().paint(f"{moment_text(time.time())}, every {every}; Ctrl-C ends", Colour.DIM))
        try:
            once()
        except ServerError as error:
            click.echo(f"Error: {escape_lines(str(error))}", err=True)
        sleep(seconds)


def print_compared(then: Shown, now: Shown, heads: tuple[str, str], after: Afterwards, shape: str) -> None:
    """Two answers beside each other."""
    from regobs.query import compare  # noqa: PLC0415

    found = compare.compare(then.answer, now.answer, after.ignored)
    if shape == "json":
        data = {"query": now.text, "then": heads[0], "now": heads[1], "result": compare.as_data(found)}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif shape == "text":
        click.echo(compare.as_text(now, found, heads, on=screen()))
    else:
        raise InputError("a comparison is a table or JSON", value=shape, expected="--format text or json")


def finish(shown: Shown, prometheus: Prometheus, config: Config, moment: float | None, after: Afterwards) -> None:
    """Draw a chart, print addresses and write files."""
    from regobs.query.files import write_answer  # noqa: PLC0415

    if after.plot:
        click.echo(f"\n{_chart(shown)}")
    found = _addresses(shown.text, shown.asked, prometheus, config, moment, shown_too=after.link)
    if after.out is not None:
        write_answer(shown, after.out, prometheus.url)
        click.echo(f"{after.out}: {after.out.stat().st_size:,} bytes", err=True)
    if after.share is not None:
        _share(shown, prometheus.url, found, after.share)


def _chart(shown: Shown) -> str:
    try:
        from regobs.cli.query_prompt import chart  # noqa: PLC0415 - an extra
    except ImportError as fault:
        raise MachineError(
            "the package that charts in a terminal are made with is missing",
            value=fault.name,
            next_step="pip install 'regobs[shell]'",
        ) from None
    return chart(shown)


def finish_file(text: str, asked: AskedRange, prometheus: Prometheus, config: Config, after: Afterwards) -> None:
    """Print the addresses of a range that was written out into a file piece by piece."""
    _addresses(text, asked, prometheus, config, None, shown_too=after.link)


def _addresses(
    text: str,
    asked: AskedRange | None,
    prometheus: Prometheus,
    config: Config,
    moment: float | None,
    *,
    shown_too: bool,
) -> dict[str, str]:
    """The addresses that show a query in a browser, which are printed too where that was asked for."""
    from regobs.query.links import links  # noqa: PLC0415

    context = config.contexts.get(prometheus.connection.context or "")
    found = links(
        text,
        prometheus.url,
        config,
        asked,
        time.time() if moment is None else moment,
        thanos=prometheus.thanos,
        kind="" if context is None else context.kind,
    )
    if not shown_too:
        return found
    on = screen()
    if not found:
        click.echo("Note: no address: the server has no interface of its own, and [grafana] url is not set", err=True)
    for name, address in found.items():
        click.echo(f"{on.paint(name, Colour.BOLD)}: {address}")
    return found


def _share(shown: Shown, url: str, found: dict[str, str], folder: Path) -> None:
    """A note in Markdown, and beside it the data and, of a range, the chart."""
    from regobs.common.files import write_file  # noqa: PLC0415
    from regobs.query import show  # noqa: PLC0415
    from regobs.query.files import write_answer  # noqa: PLC0415
    from regobs.query.times import moment_text  # noqa: PLC0415

    number = _free_number(folder)
    data, chart, note = f"data{number}.csv", f"chart{number}.svg", folder / f"note{number}.md"
    write_answer(shown, folder / data, url)
    ranged = shown.asked is not None
    if ranged:
        write_answer(shown, folder / chart, url)
    samples = shown.answer.samples
    when = (
        f"{moment_text(shown.asked.start / 1000)} to {moment_text(shown.asked.end / 1000)}"
        if shown.asked is not None
        else moment_text(samples[0].time if samples else time.time())
    )
    fence = "`" * max(3, 1 + max((len(run) for run in _ticks(shown.text)), default=0))
    lines = [
        f"# Query of {when}",
        "",
        f"{fence}promql\n{shown.text}\n{fence}",
        "",
        *([f"![chart]({chart})", ""] if ranged else []),
        *(f"{gap.kind.upper()}: {gap.text}\n" for gap in shown.gaps),
        f"```text\n{show.as_text(replace(shown), limit=None)}\n```",
        "",
        *(f"- [{name}]({address})" for name, address in found.items()),
        f"- [data]({data})",
        "",
    ]
    write_file(note, "\n".join(lines).encode())
    click.echo(f"{note}", err=True)


def _free_number(folder: Path) -> str:
    """What tells a note from those that the folder has: "" for the first one, -2 for the second."""
    import itertools  # noqa: PLC0415

    numbers = ("" if number == 1 else f"-{number}" for number in itertools.count(1))
    parts = ("note{}.md", "data{}.csv", "chart{}.svg")
    return next(number for number in numbers if not any((folder / part.format(number)).exists() for part in parts))


def _ticks(text: str) -> list[str]:
    import re  # noqa: PLC0415

    return re.findall(r"`+", text)
