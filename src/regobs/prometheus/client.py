"""The requests to a Prometheus server. Queries go by POST, so that their length does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from regobs.errors import EndpointError, ServerError
from regobs.prometheus import answers, failures
from regobs.prometheus.address import Address, environment_headers
from regobs.prometheus.answers import Alert, Answer, BuildInfo, RuleGroup, Target

T = TypeVar("T")
Params = list[tuple[str, str]]

# One connection a thread of whoever asks concurrently; more would wait for the server's own limit of 20 queries.
CONNECTIONS = 8


class Prometheus:
    """One server. `url` may hold `user:password@`, which becomes basic authentication and is never shown again.

    `headers` are sent with every request (tenant, token). `timeout` is in seconds, for the connection and for each
    wait for data. Every method raises ServerError when the server is unreachable or is no Prometheus, and its
    subclass QueryError when it rejects what was asked. Threads may share one instance.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
        session: requests.Session | None = None,
    ) -> None:
        self.address = Address.parse(url)
        self.timeout = timeout
        self._owned = session is None
        self._session = session or _session()
        self._headers = dict(headers or {})
        self._auth = _auth(self.address, self._headers)
        self._proved = False

    @classmethod
    def connect(cls, url: str, *, timeout: float = 30) -> Self:
        """A client with the token of the environment, when there is one and the URL holds no password."""
        headers = {} if Address.parse(url).credentials else environment_headers()
        return cls(url, headers=headers, timeout=timeout)

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
        return self.address.url

    def __repr__(self) -> str:
        return f"Prometheus({self.url!r})"

    # Queries

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> Answer:
        """Evaluate PromQL at one time (seconds since 1970; the server's now when None)."""
        params = [("query", text), *_optional(time=time)]
        return self._read("query", params, answers.read_answer, query=text, stats=stats)

    def query_range(self, text: str, start: float, end: float, step: float, *, stats: bool = False) -> Answer:
        """Evaluate PromQL from start to end (seconds since 1970), every `step` seconds."""
        params = [("query", text), *_optional(start=start, end=end, step=step)]
        return self._read("query_range", params, answers.read_answer, query=text, stats=stats)

    def series(
        self, matches: str | Iterable[str], start: float | None = None, end: float | None = None
    ) -> tuple[dict[str, str], ...]:
        """The label sets, `__name__` included, of the series that any of the selectors matches."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + _optional(start=start, end=end)
        return self._read("series", params, lambda body: tuple(map(dict, body["data"])), query=" or ".join(selectors))

    def label_values(self, name: str, matches: str | Iterable[str] = ()) -> tuple[str, ...]:
        """The values of a label, sorted; over the series of the selectors, or over all."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors]
        path = f"label/{quote(name, safe='')}/values"
        return self._read(path, params, _strings, query=" or ".join(selectors) or name, post=False)

    def label_names(self, matches: str | Iterable[str] = ()) -> tuple[str, ...]:
        """The names of all labels, sorted; over the series of the selectors, or over all."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors]
        return self._read("labels", params, _strings, query=" or ".join(selectors), post=False)

    # The server's own state

    def metadata(self) -> dict[str, dict[str, str]]:
        """Type, help and unit by family name, as the targets state them."""

        def read(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
            return {str(name): dict(entries[0]) for name, entries in body["data"].items() if entries}

        return self._read("metadata", [], read, post=False)

    def targets(self) -> tuple[Target, ...]:
        """The active targets. EndpointError on a server that scrapes nothing itself."""

        def read(body: Mapping[str, Any]) -> tuple[Target, ...]:
            return tuple(answers.read_target(item) for item in body["data"]["activeTargets"] or ())

        return self._read("targets", [("state", "active")], read, post=False)

    def rules(self) -> tuple[RuleGroup, ...]:
        """The loaded rule groups. EndpointError on a server that evaluates no rules."""

        def read(body: Mapping[str, Any]) -> tuple[RuleGroup, ...]:
            return tuple(answers.read_rule_group(item) for item in body["data"]["groups"] or ())

        return self._read("rules", [], read, post=False)

    def alerts(self) -> tuple[Alert, ...]:
        """The pending and firing alerts."""

        def read(body: Mapping[str, Any]) -> tuple[Alert, ...]:
            return tuple(answers.read_alert(item) for item in body["data"]["alerts"] or ())

        return self._read("alerts", [], read, post=False)

    def buildinfo(self) -> BuildInfo:
        """The server's version."""

        def read(body: Mapping[str, Any]) -> BuildInfo:
            return BuildInfo(str(body["data"]["version"]), str(body["data"].get("revision", "")))

        return self._read("status/buildinfo", [], read, post=False)

    def ready(self) -> bool:
        """Whether it answers queries; False while it starts. ServerError when it cannot be reached at all."""
        response = self._send("GET", "/-/ready", [])
        if response.status_code in {200, 503}:
            return response.status_code == 200
        failures.refuse(self.url, response)
        return self.buildinfo() is not None  # Mimir has no /-/ready

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
        response = self._send("POST" if post else "GET", f"/api/v1/{path}", params)
        if post and response.status_code == 405:  # a proxy in front that lets only GET pass
            response = self._send("GET", f"/api/v1/{path}", params)
        body = self._body(response, path, query)
        try:
            answer = read(body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise failures.wrong_shape(self.url, path, f"{type(error).__name__}: {error}") from error
        self._proved = True
        return answer

    def _body(self, response: requests.Response, path: str, query: str) -> Mapping[str, Any]:
        failures.refuse(self.url, response)
        body = failures.json_object(response)
        if body is None or body.get("status") not in {"success", "error"}:
            if response.status_code in {404, 405, 410, 501} and self._proved:
                raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
            kind = failures.identify(lambda probe: self._send("GET", probe, []))
            raise failures.wrong_server(self.url, response, kind)
        if body["status"] == "success":
            return body
        failures.reject(self.url, body, query)
        if response.status_code in {404, 501}:
            raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
        raise ServerError(f"{self.url} answers /api/v1/{path} with an error", value=failures.said(body))

    def _send(self, method: str, path: str, params: Params) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.url + path,
                params=params if method == "GET" else None,
                data=params if method == "POST" else None,
                headers={"Accept": "application/json", **self._headers},
                auth=self._auth,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise failures.unreachable(self.url, error, self.timeout) from error


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS))
    return session


def _auth(address: Address, headers: Mapping[str, str]) -> Callable[[requests.PreparedRequest], Any] | None:
    if address.credentials:
        # requests encodes text as Latin-1; this makes the bytes on the wire UTF-8, as RFC 7617 recommends.
        user, password = (part.encode().decode("latin-1") for part in address.credentials)
        return HTTPBasicAuth(user, password)
    if any(name.lower() == "authorization" for name in headers):
        return _keep_header
    return None


def _keep_header(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for authentication: requests would replace our Authorization header with an entry of ~/.netrc."""
    return request


def _optional(**values: float | None) -> Params:
    return [(name, repr(float(value))) for name, value in values.items() if value is not None]


def _many(matches: str | Iterable[str]) -> Sequence[str]:
    return [matches] if isinstance(matches, str) else list(matches)


def _strings(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, body["data"])))
