"""What Alertmanager tells of alerts that fired in a replay: routes, groups, waits and inhibition of a build.

The same rules run in a real Alertmanager in test_inhibition.py; here hours pass in no time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.pack.replay import STEP, Fired

Json = dict[str, Any]
_UNITS = {"h": 3600, "m": 60, "s": 1}
_MATCHER = re.compile(r'(\w+)(=~?|!=|!~)"(.*)"')


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: when, of which alert, to whom; only the first of each incident."""

    time: int
    name: str
    receiver: str
    labels: str


def severities(build: Path) -> dict[tuple[str, str], str]:
    """The severity of each alert and, for burns, tier."""
    found: dict[tuple[str, str], str] = {}
    for path in (build / "prometheus/rules").iterdir():
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found[rule["alert"], rule["labels"].get("tier", "")] = rule["labels"]["severity"]
    return found


def told(build: Path, fired: list[Fired]) -> list[Told]:
    """The notifications of firing alerts, in the order of time. `nobody` gets none."""
    config = yaml.safe_load((build / "alertmanager/alertmanager.yaml").read_text())
    known = severities(build)
    alerts = [(one, _labels(one, known)) for one in fired]
    groups: dict[tuple[str, ...], list[tuple[Fired, Json]]] = defaultdict(list)
    routes = {}
    for one, labels in alerts:
        route = _route(config["route"], labels)
        key = (route["receiver"], *(labels.get(name, "") for name in route["group_by"]))
        groups[key].append((one, labels))
        routes[key] = route
    found = []
    for key, members in groups.items():
        if key[0] != "nobody":
            found += list(_of_group(routes[key], members, alerts, config["inhibit_rules"]))
    return sorted(found, key=lambda one: (one.time, one.name))


def _of_group(
    route: Json, members: list[tuple[Fired, Json]], alerts: list[tuple[Fired, Json]], rules: list[Json]
) -> list[Told]:
    """A group is looked at after its wait, then once an interval, until nothing of it fires any more."""
    found: list[Told] = []
    due: int | None = None
    said: set[Fired] = set()
    first, last = min(one.start for one, _ in members), max(one.end for one, _ in members)
    for time in range(first, last + STEP, STEP):
        firing = [(one, labels) for one, labels in members if one.start <= time < one.end]
        if due is None and firing:
            due = time + seconds(route["group_wait"])
        if due is None or time < due:
            continue
        others = [(one, labels) for one, labels in alerts if one.start <= time < one.end]
        open_ = [(one, labels) for one, labels in firing if not _inhibited(labels, others, rules)]
        if open_ and not said:
            found.append(Told(time, open_[0][0].name, route["receiver"], open_[0][0].labels))
        # What was told and still fires is the same incident, however its alerts change places.
        said = {one for one, _ in open_} if open_ else said & {one for one, _ in firing}
        due = time + seconds(route["group_interval"]) if firing else None
    return found


def seconds(text: str) -> int:
    """A time such as 1m30s."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def _labels(one: Fired, known: dict[tuple[str, str], str]) -> Json:
    labels = dict(re.findall(r'(\w+)="([^"]*)"', one.labels))
    tier = labels.get("tier", "")
    # A tier is a label of the rule, but for RegistryOutageInWindow, whose expression names it.
    severity = known.get((one.name, tier)) or known[one.name, ""]
    return {"alertname": one.name, "severity": severity, **labels}


def _route(route: Json, labels: Json) -> Json:
    """The settings of the route that takes an alert: those of its parents where it has none."""
    for child in route.get("routes", ()):
        if all(_matches(labels, matcher) for matcher in child.get("matchers", ())):
            inherited = {name: value for name, value in route.items() if name not in ("routes", "matchers")}
            return _route({**inherited, **child, "routes": child.get("routes", ())}, labels)
    return route


def _inhibited(labels: Json, others: list[tuple[Fired, Json]], rules: list[Json]) -> bool:
    return any(
        all(_matches(labels, matcher) for matcher in rule["target_matchers"])
        and any(
            all(_matches(other, matcher) for matcher in rule["source_matchers"])
            and all(labels.get(name, "") == other.get(name, "") for name in rule["equal"])
            for _, other in others
        )
        for rule in rules
    )


def _matches(labels: Json, text: str) -> bool:
    found = _MATCHER.fullmatch(text)
    assert found, text
    value = labels.get(found[1], "")
    same = value == found[3] if "~" not in found[2] else re.fullmatch(found[3], value) is not None
    return same is not found[2].startswith("!")
