"""Replays of the past judged by incidents, and changes of objectives."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest

from regobs.budgets.backtest import (
    AlertRecord,
    KnownIncident,
    Objectives,
    Replay,
    judged,
    objectives_of,
    read_incidents,
    seconds,
)
from regobs.budgets.replay import FiredAlert
from regobs.errors import ConfigError, InputError, SloError
from tests.budgets.courses import SLO, START, WINDOWS
from tests.slo.packs import BUNDLED, GITLAB

MINUTE = 60_000
SPAN = (START, START + 600 * MINUTE)
OBJECTIVES = Objectives("as it is", (SLO,), WINDOWS, GITLAB)


def alert(begin: float, end: float | None, severity: str = "page", slo: str = SLO.name) -> FiredAlert:
    over = None if end is None else START + round(end * MINUTE)
    return FiredAlert(slo, (), "1h", severity, START + round(begin * MINUTE), over)


def incident(begin: float, end: float, *slos: str) -> KnownIncident:
    return KnownIncident("outage", START + round(begin * MINUTE), START + round(end * MINUTE), slos)


def pages(alerts: list[FiredAlert], incidents: list[KnownIncident]) -> AlertRecord:
    verdict = judged(Replay(OBJECTIVES, SPAN, tuple(alerts), 0, ()), incidents)[0]
    assert verdict.severity == "page"
    return verdict


def test_precision_is_of_alerts_and_recall_of_incidents() -> None:
    alerts = [alert(12, 20), alert(15, 18), alert(100, 110), alert(205, None)]
    verdict = pages(alerts, [incident(10, 30), incident(200, 210), incident(300, 310)])
    # nothing but the fourth fires until the end: it tells of the third incident as well
    assert (verdict.alerts, verdict.true, verdict.found, verdict.incidents) == (4, 3, 3, 3)
    assert (verdict.precision, verdict.recall) == (0.75, 1.0)
    assert verdict.delay == 120
    assert verdict.firing == (8 + 3 + 10 + 395) * 60


@pytest.mark.parametrize(
    ("begin", "end", "tells"),
    [(5, 10, False), (5, 10.1, True), (30, 40, True), (31, 40, True), (31.1, 40, False)],
    ids=["over as it begins", "overlaps its beginning", "at its end", "two evaluations later", "three later"],
)
def test_an_alert_tells_of_an_incident_that_it_fires_in_or_right_after(begin: float, end: float, tells: bool) -> None:
    assert pages([alert(begin, end)], [incident(10, 30)]).true == tells


def test_an_incident_of_other_slos_is_not_told_of() -> None:
    assert pages([alert(12, 20)], [incident(10, 30, "other")]).recall == 0
    assert pages([alert(12, 20)], [incident(10, 30, "other", SLO.name)]).recall == 1


def test_without_incidents_or_alerts_there_is_no_share() -> None:
    assert pages([alert(1, 2)], []).precision is None
    silent = pages([], [incident(1, 2)])
    assert (silent.precision, silent.recall, silent.delay) == (None, 0, None)


def test_firing_counts_within_the_span_only() -> None:
    assert seconds(alert(-10, 5), SPAN) == 300
    assert seconds(alert(590, None), SPAN) == 600


def changed(*changes: str) -> Objectives:
    return objectives_of(BUNDLED, GITLAB, [SLO.name], "changed", changes)


def test_changes_reach_the_slo_and_the_tiers() -> None:
    found = changed(f"{SLO.name}.target=0.97", "1h.share=0.03", "6h.short=1h", "1d.for=5m", "confidence=0.9")
    (slo,) = found.slos
    assert (slo.target, found.windows.confidence) == (Decimal("0.97"), Decimal("0.9"))
    first, second, third, _ = found.windows.tiers
    assert (first.share, second.short.ms, third.hold.ms) == (Decimal("0.03"), 60 * MINUTE, 5 * MINUTE)
    assert changed("target=0.97").slos == (slo,)
    assert changed().slos == (SLO,)


@pytest.mark.parametrize(
    "text",
    [
        "target",
        "target=",
        "tag-list-availabilty.target=0.9",
        "2h.share=0.1",
        "1h.long=2h",
        "=1",
    ],
)
def test_a_change_of_what_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--set changes nothing"):
        changed(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=1", "a number above 0 and up to 0.99999999"),
        ("target=99", "a number above 0 and up to 0.99999999"),
        ("target=nan", "a number above 0"),
        ("target=high", "a number above 0"),
        ("tag-list-latency.at_most=-1", "a number above 0 and up to 1000000000"),
        ("confidence=0.1", "a number above 0.5"),
        ("1h.share=1.5", "a number above 0 and up to 1"),
        ("1h.short=7m", "a duration that divides the long window of 1h"),
        ("1h.short=1h", "a duration that divides the long window of 1h"),
        ("1h.for=-1m", "a duration such as 2m, or 0s"),
        ("1h.severity=email", "page or ticket"),
    ],
)
def test_a_value_that_cannot_be_is_said_to_be_the_fault(text: str, expected: str) -> None:
    with pytest.raises(InputError, match="the value of --set is wrong") as caught:
        changed(text)
    assert caught.value.value == text
    assert str(caught.value.expected).startswith(expected)
    assert caught.value.next_step == f"correct the value of {text.partition('=')[0]}"


def test_a_threshold_of_an_slo_without_one_is_said_of_the_option() -> None:
    with pytest.raises(InputError, match="--set changes nothing") as caught:
        objectives_of(BUNDLED, GITLAB, [], "changed", ["tag-list-availability.at_most=1"])
    assert "regobs.toml" not in str(caught.value)
    assert str(caught.value.next_step).startswith("tag-list-availability has no threshold; name one of ")
    assert "tag-list-latency" in str(caught.value.next_step)


def test_every_change_is_made_before_a_tier_is_called_unreachable() -> None:
    """A target of 0.9 leaves the share of the pack's first tier too large, and this one is another."""
    found = changed(f"{SLO.name}.target=0.9", "1h.share=0.01")
    (slo,) = found.slos
    assert (slo.target, found.windows.tiers[0].share) == (Decimal("0.9"), Decimal("0.01"))
    with pytest.raises(SloError, match="could never fire"):
        changed(f"{SLO.name}.target=0.9")


