"""What commands say in sentences: on a terminal no longer than it is wide, in a pipe or a file as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """What is printed here may have no reader any more, as with `| head`: that ends the printing and nothing else."""
    try:
        yield
    except BrokenPipeError:
        print_nothing_more()


def print_nothing_more() -> None:
    """Let the rest of standard output go nowhere; Python would complain again while it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
