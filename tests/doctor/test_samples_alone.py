"""A server with the series of alerts and none of their rules: doctor and status say the same of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from regobs.catalog import targets
from regobs.common.screen import PIPE
from regobs.config import Config
from regobs.doctor.examination import examine
from regobs.doctor.loading import LOAD, LOAD_THANOS, LOAD_VMALERT
from regobs.doctor.questions import RuleQuestion
from regobs.doctor.report import SHOWS_NO_RULES, DoctorReport
from regobs.doctor.rules import examine_rules, told_of_rules
from regobs.doctor.table import text as doctor_text
from regobs.pack import find_pack
from regobs.prometheus import EndpointError, QueryAnswer, Sample
from regobs.prometheus.state import Alert, RuleGroup
from regobs.prometheus.thanos import Store
from regobs.promql.parse import parse
from regobs.status.report import StatusReport
from regobs.status.screen import screen_text
from regobs.status.take import take_status
from tests.doctor.stub import NOW, OneRegistry
from tests.doctor.world import facts, gitlab

DOWN = {"alertname": "RegistryDown", "severity": "page", "pod": "a"}
WAITS = {"alertname": "RegistryRestarting", "severity": "page", "pod": "a"}
ASKED = RuleQuestion("alerting", "RegistryDown", "g", parse("up == 0"), {"severity": "page"})


class Samples(OneRegistry):
    """Of its rules it says that there are none, or, unless it `shows` them, nothing at all."""

    def __init__(self, *fired: tuple[dict[str, str], str], shows: bool) -> None:
        super().__init__()
        self._fired, self._shows = fired, shows

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        if text == targets.ALERTS.name:
            found = [{**labels, "__name__": text, "alertstate": state} for labels, state in self._fired]
            return QueryAnswer("vector", samples=tuple(Sample(labels, 1.0, NOW) for labels in found))
        return super().query(text, time, stats=stats)

    def rules(self) -> tuple[RuleGroup, ...]:
        if not self._shows:
            raise EndpointError("not offered")
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        if not self._shows:
            raise EndpointError("not offered")
        return ()


def told(server: OneRegistry) -> tuple[DoctorReport, StatusReport]:
    pack = find_pack()
    return examine(server, pack, Config(), dashboard=None), take_status(server, pack, Config())


def states(report: DoctorReport) -> dict[str, str]:
    return {one.name: one.state for one in report.rules if one.kind == "alerting" and one.state}


@pytest.mark.parametrize(
    ("shows", "said"), [(False, SHOWS_NO_RULES), (True, "elsewhere")], ids=["no rules API", "no rules"]
)
def test_doctor_and_status_say_the_same_of_alerts_that_samples_alone_show(shows: bool, said: str) -> None:
    doctor, status = told(Samples((DOWN, "firing"), (WAITS, "pending"), shows=shows))
    assert [one.name for one in doctor.firing] == [one.name for one in status.firing] == ["RegistryDown"]
    assert states(doctor) == {"RegistryDown": "firing", "RegistryRestarting": "pending"}
    assert status.pending == 1
    shown = screen_text(status, PIPE)
    assert "1 alert firing, 1 pending" in shown
    assert "1 firing, 1 pending" in doctor_text(doctor)
    assert said in shown
    assert any(said in one.text for one in doctor.problems)
    assert "not loaded" not in doctor_text(doctor)


class OfKind(Samples):
    """A server without rules, of a kind that evaluates some or none itself."""

    def __init__(self, kind: str) -> None:
        super().__init__(shows=True)
        self._kind = kind

    def is_victoriametrics(self) -> bool:
        return self._kind == "VictoriaMetrics"

    def stores(self) -> tuple[Store, ...]:
        if self._kind != "Thanos Query":
            raise EndpointError("not offered")
        return ()


@pytest.mark.parametrize(
    ("kind", "change"),
    [("Prometheus", LOAD), ("VictoriaMetrics", LOAD_VMALERT), ("Thanos Query", LOAD_THANOS)],
)
def test_of_a_server_without_rules_and_alerts_both_say_that_none_is_loaded_and_what_loads_them(
    kind: str, change: str
) -> None:
    doctor, status = told(OfKind(kind))
    text = screen_text(status, PIPE)
    assert re.search(r"none of the \d+ alerts of this build is loaded here: their silence says nothing", text)
    assert change in text
    assert status.as_data()["alerts"]["load"] == change
    (found,) = (one for one in doctor.problems if "rules of this build are not loaded" in one.text)
    assert found.change == change
    assert not states(doctor)


@pytest.mark.parametrize(
    ("labels", "elsewhere"),
    [(DOWN, True), ({**DOWN, "severity": "ticket"}, False), ({**DOWN, "alertname": "Other"}, False)],
)
def test_an_alert_of_another_rule_is_no_sign_that_the_rules_of_the_build_run(labels: Any, elsewhere: bool) -> None:
    known = replace(facts(), active=(Alert(labels, {}, "pending", "", 0),))
    told_of = told_of_rules(known, [ASKED], lambda: LOAD)
    assert told_of.elsewhere is elsewhere
    (found,) = examine_rules(told_of, gitlab(), [ASKED])
    assert found.state == ("pending" if elsewhere else "")


def test_only_the_watchdog_that_another_server_writes_is_a_sign_too() -> None:
    watchdog = {"alertname": "RegistryWatchdog", "severity": targets.NOBODY}
    doctor, status = told(Samples((watchdog, "firing"), shows=True))
    assert (status.silent, len(status.firing), status.rules_elsewhere) == (1, 0, True)
    assert any("elsewhere" in one.text for one in doctor.problems)
