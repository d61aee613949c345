"""A dashboard put into one deployment's words: what is shown, of which type, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from regobs.catalog.model import Metric, Unit
from regobs.errors import DashboardError, PromqlError
from regobs.grafana.layout import PanelPlace
from regobs.grafana.levels import CAUSE, only_alerts, worst
from regobs.grafana.panels import Lines, Named, Panel, Saturation, Stat, States, Table, Tile
from regobs.grafana.steady import at_the_end, choose_once, is_flow
from regobs.grafana.units import grafana_unit
from regobs.grafana.words import INSTANCE, Dashboard, Row
from regobs.promql.bind import bind, metrics_of
from regobs.promql.build import SLO_PERIOD
from regobs.promql.infer import infer
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Number, Selector, String
from regobs.promql.recorded import Record, renewal, use_recorded
from regobs.promql.types import Type
from regobs.promql.unavailable import Reason, Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import rebuild, walk

# What a deployment can change soonest comes first: of several alternatives, that one's reason is worth telling.
_CAUSES: tuple[Reason, ...] = ("capability", "version", "label", "bucket", "flavor")


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """One expression of a panel: bound, with recorded series where the dashboard reads them, and without scope.

    `ref` is its letter on the panel, `name` the name the dashboard file gave it, `legend` Grafana's legend format.
    `recorded` says that it reads recorded series, `every` how often they are written, None where it reads any other.
    `instant` is asked for one moment only. `words` are label values with the shorter words that a legend shows in
    their place, `edges` the lowest and highest bucket edge of a quantile, beyond which it knows nothing. `scoped` marks
    one that has its scope already.
    """

    ref: str
    name: str
    legend: str
    expr: Expr
    type: Type
    metrics: frozenset[Metric]
    recorded: bool = False
    every: Duration | None = None
    instant: bool = False
    words: tuple[tuple[str, str], ...] = ()
    edges: tuple[float, float] | None = None
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An expression that this deployment cannot answer. `cause` is the kind of `reason`.

    `capability` is the one that is off, "" where that is not it, or the whole dashboard needs it.
    """

    panel: Panel
    name: str
    expr: Expr
    metrics: frozenset[Metric]
    reason: str
    cause: Reason
    capability: str = ""


@dataclass(frozen=True, slots=True)
class BoundPanel:
    """A panel with the expressions that can be answered, at least one.

    `description` stands in place of its own, `place` is where it stands, `colors` are the series that have one of their
    own, with Grafana's word for it: all of a panel that was read from Grafana's JSON.
    """

    panel: Panel
    queries: tuple[BoundQuery, ...]
    description: str = ""
    place: PanelPlace | None = None
    colors: tuple[tuple[str, str], ...] = ()


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


@dataclass(frozen=True, slots=True)
class _Deployment:
    """What panels are bound to: names, the recorded series they may read, and the period of the SLOs."""

    vocabulary: Vocabulary
    records: Sequence[Record]
    period: Duration


RESOURCE = "resource"  # the label of a table of resources that says which
MONTH = Duration(28 * 86_400_000)


def bind_dashboard(
    slug: str,
    dashboard: Dashboard,
    vocabulary: Vocabulary,
    records: Sequence[Record] = (),
    *,
    period: Duration = MONTH,
) -> BoundDashboard:
    """Put a dashboard into a deployment's vocabulary; with `records` it reads those where its file allows it.

    `period` is that of the deployment's SLOs. Raises DashboardError, at the panel, for an expression that no
    deployment could show.
    """
    missing = dashboard.needs if dashboard.needs not in vocabulary.capabilities else None
    reason = f"the dashboard needs the capability {missing}" if missing else ""
    rows = (
        _bind_row(row, _Deployment(vocabulary, records if dashboard.recorded or row.recorded else (), period), reason)
        for row in dashboard.rows
    )
    return BoundDashboard(slug, dashboard, tuple(rows))


def _bind_row(row: Row, deployment: _Deployment, reason: str) -> BoundRow:
    panels: list[BoundPanel] = []
    left_out: list[LeftOut] = []
    for panel in row.panels:
        queries, lacking = _first_choice(panel, deployment, reason)
        left_out += lacking
        if queries:
            _check(panel, queries)
            panels.append(BoundPanel(panel, tuple(queries)))
    return BoundRow(row, tuple(panels), tuple(left_out))


