"""`regobs query`: what a server answers."""

from __future__ import annotations

import click

from regobs.cli.query_commands import QueryCommands


@click.group(cls=QueryCommands)
def query() -> None:
    """Ask Prometheus or Thanos: an expression (`regobs query 'EXPR'`), or one of these."""
