"""A dashboard with every kind of panel, a server that answers it from a rule, and the snapshot taken of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from regobs.catalog import gc, http, process, storage
from regobs.catalog.model import Capability
from regobs.config.model import Config
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.panels import Bars, GaugePanel, Heat, Lines, Panel, Stat, Table
from regobs.grafana.words import Dashboard, Row
from regobs.prometheus import Prometheus, QueryAnswer, RangeSeries, Sample
from regobs.promql import highest, rate, ratio, select, total
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.take import take
from regobs.snapshot.taken import Snapshot, TakenPanel

SPAN = TimeSpan(start=1_800_000_000, end=1_800_003_600, step=60)
Labels = Mapping[str, str]
Found = Sequence[tuple[Labels, Sequence[float | None]]]  # series with a value for each point, None for a gap
LoadedRule = Callable[[str], Found]


class Answering(Prometheus):
    """A server that answers each query as a rule says: the whole series, or its last value for an instant query."""

    def __init__(self, rule: LoadedRule, warnings: Sequence[str] = ()) -> None:
        super().__init__("http://me:s3cr3t@server:9090")
        self._rule = rule
        self._warnings = tuple(warnings)

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        samples = [
            Sample(labels, values[-1], time or 0) for labels, values in self._rule(text) if values[-1] is not None
        ]
        return QueryAnswer("vector", samples=tuple(samples), warnings=self._warnings)

    def query_range(self, text: str, start: float, end: float, step: float, *, stats: bool = False) -> QueryAnswer:
        ranges = tuple(
            RangeSeries(
                labels, tuple((start + index * step, value) for index, value in enumerate(values) if value is not None)
            )
            for labels, values in self._rule(text)
        )
        return QueryAnswer("matrix", ranges=ranges, warnings=self._warnings)


def wave(height: float, points: int = SPAN.points) -> list[float | None]:
    """Values between 0 and `height`."""
    return [height * (1 + math.sin(index / 8)) / 2 for index in range(points)]


def lively(text: str) -> Found:
    """Something for every query, in the shape its labels ask for."""
    if "_bucket" in text and "by (le)" in text:
        return [({"le": edge}, [count] * SPAN.points) for edge, count in (("0.1", 5), ("1", 9), ("+Inf", 10))]
    if "route" in text:
        return [({"route": name}, wave(1 + number)) for number, name in enumerate(("manifest", "blob", "tags"))]
    if "instance" in text:
        return [({"instance": f"registry-{number}"}, wave(1e8)) for number in range(3)]
    return [({}, wave(0.4))]


def silent(text: str) -> Found:
    """Nothing, whatever is asked."""
    del text
    return []


FAILED = ratio(rate(select(http.REQUESTS, code="5xx")), rate(http.REQUESTS))
PANELS: dict[str, Panel] = {
    panel.title: panel
    for panel in (
        Stat("In flight", total(http.IN_FLIGHT), good="low"),
        Stat("Requests now", rate(http.REQUESTS, by="route"), good="usual", thresholds=(2, 3)),
        GaugePanel("Failed now", FAILED, good="0", thresholds=(0.3, 0.5)),
        Lines("Requests", rate(http.REQUESTS, by="route"), good="usual"),
        Lines("Stacked", rate(http.REQUESTS, by="route"), good="usual", stacked=True),
        Lines("Failed", FAILED, good="0", thresholds=(0.2, 0.5), alert="RegistryDown"),
        Lines("Zoomed", FAILED, good="0", zoom=True),
        Lines("Memory", highest(process.RESIDENT_MEMORY, by="instance"), good="level", log=True),
        Heat("Spread", http.DURATION, good="one band"),
        Bars("Largest", highest(process.RESIDENT_MEMORY, by="instance"), good="even"),
        Table("Numbers", {"rate": rate(http.REQUESTS, by="route"), "failed": FAILED}, good="usual"),
        Lines("Collected", rate(gc.RUNS, by="worker"), good="follows pushes"),
        Lines("Stored", rate(storage.ACTIONS), good="usual"),
    )
}


def board(*panels: Panel, title: str = "Every kind") -> Dashboard:
    """A dashboard with these panels in one row, or with all kinds in two, of which the second is collapsed."""
    if panels:
        return Dashboard(title, Row("Row", *panels))
    listed = list(PANELS.values())
    return Dashboard(title, Row("Open", *listed[:6]), Row("Closed", *listed[6:], collapsed=True))


def shot(
    *dashboards: Dashboard,
    rule: LoadedRule = lively,
    config: Config | None = None,
    span: TimeSpan = SPAN,
    warnings: Sequence[str] = (),
) -> Snapshot:
    """The snapshot of dashboards on a server that answers by a rule; of every kind of panel where none is given."""
    config = config or Config(capabilities=frozenset({Capability.METADATA_DATABASE, Capability.GARBAGE_COLLECTION}))
    bound = [
        bind_dashboard(f"board-{number}", one, config.vocabulary) for number, one in enumerate(dashboards or (board(),))
    ]
    return take(Answering(rule, warnings), bound, config, span)


def panel_of(panel: Panel | str, rule: LoadedRule = lively) -> TakenPanel:
    """One panel with its answers."""
    [found] = shot(board(PANELS[panel] if isinstance(panel, str) else panel), rule=rule).panels()
    return found
