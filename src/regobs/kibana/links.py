"""Addresses that open in Kibana what a name stands for: a dashboard, a panel's or saved query's lines, a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from regobs.common.addresses import fault_of_url
from regobs.common.closest import did_you_mean
from regobs.errors import InputError, LogQueryError
from regobs.kibana.definition import KibanaEnvironment
from regobs.kibana.reading import read_definition
from regobs.logs.kql import dates
from regobs.logs.query import Clause
from regobs.logs.saved import load_query, names_in
from regobs.logs.to_kql import dashboard_url, discover_url
from regobs.pack import Pack


@dataclass(frozen=True, slots=True)
class View:
    """Where to look: Kibana's base address, an environment of the pack (the first when empty), a space, a period."""

    kibana: str
    environment: str = ""
    space: str = ""
    start: str = "now-24h"
    end: str = "now"


def link(pack: Pack, name: str, view: View, *, where: Sequence[Clause] = (), now: datetime | None = None) -> str:
    """The address for the name of a dashboard, a panel (DASHBOARD/PANEL), a session or a saved query.

    `where` narrows the lines; a dashboard takes none. Raises LogQueryError for a name, environment or time that does
    not exist, InputError for an address that is none or holds a password.
    """
    if fault_of_url(view.kibana):
        raise InputError(
            "the address of Kibana is not an http or https URL, or has a user, query or fragment in it",
            expected="https://kibana.example.com, as it opens the start page",
            next_step="log in to Kibana in the browser; the link needs no password",
        )
    for time in (view.start, view.end):
        if dates.span(time, now or datetime.now().astimezone()) is None:
            raise LogQueryError("this is not a time", value=time, expected="2026-11-23T11:05:00Z, now-15m or now/d")
    definition = read_definition(pack, now=now)
    environment = chosen_environment(definition.environments, view.environment)
    boards = {board.name: board for board in definition.dashboards}
    if name in boards and not where:
        place = boards[name].id(environment)
        return dashboard_url(view.kibana, place, start=view.start, end=view.end, space=view.space)
    queries = {session.name: session.query for session in definition.sessions}
    for board in boards.values():
        queries |= {f"{board.name}/{panel.name}": panel.query for row in board.rows for panel in row}
    saved = names_in(pack)
    if name in queries:
        query = queries[name]
    elif name in saved:
        query = load_query(pack, name, now=now)
    else:
        raise _unknown(name, [*boards, *queries, *saved], narrowed=bool(where))
    query = query.narrowed(*where)
    return discover_url(query, view.kibana, environment.data_view, start=view.start, end=view.end, space=view.space)


def chosen_environment(environments: Sequence[KibanaEnvironment], name: str) -> KibanaEnvironment:
    """The environment of a name, the first where the name is empty. Raises LogQueryError when there is none."""
    known = {environment.name: environment for environment in environments}
    if not name:
        return environments[0]
    if name not in known:
        raise LogQueryError("there is no environment of this name", value=name, expected=", ".join(known))
    return known[name]


def _unknown(name: str, names: list[str], *, narrowed: bool) -> LogQueryError:
    others = [known for known in names if known != name]
    step = did_you_mean(name, others, "see `regobs logs run` for the names")
    if name in names and narrowed:
        step = "take --where away, or name one of its panels"
    return LogQueryError(
        "nothing of this name has lines to show",
        value=name,
        expected="a dashboard, DASHBOARD/PANEL, a session or a saved query",
        next_step=step,
    )
