"""What changed between two times: alerts, restarts, versions, deploys, budgets, panels that moved, log messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from regobs.catalog import build_info, process, slo, targets
from regobs.common.counts import counted
from regobs.config import Config
from regobs.errors import InputError
from regobs.grafana.variables import Variables
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.promql.bind import bind
from regobs.promql.build import count, select
from regobs.promql.nodes import Expr
from regobs.promql.printer import to_text
from regobs.promql.unavailable import Unavailable
from regobs.query.complete import Gap
from regobs.query.deploys import Deploys
from regobs.query.incident_logs import HEADS, LogsCompared
from regobs.query.moved import MovedPanel, moved_panels, watched_panels
from regobs.query.times import AskedRange
from regobs.snapshot.happened import alert_events
from regobs.snapshot.span import STEPS, span_of
from regobs.snapshot.taken import SnapshotEvent

HOUR = 3600  # seconds that the time before is long
HAPPENED, BUDGETS, MOVED, LOGS = "What happened", "Error budgets spent", "What moved most", "What changed in the logs"
_NOTHING_HAPPENED = "nothing that is known of: no restart, target or version, and no alert or deploy"
_NOTHING_SPENT = "no SLO lost a ten-thousandth of its budget"
NO_RULES = "are the rules of `regobs build` loaded, and were they in this time?"
_MOST_POINTS = 300  # of a series, over both spans
RANKING = (
    "Ranked by how far the outer fifth of a series' values is from its median in the time before, in units of its own "
    "spread then, times the share of values outside of all that was seen then"
)
ORDER = (
    "A line stands below what it may follow from, of each component the strongest that moved a quarter as much or more"
)


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """An SLO in one scope: the part of its period's error budget that was left at the start and at the end."""

    slo: str
    scope: str
    before: float
    after: float

    @property
    def spent(self) -> float:
        """The part of the whole budget that went."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened in `since`, beside the time `before` it, both in milliseconds since 1970.

    `notes` say of the parts, by their titles, what nobody knows and why; `gaps` what the answers lack. `logs` is None
    where none were given.
    """

    before: AskedRange
    since: AskedRange
    events: tuple[SnapshotEvent, ...]
    budgets: tuple[BudgetSpent, ...]
    moved: tuple[MovedPanel, ...]
    refused: tuple[str, ...]
    asked: int
    weekly: bool
    notes: tuple[tuple[str, str], ...] = ()
    gaps: tuple[Gap, ...] = ()
    logs: LogsCompared | None = None

    @property
    def ranking(self) -> str:
        """How the panels were ranked, in a sentence."""
        week = "less what the same hours of last week did" if self.weekly else "last week has no data to compare"
        return f"{RANKING}; {week}. {ORDER}."


