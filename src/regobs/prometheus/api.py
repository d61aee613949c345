"""The HTTP API of one server that evaluates PromQL: the connection to it, a query, and what its answers mean.

Queries go by POST, so that their length does not matter.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import requests

from regobs.common.reasons import shape_of
from regobs.errors import EndpointError, InputError, ServerError
from regobs.prometheus import answers, failures
from regobs.prometheus.access import refuse
from regobs.prometheus.address import Address, bare
from regobs.prometheus.answer_text import without_secrets
from regobs.prometheus.answers import QueryAnswer
from regobs.prometheus.connection import TIMEOUT, Connection, EnvironmentAccess
from regobs.prometheus.json_body import json_object
from regobs.prometheus.proxy import told_of_proxy
from regobs.prometheus.server_kind import has_api, identify
from regobs.prometheus.session import ServerClock, authentication, open_session
from regobs.prometheus.thanos import ThanosParameters
from regobs.prometheus.transfer import receive, within

T = TypeVar("T")
Params = list[tuple[str, str]]

# How servers say that they lack a part of the API; VictoriaMetrics says 400 "unsupported path requested" in plain text.
NOT_OFFERED = {400, 404, 405, 410, 501}
_QUERIES = {"query", "query_range"}  # what every server of the API has


class PrometheusApi:
    """The connection to one server, how its answers are read, and a query; `Prometheus` asks the rest."""

    def __init__(
        self,
        server: str | Connection,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        session: requests.Session | None = None,
        tell: Callable[[str], None] | None = None,
        words: failures.ServerWords = failures.PROMETHEUS,
    ) -> None:
        if isinstance(server, str):
            server = Connection(Address.parse(server), dict(headers or {}), timeout)
        server.check()
        self._connection, self._words = server, words
        self._owned = session is None
        self._session = session or open_session()
        self._auth = authentication(server)
        self.clock = ServerClock(server.address.url, tell)
        self._proved = False
        self._by_get = False
        self._moment: float | None = None
        self.heard: dict[str, None] = {}  # the warnings of all answers, each once
        self.partial = False  # whether an answer said in another way that it is not the whole

    @classmethod
    def connect(cls, url: str, *, timeout: float = TIMEOUT) -> Self:
        """A client of a URL with what the environment says of the connection (REGOBS_PROMETHEUS_TOKEN and others)."""
        return cls(EnvironmentAccess.read().connection(url, timeout=timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless the session was given from outside."""
        if self._owned:
            self._session.close()

    @property
    def url(self) -> str:
        """The address without user and password."""
        return self._connection.address.url

    @property
    def connection(self) -> Connection:
        """The address and what opens it; neither its text nor that of a part shows a secret."""
        return self._connection

    @property
    def thanos(self) -> ThanosParameters:
        """What queries say to Thanos alone."""
        return self._connection.thanos

    def saying(self, thanos: ThanosParameters) -> Self:
        """The same client, over the same connections, that says something else to Thanos."""
        other = copy.copy(self)
        other._connection = replace(self._connection, thanos=thanos)
        other._owned = False
        return other

    def at(self, moment: float | None) -> Self:
        """The same client, over the same connections, whose `query` without a time asks this one, not now."""
        other = copy.copy(self)
        other._moment, other._owned = moment, False
        return other

    @property
    def moment(self) -> float | None:
        """The time (seconds since 1970) that queries without one are asked for; None: the server's now."""
        return self._moment

    @property
    def _source(self) -> str:
        """Where the token or password stands, in words; requests itself looks into ~/.netrc where nothing is given."""
        given = "of the URL" if self._connection.address.credentials else ""
        return self._connection.secret_source or given or ("of ~/.netrc" if self._auth is None else "")

    def __repr__(self) -> str:
        return f"Prometheus({self.url!r})"

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        """Evaluate PromQL at one time (seconds since 1970); when None, at the client's `moment`."""
        params = [("query", text), *optional(time=self._moment if time is None else time), *self.thanos.params]
        return self._read("query", params, answers.read_answer, query=text, stats=stats)

    def send(self, method: str, url: str, content: bytes, media_type: str) -> requests.Response:
        """Send something beside the query API to the same host, with what opens it: whatever it answers.

        Raises InputError for another host, which shall not see the token; ServerError when it cannot be reached.
        """
        mine, other = urlsplit(self.url), urlsplit(url)
        if (mine.scheme, mine.netloc) != (other.scheme, other.netloc):
            raise InputError(
                "the address is on another host than its context",
                value=bare(url),
                expected=f"an address that begins with {mine.scheme}://{mine.netloc}/",
                next_step="correct one of the two in regobs.toml: the token of the context is only for its host",
            )
        return self._request(method, url, data=content, headers={"Content-Type": media_type})

    # One request

    def _read(
        self,
        path: str,
        params: Params,
        read: Callable[[Mapping[str, Any]], T],
        *,
        query: str = "",
        post: bool = True,
        stats: bool = False,
    ) -> T:
        if stats:
            params = [*params, ("stats", "all")]
        try:
            return self._asked(path, params, read, query, post=post)
        except ServerError as error:
            raise told_of_proxy(error, self._connection.proxy_in_use) from error.__cause__

    def _asked(self, path: str, params: Params, read: Callable[[Mapping[str, Any]], T], query: str, *, post: bool) -> T:
        by_post = post and not self._by_get  # asked once: another thread may find meanwhile that only GET passes
        response = self._send("POST" if by_post else "GET", f"/api/v1/{path}", params)
        if by_post and response.status_code in {403, 405}:  # a proxy that lets only GET pass
            response = self._send("GET", f"/api/v1/{path}", params)
            self._by_get |= response.ok
        return self._answer(response, path, read, query)

    def _answer(
        self, response: requests.Response, path: str, read: Callable[[Mapping[str, Any]], T], query: str = ""
    ) -> T:
        body = self._body(response, path, query)
        try:
            answer = read(body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise failures.wrong_shape(self.url, path, shape_of(error), self._words) from error
        self._proved = True
        self.heard.update(dict.fromkeys(map(str, body.get("warnings") or ())))
        self.partial = self.partial or body.get("isPartial") is True
        return answer

    def _body(self, response: requests.Response, path: str, query: str) -> Mapping[str, Any]:
        refuse(self.url, response, self._words.expected, self._source)
        body = json_object(response)
        if body is None or body.get("status") not in {"success", "error"}:
            part = path not in _QUERIES  # which a server of the API may lack
            if part and response.status_code in NOT_OFFERED and (self._proved or not path.startswith("query")):
                if not self._proved:
                    self.query("1")  # raises what it is, when it is no server of the API
                raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
            failures.refuse_part(self.url, path, response)
            if self._proved and response.ok and not path.startswith("query"):  # a page for all that it does not know
                raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
            if self._proved or has_api(self._probe):
                raise failures.no_answer(self.url, path, response, self._words)
            kind = "" if response.status_code >= 500 else identify(self._probe)
            raise failures.wrong_server(self.url, response, kind, self._words)
        body = without_secrets(body, response)
        if body["status"] == "success":
            return body
        failures.reject(self.url, response.status_code, body, query)
        if response.status_code in {404, 501} and path not in _QUERIES:
            raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
        raise failures.failed(self.url, path, response, body)

    def _probe(self, path: str) -> requests.Response:
        """The answer to a page that shows what a server is."""
        return self._send("GET", path, [])

    def _send(self, method: str, path: str, params: Params) -> requests.Response:
        """The answer to a question, asked again where the server has just closed the kept connection."""
        accepted = {"Accept": "application/json"}
        content = {"params": params} if method == "GET" else {"data": params if method == "POST" else None}
        try:
            return self._request(method, self.url + path, headers=accepted, **content)
        except ServerError as error:
            if not failures.closed_before_answer(error.__cause__):
                raise
            return self._request(method, self.url + path, headers=accepted, **content)

    def _request(self, method: str, url: str, *, headers: Mapping[str, str], **content: Any) -> requests.Response:
        begin, seconds = time.time(), self._connection.timeout
        with within(seconds):
            try:
                response = self._session.request(
                    method,
                    url,
                    headers={**headers, "Accept-Encoding": "gzip", **self._connection.headers},
                    **content,
                    auth=self._auth,
                    timeout=seconds,
                    allow_redirects=False,
                    stream=True,
                    verify=self._connection.verify if self._connection.ca_file else None,
                    cert=self._connection.certificate,
                    proxies=self._connection.proxies,
                )
            except requests.RequestException as error:
                proxy = self._connection.proxy_in_use
                raise failures.unreachable(self.url, error, seconds, self._words.expected, proxy) from error
            self.clock.note(response.headers.get("Date"), begin)
            receive(response, self.url, seconds)
        return response


def optional(**values: float | None) -> Params:
    return [(name, repr(float(value))) for name, value in values.items() if value is not None]
