"""Seven outages of a real registry, recorded: each is announced once, in time, and by its right cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from regobs.catalog.model import Capability
from regobs.slo import outputs
from tests.pack.replay import Fired, load, replay
from tests.pack.told import told
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, GITLAB

pytestmark = pytest.mark.server

DATA = Path(__file__).parents[1] / "data/outages-first.om.gz"
# What was scraped: no probe, no Kubernetes, no PgBouncer worth the name, and Prometheus' own metrics were left out.
NOT_RECORDED = {
    *(Capability.PROBE, Capability.REGISTRY_PROBE, Capability.KUBERNETES, Capability.PGBOUNCER_EXPORTER),
    *(Capability.PROMETHEUS, Capability.ALERTMANAGER),
}
CONFIG = replace(GITLAB, capabilities=frozenset(Capability) - NOT_RECORDED)
# Start and end in unix seconds, the alert that names the cause, and whether it pages (3 minutes) or not (5).
OUTAGES = {
    "the primary database is stopped, with its health check": (1795878704, 1795879369, "RegistryDatabaseDown", True),
    "the primary database is stopped, without health check": (1795879502, 1795879893, "RegistryDatabaseDown", True),
    "Redis is stopped, with rate limiter": (1795879900, 1795880265, "RegistryRateLimiterUnreachable", True),
    "row counts vanish with Redis": (1795879900, 1795880646, "RegistryRowCountsMissing", False),
    "blobs cannot be deleted": (1795880285, 1795880641, "RegistryGarbageDeletionsFail", False),
    "the storage takes no writes": (1795880462, 1795880641, "RegistryUploadsFail", True),
    "the registry is killed": (1795880649, 1795880846, "RegistryDown", True),
}
# The lab started the registry three times at the end of the recording.
RESTARTS = 1795880846
# One endpoint answered 500 all the time, another program took all CPU of the machine: both are so.
ALWAYS = {
    "RegistryNotificationsLost",
    "RegistryNotificationsStuck",
    "RegistryNotificationsDropped",
    "RegistryCpuSaturated",
}
# The objective of notifications, which that endpoint spends: announced with the endpoint.
SPENT = 'slo="notification-availability"'
GROUP_WAIT = 30
# The smaller recording has no buckets, without which every request looks slow. In the whole one RegistryLatencyBurn of
# redis-ratelimiting begins before the first outage, and is so: of the 4,041 commands until 15:05:31, 538 took longer
# than 25 ms, 13 % where 1 % may, because the other program left no CPU.
WITHOUT_BUCKETS = "-latency.yaml"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    for name, content in outputs.files(BUNDLED, CONFIG).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="module")
def fired(build: Path) -> list[Fired]:
    rules = sorted(path for path in (build / "prometheus/rules").iterdir() if not path.name.endswith(WITHOUT_BUCKETS))
    assert any(path.name == "slo-blob-upload-availability.yaml" for path in rules)
    return replay(promtool_of("debian"), load(DATA), rules, build)


@pytest.mark.parametrize("outage", OUTAGES)
def test_the_cause_is_named_in_time(fired: list[Fired], outage: str) -> None:
    start, end, cause, pages = OUTAGES[outage]
    first = min(one.start for one in fired if one.name == cause and one.start > start)
    assert first - start <= (180 if pages else 300) - GROUP_WAIT
    assert first < end


def test_nothing_fires_that_is_not_so(fired: list[Fired]) -> None:
    for one in fired:
        if (
            one.name
            in ALWAYS
            | {
                "RegistryWatchdog",
                "RegistryOutageRecent",
                "RegistryEveryInstanceFails",
                "RegistryFailureOfOutage",
                "RegistryFailureRecent",
                "RegistryOutageInWindow",
                "RegistryBurnOver",
                "RegistryRedisOutageRecent",
                "RegistryNotificationsFailRecent",
            }
            or SPENT in one.labels
            or one.start > RESTARTS
        ):
            continue
        assert any(start <= one.start <= end for start, end, *_ in OUTAGES.values()), one


def test_what_fires_ends_soon_after_its_outage(fired: list[Fired]) -> None:
    for start, end, cause, pages in OUTAGES.values():
        ends = [one.end for one in fired if one.name == cause and start < one.start < end and pages]
        assert all(last - end <= 150 for last in ends), cause


def test_each_outage_pages_once(build: Path, fired: list[Fired]) -> None:
    paged = [one for one in told(build, fired) if one.receiver == "pager"]
    pages = {name: [one.time for one in paged if one.name == name] for name in {one.name for one in paged}}
    wanted: dict[str, int] = {}
    for *_, cause, is_page in OUTAGES.values():
        wanted[cause] = wanted.get(cause, 0) + is_page
    assert {name: len(times) for name, times in pages.items() if times[0] < RESTARTS} == {
        name: count for name, count in wanted.items() if count
    }
