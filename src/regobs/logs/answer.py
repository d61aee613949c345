"""Rows that answer a log query, and how they are shown: a table, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from regobs.common.screen import PIPE, Screen
from regobs.common.table import plain, table_or_records

Value = str | int | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns and rows of an answer, and how many lines were read for it, `malformed` ones among them.

    `units` are those of the columns, `ratio` for a share of 1; a table shows them. `unread` are the files of which no
    line can be read, `broken` those that end within what was packed; `nothing` is whether no file has a line to read.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    lines: int
    malformed: int
    units: tuple[str | None, ...] = field(default=(), compare=False)
    unread: tuple[str, ...] = field(default=(), compare=False)
    broken: tuple[str, ...] = field(default=(), compare=False)
    nothing: bool = field(default=False, compare=False)

    def first(self, limit: int | None) -> Answer:
        """The answer with this many rows at most."""
        return self if limit is None or len(self.rows) <= limit else replace(self, rows=self.rows[:limit])


def as_json(answer: Answer) -> str:
    """An object with `lines`, `malformed` and `rows`, each row an object."""
    return json.dumps(_data(answer), indent=2, ensure_ascii=False) + "\n"


def several_as_json(answers: Mapping[str, Answer]) -> str:
    """An object with such an object for each query."""
    data = {name: _data(answer) for name, answer in answers.items()}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _data(answer: Answer) -> dict[str, Any]:
    return {
        "lines": answer.lines,
        "malformed": answer.malformed,
        "rows": [dict(zip(answer.columns, row, strict=True)) for row in answer.rows],
    }


def as_csv(answer: Answer) -> str:
    r"""CSV with a header; what is missing is empty. NUL, at which readers of CSV end, is written as `\x00`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([plain(value).replace("\0", r"\x00") for value in row] for row in answer.rows)
    return out.getvalue()


def as_table(answer: Answer, on: Screen = PIPE, *, whole: Collection[str] = ()) -> str:
    """A table for a person: numbers to the right, control characters escaped, on a terminal as wide as that is.

    Where the texts of a terminal's table would be cut to a few letters, or one of the columns `whole` at all, each
    row is a list of its cells.
    """
    units = answer.units or (None,) * len(answer.columns)
    head = tuple(_headed(name, unit) for name, unit in zip(answer.columns, units, strict=True))
    rows = [tuple(_with_share(value, unit) for value, unit in zip(row, units, strict=True)) for row in answer.rows]
    return table_or_records(head, rows, on=on, underline=True, whole=whole) + "\n"


def _headed(name: str, unit: str | None) -> str:
    """The name with its unit, unless it says it."""
    said = unit in {None, "count", "ratio"} or unit in re.split(r"[^a-z]", name)
    return name if said else f"{name} ({unit})"


def _with_share(value: Value, unit: str | None) -> Value:
    return f"{100 * value:.4g} %" if unit == "ratio" and isinstance(value, int | float) else value
