"""States over time: a band for each series, in the colour of its state."""

from __future__ import annotations

from itertools import groupby

from regobs.catalog.model import Unit
from regobs.common.counts import are
from regobs.snapshot.charts import Chart, Json, chosen, framed, time_axis
from regobs.snapshot.series import series_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.theme import PLAIN, STATES


def states_chart(panel: TakenPanel, span: TimeSpan) -> Chart:
    """The chart of a panel that has data. Of a switch 1 is good; any other value is a state of its own."""
    series, left_out = series_of(panel, span)
    switch = all(query.type.unit is Unit.BOOL for query in panel.bound.queries)
    rows: list[Json] = []
    for number, one in enumerate(series):
        place = 0
        for value, run in groupby(one.values):
            points = len(list(run))
            start, place = place, place + points
            if value is None:
                continue
            color = PLAIN if not switch else STATES["green"] if value >= 1 else STATES["red"]
            first, last = (1000 * (span.first + span.step * edge) for edge in (start, place))
            rows.append({"t": first, "t2": last, "n": number, "color": color})
    names: Json = {
        "field": "n",
        "type": "ordinal",
        "scale": {"domain": list(range(len(series))), "paddingInner": 0.25, "paddingOuter": 0.15},
        "axis": {"title": None, "grid": False, "labelExpr": chosen([one.name for one in series]), "labelLimit": 150},
    }
    encoding = {
        "x": time_axis(span, span.last + span.step),
        "x2": {"field": "t2"},
        "y": names,
        "color": {"field": "color", "type": "nominal", "scale": None},
    }
    spec = framed(data={"name": "points"}, mark={"type": "bar", "opacity": 0.75, "clip": True}, encoding=encoding)
    note = f"{left_out} series {are(left_out)} not drawn" if left_out else ""
    return Chart(spec, {"form": "rows", "values": rows}, note=note)
