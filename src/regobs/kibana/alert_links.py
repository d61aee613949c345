"""The address in Kibana of the log lines that an alert leads to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from msgspec.structs import replace

from regobs.config import Config
from regobs.kibana.links import chosen_environment
from regobs.kibana.log_view import has_addresses
from regobs.kibana.reading import read_environments
from regobs.logs.query import Query
from regobs.logs.saved import load_query
from regobs.logs.to_kql import as_kql, discover_url
from regobs.pack import Pack
from regobs.slo.log_address import AlertedLines, LogAddress

# Stands in the query while the address is made; a word of KQL, so that what is around it gets its parentheses.
_NARROWED = "REGOBS_NARROWED"


def log_addresses(config: Config, pack: Pack, lines: Iterable[AlertedLines]) -> dict[AlertedLines, LogAddress]:
    """Discover with the lines of each, until the link is opened; none where no Kibana has them.

    Raises LogQueryError for a query or an environment that does not exist.
    """
    if not has_addresses(config):
        return {}
    view = chosen_environment(read_environments(pack), config.kibana.environment).data_view
    queries = {name: load_query(pack, name) for name in sorted({one.query for one in lines})}
    return {one: _address(one, queries[one.query], config, view) for one in lines}


def _address(lines: AlertedLines, query: Query, config: Config, view: str) -> LogAddress:
    settings = config.kibana
    fields = [(label, settings.fields[label]) for label in lines.labels if label in settings.fields]
    if fields:
        text = f"({as_kql(query) or '*'}) and {_NARROWED}"
        query = replace(query, where=replace(query.where, text=text))
    url = discover_url(query, settings.url, view, start=f"now-{lines.since}", end="now", space=settings.space)
    start, _, end = url.partition(quote(f" and {_NARROWED}"))
    return LogAddress(start, end, tuple((label, quote(f' and {field}: "'), quote('"')) for label, field in fields))
