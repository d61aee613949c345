"""A client of the Prometheus HTTP API: typed answers, one clear error for everything that can go wrong.

It speaks to Prometheus 2.x and 3.x and to what offers the same API (Thanos Query, Mimir, VictoriaMetrics). Passwords
and tokens go into the request and nowhere else: no message, representation or exception holds them.
"""

from typing import TYPE_CHECKING, Any

from regobs.errors import EndpointError, QueryError
from regobs.prometheus.address import Address
from regobs.prometheus.answers import QueryAnswer, RangeSeries, Sample, Stats
from regobs.prometheus.client import Prometheus
from regobs.prometheus.connection import Connection, EnvironmentAccess
from regobs.prometheus.thanos import Store, ThanosParameters

if TYPE_CHECKING:
    from regobs.prometheus.state import Alert, BuildInfo, Exemplar, LoadedRule, RuleGroup, Target

__all__ = [
    "Address",
    "Alert",
    "BuildInfo",
    "Connection",
    "EndpointError",
    "EnvironmentAccess",
    "Exemplar",
    "LoadedRule",
    "Prometheus",
    "QueryAnswer",
    "QueryError",
    "RangeSeries",
    "RuleGroup",
    "Sample",
    "Stats",
    "Store",
    "Target",
    "ThanosParameters",
]


def __getattr__(name: str) -> Any:
    """What is loaded when it is named, so that a query starts sooner."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from regobs.prometheus import state  # noqa: PLC0415

    return getattr(state, name)
