"""What changed between two times: alerts, restarts, versions, error budgets, and the panels that moved most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from regobs.catalog import build_info, process, slo, targets
from regobs.config import Config
from regobs.errors import InputError
from regobs.grafana.variables import Variables
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.promql.bind import bind
from regobs.promql.build import count, select
from regobs.promql.nodes import Expr
from regobs.promql.printer import to_text
from regobs.promql.unavailable import Unavailable
from regobs.query.moved import MovedPanel, moved_panels, watched_panels
from regobs.query.times import AskedRange
from regobs.snapshot.happened import alert_events
from regobs.snapshot.span import STEPS, span_of
from regobs.snapshot.taken import SnapshotEvent

HOUR = 3600  # seconds that the time before is long
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
    """What happened in `since`, beside the time `before` it, both in milliseconds since 1970."""

    before: AskedRange
    since: AskedRange
    events: tuple[SnapshotEvent, ...]
    budgets: tuple[BudgetSpent, ...]
    moved: tuple[MovedPanel, ...]
    refused: tuple[str, ...]
    asked: int
    weekly: bool

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
) -> Incident:
    """Ask a server what changed. Raises ServerError."""
    before, since = asked
    events = sorted(
        [*_alerts(server, since), *_restarts(server, config, since), *_versions(server, config, since)],
        key=lambda event: (event.time, event.text),
    )
    panels = watched_panels(pack, config, since.step // 1000)
    moved, refused, weekly = moved_panels(server, panels, before, since, report)
    budgets = tuple(_budgets(server, config, since))
    return Incident(before, since, tuple(events), budgets, tuple(moved), tuple(refused), len(panels), weekly)


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
    """Processes of the registry that started, and targets that went or came."""
    start, end, step = since.start / 1000, since.end / 1000, since.step / 1000
    for one in server.query_range(_scoped(select(process.START_TIME), config), start, end, step).ranges:
        name = one.labels.get(config.labels.instance, "a process")
        for moment in dict.fromkeys(value for _, value in one.points):
            if start < moment <= end:
                yield SnapshotEvent(moment, "restart", f"{name} has started")
    for one in server.query_range(_scoped(select(targets.UP), config), start, end, step).ranges:
        name = one.labels.get(config.labels.instance, "a target")
        for (_, old), (time, new) in pairwise(one.points):
            if old != new:
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


def _budgets(server: Prometheus, config: Config, since: AskedRange) -> Iterator[BudgetSpent]:
    """The SLOs whose budget shrank, the largest loss first; none where the server has no SLO rules."""
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
    return iter(sorted(found, key=lambda one: -one.spent))


def sections(incident: Incident, most: int) -> Sequence[tuple[str, Sequence[str], list[list[str]]]]:
    """The tables of a report: title, heads and rows."""
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
    return [
        ("What happened", ["time", "kind", "what"], happened),
        ("Error budgets spent", ["SLO", "scope", "spent", "left"], spent),
        ("What moved most", ["", "panel", "dashboard", "series", "before", "since", "rank", "may follow from"], moved),
    ]
