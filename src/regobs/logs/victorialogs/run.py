"""Run log queries on a VictoriaLogs: one request for the rows, one for the number of lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from regobs.common.http_session import HttpSession
from regobs.errors import MachineError, QueryError, ServerError
from regobs.logs.answer import Answer
from regobs.logs.duckdb.columns import empty, shown, typed, types_of, without_secrets
from regobs.logs.fields import Field, FieldType
from regobs.logs.finish import Row, finished
from regobs.logs.query import ByFilters, ByTime, MetricKind, Query, QueryMetric
from regobs.logs.victorialogs.logsql import as_logsql, group_column, may_be_object
from regobs.prometheus.address import Address
from regobs.prometheus.failures import cut_short, unreachable

TOKEN_VARIABLE = "REGOBS_VICTORIALOGS_TOKEN"  # noqa: S105 - the name of one
_TIMEOUT = 60.0  # seconds for the connection and for each wait for data
_EXPECTED = "a VictoriaLogs, which answers under /select/logsql/query"
_MOST_ROWS = 1_000_000  # kept in memory, for groups are ordered here
_NAMES = {"msg": "_msg", "time": "_time"}


def run(query: Query, url: str, *, environ: Mapping[str, str] = os.environ) -> Answer:
    """The answer of a query over all lines of a VictoriaLogs.

    A bearer token comes from REGOBS_VICTORIALOGS_TOKEN. Raises ServerError when the server is not there, QueryError
    when it refuses, MachineError when there are too many rows, LogQueryError for what has no LogsQL.
    """
    address = Address.parse(url)
    server = _VictoriaLogs(address, environ.get(TOKEN_VARIABLE, ""))
    found = [_row(query, line) for line in server.lines(as_logsql(query), query.name)]
    if query.metrics:
        found = finished(query, found if found or query.groups else [empty(query)])
    (total,) = server.lines("* | stats count() as lines", query.name)
    types = types_of(query)
    cells = [tuple(shown(value, one) for value, one in zip(row, types, strict=True)) for row in found]
    return Answer(query.names, without_secrets(query, cells), int(total["lines"]), malformed=0, units=query.units)


class _VictoriaLogs:
    """A server, asked by POST, so that a long query is no long address."""

    def __init__(self, address: Address, token: str) -> None:
        self._url = str(address)
        self._session = HttpSession()
        self._session.auth = address.credentials or (lambda request: request)  # never that of ~/.netrc
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def lines(self, query: str, name: str) -> Iterator[dict[str, Any]]:
        """The objects of the answer, one by one."""
        address = f"{self._url.rstrip('/')}/select/logsql/query"
        try:
            with self._session.post(address, data={"query": query}, timeout=_TIMEOUT, stream=True) as answer:
                self._check(answer, name)
                for count, line in enumerate(filter(None, answer.iter_lines())):
                    if count == _MOST_ROWS:
                        raise MachineError(
                            f"the query has more than {_MOST_ROWS:,} rows",
                            next_step="narrow it with --where or --from, or group by a field with fewer values",
                        )
                    yield self._object(line)
        except requests.RequestException as error:
            raise unreachable(self._url, error, _TIMEOUT, _EXPECTED) from None

    def _check(self, answer: requests.Response, name: str) -> None:
        if answer.status_code == requests.codes.ok:
            return
        said = answer.text.strip().split("\n", 1)[0][:500]
        refused = answer.status_code in {requests.codes.bad_request, requests.codes.unprocessable_entity}
        if refused and "unsupported path" not in said:  # which is a wrong address, though with the same status
            raise QueryError(
                f"{self._url} refuses the query {name}",
                query=name,
                value=said,
                next_step="see the query with --explain logsql; VictoriaLogs 1.52 is known to read it",
            )
        secret = answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}
        raise ServerError(
            f"{self._url} answered {answer.status_code}",
            value=said,
            expected="the HTTP API of VictoriaLogs",
            next_step=f"put a token into {TOKEN_VARIABLE}" if secret else "check the address of --victorialogs",
        )

    def _object(self, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise cut_short(self._url, line[:100].decode("utf-8", "replace"))
        return found


def _row(query: Query, line: Mapping[str, Any]) -> Row:
    """A row in raw values, a share still as its amount."""
    if not query.metrics:
        return tuple(_cell(_value(one, line), one.type) for one in query.columns)
    groups = (
        line[f"_g{at}"] if isinstance(one, ByFilters) else _cell(line.get(group_column(at, one)), one.field.type)
        for at, one in enumerate(query.groups)
    )
    return (*groups, *(_measured(metric, at, line, query) for at, metric in enumerate(query.metrics)))


def _value(field: Field, line: Mapping[str, Any]) -> Any:
    """The value of a field; an object is put together again, its values as texts in the order of their names."""
    name = _NAMES.get(field.name, field.name)
    if name in line or not may_be_object(field):
        return line.get(name)
    found: dict[str, Any] = {}
    for path in sorted(key for key in line if key.startswith(f"{name}.")):
        *parents, last = path.removeprefix(f"{name}.").split(".")
        within = found
        for parent in parents:
            inner = within.setdefault(parent, {})
            within = inner if isinstance(inner, dict) else found
        within[last] = line[path]
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False) if found else None


def _cell(value: Any, kind: FieldType) -> Any:
    if not isinstance(value, str) or value == "":
        return None
    if kind is FieldType.BOOLEAN:
        return {"true": True, "false": False}.get(value)
    return typed(value, kind)


def _measured(metric: QueryMetric, at: int, line: Mapping[str, Any], query: Query) -> Any:
    text = str(line.get(f"_m{at}", ""))
    if metric.kind is MetricKind.RATIO:
        whole = int(line[f"_w{at}"])
        return int(text) / whole if whole else None
    ordered = metric.kind in {MetricKind.MIN, MetricKind.MAX}
    if metric.field is not None and ordered and (metric.text or metric.field.type is FieldType.DATE):
        return _cell(text, metric.field.type)
    value = None if text in {"", "NaN"} else float(text)
    whole_number = metric.field is None or metric.kind is MetricKind.CARDINALITY or metric.field.type is FieldType.LONG
    if metric.kind in {MetricKind.COUNT, MetricKind.SUM, MetricKind.SHARE, MetricKind.RATE, MetricKind.CARDINALITY}:
        value = value or 0.0
    if metric.kind is MetricKind.RATE and value is not None:
        seconds = next(group.seconds for group in query.groups if isinstance(group, ByTime) and group.seconds)
        return value * metric.per_seconds / seconds
    exact = whole_number and metric.kind not in {MetricKind.AVG, MetricKind.PERCENTILE}
    return int(value) if exact and value is not None else value
