"""Names of metrics that nobody has and that are nearly one of the catalog's. Those with a colon are of rules."""

from __future__ import annotations

from functools import cache

from regobs.catalog import METRICS
from regobs.catalog.go_runtime import MEMORY_FAMILY
from regobs.catalog.model import Exposer
from regobs.catalog.sql_pool import POOL_FAMILY
from regobs.common.closest import closest
from regobs.promql.series import catalog_lookup

_WHOLE = (POOL_FAMILY, MEMORY_FAMILY)  # the catalog has every name that begins so
_LIKE = 0.91  # of the ratio of closest; process_cpu_user_seconds_total of Node.js is like another by less


def nearly(name: str) -> str | None:
    """The series that a name that the catalog does not know was probably meant to be.

    Of any process it is one that differs by one letter, or by two that are the wrong way round, and not by a digit:
    node_load1 and node_load5 are two metrics. Of a registry's own (its process, its Go or Python, its pool) it may
    differ by more: the catalog has most of what there can be.
    """
    if ":" in name or catalog_lookup(name):
        return None
    known = (one for size in (len(name), len(name) - 1, len(name) + 1) for one in _by_length().get(size, ()))
    slip = next((one for one in known if _one_slip(name, one)), None)
    return slip or next(iter(_like_own(name)), None)


def _like_own(name: str) -> list[str]:
    beginning = next((one for one in _WHOLE if name.startswith(one)), None)
    if beginning is not None:
        return closest(name, [one for one in _own() if one.startswith(beginning)])
    return closest(name, [one for one in _own() if one.split("_", 1)[0] == name.split("_", 1)[0]], cutoff=_LIKE)


@cache
def _by_length() -> dict[int, list[str]]:
    """The series that processes expose, by the length of their names."""
    found: dict[int, list[str]] = {}
    for metric in METRICS.values():
        if metric.exposer is not Exposer.RULES:
            for series in metric.series:
                found.setdefault(len(series), []).append(series)
    return found


@cache
def _own() -> tuple[str, ...]:
    return tuple(
        series for metric in METRICS.values() if metric.exposer is Exposer.REGISTRY for series in metric.series
    )


def _one_slip(one: str, other: str) -> bool:
    start = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(letter.isdigit() for letter in left + right):
        return False
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])
