"""Taking a snapshot: every query of the chosen dashboards, a few at a time, each text once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from regobs.catalog.model import Capability
from regobs.config import Config
from regobs.errors import QueryError
from regobs.grafana.bound import BoundDashboard, BoundPanel, BoundQuery, BoundRow
from regobs.grafana.layout import PanelPlace, arrange
from regobs.grafana.render import describe
from regobs.grafana.variables import Variables
from regobs.prometheus import Prometheus, QueryAnswer
from regobs.promql.nodes import Duration
from regobs.promql.printer import to_text
from regobs.promql.walk import fill_durations, selectors
from regobs.snapshot.happened import firings, marks
from regobs.snapshot.palette import palette_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import Asked, Snapshot, SnapshotEvent, TakenDashboard, TakenPanel, TakenRow

# A Prometheus evaluates 20 queries at once by default, and a snapshot is taken while others look at their dashboards.
THREADS = 8
Report = Callable[[int, int], None]
Outcome = QueryAnswer | str  # an answer, or what the server said in place of one


@dataclass(frozen=True, slots=True)
class _Question:
    """A query as it is sent; `instant` ones are asked at the end of the span."""

    text: str
    instant: bool


def take(
    prometheus: Prometheus,
    dashboards: Sequence[BoundDashboard],
    config: Config,
    span: TimeSpan,
    report: Report | None = None,
    *,
    events: Sequence[SnapshotEvent] = (),
) -> Snapshot:
    """Ask everything and put the answers to their panels; `report` is told how many of how many queries are done.

    `events` are what the caller knows to have happened; the alerts that fired come on top of them.

    A query that the server rejects leaves its error at the panel. Raises ServerError when the server cannot be reached
    any more.
    """
    taking = _Taking(config, span)
    questions = list(dict.fromkeys(question for one in dashboards for question in taking.questions(one)))
    taking.outcomes = _ask(prometheus, questions, span, report)
    taking.live = {need for one in dashboards for need in taking.live_in(one)}
    warnings = (text for one in taking.outcomes.values() if isinstance(one, QueryAnswer) for text in one.warnings)
    taken = tuple(taking.dashboard(one) for one in dashboards)
    fired = marks(firings(prometheus, span, config.deployment_matchers), span)
    happened = sorted([*events, *fired], key=lambda event: event.time)
    colors = palette_of((panel for one in taken for panel in one.panels()), span)
    return Snapshot(taken, span, prometheus.url, tuple(dict.fromkeys(warnings)), tuple(happened), colors)


class _Taking:
    """One snapshot: how its queries are asked, what came back, and which capabilities the server has data of."""

    def __init__(self, config: Config, span: TimeSpan) -> None:
        variables = Variables.of(config)
        self._config = config
        self._variables = variables.selectors_only
        scrape = config.prometheus.scrape_interval.ms
        # As Grafana computes $__rate_interval: no sample between two points is left out.
        self._window = Duration(max(span.step * 1000 + scrape, 4 * scrape))
        self._range = Duration(max(round(span.seconds), 1) * 1000)
        self.outcomes: dict[_Question, Outcome] = {}
        self.live: set[Capability] = set()

    def questions(self, dashboard: BoundDashboard) -> Iterator[_Question]:
        return (self._question(panel, query) for _, panel in dashboard.panels() for query in panel.queries)

    def _question(self, panel: BoundPanel, query: BoundQuery) -> _Question:
        scoped = query.expr if query.scoped else self._variables.apply(query.expr)
        expr = fill_durations(scoped, self._window, self._range)
        return _Question(to_text(expr), panel.panel.instant)

    def live_in(self, dashboard: BoundDashboard) -> Iterator[Capability]:
        """What the panels that have data come with."""
        for _, panel in dashboard.panels():
            if not all(self._asked(panel, query).empty for query in panel.queries):
                yield from self._needs(panel)

    def _needs(self, panel: BoundPanel) -> Iterator[Capability]:
        for metric in sorted({metric for query in panel.queries for metric in query.metrics}, key=str):
            form = self._config.vocabulary.form(metric)
            if form is not None and form.needs is not None:
                yield form.needs

    def dashboard(self, bound: BoundDashboard) -> TakenDashboard:
        """The dashboard with its answers; every reason why there is none when all of it is left out."""
        rows = tuple(self._row(row) for row in bound.rows if row.panels)
        reasons = dict.fromkeys(lacking.reason for _, lacking in bound.left_out())
        return TakenDashboard(bound.slug, bound.dashboard.title, rows, "" if rows else "; ".join(reasons))

    def _row(self, row: BoundRow) -> TakenRow:
        places = _places(row)
        panels = tuple(self._panel(panel, place) for panel, place in zip(row.panels, places, strict=True))
        shown = {panel.title for panel in panels}
        left_out = tuple(lacking for lacking in row.left_out if lacking.panel.title not in shown)
        return TakenRow(row.row.title, panels, left_out)

    def _panel(self, panel: BoundPanel, place: PanelPlace) -> TakenPanel:
        asked = tuple(self._asked(panel, query) for query in panel.queries)
        alert, runbooks = panel.panel.alert, self._config.runbook_url
        runbook = f"{runbooks.rstrip('/')}/{alert}.md" if alert and runbooks else ""
        description, severities = (
            panel.description or describe(panel, self._config.flavor),
            tuple(self._config.severities.values()),
        )
        return TakenPanel(panel, place, asked, description, self._hint(panel), runbook, severities)

    def _asked(self, panel: BoundPanel, query: BoundQuery) -> Asked:
        question = self._question(panel, query)
        found = self.outcomes[question]
        if isinstance(found, QueryAnswer):
            return Asked(query, question.text, found)
        return Asked(query, question.text, error=found)

    def _hint(self, panel: BoundPanel) -> str:
        """What a panel without data may lack: a capability of which nothing has data, or the recording rules."""
        if missing := dict.fromkeys(need for need in self._needs(panel) if need not in self.live):
            return f"needs the capability {', '.join(missing)}"
        read = (str(selector.metric) for query in panel.queries for selector in selectors(query.expr))
        return "reads what recording rules write" if any(":" in name for name in read) else ""


def _places(row: BoundRow) -> list[PanelPlace]:
    """Where the panels of a row stand, counted from its top: as in Grafana's JSON, or by their order."""
    read = [panel.place for panel in row.panels if panel.place is not None]
    if len(read) < len(row.panels):
        return arrange([panel.panel.height for panel in row.panels], 0)
    top = min(place.y for place in read)
    return [replace(place, y=place.y - top) for place in read]


def _ask(
    prometheus: Prometheus, questions: Sequence[_Question], span: TimeSpan, report: Report | None
) -> dict[_Question, Outcome]:
    def ask(question: _Question) -> Outcome:
        try:
            if question.instant:
                return prometheus.query(question.text, span.end)
            return prometheus.query_range(question.text, span.first, span.last, span.step)
        except QueryError as error:
            return error.expected or error.message

    outcomes: dict[_Question, Outcome] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = {pool.submit(ask, question): question for question in questions}
        try:
            for done in as_completed(waiting):
                outcomes[waiting[done]] = done.result()
                if report is not None:
                    report(len(outcomes), len(questions))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # those that run end by themselves, with their timeout
            raise
    return outcomes
