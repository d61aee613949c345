"""What must hold inside a Lens visualization and between the panels of a dashboard, beyond their forms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from regobs.kibana.saved_objects import COLUMNS

Json = dict[str, Any]
OPERATIONS = {
    "date_histogram", "terms", "filters", "count", "sum", "average", "min", "max", "percentile", "unique_count",
    "formula", "math", "overall_sum",
}  # fmt: skip
FIELDLESS = {"filters", "formula", "math", "overall_sum"}


def faults(attributes: Json) -> Iterator[str]:
    """What Lens could not show, or would drop when it opens the panel."""
    layers = attributes["state"]["datasourceStates"]["formBased"]["layers"]
    named = {one["name"].removeprefix("indexpattern-datasource-layer-") for one in attributes["references"]}
    if set(layers) != named:
        yield f"layers {sorted(layers)} have data views for {sorted(named)}"
    shown = set(_shown(attributes["state"]["visualization"]))
    for name, layer in layers.items():
        columns = layer["columns"]
        yield from _column_faults(name, columns, layer["columnOrder"])
        inner = {reference for column in columns.values() for reference in column.get("references", ())}
        if shown != set(columns) - inner:
            yield f"shown are {sorted(shown)}, there are {sorted(set(columns) - inner)}"


def _column_faults(layer: str, columns: Json, order: list[str]) -> Iterator[str]:
    if sorted(order) != sorted(columns):
        yield f"{layer}: columnOrder and columns differ"
    buckets = [columns[name]["isBucketed"] for name in order]
    if buckets != sorted(buckets, reverse=True):
        yield f"{layer}: buckets come before metrics"
    for name, column in columns.items():
        operation = column["operationType"]
        if operation not in OPERATIONS:
            yield f"{name}: unknown operation {operation}"
        if ("sourceField" in column) == (operation in FIELDLESS):
            yield f"{name}: {operation} {'has' if 'sourceField' in column else 'lacks'} a field"
        if not set(column.get("references", ())) <= set(columns):
            yield f"{name}: refers to a column that is not there"
        order_by = column["params"].get("orderBy", {})
        if order_by.get("type") == "column" and columns[order_by["columnId"]]["operationType"] in {"formula", "math"}:
            yield f"{name}: top values by a formula"
        if column["params"].get("missingBucket") and not column["params"]["otherBucket"]:
            yield f"{name}: lines without the field are shown only with the other ones"


def _shown(visualization: Json) -> Iterator[str]:
    if "metricAccessor" in visualization:
        yield visualization["metricAccessor"]
    yield from (column["columnId"] for column in visualization.get("columns", ()))
    for layer in visualization.get("layers", ()):
        yield from layer["accessors"]
        yield from (layer[key] for key in ("xAccessor", "splitAccessor") if key in layer)


def texts(attributes: Json) -> Iterator[str]:
    """Every KQL text of a visualization."""
    yield attributes["state"]["query"]["query"]
    for layer in attributes["state"]["datasourceStates"]["formBased"]["layers"].values():
        for column in layer["columns"].values():
            if "filter" in column:
                yield column["filter"]["query"]
            yield from (one["input"]["query"] for one in column["params"].get("filters", ()))


def fields(attributes: Json) -> Iterator[str]:
    """Every field of a visualization."""
    for layer in attributes["state"]["datasourceStates"]["formBased"]["layers"].values():
        names = (column.get("sourceField", "___records___") for column in layer["columns"].values())
        yield from (name for name in names if name != "___records___")


def grid_faults(places: Iterable[Json]) -> Iterator[str]:
    """Panels outside of the grid, or on the same cell."""
    taken: set[tuple[int, int]] = set()
    for place in places:
        if place["x"] + place["w"] > COLUMNS:
            yield f"beyond the last column: {json.dumps(place)}"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"two panels at {x},{y}"
                taken.add((x, y))
