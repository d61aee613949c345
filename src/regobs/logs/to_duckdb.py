"""Queries to DuckDB SQL. Values are always bound parameters; only names of the field catalogue stand in the text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from regobs.logs.fields import Alias, Conversion, Field, FieldType, as_written
from regobs.logs.generations import ACCESS_MARK, Merged, merged, merged_field
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

MATCHED, OTHER, MALFORMED = 1, 0, 2  # the classes of lines

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
    """SQL over `read_csv` of the files in the first parameter.

    A row is the class of its lines, how many they are, how many lines were read, and the columns of the answer. Rows
    of MATCHED are the answer, the others only counted. Where `counted` is false there is nothing but the answer.
    """

    sql: str
    parameters: tuple[object, ...]
    counted: bool


def source(fields: list[Field], files: str) -> str:
    """The lines of the files as columns; `ok` is false for what is no JSON object.

    Lines come through the CSV reader with a separator that no JSON text can have, for the JSON reader turns broken
    lines into empty rows. It rejects text that is no UTF-8, which the caller counts too.
    """
    wanted = {one.name: _READ_AS.get(one.type, "VARCHAR") for one in _read(fields)} or {"msg": "VARCHAR"}
    structure = json.dumps(wanted, separators=(",", ":")).replace("'", "''")
    columns = "".join(f", {_column(one)} AS {_quoted(one.name)}" for one in fields)
    return f"""lines AS (
  SELECT line, json_valid(line) AND starts_with(ltrim(line), '{{') AS ok
  FROM read_csv({files}, auto_detect=false, header=false, delim='\x01', quote='', escape='',
    columns={{'line': 'VARCHAR'}}, max_line_size=16777216, strict_mode=false, store_rejects=true)
  WHERE trim(line, ' \t\r') <> ''
), parsed AS (
  SELECT ok, CASE WHEN ok THEN from_json(line, '{structure}') END AS f FROM lines
), rows AS (SELECT ok{columns} FROM parsed)"""  # noqa: S608 - names of the catalogue only


_READ_AS = {
    FieldType.LONG: "BIGINT",
    FieldType.DOUBLE: "DOUBLE",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.KEYWORD_LIST: "VARCHAR[]",
    FieldType.OBJECT: "JSON",
}


def _read(fields: list[Field]) -> Iterator[Field]:
    """The fields with all that lines may have in their place."""
    for one in fields:
        yield one
        for alias in one.aliases if isinstance(one, Merged) else ():
            yield as_written(alias)
            if alias.access_only:
                yield ACCESS_MARK


def _column(field: Field) -> str:
    """The value of a field, under whichever name a line has it."""
    own = _value(f"f.{_quoted(field.name)}", field.type)
    if not isinstance(field, Merged):
        return own
    return f"COALESCE({', '.join((own, *(_elsewhere(field, alias) for alias in field.aliases)))})"


def _value(value: str, kind: FieldType) -> str:
    """A value of JSON. Times become milliseconds since 1970: DuckDB drops the offset of a plain TIMESTAMP."""
    if kind is FieldType.DATE:
        return f"floor(epoch_us(TRY_CAST({value} AS TIMESTAMPTZ)) / 1000)::BIGINT"  # epoch_ms() rounds
    if kind is FieldType.OBJECT:
        return f"CASE WHEN json_type({value}) <> 'NULL' THEN {value} END"
    return value


def _elsewhere(field: Field, alias: Alias) -> str:
    """The value that stands under another name, in the unit of the field."""
    raw = f"f.{_quoted(alias.name)}"
    value = {
        Conversion.SAME: _value(raw, field.type),
        Conversion.SCALED: f"log_whole({raw} * {alias.factor})",
        Conversion.GO_DURATION: f"log_whole(log_milliseconds({raw}))",
        Conversion.WORDS: f"upper(replace({raw}, ' ', '_'))",
    }[alias.conversion]
    return f"CASE WHEN f.{_quoted(ACCESS_MARK.name)} IS NOT NULL THEN {value} END" if alias.access_only else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
        name = _quoted(condition.field.name)
        if condition.field.type is FieldType.KEYWORD_LIST:
            return f"COALESCE(len(list_filter({name}, lambda e: e IS NOT NULL)) > 0, FALSE)"
        return f"({name} IS NOT NULL)"
    return f"COALESCE({_leaf(condition, parameters)}, FALSE)"


def _leaf(condition: Equals | Between | Like | Terms | TermLike, parameters: Parameters) -> str:
    name = _quoted(condition.field.name)
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


def compiled(query: Query, files: list[str]) -> Statement:
    """The statement of a query over files: paths or glob patterns as DuckDB reads them, of any generation."""
    query = merged(query)
    parameters = Parameters()
    place = parameters.add(files)
    if not query.metrics:
        return _hits(query, place, parameters)
    return _grouped(query, place, parameters)


def counting(files: list[str]) -> Statement:
    """How many lines of the files are JSON objects and how many are not."""
    kind = f"CASE WHEN ok THEN {OTHER} ELSE {MALFORMED} END"
    text = f"WITH {source([], '$1')} SELECT {kind}, count(*), sum(count(*)) OVER () FROM rows GROUP BY 1"  # noqa: S608 - numbers of ours
    return Statement(text, (files,), counted=True)


def _hits(query: Query, place: str, parameters: Parameters) -> Statement:
    order = ", ".join(
        f"{_quoted(one.column)} {'DESC' if one.descending else 'ASC'} NULLS LAST" for one in query.ordering
    )
    fields = _fields(query, [*query.columns, *(_by_name(query, one.column) for one in query.order)])
    text = f"""WITH {source(fields, place)}
