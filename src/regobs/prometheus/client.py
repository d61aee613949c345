"""What can be asked of a Prometheus server: series and labels, and the server's own state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from regobs.errors import EndpointError, ServerError
from regobs.prometheus import answers, failures
from regobs.prometheus.access import refuse
from regobs.prometheus.address import bare
from regobs.prometheus.answer_text import excerpt
from regobs.prometheus.answers import QueryAnswer
from regobs.prometheus.api import NOT_OFFERED, PrometheusApi, optional
from regobs.prometheus.json_body import json_object
from regobs.prometheus.thanos import Store, read_stores, with_missing

if TYPE_CHECKING:
    from regobs.prometheus.analysis import Operator
    from regobs.prometheus.search import FoundNames, SearchPart
    from regobs.prometheus.state import Alert, BuildInfo, Exemplar, RuleGroup, Target

SEARCH_LIMIT = 1_000  # names: what is offered at one place


class Prometheus(PrometheusApi):
    """One server, by its URL or by a whole `Connection`.

    A URL may hold `user:password@`, which becomes basic authentication and is never shown again. `headers` are sent
    with every request (tenant, token). `timeout` is in seconds, for a whole request and its answer.
    Both are for a URL only: a connection has its own. `tell` hears what may mislead, such as a clock that differs;
    `words` are what errors call the server.
    Every method raises ServerError when the server is unreachable or is no Prometheus, and its subclass QueryError when
    it rejects what was asked. Threads may share one instance.
    """

    # Queries

    def query_range(self, text: str, start: float, end: float, step: float, *, stats: bool = False) -> QueryAnswer:
        """Evaluate PromQL from start to end (seconds since 1970), every `step` seconds."""
        params = [("query", text), *optional(start=start, end=end), ("step", _step(step)), *self.thanos.params]
        params.append(_AS_ASKED)
        return self._read("query_range", params, answers.read_answer, query=text, stats=stats)

    def analysis(self, text: str, time: float | None = None) -> Operator | None:
        """How Thanos Query evaluated PromQL at one time, with its own engine; None where that cannot be told.

        Its engine leaves some expressions to that of Prometheus, which does not tell. Prometheus ignores the question.
        """
        from regobs.prometheus.analysis import read_analysis  # noqa: PLC0415 - for `explain` only

        said = [pair for pair in self.thanos.params if pair[0] != "engine"]
        asked = [("query", text), *optional(time=self._moment if time is None else time)]
        return self._read(
            "query", [*asked, *said, ("engine", "thanos"), ("analyze", "true")], read_analysis, query=text
        )

    def series(
        self, matches: str | Iterable[str], start: float | None = None, end: float | None = None
    ) -> tuple[dict[str, str], ...]:
        """The label sets, `__name__` included, of the series that any of the selectors matches."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + optional(start=start, end=end) + self.thanos.params
        return self._read("series", params, lambda body: tuple(map(dict, body["data"])), query=" or ".join(selectors))

    def label_values(
        self, name: str, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        """The values of a label, sorted; over the series of the selectors, or over all, in a time or at any."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + optional(start=start, end=end)
        path = f"label/{quote(name, safe='')}/values"
        return self._read(path, params, _strings, query=" or ".join(selectors) or name, post=False)

    def label_names(
        self, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        """The names of all labels, sorted; over the series of the selectors, or over all, in a time or at any."""
        selectors = _many(matches)
        params = [("match[]", match) for match in selectors] + optional(start=start, end=end)
        return self._read("labels", params, _strings, query=" or ".join(selectors), post=False)

    def search(
        self,
        part: SearchPart,
        begun: str = "",
        matches: str | Iterable[str] = (),
        *,
        label: str = "",
        limit: int = SEARCH_LIMIT,
    ) -> FoundNames:
        """Names or values of a label that begin with a text, over the series of the selectors or all.

        EndpointError on a server without the search API of Prometheus 3.13 (`--enable-feature=search-api`). A server
        with a lower limit than ours gives what it gives without one.
        """
        from regobs.prometheus import search  # noqa: PLC0415 - for completion only

        for most in (limit, None):
            params = search.search_params(begun, _many(matches), label, most)
            if part == "metric_names":
                params.append(("include_metadata", "true"))
            response = self._send("GET", f"/api/v1/search/{part}", params)
            if response.status_code != 400 or json_object(response) is None:
                break
        if response.status_code not in {400, 422, 503}:  # a search that is refused, an agent, the API switched off
            refuse(self.url, response, self._words.expected, self._source)
        if not response.ok or search.CONTENT_TYPE not in response.headers.get("Content-Type", ""):
            raise EndpointError(f"{self.url} does not offer /api/v1/search/{part}")
        try:
            found = search.read_found(self.url, part, response.content.decode())
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"{self.url} answers /api/v1/search/{part} in an unknown form") from error
        self.heard.update(dict.fromkeys(found.warnings))
        return found

    def exemplars(self, text: str, start: float, end: float) -> tuple[Exemplar, ...]:
        """The events from start to end (seconds since 1970) that are kept of the series of an expression."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        params = [("query", text), *optional(start=start, end=end), *self.thanos.params]
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
        if response.status_code in NOT_OFFERED and json_object(response) is None:
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

    def logins(self) -> dict[str, tuple[str, ...]]:
        """What its scrape jobs say of TLS and logins, as keys by job. EndpointError where it does not say."""
        from regobs.prometheus import state  # noqa: PLC0415 - what no query needs

        return self._read("status/config", [], lambda body: state.read_logins(str(body["data"]["yaml"])), post=False)

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
        refuse(self.url, response, self._words.expected, self._source)
        return self.buildinfo() is not None  # Mimir has no /-/ready

    def reload(self) -> None:
        """Let it read its configuration and rule files again. Raises ServerError, which says what it refuses of them.

        Prometheus offers it with --web.enable-lifecycle; Thanos Ruler and vmalert always.
        """
        response = self._send("POST", "/-/reload", [])
        if response.status_code == 403 and "lifecycle" in response.text.lower():  # "Lifecycle API is not enabled."
            raise ServerError(
                f"{self.url} does not read its rules again when it is asked (HTTP 403)",
                value=response.text.strip()[:200],
                expected="a Prometheus that was started with --web.enable-lifecycle",
                next_step="start it with this flag",
            )
        if response.status_code == 403:
            raise failures.answered(
                403,
                f"{self.url} does not let us have it read its rules again (HTTP 403)",
                value=excerpt(response),
                expected="an answer of the server itself to POST /-/reload",
                next_step="check the credentials, and that the proxy before the server lets this path pass",
            )
        refuse(self.url, response, self._words.expected, self._source)
        if not response.ok:
            raise ServerError(
                f"{self.url} refuses its configuration or rules (HTTP {response.status_code})",
                value=" ".join(response.text.split())[:300],
                next_step="correct what it names; it goes on with what it had before",
            )
        if not 200 <= response.status_code < 300 or "html" in response.headers.get("Content-Type", ""):
            raise failures.wrong_server(self.url, response, "", self._words)

    def own_metrics(self) -> str:
        """The page with the metrics of the server itself; whatever else it answers where it has none."""
        return self._send("GET", "/metrics", []).text

    def stores(self) -> tuple[Store, ...]:
        """The stores behind a Thanos Query, those that do not answer included. EndpointError on any other server.

        One is added, as away, where the list is empty or shorter than the context expects.
        """

        def read(body: Mapping[str, Any]) -> tuple[Store, ...]:
            try:
                return with_missing(read_stores(body), self._connection.stores)
            except (AttributeError, KeyError, TypeError):
                raise EndpointError(f"{self.url} does not list stores as Thanos does") from None

        return self._read("stores", [], read, post=False)


# VictoriaMetrics moves the ends of a range of 50 points and more to multiples of its step, so that its cache serves the
# next question; with this it keeps the ends that were asked. Other servers ignore it.
# https://docs.victoriametrics.com/victoriametrics/#prometheus-querying-api-enhancements
_AS_ASKED = ("nocache", "1")


def _step(seconds: float) -> str:
    """The step as servers read it exactly: they cut a number such as 1.001 to 1000 ms, while `1001ms` stays."""
    ms = round(seconds * 1000)
    return repr(float(seconds)) if int(float(seconds) * 1e9) == ms * 1_000_000 else f"{ms}ms"


def _many(matches: str | Iterable[str]) -> Sequence[str]:
    return [matches] if isinstance(matches, str) else list(matches)


def _strings(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, body["data"])))