def _first_choice(panel: Panel, deployment: _Deployment, reason: str) -> tuple[list[BoundQuery], list[LeftOut]]:
    """The first alternative of which something can be shown, or else what is missing for the likeliest one."""
    missing: list[list[LeftOut]] = []
    for choice in panel.choices:
        if reason:
            return [], [_left_out(panel, named, reason, "capability") for named in choice]
        parts, lacking = _bind_choice(panel, choice, deployment)
        if parts and not (isinstance(panel, Tile) and all(only_alerts(expr) for _, expr in parts)):
            columns = _joined(panel, parts, deployment.records)
            refs = (_ref(number) for number in range(len(columns)))
            queries = (_query(ref, panel, one, deployment) for ref, one in zip(refs, columns, strict=True))
            return list(queries), lacking
        missing.append(lacking)
    return [], min(missing, key=lambda lacking: min(_CAUSES.index(one.cause) for one in lacking))


def _bind_choice(panel: Panel, choice: Sequence[Named], deployment: _Deployment) -> tuple[list[Named], list[LeftOut]]:
    """The expressions of one alternative that can be answered, bound, and those that cannot."""
    parts: list[Named] = []
    lacking: list[LeftOut] = []
    for name, expr in choice:
        try:
            bound = bind(expr, deployment.vocabulary)
            _refuse_doubtful(bound, deployment.vocabulary)
            parts.append((name, bound))
        except Unavailable as error:
            lacking.append(_left_out(panel, (name, expr), error.message, error.reason, str(error.capability or "")))
        except PromqlError as error:
            raise _refused(panel, error.message, error.value, error.expected, error.next_step) from error
    return parts, lacking


def _left_out(panel: Panel, named: Named, reason: str, cause: Reason, capability: str = "") -> LeftOut:
    name, expr = named
    return LeftOut(panel, name.replace("\n", ": "), expr, metrics_of(expr), reason, cause, capability)


def _ref(number: int) -> str:
    """Grafana's letters of queries: A to Z, AA, AB and so on."""
    letters = ""
    while number >= 0:
        number, rest = divmod(number, 26)
        letters, number = chr(ord("A") + rest) + letters, number - 1
    return letters


def _joined(panel: Panel, parts: Sequence[Named], records: Sequence[Record]) -> Sequence[Named]:
    """What a panel asks: of a table of resources a column, of a tile one expression for all causes.

    A tile that reads recorded series has no data without them, whatever the registry itself exposes.
    """
    if isinstance(panel, Saturation):
        return _columns(parts)
    if isinstance(panel, Tile):
        return [("", worst(parts, [use_recorded(expr, records) for _, expr in parts]))]
    return parts


def _columns(parts: Sequence[Named]) -> list[Named]:
    """The table of resources: `column, resource` expressions as one a column, each result with its `resource`.

    Of each resource the one that is used most is shown, with its own forecast.
    """
    shares = {name.partition("\n")[2]: expr for name, expr in parts if name.startswith("used\n")}
    columns: dict[str, Expr] = {}
    for name, expr in parts:
        column, _, resource = name.partition("\n")
        fullest = Aggregate("topk", shares[resource], param=Number(Decimal(1)))
        shown = fullest if column == "used" else Binary("and", expr, fullest)
        named = Call("label_replace", (shown, *(String(text) for text in (RESOURCE, resource, "", ""))))
        columns[column] = Binary("or", columns[column], named) if column in columns else named
    return list(columns.items())


def _with_period(expr: Expr, period: Duration) -> Expr:
    """The expression with the length of the SLOs' period, in seconds, in its place."""
    if expr == SLO_PERIOD:
        return Number(Decimal(period.ms) / 1000)
    return rebuild(expr, lambda part: _with_period(part, period))


def _query(ref: str, panel: Panel, named: Named, deployment: _Deployment) -> BoundQuery:
    name, bound = named
    try:
        kind = infer(bound, deployment.vocabulary)
    except PromqlError as error:
        raise _refused(panel, error.message, error.value, error.expected, error.next_step) from error
    bound, records = _with_period(bound, deployment.period), deployment.records
    shown = use_recorded(bound, records) if records else bound
    recorded, every, text = shown is not bound, renewal(shown, records), legend(panel, name, bound, kind)
    instant = panel.instant
    if isinstance(panel, Stat) and not panel.names and is_flow(bound):
        # With a course behind the number; what has ended must not show its last value as if it were now.
        shown, instant = Binary("and", shown, at_the_end(shown)), False
    if not instant:
        shown = choose_once(shown)
    metrics, vocabulary = metrics_of(bound), deployment.vocabulary
    return BoundQuery(
        *(ref, name, text, shown, kind, metrics, recorded, every, instant),
        words=tuple(_words(kind, metrics, vocabulary)),
        edges=edges_behind(bound, metrics, vocabulary),
    )


