"""What an answer lacks, as the commands of `regobs query` say it, and the exit code that follows."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from regobs.common.screen import Colour, screen
from regobs.errors import EndpointError, ExitCode, ServerError

if TYPE_CHECKING:
    from regobs.prometheus import Prometheus, Store
    from regobs.query.complete import Gap
    from regobs.query.show import Shown


def stores_of(prometheus: Prometheus) -> tuple[Store, ...] | None:
    """The stores behind a Thanos Query; None for another server, which does not know the options of Thanos.

    A list that does not come is itself a store away.
    """
    try:
        return prometheus.stores()
    except EndpointError:
        if options := prometheus.thanos.options:
            click.echo(
                f"Warning: {prometheus.url} lists no stores, as Thanos Query does: other servers ignore"
                f" {' and '.join(options)}",
                err=True,
            )
        return None
    except ServerError as error:  # what was asked before is there, and nobody knows whether it is the whole
        from regobs.prometheus import Store  # noqa: PLC0415 - loads requests

        return (Store("/api/v1/stores", "the list of stores", error.message),)


def gaps_so_far(prometheus: Prometheus) -> tuple[Gap, ...]:
    """What all that was asked so far lacks."""
    from regobs.query.complete import gaps  # noqa: PLC0415

    return gaps(prometheus.heard, prometheus.thanos, stores_of(prometheus), partial=prometheus.partial)


def whole(prometheus: Prometheus) -> int:
    """The exit code of all that was asked so far, after saying what it lacks."""
    return announce(gaps_so_far(prometheus))


def histogram_notes(series: int) -> tuple[str, ...]:
    """What is to be said of an answer with so many series of native histograms, which have no value of their own."""
    if not series:
        return ()
    are = "1 series is a native histogram" if series == 1 else f"{series:,} series are native histograms"
    said = f"{are}, without a value of its own; --format json has the buckets of one moment"
    return (f"{said}, and histogram_quantile, histogram_count, histogram_sum and histogram_avg give values",)


def all_gaps(shown: Iterable[Shown]) -> tuple[Gap, ...]:
    """What several answers lack, each gap once."""
    return tuple(dict.fromkeys(gap for one in shown for gap in one.gaps))


def announce(gaps: tuple[Gap, ...]) -> int:
    """Say what an answer lacks, on standard error, before it is shown; the exit code."""
    on = screen(sys.stderr)
    for gap in gaps:
        click.echo(f"{on.paint(gap.kind.upper(), Colour.YELLOW)}: {gap.text}", err=True)
    return ExitCode.INCOMPLETE if gaps else ExitCode.OK
