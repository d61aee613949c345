"""The files of log_schemas/kibana as a `Definition`, with every mistake at its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from regobs.common.closest import did_you_mean
from regobs.documents import Document, load_yaml, validate
from regobs.errors import LogQueryError
from regobs.kibana import schema
from regobs.kibana.definition import Definition, KibanaDashboard, KibanaEnvironment, KibanaPanel, Session, Shape
from regobs.logs.fields import FIELDS, Field, FieldType
from regobs.logs.query import ByTime, MetricKind, Query
from regobs.logs.saved import QueryReader, Steps, load_query
from regobs.pack import Pack, PackFile

_TOP = 10  # groups of a panel that says nothing of it
_INTERVAL = "5m"  # of a trend where it is run over files; Kibana fits it to the period that is shown
_TIME = "time"
_DESCRIBED = ("where", "metric", "by")


class PanelReader:
    """Reads the panels of one dashboard file, which has been found to fit its schema."""

    def __init__(
        self, document: Document, text: str, pack: Pack, sessions: Mapping[str, Session], now: datetime | None
    ) -> None:
        self._document = document
        self._text = text
        self._pack = pack
        self._sessions = sessions
        self._now = now
        self._names: set[str] = set()

    def panel(self, steps: Steps) -> KibanaPanel:
        """The panel at a place of the document. Raises LogQueryError with file, line and column."""
        data: Any = self._document.data
        for step in steps:
            data = data[step]
        shapes = [shape for shape in Shape if shape.value in data]
        if len(shapes) != 1:
            words = ", ".join(shape.value for shape in Shape)
            raise self._wrong(steps, f"a panel has {len(shapes)} of the keys {words}", "exactly one of them")
        (shape,) = shapes
        if shape is Shape.SESSION:
            return self._of_session(data, steps)
        title = data[shape.value]
        name = self._name(title, (*steps, shape.value))
        query = self._named(data, steps) if "query" in data else self._described(title, shape, data, steps)
        query = replace(query, title=title)
        self._check(shape, query, steps)
        return KibanaPanel(name, title, shape, query, " ".join(data.get("about", "").split()))

    def _name(self, title: str, steps: Steps) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        if not name or name in self._names:
            raise self._wrong(steps, "two panels have this title" if name else "a title without letters", value=title)
        self._names.add(name)
        return name

    def _of_session(self, data: Mapping[str, Any], steps: Steps) -> KibanaPanel:
        self._refuse(data, steps, (*_DESCRIBED, "query", "show", "top"), "a session says itself what it shows")
        session = self._sessions.get(data["session"])
        if session is None:
            raise self._unknown((*steps, "session"), "session", data["session"], list(self._sessions))
        name = self._name(session.query.title, (*steps, "session"))
        return KibanaPanel(name, session.query.title, Shape.SESSION, session.query, data.get("about", ""), session.name)

    def _named(self, data: Mapping[str, Any], steps: Steps) -> Query:
        """A saved query with the metrics that are shown."""
        self._refuse(data, steps, _DESCRIBED, "a panel names a query or describes one")
        try:
            query = load_query(self._pack, data["query"], now=self._now)
        except LogQueryError as error:
            raise error.at(self._document.locate((*steps, "query"))) from None
        known = [metric.name for metric in query.metrics]
        for index, name in enumerate(data.get("show", ())):
            if name not in known:
                raise self._unknown((*steps, "show", index), f"metric of {query.name}", name, known)
        shown = data.get("show", known)
        metrics = tuple(metric for metric in query.metrics if metric.name in shown)
        groups = () if Shape.NUMBER.value in data else query.groups
        left = {column.name for column in (*metrics, *groups)}
        order = tuple(order_by for order_by in query.order if order_by.column in left)
        return replace(query, metrics=metrics, groups=groups, order=order, limit=data.get("top", query.limit))

    def _described(self, title: str, shape: Shape, data: Mapping[str, Any], steps: Steps) -> Query:
        """A query from KQL, one metric and the fields it is taken by."""
        self._refuse(data, steps, ("show",), "only the metrics of a saved query are chosen")
        for key in ("where", "metric"):
            if key not in data:
                raise self._wrong(steps, f"a panel without `query` needs `{key}`", "a saved query, or KQL and a metric")
        name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
        by = [data["by"]] if isinstance(data.get("by"), str) else data.get("by", [])
        groups = {field: {"terms": field} for field in by}
        if shape is Shape.TREND:
            groups = {_TIME: {"date_histogram": _INTERVAL}, **groups}
        described = {"title": title, "where": data["where"], "group": groups, "metrics": {name: data["metric"]}}
        if by and shape is not Shape.TREND:
            described |= {"order": {name: "desc"}, "limit": data.get("top", _TOP)}

        def place(inner: Steps) -> Steps:
            if inner[:1] == ("metrics",):
                return (*steps, "metric", *inner[2:])
            if inner[:1] == ("group",) and inner[1] in by:
                return (*steps, "by") if isinstance(data["by"], str) else (*steps, "by", by.index(inner[1]))
            return (*steps, *inner)

        return QueryReader(self._document, self._text, self._now, place).query(name, described)

    def _check(self, shape: Shape, query: Query, steps: Steps) -> None:
        """Whether the query has the groups and metrics that the shape can show."""
        by_time = [group for group in query.groups if isinstance(group, ByTime)]
        others = [group for group in query.groups if not isinstance(group, ByTime)]
        expected = {
            Shape.NUMBER: (not query.groups and len(query.metrics) == 1, "one metric and no groups"),
            Shape.TREND: (
                len(by_time) == 1 and (not others or (len(others) == 1 and len(query.metrics) == 1)),
                "a group by date_histogram; one more group only with one metric",
            ),
            Shape.BARS: (not by_time and len(others) == 1, "one group that is not a date_histogram"),
            Shape.TABLE: (bool(query.groups), "a group or more"),
        }
        for metric in query.metrics:
            if metric.text:
                raise self._wrong(steps, f"{metric.name} is a text, and Kibana measures numbers", "a session of lines")
        fits, words = expected[shape]
        if not fits or not query.metrics:
            raise self._wrong(steps, f"{shape.value} cannot show this query", words)
        if shape is Shape.NUMBER and query.metrics[0].kind is MetricKind.RATE:
            raise self._wrong(steps, "a rate over the whole period has no length to divide by", "trend", "use trend")

    def _refuse(self, data: Mapping[str, Any], steps: Steps, keys: tuple[str, ...], why: str) -> None:
        for key in keys:
            if key in data:
                raise self._wrong((*steps, key), f"{key} does not belong here: {why}", next_step=f"take {key} away")

    def _unknown(self, steps: Steps, what: str, name: str, known: list[str]) -> LogQueryError:
        step = did_you_mean(name, known, "choose one of them")
        return self._wrong(steps, f"there is no {what} of this name", ", ".join(known), step, value=name)

    def _wrong(
        self,
        steps: Steps,
        message: str,
        expected: str | None = None,
        next_step: str | None = None,
        *,
        value: Any = None,
    ) -> LogQueryError:
        place = self._document.locate(steps)
        return LogQueryError(message, location=place, value=value, expected=expected, next_step=next_step)


FOLDER = "log_schemas"
ENVIRONMENTS = "kibana/environments.yaml"
SESSIONS = "kibana/sessions.yaml"
SUFFIX = ".dashboard.yaml"
_DASHBOARDS = f"kibana/*{SUFFIX}"
_PERIOD = "24h"
_CHOSEN = frozenset({FieldType.KEYWORD, FieldType.KEYWORD_LIST, FieldType.BOOLEAN, FieldType.LONG, FieldType.IP})


def read_definition(pack: Pack, *, now: datetime | None = None) -> Definition:
    """All of it. Raises LogQueryError for what is wrong in a file, PackError for a file that cannot be read."""
    sessions = read_sessions(pack, now=now)
    return Definition(
        read_environments(pack),
        sessions,
        tuple(_dashboard(file, pack, sessions, now) for file in pack.files(FOLDER, _DASHBOARDS)),
    )


def read_environments(pack: Pack) -> tuple[KibanaEnvironment, ...]:
    """The environments, in the order of their file."""
    document, _ = _load(pack.file(FOLDER, ENVIRONMENTS), schema.ENVIRONMENTS)
    return tuple(KibanaEnvironment(name, data["title"], data["index"]) for name, data in document.data.items())


def read_sessions(pack: Pack, *, now: datetime | None = None) -> tuple[Session, ...]:
    """The Discover sessions, in the order of their file."""
    document, text = _load(pack.file(FOLDER, SESSIONS), schema.SESSIONS)
    return tuple(_session(document, text, name, now) for name in document.data)


def panel_queries(pack: Pack, *, now: datetime | None = None) -> dict[str, Query]:
    """The queries of all panels by DASHBOARD/PANEL, in the order of the dashboards."""
    dashboards = read_definition(pack, now=now).dashboards
    return {f"{board.name}/{panel.name}": panel.query for board in dashboards for row in board.rows for panel in row}


def panel_query(pack: Pack, name: str, *, now: datetime | None = None) -> Query:
    """The query of a panel by DASHBOARD/PANEL. Raises LogQueryError when there is none of this name."""
    queries = panel_queries(pack, now=now)
    if name in queries:
        return queries[name]
    raise LogQueryError(
        "there is no panel of this name",
        value=name,
        expected="DASHBOARD/PANEL, as `regobs logs run` lists them",
        next_step=did_you_mean(name, queries, "choose one of them"),
    )


def _load(file: PackFile, rules: Mapping[str, Any]) -> tuple[Document, str]:
    text = file.read()
    document = load_yaml(text, str(file.path), error=LogQueryError)
    validate(document, rules, error=LogQueryError)
    return document, text


def _session(document: Document, text: str, name: str, now: datetime | None) -> Session:
    def place(steps: Steps) -> Steps:
        return (name, *steps)

    query = QueryReader(document, text, now, place).query(name, {**document.data[name], "order": {"time": "desc"}})
    return Session(name, query)


def _dashboard(file: PackFile, pack: Pack, sessions: tuple[Session, ...], now: datetime | None) -> KibanaDashboard:
    document, text = _load(file, schema.DASHBOARD)
    data: dict[str, Any] = document.data
    reader = PanelReader(document, text, pack, {session.name: session for session in sessions}, now)
    rows = tuple(
        tuple(reader.panel(("rows", row, column)) for column in range(len(panels)))
        for row, panels in enumerate(data["rows"])
    )
    return KibanaDashboard(
        name=file.path.name.removesuffix(SUFFIX),
        title=data["title"],
        description=" ".join(data.get("description", "").split()),
        period=data.get("period", _PERIOD),
        controls=tuple(_control(document, name, index) for index, name in enumerate(data.get("controls", []))),
        rows=rows,
    )


def _control(document: Document, name: str, index: int) -> Field:
    """A field whose values are offered; each has to be one term of the index."""
    place = document.locate(("controls", index))
    if name not in FIELDS:
        step = did_you_mean(name, FIELDS, "see the reference of log fields")
        raise LogQueryError(f"no log field is called {name!r}", location=place, next_step=step)
    if FIELDS[name].type not in _CHOSEN:
        raise LogQueryError(
            f"{name} is of type {FIELDS[name].type.value}, which offers no values to choose",
            location=place,
            expected="a keyword, whole number, address, or true and false",
        )
    return FIELDS[name]
