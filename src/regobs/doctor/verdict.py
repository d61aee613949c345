"""What the doctor can say about one query, one panel, one rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """From healthy to broken.

    DATA: values other than zero. ZERO: series exist and all values are zero. QUIET: nothing happened yet that it
    could show, which is no fault. LEFT_OUT: not part of this build (flavor, version, capability), or of this registry's
    binary. EMPTY: it should
    have data and has none. ERROR: the server cannot evaluate it.
    """

    DATA = "data"
    ZERO = "zero"
    QUIET = "quiet"
    LEFT_OUT = "left out"
    EMPTY = "empty"
    ERROR = "error"

    @property
    def failing(self) -> bool:
        """Whether someone has to change something."""
        return self in {Status.EMPTY, Status.ERROR}


# A panel of several queries is as bad as its worst failing one, otherwise as good as its best.
_ORDER = (Status.ERROR, Status.EMPTY, Status.DATA, Status.ZERO, Status.QUIET, Status.LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status, why, and what to change; reason and change are empty where there is nothing to say."""

    status: Status
    reason: str = ""
    change: str = ""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides for a panel. ValueError when there is none."""
    return min(verdicts, key=lambda verdict: _ORDER.index(verdict.status))
