"""What Thanos Query takes and says beside the API of Prometheus: dedup, partial response, resolution, stores.

Parameters: https://thanos.io/tip/components/query.md/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from regobs.common.frozen import frozen


@frozen
class ThanosParameters:
    """How Thanos Query evaluates one query. None and empty leave it to the server.

    `max_source_resolution` is `0s`, `5m`, `1h` or `auto`, `engine` is `prometheus` or `thanos`, `stores` are the
    addresses of the only stores to ask. Prometheus ignores all of it.
    """

    dedup: bool | None = None
    partial_response: bool | None = None
    max_source_resolution: str = ""
    engine: str = ""
    replica_labels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()

    @property
    def params(self) -> list[tuple[str, str]]:
        """The parameters of a request."""
        found = [
            (name, str(value).lower())
            for name, value in (("dedup", self.dedup), ("partial_response", self.partial_response))
            if value is not None
        ]
        texts = (("max_source_resolution", self.max_source_resolution), ("engine", self.engine))
        found += [(name, text) for name, text in texts if text]
        found += [("replicaLabels[]", label) for label in self.replica_labels]
        return found + [("storeMatch[]", f'{{__address__="{store}"}}') for store in self.stores]

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command line that say so."""
        given = (
            ("--dedup" if self.dedup else "--no-dedup", self.dedup is not None),
            (
                "--partial-response" if self.partial_response else "--no-partial-response",
                self.partial_response is not None,
            ),
            ("--max-source-resolution", self.max_source_resolution),
            ("--engine", self.engine),
            ("--replica-label", self.replica_labels),
            ("--store", self.stores),
        )
        return tuple(option for option, value in given if value)

    @property
    def downsampled(self) -> bool:
        """Whether they allow samples of 5 minutes or an hour in the place of the scraped ones."""
        return self.max_source_resolution not in {"", "0s", "0"}


PLAIN = ThanosParameters()
AUTO = "auto"  # of a resolution: the coarsest that what is asked allows
_COARSE = ((3_600_000, "1h"), (300_000, "5m"))  # milliseconds between two downsampled samples, and its name
_FIT = 5  # samples between two points and in each window, which is what Thanos' own choice keeps between points


def source_resolution(spans: Iterable[int]) -> str:
    """The coarsest resolution with at least five samples in each of the spans, milliseconds; 0s for none."""
    shortest = min(spans, default=0)
    return next((name for ms, name in _COARSE if ms * _FIT <= shortest), "0s")


@frozen
class Store:
    """One store behind Thanos Query; `kind` is sidecar, store, rule or receive, `error` why it is not asked.

    `oldest` and `newest` are the ends of its data in seconds since 1970, None where it does not say.
    """

    address: str
    kind: str
    error: str = ""
    oldest: float | None = None
    newest: float | None = None


_NEVER = 1 << 52  # milliseconds: a store without data says the largest number of 64 bits


def read_stores(body: Mapping[str, Any]) -> tuple[Store, ...]:
    """The answer of /api/v1/stores: stores by their kind."""
    return tuple(
        Store(
            str(item["name"]),
            str(kind),
            _words(item.get("lastError")),
            _seconds(item.get("minTime")),
            _seconds(item.get("maxTime")),
        )
        for kind, items in body["data"].items()
        for item in items or ()
    )


def with_missing(stores: tuple[Store, ...], expected: int) -> tuple[Store, ...]:
    """The stores of a list, and one that is away where there are fewer than expected, or none at all.

    Thanos Query drops a store that has not answered for five minutes from its list (`--store.unhealthy-timeout`).
    """
    if len(stores) >= max(expected, 1):
        return stores
    said = f"{len(stores)} of the {expected} that the context expects (`stores`)" if expected else "none"
    error = f"the list of stores has {said}; it forgets a store that is away after five minutes"
    return (*stores, Store("(missing)", "store", error))


def _words(error: Any) -> str:
    """Thanos writes an error as null, as text, or as an object without its text."""
    if not error:
        return "the store does not answer" if isinstance(error, dict) else ""
    return str(error)


def _seconds(ms: Any) -> float | None:
    return None if not isinstance(ms, int) or abs(ms) > _NEVER else ms / 1000
