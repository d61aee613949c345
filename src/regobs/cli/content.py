"""What commands about the content have in common: their options, and the dashboards in a deployment's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.catalog.model import Flavor

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.pack import Pack

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)


def content_options(command: Command) -> Command:
    """`--config`, `--pack` and `--flavor`, as `config_file`, `pack_directory` and `flavor`."""
    for option in (
        click.option(
            "--flavor", type=click.Choice([str(one) for one in Flavor]), help="Instead of the configured one."
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
    from regobs.cli.build import with_flavor  # noqa: PLC0415 - `--help` needs none of these
    from regobs.config import load_config  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    config = with_flavor(load_config(config_file), flavor)
    return find_pack(pack_directory, config), config


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under each other, without blanks at the ends of lines; the first row is the head."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
