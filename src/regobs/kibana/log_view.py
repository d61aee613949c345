"""Where the lines of a saved log query are looked at: its address in Kibana, and the command for log files."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.pack import Pack

# Grafana puts the period of a dashboard into the address of a link.
# Source: Grafana documentation, "Global variables", $__from and $__to.
GRAFANA_PERIOD = ("${__from:date:iso}", "${__to:date:iso}")
_QUERY_FILE = "queries/{}.query.yaml"


@dataclass(frozen=True, slots=True)
class LogView:
    """A saved query for people. `address` is empty where no Kibana has these lines.

    `filters` narrow the lines to what is chosen in a variable of Grafana, by its name; `url` puts them in their place.
    """

    title: str
    command: str
    address: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)

    def url(self, variables: Container[str] = ()) -> str:
        """The whole address on a dashboard that has these `variables`."""
        chosen = ",".join(text for name, text in self.filters.items() if name in variables)
        return self.address.replace(_FILTERS, chosen, 1)


def log_view(config: Config, pack: Pack, name: str, *, period: Sequence[str] = GRAFANA_PERIOD) -> LogView:
    """How to see the lines of a saved query: Discover for the `period` from and to, and `regobs logs run`.

    There is an address where regobs.toml has `kibana.url` and the registry is GitLab's, for which `regobs build` makes
    the data views. Without one neither KQL nor the field catalogue is loaded. Raises LogQueryError for a name that no
    saved query has.
    """
    command = f"regobs logs run {name} registry.log"
    if not has_addresses(config):
        return LogView(_title(pack, name), command)
    from regobs.kibana.links import chosen_environment  # noqa: PLC0415 - as the docstring says
    from regobs.kibana.reading import read_environments  # noqa: PLC0415
    from regobs.logs.saved import load_query  # noqa: PLC0415
    from regobs.logs.to_kql import discover_url, encoded, field_filter  # noqa: PLC0415

    query = load_query(pack, name)
    settings = config.kibana
    view = chosen_environment(read_environments(pack), settings.environment).data_view
    start, end = period
    url = discover_url(
        query, settings.url, view, start=_MARKS[0], end=_MARKS[1], space=settings.space, filters=[_FILTERS]
    )
    for mark, time in zip(_MARKS, (start, end), strict=True):
        url = url.replace(mark, f"'{time}'", 1)
    filters = {
        label: encoded(field_filter(name, _VALUES, view)).replace(_VALUES, f"${{{label}:regex}}")
        for label, name in settings.fields.items()
    }
    return LogView(query.title, command, url, filters)


def has_addresses(config: Config) -> bool:
    """Whether there is a Kibana with the lines of these queries: GitLab's registry alone writes their messages."""
    return bool(config.kibana.url) and config.flavor is Flavor.GITLAB


# Stand for the times, filters and values while the rest is escaped: Grafana does not find its variables under percent
# signs. Grafana makes (a|b) of the values of a variable in the form `regex`, and .* of all.
_MARKS = ("REGOBS_FROM", "REGOBS_TO")
_FILTERS = "REGOBS_FILTERS"
_VALUES = "REGOBS_VALUES"


def _title(pack: Pack, name: str) -> str:
    from regobs.documents import load_yaml  # noqa: PLC0415 - no part of a build that has no log links
    from regobs.errors import LogQueryError, PackError  # noqa: PLC0415

    try:
        file = pack.file("log_schemas", _QUERY_FILE.format(name))
    except PackError:
        from regobs.logs.saved import load_query  # noqa: PLC0415 - it says which name may be meant

        return load_query(pack, name).title
    return str(load_yaml(file.read(), str(file.path), error=LogQueryError).data["title"])
