"""How long each fault of a simulated fleet takes until its alerts are told, and after its repair: docs/alerts.md.

A fleet of two pods, Prometheus and Alertmanager run thirty times as fast: the fleet's clock, every time in the rules
and every wait of the routes. A scrape a second is then one every 30 s. No rival: the delays are those of our own
rules. A busy machine makes them longer; all together take about a quarter of an hour.

    python benchmarks/fault_delays.py [FAULT...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from regobs import slo
from regobs.build import build_files, write_atomically
from regobs.catalog.model import Flavor
from regobs.common.programs import Supervisor
from regobs.config import Config, PrometheusSettings
from regobs.demo import servers
from regobs.demo.alerts import HeldAlert, WebhookReceiver, held_alerts
from regobs.demo.shortened import rules_config, shorten_config, shorten_files, shorten_flags
from regobs.demo.stack import ALERTMANAGER, SCRAPE
from regobs.pack import find_pack
from regobs.promql import Duration
from regobs.promql.durations import duration_text, read_duration
from regobs.simulate.faults import EFFECTS, FaultName
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.remote import FleetClient

FACTOR = 30
CALM = 20 * 60  # fleet's seconds before the first fault: what stops must have been there
LONGEST = 80 * 60  # fleet's seconds that a fault's alerts may take
RECOVERY = 40 * 60  # and their end
BURNS = {
    "RegistryAvailabilityBurn",
    "RegistryLatencyBurn",
    "RegistryFreshnessBurn",
}  # end when budgets allow, up to days
HELPERS = {"RegistryWatchdog"} | {
    f"Registry{what}Recent" for what in ("Outage", "Failure", "RedisOutage", "NotificationsFail")
}
# Those that burn budgets come first: for 15 minutes after an outage no burn is told. The backlog takes days to drain.
ORDER = (
    *(FaultName.ERROR_BURST, FaultName.LATENCY_RAMP, FaultName.STORAGE_THROTTLING, FaultName.STUCK_MIGRATION),
    *(FaultName.NOTIFICATIONS_DOWN, FaultName.REPLICA_LAG, FaultName.POOL_EXHAUSTION, FaultName.REDIS_LOSS),
    *(FaultName.NO_TRAFFIC, FaultName.ZONE_OUTAGE, FaultName.CRASH_LOOP, FaultName.GC_BACKLOG),
)


@dataclass(slots=True)
class Seen:
    """Of one alert in a fault, in the fleet's seconds: fired and told after its start, gone after its repair."""

    fault: FaultName
    alert: str
    fired: float | None = None
    told: float | None = None
    times_told: int = 0
    receiver: str = ""
    gone: float | None = None
    after_repair: bool = False


@dataclass(slots=True)
class Stack:
    """A served fleet and what watches it."""

    fleet: FleetClient
    alertmanager: str
    receiver: WebhookReceiver
    seen: list[Seen] = field(default_factory=list)

    def held(self) -> dict[str, HeldAlert]:
        """The alerts that Alertmanager has, by name; of a burn the tiers that page, as the others last for days."""
        alerts = held_alerts(self.alertmanager)
        return {
            one.name: one for one in alerts if one.name not in HELPERS and one.labels.get("tier") not in ("1d", "3d")
        }

    def strike(self, fault: FaultName) -> list[Seen]:
        """Let it strike until its alerts and those of its pains fire, repair it, and look until they are gone."""
        begun, since = time.monotonic(), time.monotonic()
        effect = EFFECTS[fault]
        rows = {name: Seen(fault, name) for name in (*effect.alerts, *effect.pains)}
        known = self.held().keys() - rows.keys()  # burns of an earlier fault
        self.fleet.strike(fault, "40m" if fault is FaultName.LATENCY_RAMP else "24h")

        def fires() -> bool:
            for name, alert in self.held().items():
                if name in known:
                    continue
                row = rows.setdefault(name, Seen(fault, name))
                row.fired = row.fired or (time.monotonic() - begun) * FACTOR
                row.receiver = row.receiver or alert.receivers[0]
            return all(row.fired is not None for row in rows.values())

        _wait(LONGEST, fires)
        _wait(240, lambda: fires() and False)  # what is told at all is told two minutes after it fires
        self.fleet.repair(fault)
        repaired = time.monotonic()

        def ends() -> bool:
            held = self.held()
            for name in held.keys() - rows.keys() - known:
                rows[name] = Seen(fault, name, after_repair=True)
            for name, row in rows.items():
                row.gone = None if name in held else row.gone or (time.monotonic() - repaired) * FACTOR
            return all(row.gone is not None for name, row in rows.items() if name not in BURNS)

        _wait(300 if fault is FaultName.GC_BACKLOG else RECOVERY, ends)
        for note in self.receiver.notifications("firing", since):
            row = rows.get(note.name)
            if row is not None and note.labels.get("tier") not in ("1d", "3d"):
                row.told = row.told if row.told is not None else (note.at - begun) * FACTOR
                row.receiver = note.receiver
                row.times_told += 1
        never = {name for name in effect.pains if rows[name].fired is None and not rows[name].after_repair}
        return [row for name, row in rows.items() if name not in never]  # a pain may fire


