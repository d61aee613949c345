"""What checks look at: queries, rules, panels, dashboards, each with its place in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from regobs.catalog.model import Exposer, Flavor, Form, Kind, Metric, Version
from regobs.documents import Steps
from regobs.errors import PromqlError
from regobs.grafana.classic import variables_of
from regobs.lint.bounds import Records, Values
from regobs.lint.findings import LintEdit, LintFinding, LintProblem, Severity
from regobs.lint.query_trees import QueryTree
from regobs.lint.sources import SourceText
from regobs.promql.functions import GROWTH
from regobs.promql.inferred_parts import InferredParts
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, Selector
from regobs.promql.series import catalog_lookup
from regobs.promql.tokens import TokenKind, tokenize, word_place
from regobs.promql.types import Type

if TYPE_CHECKING:
    from regobs.lint.linted_files import LintedFile

Json = dict[str, Any]


@dataclass
class LintContext:
    """What is known beside the files: of the deployment, and of all files together."""

    scrape_interval_ms: int | None = None
    flavor: Flavor | None = None
    version: Version | None = None
    recorded: set[str] = field(default_factory=set)
    rated: Counter[str] = field(default_factory=Counter)  # how many queries take a rate of a series,
    read_raw: Counter[str] = field(default_factory=Counter)  # and how many read it as it is
    tested: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    watched_jobs: frozenset[str] = frozenset()  # of which some alert tells that their targets are gone; "" is each
    alerts: list[LintedRule] = field(default_factory=list)
    dashboards: dict[str, LintedDashboard] = field(default_factory=dict)
    live: Callable[[LintedFile], Iterator[LintFinding]] | None = None
    own: Mapping[str, tuple[Metric, str]] = field(default_factory=dict)
    records: Records = field(default_factory=Records)
    flavor_guessed: bool = False  # the flavor is that of most queries, which nobody named
    _found: dict[str, tuple[Metric, str] | None] = field(default_factory=dict)  # each is asked for about fifty times
    _trees: dict[str, QueryTree] = field(default_factory=dict)

    def lookup(self, name: str) -> tuple[Metric, str] | None:
        """The metric that a series belongs to, and its suffix there: of the catalog, else of the user's own."""
        try:
            return self._found[name]
        except KeyError:
            found = self._found[name] = catalog_lookup(name) or self.own.get(name)
            return found

    def tree(self, text: str) -> QueryTree:
        """What a text of PromQL says; equal texts have the same."""
        found = self._trees.get(text)
        if found is None or found.records is not self.records:
            found = self._trees[text] = QueryTree(text, self.lookup, self.records)
        return found

    def forms(self, metric: Metric) -> tuple[Form, ...]:
        """How the registry in question exposes a metric; without a flavor, how any current one does."""
        if self.flavor is None or metric.exposer is not Exposer.REGISTRY:
            return tuple(form for form in metric.forms if form.until is None)
        form = metric.form(self.flavor, self.version)
        return (form,) if form is not None else ()


