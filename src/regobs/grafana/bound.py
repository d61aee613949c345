"""A dashboard put into one deployment's words: what is shown, of which type, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from regobs.catalog.model import Metric, Unit
from regobs.errors import DashboardError, PromqlError
from regobs.grafana.panels import Named, Panel, Table
from regobs.grafana.units import grafana_unit
from regobs.grafana.words import Dashboard, Row
from regobs.promql.bind import bind, metrics_of
from regobs.promql.infer import infer
from regobs.promql.nodes import Aggregate, Duration, Expr
from regobs.promql.recorded import Record, renewal, use_recorded
from regobs.promql.types import Type
from regobs.promql.unavailable import Reason, Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import walk

# What a deployment can change soonest comes first: of several alternatives, that one's reason is worth telling.
_CAUSES: tuple[Reason, ...] = ("capability", "version", "label", "bucket", "flavor")
INSTANCE = "instance"  # tells the lines of a series apart that is shown as it was scraped


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel: bound, with recorded series where the dashboard reads them, and without scope.

    `ref` is its letter on the panel, `name` the name the dashboard file gave it, `legend` Grafana's legend format.
    `recorded` says that it reads recorded series, `every` how often they are written, None where it reads any other.
    `scoped` marks one that has its scope already.
    """

    ref: str
    name: str
    legend: str
    expr: Expr
    type: Type
    metrics: frozenset[Metric]
    recorded: bool = False
    every: Duration | None = None
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An expression that this deployment cannot answer. `cause` is the kind of `reason`."""

    panel: Panel
    name: str
    expr: Expr
    metrics: frozenset[Metric]
    reason: str
    cause: Reason


@dataclass(frozen=True, slots=True)
class BoundPanel:
    """A panel with the expressions that can be answered, at least one; `description` stands in place of its own."""

    panel: Panel
    queries: tuple[Query, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class BoundRow:
    """A row with its panels in order, those that show something and the expressions left out."""

    row: Row
    panels: tuple[BoundPanel, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class BoundDashboard:
    """A dashboard for one deployment. `rows` without panels are kept here for what they left out."""

    slug: str
    dashboard: Dashboard
    rows: tuple[BoundRow, ...]

    def panels(self) -> Iterator[tuple[Row, BoundPanel]]:
        """Every panel that is shown, with its row."""
        return ((row.row, panel) for row in self.rows for panel in row.panels)

    def left_out(self) -> Iterator[tuple[Row, LeftOut]]:
        """Every expression that is not shown, with its row."""
        return ((row.row, lacking) for row in self.rows for lacking in row.left_out)


def bind_dashboard(
    slug: str, dashboard: Dashboard, vocabulary: Vocabulary, records: Sequence[Record] = ()
) -> BoundDashboard:
    """Put a dashboard into a deployment's vocabulary; with `records` it reads those where its file allows it.

    Raises DashboardError, at the panel, for an expression that no deployment could show.
    """
    missing = dashboard.needs if dashboard.needs not in vocabulary.capabilities else None
    reason = f"the dashboard needs the capability {missing}" if missing else ""
    rows = (
        _bind_row(row, vocabulary, records if dashboard.recorded or row.recorded else (), reason)
        for row in dashboard.rows
    )
    return BoundDashboard(slug, dashboard, tuple(rows))


def _bind_row(row: Row, vocabulary: Vocabulary, records: Sequence[Record], reason: str) -> BoundRow:
    panels: list[BoundPanel] = []
    left_out: list[LeftOut] = []
    for panel in row.panels:
        queries, lacking = _first_choice(panel, vocabulary, records, reason)
        left_out += lacking
        if queries:
            _check(panel, queries)
            panels.append(BoundPanel(panel, tuple(queries)))
    return BoundRow(row, tuple(panels), tuple(left_out))


def _first_choice(
    panel: Panel, vocabulary: Vocabulary, records: Sequence[Record], reason: str
) -> tuple[list[Query], list[LeftOut]]:
    """The first alternative of which something can be shown, or else what is missing for the likeliest one."""
    missing: list[list[LeftOut]] = []
    for choice in panel.choices:
        if reason:
            return [], [LeftOut(panel, name, expr, metrics_of(expr), reason, "capability") for name, expr in choice]
        queries, lacking = _bind_choice(panel, choice, vocabulary, records)
        if queries:
            return queries, lacking
        missing.append(lacking)
    return [], min(missing, key=lambda lacking: min(_CAUSES.index(one.cause) for one in lacking))


def _bind_choice(
    panel: Panel, choice: Sequence[Named], vocabulary: Vocabulary, records: Sequence[Record]
) -> tuple[list[Query], list[LeftOut]]:
    queries: list[Query] = []
    lacking: list[LeftOut] = []
    for name, expr in choice:
        try:
            queries.append(_query(ascii_uppercase[len(queries)], panel, (name, expr), vocabulary, records))
        except Unavailable as error:
            lacking.append(LeftOut(panel, name, expr, metrics_of(expr), error.message, error.reason))
        except PromqlError as error:
            raise _refused(panel, error.message, error.value, error.expected, error.next_step) from error
    return queries, lacking


def _query(ref: str, panel: Panel, named: Named, vocabulary: Vocabulary, records: Sequence[Record]) -> Query:
    name, expr = named
    bound = bind(expr, vocabulary)
    _refuse_doubtful(bound, vocabulary)
    kind = infer(bound, vocabulary)
    shown = use_recorded(bound, records) if records else bound
    every, text = renewal(shown, records), legend(panel, name, bound, kind)
    return Query(ref, name, text, shown, kind, metrics_of(bound), shown is not bound, every)


def _refuse_doubtful(bound: Expr, vocabulary: Vocabulary) -> None:
    """Raise Unavailable for a metric that not every build of this version has: its panel might stay empty for ever."""
    for metric in metrics_of(bound):
        form = vocabulary.form(metric)
        if form is not None and form.may_lack:
            message = f"{metric.name} is not in every {vocabulary.flavor} registry of this version: {form.may_lack}"
            raise Unavailable(message, metric=metric, reason="version")


def legend(panel: Panel, name: str, bound: Expr, kind: Type) -> str:
    """Grafana's legend format: the name given in the file, the labels that tell the lines apart, or the title."""
    order = {label: index for index, label in enumerate(_grouping(bound))}
    labels = sorted(kind.labels or (), key=lambda label: (order.get(label, len(order)), label))
    labels += [INSTANCE] if kind.open and INSTANCE not in labels else []
    parts = ([name] if name else []) + [f"{{{{{label}}}}}" for label in labels]
    return " ".join(parts) or panel.title


