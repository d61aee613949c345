"""What a registry process written in Python imports to expose the metrics and logs of the real registry.

    from regobs.catalog import http, storage
    from regobs.instrument import Instruments, ObserveASGI

    instruments = Instruments("gitlab")
    app = ObserveASGI(app, instruments)
    instruments[storage.ACTIONS].child(action="Stat", driver="filesystem").observe(0.002)
    instruments.render()

Importing it loads no third-party package; names that need more are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from regobs.instrument.core.children import Counter, Gauge, Histogram, Summary
from regobs.instrument.core.family import Family
from regobs.instrument.core.instruments import Instruments

if TYPE_CHECKING:
    from regobs.instrument.adapters.garbage import GarbageWorker
    from regobs.instrument.adapters.migrations import MigrationWorker
    from regobs.instrument.adapters.notifications import Endpoint
    from regobs.instrument.adapters.process import observe_process
    from regobs.instrument.adapters.sql import Queries, observed_connection
    from regobs.instrument.adapters.sql_pool import observe_pool
    from regobs.instrument.adapters.storage import BlobSizes, observed_driver
    from regobs.instrument.app_log import log_context
    from regobs.instrument.http.access_log import LogASGI, correlated, correlation_id
    from regobs.instrument.http.asgi import MetricsASGI, ObserveASGI
    from regobs.instrument.http.metrics_server import MetricsServer
    from regobs.instrument.http.web_config import WebConfig
    from regobs.instrument.http.wsgi import MetricsWSGI, ObserveWSGI
    from regobs.instrument.http.wsgi_log import LogWSGI
    from regobs.secrets import redacted_uri

__all__ = [
    "BlobSizes",
    "Counter",
    "Endpoint",
    "Family",
    "GarbageWorker",
    "Gauge",
    "Histogram",
    "Instruments",
    "LogASGI",
    "LogWSGI",
    "MetricsASGI",
    "MetricsServer",
    "MetricsWSGI",
    "MigrationWorker",
    "ObserveASGI",
    "ObserveWSGI",
    "Queries",
    "Summary",
    "WebConfig",
    "correlated",
    "correlation_id",
    "log_context",
    "observe_pool",
    "observe_process",
    "observed_connection",
    "observed_driver",
    "redacted_uri",
]

_LAZY = {
    "LogASGI": "http.access_log",
    "LogWSGI": "http.wsgi_log",
    "correlated": "http.access_log",
    "correlation_id": "http.access_log",
    "log_context": "app_log",
    "redacted_uri": "regobs.secrets",
    "MetricsASGI": "http.asgi",
    "MetricsServer": "http.metrics_server",
    "WebConfig": "http.web_config",
    "MetricsWSGI": "http.wsgi",
    "ObserveASGI": "http.asgi",
    "ObserveWSGI": "http.wsgi",
    "BlobSizes": "adapters.storage",
    "observed_driver": "adapters.storage",
    "Queries": "adapters.sql",
    "observed_connection": "adapters.sql",
    "GarbageWorker": "adapters.garbage",
    "MigrationWorker": "adapters.migrations",
    "Endpoint": "adapters.notifications",
    "observe_pool": "adapters.sql_pool",
    "observe_process": "adapters.process",
}


def __getattr__(name: str) -> object:
    """Load the module of a name that not every process needs."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _LAZY[name]
    return getattr(import_module(module if module.startswith("regobs.") else f"{__name__}.{module}"), name)
