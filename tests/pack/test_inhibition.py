"""One incident is announced once: the bundled routes and inhibitions, in amtool and in a real Alertmanager."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from regobs.demo.alerts import WebhookReceiver
from tests.e2e.conftest import AlertmanagerFactory, alertmanager_server, require, supervisor
from tests.pack.told import seconds
from tests.slo.packs import bundled_alerts, bundled_rules

__all__ = ["alertmanager_server", "supervisor"]

pytestmark = pytest.mark.server

BURN = "RegistryAvailabilityBurn"
# What fires in an outage, and what of it is announced.
INCIDENTS = {
    "the database is gone": (
        [
            *("RegistryDatabaseDown", "RegistryRequestsStopped", "RegistryRefusesRequests", "RegistryRouteFails"),
            *("RegistryOutageRecent", "RegistryHealthCheckFails", "RegistryProbeStepFails", BURN),
        ],
        {"RegistryDatabaseDown"},
    ),
    "the database hangs": (
        [
            *("RegistryDatabaseHangs", "RegistryDatabasePoolSaturated", "RegistryPostgresqlExporterDown"),
            *("RegistryRequestsHang", "RegistryUploadsHang"),
            "RegistryDatabasePoolWaits",
        ],
        {"RegistryDatabaseHangs"},
    ),
    "the limiter has no Redis": (
        [
            *("RegistryRateLimiterUnreachable", "RegistryRedisUnreachable", "RegistryRedisDown"),
            "RegistryRequestsStopped",
            "RegistryUnreachable",
            *("RegistryRedisExporterDown", "RegistryRowCountsMissing"),
        ],
        {"RegistryRateLimiterUnreachable"},
    ),
    "Redis is gone, without the limiter": (["RegistryRedisDown", "RegistryRowCountsMissing"], {"RegistryRedisDown"}),
    "Redis hangs, without the limiter": (
        [
            *("RegistryRedisUnreachable", "RegistryRedisExporterDown", "RegistryLsnCacheFails"),
            *("RegistryRedisOutageRecent", "RegistryRowCountsMissing"),
        ],
        {"RegistryRedisUnreachable"},
    ),
    "the exporter of Redis is gone": (["RegistryRedisExporterDown"], {"RegistryRedisExporterDown"}),
    "what Redis leaves when it is back": (
        [
            *("RegistryRedisOutageRecent", "RegistryRowCountsMissing", "RegistryLsnCacheFails"),
            *("RegistryRedisPoolTimeouts", "RegistryRedisSlow", "RegistryUrlCacheFails"),
        ],
        set(),
    ),
    "the disk is full": (
        [
            *("RegistryDiskFull", "RegistryUploadsFail", "RegistryRouteFails", "RegistryGarbageDeletionsFail"),
            "RegistryOutageRecent",
            BURN,
        ],
        {"RegistryDiskFull"},
    ),
    "uploads fail, and nothing says why": (
        [
            *("RegistryUploadsFail", "RegistryRouteFails", "RegistryGarbageDeletionsFail", "RegistryFailureRecent"),
            *("RegistryProbeStepFails", "RegistryProbeSuccessOld", "RegistryGarbageReviewsPostponed", BURN),
        ],
        {"RegistryUploadsFail"},
    ),
    "blobs cannot be deleted": (
        ["RegistryGarbageDeletionsFail", "RegistryGarbageReviewsPostponed"],
        {"RegistryGarbageDeletionsFail"},
    ),
    "a route fails": (["RegistryRouteFails", "RegistryFailureRecent", BURN], {"RegistryRouteFails"}),
    "requests hang": (
        ["RegistryRequestsHang", "RegistryUploadsHang", "RegistryFailureRecent", "RegistryLatencyBurn"],
        {"RegistryRequestsHang"},
    ),
    "uploads hang alone": (
        ["RegistryUploadsHang", "RegistryFailureRecent", "RegistryProbeStepFails", "RegistryProbeSuccessOld", BURN],
        {"RegistryUploadsHang"},
    ),
    "the registry is gone": (
        ["RegistryDown", "RegistryTargetDown", "RegistryUnreachable", "RegistryProbeStepFails", BURN],
        {"RegistryDown"},
    ),
    "a route fails since an outage": (["RegistryFailureOfOutage", "RegistryRouteFails"], set()),
    "a route fails after an outage": (["RegistryOutageRecent", "RegistryRouteFails"], {"RegistryRouteFails"}),
    "requests hang after an outage": (["RegistryOutageRecent", "RegistryRequestsHang"], {"RegistryRequestsHang"}),
    "uploads hang after an outage": (["RegistryOutageRecent", "RegistryUploadsHang"], {"RegistryUploadsHang"}),
    "the standby of the database is gone": (
        ["RegistryPostgresqlStandbyDown", "RegistryPostgresqlReplicaGone"],
        {"RegistryPostgresqlStandbyDown"},
    ),
    "the standby of the database is gone, and the registry reads from it": (
        ["RegistryPostgresqlStandbyDown", "RegistryPostgresqlReplicaGone", "RegistryReplicaUnreachable"],
        {"RegistryReplicaUnreachable"},
    ),
    "connections and transaction ids of the database run out as was foretold": (
        [
            *("RegistryPostgresqlConnectionsNearLimit", "RegistryPostgresqlConnectionsGrow"),
            *("RegistryPostgresqlTransactionIdsRunOut", "RegistryPostgresqlTransactionIdsGrow"),
        ],
        {"RegistryPostgresqlConnectionsNearLimit", "RegistryPostgresqlTransactionIdsRunOut"},
    ),
    "PgBouncer is gone, and its exporter": (
        ["RegistryPgbouncerDown", "RegistryPgbouncerExporterDown"],
        {"RegistryPgbouncerDown"},
    ),
    "PostgreSQL is gone, and PgBouncer with it": (
        [
            *("RegistryDatabaseDown", "RegistryPgbouncerDown", "RegistryPgbouncerClientsWait", "RegistryRouteFails"),
            *("RegistryUploadsFail", "RegistryDatabasePoolSaturated", "RegistryOutageRecent", BURN),
        ],
        {"RegistryDatabaseDown"},
    ),
    "the registry has no CPU": (
        [
            *("RegistryStarvedOfCpu", "RegistryDown", "RegistryTargetDown", "RegistryCpuSaturated"),
            *(
                "RegistryEveryInstanceFails",
                "RegistryUnreachable",
                "RegistryRequestsStopped",
                "RegistryOutageRecent",
                BURN,
            ),
        ],
        {"RegistryStarvedOfCpu"},
    ),
    "one of many has no CPU, and all are gone": (
        ["RegistryStarvedOfCpu", "RegistryDown", "RegistryUnreachable", "RegistryOutageRecent"],
        {"RegistryStarvedOfCpu", "RegistryDown"},
    ),
    "it restarts in a loop": (
        [
            *("RegistryRestarting", "RegistryDown", "RegistryTargetDown", "RegistryScrapesFail", "RegistryUnreachable"),
            "RegistryEveryInstanceFails",
        ],
        {"RegistryRestarting"},
    ),
    "one of many restarts in a loop, and all are gone": (
        ["RegistryRestarting", "RegistryDown", "RegistryUnreachable", "RegistryOutageRecent", BURN],
        {"RegistryRestarting", "RegistryDown"},
    ),
    "one of many restarts in a loop, and nobody reaches the registry": (
        ["RegistryRestarting", "RegistryUnreachable"],
        {"RegistryRestarting", "RegistryUnreachable"},
    ),
    "an endpoint hangs": (
        ["RegistryNotificationsStuck", "RegistryNotificationsLost", "RegistryNotificationsDropped"],
        {"RegistryNotificationsStuck"},
    ),
    "a replica stops replaying": (
        ["RegistryPostgresqlReplicaLags", "RegistryReadsOnPrimary", "RegistryReplicaLags"],
        {"RegistryPostgresqlReplicaLags"},
    ),
    "a replica is gone and stays in the pool": (
        ["RegistryReplicaUnreachable", "RegistryPostgresqlReplicaGone", "RegistryReplicaPoolDegraded"],
        {"RegistryReplicaUnreachable"},
    ),
    "all replicas are quarantined": (
        ["RegistryReplicasQuarantined", "RegistryReplicaQuarantined", "RegistryReadsOnPrimary", "RegistryReplicaLags"],
        {"RegistryReplicasQuarantined"},
    ),
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yaml"
    path.write_bytes(bundled_rules().alertmanager)
    return path


@pytest.mark.parametrize("incident", INCIDENTS)
def test_only_the_cause_is_announced(alertmanager_server: AlertmanagerFactory, config: Path, incident: str) -> None:
    firing, announced = INCIDENTS[incident]
    url = alertmanager_server(config).url.rstrip("/")
    labels = [
        {"alertname": name, "severity": bundled_alerts()[name]["labels"]["severity"], "endpoint": "hook", "tier": "1h"}
        for name in firing
    ]
    sent = [{"labels": one, "annotations": {"summary": one["alertname"]}} for one in labels]
    requests.post(f"{url}/api/v2/alerts", json=sent, timeout=5).raise_for_status()
    found: set[str] = set()
    for _ in range(40):
        answer = requests.get(f"{url}/api/v2/alerts", timeout=5).json()
        seen = {one["labels"]["alertname"]: one["status"]["state"] for one in answer}
        found = {
            name
            for name, state in seen.items()
            if state != "suppressed" and bundled_alerts()[name]["labels"]["severity"] != "none"
        }
        if len(seen) == len(firing) and found == announced:
            break
        time.sleep(0.25)
    assert found == announced


@pytest.mark.parametrize("cause", ["RegistryStarvedOfCpu", "RegistryRestarting"])
@pytest.mark.parametrize(("instance", "announced"), [("a:5001", False), ("b:5001", True)])
def test_an_instance_that_fails_holds_back_what_it_does_itself(
    alertmanager_server: AlertmanagerFactory, config: Path, cause: str, instance: str, announced: bool
) -> None:
    url = alertmanager_server(config).url.rstrip("/")
    fails = {"alertname": cause, "severity": "page", "instance": "a:5001"}
    down = {"alertname": "RegistryTargetDown", "severity": "page", "instance": instance}
    requests.post(f"{url}/api/v2/alerts", json=[{"labels": one} for one in (fails, down)], timeout=5)
    state = ""
    for _ in range(40):
        answer = requests.get(f"{url}/api/v2/alerts", timeout=5).json()
        states = {one["labels"]["alertname"]: one["status"]["state"] for one in answer}
        state = states.get("RegistryTargetDown", "")
        if state == ("active" if announced else "suppressed"):
            break
        time.sleep(0.25)
    assert state == ("active" if announced else "suppressed")


# Two probes: what fires of the burns of both, as severity by operation, beside which alerts; and whose is announced.
PROBES = {
    "both page": ({"outside": "page", "probe": "page"}, (), {"outside"}),
    "the page of one is no less for the ticket of the other": (
        *({"outside": "ticket", "probe": "page"}, ()),
        {"outside", "probe"},
    ),
    "both are tickets": ({"outside": "ticket", "probe": "ticket"}, (), {"outside"}),
    "only the address fails": ({"probe": "page"}, (), {"probe"}),
    "the registry cannot be reached": ({"outside": "page", "probe": "page"}, ("RegistryUnreachable",), set()),
    "the registry answers 503": ({"probe": "page"}, ("RegistryRefusesRequests",), set()),
    "another operation burns": ({"pull_blob": "page", "probe": "page"}, (), {"pull_blob", "probe"}),
}


@pytest.mark.parametrize("case", PROBES)
def test_a_failure_that_two_probes_see_is_one_page(
    alertmanager_server: AlertmanagerFactory, config: Path, case: str
) -> None:
    burns, causes, announced = PROBES[case]
    url = alertmanager_server(config).url.rstrip("/")
    labels = [
        {"alertname": BURN, "severity": severity, "operation": operation, "slo": f"{operation}-availability"}
        for operation, severity in burns.items()
    ]
    labels += [{"alertname": name, "severity": "page"} for name in causes]
    requests.post(f"{url}/api/v2/alerts", json=[{"labels": one} for one in labels], timeout=5).raise_for_status()
    found: set[str] | None = None
    for _ in range(40):
        answer = requests.get(f"{url}/api/v2/alerts", timeout=5).json()
        told = [one["labels"] for one in answer if one["status"]["state"] != "suppressed"]
        found = {one["operation"] for one in told if one["alertname"] == BURN}
        if len(answer) == len(labels) and found == announced:
            break
        time.sleep(0.25)
    assert found == announced


def test_a_burn_that_fires_before_its_cause_is_not_announced(
    alertmanager_server: AlertmanagerFactory, tmp_path: Path
) -> None:
    """Every wait is a thirtieth, so that a minute passes in two seconds."""
    with WebhookReceiver() as receiver:
        settings = yaml.safe_load(bundled_rules().alertmanager)
        hook = {"webhook_configs": [{"url": receiver.url, "send_resolved": True}]}
        settings["receivers"] = [{"name": one["name"], **hook} for one in settings["receivers"]]
        _hurry(settings["route"])
        path = tmp_path / "hurried.yaml"
        path.write_text(yaml.safe_dump(settings))
        url = alertmanager_server(path).url.rstrip("/")

        fire(url, BURN)
        time.sleep(2)
        fire(url, BURN, "RegistryUploadsFail", "RegistryFailureRecent")
        deadline = time.monotonic() + 30
        while not receiver.notifications("firing") and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(4)  # as long as the burn waits: it has been looked at by then
        told = [one for one in receiver.notifications("firing") if one.receiver != "nobody"]
        assert [(one.name, one.receiver) for one in told] == [("RegistryUploadsFail", "pager")]


def fire(url: str, *names: str) -> None:
    """Send alerts as those of one SLO's fastest tier, where they have tiers."""
    severities = {name: "page" if name == BURN else bundled_alerts()[name]["labels"]["severity"] for name in names}
    labels = [{"alertname": name, "severity": severity, "slo": "uploads"} for name, severity in severities.items()]
    requests.post(f"{url}/api/v2/alerts", json=[{"labels": one} for one in labels], timeout=5).raise_for_status()


