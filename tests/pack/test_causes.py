"""Every cause alert fires when its cause is there, waits as long as it says, and is silent otherwise: in promtool."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.catalog import (
    http,
    load_balancing,
    notifications,
    process,
    redis,
    row_counts,
    sql_pool,
    storage,
    targets,
)
from regobs.catalog.model import Metric
from regobs.slo import outputs
from tests.slo.conftest import promtool, promtool_of
from tests.slo.packs import BUNDLED, GITLAB

__all__ = ["promtool"]

STEP = 15  # seconds between two scrapes, and between two evaluations
RULES = "prometheus/rules/causes.yaml"
Series = dict[str, str]


def series(metric: Metric, values: str, suffix: str = "", **labels: str) -> Series:
    """One input series in promtool's notation; `{n}` in the values is the number of samples."""
    named = {"job": "registry", "instance": "a:5001", **labels}
    pairs = ",".join(f'{name}="{value}"' for name, value in named.items())
    return {"series": f"{metric.name}{suffix}{{{pairs}}}", "values": values}


def level(metric: Metric, value: float, **labels: str) -> Series:
    """A gauge that keeps a value."""
    return series(metric, f"{value}x{{n}}", **labels)


def growing(metric: Metric, a_second: float, suffix: str = "", **labels: str) -> Series:
    """A counter, or a gauge, that grows evenly."""
    return series(metric, f"0+{a_second * STEP:g}x{{n}}", suffix, **labels)


@dataclass(frozen=True)
class Cause:
    """What an alert sees when its cause is just there (`over`) and when it is just not there (`under`).

    `known` is how many seconds pass until its expression can be true, `hold` what it waits after that.
    """

    alert: str
    hold: int
    over: tuple[Series, ...]
    under: tuple[Series, ...]
    known: int = 0
    left_out: int = 0  # seconds by which Prometheus 3 knows it earlier: it leaves the oldest sample of a range out


def calls(retries: float) -> tuple[Series, ...]:
    """Ten calls of the storage back end a second, and so many of them repeated."""
    return growing(storage.ACTIONS, 10, "_count"), growing(storage.RETRIES, retries)


def pool(in_use: float) -> tuple[Series, ...]:
    """Two instances: an average over both would hide the full one."""
    return tuple(
        level(metric, value, instance=instance, host_type="primary")
        for instance, used in (("a:5001", in_use), ("b:5001", 0))
        for metric, value in ((sql_pool.IN_USE, used), (sql_pool.MAX_OPEN, 100))
    )


def migration(failed: float, running: float) -> tuple[Series, ...]:
    """A background migration that has been running and has failed."""
    named = {"migration_id": "7", "migration_name": "copy"}
    shown = (("failed", failed), ("running", running))
    return tuple(level(row_counts.BBM_PROGRESS, value, status=status, **named) for status, value in shown)


def connections(open_ones: float) -> tuple[Series, ...]:
    """A pool that is asked for connections."""
    cache = {"exported_instance": "cache"}
    return level(redis.POOL_TOTAL, open_ones, **cache), growing(redis.POOL_MISSES, 0.1, **cache)


def starts(every: int) -> tuple[Series, ...]:
    """An instance that starts anew after so many samples."""
    lives = " ".join(f"{number}x{every - 1}" for number in range(1, 400))
    return (series(process.START_TIME, lives),)


def overdue(start: float, an_evaluation: float) -> tuple[Series, ...]:
    return (series(row_counts.ROWS, f"{start}{an_evaluation:+g}x{{n}}", query_name="gc_blob_review_queue_overdue"),)


up, fds = targets.UP, (process.OPEN_FDS, process.MAX_FDS)
lost, dropped = {"delivery_type": "lost", "endpoint": "e"}, {"type": "Dropped", "endpoint": "e"}
delivered, kept = {"delivery_type": "delivered", "endpoint": "e"}, {"type": "Events", "endpoint": "e"}
quarantined, fresh = {"reason": "all_quarantined", "fallback": "true"}, {"reason": "selected", "fallback": "false"}
elections, delivery, events = load_balancing.TARGETS, notifications.DELIVERIES, notifications.EVENTS
MINUTE, HOUR = 60, 3600
SOME = 100  # samples with traffic

