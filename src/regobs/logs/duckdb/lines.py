"""The lines of log files as a table of DuckDB: what is no JSON object is told apart, and never a row of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from regobs.logs.fields import ACCESS_MARK, Alias, Conversion, Field, FieldType, as_written
from regobs.logs.generations import Merged
from regobs.logs.path_part import PathPart, pattern
from regobs.logs.reading.read import LONGEST_LINE

# Nearly every line that a registry writes has one of these and no other line within it. A line without them is looked
# at again: DuckDB reads `[1]`, `"x"` and `7` to the same empty structure as `{}`, and Docker's object around a line has
# a time, but not what the line has.
_MARKS = ("msg", "message", "@version")
_BARE = """f."msg" IS NULL AND (f."message" IS NULL OR f."@version" IS NOT NULL
    OR regexp_matches(f."message", '^(?:\\s*\\{|time=|level=)'))"""
_READ_AS = {
    FieldType.LONG: "BIGINT",
    FieldType.DOUBLE: "DOUBLE",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.KEYWORD_LIST: "VARCHAR[]",
    FieldType.OBJECT: "JSON",
}
_KEPT_AS = {**_READ_AS, FieldType.DATE: "BIGINT"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read: files of JSON lines, and Parquet copies of others.

    `exact` tells bare lines apart, at a price; `sure` is that none of them is anything else than a line.
    """

    files: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    exact: bool = False
    sure: bool = False


def source(fields: list[Field], files: str, copies: str = "", *, exact: bool = False, sure: bool = False) -> str:
    """The lines as `rows`: a column for each field, `ok` where a line is a JSON object, `bare` where that is unsure.

    A line is bare, too, that may be an object around one. `sure` is that no line of these files is either.

    `files` and `copies` are placeholders of lists of paths: files of JSON lines, and Parquet copies of such.
    Text that is no UTF-8 is not ok either. A line is one value of JSON and read in one pass, which is eight times as
    fast as reading it as text first; that way, `exact`, is taken where a line is bare.
    """
    parts = [f"FROM {one}" for one, given in (("written", files), ("kept", copies)) if given]
    tables = [_written(fields, files, exact=exact, sure=sure)] if files else []
    if copies:
        columns = "".join(f", {quoted(one.name)}" for one in fields)
        tables.append(f"kept AS (SELECT ok, bare{columns} FROM read_parquet({copies}, union_by_name=true))")  # noqa: S608 - as below
    return ",\n".join([*tables, f"rows AS ({' UNION ALL '.join(parts)})"])


def _written(fields: list[Field], files: str, *, exact: bool, sure: bool) -> str:
    parts = [one for one in fields if isinstance(one, PathPart)]
    named = {one.name: one for one in fields if not isinstance(one, PathPart)}
    named |= {one.name: one for part in parts for one in (part.path, part.first) if one}
    wanted = {one.name: _READ_AS.get(one.type, "VARCHAR") for one in _read(named.values())}
    wanted |= {mark: "VARCHAR" for mark in _MARKS if mark not in wanted and not (sure and wanted)}
    columns = "".join(f", {_column(one)} AS {quoted(one.name)}" for one in named.values())
    written = "written" if not parts else "whole"
    end = "" if not parts else f",\nwritten AS (SELECT ok, bare{''.join(map(_selected, fields))} FROM whole)"  # noqa: S608 - as below
    reader = f"""FROM read_json({files}, format='newline_delimited', records='false', ignore_errors=true,
    maximum_object_size={LONGEST_LINE}, columns="""
    if exact:
        structure = json.dumps(wanted, separators=(",", ":")).replace("'", "''")
        return f"""lines AS (SELECT line, COALESCE(json_type(line) = 'OBJECT', FALSE) AS ok
  {reader}{{'line': 'JSON'}})),
parsed AS (SELECT ok, CASE WHEN ok THEN from_json(line, '{structure}') END AS f FROM lines),
{written} AS (SELECT ok, FALSE AS bare{columns} FROM parsed){end}"""  # noqa: S608 - names of the catalogue only
    structure = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items()).replace("'", "''")
    bare = "FALSE" if sure else f"f IS NOT NULL AND {_BARE}"
    return f"""parsed AS (SELECT f
  {reader}{{'f': 'STRUCT({structure})'}})),
{written} AS (SELECT f IS NOT NULL AS ok, {bare} AS bare{columns} FROM parsed){end}"""  # noqa: S608 - as above


def kept_types(fields: list[Field]) -> dict[str, str]:
    """The column types of a copy."""
    return {one.name: _KEPT_AS.get(one.type, "VARCHAR") for one in fields}


def _selected(field: Field) -> str:
    """A column of lines that have their fields. What a query holds is no part of a path; few paths have one."""
    if not isinstance(field, PathPart) or field.path is None:
        return f", {quoted(field.name)}"
    name = quoted(field.path.name)
    if isinstance(field.part, str):
        text = pattern(field.part)
        found = (f"regexp_extract({name}, '{text}', {group + 1})" for group in range(text.count("([^")))
        part = f"nullif(concat({', '.join(found)}), '')"
        return f", {_or_first(field, part)} AS {quoted(field.name)}"
    path = f"CASE WHEN contains({name}, '?') THEN split_part({name}, '?', 1) ELSE {name} END"
    part = f"nullif(split_part({path}, '/', {int(field.part) + 1}), '')"
    return f", {_or_first(field, part)} AS {quoted(field.name)}"


def _or_first(field: PathPart, part: str) -> str:
    return f"COALESCE(nullif({quoted(field.first.name)}, ''), {part})" if field.first else part


def _read(fields: Iterable[Field]) -> Iterator[Field]:
    """The fields with all that lines may have in their place."""
    for one in fields:
        yield one
        for alias in one.aliases if isinstance(one, Merged) else ():
            yield as_written(alias)
            if alias.access_only:
                yield ACCESS_MARK


def _column(field: Field) -> str:
    """The value of a field, under whichever name a line has it."""
    own = _value(f"f.{quoted(field.name)}", field.type)
    if not isinstance(field, Merged):
        return own
    return f"COALESCE({', '.join((own, *(_elsewhere(field, alias) for alias in field.aliases)))})"


def _value(value: str, kind: FieldType) -> str:
    """A value of JSON. Times become milliseconds since 1970: DuckDB drops the offset of a plain TIMESTAMP.

    An empty text is no address, as it is no number and no time; servers index none either.
    """
    if kind is FieldType.DATE:
        return f"floor(epoch_us(TRY_CAST({value} AS TIMESTAMPTZ)) / 1000)::BIGINT"  # epoch_ms() rounds
    if kind is FieldType.OBJECT:
        return f"CASE WHEN json_type({value}) <> 'NULL' THEN {value} END"
    return f"nullif({value}, '')" if kind is FieldType.IP else value


def _elsewhere(field: Field, alias: Alias) -> str:
    """The value that stands under another name, in the unit of the field."""
    raw = f"f.{quoted(alias.name)}"
    value = {
        Conversion.SAME: _value(raw, field.type),
        Conversion.SCALED: f"log_whole({raw} * {alias.factor})",
        Conversion.GO_DURATION: f"log_whole(log_milliseconds({raw}))",
        Conversion.WORDS: f"upper(replace({raw}, ' ', '_'))",
    }[alias.conversion]
    return f"CASE WHEN f.{quoted(ACCESS_MARK.name)} IS NOT NULL THEN {value} END" if alias.access_only else value


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
