"""When and how the command line wants something evaluated: options of the time and of Thanos."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.common.frozen import frozen
from regobs.errors import InputError

if TYPE_CHECKING:
    from datetime import tzinfo

    from regobs.prometheus import ThanosParameters
    from regobs.query.times import AskedRange

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ASKING = (
    click.option("--at", metavar="TIME", help="The moment, now by default: now-6h, 14:03, yesterday 14:00, an epoch."),
    click.option("--range", "span", metavar="6h", help="Ask a range of this length, up to now or --to."),
    click.option("--from", "start", metavar="TIME", help="Where a range begins."),
    click.option("--to", "end", metavar="TIME", help="Where it ends; now by default."),
    click.option("--step", metavar="1m", help="Between two points; chosen by the length when not given."),
    click.option("--no-cache", "uncached", is_flag=True, help="Ask for all of a long range, also what is on disk."),
    click.option("--zone", default="UTC", show_default=True, help="Of times that name none: local, Europe/Berlin."),
)
_THANOS = (
    click.option("--dedup/--no-dedup", default=None, help="Thanos: replicas as one, or each for itself."),
    click.option("--partial-response/--no-partial-response", "partial_response", default=None,
                 help="Thanos: answer without stores that are away, or fail."),
    click.option("--max-source-resolution", metavar="5m", default="", help="Thanos: 0s, 5m, 1h or auto."),
    click.option("--engine", metavar="NAME", default="", help="Thanos: prometheus or thanos."),
    click.option("--replica-label", "replica_labels", multiple=True, metavar="NAME", help="Thanos: dedup over it."),
    click.option("--store", "stores", multiple=True, metavar="ADDRESS", help="Thanos: ask this store only."),
)  # fmt: skip


@frozen
class Asking:
    """When and how the command line wants something evaluated."""

    at: str | None = None
    span: str | None = None
    start: str | None = None
    end: str | None = None
    step: str | None = None
    uncached: bool = False
    zone: str = "UTC"
    dedup: bool | None = None
    partial_response: bool | None = None
    max_source_resolution: str = ""
    engine: str = ""
    replica_labels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    at_option: str = "--at"  # which option said the moment
    fixed: float | None = None  # what `now` is, where several questions have to mean the same

    @property
    def thanos(self) -> ThanosParameters:
        """What only Thanos takes."""
        from regobs.prometheus import ThanosParameters  # noqa: PLC0415 - loads requests

        return ThanosParameters(
            self.dedup, self.partial_response, self.max_source_resolution, self.engine, self.replica_labels, self.stores
        )

    @property
    def ranged(self) -> bool:
        """Whether a range is asked, not one moment."""
        return bool(self.span or self.start or self.end or self.step)

    def times(self, now: float) -> tuple[float | None, AskedRange | None, tzinfo]:
        """The moment or the range that is asked, both None for now, and the zone to show. Raises InputError."""
        from regobs.query.times import asked_range, read_moment, read_seconds, zone_named  # noqa: PLC0415

        self._check_thanos()
        now = now if self.fixed is None else self.fixed
        zone = zone_named(self.zone)
        if self.at is not None and self.ranged:
            raise InputError("--at is one moment", expected="--at alone, or --range, --from and --to without it")
        if self.span and self.start:
            raise InputError("--range and --from both say where the range begins", next_step="leave one of them out")
        if not self.ranged:
            return (self.fixed if self.at is None else read_moment(self.at_option, self.at, now, zone)), None, zone
        end = now if self.end is None else read_moment("--to", self.end, now, zone)
        if not self.span and not self.start:
            raise InputError("a range needs a beginning", next_step="add --range 6h or --from TIME")
        start = (
            read_moment("--from", self.start, now, zone)
            if self.start
            else end - read_seconds("--range", self.span or "")
        )
        step = read_seconds("--step", self.step) if self.step else None
        return None, asked_range(start, end, step), zone

    def _check_thanos(self) -> None:
        """Raise InputError for what Thanos would refuse with the words that the expression is wrong."""
        from regobs.promql.durations import read_duration  # noqa: PLC0415

        resolution = self.max_source_resolution
        if resolution not in {"", "auto", "0"}:
            span = read_duration(resolution)
            if (
                span is None or span.macro or span.ms not in {0, 300_000, 3_600_000}
            ):  # Thanos takes others for the next finer one
                raise InputError("this is no source resolution", value=resolution, expected="0s, 5m, 1h or auto")
        for store in self.stores:
            if not re.fullmatch(r"[^\s{}\"'\\]{1,300}", store):
                raise InputError(
                    "this is no address of a store",
                    value=store,
                    expected="host:port as the column address of `regobs query stores` has it",
                )


def asking_options(command: _Command) -> _Command:
    """Options of the time and of Thanos, which the command gets as one `asking`."""
    return _as_asking(command, (*_ASKING, *_THANOS))


def span_options(command: _Command) -> _Command:
    """Options of a time range without points in it, which the command gets as one `asking`."""
    start_to_end, zone = _ASKING[1:4], _ASKING[-1]
    return _as_asking(command, (*start_to_end, zone))


def why_options(command: _Command) -> _Command:
    """Options of a moment or of a range with points in it, which the command gets as one `asking`."""
    return _as_asking(command, (*_ASKING[:5], _ASKING[-1]))


def past_options(command: _Command) -> _Command:
    """Options of a moment, or of a time range without points in it, which the command gets as one `asking`."""
    return _as_asking(command, (*_ASKING[:4], _ASKING[-1]))


def _as_asking(command: _Command, options: Sequence[Callable[[Any], Any]]) -> _Command:
    import functools  # noqa: PLC0415

    names = tuple(Asking.__dataclass_fields__)

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        own = {name: given.pop(name) for name in names if name in given}
        return command(asking=Asking(**own), **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
