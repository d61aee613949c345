"""A Prometheus that scrapes one registry with two families, and answers the doctor without a server."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.errors import QueryError
from regobs.prometheus import Prometheus, QueryAnswer, RangeSeries, Sample
from regobs.prometheus.state import Alert, BuildInfo, RuleGroup, Target
from tests.doctor.world import IN_FLIGHT, REQUESTS, TARGET

NAMES = ("up", IN_FLIGHT, REQUESTS)
NOW = 1_800_000_000.0


class OneRegistry(Prometheus):
    """`refused` is a piece of text of the queries that it rejects; `interval` what its target says, None on Thanos."""

    def __init__(self, *, refused: str | None = None, interval: float | None = 15.0) -> None:
        super().__init__("http://prometheus:9090")
        self._refused, self._interval = refused, interval

    def buildinfo(self) -> BuildInfo:
        return BuildInfo("2.42.0")

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        if self._refused is not None and self._refused in text:
            raise QueryError("the server rejects the query", query=text, expected="a query of its own version")
        if text == "time()":
            return QueryAnswer("scalar", samples=(Sample({}, NOW, NOW),))
        if "by (version)" in text:
            return QueryAnswer(
                "vector", samples=tuple(Sample({"version": one}, 1, NOW) for one in ("4.32.0", "4.20.0"))
            )
        if text.endswith("m]"):
            return QueryAnswer("matrix", ranges=(RangeSeries(TARGET, tuple((NOW + 30 * n, 1.0) for n in range(5))),))
        if "__name__" in text:
            return QueryAnswer("vector", samples=tuple(Sample({**TARGET, "__name__": name}, 1, NOW) for name in NAMES))
        there = text.startswith("up") or IN_FLIGHT in text
        return QueryAnswer("vector", samples=(Sample(TARGET, 1, NOW),) if there else ())

    def targets(self) -> tuple[Target, ...]:
        url = "http://a:5001/metrics"
        return (Target(TARGET, "registry", url, "up", last_scrape=NOW, interval=self._interval),)

    def rules(self) -> tuple[RuleGroup, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()

    def label_values(
        self, name: str, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        return NAMES if name == "__name__" else ()

    def label_names(
        self, matches: str | Iterable[str] = (), start: float | None = None, end: float | None = None
    ) -> tuple[str, ...]:
        return tuple(sorted({*TARGET, *(["route"] if REQUESTS in str(matches) else [])}))

    def metadata(self) -> dict[str, dict[str, str]]:
        return {}

    def retention(self) -> str:
        return "15d"

    def evaluation_interval(self) -> str:
        return ""

    def logins(self) -> dict[str, tuple[str, ...]]:
        return {}

    def alertmanagers(self) -> tuple[str, ...]:
        return ()

    def features(self) -> frozenset[str]:
        return frozenset()
