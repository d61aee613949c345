"""Queries to DuckDB SQL. Values are always bound parameters; only names of the field catalogue stand in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from regobs.logs.duckdb.conditions import Parameters, holds
from regobs.logs.duckdb.lines import Reading, quoted, source
from regobs.logs.fields import Field, FieldType
from regobs.logs.generations import merged, merged_field
from regobs.logs.kql.condition import fields_of
from regobs.logs.no_text import may_be_empty, without_empty_texts
from regobs.logs.path_part import path_part
from regobs.logs.query import EVERYTHING, ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Query, QueryMetric

MATCHED, OTHER, MALFORMED, BARE = 1, 0, 2, 3  # the classes of lines; of a bare one it is unsure


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL over the files in the first parameter.

    A row is the class of its lines, how many they are, how many lines were read, and the columns of the answer. Rows
    of MATCHED are the answer, the others only counted. Where `counted` is false there is nothing but the answer.
    """

    sql: str
    parameters: tuple[object, ...]
    counted: bool


def compiled(query: Query, reading: Reading) -> Statement:
    """The statement of a query over what is read, of any generation."""
    query = merged(without_empty_texts(query))
    parameters = Parameters()
    lines = _lines(reading, parameters)
    return _grouped(query, lines, parameters) if query.metrics else _hits(query, lines, parameters)


def fields_read(queries: Sequence[Query]) -> list[Field]:
    """Every field that the queries read or show, once, with the names that it has elsewhere."""
    found: list[Field] = []
    for query in map(merged, map(without_empty_texts, queries)):
        found += _fields(query, [*query.columns, *(() if query.metrics else _ordered_by(query))])
    return list({field.name: field for field in found}.values())


def counting(reading: Reading) -> Statement:
    """How many lines are JSON objects and how many are not."""
    parameters = Parameters()
    lines = _lines(reading, parameters)([])
    text = f"""WITH {lines}
SELECT {_class("TRUE")}, count(*), sum(count(*)) OVER () FROM rows GROUP BY 1"""  # noqa: S608 - numbers of ours
    return Statement(text, tuple(parameters.values), counted=True)


def can_share(query: Query) -> bool:
    """Whether one pass over the lines can answer the query together with others."""
    return bool(query.metrics) and not any(_many(group) for group in query.groups)


def together(queries: Sequence[Query], reading: Reading) -> list[Statement]:
    """Statements that answer several queries that can share a pass: one that reads, then one for each query.

    Each query groups the lines by itself, as they come: GROUPING SETS would compute every metric in every set. The
    answers have the form of those of `compiled`.
    """
    queries = [merged(without_empty_texts(query)) for query in queries]
    parameters = Parameters()
    lines = _lines(reading, parameters)
    fields = fields_read(queries)
    names = "".join(f", {quoted(field.name)}" for field in fields)
    parts = [_Parts.of(query, str(index), parameters) for index, query in enumerate(queries)]
    answers = "\nUNION ALL BY NAME\n".join(
        f"SELECT {index} AS _set, {one.line_class} AS _class, count(*) AS _lines{one.named_cases}{one.named_metrics}"  # noqa: S608 - as below
        f" FROM keyed GROUP BY {', '.join([one.line_class, *one.cases])}"
        for index, one in enumerate(parts)
    )
    text = f"""CREATE OR REPLACE TEMP TABLE answers AS WITH {lines(fields)},
{_keyed(parts, names, shared=True)}
{answers}"""
    statements = [Statement(text, tuple(parameters.values), counted=False)]
    for index, (query, one) in enumerate(zip(queries, parts, strict=True)):
        own = Parameters()
        columns = "".join(f", {column}" for column in (*one.cases, *one.metrics))
        text = f"""SELECT _class, _lines, sum(_lines) OVER (){columns} FROM answers WHERE _set = {index}
ORDER BY _class = {MATCHED}{one.order} {_limit(query, own, more=_MORE)}"""  # noqa: S608 - as above
        statements.append(Statement(text, tuple(own.values), counted=True))
    return statements