def _wait(fleet_seconds: float, reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + fleet_seconds / FACTOR
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _routing(generated: bytes, webhook: str) -> dict[str, Any]:
    """The generated routes, every wait divided, every receiver our webhook."""
    settings: dict[str, Any] = yaml.safe_load(generated)
    hook = {"webhook_configs": [{"url": webhook, "send_resolved": True}]}
    settings["receivers"] = [{"name": one["name"], **hook} for one in settings["receivers"]]
    routes = [settings["route"]]
    while routes:
        route = routes.pop()
        routes += route.get("routes", ())
        for name in ("group_wait", "group_interval"):
            wait = read_duration(str(route.get(name, "")))
            if wait is not None and wait.ms:
                route[name] = duration_text(Duration(wait.ms // FACTOR))
    return settings


@contextmanager
def running(directory: Path) -> Iterator[Stack]:
    """The servers, from the start of the fleet on."""
    flavor = Flavor.GITLAB
    plain = Config(flavor=flavor, version=NEWEST[flavor], capabilities=usual(flavor, NEWEST[flavor]))
    with Supervisor() as supervisor, WebhookReceiver() as receiver:
        plan = directory / "fleet.toml"
        plan.write_text('[fleet]\nzones = ["b", "c"]\n')
        fleet = servers.fleet(supervisor, f"--speed={FACTOR}", f"--plan={plan}", pods=2)
        files = build_files(plain, find_pack())
        alerting = servers.alertmanager(supervisor, _routing(files[ALERTMANAGER], receiver.url))
        settings = PrometheusSettings(targets=fleet.targets, alertmanagers=(alerting.address,))
        config = shorten_config(replace(plain, prometheus=settings), FACTOR)
        rules = slo.files(find_pack(), rules_config(config, FACTOR))
        write_atomically(directory / "build", shorten_files({**build_files(config, find_pack()), **rules}, FACTOR))
        servers.prometheus(supervisor, directory / "build" / SCRAPE, flags=shorten_flags(FACTOR))
        yield Stack(FleetClient(fleet.url), alerting.url, receiver)


def measure(faults: tuple[FaultName, ...], directory: Path, say: Callable[[Seen], None] = lambda _: None) -> list[Seen]:
    """The alerts of each fault, one fault after the other on one fleet."""
    found: list[Seen] = []
    with running(directory) as stack:
        time.sleep(CALM / FACTOR)
        for fault in faults:
            for row in stack.strike(fault):
                found.append(row)
                say(row)
    return found


def row_text(row: Seen) -> str:
    """A row of the table."""
    told = f"{_minutes(row.told)}, {row.receiver}" if row.told is not None else "held back"
    gone = _minutes(row.gone) if row.gone is not None else "later"
    fired = _minutes(row.fired) if row.fired is not None else "after the repair" if row.after_repair else "never"
    return f"| {row.fault} | {row.alert} | {fired} | {told} | {gone} |"


def _minutes(seconds: float | None) -> str:
    """To the half minute, which is the time between two scrapes."""
    return f"{round((seconds or 0) / 30) / 2:g} min"


def main() -> None:
    """Print the table of docs/alerts.md."""
    faults = tuple(FaultName(name) for name in sys.argv[1:]) or ORDER
    print("| fault | alert | fires after | told after, to | ends after the repair |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        measure(faults, Path(name), lambda row: print(row_text(row), flush=True))


if __name__ == "__main__":
    main()
