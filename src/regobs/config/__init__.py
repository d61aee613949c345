"""The settings of a deployment: regobs.toml."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from regobs.config.loading import load_config
from regobs.config.model import (
    Config,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    SloSettings,
)

if TYPE_CHECKING:
    from regobs.config.named import Context, Environment, SavedQuery, Threshold
    from regobs.config.reading import read_config
    from regobs.config.selectors import read_selector, selector_text

__all__ = [
    "Config",
    "Context",
    "Environment",
    "GrafanaSettings",
    "KibanaSettings",
    "LabelNames",
    "PrometheusSettings",
    "SavedQuery",
    "SloSettings",
    "Threshold",
    "load_config",
    "read_config",
    "read_selector",
    "selector_text",
]
_MODULES = {
    "read_config": "reading",
    **dict.fromkeys(("Context", "Environment", "SavedQuery", "Threshold"), "named"),
    **dict.fromkeys(("read_selector", "selector_text"), "selectors"),
}


def __getattr__(name: str) -> Any:
    """Load what reads a file with the first use: `regobs query` without a regobs.toml needs none of it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
