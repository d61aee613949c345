"""How much is asked for, by hour and weekday, and what: the mix of requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

from regobs.catalog.model import Capability, Flavor
from regobs.simulate.draw import spread
from regobs.simulate.plan import Plan

# Shares of the highest rate, by hour of the day in UTC: people in two continents, and pipelines at night.
_HOURS = (
    *(0.35, 0.30, 0.28, 0.27, 0.30, 0.38, 0.50, 0.68, 0.82, 0.92, 0.95, 0.93),
    *(0.90, 0.95, 1.00, 0.98, 0.92, 0.84, 0.74, 0.66, 0.58, 0.50, 0.44, 0.39),
)
_DAYS = (0.95, 1.0, 1.0, 0.98, 0.90, 0.42, 0.38)  # Monday to Sunday
_LARGEST = 10 * 2**30
_KIB = 1024


def level(time: float) -> float:
    """The share of the highest rate at a Unix time, from 0 to 1; hours are joined by straight lines."""
    moment = datetime.fromtimestamp(time, UTC)
    share = (moment.minute * 60 + moment.second) / 3600
    now, later = _HOURS[moment.hour], _HOURS[(moment.hour + 1) % 24]
    return (now + (later - now) * share) * _DAYS[moment.weekday()]


def blob_size(rng: Random) -> int:
    """Bytes of a blob: a median of 2 MiB and a long tail, as layers have beside their small configurations."""
    return max(32, min(_LARGEST, int(spread(rng, 2 * 2**20, 2.2))))


@dataclass(frozen=True)
class Request:
    """A kind of request. `route` and `actions` are content words; `median` is in seconds; `codes` have weights.

    `blob` says what of it goes over the wire or the redirect: `in`, `out`, `head` or nothing.
    """

    route: str
    method: str
    weight: float
    median: float
    codes: tuple[tuple[int, float], ...]
    queries: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    blob: str = ""
    event: tuple[str, str] = ("", "")
    task: str = ""
    answer: int = 0  # bytes of an answer's body, median
    flavor: Flavor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "code_values", [code for code, _ in self.codes])
        object.__setattr__(self, "code_weights", list(accumulate(weight for _, weight in self.codes)))

    def code(self, rng: Random) -> int:
        """A status by the weights."""
        values: list[int] = self.__dict__["code_values"]
        return rng.choices(values, cum_weights=self.__dict__["code_weights"])[0]


_FIND = ("repository_find_by_path",)
_GITLAB = Flavor.GITLAB
_LIST = ((200, 0.98), (404, 0.0195), (500, 0.0005))
_GET = ((200, 0.95), (404, 0.0495), (500, 0.0005))
_UP = ((202, 0.985), (400, 0.004), (404, 0.0105), (500, 0.0005))
REQUESTS = (
    Request("base", "GET", 14, 0.002, ((401, 0.7), (200, 0.3)), answer=90),
    Request("catalog", "GET", 0.2, 0.12, ((200, 0.5), (401, 0.5)), ("repository_find_all_paginated",), answer=4096),
    Request("tags", "GET", 2, 0.03, _LIST, (*_FIND, "repository_tags_paginated"), ("List",), answer=2048),
    Request(
        *("manifest", "GET", 27, 0.018, _GET),
        queries=(*_FIND, "repository_find_manifest_by_tag_name"),
        actions=("GetContent",),
        event=("pull", "manifest"),
        answer=1500,
    ),
    Request(
        *("manifest", "HEAD", 14, 0.012, _GET),
        queries=(*_FIND, "repository_find_manifest_by_digest"),
        actions=("GetContent",),
        event=("pull", "manifest"),
    ),
    Request(
        *("manifest", "PUT", 3, 0.09, ((201, 0.985), (400, 0.0145), (500, 0.0005))),
        queries=(*_FIND, "manifest_create_or_find", "tag_create_or_update", "manifest_associate_layer_blob"),
        actions=("PutContent", "Stat"),
        event=("push", "manifest"),
        task="manifest_upload",
    ),
    Request(
        *("manifest", "DELETE", 0.4, 0.05, ((202, 0.9), (404, 0.1))),
        queries=(*_FIND, "repository_delete_tag_by_name"),
        actions=("Delete",),
        event=("delete", "tag"),
        task="tag_delete",
    ),
    Request(
        *("blob", "GET", 24, 0.025, ((200, 0.983), (404, 0.0135), (499, 0.003), (500, 0.0005))),
        queries=(*_FIND, "repository_find_blob"),
        actions=("Stat", "URLFor"),
        blob="out",
    ),
    Request(
        *("blob", "HEAD", 8, 0.015, ((200, 0.7), (404, 0.3))),
        queries=(*_FIND, "repository_exists_blob"),
        actions=("Stat",),
        blob="head",
    ),
    Request("blob", "DELETE", 0.1, 0.03, ((202, 0.8), (404, 0.2)), (*_FIND, "repository_unlink_blob"), ("Delete",)),
    Request(
        *("upload_start", "POST", 3, 0.035, ((202, 0.9), (201, 0.1))),
        queries=(*_FIND, "repository_create_or_find_by_path"),
        actions=("PutContent",),
    ),
    Request("upload", "PATCH", 3, 0.4, _UP, _FIND, ("GetContent", "PutContent"), blob="chunk"),
    Request(
        *("upload", "PUT", 3, 0.12, ((201, 0.985), (400, 0.0145), (500, 0.0005))),
        queries=(*_FIND, "blob_create_or_find", "repository_link_blob"),
        actions=("GetContent", "Move", "Delete"),
        blob="in",
        event=("push", "blob"),
        task="blob_upload",
    ),
    Request("upload", "GET", 0.1, 0.01, ((204, 0.9), (404, 0.1)), _FIND, ("GetContent",)),
    Request("v1_base", "GET", 0.4, 0.002, ((200, 0.6), (401, 0.4)), flavor=_GITLAB),
    Request(
        *("v1_repository", "GET", 1.2, 0.04, _LIST),
        queries=(*_FIND, "repository_size_with_descendants"),
        answer=400,
        flavor=_GITLAB,
    ),
    Request(
        "v1_tags", "GET", 0.9, 0.06, _LIST, (*_FIND, "repository_tags_detail_paginated"), answer=9000, flavor=_GITLAB
    ),
    Request("v1_tag_detail", "GET", 0.3, 0.03, _LIST, (*_FIND, "repository_tag_detail"), answer=800, flavor=_GITLAB),
    Request(
        *("v1_sub_repositories", "GET", 0.15, 0.05, _LIST),
        queries=("repository_find_paginated_repositories_for_path",),
        answer=2500,
        flavor=_GITLAB,
    ),
    Request("v1_statistics", "GET", 0.1, 0.05, ((200, 1.0),), answer=300, flavor=_GITLAB),
)


class Mix:
    """The requests that a fleet gets, with its flavor's routes and by its storage's ways."""

    def __init__(self, plan: Plan) -> None:
        self.requests = tuple(kind for kind in REQUESTS if kind.flavor in {None, plan.flavor})
        self._weights = list(accumulate(kind.weight for kind in self.requests))
        self.redirects = plan.has(Capability.OBJECT_STORAGE)

    def draw(self, rng: Random, count: int) -> list[Request]:
        """So many requests."""
        return rng.choices(self.requests, cum_weights=self._weights, k=count)

    @staticmethod
    def declared(kind: Request, rng: Random, size: int) -> int:
        """Bytes of a request as the registry counts them: a chunk declares no length."""
        head = 700 + int(rng.random() * 500)
        if kind.route == "manifest" and kind.method == "PUT":
            return head + int(spread(rng, 3 * _KIB))
        return head + (size if kind.blob == "in" else 0)
