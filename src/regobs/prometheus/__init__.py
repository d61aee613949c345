"""A client of the Prometheus HTTP API: typed answers, one clear error for everything that can go wrong.

It speaks to Prometheus 2.x and 3.x and to what offers the same API (Thanos Query, Mimir, VictoriaMetrics). Passwords
and tokens go into the request and nowhere else: no message, representation or exception holds them.
"""

from regobs.errors import EndpointError, QueryError
from regobs.prometheus.address import Address, environment_headers
from regobs.prometheus.answers import Alert, Answer, BuildInfo, Range, Rule, RuleGroup, Sample, Stats, Target
from regobs.prometheus.client import Prometheus

__all__ = [
    "Address",
    "Alert",
    "Answer",
    "BuildInfo",
    "EndpointError",
    "Prometheus",
    "QueryError",
    "Range",
    "Rule",
    "RuleGroup",
    "Sample",
    "Stats",
    "Target",
    "environment_headers",
]
