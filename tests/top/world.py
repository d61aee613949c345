"""A service as the view shows it, once as values and once as a stub server that answers its queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from regobs.catalog.model import Unit
from regobs.config import Config
from regobs.doctor.report import FiringAlert
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.promql.types import Type
from regobs.query.times import AskedRange
from regobs.status import questions
from regobs.status.report import ProcessStatus, RouteStatus, Usage
from regobs.top.place import HOME, TopPlace
from regobs.top.take import Detail, Fact, Signal, Taken, TopSource
from tests.prometheus.stub import NOT_FOUND, Reply, Request, failure, success, vector
from tests.status.test_screen import QUIET, budget

NOW = QUIET.now
PULL, PUSH = "/v2/{name}/manifests/{reference}", "/v2/{name}/blobs/uploads/{uuid}"
BURN = FiringAlert("RegistryAvailabilityBurn", {"severity": "page", "slo": "pull", "tier": "1h"}, 20.0)
PER_SECOND = Type("vector", Unit.REQUESTS, per_second=True)
_HOUR = AskedRange(round(NOW - 3600) * 1000, round(NOW) * 1000, 180_000)
REPORT = replace(
    QUIET,
    firing=(BURN,),
    budgets=(budget(20.0, -0.5),),
    routes=(RouteStatus(PULL, 4.0, 0.25, 0.1), RouteStatus(PUSH, 1.0, 0.0, 2.0)),
    usage=(Usage("database pool", {"instance": "a:5001"}, 0.95),),
    processes=(ProcessStatus("b:5001", up=False, error="refused"), ProcessStatus("a:5001", up=True, age=90_000.0)),
)
TAKEN = Taken(
    place=HOME,
    report=REPORT,
    signals=(Signal("Traffic", 5.0, PER_SECOND, RangeSeries({}, ((NOW - 60, 4.0), (NOW, 6.0))), _HOUR),),
    garbage=(Fact("tasks overdue", 3.0, Type("vector", Unit.TASKS), {}),),
    replicas=(Fact("pool", 2.0, Type("vector", Unit.REPLICAS), {}),),
    detail=Detail(),
    questions={"gc-backlog": "Does garbage collection keep up"},
)


def taken(place: TopPlace = HOME, moment: float | None = None) -> Taken:
    """The values, as of a place and a moment."""
    report = replace(REPORT, now=moment or NOW, past=moment is not None)
    named = RouteStatus("a:5001", 3.0, 0.5, 0.2)
    return replace(TAKEN, place=place, report=report, detail=Detail(by_instance=(named,)))


ALERT = {
    "labels": {"alertname": "RegistryAvailabilityBurn", "severity": "page", "slo": "pull"},
    "annotations": {},
    "state": "firing",
    "activeAt": "2026-05-28T20:00:00Z",
    "value": "20",
}


class Service:
    """What the stub knows of the service: `vectors` by query, one for `others`; `broken` are queries it refuses."""

    def __init__(self, config: Config) -> None:
        asked = questions.questions(config.asked)
        route, code = {"route": PULL}, {"version": "4.32.0"}
        self.vectors: dict[str, Reply] = {
            asked[questions.REQUESTS]: vector((route, "4"), ({"route": PUSH}, "1")),
            asked[questions.FAILED]: vector((route, "1")),
            asked[questions.LATENCY]: vector((route, "0.1"), ({"route": PUSH}, "2")),
            asked[questions.UP]: vector(({"instance": "a:5001"}, "1"), ({"instance": "b:5001"}, "0")),
            asked[questions.VERSIONS]: vector((code, "2")),
            "time()": success({"resultType": "scalar", "result": [NOW, str(NOW)]}),
        }
        self.broken: set[str] = set()
        self.more: dict[str, Any] = {}

    def query(self, request: Request) -> Reply:
        """An instant query."""
        text, moment = request.params["query"][0], request.params.get("time")
        if text in self.broken:
            return failure(422, "execution", "cannot join")
        if text == "time()" and moment is not None:
            return success({"resultType": "scalar", "result": [float(moment[0]), moment[0]]})
        if text in self.vectors:
            return self.vectors[text]
        return success({"resultType": "vector", "result": []}, **self.more)

    @property
    def replies(self) -> Mapping[str, Any]:
        """The replies of a stub."""
        return {
            "/api/v1/query": self.query,
            "/api/v1/query_range": success({"resultType": "matrix", "result": []}),
            "/api/v1/status/buildinfo": success({"version": "2.42.0"}),
            "/api/v1/alerts": success({"alerts": [ALERT]}),
            "/api/v1/rules": success({"groups": []}),
            "/api/v1/targets": success({"activeTargets": []}),
            "/api/v1/status/runtimeinfo": success({"storageRetention": "30d"}),
            "/api/v1/stores": NOT_FOUND,
        }


def source(prometheus: Prometheus, config: Config | None = None) -> TopSource:
    """What asks the stub."""
    config = config or Config()
    return TopSource(prometheus, find_pack(None, config), config)
