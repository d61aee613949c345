"""Names of metrics that nobody has and that are nearly one of the catalog's. Those with a colon are of rules."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from regobs.catalog import METRICS
from regobs.catalog.go_runtime import MEMORY_FAMILY
from regobs.catalog.model import Exposer, Metric
from regobs.catalog.sql_pool import POOL_FAMILY, POOL_OF_OTHERS
from regobs.common.closest import closest
from regobs.promql.literals import regex_matches
from regobs.promql.series import catalog_lookup
from regobs.promql.vocabulary import TARGET_LABELS

_WHOLE = (POOL_FAMILY, MEMORY_FAMILY)  # the catalog has every name that begins so
_LIKE = 0.91  # of the ratio of closest; process_cpu_user_seconds_total of Node.js is like another by less

_LIKE_LABEL = 0.85
_BEGINNING = re.compile(r"registry_\w{4,}")
_PLAIN = re.compile(r"\^?(\((\?:)?)?(?P<names>\^?\w+\$?(\|\^?\w+\$?)*)\)?\$?")
_LONGEST = 1_000  # characters of a pattern that is tried


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


def nearly_named(pattern: str) -> tuple[str, str] | None:
    """What in a pattern over names is nearly a name of the catalog, or the beginning of some, and that name.

    Each alternative of plain names counts; of any other pattern its beginning, where it fits no series of a registry,
    or the whole of it where the beginning is right.
    """
    if names := plain_names(pattern):
        return next(((name, near) for name in names if (near := nearly(name))), None)
    begins = _BEGINNING.match(pattern)
    if begins is None or "|" in pattern or len(pattern) > _LONGEST:
        return None
    if any(regex_matches(pattern, name) is not False for name in _own()):
        return None
    near = near_beginning(begins[0])
    if near == begins[0]:
        near = near_whole(pattern, near)
        return (pattern, near) if near else None
    return (begins[0], near) if near else None


def plain_names(pattern: str) -> list[str]:
    """The names of a pattern that is nothing but their alternatives, also anchored or in parentheses; else none."""
    plain = _PLAIN.fullmatch(pattern) if pattern.count("(") == pattern.count(")") else None
    return [name.strip("^$") for name in plain["names"].split("|")] if plain else []


def near_whole(pattern: str, begins: str) -> str:
    """The registry's series of this beginning that the letters of a pattern are like; "" where nothing is close."""
    known = [name for name in _own() if name.startswith(begins)]
    return next(iter(closest(re.sub(r"\W+", "", pattern), known, 1, 0.9)), "")


def near_beginning(begins: str) -> str:
    """The like beginning of a registry's series; "" where nothing is close."""
    return next(iter(closest(begins, {name[: len(begins)] for name in _own()}, 1, 0.9)), "")


def nearly_label(name: str, metrics: Collection[Metric]) -> str | None:
    """The label of these metrics of a registry that a name was probably meant to be, which none of them has."""
    if not metrics or len(name) < 4 or name in TARGET_LABELS:  # a short name is like many
        return None
    if any(metric.exposer is not Exposer.REGISTRY for metric in metrics):
        return None
    own = {label.exposed for metric in metrics for form in metric.forms for label in form.labels}
    if name.removeprefix("exported_") in own | {"le", "quantile", "__name__"}:
        return None
    return next(iter(closest(name, own, 1, _LIKE_LABEL)), None)


def _like_own(name: str) -> list[str]:
    if name.startswith(POOL_OF_OTHERS):
        return []
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