def test_a_tier_that_could_never_fire_is_refused() -> None:
    with pytest.raises(SloError, match="could never fire"):
        changed("target=0.9", "1h.share=0.05")


@pytest.mark.parametrize("change", ["tag-list-latency.target=0.9", "tag-list-latency.at_most=0.123", "target=0.9"])
def test_a_value_that_an_slo_cannot_have_is_refused_at_the_option(change: str) -> None:
    with pytest.raises(SloError) as caught:
        changed(change)
    assert str(caught.value.location) == f"--set {change}"


def test_a_threshold_that_is_no_bucket_is_refused() -> None:
    with pytest.raises((ConfigError, SloError)):
        objectives_of(BUNDLED, GITLAB, [], "changed", ["tag-list-latency.at_most=0.123"])


def write(folder: Path, text: str) -> Path:
    path = folder / "incidents.yaml"
    path.write_text(text)
    return path


def test_incidents_are_read_with_their_times(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
- {name: full disk, from: 2026-11-18 12:00, to: 2026-11-18 12:30 Europe/Berlin, slos: [tag-list-availability]}
- {from: 2026-11-18T12:00:00Z, to: 2026-11-18 12:01}
""",
    )
    with pytest.raises(InputError, match="ends before it begins") as error:
        read_incidents(path, UTC, 0)
    assert error.value.location is not None
    assert error.value.location.line == 1
    path.write_text(path.read_text().replace("12:30 Europe/Berlin", "14:30 Europe/Berlin"))
    first, second = read_incidents(path, UTC, 0)
    assert (first.name, first.end - first.begin, first.slos) == ("full disk", 90 * MINUTE, (SLO.name,))
    assert (second.name, second.begin, second.end - second.begin) == ("incident 2", first.begin, MINUTE)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "- {from: 2026-11-18 12:00}", "- {from: soon, to: later}", "- {from: now, to: now, why: x}", "- ["],
)
def test_a_wrong_file_is_an_input_error_with_a_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_incidents(write(tmp_path, text), UTC, 0)
    assert error.value.location is not None


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_incidents(tmp_path / "none.yaml", UTC, 0)
