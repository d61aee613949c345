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

from regobs.instrument.children import Counter, Gauge, Histogram, Summary
from regobs.instrument.family import Family
from regobs.instrument.instruments import Instruments

if TYPE_CHECKING:
    from regobs.instrument.access_log import LogASGI, correlated, correlation_id
    from regobs.instrument.app_log import log_context
    from regobs.instrument.asgi import MetricsASGI, ObserveASGI
    from regobs.instrument.redaction import redacted_uri
    from regobs.instrument.wsgi import MetricsWSGI, ObserveWSGI
    from regobs.instrument.wsgi_log import LogWSGI

__all__ = [
    "Counter",
    "Family",
    "Gauge",
    "Histogram",
    "Instruments",
    "LogASGI",
    "LogWSGI",
    "MetricsASGI",
    "MetricsWSGI",
    "ObserveASGI",
    "ObserveWSGI",
    "Summary",
    "correlated",
    "correlation_id",
    "log_context",
    "redacted_uri",
]

_LAZY = {
    "LogASGI": "access_log",
    "LogWSGI": "wsgi_log",
    "correlated": "access_log",
    "correlation_id": "access_log",
    "log_context": "app_log",
    "redacted_uri": "redaction",
    "MetricsASGI": "asgi",
    "MetricsWSGI": "wsgi",
    "ObserveASGI": "asgi",
    "ObserveWSGI": "wsgi",
}


def __getattr__(name: str) -> object:
    """Load the module of a name that not every process needs."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
