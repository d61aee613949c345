"""The legend of a chart over time: which series it names, in which order, and what it says of their values."""

from __future__ import annotations

import math
import re

from regobs.snapshot.charts import Chart
from regobs.snapshot.taken import TakenPanel

# Names of series that tell of a failure: status 5xx, and what words of the catalog say so.
_FAILURE = re.compile(r"(?<!\w)5(\d\d|xx)(?!\w)|fail|error|lost|dropped|quarantined|rolled back", re.IGNORECASE)


def legend_of(panel: TakenPanel, chart: Chart) -> list[tuple[int, str]]:
    """The series by number with what the legend says of each; none where that is no more than the panel's title."""
    if chart.data["form"] != "series" or (chart.names == (panel.title,) and not chart.beyond):
        return []
    return [(number, f"{name}{_beyond(chart, number)}") for number, name in worst_first(panel, chart)]


def _beyond(chart: Chart, number: int) -> str:
    """Of a percentile on a bucket's edge, what is known of it: always, or at times only."""
    if not chart.beyond or not chart.beyond[number]:
        return ""
    points = sum(value is not None for value in chart.data["values"][number])
    lengths: dict[str, int] = {}
    for first, last, text in chart.beyond[number]:
        lengths[text] = lengths.get(text, 0) + last - first + 1
    return f" ({', '.join(text if length == points else f'at times {text}' for text, length in lengths.items())})"


def worst_first(panel: TakenPanel, chart: Chart) -> list[tuple[int, str]]:
    """The series by number: failures first, then the highest, or the lowest where low is bad."""
    word = panel.bound.panel
    falling = word.thresholds is not None and word.thresholds[0] > word.thresholds[1]
    falling = falling or word.good.startswith(("100 %", "above"))

    def order(named: tuple[int, str]) -> tuple[bool, float]:
        number, name = named
        values = [value for value in chart.data["values"][number] if value is not None]
        extreme = (min(values) if falling else -max(values)) if values else math.inf
        return _FAILURE.search(name) is None, extreme

    return sorted(enumerate(chart.names), key=order)