_MORE = 3  # rows of the other classes


def _lines(reading: Reading, parameters: Parameters) -> Callable[[list[Field]], str]:
    """The beginning of a statement, once it is known which fields it reads."""
    files = parameters.add(list(reading.files)) if reading.files or not reading.copies else ""
    copies = parameters.add(list(reading.copies)) if reading.copies else ""
    return lambda fields: source(fields, files, copies, exact=reading.exact, sure=reading.sure)


def _class(matched: str) -> str:
    return f"""CASE WHEN bare THEN {BARE} WHEN NOT ok THEN {MALFORMED}
    WHEN {matched} THEN {MATCHED} ELSE {OTHER} END"""


def _hits(query: Query, lines: Callable[[list[Field]], str], parameters: Parameters) -> Statement:
    order = ", ".join(
        f"{_sorted(field)} {'DESC' if one.descending else 'ASC'} NULLS LAST"
        for one, field in zip(query.order, _ordered_by(query), strict=True)
    )
    if order:  # then by what is shown, so that lines of the same moment stand still
        order += "".join(f", {quoted(one.name)} NULLS LAST" for one in query.columns)
    fields = _fields(query, [*query.columns, *_ordered_by(query)])
    text = f"""WITH {lines(fields)}
SELECT {MATCHED}, 1, 1, {", ".join(quoted(one.name) for one in query.columns)}
FROM rows WHERE ok AND {holds(query.where.condition, parameters)}
{f"ORDER BY {order}" if order else ""} {_limit(query, parameters)}"""  # noqa: S608 - names of the catalogue and placeholders
    return Statement(text, tuple(parameters.values), counted=False)


def _sorted(field: Field) -> str:
    """The value that lines are sorted by."""
    return f"log_address({quoted(field.name)})" if field.type is FieldType.IP else quoted(field.name)


def _told_apart(field: Field) -> str:
    """The value that makes one group, or one of different values: an address is one however it is written."""
    return f"log_same_address({quoted(field.name)})" if field.type is FieldType.IP else quoted(field.name)


def _ordered_by(query: Query) -> list[Field]:
    """The fields that lines are sorted by."""
    from regobs.logs.fields import FIELDS  # noqa: PLC0415 - only an order by a column that is not shown needs it

    known = {one.name: one for one in query.columns}
    return [known.get(one.column) or merged_field(FIELDS[one.column]) for one in query.order]


def _limit(query: Query, parameters: Parameters, more: int = 0) -> str:
    return f"LIMIT {parameters.add(query.limit + more)}" if query.limit is not None else ""


