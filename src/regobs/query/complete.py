"""What an answer lacks: stores that did not answer, samples that were thinned, series that a limit cut off.

Thanos says so in warnings, among others that mean nothing of the kind, and for a store that it has given up only in
its list of stores; VictoriaMetrics with `isPartial`; Prometheus with a warning about its limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from regobs.common.frozen import frozen
from regobs.common.late_pattern import LatePattern
from regobs.prometheus.answers import QueryAnswer
from regobs.prometheus.thanos import Store, ThanosParameters

# Said by regobs of a server, such as a frontend of Mimir that aligns ranges with their step; seconds follow.
MOVED = "the server answers at other moments than were asked, by"
# About the expression, about a selector that no store has data for, about the moments, or about an analysis that the
# engine cannot give: nothing is missing.
_HARMLESS = LatePattern(
    r"PromQL (?:warning|info): |No StoreAPIs matched for this query|Query not analyzable"
    rf"|Query fallback to prometheus engine|{MOVED}",
    re.IGNORECASE,
)
_CUT = LatePattern(r"truncated|limit", re.IGNORECASE)
_LONGEST = 300  # characters of a warning


@frozen
class Gap:
    """One way in which an answer is not the whole, in words."""

    kind: Literal["partial", "downsampled", "truncated", "no data"]
    text: str


def gaps(
    warnings: Iterable[str], thanos: ThanosParameters, stores: Sequence[Store] | None = (), *, partial: bool = False
) -> tuple[Gap, ...]:
    """What is missing from an answer with such warnings, asked in such a way of such stores; None: of no Thanos."""
    found = [
        Gap("truncated" if _CUT.search(text) else "partial", text[:_LONGEST])
        for text in dict.fromkeys(warnings)
        if not _HARMLESS.match(text)
    ]
    if partial:
        found.append(Gap("partial", "a part of the server's storage did not answer"))
    if stores is None:
        return tuple(found)
    asked = [store for store in stores if not thanos.stores or store.address in thanos.stores]
    found += [Gap("partial", f"{store.kind} {store.address} is away: {store.error}") for store in asked if store.error]
    known = {store.address for store in stores}
    found += [
        Gap("partial", f"no store has the address {address}: `regobs query stores` lists them")
        for address in thanos.stores
        if known and address not in known
    ]
    if thanos.downsampled:
        resolution = thanos.max_source_resolution
        found.append(Gap("downsampled", f"samples may be downsampled: max_source_resolution is {resolution}"))
    return tuple(found)


def harmless(warnings: Iterable[str], found: Iterable[Gap]) -> list[str]:
    """The warnings that are none of the gaps."""
    said = {gap.text for gap in found}
    return [text for text in warnings if text[:_LONGEST] not in said]


def answer_gaps(answer: QueryAnswer, thanos: ThanosParameters, stores: Sequence[Store] | None = ()) -> tuple[Gap, ...]:
    """What is missing from the answer of a query."""
    return gaps(answer.warnings, thanos, stores, partial=answer.partial)
