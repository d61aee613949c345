"""Queries to DuckDB SQL. Values are always bound parameters; only names of the field catalogue stand in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from regobs.logs.duckdb_lines import Reading, quoted, source
from regobs.logs.fields import Field, FieldType
from regobs.logs.generations import merged, merged_field
from regobs.logs.kql.analysis import RE2
from regobs.logs.kql.condition import (
    All,
    Any,
    Anywhere,
    Between,
    Bound,
    Condition,
    Equals,
    Fixed,
    Like,
    No,
    Present,
    TermLike,
    Terms,
    fields_of,
)
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, Kind, Metric, Query

MATCHED, OTHER, MALFORMED, BARE = 1, 0, 2, 3  # the classes of lines; of a bare one it is unsure

# Addresses and words as functions of DuckDB; `kql.addresses` and `kql.analysis` say what they give.
_V4 = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V6 = "[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
_DURATION = "[0-9]+(?:[.][0-9]+)?(?:ns|us|µs|μs|ms|s|m|h)"
_WORDS = RE2.replace("'", "''")
MACROS = (
    f"CREATE TEMP MACRO log_words(t) AS ' ' || array_to_string(regexp_extract_all(lower(t), '{_WORDS}'), ' ') || ' '",
    """CREATE TEMP MACRO log_hex4(a) AS
       array_to_string(list_transform(string_split(a, '.'), lambda part: format('{:02x}', part::INTEGER)), '')""",
    """CREATE TEMP MACRO log_groups(a) AS
       CASE WHEN a = '' THEN []
       ELSE list_transform(string_split(a, ':'), lambda part: lpad(lower(part), 4, '0')) END""",
    """CREATE TEMP MACRO log_hex6(a) AS CASE WHEN contains(a, '::') THEN
         array_to_string(log_groups(split_part(a, '::', 1)), '')
         || repeat('0', 32 - 4 * (len(log_groups(split_part(a, '::', 1))) + len(log_groups(split_part(a, '::', 2)))))
         || array_to_string(log_groups(split_part(a, '::', 2)), '')
       ELSE array_to_string(log_groups(a), '') END""",
    f"""CREATE TEMP MACRO log_address(a) AS CASE
       WHEN regexp_full_match(a, '{_V4}([.]{_V4}){{3}}') THEN '00000000000000000000ffff' || log_hex4(a)
       WHEN regexp_full_match(a, '{_V6}') AND len(log_hex6(a)) = 32 THEN log_hex6(a) END""",
    # What binary fractions add is taken off first: 1.001 s are 1000.9999999999999 ms for a computer.
    "CREATE TEMP MACRO log_whole(v) AS floor(round(v, 6))::BIGINT",
    f"""CREATE TEMP MACRO log_milliseconds(t) AS CASE WHEN t = '0' THEN 0.0
       WHEN regexp_full_match(t, '(?:{_DURATION})+') THEN
         list_sum(list_transform(regexp_extract_all(t, '{_DURATION}'), lambda part:
           regexp_extract(part, '[0-9.]+')::DOUBLE * CASE regexp_extract(part, '[^0-9.]+')
             WHEN 'ns' THEN 1e-6 WHEN 'ms' THEN 1 WHEN 's' THEN 1e3 WHEN 'm' THEN 6e4 WHEN 'h' THEN 36e5
             ELSE 1e-3 END)) END""",
)  # fmt: skip


@dataclass(slots=True)
class Parameters:
    """Values by the number that stands for them in the text."""

    values: list[object] = field(default_factory=list)

    def add(self, value: object) -> str:
        """The placeholder of a value."""
        self.values.append(value)
        return f"${len(self.values)}"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL over the files in the first parameter.

    A row is the class of its lines, how many they are, how many lines were read, and the columns of the answer. Rows
    of MATCHED are the answer, the others only counted. Where `counted` is false there is nothing but the answer.
    """

    sql: str
    parameters: tuple[object, ...]
    counted: bool