def _fields(query: Query, more: list[Field]) -> list[Field]:
    """Every field that the query reads, once."""
    clauses = [query.where]
    for metric in query.metrics:
        clauses += [metric.where, metric.whole]
        more += [metric.field] if metric.field else []
    for group in query.groups:
        if isinstance(group, ByFilters):
            clauses += [clause for _, clause in group.clauses]
        else:
            more.append(_grouped_by(group))
    more += [field for clause in clauses for field in fields_of(clause.condition)]
    return list({field.name: field for field in more}.values())


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a query with groups or metrics. Our own columns begin with an underscore, as no log field does."""

    line_class: str  # the column with the class of a line
    where: str
    keys: dict[str, str]  # columns with the values of groups
    needed: list[str]  # those that a line of the answer has a value in
    cases: dict[str, str]  # columns that make the groups
    metrics: dict[str, str]
    order: str

    @classmethod
    def of(cls, query: Query, mark: str, parameters: Parameters) -> Self:
        """The parts. `mark` tells the columns of one query from those of another."""
        own = f"_class{mark}"
        keys = {
            f"_k{mark}_{index}": _held(_key(group, parameters), group, query, own)
            for index, group in enumerate(query.groups)
        }
        named = list(zip(keys, query.groups, strict=True))
        needed = [key for key, group in named if _needs_value(group)]
        columns = {group.name: key.replace("_k", "_g") for key, group in named}
        alone = len(named) == 1
        cases = {columns[group.name]: _case(key, group, own, alone=alone) for key, group in named}
        columns |= {metric.name: f"_m{mark}_{index}" for index, metric in enumerate(query.metrics)}
        chosen = _Chosen(parameters, "" if query.where.condition == EVERYTHING else f"{own} = {MATCHED}")
        metrics = {columns[one.name]: _metric(one, query.groups, chosen, own) for one in query.metrics}
        order = "".join(
            f", {columns[one.column]} {'DESC' if one.descending else 'ASC'} NULLS LAST" for one in query.ordering
        )
        return cls(own, holds(query.where.condition, parameters), keys, needed, cases, metrics, order)

    @property
    def named_cases(self) -> str:
        """The groups as they are selected."""
        return "".join(f", {name}" for name in self.cases)

    @property
    def named_metrics(self) -> str:
        """The metrics as they are selected."""
        return "".join(f", {value} AS {name}" for name, value in self.metrics.items())


def _keyed(parts: list[_Parts], names: str, *, shared: bool = False) -> str:
    """The lines with their classes and groups, step by step, so that nothing is computed twice or for other lines.

    `shared` by several readers they are still read once.
    """
    held = "".join(f", ok AND {one.where} AS _w{one.line_class}" for one in parts)
    keys = "".join(f", {key} AS {name}" for one in parts for name, key in one.keys.items())
    kept = "".join(f", {name}" for one in parts for name in one.keys)
    classes = ", ".join(
        f"{_class(' AND '.join([f'_w{one.line_class}', *(f'{key} IS NOT NULL' for key in one.needed)]))}"
        f" AS {one.line_class}"
        for one in parts
    )
    cases = ", ".join(
        ", ".join([one.line_class, *(f"{case} AS {name}" for name, case in one.cases.items())]) for one in parts
    )
    return f"""held AS (SELECT ok, bare{held}{names} FROM rows),
