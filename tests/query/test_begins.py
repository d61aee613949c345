"""When data begins: from small questions to a server whose only series begins at a known time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regobs.prometheus import Prometheus
from regobs.query.begins import first_sample
from tests.prometheus.stub import Reply, Request, Stub, failure, success, vector

NOW = 1_700_000_000.0


class Beginning:
    """A series that begins at `first`; `points` is how many were asked for."""

    def __init__(self, first: float) -> None:
        self.first = first
        self.points = 0

    def over(self, request: Request) -> Reply:
        start, end = (float(request.params[name][0]) for name in ("start", "end"))
        step = float(request.params["step"][0].removesuffix("ms")) / (1000 if "ms" in request.params["step"][0] else 1)
        count = int((end - start) / step) + 1
        self.points += count
        found = [[start + place * step, "1"] for place in range(count) if start + place * step >= self.first]
        return success({"resultType": "matrix", "result": [{"metric": {}, "values": found}] if found else []})

    def once(self, request: Request) -> Reply:
        at = float(request.params["time"][0])
        return vector(({}, repr(self.first))) if self.first <= at - 0.5 else vector()


@pytest.mark.parametrize("age", [20, 3_600, 86_400, 10 * 365 * 86_400])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_the_first_sample_is_found_by_few_points(age: float, part: float) -> None:
    begins = Beginning(NOW - age * part - 2)
    with Stub({"/api/v1/query_range": begins.over, "/api/v1/query": begins.once}) as stub:
        with Prometheus(stub.url) as server:
            found = first_sample(server, "up", NOW - age - 30, NOW)
        assert found == pytest.approx(begins.first, abs=15)
    assert begins.points < 700


@pytest.fixture
def refusing() -> Iterator[Prometheus]:
    replies = {"/api/v1/query_range": failure(422, "execution", "too many samples"), "/api/v1/query": vector()}
    with Stub(replies) as stub, Prometheus(stub.url) as server:
        yield server


def test_what_a_server_refuses_to_count_is_not_known(refusing: Prometheus) -> None:
    assert first_sample(refusing, "up", NOW - 3_600, NOW) is None


def test_data_that_never_begins_has_no_beginning() -> None:
    never = Beginning(NOW + 10)
    with Stub({"/api/v1/query_range": never.over}) as stub, Prometheus(stub.url) as server:
        assert first_sample(server, "up", NOW - 86_400, NOW) is None