def spans(start: float, end: float, scrape_interval: float) -> tuple[AskedRange, AskedRange]:
    """The hour before and the time since, with one step. Raises InputError for a time that is none or too short."""
    if end <= start:
        raise InputError("the incident ends before it begins", expected="--from before --to")
    wanted = max((end - start + HOUR) / _MOST_POINTS, scrape_interval)
    step = next((step for step in STEPS if step >= wanted), STEPS[-1])
    first, last = int(start // step * step), int(end // step * step)
    if last <= first:
        raise InputError(
            "the time is too short to compare", value=f"{end - start:g} s", expected=f"more than {step} s",
            next_step="move --from or --to",
        )  # fmt: skip
    hour = HOUR // step * step
    return (
        AskedRange((first - hour) * 1000, (first - step) * 1000, step * 1000),
        AskedRange(first * 1000, last * 1000, step * 1000),
    )


def read_incident(
    server: Prometheus,
    pack: Pack,
    config: Config,
    asked: tuple[AskedRange, AskedRange],
    report: Callable[[int, int], None] | None = None,
    *,
    deploys: Deploys | None = None,
    logs: LogsCompared | None = None,
) -> Incident:
    """Ask a server what changed; `deploys` and `logs` are what others tell of the same times. Raises ServerError."""
    before, since = asked
    told = deploys or Deploys()
    scraped = _scraped(server, config, asked)
    alerts = list(_alerts(server, since))
    events = [*alerts, *_restarts(server, config, since), *_targets(scraped, config, since)]
    events += [*_versions(server, config, since), *told.events]
    panels = watched_panels(pack, config, since.step // 1000)
    moved, refused, weekly = moved_panels(server, panels, before, since, report)
    budgets, unknown = _budgets(server, config, since)
    happened = (*told.notes, *(() if alerts else _without_rules(server, since)))
    silent = tuple(_without_data(server, scraped, asked, known=bool(moved)))
    if not any(time >= since.start / 1000 for one in scraped for time, _ in one.points):
        happened = (*(gap.text for gap in silent), *happened)
    notes = [(HAPPENED, text) for text in happened] + [(BUDGETS, text) for text in unknown]
    return Incident(
        before, since, tuple(sorted(events, key=lambda event: (event.time, event.text))), tuple(budgets),
        tuple(moved), tuple(refused), len(panels), weekly,
        notes=(*notes, *((MOVED, gap.text) for gap in silent)), gaps=(*silent, *told.gaps), logs=logs,
    )  # fmt: skip


def _scraped(server: Prometheus, config: Config, asked: tuple[AskedRange, AskedRange]) -> tuple[RangeSeries, ...]:
    """Whether each target of the registry was up, in the hour before and since."""
    before, since = asked
    text = _scoped(select(targets.UP), config)
    return server.query_range(text, before.start / 1000, since.end / 1000, since.step / 1000).ranges


def _without_rules(server: Prometheus, since: AskedRange) -> Iterator[str]:
    """That no alert can be told of, where the rules were not evaluated: their watchdog has no series either."""
    pack = to_text(bind(count(select(targets.ALERTS, alertname="registry")), Config().vocabulary))
    if not server.query_range(pack, since.start / 1000, since.end / 1000, since.step / 1000).ranges:
        yield f"alerts are not known: the server has no alert of the pack, not even its watchdog; {NO_RULES}"


def _without_data(
    server: Prometheus, scraped: Sequence[RangeSeries], asked: tuple[AskedRange, AskedRange], *, known: bool
) -> Iterator[Gap]:
    """Which data is missing: that of the server, of the registry, or of one of the two times.

    `known` is whether panels have some: it may come from what is not scraped.
    """
    before, since = asked
    times = [time for one in scraped for time, _ in one.points]
    start = since.start / 1000
    here, there = any(time >= start for time in times), any(time < start for time in times)
    if here and there:
        return
    if times:
        missing = "the hour before" if here else "the time that is asked about"
        yield Gap("no data", f"no target of the registry has data in {missing}: nothing can be compared")
        return
    if known:
        return
    text = to_text(bind(count(select(targets.UP)), Config().vocabulary))
    any_target = server.query_range(text, before.start / 1000, since.end / 1000, since.step / 1000).ranges
    yield Gap(
        "no data",
        "no target of the registry has data in this time or in the hour before, others have: see `regobs doctor`"
        if any_target
        else "the server has no data of this time and of the hour before: see how long it keeps samples",
    )


def _alerts(server: Prometheus, since: AskedRange) -> Iterator[SnapshotEvent]:
    """Alerts that began or ended; one that fired at the start already is said to have fired before it."""
    start, step = since.start / 1000, since.step / 1000
    for event in alert_events(server, span_of(start, since.end / 1000, step)):
        if event.kind == "alert" and event.time <= start + step:
            yield SnapshotEvent(start, "alert", f"{event.text} already")
        else:
            yield event


def _scoped(expr: Expr, config: Config) -> str:
    return to_text(Variables.of(config).selectors_only.apply(bind(expr, config.vocabulary)))


def _restarts(server: Prometheus, config: Config, since: AskedRange) -> Iterator[SnapshotEvent]:
    """Processes of the registry that started."""
    start, end, step = since.start / 1000, since.end / 1000, since.step / 1000
    for one in server.query_range(_scoped(select(process.START_TIME), config), start, end, step).ranges:
        name = one.labels.get(config.labels.instance, "a process")
        for moment in dict.fromkeys(value for _, value in one.points):
            if start < moment <= end:
                yield SnapshotEvent(moment, "restart", f"{name} has started")


def _targets(scraped: Sequence[RangeSeries], config: Config, since: AskedRange) -> Iterator[SnapshotEvent]:
    """Targets that went up or down."""
    for one in scraped:
        name = one.labels.get(config.labels.instance, "a target")
        for (_, old), (time, new) in pairwise(one.points):
            if old != new and time >= since.start / 1000:
                yield SnapshotEvent(time, "target", f"{name} is {'up' if new else 'down'}")


def _versions(server: Prometheus, config: Config, since: AskedRange) -> Iterator[SnapshotEvent]:
    try:
        text = _scoped(count(build_info.BUILD, by="version"), config)
    except Unavailable:  # CNCF Distribution does not say its version
        return
    start, end, step = since.start / 1000, since.end / 1000, since.step / 1000
    for one in server.query_range(text, start, end, step).ranges:
        version = one.labels.get("version", "unknown")
        if one.points and one.points[0][0] > start + step:
            yield SnapshotEvent(one.points[0][0], "version", f"version {version} appears")
        if one.points and one.points[-1][0] < end - step:
            yield SnapshotEvent(one.points[-1][0] + step, "version", f"version {version} is gone")


def _budgets(server: Prometheus, config: Config, since: AskedRange) -> tuple[list[BudgetSpent], tuple[str, ...]]:
    """The SLOs whose budget shrank, the largest loss first, and why they are not known where the server has none."""
    text = _scoped(select(slo.BUDGET_REMAINING), config)

    def left(at: float) -> dict[tuple[str, str], float]:
        own = {"__name__", "slo", "operation", "sli"}
        return {
            (
                one.labels.get("slo", ""),
                " ".join(value for name, value in sorted(one.labels.items()) if name not in own),
            ): one.value
            for one in server.query(text, at).samples
        }

    then, now = left(since.start / 1000), left(since.end / 1000)
    found = [BudgetSpent(*key, then[key], now[key]) for key in then if key in now and now[key] < then[key]]
    lost = sorted(found, key=lambda one: -one.spent)
    if then.keys() & now.keys():
        return lost, ()
    when = "at neither end" if not then and not now else "not at the start" if now else "not at the end"
    return lost, (f"budgets are not known: the server has them {when} of this time; {NO_RULES}",)


@dataclass(frozen=True, slots=True)
class IncidentPart:
    """A part of a report: a table, what stands for one without rows ("" where that is not known), and notes of it."""

    title: str
    heads: Sequence[str]
    rows: list[list[str]]
    empty: str
    notes: tuple[str, ...] = ()

    @property
    def below(self) -> tuple[str, ...]:
        """What stands below the heading beside the table, or in its place."""
        return self.notes if self.rows or not self.empty else (self.empty, *self.notes)


def sections(incident: Incident, most: int) -> list[IncidentPart]:
    """The parts of a report."""
    from regobs.query.show import unit_value  # noqa: PLC0415 - what only reads an incident needs no units
    from regobs.query.times import moment_text  # noqa: PLC0415

    def value(moved: MovedPanel, number: float | None) -> str:
        return "no data" if number is None else unit_value(number, moved.panel.type)

    happened = [[moment_text(int(event.time)), event.kind, event.text] for event in incident.events]
    spent = [
        [one.slo, one.scope, f"{one.spent:.2%}", f"{one.after:.2%}"] for one in incident.budgets if one.spent >= 1e-4
    ]
    moved = [
        [
            str(place),
            f"{one.panel.panel}, {one.panel.part}" if one.panel.part else one.panel.panel,
            one.panel.dashboard,
            ", ".join(f"{name}={text}" for name, text in sorted(one.labels.items())),
            value(one, one.before),
            value(one, one.since),
            f"{one.rank:.1f}",
            ", ".join(one.causes),
        ]
        for place, one in enumerate(incident.moved[:most], 1)
    ]
    said: dict[str, list[str]] = {HAPPENED: [], BUDGETS: [], MOVED: []}
    for part, text in incident.notes:
        said[part].append(text)
    heads = ["", "panel", "dashboard", "series", "before", "since", "rank", "may follow from"]
    missing = any(text in said[MOVED] for text in said[HAPPENED])  # without data nobody knows what happened
    found = [
        IncidentPart(HAPPENED, ["time", "kind", "what"], happened, "" if missing else _NOTHING_HAPPENED),
        IncidentPart(BUDGETS, ["SLO", "scope", "spent", "left"], spent, "" if said[BUDGETS] else _NOTHING_SPENT),
        IncidentPart(MOVED, heads, moved, "" if said[MOVED] else f"none of {incident.asked} queries moved"),
    ]
    found = [replace(one, notes=tuple(said[one.title])) for one in found]
    return found if incident.logs is None else [*found, _of_logs(incident.logs, most)]


def _of_logs(logs: LogsCompared, most: int) -> IncidentPart:
    rows = [
        [one.change, one.what, f"{one.before:,}", f"{one.since:,}", "" if one.times is None else f"{one.times:.1f}"]
        for one in logs.found[:most]
    ]
    left = len(logs.found) - most
    more = f"{left:,} more {'kind' if left == 1 else 'kinds'} of lines changed: --top shows more"
    notes = (*logs.notes, *((more,) if len(logs.found) > most else ()), *(gap.text for gap in logs.gaps))
    empty = "" if logs.gaps else f"none of {counted(logs.lines, 'line')} tells of a change by more than chance"
    return IncidentPart(LOGS, HEADS, rows, empty, notes)