CAUSES = (
    Cause("RegistryTargetDown", 2 * MINUTE, (level(up, 0), level(up, 1, instance="b:5001")), (level(up, 1),)),
    Cause("RegistryDown", MINUTE, (level(up, 0),), (level(up, 0), level(up, 1, instance="b:5001"))),
    Cause("RegistryTargetMissing", 5 * MINUTE, (level(up, 1, job="other"),), (level(up, 0),)),
    Cause(
        "RegistryFileDescriptorsNearLimit",
        5 * MINUTE,
        (level(fds[0], 901), level(fds[1], 1000)),
        (level(fds[0], 900), level(fds[1], 1000)),
    ),
    # Fifteen minutes hold 60 samples: the third start is the change from the third life to the fourth.
    Cause("RegistryRestarting", MINUTE, starts(20), starts(30), known=60 * STEP),
    Cause(
        "RegistryNoTraffic",
        5 * MINUTE,
        (series(http.REQUESTS, f"0+20x{SOME} {20 * SOME}x{{n}}", method="get"),),
        (
            growing(http.REQUESTS, 0.001, method="get"),
            series(http.REQUESTS, f"0+20x{SOME} {20 * SOME}x{{n}}", method="put"),
        ),
        known=SOME * STEP + 5 * MINUTE,
        left_out=STEP,
    ),
    Cause(
        "RegistryStorageRateLimited",
        10 * MINUTE,
        (growing(storage.RATE_LIMITED, 0.11),),
        (growing(storage.RATE_LIMITED, 0.09),),
        known=19 * STEP,  # the rate over 5 minutes has grown to 19/20 of 0.11
    ),
    Cause("RegistryStorageRetries", 10 * MINUTE, calls(0.51), calls(0.49), known=STEP),
    Cause("RegistryDatabasePoolSaturated", 5 * MINUTE, pool(91), pool(90)),
    Cause(
        "RegistryReplicasQuarantined",
        5 * MINUTE,
        (growing(elections, 0.1, **quarantined),),
        (growing(elections, 9, **fresh), level(elections, 7, **quarantined)),
        known=STEP,
    ),
    Cause("RegistryGarbageQueueGrowing", HOUR, overdue(1001, 1), overdue(1001, -0.01), known=STEP),
    Cause("RegistryMigrationFailed", 15 * MINUTE, migration(12, 12), migration(12, 12.1)),
    Cause("RegistryRedisUnreachable", 5 * MINUTE, connections(0), connections(1), known=STEP),
    Cause(
        "RegistryNotificationsLost",
        15 * MINUTE,
        (growing(delivery, 0.1, **lost),),
        (growing(delivery, 9, **delivered), level(delivery, 7, **lost)),
        known=STEP,
    ),
    Cause(
        "RegistryNotificationsDropped",
        15 * MINUTE,
        (growing(events, 0.1, **dropped),),
        (growing(events, 9, **kept), level(events, 7, **dropped)),
        known=STEP,
    ),
)
every_cause = pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.alert)


def group(cause: Cause, name: str, fed: tuple[Series, ...], fires: dict[int, bool]) -> dict[str, Any]:
    """A test group: is the alert firing at each of these seconds?"""
    samples = max(fires) // STEP + 1
    return {
        "name": f"{cause.alert}: {name}",
        "interval": f"{STEP}s",
        "input_series": [{**one, "values": one["values"].format(n=samples)} for one in fed],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{cause.alert}",alertstate="firing"}}) > bool 0 or vector(0)',
                "eval_time": f"{second}s",
                "exp_samples": [{"labels": "{}", "value": int(firing)}],
            }
            for second, firing in fires.items()
        ],
    }


def run(promtool: Path, directory: Path, rules: str, cause: Cause) -> subprocess.CompletedProcess[str]:
    """Run both sides of an alert: it fires when it is due and not a step before; it never fires without its cause."""
    version = subprocess.run([str(promtool), "--version"], check=True, capture_output=True, text=True).stdout
    due = cause.known + cause.hold - (cause.left_out if "version 3." in version else 0)
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            group(cause, "there", cause.over, {due - STEP: False, due: True, due + HOUR: True}),
            group(cause, "not there", cause.under, {due: False, due + HOUR: False}),
        ],
    }
    (directory / "rules.yaml").write_text(rules)
    (directory / "causes.test.yaml").write_text(yaml.safe_dump(tests, sort_keys=False))
    command = [str(promtool), "test", "rules", "causes.test.yaml"]
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def rules() -> str:
    return outputs.files(BUNDLED, GITLAB)[RULES].decode()


def test_every_cause_alert_is_tested(rules: str) -> None:
    alerts = [rule["alert"] for part in yaml.safe_load(rules)["groups"] for rule in part["rules"]]
    assert alerts == [cause.alert for cause in CAUSES]


@every_cause
def test_it_fires_when_it_is_due_and_is_silent_just_below(
    promtool: Path, tmp_path: Path, rules: str, cause: Cause
) -> None:
    done = run(promtool, tmp_path, rules, cause)
    assert done.returncode == 0, done.stdout + done.stderr


@every_cause
@pytest.mark.server
@pytest.mark.parametrize("broken", ["later", "sooner", "always", "never"])
def test_a_broken_alert_fails_its_test(tmp_path: Path, rules: str, cause: Cause, broken: str) -> None:
    data = yaml.safe_load(rules)
    (rule,) = (rule for part in data["groups"] for rule in part["rules"] if rule["alert"] == cause.alert)
    if broken in {"later", "sooner"}:
        rule["for"] = f"{cause.hold + (STEP if broken == 'later' else -STEP)}s"
    else:
        rule["expr"] = "vector(1)" if broken == "always" else f"({rule['expr']}) and on () vector(0) > 0"
    assert run(promtool_of("debian"), tmp_path, yaml.safe_dump(data), cause).returncode != 0
