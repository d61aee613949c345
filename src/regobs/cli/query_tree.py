"""The verbs of `regobs query` that take an expression apart: explain, why, format."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import PATH, settings
from regobs.cli.expression_command import ExpressionCommand
from regobs.cli.query_asking import Asking, why_options
from regobs.cli.query_expr import unchecked_named
from regobs.cli.query_gaps import whole
from regobs.cli.query_names import complete_metric
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regobs.prometheus import Prometheus
    from regobs.prometheus.analysis import AskedStore
    from regobs.promql.nodes import Expr, Selector
    from regobs.query.explain import ExplainedNode, ExplainedOperator
    from regobs.query.times import AskedRange
    from regobs.query.why import Cause, Series

_JUST_NOW = 60.0  # seconds before now; no data begins behind a moment this near
_AT = click.option("--at", metavar="TIME", help="The moment, now by default: now-6h, 14:03, yesterday 14:00, an epoch.")
_CONFIG = click.option("--config", "config_file", type=PATH, help="Settings; regobs.toml where there is one.")
_SHAPE = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)


def _parsed(text: str) -> Expr:
    from regobs.query.ask import check_query  # noqa: PLC0415

    expr = check_query(text).expr
    assert expr is not None  # noqa: S101 - it is None only for what is not checked
    return expr


def _moment(at: str | None) -> float:
    from regobs.query.times import read_moment  # noqa: PLC0415

    now = time.time()
    return now if at is None else read_moment("--at", at, now)


@click.command("format", cls=ExpressionCommand)
@click.argument("text", metavar="EXPR", shell_complete=complete_metric)
def format_(*, text: str) -> None:
    """Print EXPR in the form that Prometheus prints: one space, no needless parentheses."""
    from regobs.promql.printer import to_text  # noqa: PLC0415

    click.echo(to_text(_parsed(text)))


@click.command(cls=ExpressionCommand)
@click.argument("text", metavar="EXPR", shell_complete=complete_metric)
@server_options
@click.option("--offline", is_flag=True, help="Types and units only; no server is asked.")
@_AT
@_CONFIG
@_SHAPE
def explain(
    *, text: str, server: ServerOptions, offline: bool, at: str | None, config_file: Path | None, shape: str
) -> int:
    """Print EXPR as a tree: of each part its type and unit, how many series it has, and which labels tell them apart.

    `samples` are those that the server read for the part, `time` that of its evaluation there, or with the way to it
    where the server does not say. Of Thanos the operators of its own engine follow, with the stores that each asked.
    """
    from regobs.query import explain as explained  # noqa: PLC0415

    expr, code = _parsed(text), int(ExitCode.OK)
    operators: Sequence[ExplainedOperator] = ()
    if offline:
        nodes = explained.explain(expr, None)
    else:
        config = settings(config_file)
        with server.open(server.within(config)) as prometheus:
            moment = _moment(at)
            nodes = explained.explain(expr, prometheus, moment)
            operators = explained.operators(expr, prometheus, moment)
            code = whole(prometheus)
    if shape == "json":
        fields = ("branch", "head", "text", "type", "unit", "series", "varying", "samples", "seconds")
        data: list[dict[str, Any]] = [{name: getattr(node, name) for name in fields} for node in nodes]
        if operators:
            data[0]["analysis"] = [asdict(one) for one in operators]
        click.echo(json.dumps(data, indent=2))
        return code
    print_tree(nodes)
    print_operators(operators)
    return code


@click.command(cls=ExpressionCommand)
@click.argument("text", metavar="EXPR", shell_complete=complete_metric)
@why_options
@server_options
@click.option("--unchecked", is_flag=True, help="Look for the reason without a look at names, values and units first.")
@_CONFIG
@_SHAPE
def why(
    *, text: str, asking: Asking, server: ServerOptions, unchecked: bool, config_file: Path | None, shape: str
) -> int:
    """Say why EXPR is empty: the part that removes everything, and what there is instead.

    With --range or --from it is asked why no point of the range has data.
    Exit code 0 when a reason was found or EXPR has data, 1 when none was found.
    """
    from regobs.promql.printer import to_text  # noqa: PLC0415
    from regobs.query.ask import parse_query  # noqa: PLC0415

    expr = parse_query(text).expr
    if not unchecked:
        with unchecked_named("looks for the reason all the same"):
            _parsed(text)
    config = settings(config_file)
    now = time.time()
    moment, asked, _ = asking.times(now)
    with server.open(server.within(config)) as prometheus:
        count, causes = causes_of(prometheus, expr, now if moment is None else moment, asked)
        code = whole(prometheus)
    if shape == "json":
        entries = [{"kind": one.kind, "part": one.part, "text": one.text, "instead": one.instead} for one in causes]
        click.echo(
            json.dumps({"query": to_text(expr), "series": count, "causes": entries}, indent=2, ensure_ascii=False)
        )
    else:
        print_causes(count, causes)
    if not count and (not causes or causes[0].kind == "unknown"):
        return code or ExitCode.DIFFERENCE
    return code


def causes_of(
    prometheus: Prometheus, expr: Expr, moment: float, asked: AskedRange | None = None
) -> tuple[int, Sequence[Cause]]:
    """How many series an expression has at a moment, or in a range, and why it has none."""
    from regobs.query.why import EmptyQuery  # noqa: PLC0415

    def at_moment(part: str) -> Series:
        return [(dict(one.labels), one.value) for one in prometheus.query(part, moment).samples]

    def in_range(part: str) -> Series:
        """The series of a part that have a point in the range, each with its lowest and its highest value."""
        from regobs.query.pieces import query_pieces  # noqa: PLC0415

        assert asked is not None  # noqa: S101 - only then it is called
        found = query_pieces(prometheus, part, asked).ranges
        ends = [(dict(one.labels), [value for _, value in one.points]) for one in found if one.points]
        return [(labels, end) for labels, values in ends for end in (min(values), max(values))]

    if asked is not None:
        from regobs.query.pieces import fixed  # noqa: PLC0415

        expr = fixed(expr, asked)

    def begins(selector: str, moved: Selector) -> float | None:
        from regobs.query.begins import first_sample  # noqa: PLC0415

        now, ms = time.time(), moved.offset.ms if moved.offset else 0
        end = moment if asked is None else asked.end / 1000
        behind = (moved.at.ms / 1000 if moved.at and not moved.at.edge else end) - ms / 1000
        return first_sample(prometheus, selector, behind, now) if behind < now - _JUST_NOW else None

    evaluate = at_moment if asked is None else in_range
    search = EmptyQuery(evaluate, prometheus.label_values, prometheus.label_names, begins)
    return len({tuple(sorted(labels.items())) for labels, _ in search.series(expr)}), search.causes(expr)


def print_causes(count: int, causes: Sequence[Cause]) -> None:
    """Say what removes everything, and what there is instead."""
    if count:
        click.echo(f"It is not empty: {count:,} series.")
    for cause in causes:
        click.echo(f"{cause.part}\n  {cause.text}" + (f"\n  instead: {cause.instead}" if cause.instead else ""))


def print_tree(nodes: Sequence[ExplainedNode]) -> None:
    """The parts of an expression as a table."""
    heads = ["expression", "type", "unit", "series", "labels that vary", "samples", "time"]
    rows: list[list[Any]] = [
        [one.branch + one.head, one.type, one.unit, one.series, one.varying, one.samples, _time(one.seconds)]
        for one in nodes
    ]
    click.echo(table(heads, rows, on=screen(), right={"time"}))


def print_operators(operators: Sequence[ExplainedOperator]) -> None:
    """How Thanos evaluated an expression, as a table; nothing where it does not say."""
    if not operators:
        return
    heads = ["operator of Thanos", "time", "samples", "peak", "stores"]
    rows: list[list[Any]] = [
        [one.branch + one.operator, _time(one.seconds), one.samples, one.peak, ", ".join(map(_store_text, one.stores))]
        for one in operators
    ]
    click.echo("\n" + table(heads, rows, on=screen(), right={"time"}))


def _store_text(store: AskedStore) -> str:
    return f"{store.address}: {store.series:,} series in {_time(store.seconds)}"


def _time(seconds: float | None) -> str:
    from regobs.snapshot.units import value_text  # noqa: PLC0415 - of a table only

    return "" if seconds is None else value_text(seconds, "s")
