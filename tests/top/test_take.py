"""What the view asks a server for: the values of the status, within a route or a process, at a moment."""

from __future__ import annotations

import pytest

from regobs.catalog import targets
from regobs.common.screen import PIPE
from regobs.config import Config
from regobs.errors import ServerError
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.status import questions
from regobs.status.take import take_status
from regobs.top.pages import lines
from regobs.top.place import HOME, KEYS, Page, TopPlace
from regobs.top.take import Taken
from tests.prometheus.stub import Reply, Stub, vector
from tests.top.world import NOW, PULL, Service, source

CONFIG = Config()
PAGES = [
    *map(TopPlace, KEYS.values()),
    TopPlace(Page.ALERTS),
    TopPlace(Page.SERVER),
    TopPlace(Page.TRAFFIC, route=PULL),
    TopPlace(Page.TRAFFIC, instance="a:5001"),
    TopPlace(Page.TRAFFIC, route=PULL, instance="a:5001"),
    TopPlace(Page.SLO, name="pull-manifest-availability"),
    TopPlace(Page.ALERT, name="RegistryAvailabilityBurn", labels=frozenset({("slo", "pull")})),
    TopPlace(Page.QUESTION, name="top-routes"),
]


def text(taken: Taken, place: TopPlace) -> str:
    return "\n".join(line.text for line in lines(taken, place, PIPE))


def test_the_values_are_those_of_the_status() -> None:
    with Stub(Service(CONFIG).replies) as stub, Prometheus(stub.url) as prometheus:
        taken = source(prometheus).take(HOME, None)
        status = take_status(prometheus, find_pack(None, CONFIG), CONFIG)
    assert taken.report == status
    shown = text(taken, HOME)
    assert "1 of 2 up" in shown
    assert "25.00%" in shown


@pytest.mark.parametrize("place", PAGES, ids=lambda place: f"{place.page.name} {place.title}")
def test_every_page_is_there_also_without_any_data(place: TopPlace) -> None:
    service = Service(CONFIG)
    service.vectors = {"time()": service.vectors["time()"]}
    with Stub(service.replies) as stub, Prometheus(stub.url) as prometheus:
        taken = source(prometheus).take(place, None)
    assert taken.report.complete
    assert text(taken, place).strip()


def test_a_route_and_a_process_narrow_what_is_asked_and_their_texts_stay_texts() -> None:
    place = TopPlace(Page.TRAFFIC, route='a"b\\', instance="a:5001")
    with Stub(Service(CONFIG).replies) as stub, Prometheus(stub.url) as prometheus:
        source(prometheus).take(place, None)
    sent = {one.params["query"][0] for one in stub.requests if one.path.endswith("/query")}
    narrowed = [query for query in sent if 'instance="a:5001"' in query and r'route="a\"b\\"' in query]
    assert len(narrowed) >= 3


def test_a_moment_is_sent_with_every_query_and_what_is_of_the_present_is_not_asked() -> None:
    with Stub(Service(CONFIG).replies) as stub, Prometheus(stub.url) as prometheus:
        taken = source(prometheus).take(HOME, NOW - 600)
    assert taken.report.past
    assert taken.report.now == NOW - 600
    queries = [one for one in stub.requests if one.path == "/api/v1/query" and one.params["query"] != ["1"]]
    assert {one.params.get("time", [""])[0] for one in queries} == {repr(NOW - 600)}
    assert {"/api/v1/alerts", "/api/v1/rules", "/api/v1/targets"} & {one.path for one in stub.requests} == set()


def test_alerts_of_the_past_come_from_their_samples_with_the_time_since_when() -> None:
    service = Service(CONFIG)
    labels = {"alertname": "RegistryDown", "severity": "page"}
    with Stub(service.replies) as stub, Prometheus(stub.url) as prometheus:
        service.vectors[targets.ALERTS.name] = vector(({**labels, "alertstate": "firing"}, "1"))
        service.vectors[targets.ALERTS_FOR_STATE.name] = vector((labels, str(NOW - 1200)))
        taken = source(prometheus).take(HOME, NOW - 600)
    assert [(one.name, dict(one.labels)) for one in taken.report.firing] == [("RegistryDown", {"severity": "page"})]
    assert "began 10m ago" in text(taken, HOME)


def test_what_an_answer_lacks_is_kept() -> None:
    service = Service(CONFIG)
    service.more = {"warnings": ["store away: no answer"], "isPartial": True}
    service.broken = {questions.questions(CONFIG.asked)[questions.LATENCY]}
    with Stub(service.replies) as stub, Prometheus(stub.url) as prometheus:
        report = source(prometheus).take(HOME, None).report
    assert {gap.kind for gap in report.gaps} == {"partial"}
    assert [one.partition(":")[0] for one in report.refused] == [questions.LATENCY]
    assert not report.complete


def test_a_part_that_fails_fails_the_whole() -> None:
    service = Service(CONFIG)
    broken = {**service.replies, "/api/v1/query_range": Reply(429, "slow down", headers={"Retry-After": "7"})}
    with Stub(broken) as stub, Prometheus(stub.url) as prometheus, pytest.raises(ServerError) as caught:
        source(prometheus).take(HOME, None)
    assert caught.value.retry_after == 7.0
