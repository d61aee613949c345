"""Grafana dashboards: a small language on top of grafanalib, and everything that is generated from it.

`words` is what dashboard files are written in; `load` runs them; `bound` puts them into a deployment's vocabulary;
`layout`, `units`, `variables`, `readings`, `visuals` and `modern` make the JSON; `outputs` offers it all as pure
functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regobs.grafana.outputs import Dashboards, PanelQuery, files, load_dashboards, manifest, panel_queries

__all__ = ["Dashboards", "PanelQuery", "files", "load_dashboards", "manifest", "panel_queries"]


def __getattr__(name: str) -> Any:
    """Load `outputs`, and grafanalib with it, with the first use: dashboard files need only the words."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from regobs.grafana import outputs  # noqa: PLC0415

    return getattr(outputs, name)
