"""The files of log_schemas/kibana as a `Definition`, with every mistake at its line and column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from regobs.documents import Document, load_yaml, validate
from regobs.errors import LogQueryError
from regobs.kibana import schema
from regobs.kibana.definition import Dashboard, Definition, Environment, Session
from regobs.kibana.panel import PanelReader
from regobs.logs.fields import FIELDS, Field, FieldType
from regobs.logs.query import Query
from regobs.logs.saved import QueryReader, Steps
from regobs.pack import Pack, PackFile

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


def read_environments(pack: Pack) -> tuple[Environment, ...]:
    """The environments, in the order of their file."""
    document, _ = _load(pack.file(FOLDER, ENVIRONMENTS), schema.ENVIRONMENTS)
    return tuple(Environment(name, data["title"], data["index"]) for name, data in document.data.items())


def read_sessions(pack: Pack, *, now: datetime | None = None) -> tuple[Session, ...]:
    """The Discover sessions, in the order of their file."""
    document, text = _load(pack.file(FOLDER, SESSIONS), schema.SESSIONS)
    return tuple(_session(document, text, name, now) for name in document.data)


def panel_queries(pack: Pack, *, now: datetime | None = None) -> dict[str, Query]:
    """The queries of all panels by DASHBOARD/PANEL, in the order of the dashboards."""
    dashboards = read_definition(pack, now=now).dashboards
    return {f"{one.name}/{panel.name}": panel.query for one in dashboards for row in one.rows for panel in row}


def panel_query(pack: Pack, name: str, *, now: datetime | None = None) -> Query:
    """The query of a panel by DASHBOARD/PANEL. Raises LogQueryError when there is none of this name."""
    queries = panel_queries(pack, now=now)
    if name in queries:
        return queries[name]
    close = get_close_matches(name, queries, n=1)
    raise LogQueryError(
        "there is no panel of this name",
        value=name,
        expected="DASHBOARD/PANEL, as `regobs logs run` lists them",
        next_step=f"did you mean {close[0]}?" if close else "choose one of them",
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


def _dashboard(file: PackFile, pack: Pack, sessions: tuple[Session, ...], now: datetime | None) -> Dashboard:
    document, text = _load(file, schema.DASHBOARD)
    data: dict[str, Any] = document.data
    reader = PanelReader(document, text, pack, {one.name: one for one in sessions}, now)
    rows = tuple(
        tuple(reader.panel(("rows", row, column)) for column in range(len(panels)))
        for row, panels in enumerate(data["rows"])
    )
    return Dashboard(
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
        close = get_close_matches(name, FIELDS, n=1)
        step = f"did you mean {close[0]}?" if close else "see the reference of log fields"
        raise LogQueryError(f"no log field is called {name!r}", location=place, next_step=step)
    if FIELDS[name].type not in _CHOSEN:
        raise LogQueryError(
            f"{name} is of type {FIELDS[name].type.value}, which offers no values to choose",
            location=place,
            expected="a keyword, whole number, address, or true and false",
        )
    return FIELDS[name]