def _words(kind: Type, metrics: Iterable[Metric], vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Values of the labels that a legend shows, with their titles, or the catalog's words if these are much shorter."""
    found: dict[str, str] = {}
    for metric in sorted(metrics, key=str):
        form = vocabulary.form(metric)
        for label in form.labels if form else ():
            if vocabulary.series_label(metric, label) in (kind.labels or ()):
                long, short = (sum(map(len, texts)) for texts in (label.words.values(), label.words))
                found |= {value: word for word, value in label.words.items()} if long > 2 * short else {}
                found |= label.titles
    yield from found.items()


def edges_behind(expr: Expr, metrics: Iterable[Metric], vocabulary: Vocabulary) -> tuple[float, float] | None:
    """The lowest and the highest bucket edge of the histogram behind a quantile; None for anything else."""
    if not any(isinstance(node, Call) and node.function == "histogram_quantile" for node in walk(expr)):
        return None
    forms = [form for metric in metrics if (form := vocabulary.form(metric)) and form.buckets]
    buckets = [form.buckets for form in forms if form.buckets]
    return (buckets[0][0], buckets[0][-1]) if len(buckets) == 1 else None


def _refuse_doubtful(bound: Expr, vocabulary: Vocabulary) -> None:
    """Raise Unavailable for a metric that not every build of this version has: its panel might stay empty for ever."""
    for metric in metrics_of(bound):
        form = vocabulary.form(metric)
        if form is not None and form.may_lack:
            message = f"{metric.name} is not in every {vocabulary.flavor} registry of this version: {form.may_lack}"
            raise Unavailable(message, metric=metric, reason="version")


def legend(panel: Panel, name: str, bound: Expr, kind: Type) -> str:
    """Grafana's legend format: the name given in the file, the labels that tell the lines apart, or the title."""
    if isinstance(panel, Tile):
        return f"{{{{{CAUSE}}}}}"
    order = {label: index for index, label in enumerate(_grouping(bound))}
    labels = sorted(kind.labels or (), key=lambda label: (order.get(label, len(order)), label))
    labels += [INSTANCE] if kind.open and INSTANCE not in labels else []
    parts = ([name] if name else []) + [f"{{{{{label}}}}}" for label in labels]
    return " ".join(parts) or panel.title


def _grouping(expr: Expr) -> Iterable[str]:
    """The labels of the grouping clauses, outermost first, in the order they are written."""
    clauses = (node.labels for node in walk(expr) if isinstance(node, Aggregate) and not node.without)
    return dict.fromkeys(label for labels in clauses for label in labels or ())


def _check(panel: Panel, queries: Sequence[BoundQuery]) -> None:
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
        if isinstance(panel, Lines | States) and may_be_never(query.expr):
            raise _refused(
                panel,
                "what never happened would be a line of 50 years",
                query.name or None,
                "an age of what has happened",
                "leave out `or_never`, or show it as Table, Bars or Stat",
            )
    units = {grafana_unit(query.type.unit, per_second=query.type.per_second) for query in queries}
    if len(units) > 1 and not isinstance(panel, Table):
        found = ", ".join(sorted({f"{query.type.unit}{'/s' * query.type.per_second}" for query in queries}))
        raise _refused(panel, "one axis cannot show different units", found, "one unit", "make it several panels")


def may_be_never(expr: Expr) -> bool:
    """Whether an expression is an age that a moment of 0 makes longer than 50 years."""
    for node in walk(expr):
        match node:
            case Binary("-", Call("time"), Aggregate("max", Selector())):
                return True
    return False


def _refused(panel: Panel, message: str, value: object, expected: str | None, next_step: str | None) -> DashboardError:
    return DashboardError(
        f"panel {panel.title!r}: {message}",
        location=panel.location,
        value=value,
        expected=expected,
        next_step=next_step,
    )
