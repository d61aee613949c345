"""Queries to KQL text, and to the address of Kibana's Discover that shows their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from regobs.logs.kql import parse, to_text
from regobs.logs.query import ByFilters, Query

Rison = str | int | float | bool | None | list["Rison"] | dict[str, "Rison"]
_BARE = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~-]*")  # what Rison writes without quotes


def as_kql(query: Query) -> str:
    """The lines of the query as KQL; groups and metrics have no KQL."""
    return to_text(parse(query.where.text))


def discover_url(
    query: Query,
    kibana: str,
    data_view: str,
    *,
    start: str = "now-24h",
    end: str = "now",
    space: str = "",
    filters: Sequence[Rison] = (),
) -> str:
    """Discover with the lines of the query, which needs no saved object but the data view.

    `kibana` is its base address, `data_view` the id of a data view, `space` one that is not the default; `filters`
    stand beside the query, see `field_filter`.
    Source of the state's form: Kibana 9, discover/common/app_locator_get_location.ts.
    """
    columns: list[Rison] = [name for name in _columns(query) if name != "time"]
    sort: list[Rison] = [[one.column, "desc" if one.descending else "asc"] for one in query.order if not query.metrics]
    state: dict[str, Rison] = {
        "columns": columns,
        "dataSource": {"dataViewId": data_view, "type": "dataView"},
        "filters": list(filters),
        "query": {"language": "kuery", "query": as_kql(query)},
        "sort": sort or [["time", "desc"]],
    }
    return f"{_app(kibana, space)}/discover#/?_g={_period(start, end)}&_a={encoded(state)}"


def field_filter(field: str, pattern: str, data_view: str) -> Rison:
    """A filter of Discover: lines whose `field` is wholly like the regular expression of Lucene.

    KQL has no regular expressions, and those are what Grafana makes of a variable with several values.
    Source: Kibana 9, packages/kbn-es-query, custom filters; Elasticsearch, "Query string query", regular expressions.
    """
    return {
        "meta": {"alias": field, "disabled": False, "index": data_view, "negate": False, "type": "custom"},
        "query": {"query_string": {"query": f"{field}:/{pattern}/"}},
    }


def dashboard_url(kibana: str, dashboard: str, *, start: str = "now-24h", end: str = "now", space: str = "") -> str:
    """A dashboard by its id; the rest as for `discover_url`."""
    return f"{_app(kibana, space)}/dashboards#/view/{quote(dashboard, safe='')}?_g={_period(start, end)}"


def _app(kibana: str, space: str) -> str:
    place = f"/s/{quote(space, safe='')}" if space else ""
    return f"{kibana.rstrip('/')}{place}/app"


def _period(start: str, end: str) -> str:
    times: dict[str, Rison] = {"time": {"from": start, "to": end}}
    return encoded(times)


def encoded(value: Rison) -> str:
    """A value as Rison in the fragment of an address."""
    return quote(rison(value), safe=_KEPT)


_KEPT = "!'()*:@,/~"  # Rison's own marks, which a fragment may hold


def _columns(query: Query) -> list[str]:
    """The fields that the query shows, groups by or measures, once."""
    names = [field.name for field in query.columns]
    names += [group.field.name for group in query.groups if not isinstance(group, ByFilters)]
    names += [metric.field.name for metric in query.metrics if metric.field is not None]
    return list(dict.fromkeys(names))


def rison(value: Rison) -> str:
    """A value as Rison, the notation of Kibana's addresses; keys are sorted."""
    if value is None or isinstance(value, bool):
        return {None: "!n", True: "!t", False: "!f"}[value]
    if isinstance(value, str):
        escaped = value.replace("!", "!!").replace("'", "!'")
        return value if _BARE.fullmatch(value) else f"'{escaped}'"
    if isinstance(value, list):
        return f"!({','.join(map(rison, value))})"
    if isinstance(value, dict):
        return f"({','.join(f'{rison(key)}:{rison(value[key])}' for key in sorted(value))})"
    return str(value).replace("e+", "e")  # Rison has no plus sign