def holds(condition: Condition, parameters: Parameters) -> str:
    """A condition as a text that is true or false, never null."""
    if isinstance(condition, Fixed):
        return "TRUE" if condition.holds else "FALSE"
    if isinstance(condition, No):
        return f"(NOT {holds(condition.of, parameters)})"
    if isinstance(condition, All | Any | Anywhere):
        word = " AND " if isinstance(condition, All) else " OR "
        parts = [holds(part, parameters) for part in condition.of]
        return f"({word.join(parts)})" if parts else "FALSE"
    if isinstance(condition, Present):
        name = quoted(condition.field.name)
        if condition.field.type is FieldType.KEYWORD_LIST:
            return f"COALESCE(len(list_filter({name}, lambda e: e IS NOT NULL)) > 0, FALSE)"
        return f"({name} IS NOT NULL)"
    return f"COALESCE({_leaf(condition, parameters)}, FALSE)"


def _leaf(condition: Equals | Between | Like | Terms | TermLike, parameters: Parameters) -> str:
    name = quoted(condition.field.name)
    if condition.field.type is FieldType.KEYWORD_LIST:
        return f"len(list_filter({name}, lambda e: {_compared('e', condition, parameters)})) > 0"
    return _compared(name, condition, parameters)


def _compared(name: str, condition: Equals | Between | Like | Terms | TermLike, parameters: Parameters) -> str:
    if isinstance(condition, Equals):
        return f"{name} = {parameters.add(condition.value)}"
    if isinstance(condition, Like):
        return _like(name, condition.parts, parameters)
    if isinstance(condition, Terms):
        return _terms(name, condition, parameters)
    if isinstance(condition, TermLike):
        pattern = r"[^ ]*".join(_escaped_re2(part) for part in condition.parts)
        return f"regexp_matches(log_words({name}), {parameters.add(f' {pattern} ')})"
    value = f"log_address({name})" if condition.field.type is FieldType.IP else name
    ends = [("<" if low else ">", bound) for low, bound in ((False, condition.low), (True, condition.high)) if bound]
    return " AND ".join(_end(value, sign, bound, parameters) for sign, bound in ends)


def _end(value: str, sign: str, bound: Bound, parameters: Parameters) -> str:
    return f"{value} {sign}{'=' if bound.inclusive else ''} {parameters.add(bound.value)}"


def _like(name: str, parts: tuple[str, ...], parameters: Parameters) -> str:
    escaped = [part.replace("!", "!!").replace("%", "!%").replace("_", "!_") for part in parts]
    if len(parts) == 2 and not parts[1]:
        return f"starts_with({name}, {parameters.add(parts[0])})"
    return f"{name} LIKE {parameters.add('%'.join(escaped))} ESCAPE '!'"


def _terms(name: str, condition: Terms, parameters: Parameters) -> str:
    """Words are looked for between spaces; the cheap test for the longest comes first."""
    if condition.phrase:
        longest = parameters.add(max(condition.terms, key=len))
        phrase = parameters.add(f" {' '.join(condition.terms)} ")
        return f"(contains(lower({name}), {longest}) AND contains(log_words({name}), {phrase}))"
    found = [f"contains(log_words({name}), {parameters.add(f' {term} ')})" for term in condition.terms]
    return f"({' OR '.join(found)})"


