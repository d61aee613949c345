"""Which chart draws which panel."""

from __future__ import annotations

from collections.abc import Mapping

from regobs.grafana.panels import Alerts, Bars, GaugePanel, Heat, Lines, States, Table
from regobs.snapshot.bars import bars_chart, dial_chart, now_of
from regobs.snapshot.charts import Chart
from regobs.snapshot.heat import heat_chart
from regobs.snapshot.lines import lines_chart
from regobs.snapshot.palette import palette_of
from regobs.snapshot.series import series_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.states import states_chart
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.texts import table_of


def chart_of(panel: TakenPanel, span: TimeSpan, colors: Mapping[str, str] | None = None) -> Chart | None:
    """The chart of a panel that has data, with the colours of series by name; None for one that is text."""
    word = panel.bound.panel
    if isinstance(word, Lines):
        return lines_chart(panel, span, colors or palette_of([panel], span))
    if isinstance(word, States):
        return states_chart(panel, span)
    if isinstance(word, Heat):
        return heat_chart(panel, span)
    if isinstance(word, Bars):
        return bars_chart(panel)
    return dial_chart(panel) if isinstance(word, GaugePanel) else None


def has_data(panel: TakenPanel, span: TimeSpan) -> bool:
    """Whether there is anything to draw: a series of NaN alone, as a ratio of nothing gives, is none."""
    if isinstance(panel.bound.panel, Lines | States | Heat):
        return bool(series_of(panel, span)[0])
    return bool(now_of(panel))


def rows_of(panel: TakenPanel, span: TimeSpan) -> int | None:
    """How many rows the table of a panel has: 0 where it says that there is nothing, None for a chart or an error."""
    if panel.error or not isinstance(panel.bound.panel, Table | Alerts):
        return None
    return len(table_of(panel).rows) if has_data(panel, span) else 0