@dataclass(eq=False)
class LintedQuery:
    """A query: `path` leads to its text in the data of its file; `role` is alert, record, panel, variable or bare.

    Where it is a part of the text there, as in `label_values(QUERY, job)`, that is `whole`, and it begins at `shift`.
    """

    text: str
    source: SourceText
    path: Steps
    role: str
    context: LintContext
    subject: str = ""
    macros: Mapping[str, Json] = field(default_factory=dict)
    instant: bool = False
    least_step_ms: float = 0  # of a panel: its points are never closer; infinite where a variable says so
    whole: str = ""
    shift: int = 0
    averaged: bool = False  # of a panel: it shows only the mean of its points
    one_number: bool = False  # of a panel: it is of those that show a single number
    caption: str = ""  # of a panel: what it says beside its title, with the legend
    set_labels: frozenset[str] = frozenset()  # of a rule: those that it sets itself
    texts: str = ""  # of a rule: its annotations

    @cached_property
    def tree(self) -> QueryTree:
        """What its text says, wherever it stands."""
        return self.context.tree(self.text)

    # Each is asked for by many checks: kept here too, it is found without a call.
    @cached_property
    def expr(self) -> Expr | None:
        """The tree; None for a text that is no PromQL."""
        return self.tree.parsed if isinstance(self.tree.parsed, Expr) else None

    @property
    def fault(self) -> PromqlError | None:
        """Why there is no tree."""
        return self.tree.parsed if isinstance(self.tree.parsed, PromqlError) else None

    @property
    def stripped(self) -> Expr | None:
        """The tree without its parentheses."""
        return self.tree.stripped

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every part of the tree, parents first."""
        return self.tree.nodes

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector of the tree."""
        return self.tree.selectors

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every call of a function."""
        return self.tree.calls

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """Every aggregation."""
        return self.tree.aggregates

    @cached_property
    def binaries(self) -> tuple[Binary, ...]:
        """Every operation on two sides."""
        return self.tree.binaries

    @property
    def compared(self) -> tuple[tuple[Binary, Expr, str, Decimal], ...]:
        """Each comparison of a value with a number, as the comparison, its value, operator and number."""
        return self.tree.compared

    def above(self, node: Expr) -> Iterator[Expr]:
        """What a part stands in, from the inside out."""
        while (parent := self.tree.parents.get(id(node))) is not None:
            yield parent
            node = parent

    @cached_property
    def parts(self) -> InferredParts:
        """The types of the parts."""
        return self.tree.parts

    @property
    def values(self) -> Values:
        """What values the parts may have."""
        return self.tree.values

    @property
    def likely_values(self) -> Values:
        """What values the parts most likely have, by their names too."""
        return self.tree.likely_values

    def entry(self, node: Selector) -> tuple[Metric, str] | None:
        """The metric that a selector reads, as far as it is known, and which of its series."""
        name = node.metric
        return self.context.lookup(name) if isinstance(name, str) and name else None

    def metric(self, node: Selector) -> Metric | None:
        """The metric that a selector reads; None for one that is not known."""
        entry = self.entry(node)
        return entry[0] if entry else None

    def series_names(self, node: Selector) -> frozenset[str]:
        """The names of the series that a selector reads: its own, or those that the rules of its name read."""
        name = str(node.metric)
        return self.context.records.names(name) or frozenset({name})

    @property
    def type(self) -> Type:
        """The type of the result."""
        assert self.expr is not None  # noqa: S101
        return self.parts.of(self.expr)

    @property
    def recorded_type(self) -> Type | None:
        """The type of what a rule with this query records; None where that is not known."""
        if self.expr is None or not self.selectors:
            return None
        of = self.type
        labels = of.possible_labels
        known = all(self._is_known(one) for one in self.selectors)
        kind = Kind.GAUGE if known and not of.raw_counter else None
        added = None if labels is None else labels | self.set_labels
        return of._replace(labels=added, open=True, recorded=added is not None, kind=kind)

    def _is_known(self, node: Selector) -> bool:
        """Whether it is certain what a series is: by the catalog, by a rule, or as a rate is taken of it."""
        return (
            self.entry(node) is not None
            or self.context.records.type(str(node.metric)) is not None
            or any(isinstance(one, Call) and one.function in GROWTH for one in self.above(node))
        )

    @property
    def alerts(self) -> bool:
        """Whether it decides on an alert."""
        return self.role == "alert"

    def problem(
        self, where: Expr | Matcher, what: str, next_step: str, severity: Severity | None = None, word: str = ""
    ) -> LintProblem:
        """A problem at a part of the query, or at `word` within it."""
        start, end = where.span or (0, len(self.text))
        if word and (found := word_place(word, self.text, start, end)) >= 0:
            start, end = found, found + len(word)
        return LintProblem(*self.place(start, end), what, next_step, severity)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a piece of the query stands in the file."""
        return self.source.within(self.path, self.whole or self.text, start + self.shift, end + self.shift)

    def edit(self, where: Expr | Matcher | None, old: str, new: str) -> LintEdit | None:
        """The edit that puts `new` for the one `old` in a part of the query; None where it is not there once."""
        start, end = (where.span if where is not None else None) or (0, 0)
        if not old or self.text.count(old, start, end) != 1:
            return None
        at = self.text.index(old, start, end)
        return self.source.edit(self.path, self.whole or self.text, at + self.shift, at + len(old) + self.shift, new)

    def faults(self, check: str) -> Iterator[LintProblem]:
        """What inference found under the name of a check."""
        yield from (problem for _, problem in self.faults_by_node(check))

    def faults_by_node(self, check: str) -> Iterator[tuple[Expr, LintProblem]]:
        """The same, each with the part of the query that it was found in."""
        for node, error in self.parts.faults:
            if error.check == check:
                value = str(error.value) if error.value is not None else ""
                step = f"write {error.expected}" if error.expected else ""
                yield node, self.problem(node, error.message, step, word=value)


