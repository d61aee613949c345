"""A plan as a TOML file: every setting checked, unknown ones refused, one error at the line that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from regobs.catalog.model import Capability, Flavor, Version
from regobs.config.document import read_text, top_table
from regobs.config.table import TomlTable
from regobs.errors import InputError, Location
from regobs.promql.nodes import Duration
from regobs.simulate.faults import Fault, FaultName, Schedule
from regobs.simulate.plan import (
    MOST_PODS,
    MOST_REPLICAS,
    BlobSizeDistribution,
    Collecting,
    Connections,
    Curve,
    Migrating,
    Notifying,
    Plan,
    usual,
)
from regobs.simulate.traffic import Mix, requests_of

# The keys of each table of a plan; those of the two empty ones are names of requests and user agents.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "": ("seed", "start"),
    "registry": ("flavor", "version", "capabilities"),
    "fleet": ("pods", "zones"),
    "traffic": ("rate", "hours", "days"),
    "traffic.requests": (),
    "traffic.clients": (),
    "traffic.blobs": ("median", "p99", "largest"),
    "database": ("replicas", "connections"),
    "redis": ("connections",),
    "collection": ("interval", "cleanup"),
    "notifications": ("queue",),
    "migration": ("takes", "done"),
    "faults": ("name", "start", "for"),
}
_SIZE = re.compile(r"(?P<number>[0-9]+) ?(?P<unit>B|KiB|MiB|GiB)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MOST_REQUESTS, _MOST_CONNECTIONS = 100_000, 10_000
_MOST_EVENTS = 1_000_000


def read_plan(path: Path) -> Plan:
    """The plan that a file describes. Raises InputError with file, line, value, expectation and next step."""
    return plan_of(read_text(path, option="--plan"), path)


def plan_of(text: str, file: Path) -> Plan:
    """The plan of a TOML text; `file` names it in errors."""
    top = top_table(text, file, _known(""))
    tables = {name: top.table(name, _known(name)) for name in _known("") if name in SETTINGS and name != "faults"}
    plan = _fleet(tables["fleet"], _registry(tables["registry"]))
    plan = _traffic(tables["traffic"], plan)
    plan = replace(
        _behind(tables, plan),
        seed=top.whole("seed", plan.seed, least=0, most=2**63 - 1),
        start=top.moment("start", plan.start),
    )
    return replace(plan, faults=Schedule(_fault(table, plan) for table in top.tables("faults", _known("faults"))))


def _known(section: str) -> tuple[str, ...]:
    """The keys of a table, those of the tables in it among them."""
    inside = section and f"{section}."
    below = (name.removeprefix(inside) for name in SETTINGS if name and name != section and name.startswith(inside))
    return (*SETTINGS[section], *(name for name in below if "." not in name))


@contextmanager
def _at(place: Location) -> Iterator[None]:
    """An error of the model stands at this place of the file."""
    try:
        yield
    except InputError as error:
        error.next_step = error.next_step or "correct it, or leave it out"
        raise error.at(place) from None


def _registry(table: TomlTable) -> Plan:
    flavor = table.choice("flavor", Flavor, Flavor.GITLAB)
    text = table.text("version", "")
    try:
        version = Version.parse(text) if text else None
    except ValueError:
        raise table.fail("version", "a version such as 4.32.0") from None
    with _at(table.place("version")):
        plan = Plan(flavor=flavor, version=version)
    with _at(table.place("capabilities")):
        return replace(plan, capabilities=table.choices("capabilities", Capability, usual(flavor, plan.version)))


def _fleet(table: TomlTable, plan: Plan) -> Plan:
    plan = replace(plan, pods=table.whole("pods", plan.pods, least=1, most=MOST_PODS))
    with _at(table.place("zones")):
        return replace(plan, zones=table.texts("zones", ()))


def _traffic(table: TomlTable, plan: Plan) -> Plan:
    rate = table.number(
        "rate", f"requests of a pod in a second, from 0 to {_MOST_REQUESTS}", lambda x: 0 <= x <= _MOST_REQUESTS
    )
    shares = "a list of shares from 0 to 1"
    curve = Curve()
    with _at(table.place("hours")):
        curve = replace(curve, hours=table.numbers("hours", curve.hours, shares))
    with _at(table.place("days")):
        curve = replace(curve, days=table.numbers("days", curve.days, shares))
    requests = _weights(table, "requests", tuple(kind.name for kind in requests_of(plan.flavor)))
    plan = replace(
        plan,
        rate=plan.rate if rate is None else float(rate),
        curve=curve,
        blobs=_blobs(table.table("blobs", SETTINGS["traffic.blobs"])),
        clients=_weights(table, "clients") or plan.clients,
    )
    with _at(table.place("requests")):
        plan = replace(plan, requests=requests)
        Mix(plan)
    return plan


def _weights(table: TomlTable, key: str, known: tuple[str, ...] = ()) -> Mapping[str, float]:
    """What shares something, with the weight of each; the sum is not asked for."""
    section, found = table.table(key, known), {}
    for name in section.names():
        weight = section.number(name, "a weight, 0 or more", lambda x: x >= 0)
        found[name] = float(weight or Decimal(0))
    if found and not known and not any(found.values()):
        raise table.fail(key, "one weight above 0 at least", value=list(found))
    return found


def _blobs(table: TomlTable) -> BlobSizeDistribution:
    usual_sizes = BlobSizeDistribution()
    sizes = {name: _size(table, name, getattr(usual_sizes, name)) for name in SETTINGS["traffic.blobs"]}
    first = next(iter(table.names()), "median")
    with _at(table.place(first)):
        return BlobSizeDistribution(**sizes)


def _size(table: TomlTable, key: str, default: int) -> int:
    text = table.text(key, f"{default} B", expected='a size such as "500 KiB" or "2 MiB"', pattern=_SIZE.pattern)
    found = _SIZE.fullmatch(text)
    assert found is not None  # noqa: S101 (the table has matched it)
    return int(found["number"]) * _UNITS[found["unit"]]


def _behind(tables: Mapping[str, TomlTable], plan: Plan) -> Plan:
    """What works behind the requests."""
    database, redis, collection = tables["database"], tables["redis"], tables["collection"]
    connections, collecting, migrating = plan.connections, plan.collecting, plan.migrating
    cleanup = collection.number("cleanup", "tasks that cleanup policies add in a second, 0 or more", lambda x: x >= 0)
    done = tables["migration"].number("done", "percent from 0 to 100", lambda x: 0 <= x <= 100)
    return replace(
        plan,
        replicas=database.whole("replicas", plan.replicas, least=1, most=MOST_REPLICAS),
        connections=Connections(
            database=database.whole("connections", connections.database, least=1, most=_MOST_CONNECTIONS),
            redis=redis.whole("connections", connections.redis, least=1, most=_MOST_CONNECTIONS),
        ),
        collecting=Collecting(
            interval=_seconds(collection, "interval", collecting.interval),
            cleanup=collecting.cleanup if cleanup is None else float(cleanup),
        ),
        notifying=Notifying(tables["notifications"].whole("queue", plan.notifying.queue, least=1, most=_MOST_EVENTS)),
        migrating=Migrating(
            seconds=_seconds(tables["migration"], "takes", migrating.seconds),
            done=migrating.done if done is None else float(done),
        ),
    )


def _seconds(table: TomlTable, key: str, default: float) -> float:
    return table.duration(key, Duration(round(default * 1000))).ms / 1000


def _fault(table: TomlTable, plan: Plan) -> Fault:
    table.require("name", f"one of {', '.join(FaultName)}")
    table.require("for", 'how long it lasts, such as "5m"')
    name = table.choice("name", FaultName, FaultName.ERROR_BURST)
    with _at(table.place("name")):
        plan.check_fault(name)
    return Fault(name, _seconds(table, "start", 0.0), _seconds(table, "for", 0.0))
