"""Taking the status: what is asked, and what is said of instances that are not scraped any more."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog.model import Capability
from regobs.config import Config
from regobs.pack import find_pack
from regobs.prometheus import EndpointError, Prometheus, QueryAnswer, Sample
from regobs.prometheus.state import Alert, BuildInfo, RuleGroup, Target
from regobs.status.take import take_status

NOW = 1_800_000_000.0
LABELS = {"job": "registry", "instance": "a:5001"}


class Slow(Prometheus):
    """A server that takes a moment for each answer, counts what is asked, and how much at once.

    Its registry is up or down; rates go on for a while, as those of a real server do.
    """

    def __init__(self, *, up: bool = True, seen: float | None = None) -> None:
        super().__init__("http://prometheus:9090")
        self._up, self._seen = up, seen
        self.asked: Counter[str] = Counter()
        self.most = 0
        self._now, self._lock = 0, threading.Lock()

    def _slowly(self, what: str, value: Any) -> Any:
        with self._lock:
            self.asked[what] += 1
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1
        return value

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        values = {"time()": NOW, 'up{job="registry"}': float(self._up)}
        if "probe" in text:
            return self._probed(text)
        value = values.get(text, 2.0 if text.startswith("sum by (route)") else None)
        if "max_over_time(timestamp(" in text and self._seen is not None:
            value = NOW - self._seen
        samples = (Sample(LABELS, value, NOW),) if value is not None else ()
        found: QueryAnswer = self._slowly(text, QueryAnswer("vector", samples=samples))
        return found

    def _probed(self, text: str) -> QueryAnswer:
        """Two addresses that blackbox_exporter asks, and a probe of regobs whose push fails and all after it."""
        samples: tuple[Sample, ...] = ()
        if "probe_http_status_code" in text:
            samples = tuple(Sample({"instance": one}, code, NOW) for one, code in (("a", 503.0), ("b", 200.0)))
        elif "registry_probe_success" in text:
            steps = {"base": 1.0, "push": 0.0, "delete": 0.0}
            samples = tuple(Sample({"target": "t", "step": step}, value, NOW) for step, value in steps.items())
        elif "probe_success" in text:
            samples = tuple(
                Sample({"instance": one}, value, NOW) for one, value in (("a", 0.0), ("b", 1.0), ("c", 0.0))
            )
        found: QueryAnswer = self._slowly(text, QueryAnswer("vector", samples=samples))
        return found

    def buildinfo(self) -> BuildInfo:
        found: BuildInfo = self._slowly("buildinfo", BuildInfo("2.42.0"))
        return found

    def targets(self) -> tuple[Target, ...]:
        found: tuple[Target, ...] = self._slowly("targets", ())
        return found

    def rules(self) -> tuple[RuleGroup, ...]:
        found: tuple[RuleGroup, ...] = self._slowly("rules", ())
        return found

    def alerts(self) -> tuple[Alert, ...]:
        found: tuple[Alert, ...] = self._slowly("alerts", ())
        return found

    def retention(self) -> str:
        raise EndpointError("not offered")


def test_several_questions_are_asked_at_once_and_no_query_twice() -> None:
    server = Slow()
    take_status(server, find_pack(), Config())
    queries = {
        text: count for text, count in server.asked.items() if text not in {"alerts", 'ALERTS{alertstate="firing"}'}
    }
    assert set(queries.values()) == {1}
    assert 1 < server.most <= 6
    assert len(queries) < 40


def test_rates_of_a_registry_that_is_down_are_stale_since_its_last_scrape() -> None:
    down = take_status(Slow(up=False, seen=130.0), find_pack(), Config())
    assert down.requests == 2
    assert (down.stale, down.processes[0].seen) == (130.0, 130.0)
    long_ago = take_status(Slow(up=False), find_pack(), Config())
    assert (long_ago.stale, long_ago.processes[0].seen) == (None, None)


def test_of_what_is_up_nobody_asks_when_it_was_last_seen() -> None:
    server = Slow(seen=130.0)
    report = take_status(server, find_pack(), Config())
    assert (report.stale, report.processes[0].seen) == (None, None)
    assert not any("max_over_time(timestamp(" in text for text in server.asked)


def test_of_each_probe_it_is_told_what_it_gets_and_of_steps_the_first_that_fails() -> None:
    config = replace(Config(), capabilities=frozenset({Capability.PROBE, Capability.REGISTRY_PROBE}))
    found = take_status(Slow(), find_pack(), config).outside
    assert [(one.address, one.works, one.text) for one in found] == [
        ("a", False, "answers 503"),
        ("c", False, "gives no answer"),
        ("t", False, "fails in the step push"),
        ("b", True, "answers 200"),
    ]
    without = replace(Config(), source=Path("regobs.toml"))
    assert take_status(Slow(), find_pack(), without).outside == (), "a file says that there is no probe"
    assert take_status(Slow(), find_pack(), Config()).outside, "without a file every part counts as there"


class WithPages(Slow):
    """A server with this build information; `offers` says whether it tells its targets."""

    def __init__(self, build: BuildInfo, *, offers: bool = True) -> None:
        super().__init__()
        self._build, self._offers = build, offers

    def buildinfo(self) -> BuildInfo:
        return self._build

    def targets(self) -> tuple[Target, ...]:
        if not self._offers:
            raise EndpointError("not offered")
        return ()


@pytest.mark.parametrize(
    ("server", "pages"),
    [
        (WithPages(BuildInfo("2.42.0")), ["alerts", "targets", "graph"]),
        (WithPages(BuildInfo("2.42.0"), offers=False), ["alerts", "graph"]),
        (WithPages(BuildInfo("")), []),
        (WithPages(BuildInfo("2.10.0", application="Grafana Mimir")), []),
    ],
    ids=["Prometheus", "without targets", "Cortex", "Mimir"],
)
def test_only_pages_that_the_server_has_are_linked(server: Prometheus, pages: list[str]) -> None:
    assert list(take_status(server, find_pack(), Config()).links) == pages
