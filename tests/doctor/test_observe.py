"""What a server shows of the registry that it scrapes, and where that was read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regobs.catalog.model import Flavor, Version
from regobs.doctor.observe import Way, observe
from regobs.errors import ServerError
from regobs.prometheus.answers import QueryAnswer
from regobs.prometheus.state import RuleGroup, Target
from regobs.promql.nodes import Duration
from tests.doctor.stub import OneRegistry
from tests.doctor.world import JOB


def test_the_registry_its_targets_and_its_intervals_are_seen() -> None:
    seen = observe(OneRegistry(), (JOB,))
    assert seen.source == "http://prometheus:9090"
    assert seen.flavor.value is Flavor.GITLAB
    assert seen.version is not None
    assert seen.version.value == Version(4, 20)
    assert seen.matchers is not None
    assert seen.matchers.value == (JOB,)
    assert (seen.targets, seen.ways) == (("a:5001",), (Way("http", "/metrics"),))
    assert seen.scrape_interval is not None
    assert seen.scrape_interval.value == Duration(15_000)
    assert "1 of 1 target of the registry says it" in seen.scrape_interval.reason


def test_without_an_interval_of_the_targets_it_is_measured() -> None:
    seen = observe(OneRegistry(interval=None), (JOB,))
    assert seen.scrape_interval is not None
    assert seen.scrape_interval.value == Duration(30_000)
    assert "samples of `up`" in seen.scrape_interval.reason


@pytest.mark.parametrize("count", [0, 1, 5])
def test_targets_that_are_down_are_told_where_no_registry_has_series(count: int) -> None:
    class Down(OneRegistry):
        def query(self, *_: Any, **__: Any) -> QueryAnswer:
            return QueryAnswer("vector", (), ())

        def label_values(self, *_: Any, **__: Any) -> tuple[str, ...]:
            return ()

        def targets(self) -> tuple[Target, ...]:
            labels = {"job": "docker-registry", "instance": "a:5001"}
            down = Target(labels, "registry", "http://a:5001/metrics", "down", "connection refused")
            return (*super().targets(), *[down] * count)

    with pytest.raises(ServerError, match="has no series of a registry") as caught:
        observe(Down(), ())
    value, step = str(caught.value.value), str(caught.value.next_step)
    assert value.count("docker-registry at a:5001 is down: connection refused") == min(count, 3)
    assert ("2 more targets are down" in value) is (count == 5)
    assert step.startswith("if one of these targets is the registry, start it") is bool(count)


class WithGroups(OneRegistry):
    """Three groups are loaded, two of them with the interval that the pack gives them; `said` is the server's own."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self._said = said

    def evaluation_interval(self) -> str:
        return self._said

    def rules(self) -> tuple[RuleGroup, ...]:
        return tuple(RuleGroup(name, "f", 30.0 if name in SLOWER else 15.0, ()) for name in (*SLOWER, "causes"))


SLOWER = ("registry:http", "slo:pull")


def test_the_evaluation_interval_is_that_of_the_server_not_that_of_groups_with_their_own() -> None:
    told = observe(WithGroups("1m"), (JOB,), lambda: SLOWER).evaluation_interval
    assert told is not None
    assert (told.value, "global" in told.reason) == (Duration(60_000), True)
    counted = observe(WithGroups(""), (JOB,), lambda: SLOWER).evaluation_interval
    assert counted is not None
    assert counted.value == Duration(15_000)
    assert "1 of 1 loaded rule group without an interval of its own has it" in counted.reason


class WithCanary(OneRegistry):
    """Two targets, one of which has a label more."""

    def query(self, text: str, *rest: Any, **more: Any) -> QueryAnswer:
        answer = super().query(text, *rest, **more)
        if not text.startswith("up{") or not answer.samples:
            return answer
        one = answer.samples[0]
        return replace(answer, samples=(one, replace(one, labels={**one.labels, "instance": "b:5001", "canary": "1"})))


def test_a_label_that_only_some_targets_have_is_known_as_such() -> None:
    seen = observe(WithCanary(), (JOB,))
    assert seen.target_labels["canary"] == ("1",)
    assert seen.partial_labels == ("canary",)
