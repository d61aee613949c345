"""The verbs of `regobs query` that list what a server has: series, labels, metadata, rules, alerts, targets, stores."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Sequence, Sized
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.content import PATH, settings
from regobs.cli.expression_command import ExpressionCommand
from regobs.cli.query_asking import Asking, past_options, span_options
from regobs.cli.query_expr import SHAPES
from regobs.cli.query_gaps import whole
from regobs.cli.query_names import complete_label, complete_metric
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import EndpointError, ExitCode, PromqlError, ServerError

if TYPE_CHECKING:
    from regobs.prometheus import Prometheus

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Found = TypeVar("_Found", bound=Sequence[Any])
Rows = list[list[Any]]
_LOOKBACK = 300  # seconds


def _listing(command: _Command) -> _Command:
    """The options of a list: server, settings, form."""
    for option in (
        click.option("--format", "shape", type=click.Choice(SHAPES), default="text", show_default=True),
        click.option("--config", "config_file", type=PATH, help="Settings; regobs.toml where there is one."),
    ):
        command = option(command)
    return click.command(cls=ExpressionCommand)(server_options(command))  # type: ignore[return-value]


def _open(server: ServerOptions, config_file: Path | None) -> Prometheus:
    config = settings(config_file)
    return server.open(server.within(config))


def _had(prometheus: Prometheus, ask: Callable[[], _Found], what: str, program: str, port: int) -> _Found:
    """What a server has of its own; of a VictoriaMetrics that has none, the program that has them is said."""

    def elsewhere() -> str:
        if not prometheus.is_victoriametrics():
            return ""
        return (
            f"VictoriaMetrics leaves {what} to {program}, at an address of its own: --prometheus"
            f" http://{program.upper()}:{port}, or a context for it"
        )

    try:
        found = ask()
    except EndpointError as error:
        error.next_step = error.next_step or elsewhere() or None
        raise
    if not found and (text := elsewhere()):
        click.echo(f"Note: {text}", err=True)
    return found


def _print(head: Sequence[str], rows: Rows, shape: str, none: str) -> None:
    """The rows as a table, or as data with the headings as names; `none` is what a table without rows says."""
    if shape == "text":
        click.echo(table(head, rows, on=screen(), names=head[0] == "metric") if rows else none)
        return
    if shape == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([head, *rows])
        click.echo(out.getvalue(), nl=False)
        return
    _data([dict(zip(head, row, strict=True)) for row in rows], shape)


def _data(entries: list[dict[str, Any]], shape: str) -> None:
    if shape == "json":
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    for entry in entries:
        click.echo(json.dumps(entry, ensure_ascii=False))


def _ends(asking: Asking) -> tuple[float | None, float | None]:
    """The time of which series and labels are asked: None for all that the server keeps.

    A moment is the five minutes before it, in which Prometheus looks for the sample of a series.
    """
    moment, asked, _ = replace(asking, step="1ms" if asking.ranged else None).times(time.time())
    if asked is not None:
        return asked.start / 1000, asked.end / 1000
    return (None, None) if moment is None else (moment - _LOOKBACK, moment)


def _selector(text: str) -> str:
    """The selector, checked. Raises PromqlError for what is none."""
    from regobs.promql.nodes import Selector  # noqa: PLC0415
    from regobs.query.ask import check_query  # noqa: PLC0415

    found = check_query(text)
    if not isinstance(found.expr, Selector) or found.expr.range is not None:
        raise PromqlError("this is no selector", value=text, expected='a selector such as up or {job="registry"}')
    return text


@_listing
@click.argument("selector", shell_complete=complete_metric)
@past_options
def series(*, selector: str, asking: Asking, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the series that SELECTOR matches, a column a label."""
    with _open(server, config_file) as prometheus:
        found = prometheus.series(_selector(selector), *_ends(asking))
        code = whole(prometheus)
        _say_of_stores(prometheus, found)
    names = sorted({name for one in found for name in one}, key=lambda name: (name != "__name__", name))
    rows = sorted([one.get(name, "") for name in names] for one in found)
    _print(names, rows, shape, f"no series {_when(asking)}")
    return code


