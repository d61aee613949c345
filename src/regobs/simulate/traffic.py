"""What is asked for: the kinds of requests and their mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from random import Random

from regobs.catalog.model import Capability, Flavor
from regobs.errors import InputError
from regobs.simulate.draw import spread
from regobs.simulate.plan import Plan

_KIB = 1024


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

    @property
    def name(self) -> str:
        """Its name in a plan, such as `GET manifest`."""
        return f"{self.method} {self.route}"


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """A kind of request with the status that it gets where no fault is."""

    kind: Request
    code: int


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


def requests_of(flavor: Flavor) -> tuple[Request, ...]:
    """The kinds that a registry of this flavor answers."""
    return tuple(kind for kind in REQUESTS if kind.flavor in {None, flavor})


class Mix:
    """The requests that a fleet gets, with its flavor's routes and by its storage's ways."""

    def __init__(self, plan: Plan) -> None:
        shares = [
            (Outcome(kind, code), plan.requests.get(kind.name, kind.weight) * share)
            for kind in requests_of(plan.flavor)
            for code, share in kind.codes
        ]
        self._outcomes = [outcome for outcome, _ in shares]
        self._weights = list(accumulate(weight for _, weight in shares))
        if self._weights[-1] <= 0:
            raise InputError("every weight of the mix is 0", expected="one weight above 0 at least")
        self.redirects = plan.has(Capability.OBJECT_STORAGE)

    def draw(self, rng: Random, count: int) -> list[Outcome]:
        """So many requests, each with how it ends."""
        return rng.choices(self._outcomes, cum_weights=self._weights, k=count)

    @staticmethod
    def declared(kind: Request, rng: Random, sizes: Sequence[int]) -> list[int]:
        """Bytes of requests, each with a blob of a size, as the registry counts them: a chunk declares no length."""
        heads = [700 + int(500 * rng.random()) for _ in sizes]
        if kind.route == "manifest" and kind.method == "PUT":
            return [head + int(spread(rng, 3 * _KIB)) for head in heads]
        return list(map(add, heads, sizes)) if kind.blob == "in" else heads