def _grouping(expr: Expr) -> Iterable[str]:
    """The labels of the grouping clauses, outermost first, in the order they are written."""
    clauses = (node.labels for node in walk(expr) if isinstance(node, Aggregate) and not node.without)
    return dict.fromkeys(label for labels in clauses for label in labels or ())


def _check(panel: Panel, queries: Sequence[Query]) -> None:
    for query in queries:
        kind = query.type
        if kind.raw_counter:
            raise _refused(
                panel, "a counter is shown as it is", query.name or None, "its growth", "wrap it in rate or increase"
            )
        if kind.value not in {"vector", "scalar"}:
            raise _refused(panel, f"a {kind.value} cannot be drawn", query.name or None, "one value a series", None)
        if kind.unit is Unit.TIMESTAMP:
            raise _refused(
                panel, "a point in time cannot be read off an axis", query.name or None, "its age", "wrap it in age"
            )
    units = {grafana_unit(query.type.unit, per_second=query.type.per_second) for query in queries}
    if len(units) > 1 and not isinstance(panel, Table):
        found = ", ".join(sorted({f"{query.type.unit}{'/s' * query.type.per_second}" for query in queries}))
        raise _refused(panel, "one axis cannot show different units", found, "one unit", "make it several panels")


def _refused(panel: Panel, message: str, value: object, expected: str | None, next_step: str | None) -> DashboardError:
    return DashboardError(
        f"panel {panel.title!r}: {message}",
        location=panel.location,
        value=value,
        expected=expected,
        next_step=next_step,
    )
