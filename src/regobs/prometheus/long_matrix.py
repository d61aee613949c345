"""The body of a long range query, whose points are read as numbers at once; a module of its own, as msgspec loads late.

To load msgspec takes longer than to read a short answer.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required, TypedDict

import msgspec

from regobs.prometheus.answers import TIMES

_Time = Annotated[float, msgspec.Meta(ge=TIMES[0], le=TIMES[1])]  # each is looked at while it is read


class _Item(TypedDict, total=False):
    metric: Required[dict[str, str]]
    values: tuple[tuple[_Time, float], ...]
    histograms: Any


class _Data(TypedDict, total=False):
    resultType: Required[Literal["matrix"]]
    result: Required[list[_Item]]
    stats: Any


class _Body(TypedDict, total=False):
    status: Required[str]
    data: Required[_Data]
    errorType: Any
    error: Any
    warnings: Any
    infos: Any
    isPartial: Any


def read_matrix(content: bytes) -> object:
    """The body of a range query. Raises msgspec.DecodeError for another, and for a time that no calendar has."""
    return msgspec.json.decode(content, type=_Body, strict=False)  # values are numbers in texts
