"""Addresses that show a query again: the server's own interface, and Grafana Explore."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from regobs.config import Config
from regobs.prometheus.thanos import PLAIN, ThanosParameters
from regobs.query.times import AskedRange

WITHOUT_PAGES = frozenset({"mimir", "cortex"})  # kinds of servers without an interface of their own
_HOUR = 3600  # seconds: what a graph of one moment shows before it


def links(
    text: str,
    url: str,
    config: Config,
    asked: AskedRange | None,
    moment: float,
    *,
    thanos: ThanosParameters = PLAIN,
    kind: str = "",
) -> dict[str, str]:
    """Name to address. `url` is the server's, `moment` (seconds since 1970) counts where no range is asked.

    Prometheus 2, Prometheus 3 (which sends /graph on to /query), Thanos Query and VictoriaMetrics read the same
    parameters, Thanos also how replicas and stores are asked. Mimir and Cortex have no interface: where their `kind`
    is known there is no address of it. Grafana is there where regobs.toml says its address.
    """
    end = moment if asked is None else asked.end / 1000
    length = _HOUR if asked is None else max((asked.end - asked.start) // 1000, 1)
    graph = {
        "g0.expr": text,
        "g0.tab": 1 if asked is None else 0,
        "g0.range_input": f"{length}s",
        "g0.end_input": f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S}",
        "g0.moment_input": f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S}",
    }
    if asked is not None:
        graph["g0.step_input"] = max(asked.step // 1000, 1)
    graph |= _thanos(thanos)
    found = {} if kind in WITHOUT_PAGES else {"server": f"{url}/graph?{urlencode(graph, quote_via=quote)}"}
    if config.grafana.url:
        source = config.grafana.datasource
        query = {"refId": "A", "expr": text, "range": asked is not None, "instant": asked is None,
                 "datasource": {"type": "prometheus", "uid": source}}  # fmt: skip
        span = {"from": str(round((end - length) * 1000)), "to": str(round(end * 1000))}
        panes = json.dumps({"a": {"datasource": source, "queries": [query], "range": span}}, separators=(",", ":"))
        parameters = urlencode({"schemaVersion": 1, "panes": panes}, quote_via=quote)
        found["Grafana Explore"] = f"{config.grafana.url.rstrip('/')}/explore?{parameters}"
    return found


def _thanos(thanos: ThanosParameters) -> dict[str, str | int]:
    """As the interface of Thanos names them (pkg/ui/react-app/src/utils/index.ts), which knows no replica labels."""
    found: dict[str, str | int] = {}
    if thanos.dedup is not None:
        found["g0.deduplicate"] = int(thanos.dedup)
    if thanos.partial_response is not None:
        found["g0.partial_response"] = int(thanos.partial_response)
    if thanos.max_source_resolution:
        found["g0.max_source_resolution"] = thanos.max_source_resolution
    if thanos.engine:
        found["g0.engine"] = thanos.engine
    if thanos.stores:
        found["g0.store_matches"] = json.dumps([{"name": store} for store in thanos.stores], separators=(",", ":"))
    return found
