"""The requests to a Prometheus server. Queries go by POST, so that their length does not matter."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import requests

from regobs.common.reasons import shape_of
from regobs.errors import EndpointError, InputError, ServerError
from regobs.prometheus import answers, failures
from regobs.prometheus.address import Address, bare
from regobs.prometheus.answers import QueryAnswer
from regobs.prometheus.connection import TIMEOUT, Connection, EnvironmentAccess
from regobs.prometheus.json_body import json_object
from regobs.prometheus.session import ServerClock, authentication, open_session
from regobs.prometheus.thanos import Store, ThanosParameters, read_stores
from regobs.prometheus.transfer import receive, within

if TYPE_CHECKING:
    from regobs.prometheus.state import Alert, BuildInfo, Exemplar, RuleGroup, Target

T = TypeVar("T")
Params = list[tuple[str, str]]

# How servers say that they lack a part of the API; VictoriaMetrics says 400 "unsupported path requested" in plain text.
_NOT_OFFERED = {400, 404, 405, 410, 501}
_QUERIES = {"query", "query_range"}  # what every server of the API has


class Prometheus:
    """One server, by its URL or by a whole `Connection`.

    A URL may hold `user:password@`, which becomes basic authentication and is never shown again. `headers` are sent
    with every request (tenant, token). `timeout` is in seconds, for a whole request and its answer.
    Both are for a URL only: a connection has its own. `tell` hears what may mislead, such as a clock that differs;
    `words` are what errors call the server.
    Every method raises ServerError when the server is unreachable or is no Prometheus, and its subclass QueryError when
    it rejects what was asked. Threads may share one instance.
    """

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

    # Queries

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        """Evaluate PromQL at one time (seconds since 1970); when None, at the client's `moment`."""
        params = [("query", text), *_optional(time=self._moment if time is None else time), *self.thanos.params]
        return self._read("query", params, answers.read_answer, query=text, stats=stats)

    def query_range(self, text: str, start: float, end: float, step: float, *, stats: bool = False) -> QueryAnswer:
        """Evaluate PromQL from start to end (seconds since 1970), every `step` seconds."""
        params = [("query", text), *_optional(start=start, end=end), ("step", _step(step)), *self.thanos.params]
        return self._read("query_range", params, answers.read_answer, query=text, stats=stats)

    def series(
        self, matches: str | Iterable[str], start: float | None = None, end: float | None = None
    ) -> tuple[dict[str, str], ...]:
        """The label sets, `__name__` included, of the series that any of the selectors matches."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + _optional(start=start, end=end) + self.thanos.params
        return self._read("series", params, lambda body: tuple(map(dict, body["data"])), query=" or ".join(selectors))

    def label_values(
        self, name: str, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        """The values of a label, sorted; over the series of the selectors, or over all, in a time or at any."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + _optional(start=start, end=end)
        path = f"label/{quote(name, safe='')}/values"
        return self._read(path, params, _strings, query=" or ".join(selectors) or name, post=False)

    def label_names(
        self, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        """The names of all labels, sorted; over the series of the selectors, or over all, in a time or at any."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + _optional(start=start, end=end)
        return self._read("labels", params, _strings, query=" or ".join(selectors), post=False)

    def exemplars(self, text: str, start: float, end: float) -> tuple[Exemplar, ...]:
        """The events from start to end (seconds since 1970) that are kept of the series of an expression."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        params = [("query", text), *_optional(start=start, end=end), *self.thanos.params]
        return self._read("query_exemplars", params, state.read_exemplars, query=text)

    # The server's own state

    def metadata(self) -> dict[str, dict[str, str]]:
        """Type, help and unit by family name, as the targets state them."""

        def read(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
            return {str(name): dict(entries[0]) for name, entries in body["data"].items() if entries}

        return self._read("metadata", [], read, post=False)

    def targets(self) -> tuple[Target, ...]:
        """The active targets. EndpointError on a server that scrapes nothing itself."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        def read(body: Mapping[str, Any]) -> tuple[Target, ...]:
            return tuple(state.read_target(item) for item in body["data"]["activeTargets"] or ())

        return self._read("targets", [("state", "active")], read, post=False)

    def rules(self) -> tuple[RuleGroup, ...]:
        """The loaded rule groups. EndpointError on a server that evaluates no rules."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        def read(body: Mapping[str, Any]) -> tuple[RuleGroup, ...]:
            return tuple(state.read_rule_group(item) for item in body["data"]["groups"] or ())

        return self._read("rules", [], read, post=False)

    def alerts(self) -> tuple[Alert, ...]:
        """The pending and firing alerts."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        def read(body: Mapping[str, Any]) -> tuple[Alert, ...]:
            data = body["data"]  # the ruler of Thanos 0.42 spells it with a capital
            return tuple(
                state.read_alert(item) for item in (data["Alerts"] if "Alerts" in data else data["alerts"]) or ()
            )

        return self._read("alerts", [], read, post=False)

    def buildinfo(self) -> BuildInfo:
        """The server's version; empty where it does not say one, as Cortex and older VictoriaMetrics."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        def read(body: Mapping[str, Any]) -> BuildInfo:
            return state.read_buildinfo(body)

        if self._proved:
            try:
                return self._read("status/buildinfo", [], read, post=False)
            except EndpointError:
                return state.BuildInfo("")
        response = self._send("GET", "/api/v1/status/buildinfo", [])
        if response.status_code in _NOT_OFFERED and json_object(response) is None:
            self.query("1")  # it has no build information; that it is a server of the API shows here
            return state.BuildInfo("")
        return self._answer(response, "status/buildinfo", read)

    def retention(self) -> str:
        """How long it keeps samples, in its own words, such as `15d or 10GB`. EndpointError where it does not say."""
        return self._read("status/runtimeinfo", [], lambda body: str(body["data"]["storageRetention"]), post=False)

    def evaluation_interval(self) -> str:
        """How often it evaluates groups without an interval, such as `15s`. EndpointError where it does not say."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        def read(body: Mapping[str, Any]) -> str:
            return state.read_evaluation_interval(str(body["data"]["yaml"]))

        return self._read("status/config", [], read, post=False)

    def alertmanagers(self) -> tuple[str, ...]:
        """The addresses that it sends alerts to now. EndpointError on a server that sends none itself."""

        def read(body: Mapping[str, Any]) -> tuple[str, ...]:
            return tuple(sorted(bare(str(one["url"])) for one in body["data"]["activeAlertmanagers"] or ()))

        return self._read("alertmanagers", [], read, post=False)

    def features(self) -> frozenset[str]:
        """What --enable-feature switches on. EndpointError where the server does not say its flags."""

        def read(body: Mapping[str, Any]) -> frozenset[str]:
            return frozenset(str(body["data"].get("enable-feature", "")).split(",")) - {""}

        return self._read("status/flags", [], read, post=False)

    def started(self) -> str:
        """When this run of the server began, in its own words. EndpointError where it does not say."""
        return self._read("status/runtimeinfo", [], lambda body: str(body["data"]["startTime"]), post=False)

    def is_victoriametrics(self) -> bool:
        """Whether it is a VictoriaMetrics, whose rules, alerts and targets other programs have."""
        return "X-Server-Hostname" in self._send("GET", "/api/v1/status/runtimeinfo", []).headers

    def ready(self) -> bool:
        """Whether it answers queries; False while it starts. ServerError when it cannot be reached at all."""
        response = self._send("GET", "/-/ready", [])
        if response.status_code in {200, 503}:
            return response.status_code == 200
        failures.refuse(self.url, response, self._words.expected, self._source)
        return self.buildinfo() is not None  # Mimir has no /-/ready

    def reload(self) -> None:
        """Let it read its configuration and rule files again. Raises ServerError, which says what it refuses of them.

        Prometheus offers it with --web.enable-lifecycle; Thanos Ruler and vmalert always.
        """
        response = self._send("POST", "/-/reload", [])
        if response.status_code == 403:
            raise ServerError(
                f"{self.url} does not read its rules again when it is asked (HTTP 403)",
                value=response.text.strip()[:200],
                expected="a Prometheus that was started with --web.enable-lifecycle",
                next_step="start it with this flag",
            )
        failures.refuse(self.url, response, self._words.expected, self._source)
        if not response.ok:
            raise ServerError(
                f"{self.url} refuses its configuration or rules (HTTP {response.status_code})",
                value=" ".join(response.text.split())[:600],
                next_step="correct what it names; it goes on with what it had before",
            )
        if not 200 <= response.status_code < 300 or "html" in response.headers.get("Content-Type", ""):
            raise failures.wrong_server(self.url, response, "", self._words)

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

    def stores(self) -> tuple[Store, ...]:
        """The stores behind a Thanos Query, those that do not answer included. EndpointError on any other server."""

        def read(body: Mapping[str, Any]) -> tuple[Store, ...]:
            try:
                return read_stores(body)
            except (AttributeError, KeyError, TypeError):
                raise EndpointError(f"{self.url} does not list stores as Thanos does") from None

        return self._read("stores", [], read, post=False)

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
        failures.refuse(self.url, response, self._words.expected, self._source)
        body = json_object(response)
        if body is None or body.get("status") not in {"success", "error"}:
            part = path not in _QUERIES  # which a server of the API may lack
            if part and response.status_code in _NOT_OFFERED and (self._proved or not path.startswith("query")):
                if not self._proved:
                    self.query("1")  # raises what it is, when it is no server of the API
                raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
            failures.refuse_part(self.url, path, response)
            if self._proved and response.ok and not path.startswith("query"):  # a page for all that it does not know
                raise EndpointError(f"{self.url} does not offer /api/v1/{path}")
            if self._proved or failures.has_api(self._probe):
                raise failures.no_answer(self.url, path, response, self._words)
            kind = "" if response.status_code >= 500 else failures.identify(self._probe)
            raise failures.wrong_server(self.url, response, kind, self._words)
        body = failures.without_secrets(body, response)
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
                raise failures.unreachable(self.url, error, seconds, self._words.expected) from error
            self.clock.note(response.headers.get("Date"), begin)
            receive(response, self.url, seconds)
        return response


def _optional(**values: float | None) -> Params:
    return [(name, repr(float(value))) for name, value in values.items() if value is not None]


def _step(seconds: float) -> str:
    """The step as servers read it exactly: they cut a number such as 1.001 to 1000 ms, while `1001ms` stays."""
    ms = round(seconds * 1000)
    return repr(float(seconds)) if int(float(seconds) * 1e9) == ms * 1_000_000 else f"{ms}ms"


def _many(matches: str | Iterable[str]) -> Sequence[str]:
    return [matches] if isinstance(matches, str) else list(matches)


def _strings(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, body["data"])))
