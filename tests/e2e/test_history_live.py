"""A history in a real Prometheus: promtool makes blocks of it, and what they answer is the traffic of the plan."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from regobs.catalog import http, targets
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.demo import servers
from regobs.doctor.content import rule_questions
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Selector
from regobs.promql.printer import to_text
from regobs.promql.walk import selectors
from regobs.simulate import Plan
from regobs.simulate.history import History
from regobs.simulate.reading import selectors_for
from tests.e2e.conftest import require
from tests.slo.conftest import DEBIAN, PEER, promtool_of

START = 1_795_003_200.0  # 2026-11-18 12:00 UTC
STEPS = 960  # four hours
PODS, RATE = 2, 8.0
HOUR = 3600


@pytest.fixture(scope="module", params=[DEBIAN, PEER])
def prometheus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server of each release on blocks that the promtool of that release has made."""
    promtool = promtool_of(request.param)
    if request.param == "debian":
        require("prometheus", package="prometheus")
    folder = tmp_path_factory.mktemp("history")
    plan = Plan(pods=PODS, rate=RATE, start=START)
    # No SLO reads the requests of every route.
    history = History(plan, STEPS, wanted=selectors_for(plan, ["slo"], [http.REQUESTS.name]))
    history.write(folder / "history.om")
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1458h"]
    done = subprocess.run(
        [*command, str(folder / "history.om"), str(folder / "data")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    rows = [line.split() for line in done.stdout.splitlines() if line[:2] == "01"]
    assert sum(int(row[4]) for row in rows) == history.samples
    with Supervisor() as supervisor:
        program = promtool.with_name("prometheus")
        url = servers.prometheus(
            supervisor, {"scrape_configs": []}, data=folder / "data", retention="10y", program=program
        ).url
        with Prometheus(url) as client:
            yield client


def total(prometheus: Prometheus, query: str) -> float:
    samples = prometheus.query(query, START + 15 * STEPS).samples
    assert len(samples) == 1
    return samples[0].value


def expected(hours: int) -> float:
    """The requests that the plan lets come in the last hours."""
    curve = Plan().curve
    steps = range(STEPS - hours * HOUR // 15, STEPS)
    return PODS * sum(RATE * curve.level(START + 15 * (number + 1)) * 15 for number in steps)


@pytest.mark.parametrize("hours", [1, 3])
def test_the_rate_of_requests_is_that_of_the_plan(prometheus: Prometheus, hours: int) -> None:
    seconds = hours * HOUR
    found = total(prometheus, f"sum(rate({http.REQUESTS.name}[{seconds}s])) * {seconds}")
    assert abs(found - expected(hours)) < 5 * math.sqrt(expected(hours))


def test_durations_are_counted_as_often_as_requests(prometheus: Prometheus) -> None:
    labels = 'method="get",route="/v2/{name}/manifests/{reference}"'
    requests = total(prometheus, f"sum(increase({http.REQUESTS.name}{{{labels}}}[2h]))")
    durations = total(prometheus, f"sum(increase({http.DURATION.name}_count{{{labels}}}[2h]))")
    assert requests == pytest.approx(durations)
    fast = total(prometheus, f"sum(increase({http.DURATION.name}_bucket{{{labels}}}[2h]))")
    assert 0.9 * durations < fast <= durations * 1.0001


def happens(selector: Selector) -> bool:
    """Whether a fleet without a fault has what it reads: no request fails, nor does the cache of signed URLs."""
    return not any(text in to_text(selector) for text in ('code=~"5..', 'reason="error"'))


def test_every_selector_of_the_slos_finds_its_series(prometheus: Prometheus) -> None:
    plan = Plan()
    config = Config(flavor=plan.flavor, version=plan.version, capabilities=plan.capabilities or frozenset())
    rules = [rule for rule in rule_questions(find_pack(), config) if rule.group.startswith("slo:")]
    # No server has evaluated a rule over this history: it has neither their series nor their alerts.
    ours = {targets.ALERTS.name, *(rule.name for rule in rules if rule.kind == "recording")}
    read = {one for rule in rules for one in selectors(rule.expr) if str(one.metric) not in ours and happens(one)}
    texts = {to_text(replace(one, range=None, offset=None)) for one in read}
    assert len(texts) > 10
    empty = [text for text in texts if not prometheus.series(text, START, START + 15 * STEPS)]
    assert empty == []
