"""The settings of a deployment: regobs.toml."""

from regobs.config.model import (
    Config,
    Context,
    Environment,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    SavedQuery,
    SloSettings,
    Threshold,
)
from regobs.config.reading import load_config, read_config
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