def _escaped_re2(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_ " else f"\\x{{{ord(char):x}}}" for char in text)


def compiled(query: Query, reading: Reading) -> Statement:
    """The statement of a query over what is read, of any generation."""
    query = merged(query)
    parameters = Parameters()
    lines = _lines(reading, parameters)
    return _grouped(query, lines, parameters) if query.metrics else _hits(query, lines, parameters)


def fields_read(queries: Sequence[Query]) -> list[Field]:
    """Every field that the queries read or show, once, with the names that it has elsewhere."""
    found: list[Field] = []
    for query in map(merged, queries):
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

    Each query is a grouping set with a class of its own. The answers have the form of those of `compiled`.
    """
    queries = [merged(query) for query in queries]
    parameters = Parameters()
    lines = _lines(reading, parameters)
    fields = fields_read(queries)
    names = "".join(f", {quoted(field.name)}" for field in fields)
    parts = [_Parts.of(query, str(index), parameters) for index, query in enumerate(queries)]
    sets = ", ".join(f"({', '.join([one.line_class, *one.groups])})" for one in parts)
    which = " ".join(f"WHEN GROUPING({one.line_class}) = 0 THEN {index}" for index, one in enumerate(parts))
    text = f"""CREATE OR REPLACE TEMP TABLE answers AS WITH {lines(fields)},
classed AS (SELECT {", ".join(f"{_class(one.matched)} AS {one.line_class}" for one in parts)}{names} FROM rows),
keyed AS (SELECT {", ".join(f"{one.line_class}{one.cases}" for one in parts)}{names} FROM classed)
SELECT CASE {which} END AS _set, COALESCE({", ".join(one.line_class for one in parts)}) AS _class, count(*) AS _lines
{"".join(f", {column}" for one in parts for column in one.groups)}{"".join(one.named_metrics for one in parts)}
FROM keyed GROUP BY GROUPING SETS ({sets})"""  # noqa: S608 - names of ours, placeholders
    statements = [Statement(text, tuple(parameters.values), counted=False)]
    for index, (query, one) in enumerate(zip(queries, parts, strict=True)):
        own = Parameters()
        columns = "".join(f", {column}" for column in (*one.groups, *one.metrics))
        text = f"""SELECT _class, _lines, sum(_lines) OVER (){columns} FROM answers WHERE _set = {index}
ORDER BY _class = {MATCHED}{one.order} {_limit(query, own, more=_MORE)}"""  # noqa: S608 - as above
        statements.append(Statement(text, tuple(own.values), counted=True))
    return statements


_MORE = 3  # rows of the other classes


def _lines(reading: Reading, parameters: Parameters) -> Callable[[list[Field]], str]:
    """The beginning of a statement, once it is known which fields it reads."""
    files = parameters.add(list(reading.files)) if reading.files or not reading.copies else ""
    copies = parameters.add(list(reading.copies)) if reading.copies else ""
    return lambda fields: source(fields, files, copies, exact=reading.exact)


def _class(matched: str) -> str:
    return f"""CASE WHEN bare THEN {BARE} WHEN NOT ok THEN {MALFORMED}
    WHEN {matched} THEN {MATCHED} ELSE {OTHER} END"""


def _hits(query: Query, lines: Callable[[list[Field]], str], parameters: Parameters) -> Statement:
    order = ", ".join(
        f"{quoted(one.column)} {'DESC' if one.descending else 'ASC'} NULLS LAST" for one in query.ordering
    )
    if order:  # then by what is shown, so that lines of the same moment stand still
        order += "".join(f", {quoted(one.name)} NULLS LAST" for one in query.columns)
    fields = _fields(query, [*query.columns, *_ordered_by(query)])
    text = f"""WITH {lines(fields)}
SELECT {MATCHED}, 1, 1, {", ".join(quoted(one.name) for one in query.columns)}
FROM rows WHERE ok AND {holds(query.where.condition, parameters)}
{f"ORDER BY {order}" if order else ""} {_limit(query, parameters)}"""  # noqa: S608 - names of the catalogue and placeholders
    return Statement(text, tuple(parameters.values), counted=False)


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
            more.append(group.field)
    more += [field for clause in clauses for field in fields_of(clause.condition)]
    return list({field.name: field for field in more}.values())


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a query with groups or metrics. Our own columns begin with an underscore, as no log field does."""

    line_class: str  # the column with the class of a line
    matched: str  # whether a line is one of the answer
    cases: str
    groups: list[str]  # columns
    metrics: list[str]  # columns
    named_metrics: str
    order: str

    @classmethod
    def of(cls, query: Query, mark: str, parameters: Parameters) -> Self:
        """The parts. `mark` tells the columns of one query from those of another."""
        keys = [_key(group, parameters) for group in query.groups]
        needed = [f"{key} IS NOT NULL" for key, group in zip(keys, query.groups, strict=True) if _needs_value(group)]
        matched = " AND ".join([holds(query.where.condition, parameters), *needed])
        own = f"_class{mark}"
        columns = {one.name: f"_g{mark}_{index}" for index, one in enumerate(query.groups)}
        groups = list(columns.values())
        cases = "".join(
            f", {_case(key, group, own)} AS {columns[group.name]}"
            for key, group in zip(keys, query.groups, strict=True)
        )
        columns |= {metric.name: f"_m{mark}_{index}" for index, metric in enumerate(query.metrics)}
        named = "".join(
            f", {_metric(metric, query.groups, own, parameters)} AS {columns[metric.name]}" for metric in query.metrics
        )
        order = "".join(
            f", {columns[one.column]} {'DESC' if one.descending else 'ASC'} NULLS LAST" for one in query.ordering
        )
        return cls(own, matched, cases, groups, [columns[metric.name] for metric in query.metrics], named, order)


def _grouped(query: Query, lines: Callable[[list[Field]], str], parameters: Parameters) -> Statement:
    """One row for each group, and one for all lines of each other class, in one pass over the lines."""
    fields = _fields(query, [])
    names = "".join(f", {quoted(field.name)}" for field in fields)
    one = _Parts.of(query, "", parameters)
    by = "".join(f", {column}" for column in one.groups)
    text = f"""WITH {lines(fields)},
classed AS (SELECT {_class(one.matched)} AS _class{names} FROM rows),
keyed AS (SELECT _class{one.cases}{names} FROM classed)
SELECT _class, count(*), sum(count(*)) OVER (){by}{one.named_metrics} FROM keyed GROUP BY _class{by}
ORDER BY _class = {MATCHED}{one.order} {_limit(query, parameters, more=_MORE)}"""  # noqa: S608 - names of ours, placeholders
    return Statement(text, tuple(parameters.values), counted=not any(_many(group) for group in query.groups))


def _many(group: Group) -> bool:
    return isinstance(group, ByTerms) and group.field.type is FieldType.KEYWORD_LIST


def _case(key: str, group: Group, line_class: str) -> str:
    """The key of a line of the answer; a line with a list is in the group of each of its values."""
    if _many(group):
        return f"unnest(CASE WHEN {line_class} = {MATCHED} THEN {_elements(key, group)} ELSE [NULL] END)"
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
        name = quoted(group.field.name)
        path = f"split_part({name}, '?', 1)"  # what a query holds is no part of a path
        return f"nullif(split_part({path}, '/', {group.part + 1}), '')" if group.part else name
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


def _metric(metric: Metric, groups: tuple[Group, ...], line_class: str, parameters: Parameters) -> str:
    chosen = _filter(metric.where, line_class, parameters)
    name = quoted(metric.field.name) if metric.field else "*"
    if metric.kind is Kind.RATIO:
        return f"(count(*) {chosen} / nullif(count(*) {_filter(metric.whole, line_class, parameters)}, 0))"
    if metric.kind is Kind.RATE:
        seconds = next(group.seconds for group in groups if isinstance(group, ByTime) and group.seconds)
        amount = f"COALESCE(sum({name}) {chosen}, 0)" if metric.field else f"count(*) {chosen}"
        return f"({amount} * {parameters.add(metric.per_seconds)} / {parameters.add(seconds)})"
    if metric.kind is Kind.CARDINALITY and metric.field and metric.field.type is FieldType.KEYWORD_LIST:
        return f"COALESCE(len(list_distinct(flatten(list({name}) {chosen}))), 0)"
    functions = {
        Kind.SUM: f"COALESCE(sum({name}) {chosen}, 0)",
        Kind.PERCENTILE: f"quantile_cont({name}, {metric.percent / 100!r}) {chosen}",
        Kind.CARDINALITY: f"count(DISTINCT {name}) {chosen}",
    }
    return functions.get(metric.kind, f"{metric.kind.value}({name}) {chosen}")


def _filter(clause: Clause, line_class: str, parameters: Parameters) -> str:
    return f"FILTER (WHERE {line_class} = {MATCHED} AND {holds(clause.condition, parameters)})"
