"""Alerts replayed over the past, judged by incidents, for two sets of targets and windows side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from statistics import median
from typing import Any

from regobs.budgets.replay import FiredAlert
from regobs.common.closest import did_you_mean
from regobs.config import Config, Threshold
from regobs.config.model import SEVERITIES
from regobs.documents import Document, load_yaml, validate
from regobs.errors import InputError, Location
from regobs.pack import Pack
from regobs.query.times import read_moment
from regobs.slo import compile_rules
from regobs.slo.alerts import check_reachable
from regobs.slo.alerts import plain as number_text
from regobs.slo.model import Slo, Tier, Windows, read_window

GRACE = 2  # evaluations after an incident at which an alert that begins still tells of it
_SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["from", "to"],
        "properties": {
            "name": {"type": "string"},
            "from": {"type": "string", "description": "when it began, such as 2026-05-31 12:00"},
            "to": {"type": "string", "description": "when it was over"},
            "slos": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
    },
}


@dataclass(frozen=True, slots=True)
class KnownIncident:
    """An incident that somebody tells of; milliseconds since 1970. `slos` are those that it burned, empty for any."""

    name: str
    begin: int
    end: int
    slos: tuple[str, ...] = ()

    def concerns(self, alert: FiredAlert, grace: int) -> bool:
        """Whether an alert tells of it: it fires at some time in it, or begins right after it."""
        over = self.end + 1 if alert.end is None else alert.end
        return (not self.slos or alert.slo in self.slos) and alert.begin <= self.end + grace and over > self.begin


@dataclass(frozen=True)
class Objectives:
    """SLOs with the tiers of their alerts, under a name that a table shows."""

    name: str
    slos: tuple[Slo, ...]
    windows: Windows
    config: Config

    def longest(self) -> int:
        """The longest window of an alert, in milliseconds: what must be read before the first evaluation."""
        return max((tier.long.ms for tier in self.windows.tiers), default=0)


@dataclass(frozen=True)
class Replay:
    """What the alerts of some objectives did in a span (milliseconds since 1970)."""

    objectives: Objectives
    span: tuple[int, int]
    alerts: tuple[FiredAlert, ...]
    evaluations: int
    unseen: tuple[str, ...]  # SLOs without any data
    watched: dict[str, float] = field(default_factory=dict)  # share of the span, by SLO and scope
    reckoned: frozenset[str] = frozenset()  # those whose events are of the counters


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """The alerts of a severity against the incidents. None where nothing can be said: no alert, or no incident."""

    severity: str
    alerts: int
    firing: float  # seconds
    true: int
    found: int
    incidents: int
    delay: float | None  # seconds from an incident's beginning to its first alert, the median

    @property
    def precision(self) -> float | None:
        """The share of alerts that tell of an incident."""
        return self.true / self.alerts if self.alerts and self.incidents else None

    @property
    def recall(self) -> float | None:
        """The share of incidents that an alert tells of."""
        return self.found / self.incidents if self.incidents else None


def objectives_of(
    pack: Pack, config: Config, only: Sequence[str], name: str, changes: Sequence[str] = ()
) -> Objectives:
    """The SLOs of a pack with `KEY=VALUE` changes applied. Raises InputError, SloError and ConfigError."""
    settings = [_change(text) for text in changes]
    plain = compile_rules(pack, config)
    known = [one.slo.name for one in plain.slos]
    measured = [one.slo.name for one in plain.slos if one.slo.at_most is not None]
    windows = _with_windows(plain.windows, settings, known)
    config = _with_thresholds(config, settings, known, measured)
    compiled = compile_rules(pack, config, reachable=False) if config is not plain.config else plain
    slos = tuple(one.slo for one in compiled.slos if not only or one.slo.name in only)
    named = {what for what, _, _ in settings}
    for one in compiled.slos:
        if one.slo in slos or one.slo.name in named:
            check_reachable(one.slo, windows)
    return Objectives(name, slos, windows, config)


def _change(text: str) -> tuple[str, str, str]:
    """What is changed, which property of it, and its value, of `WHAT.PROPERTY=VALUE`; WHAT may be empty."""
    key, equals, value = text.partition("=")
    what, _, prop = key.strip().rpartition(".")
    if not equals or not prop or not value.strip() or len(text) > 200:
        raise _wrong_change(text[:200], "correct it")
    return what, prop, value.strip()


def _wrong_change(text: str, next_step: str) -> InputError:
    return InputError(
        "--set changes nothing that there is",
        value=text,
        expected="target=0.99, SLO.target=0.99, SLO.at_most=5, confidence=0.95, or of a tier by its long window "
        "1h.share=0.025, 1h.short=10m, 1h.for=2m, 1h.severity=ticket",
        next_step=next_step,
    )


def _wrong_value(key: str, text: str, expected: str) -> InputError:
    return InputError(
        "the value of --set is wrong", value=f"{key}={text}", expected=expected, next_step=f"correct the value of {key}"
    )


def _number(key: str, text: str, least: Decimal, most: Decimal) -> Decimal:
    expected = f"a number above {number_text(least)} and up to {number_text(most)}"
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _wrong_value(key, text, expected) from None
    if not value.is_finite() or not least < value <= most:
        raise _wrong_value(key, text, expected)
    return value


def _with_thresholds(
    config: Config, settings: Sequence[tuple[str, str, str]], known: Sequence[str], measured: Sequence[str]
) -> Config:
    """`measured` are the SLOs that have a threshold, which `at_most` can change."""
    thresholds = dict(config.slo.thresholds)
    for what, prop, value in settings:
        if prop not in {"target", "at_most"}:
            continue
        if what and what not in known:
            raise _wrong_change(f"{what}.{prop}", did_you_mean(what, known, "name an SLO of this registry"))
        key = f"{what}.{prop}" if what else prop
        if prop == "at_most" and what and what not in measured:
            raise _wrong_change(f"{key}={value}", f"{what} has no threshold; name one of {', '.join(measured)}")
        all_names = measured if prop == "at_most" else known
        for name in (what,) if what else all_names:
            before = thresholds.get(name, Threshold())
            told = Location(f"--set {key}={value}")
            if prop == "at_most":
                at_most = _number(key, value, Decimal(0), Decimal(10) ** 9)
                thresholds[name] = replace(before, at_most=at_most, at_most_place=told)
            else:
                target = _number(key, value, Decimal(0), Decimal("0.99999999"))
                thresholds[name] = replace(before, target=target, target_place=told)
    if thresholds == config.slo.thresholds:
        return config
    return replace(config, slo=replace(config.slo, thresholds=thresholds))


def _with_windows(windows: Windows, settings: Sequence[tuple[str, str, str]], known: Sequence[str]) -> Windows:
    tiers = {tier.name: tier for tier in windows.tiers}
    for what, prop, value in settings:
        if prop in {"target", "at_most"}:
            continue
        if not what and prop == "confidence":
            windows = replace(windows, confidence=_number(prop, value, Decimal("0.5"), Decimal("0.999999")))
        elif what in tiers:
            tiers[what] = _with_tier(tiers[what], prop, value)
        else:
            near = did_you_mean(what or prop, [*tiers, *known, "target", "confidence"], "correct it")
            raise _wrong_change(f"{what}.{prop}" if what else prop, near)
    return replace(windows, tiers=tuple(tiers.values()))


def _with_tier(tier: Tier, prop: str, value: str) -> Tier:
    key = f"{tier.name}.{prop}"
    if prop == "share":
        return replace(tier, share=_number(key, value, Decimal(0), Decimal(1)))
    if prop == "severity":
        if value not in SEVERITIES:
            raise _wrong_value(key, value, " or ".join(SEVERITIES))
        return replace(tier, severity=value)
    found = read_window(value, zero=prop == "for")
    if prop == "for":
        if found is None:
            raise _wrong_value(key, value, "a duration such as 2m, or 0s")
        return replace(tier, hold=found)
    if prop == "short":
        if found is None or found.ms >= tier.long.ms or tier.long.ms % found.ms != 0:
            raise _wrong_value(key, value, f"a duration that divides the long window of {tier.name}, such as 5m")
        return replace(tier, short=found)
    raise _wrong_change(f"{key}={value}", did_you_mean(prop, ("share", "short", "for", "severity"), "correct it"))


def judged(replay: Replay, incidents: Iterable[KnownIncident], every: int = 30_000) -> list[AlertRecord]:
    """The alerts of each severity, against the incidents."""
    known, grace = list(incidents), GRACE * every
    verdicts = []
    for severity in dict.fromkeys(tier.severity for tier in replay.objectives.windows.tiers):
        mine = [one for one in replay.alerts if one.severity == severity]
        delays, true = [], 0
        for incident in known:
            hits = [one.begin for one in mine if incident.concerns(one, grace)]
            if hits:
                delays.append(max(min(hits) - incident.begin, 0) / 1000)
        true = sum(any(incident.concerns(one, grace) for incident in known) for one in mine)
        verdicts.append(
            AlertRecord(
                severity,
                len(mine),
                sum(seconds(one, replay.span) for one in mine),
                true,
                len(delays),
                len(known),
                median(delays) if delays else None,
            )
        )
    return verdicts


def seconds(alert: FiredAlert, span: tuple[int, int]) -> float:
    """For how long an alert fired within a span."""
    return (min(span[1], alert.end or span[1]) - max(span[0], alert.begin)) / 1000


def read_incidents(path: Path, zone: tzinfo, now: float) -> list[KnownIncident]:
    """The incidents of a YAML file. Raises InputError with a place."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("the incidents cannot be read", value=f"{path}: {error.strerror}") from None
    document = load_yaml(content, str(path), error=InputError)
    validate(document, _SCHEMA, InputError)
    return [_incident(document, place, zone, now) for place in range(len(document.data))]


def _incident(document: Document, place: int, zone: tzinfo, now: float) -> KnownIncident:
    data = document.data[place]
    ends = []
    for key in ("from", "to"):
        try:
            ends.append(round(1000 * read_moment(key, data[key], now, zone)))
        except InputError as error:
            raise error.at(document.locate((place, key))) from None
    if ends[0] >= ends[1]:
        raise InputError(
            "the incident ends before it begins",
            location=document.locate((place, "to")),
            value=data["to"],
            expected=f"a time after {data['from']}",
            next_step="exchange the two, or correct one of them",
        )
    return KnownIncident(data.get("name", f"incident {place + 1}"), ends[0], ends[1], tuple(data.get("slos", ())))
