"""The typed catalog: every metric that regobs knows, typed here and nowhere else.

One module a component; content refers to an entry as `http.REQUESTS`. `METRICS` holds all of them by family name, in
the order of the modules; `by_series` finds the entry behind the name of a time series. Both are made when they are
first asked for: a process that only emits the metrics of one component does not load the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regobs.catalog.index import METRICS, MODULES, by_series

__all__ = ["METRICS", "MODULES", "by_series"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from regobs.catalog import index  # noqa: PLC0415 - loads every module of the catalog

    return getattr(index, name)