sorted AS (SELECT *{keys} FROM held),
classed AS (SELECT {classes}{kept}{names} FROM sorted),
keyed AS {"MATERIALIZED " if shared else ""}(SELECT {cases}{names} FROM classed)"""  # noqa: S608 - names of ours, placeholders


def _grouped(query: Query, lines: Callable[[list[Field]], str], parameters: Parameters) -> Statement:
    """One row for each group, and one for all lines of each other class, in one pass over the lines."""
    fields = _fields(query, [])
    names = "".join(f", {quoted(field.name)}" for field in fields)
    one = _Parts.of(query, "", parameters)
    by = "".join(f", {column}" for column in one.cases)
    text = f"""WITH {lines(fields)},
{_keyed([one], names)}
SELECT _class, count(*), sum(count(*)) OVER (){by}{one.named_metrics} FROM keyed GROUP BY _class{by}
ORDER BY _class = {MATCHED}{one.order} {_limit(query, parameters, more=_MORE)}"""  # noqa: S608 - names of ours, placeholders
    return Statement(text, tuple(parameters.values), counted=not any(_many(group) for group in query.groups))


def _grouped_by(group: ByTerms | ByTime) -> Field:
    return path_part(group.field, group.part, group.first) if isinstance(group, ByTerms) and group.part else group.field


def _many(group: Group) -> bool:
    return isinstance(group, ByTerms) and group.field.type is FieldType.KEYWORD_LIST


def _held(key: str, group: Group, query: Query, line_class: str) -> str:
    """The key of lines that the query is about, null of others; as it is where they are all lines."""
    if query.where.condition == EVERYTHING and not isinstance(group, ByFilters):
        return key
    return f"CASE WHEN _w{line_class} THEN {key} END"


def _case(key: str, group: Group, line_class: str, *, alone: bool) -> str:
    """The key of a line of the answer, null of others; a line with a list is in the group of each of its values.

    A key that stands `alone` and that a line of the answer must have is null of others anyway.
    """
    if _many(group):
        return f"unnest(CASE WHEN {line_class} = {MATCHED} THEN {_elements(key, group)} ELSE [NULL] END)"
    if alone and _needs_value(group) and not isinstance(group, ByFilters):
        return key
    return f"CASE WHEN {line_class} = {MATCHED} THEN {key} END"


def _elements(key: str, group: Group) -> str:
    found = f"list_distinct({key})"
    if isinstance(group, ByTerms) and group.missing:
        return f"CASE WHEN len({found}) > 0 THEN {found} ELSE [NULL] END"
    return found


def _needs_value(group: Group) -> bool:
    return not (isinstance(group, ByTerms) and group.missing)


def _key(group: Group, parameters: Parameters) -> str:
    if isinstance(group, ByTerms):
        key = _told_apart(_grouped_by(group))
        return f"nullif({key}, '')" if group.missing and may_be_empty(group) else key
    if isinstance(group, ByFilters):
        cases = [
            f"WHEN {holds(clause.condition, parameters)} THEN {parameters.add(name)}" for name, clause in group.clauses
        ]
        other = f" ELSE {parameters.add(group.other)}" if group.other is not None else ""
        return f"(CASE {' '.join(cases)}{other} END)"
    name = quoted(group.field.name)
    if group.seconds:
        size = parameters.add(group.seconds * 1000)
        return f"({name} - (({name} % {size}) + {size}) % {size})"
    return f"epoch_ms(date_trunc({parameters.add(group.calendar)}, make_timestamp_ms({name})))"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which lines of a group a metric is about. `matched` spares the work for lines outside of the answer."""

    parameters: Parameters
    matched: str

    def lines(self, clause: Clause) -> str:
        """What stands behind an aggregate function."""
        parts = [self.matched] if self.matched else []
        parts += [] if clause.condition == EVERYTHING else [holds(clause.condition, self.parameters)]
        return f" FILTER (WHERE {' AND '.join(parts)})" if parts else ""


def _metric(metric: QueryMetric, groups: tuple[Group, ...], chosen: _Chosen, line_class: str) -> str:
    of, add = chosen.lines(metric.where), chosen.parameters.add
    name = quoted(metric.field.name) if metric.field else "*"
    if metric.kind is MetricKind.RATIO:
        return f"(count(*){of} / nullif(count(*){chosen.lines(metric.whole)}, 0))"
    amount = f"COALESCE(sum({name}){of}, 0)" if metric.field else f"count(*){of}"
    if metric.kind is MetricKind.SHARE:
        return f"({amount} / nullif(sum(CASE WHEN {line_class} = {MATCHED} THEN {amount} END) OVER (), 0))"
    if metric.kind is MetricKind.RATE:
        seconds = next(group.seconds for group in groups if isinstance(group, ByTime) and group.seconds)
        return f"({amount} * {add(metric.per_seconds)} / {add(seconds)})"
    if metric.kind is MetricKind.CARDINALITY and metric.field and metric.field.type is FieldType.KEYWORD_LIST:
        return f"COALESCE(len(list_distinct(flatten(list({name}){of}))), 0)"
    if metric.text and metric.field and metric.field.type is FieldType.IP:
        return f"arg_{metric.kind.value}({_told_apart(metric.field)}, {_sorted(metric.field)}){of}"
    functions = {
        MetricKind.SUM: f"COALESCE(sum({name}){of}, 0)",
        MetricKind.PERCENTILE: f"quantile_cont({name}, {metric.percent / 100!r}){of}",
        MetricKind.CARDINALITY: f"count(DISTINCT {_told_apart(metric.field) if metric.field else '*'}){of}",
    }
    return functions.get(metric.kind, f"{metric.kind.value}({name}){of}")
