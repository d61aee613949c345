"""What Elasticsearch and OpenSearch call differently; queries and answers are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """A server that can be asked: the form it is asked in, and its calls for a point in time.

    `opening` is below an index, `opened` the name of the key in its answer, `closed` the body of the call that closes.
    """

    name: str
    media: str
    opening: str
    opened: str
    closing: str
    closed: Callable[[str], Mapping[str, Any]]


ELASTICSEARCH = Product(
    "Elasticsearch",
    # Both major releases understand this form; a client of 9 would ask for one that 8 does not have.
    media="application/vnd.elasticsearch+json; compatible-with=8",
    opening="_pit",
    opened="id",
    closing="/_pit",
    closed=lambda key: {"id": key},
)
# https://docs.opensearch.org/latest/search-plugins/searching-data/point-in-time-api/, since 2.4
OPENSEARCH = Product(
    "OpenSearch",
    media="application/json",
    opening="_search/point_in_time",
    opened="pit_id",
    closing="/_search/point_in_time",
    closed=lambda key: {"pit_id": [key]},
)
