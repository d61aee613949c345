"""Reading saved queries: `*.query.yaml` to `Query`, with every mistake at its line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from regobs.common.closest import did_you_mean
from regobs.documents import Document, load_yaml, validate
from regobs.errors import Location, LogQueryError, PackError
from regobs.logs.fields import FIELDS, Field, FieldType
from regobs.logs.kql import Hint, hints, parse
from regobs.logs.kql.bind import bind
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Order, Query, QueryMetric
from regobs.logs.saved_schema import SCHEMA
from regobs.pack import Pack

SUFFIX = ".query.yaml"
Steps = tuple[str | int, ...]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBERS = frozenset({FieldType.LONG, FieldType.DOUBLE})
_COLUMNS = ("time", "level", "msg")


def load_query(pack: Pack, name: str, *, now: datetime | None = None) -> Query:
    """The saved query of a name. Raises LogQueryError when no layer of the pack has it."""
    try:
        file = pack.file("log_schemas", f"queries/{name}{SUFFIX}")
    except PackError:
        names = names_in(pack)
        raise LogQueryError(
            "there is no saved query of this name",
            value=name,
            expected=", ".join(names),
            next_step=did_you_mean(name, names, "choose one of them"),
        ) from None
    try:
        text = file.read()
    except PackError as error:
        raise LogQueryError(error.message, location=error.location, value=error.value) from None
    return read_query(text, str(file.path), name=name, now=now)


def names_in(pack: Pack) -> list[str]:
    """The names of the saved queries of a pack, sorted."""
    files = pack.files("log_schemas", f"queries/*{SUFFIX}")
    return sorted(file.name.removeprefix("queries/").removesuffix(SUFFIX) for file in files)


def read_query(text: str, file: str, *, name: str, now: datetime | None = None) -> Query:
    """A query from the text of its file. Raises LogQueryError with file, line and column."""
    document = load_yaml(text, file, error=LogQueryError)
    validate(document, SCHEMA, error=LogQueryError)
    return QueryReader(document, text, now).query(name, document.data)


def _same(steps: Steps) -> Steps:
    return steps


class QueryReader:
    """Reads queries that stand in a document; `place` says where a part of one is, of which the steps are known."""

    def __init__(
        self, document: Document, text: str, now: datetime | None, place: Callable[[Steps], Steps] = _same
    ) -> None:
        self._document = document
        self._lines = text.split("\n")
        self._now = now
        self._place = place

    def query(self, name: str, data: Mapping[str, Any]) -> Query:
        """The query of data that fits SCHEMA. Raises LogQueryError with file, line and column."""
        groups = tuple(self._group(key, data["group"][key]) for key in data.get("group", {}))
        metrics = tuple(self._metric(key, value) for key, value in data.get("metrics", {}).items())
        if groups and not metrics:
            metrics = (QueryMetric("count", MetricKind.COUNT),)
        listed = data.get("columns", [] if metrics else list(_COLUMNS))
        columns = tuple(self._field(text, ("columns", index)) for index, text in enumerate(listed))
        if metrics and columns:
            raise self._wrong(("columns",), "a query with groups or metrics has no lines to show columns of")
        query = Query(
            name=name,
            title=data["title"],
            description=" ".join(data.get("description", "").split()),
            where=self._clause(data.get("where", ""), ("where",)),
            groups=groups,
            metrics=metrics,
            columns=columns,
            limit=data.get("limit"),
            flavor=data.get("flavor", ""),
        )
        self._check_names(query)
        self._check_rates(query)
        return self._ordered(query, data.get("order", {}))

    def _check_names(self, query: Query) -> None:
        for metric in query.metrics:
            if metric.name in {group.name for group in query.groups}:
                raise self._wrong(("metrics", metric.name), f"{metric.name} names a group and a metric", key=True)

    def _check_rates(self, query: Query) -> None:
        fixed = any(isinstance(group, ByTime) and group.seconds for group in query.groups)
        for metric in query.metrics:
            if metric.kind is MetricKind.RATE and not fixed:
                raise self._wrong(
                    ("metrics", metric.name),
                    "a rate needs the length of a time bucket",
                    "a group by date_histogram with an interval such as 5m",
                )

    def _ordered(self, query: Query, order: dict[str, str]) -> Query:
        known = list(query.names) if query.metrics else list(FIELDS)
        for column in order:
            if column not in known:
                raise self._wrong(("order", column), f"there is no column {column!r}", ", ".join(known[:12]), key=True)
        orders = tuple(Order(column, way == "desc") for column, way in order.items())
        return replace(query, order=orders)

    def _group(self, name: str, data: dict[str, Any]) -> Group:
        ((kind, value),) = data.items()
        steps: Steps = ("group", name, kind)
        if kind == "filters":
            clauses = {key: text for key, text in value.items() if text is not None}
            other = next((key for key, text in value.items() if text is None), None)
            return ByFilters(name, tuple((key, self._clause(clauses[key], (*steps, key))) for key in clauses), other)
        if kind == "date_histogram":
            return self._by_time(name, value if isinstance(value, dict) else {"interval": value}, steps)
        options = value if isinstance(value, dict) else {"field": value}
        field = self._field(options["field"], (*steps, "field"))
        if not field.makes_groups:
            raise self._wrong(
                steps, f"{field.name} is text in words, which makes no groups", "a keyword", "use filters"
            )
        part = options.get("part", 0)
        if part and field.type is not FieldType.KEYWORD:
            raise self._wrong((*steps, "part"), f"{field.name} is no text with parts", "a keyword")
        first = self._field(options["first"], (*steps, "first")) if "first" in options else None
        if first is not None and (not part or first.type is not FieldType.KEYWORD or first.loose):
            raise self._wrong((*steps, "first"), f"{first.name} does not stand before a part", "a keyword, and a part")
        return ByTerms(name, field, missing=options.get("missing", False), part=part, first=first)

    def _by_time(self, name: str, options: dict[str, Any], steps: Steps) -> ByTime:
        field = self._field(options.get("field", "time"), (*steps, "field"))
        if field.type is not FieldType.DATE:
            raise self._wrong((*steps, "field"), f"{field.name} is no time", "a field of type date")
        interval = options["interval"]
        if found := re.fullmatch(r"(\d+)([smhd])", interval):
            return ByTime(name, field, seconds=int(found[1]) * _SECONDS[found[2]])
        return ByTime(name, field, calendar=interval)

    def _metric(self, name: str, data: str | dict[str, Any]) -> QueryMetric:
        if isinstance(data, str):
            return QueryMetric(name, MetricKind(data))
        ((word, value),) = data.items()
        kind, steps = MetricKind(word), ("metrics", name, word)
        options = value if isinstance(value, dict) else {"field": value}
        field = self._field(options["field"], (*steps, "field")) if "field" in options else None
        if field is not None:
            self._check_measured(kind, field, steps)
        where = "part" if kind is MetricKind.RATIO else "where"
        return QueryMetric(
            name,
            kind,
            field,
            where=self._clause(options.get(where, ""), (*steps, where)),
            whole=self._clause(options.get("whole", ""), (*steps, "whole")),
            percent=float(options.get("percent", Decimal(0))),
            per_seconds=_SECONDS[options.get("per", "s")],
        )

    def _check_measured(self, kind: MetricKind, field: Field, steps: Steps) -> None:
        if kind is MetricKind.CARDINALITY:
            fits = field.makes_groups
        else:
            ordered = field.type in {FieldType.DATE, FieldType.KEYWORD, FieldType.IP}
            fits = field.type in _NUMBERS or (ordered and kind in {MetricKind.MIN, MetricKind.MAX})
        if not fits:
            raise self._wrong(
                steps,
                f"{kind.value} of {field.name}, which is of type {field.type.value}",
                "a number",
                "see the fields",
            )

    def _field(self, name: str, steps: Steps) -> Field:
        if name in FIELDS:
            return FIELDS[name]
        step = did_you_mean(name, FIELDS, "see the reference of log fields")
        raise self._wrong(steps, f"no log field is called {name!r}", "a field of the log schema", step)

    def _clause(self, text: str, steps: Steps) -> Clause:
        try:
            node = parse(text)
            _refuse_doubts(hints(node, text))
            return Clause(text, bind(node, text, now=self._now))
        except LogQueryError as error:
            error.location = self._inside(self._document.locate(self._place(steps)), error.location, text)
            raise

    def _inside(self, value: Location, place: Location | None, text: str) -> Location:
        """Where in the file a place of a query is; the begin of the value when the file writes it in another way."""
        if place is None or value.line is None or value.column is None or place.line is None or place.column is None:
            return value
        wanted = text.split("\n")[place.line - 1]
        opening = self._lines[value.line - 1][value.column - 1 : value.column]
        line = value.line + place.line if opening in {"|", ">"} else value.line + place.line - 1
        found = self._lines[line - 1].find(wanted) if line <= len(self._lines) and wanted else -1
        return Location(value.file, line, found + place.column) if found >= 0 else value

    def _wrong(
        self,
        steps: Steps,
        message: str,
        expected: str | None = None,
        next_step: str | None = None,
        *,
        key: bool = False,
    ) -> LogQueryError:
        return LogQueryError(
            message, location=self._document.locate(self._place(steps), key=key), expected=expected, next_step=next_step
        )


def _refuse_doubts(doubts: tuple[Hint, ...]) -> None:
    """What a person at a prompt is only told is a mistake in a file."""
    if doubts:
        raise LogQueryError(doubts[0].message, location=doubts[0].location, next_step=doubts[0].next_step)
