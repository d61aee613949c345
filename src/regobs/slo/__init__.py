"""SLOs: OpenSLO documents and rule files become recording rules, alerts, tests of them, and Alertmanager routes."""

from __future__ import annotations

from typing import Any

__all__ = ["compile_rules", "files", "manifest", "records"]


def __getattr__(name: str) -> Any:
    """Load the compiler, and the PromQL parser with it, with the first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from regobs.slo import outputs  # noqa: PLC0415

    return getattr(outputs, name)
