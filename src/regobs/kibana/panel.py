"""Reading one panel: what it looks like, and the query that it names or describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace

from regobs.documents import Document
from regobs.errors import LogQueryError
from regobs.kibana.definition import Panel, Session, Shape
from regobs.logs.query import ByTime, Kind, Query
from regobs.logs.saved import QueryReader, Steps, load_query
from regobs.pack import Pack

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

    def panel(self, steps: Steps) -> Panel:
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
        return Panel(name, title, shape, query, " ".join(data.get("about", "").split()))

    def _name(self, title: str, steps: Steps) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        if not name or name in self._names:
            raise self._wrong(steps, "two panels have this title" if name else "a title without letters", value=title)
        self._names.add(name)
        return name

    def _of_session(self, data: Mapping[str, Any], steps: Steps) -> Panel:
        self._refuse(data, steps, (*_DESCRIBED, "query", "show", "top"), "a session says itself what it shows")
        session = self._sessions.get(data["session"])
        if session is None:
            raise self._unknown((*steps, "session"), "session", data["session"], list(self._sessions))
        name = self._name(session.query.title, (*steps, "session"))
        return Panel(name, session.query.title, Shape.SESSION, session.query, data.get("about", ""), session.name)

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
        left = {one.name for one in (*metrics, *groups)}
        order = tuple(one for one in query.order if one.column in left)
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
            Shape.BARS: (not by_time and len(others) == 1, "one group that is no date_histogram"),
            Shape.TABLE: (bool(query.groups), "a group or more"),
        }
        fits, words = expected[shape]
        if not fits or not query.metrics:
            raise self._wrong(steps, f"{shape.value} cannot show this query", words)
        if shape is Shape.NUMBER and query.metrics[0].kind is Kind.RATE:
            raise self._wrong(steps, "a rate over the whole period has no length to divide by", "trend", "use trend")

    def _refuse(self, data: Mapping[str, Any], steps: Steps, keys: tuple[str, ...], why: str) -> None:
        for key in keys:
            if key in data:
                raise self._wrong((*steps, key), f"{key} does not belong here: {why}", next_step=f"take {key} away")

    def _unknown(self, steps: Steps, what: str, name: str, known: list[str]) -> LogQueryError:
        close = get_close_matches(name, known, n=1)
        step = f"did you mean {close[0]}?" if close else "choose one of them"
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
