"""How observations are spread over buckets, over time: one cell for each bucket and step, darker for more."""

from __future__ import annotations

import math

from regobs.grafana.panels import Heat
from regobs.grafana.units import grafana_unit
from regobs.snapshot.charts import ZOOM, Chart, chosen, compact, framed, time_axis
from regobs.snapshot.series import buckets_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.units import label_expression, value_text


def heat_chart(panel: TakenPanel, span: TimeSpan) -> Chart:
    """The chart of a panel that has data. Buckets stand above each other, all of one height, as Grafana draws them."""
    word = panel.bound.panel
    assert isinstance(word, Heat)  # noqa: S101 - a fault of ours, not of a user
    buckets = buckets_of(panel, span)
    unit = grafana_unit(word.histogram.unit, per_second=False)
    seen = any(value for _, values in buckets for value in values)
    names = tuple("more" if math.isinf(edge) else value_text(edge, unit) for edge, _ in buckets)
    numbers = list(range(len(buckets)))
    rows = {
        "field": "s",
        "type": "ordinal",
        "scale": {"domain": numbers, "reverse": True, "paddingInner": 0.06},
        "axis": {"title": None, "labelExpr": chosen(names), "labelOverlap": True, "minExtent": 48, "grid": False},
    }
    color = {
        "field": "v",
        "type": "quantitative",
        # Grafana's exponent: few stay visible beside many. Without any, the scale still needs an end.
        "scale": {"type": "pow", "exponent": 0.5, "domainMin": 0, **({} if seen else {"domainMax": 1})},
        "legend": {
            "title": None,
            "orient": "right",
            "offset": 8,
            "gradientThickness": 8,
            "gradientLength": 140,
            "tickCount": 3,
            "labelExpr": label_expression("ops"),
        },
    }
    time = time_axis(span, span.last + span.step)
    return Chart(
        spec=framed(
            data={"name": "points"},
            # Half a pixel over the next cell: without it the panel shines through between the two.
            mark={"type": "rect", "clip": True, "x2Offset": 0.5},
            encoding={"x": time, "x2": {"field": "t2"}, "y": rows, "color": color},
        ),
        data=compact("heat", span, [values for _, values in buckets]) | {"size": 1},
        interactive={"params": [ZOOM]},
        names=names,
        unit="ops",
        note="" if seen else "no observation in this time",
    )
