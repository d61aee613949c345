"""Where the lines of a saved log query are looked at: its address in Kibana, and the command for log files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.pack import Pack

# Grafana puts the period of a dashboard into the address of a link.
# Source: Grafana documentation, "Global variables", $__from and $__to.
GRAFANA_PERIOD = ("${__from:date:iso}", "${__to:date:iso}")
_QUERY_FILE = "queries/{}.query.yaml"


@dataclass(frozen=True, slots=True)
class LogView:
    """A saved query for people. `url` is whole, or empty where no Kibana has these lines."""

    title: str
    command: str
    url: str


def log_view(config: Config, pack: Pack, name: str, *, period: Sequence[str] = GRAFANA_PERIOD) -> LogView:
    """How to see the lines of a saved query: Discover for the `period` from and to, and `regobs logs run`.

    There is an address where regobs.toml has `kibana.url` and the registry is GitLab's, for which `regobs build` makes
    the data views. Without one neither KQL nor the field catalogue is loaded. Raises LogQueryError for a name that no
    saved query has.
    """
    command = f"regobs logs run {name} registry.log"
    if not config.kibana.url or config.flavor is not Flavor.GITLAB:
        return LogView(_title(pack, name), command, "")
    from regobs.kibana.links import chosen_environment  # noqa: PLC0415 - as the docstring says
    from regobs.kibana.reading import read_environments  # noqa: PLC0415
    from regobs.logs.saved import load_query  # noqa: PLC0415
    from regobs.logs.to_kql import discover_url  # noqa: PLC0415

    query = load_query(pack, name)
    settings = config.kibana
    view = chosen_environment(read_environments(pack), settings.environment).data_view
    start, end = period
    url = discover_url(query, settings.url, view, start=_MARKS[0], end=_MARKS[1], space=settings.space)
    for mark, time in zip(_MARKS, (start, end), strict=True):
        url = url.replace(mark, f"'{time}'", 1)
    return LogView(query.title, command, url)


# Stand for the times while the rest is escaped: Grafana does not find its variables under percent signs.
_MARKS = ("REGOBS_FROM", "REGOBS_TO")


def _title(pack: Pack, name: str) -> str:
    from regobs.documents import load_yaml  # noqa: PLC0415 - no part of a build that has no log links
    from regobs.errors import LogQueryError, PackError  # noqa: PLC0415

    try:
        file = pack.file("log_schemas", _QUERY_FILE.format(name))
    except PackError:
        from regobs.logs.saved import load_query  # noqa: PLC0415 - it says which name may be meant

        return load_query(pack, name).title
    return str(load_yaml(file.read(), str(file.path), error=LogQueryError).data["title"])
