"""Queries that are typed at a prompt, and what they are in other languages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from regobs.common.closest import did_you_mean
from regobs.errors import LogQueryError
from regobs.logs.fields import FIELDS, Field
from regobs.logs.query import ByTerms, MetricKind, Order, Query, QueryMetric


def listed(names: Sequence[str], limit: int) -> Query:
    """The lines themselves: these fields of them, in the order of the files."""
    return Query("query", columns=tuple(_fields(names, "--columns")), limit=limit)


def counted(names: Sequence[str], limit: int) -> Query:
    """How many lines there are for each value of the fields, the most first."""
    fields = _fields(names, "--by")
    for field in fields:
        if not field.makes_groups:
            raise LogQueryError(
                f"{field.name} is of type {field.type.value}, which makes no groups",
                expected="a keyword, number, time or address",
                next_step="use a saved query with a group by filters",
            )
    groups = tuple(ByTerms(field.name, field) for field in fields)
    name = "count" if "count" not in names else "lines"
    return Query(
        "query",
        groups=groups,
        metrics=(QueryMetric(name, MetricKind.COUNT),),
        order=(Order(name, descending=True),),
        limit=limit,
    )


def has_access_lines_alone(files: Sequence[str]) -> bool:
    """Whether every line of the files that can be read is an access line in the form of a web server."""
    from regobs.logs.duckdb.run import run  # noqa: PLC0415 - only an answer without rows needs it
    from regobs.logs.kql.bind import condition  # noqa: PLC0415
    from regobs.logs.query import Clause  # noqa: PLC0415

    text = "status: * and not msg: *"
    count = (QueryMetric("lines", MetricKind.COUNT),)
    answer = run(Query("q", where=Clause(text, condition(text)), metrics=count), files)
    return answer.rows[0][0] == answer.lines - answer.malformed > 0


def explained(query: Query, language: str, files: list[str]) -> str:
    """The query as `sql` with its parameters, as `dsl` (JSON), as `kql`, `logsql` or `logql`."""
    if language == "logql":
        from regobs.logs.to_logql import as_logql  # noqa: PLC0415

        return as_logql(query)
    if language == "logsql":
        from regobs.logs.victorialogs.logsql import as_logsql  # noqa: PLC0415 - one language is asked for

        return as_logsql(query)
    if language == "kql":
        from regobs.logs.to_kql import as_kql  # noqa: PLC0415

        return as_kql(query)
    if language == "dsl":
        from regobs.logs.elasticsearch.search import compiled  # noqa: PLC0415

        return json.dumps(compiled(query).body, indent=2, ensure_ascii=False)
    from regobs.logs.duckdb import sql  # noqa: PLC0415
    from regobs.logs.duckdb.lines import Reading  # noqa: PLC0415

    statement = sql.compiled(query, Reading(tuple(files)))
    values = "".join(f"\n-- ${index} = {value!r}" for index, value in enumerate(statement.parameters, start=1))
    return statement.sql + values


def _fields(names: Sequence[str], option: str) -> list[Field]:
    fields = [_field(name) for name in names]
    for place, field in enumerate(fields):
        if field in fields[:place]:
            raise LogQueryError(
                f"{option} names a field twice", value=field.name, expected="each field once", next_step="name it once"
            )
    return fields


def _field(name: str) -> Field:
    name = name.strip()
    if name in FIELDS:
        return FIELDS[name]
    raise LogQueryError(
        f"no log field is called {name!r}",
        expected="a field of the log schema",
        next_step=did_you_mean(name, FIELDS, "see the reference of log fields"),
    )
