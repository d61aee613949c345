"""What commands about the content have in common: their options, and the dashboards in a deployment's words."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.catalog.model import Flavor
from regobs.cli.said import warn

if TYPE_CHECKING:
    from regobs.cli.server_options import ServerOptions
    from regobs.config import Config
    from regobs.pack import Pack

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)

KEEP_NAMES = click.option(
    "--keep-names",
    "older",
    type=PATH,
    metavar="OLD",
    help="Record series of this older build under their old names too, where they are renamed or gone.",
)


def content_options(command: Command) -> Command:
    """`--config`, `--pack` and `--flavor`, as `config_file`, `pack_directory` and `flavor`."""
    for option in (
        click.option(
            "--flavor", type=click.Choice([str(flavor) for flavor in Flavor]), help="Instead of the configured flavor."
        ),
        click.option(
            "--pack", "pack_directory", type=PATH, metavar="DIR", help="Content that adds to or overrides the bundled."
        ),
        click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml by default."),
    ):
        command = option(command)
    return command


def content(config_file: Path | None, pack_directory: Path | None, flavor: str | None) -> tuple[Pack, Config]:
    """The pack and the settings that the options name. Raises ConfigError and PackError."""
    from regobs.pack import find_pack  # noqa: PLC0415 - `--help` needs none of these

    config = settings(config_file, flavor)
    return find_pack(pack_directory, config), config


def asked_content(
    config_file: Path | None, pack_directory: Path | None, flavor: str | None, server: ServerOptions
) -> tuple[Pack, Config]:
    """The pack, and the settings to ask a server with, narrowed to its environment.

    Without a table [registry] in a regobs.toml every capability counts as there: what a deployment lacks has no data,
    and says so itself.
    """
    pack, config = content(config_file, pack_directory, flavor)
    return pack, server.within(config.asked)


def settings(config_file: Path | None, flavor: str | None = None) -> Config:
    """The settings that the options name; what may be a mistake in them is printed as a warning. Raises ConfigError."""
    from regobs.config import load_config  # noqa: PLC0415

    config = load_config(config_file)
    config = config if flavor is None else config.of_flavor(Flavor(flavor))
    for note in config.notes:
        warn(note)
    return config


@contextmanager
def without_collector() -> Iterator[None]:
    """For what keeps all that it makes until it ends: each collection of garbage would look at all of it for nothing.

    It saves a seventh of the time of `regobs lint`, and no memory is needed for it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, as a function that is told how much of how much is done.

    It tells no remaining time: the steps differ too much in length for one that would come true.
    """
    with click.progressbar(length=1, label=label, show_eta=False, show_percent=True, file=sys.stderr) as bar:

        def report(done: int, whole: int) -> None:
            bar.length = whole
            bar.update(done - bar.pos)

        yield report