SELECT {MATCHED}, 1, 1, {", ".join(_quoted(one.name) for one in query.columns)}
FROM rows WHERE ok AND {holds(query.where.condition, parameters)}
{f"ORDER BY {order}" if order else ""} {_limit(query, parameters)}"""  # noqa: S608 - names of the catalogue and placeholders
    return Statement(text, tuple(parameters.values), counted=False)


def _by_name(query: Query, name: str) -> Field:
    from regobs.logs.fields import FIELDS  # noqa: PLC0415 - only an order by a column that is not shown needs it

    return next((one for one in query.columns if one.name == name), None) or merged_field(FIELDS[name])


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


def _grouped(query: Query, place: str, parameters: Parameters) -> Statement:
    """One row for each group, and one for all lines of each other class, in one pass over the lines.

    Our own columns begin with an underscore, which no log field does.
    """
    fields = _fields(query, [])
    names = "".join(f", {_quoted(field.name)}" for field in fields)
    keys = [_key(group, parameters) for group in query.groups]
    needed = [f"{key} IS NOT NULL" for key, group in zip(keys, query.groups, strict=True) if _needs_value(group)]
    matched = " AND ".join([holds(query.where.condition, parameters), *needed])
    columns = {one.name: f"_g{index}" for index, one in enumerate(query.groups)}
    cases = "".join(
        f", {_case(key, group)} AS {columns[group.name]}" for key, group in zip(keys, query.groups, strict=True)
    )
    by = "".join(f", {column}" for column in columns.values())
    metrics = ""
    for index, metric in enumerate(query.metrics):
        columns[metric.name] = f"_m{index}"
        metrics += f", {_metric(metric, query.groups, parameters)} AS _m{index}"
    order = "".join(
        f", {columns[one.column]} {'DESC' if one.descending else 'ASC'} NULLS LAST" for one in query.ordering
    )
    text = f"""WITH {source(fields, place)},
classed AS (SELECT CASE WHEN NOT ok THEN {MALFORMED} WHEN {matched} THEN {MATCHED} ELSE {OTHER} END AS _class{names}
  FROM rows),
keyed AS (SELECT _class{cases}{names} FROM classed)
SELECT _class, count(*), sum(count(*)) OVER (){by}{metrics} FROM keyed GROUP BY _class{by}
ORDER BY _class = {MATCHED}{order} {_limit(query, parameters, more=2)}"""  # noqa: S608 - names of ours, placeholders
    return Statement(text, tuple(parameters.values), counted=not any(_many(group) for group in query.groups))


def _many(group: Group) -> bool:
    return isinstance(group, ByTerms) and group.field.type is FieldType.KEYWORD_LIST


def _case(key: str, group: Group) -> str:
    """The key of a line of the answer; a line with a list is in the group of each of its values."""
    if _many(group):
        return f"unnest(CASE WHEN _class = {MATCHED} THEN {_elements(key, group)} ELSE [NULL] END)"
    return f"CASE WHEN _class = {MATCHED} THEN {key} END"


def _elements(key: str, group: Group) -> str:
    found = f"list_distinct({key})"
    if isinstance(group, ByTerms) and group.missing:
        return f"CASE WHEN len({found}) > 0 THEN {found} ELSE [NULL] END"
    return found


def _needs_value(group: Group) -> bool:
    return not (isinstance(group, ByTerms) and group.missing)


def _key(group: Group, parameters: Parameters) -> str:
    if isinstance(group, ByTerms):
        return _quoted(group.field.name)
    if isinstance(group, ByFilters):
        cases = [
            f"WHEN {holds(clause.condition, parameters)} THEN {parameters.add(name)}" for name, clause in group.clauses
        ]
        other = f" ELSE {parameters.add(group.other)}" if group.other is not None else ""
        return f"(CASE {' '.join(cases)}{other} END)"
    name = _quoted(group.field.name)
    if group.seconds:
        size = parameters.add(group.seconds * 1000)
        return f"({name} - (({name} % {size}) + {size}) % {size})"
    return f"epoch_ms(date_trunc({parameters.add(group.calendar)}, make_timestamp_ms({name})))"


def _metric(metric: Metric, groups: tuple[Group, ...], parameters: Parameters) -> str:
    chosen = _filter(metric.where, parameters)
    name = _quoted(metric.field.name) if metric.field else "*"
    if metric.kind is Kind.RATIO:
        return f"(count(*) {chosen} / nullif(count(*) {_filter(metric.whole, parameters)}, 0))"
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


def _filter(clause: Clause, parameters: Parameters) -> str:
    return f"FILTER (WHERE _class = {MATCHED} AND {holds(clause.condition, parameters)})"