def _hurry(route: dict[str, Any]) -> None:
    for name in ("group_wait", "group_interval"):
        if name in route:
            route[name] = f"{seconds(route[name]) * 1000 // 30}ms"
    for child in route.get("routes", ()):
        _hurry(child)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=page", "alertname=RegistryDown"], "pager"),
        (["severity=page", "alertname=RegistryAvailabilityBurn"], "pager"),
        (["severity=ticket", "alertname=RegistryAvailabilityBurn"], "tickets"),
        (["severity=ticket", "alertname=RegistryRedisDown"], "tickets"),
        (["severity=none", "alertname=RegistryOutageRecent"], "nobody"),
        (["severity=none", "alertname=RegistryWatchdog"], "watchdog"),
    ],
)
def test_an_alert_goes_to_its_receiver(config: Path, labels: list[str], receiver: str) -> None:
    amtool = require("amtool", package="prometheus-alertmanager")
    command: list[str | Path] = [amtool, "config", "routes", "test", f"--config.file={config}", *labels]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == receiver


def test_no_alert_inhibits_its_own_cause() -> None:
    follows: dict[str, set[str]] = {}
    for rule in yaml.safe_load(bundled_rules().alertmanager)["inhibit_rules"]:
        sources, targets = (named(rule[side]) for side in ("source_matchers", "target_matchers"))
        if any(matcher.startswith("tier") for matcher in rule["source_matchers"]):
            continue  # one alert, from a faster tier to a slower one
        if 'operation="outside"' in rule["source_matchers"]:
            continue  # one alert, of the probe that pulls and pushes and of the one that does not
        assert sources | targets <= set(bundled_alerts())
        for source in sources:
            follows.setdefault(source, set()).update(targets)
    for alert, consequences in follows.items():
        reached: set[str] = set()
        new = consequences
        while new:
            reached |= new
            new = {target for one in new for target in follows.get(one, ())} - reached
        assert alert not in reached


def named(matchers: list[str]) -> set[str]:
    text = next(matcher for matcher in matchers if matcher.startswith("alertname"))
    return set(re.findall(r"Registry\w+", text))