@_listing
@click.argument("selector", required=False, shell_complete=complete_metric)
@past_options
def labels(*, selector: str | None, asking: Asking, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the names of all labels, or of those of the series that SELECTOR matches."""
    with _open(server, config_file) as prometheus:
        names = prometheus.label_names(_selector(selector) if selector else (), *_ends(asking))
        code = whole(prometheus)
        _say_of_stores(prometheus, names)
    _print(["label"], [[name] for name in names], shape, f"no series, and so no label, {_when(asking)}")
    return code


@_listing
@click.argument("label", shell_complete=complete_label)
@click.argument("selector", required=False, shell_complete=complete_metric)
@past_options
def values(
    *, label: str, selector: str | None, asking: Asking, server: ServerOptions, config_file: Path | None, shape: str
) -> int:
    """List the values of LABEL, of all series or of those that SELECTOR matches."""
    with _open(server, config_file) as prometheus:
        found = prometheus.label_values(label, _selector(selector) if selector else (), *_ends(asking))
        code = whole(prometheus)
        _say_of_stores(prometheus, found)
    _print([label], [[value] for value in found], shape, f"no series with this label {_when(asking)}")
    return code


@_listing
@click.argument("word", required=False)
def metadata(*, word: str | None, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List type, unit and help of the metrics whose name has WORD in it, as their targets state them."""
    with _open(server, config_file) as prometheus:
        found = prometheus.metadata()
        code = whole(prometheus)
    rows = [
        [name, entry.get("type", ""), entry.get("unit", ""), entry.get("help", "")]
        for name, entry in sorted(found.items())
        if not word or word.lower() in name.lower()
    ]
    _print(["metric", "type", "unit", "help"], rows, shape, _none(word, found, "metric", "the targets state none"))
    return code


@_listing
@click.argument("word", required=False)
def rules(*, word: str | None, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the loaded rules whose name or group has WORD in it: state, health, and what their group's turn took."""
    with _open(server, config_file) as prometheus:
        groups = _had(prometheus, prometheus.rules, "rules", "vmalert", 8880)
        code = whole(prometheus)
    rows: Rows = [
        [group.name, rule.name, rule.kind, rule.state, rule.health, group.evaluation_time, rule.last_error]
        for group in groups
        for rule in group.rules
        if _has(word, group.name, rule.name)
    ]
    _print(["group", "rule", "kind", "state", "health", "seconds", "error"], rows, shape,
        _none(word, groups, "rule or group", "the server has no rules loaded"),
    )  # fmt: skip
    return code


@_listing
@click.argument("word", required=False)
def alerts(*, word: str | None, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the pending and firing alerts, those whose name has WORD in it; firing ones first."""
    with _open(server, config_file) as prometheus:
        found = _had(prometheus, prometheus.alerts, "alerts", "vmalert", 8880)
        none = "no alert is pending or firing" if found else _no_alerts(prometheus)
        code = whole(prometheus)
    rows: Rows = []
    for alert in sorted(found, key=lambda one: (one.state != "firing", one.active_at)):
        name, severity = alert.labels.get("alertname", ""), alert.labels.get("severity", "")
        others = ", ".join(f"{k}={v}" for k, v in sorted(alert.labels.items()) if k not in {"alertname", "severity"})
        if _has(word, name):
            rows.append(
                [alert.state, severity, name, alert.active_at[:19], alert.annotations.get("summary", ""), others]
            )
    _print(
        ["state", "severity", "alert", "since", "summary", "labels"],
        rows,
        shape,
        _none(word, found, "active alert", none),
    )
    return code


@_listing
@click.argument("word", required=False)
def targets(*, word: str | None, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List what is scraped, those whose job or address has WORD in it; what is down first."""
    with _open(server, config_file) as prometheus:
        found = _had(prometheus, prometheus.targets, "targets", "vmagent", 8429)
        code = whole(prometheus)
    rows: Rows = [
        [
            one.health,
            one.labels.get("job", ""),
            one.labels.get("instance", ""),
            _time(one.last_scrape),
            one.url,
            one.last_error,
        ]
        for one in sorted(found, key=lambda target: (target.health == "up", target.pool, target.url))
        if _has(word, one.pool, one.labels.get("job", ""), one.labels.get("instance", ""), one.url)
    ]
    _print(["health", "job", "instance", "last scrape", "address", "error"], rows, shape,
        _none(word, found, "target", "the server scrapes nothing"),
    )  # fmt: skip
    return code


def _none(word: str | None, found: Sized, what: str, nothing: str) -> str:
    """What a table without rows says: that there is none at all, or none with the word."""
    return f"no {what} has {word!r} in it, {len(found):,} do not" if word and found else nothing


def _no_alerts(prometheus: Prometheus) -> str:
    """That no alert is active, and whether any could be."""
    none = "no alert is pending or firing"
    with suppress(ServerError):
        if not any(rule.kind == "alerting" for group in prometheus.rules() for rule in group.rules):
            return f"{none}: the server has no alerts loaded"
    return none


def _say_of_stores(prometheus: Prometheus, found: Sized) -> None:
    """Of an empty list from a Thanos: a store that has just gone away is in neither its warnings nor its list."""
    if found:
        return
    with suppress(ServerError):
        prometheus.stores()
        note = "Thanos lists nothing of a store that went away, and says so half a minute later: ask again then"
        click.echo(f"Note: {note} (regobs query stores)", err=True)


def _when(asking: Asking) -> str:
    return "in this time" if asking.at or asking.ranged else "at any time"


@_listing
@click.argument("text", metavar="EXPR", shell_complete=complete_metric)
@span_options
def exemplars(*, text: str, asking: Asking, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the single events that are kept of the series in EXPR, the newest first: value, trace, series.

    Those of the last hour without --range or --from. Prometheus keeps them with --enable-feature=exemplar-storage.
    """
    from regobs.query.ask import check_query  # noqa: PLC0415
    from regobs.query.times import moment_text  # noqa: PLC0415

    spanned = replace(asking, span=asking.span or (None if asking.start else "1h"), step="1ms")
    _, asked, zone = spanned.times(time.time())
    assert asked is not None  # noqa: S101 - it has a length
    with _open(server, config_file) as prometheus:
        found = prometheus.exemplars(check_query(text).text, asked.start / 1000, asked.end / 1000)[::-1]
        code = whole(prometheus)
        if not found:
            _say_why_none_is_kept(prometheus)
    if shape in {"json", "ndjson"}:
        _data(
            [{"time": one.time, "value": one.value, "labels": one.labels, "series": one.series} for one in found], shape
        )
        return code
    own = sorted({name for one in found for name in one.labels})
    names = sorted({name for one in found for name in one.series}, key=lambda name: (name != "__name__", name))
    rows = [
        [
            moment_text(one.time, zone) if shape == "text" else one.time,
            one.value,
            *(one.labels.get(name, "") for name in own),
            *(one.series.get(name, "") for name in names),
        ]
        for one in found
    ]
    _print(["time", "value", *own, *names], rows, shape, "no exemplar in this time")
    return code


def _say_why_none_is_kept(prometheus: Prometheus) -> None:
    with suppress(EndpointError):
        if "exemplar-storage" not in prometheus.features():
            click.echo(
                "Note: this Prometheus keeps no exemplars: --enable-feature=exemplar-storage is not set", err=True
            )


@_listing
def stores(*, server: ServerOptions, config_file: Path | None, shape: str) -> int:
    """List the stores behind a Thanos Query, those that do not answer first; exit code 5 when there are some.

    A query that needs a store that is away is answered in part.
    """
    with _open(server, config_file) as prometheus:
        found = sorted(prometheus.stores(), key=lambda one: (not one.error, one.kind, one.address))
    rows: Rows = [
        ["away" if one.error else "answers", one.kind, one.address, _time(one.oldest), _time(one.newest), one.error]
        for one in found
    ]
    _print(["state", "kind", "address", "oldest", "newest", "error"], rows, shape, "it has no stores")
    return ExitCode.INCOMPLETE if any(one.error for one in found) else ExitCode.OK


def _has(word: str | None, *texts: str) -> bool:
    return not word or any(word.lower() in text.lower() for text in texts)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
