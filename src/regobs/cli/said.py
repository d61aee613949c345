"""What commands say in sentences: on a terminal no longer than it is wide, in a pipe or a file as it is."""

from __future__ import annotations

import sys

import click

from regobs.common.screen import screen, wrapped


def say(text: str, *, err: bool = False) -> None:
    """Print sentences, on stderr with `err`. Lines with a mark under a place of the line above stay as they are."""
    marked = any(line and not line.strip(" |^") and "^" in line for line in text.split("\n"))
    on = screen(sys.stderr if err else sys.stdout)
    click.echo(text if marked else wrapped(text, on), err=err)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    say(f"Warning: {text}", err=True)
