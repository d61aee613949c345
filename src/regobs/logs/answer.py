"""Rows that answer a log query, and how they are shown: a table, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool | tuple[str, ...] | None
_WIDEST = 100  # characters of a cell of a table; CSV and JSON are never shortened


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns and rows of an answer, and how many lines were read for it, `malformed` ones among them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    lines: int
    malformed: int


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
    """CSV with a header; what is missing is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([_plain(value) for value in row] for row in answer.rows)
    return out.getvalue()


def as_table(answer: Answer) -> str:
    """A table for a terminal: numbers to the right, long text shortened, control characters escaped."""
    cells = [[_cell(value) for value in row] for row in answer.rows]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    right = [
        any(_number(row[index]) for row in answer.rows) and all(_number(row[index]) for row in answer.rows)
        for index in range(len(answer.columns))
    ]
    lines = [answer.columns, tuple("-" * width for width in widths), *cells]
    texts = (
        "  ".join(
            cell.rjust(width) if aligned else cell.ljust(width)
            for cell, width, aligned in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )
    return "\n".join(texts) + "\n"


def _number(value: Value) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _cell(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in _plain(value))
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
