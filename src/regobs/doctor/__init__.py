"""Doctor: what is empty on a live Prometheus, why, and what to change.

`examine` asks a server every query and rule of a pack and returns a `DoctorReport`; `diagnose` is the pure part of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regobs.doctor.diagnosis import diagnose, judge
    from regobs.doctor.examination import examine, examine_questions
    from regobs.doctor.facts import Deployment, ServerFacts
    from regobs.doctor.proposal import proposed
    from regobs.doctor.report import DoctorReport
    from regobs.doctor.table import text
    from regobs.doctor.verdict import Status, Verdict

__all__ = [
    "Deployment",
    "DoctorReport",
    "ServerFacts",
    "Status",
    "Verdict",
    "diagnose",
    "examine",
    "examine_questions",
    "judge",
    "proposed",
    "text",
]
_MODULES = {
    **dict.fromkeys(("diagnose", "judge"), "diagnosis"),
    **dict.fromkeys(("examine", "examine_questions"), "examination"),
    **dict.fromkeys(("Deployment", "ServerFacts"), "facts"),
    **dict.fromkeys(("Status", "Verdict"), "verdict"),
    "proposed": "proposal",
    "DoctorReport": "report",
    "text": "table",
}


def __getattr__(name: str) -> Any:
    """Load a module with the first use: `regobs status` needs little of it, and all takes half of its time."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
