"""An Elasticsearch 8 or 9, or OpenSearch, to ask: through its client, with retries, at one point in time."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Any, Self
from urllib.parse import quote

from regobs.errors import EndpointError, MachineError, ServerError
from regobs.logs.elasticsearch import faults
from regobs.logs.elasticsearch.access import Access
from regobs.logs.elasticsearch.product import ELASTICSEARCH, OPENSEARCH

_BUSY = frozenset({429, 502, 503, 504})
_WAITS = (0.5, 1.0, 2.0)  # seconds before the second, third and fourth attempt
_LONGEST_WAIT = 10.0
_KEPT = "2m"  # a point in time, counted anew with each page
_TIMEOUT = 60.0

Body = dict[str, Any]


class Cluster:
    """A connection; use it in a `with`. Raises MachineError when the client is not installed.

    Its methods raise ServerError: QueryError for a query that is refused.
    """

    def __init__(self, access: Access, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = access.url
        self._library = _library()
        self._sleep = sleep
        self._answered = False
        self._product = ELASTICSEARCH
        self._secret = access.headers
        options = {"ca_certs": str(access.authority)} if access.authority else {}
        # Attempts are made here, with a pause between them, which the client does not make.
        self._client = self._library.Elasticsearch(
            access.url, request_timeout=_TIMEOUT, max_retries=0, retry_on_status=(), **options
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def moment(self, index: str) -> Moment:
        """The index, or all of a pattern, as it is now."""
        try:
            key = self._opened(index)
        except EndpointError:
            if self._product is OPENSEARCH:
                raise
            self._product = OPENSEARCH  # it does not know the call of Elasticsearch, and has its own
            try:
                key = self._opened(index)
            except EndpointError:
                raise faults.foreign(self.url) from None
        return Moment(self, index, key)

    def _opened(self, index: str) -> str:
        """The key of a new point in time. EndpointError when the server has no such call."""
        path = f"/{quote(index, safe='*,-_.@:<>')}/{self._product.opening}?keep_alive={_KEPT}"
        answer = self.ask("POST", path, None, index=index)
        if self._product.opened not in answer:
            raise faults.foreign(self.url)
        return str(answer[self._product.opened])

    def close(self, key: str, index: str) -> None:
        """Close a point in time."""
        body = dict(self._product.closed(key))
        self.ask("DELETE", self._product.closing, body, index=index, patient=False)

    def ask(
        self, method: str, path: str, body: Body | None, *, index: str = "", query: str = "", patient: bool = True
    ) -> Mapping[str, Any]:
        """The answer of a call; attempts are repeated where that can help, and if we are patient."""
        for pause in (*(_WAITS if patient else ()), None):
            try:
                answer = self._perform(method, path, body)
            except self._library.UnsupportedProductError:
                raise faults.foreign(self.url) from None
            except self._library.ApiError as fault:
                if fault.meta.status not in _BUSY or pause is None or _hopeless(fault.body):
                    raise faults.refused(
                        self.url, index, fault.meta.status, fault.body, query=query, product=self._product.name
                    ) from None
                self._sleep(_pause(pause, fault.meta.headers.get("retry-after")))
            except self._library.SerializationError:
                raise faults.foreign(self.url) from None
            except self._library.TransportError as fault:
                # What never answered is not asked again: the address is wrong, and a person waits.
                if pause is None or not self._answered or isinstance(fault, self._library.SSLError):
                    raise faults.unreachable(self.url, fault) from None
                self._sleep(_pause(pause, None))
            else:
                self._answered = True
                return answer
        raise AssertionError("unreachable")

    def _perform(self, method: str, path: str, body: Body | None) -> Mapping[str, Any]:
        media = self._product.media
        headers = {"accept": media, **({"content-type": media} if body is not None else {}), **self._secret}
        with warnings.catch_warnings():  # a server without passwords says so in every answer
            warnings.simplefilter("ignore", self._library.ElasticsearchWarning)
            if self._product is ELASTICSEARCH:
                answer = self._client.perform_request(method, path, headers=headers, body=body).body
            else:
                answer = self._transported(method, path, headers, body)
        if not isinstance(answer, Mapping):
            raise faults.foreign(self.url)
        return answer

    def _transported(self, method: str, path: str, headers: dict[str, str], body: Body | None) -> Any:
        """The answer to a call past the client's check of the product, by the transport that it has."""
        answer = self._client.transport.perform_request(
            method, path, headers=headers, body=body, request_timeout=_TIMEOUT, max_retries=0, retry_on_status=()
        )
        if not 200 <= answer.meta.status < 300:
            raise self._library.ApiError(str(answer.meta.status), answer.meta, answer.body)
        return answer.body


class Moment:
    """Indices as they were at one point in time, so that every page of an answer is of the same lines."""

    def __init__(self, cluster: Cluster, index: str, key: str) -> None:
        self._cluster = cluster
        self._index = index
        self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ServerError):  # it ends by itself soon, and the answer is complete or has an error of its own
            self._cluster.close(self._key, self._index)

    def search(self, body: Body, *, query: str = "") -> Mapping[str, Any]:
        """The answer of a search, of every shard or not at all."""
        asked = {**body, "pit": {"id": self._key, "keep_alive": _KEPT}}
        path = "/_search?allow_partial_search_results=false"
        answer = self._cluster.ask("POST", path, asked, index=self._index, query=query)
        self._key = str(answer.get("pit_id", self._key))
        return answer

    def lines(self) -> int:
        """How many documents there are. ServerError when a pattern stands for no index at all."""
        answer = self.search({"size": 0, "track_total_hits": True})
        if answer["_shards"]["total"] == 0:
            raise faults.absent(self._index)
        return int(answer["hits"]["total"]["value"])


def _hopeless(body: object) -> bool:
    """Whether a busy answer will be the same the next time: the query itself is too large."""
    return "too_many_buckets" in str(body)


def _pause(seconds: float, asked: str | None) -> float:
    """What the server asks for if it is short, otherwise our own pause, spread so that clients do not come together."""
    if asked is not None and asked.isdecimal():
        return min(float(asked), _LONGEST_WAIT)
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


def _library() -> ModuleType:
    try:
        import elasticsearch  # noqa: PLC0415 - takes a third of a second; only those who ask a cluster pay for it
    except ImportError:
        raise MachineError(
            "queries of a cluster need the client of Elasticsearch, which is not installed",
            expected="the extra `elasticsearch` of regobs",
            next_step="install it: pip install 'regobs[elasticsearch]'",
        ) from None
    module: ModuleType = elasticsearch
    return module
