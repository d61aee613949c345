"""How error budgets were spent: what SLOs counted in the past, when their alerts would have fired, and why."""

from __future__ import annotations

from regobs.errors import MachineError


def load_numpy() -> None:
    """Raise MachineError where the package is missing that replays need; the modules here import it themselves."""
    try:
        import numpy as np  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise MachineError(
            "the package that replays calculate with is missing",
            value="numpy",
            next_step="install it: pip install 'regobs[slo]'",
        ) from error