def template_variable(text: str) -> str:
    """The first variable of a template that stands in a query, as `${LIMIT}` does; those of Grafana aside."""
    if "$" not in text:
        return ""
    try:
        tokens = [one.text for one in tokenize(text) if one.kind is TokenKind.VARIABLE]
    except PromqlError:
        return ""
    return next((one for one in tokens if "$__" not in one and "${__" not in one), "")


@dataclass(eq=False)
class LintedRule:
    """A rule of a rule file, at `path`, in its group."""

    source: SourceText
    path: Steps
    data: Json
    group: Json
    query: LintedQuery | None
    context: LintContext

    @property
    def name(self) -> str:
        """The name of the alert or of the recorded series."""
        return str(self.data.get("alert") or self.data.get("record") or "")

    @property
    def alerts(self) -> bool:
        """Whether it is an alert."""
        return "alert" in self.data

    def texts(self, key: str) -> dict[str, str]:
        """Its labels or annotations, as far as they are text."""
        found = self.data.get(key)
        return {name: str(text) for name, text in found.items()} if isinstance(found, dict) else {}

    def problem(
        self,
        steps: Steps,
        what: str,
        next_step: str,
        *,
        word: str = "",
        severity: Severity | None = None,
        key: bool = False,
    ) -> LintProblem:
        """A problem at a part of the rule, at `word` in the text there, or at its key."""
        path = (*self.path, *steps)
        start, end = self.source.extent(path, key=key)
        value: Any = self.data
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if word and isinstance(value, str) and (found := value.find(word)) >= 0:
            start, end = self.source.within(path, value, found, found + len(word))
        return LintProblem(start, end, what, next_step, severity)

    def edit(self, steps: Steps, old: str, new: str) -> LintEdit | None:
        """The edit that puts `new` for the one `old` in a text of the rule; None where it is not there once."""
        value: Any = self.data
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if not isinstance(value, str) or value.count(old) != 1:
            return None
        at = value.index(old)
        return self.source.edit((*self.path, *steps), value, at, at + len(old), new)


@dataclass(eq=False)
class LintedPanel:
    """A panel of a dashboard, at `path`."""

    source: SourceText
    path: Steps
    data: Json
    queries: list[LintedQuery]

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.data.get("title") or "")

    @property
    def kind(self) -> str:
        """What Grafana calls its visualization."""
        return str(self.data.get("type") or "")

    @property
    def defaults(self) -> Json:
        """What holds for all its fields."""
        config = self.data.get("fieldConfig")
        found = config.get("defaults") if isinstance(config, dict) else None
        return found if isinstance(found, dict) else {}

    def target(self, query: LintedQuery) -> Json:
        """What a query stands in, with its legend and data source."""
        found: Any = self.data
        for step in query.path[len(self.path) : -1]:
            found = found[step]
        return found if isinstance(found, dict) else {}

    def problem(self, steps: Steps, what: str, next_step: str, severity: Severity | None = None) -> LintProblem:
        """A problem at a part of the panel."""
        return LintProblem(*self.source.extent((*self.path, *steps)), what, next_step, severity)

    def edit(self, steps: Steps, old: str, new: str) -> LintEdit:
        """The edit that makes `new` of the whole text `old` at a part of the panel."""
        return self.source.edit((*self.path, *steps), old, 0, len(old), new)


@dataclass(eq=False)
class LintedDashboard:
    """A dashboard, at `path`: its panels in the order of the file, rows among them."""

    source: SourceText
    path: Steps
    data: Json
    panels: list[LintedPanel]
    queries: list[LintedQuery]
    context: LintContext

    @property
    def variables(self) -> list[Json]:
        """Its variables."""
        return variables_of(self.data)

    def problem(self, steps: Steps, what: str, next_step: str, severity: Severity | None = None) -> LintProblem:
        """A problem at a part of the dashboard."""
        return LintProblem(*self.source.extent((*self.path, *steps)), what, next_step, severity)

    def edit(self, steps: Steps, old: str, new: str) -> LintEdit | None:
        """The edit that makes `new` of the whole text `old` at a part of the dashboard."""
        return self.source.edit((*self.path, *steps), old, 0, len(old), new) if old else None


@dataclass(eq=False)
class LintedRouting:
    """A configuration of Alertmanager, at `path`."""

    source: SourceText
    path: Steps
    data: Json
    context: LintContext

    def problem(self, steps: Steps, what: str, next_step: str, severity: Severity | None = None) -> LintProblem:
        """A problem at a part of it."""
        return LintProblem(*self.source.extent((*self.path, *steps)), what, next_step, severity)
