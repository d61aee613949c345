"""When each state that is kept of a target was applied, for a report of what happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from regobs.deploy.state import StateFolder
from regobs.errors import MachineError


def deployed(name: str, folder: Path) -> Iterator[tuple[float, str]]:
    """Seconds since 1970 and a text: each kept state of a target, and a deployment that was begun and has not ended.

    Raises MachineError for a state that cannot be read.
    """
    states = StateFolder(folder)
    for one in states.states():
        words = (f"state {one.number} of {name}", f"regobs {one.version}", one.environment)
        yield _time(folder, one.applied), f"regobs deploy: {', '.join(filter(None, words))}"
    pending = states.unfinished()
    if pending is not None:
        text = f"regobs deploy: state {pending.number} of {name} was begun, and has not ended"
        yield _time(folder, pending.begun), text


def _time(folder: Path, text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise MachineError("a kept state has no time", value=f"{folder}: {text[:60]!r}") from None
