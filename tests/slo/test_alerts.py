"""Burn-rate alerts: what they ask for, and that chance alone does not give it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import comb, log
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regobs.config import GrafanaSettings, LabelNames, SloSettings, Threshold, read_config
from regobs.errors import SloError
from regobs.promql.parse import parse
from regobs.slo import outputs
from regobs.slo.alerts import NAMES
from regobs.slo.recording import MORE_THAN_ONE
from regobs.slo.windows import evidence
from tests.slo.packs import GITLAB, SLOW, SMALL, pack_of, rules_of

PROOF = float(evidence(Decimal("0.99")))


def exponent(bad: float, events: float, limit: float) -> float:
    """What the rule computes, with the burn rate written as ratio / budget, here called limit."""
    excess = bad / events / limit
    return bad * (log(excess) + 1 / excess - 1)


@pytest.mark.parametrize(
    ("bad", "events", "budget", "proves"),
    [
        (2, 10, 0.001, True),  # two of ten, where one of a thousand may fail
        (2, 70, 0.001, True),
        (2, 80, 0.001, False),
        (20, 20, 0.05, True),  # twenty of twenty uploads are slow, where one of twenty may be
        (3, 3, 0.05, True),
        (2, 2, 0.05, False),
        (2, 10, 0.05, False),
    ],
)
def test_so_many_failures_of_so_many_events_prove_that_the_objective_is_not_kept(
    bad: int, events: int, budget: float, proves: bool
) -> None:
    assert (exponent(bad, events, budget) > PROOF) == proves


@given(st.integers(1, 300), st.data())
def test_chance_alone_fires_no_more_often_than_the_confidence_allows(events: int, data: st.DataObject) -> None:
    limit = data.draw(st.floats(0.0005, 0.9))
    bad = data.draw(st.integers(1, events))
    assume(bad / events > limit)
    assume(exponent(bad, events, limit) > PROOF)
    by_chance = sum(comb(events, k) * limit**k * (1 - limit) ** (events - k) for k in range(bad, events + 1))
    assert by_chance <= 0.01


@given(st.integers(1, 50), st.floats(1e-9, 0.9))
def test_a_single_failure_never_alerts_whatever_the_target(events: int, limit: float) -> None:
    assert not Decimal(1) > MORE_THAN_ONE
    assert Decimal(2) > MORE_THAN_ONE
    assert exponent(1, events, limit) == exponent(1, events, limit)  # a number, not NaN


@pytest.mark.parametrize(
    ("target", "reachable"),
    # 13.44 x budget reaches 1 at a target of 1 - 1 / 13.44 = 0.925595...
    [("0.9256", True), ("0.9255", False), ("0.5", False), ("0.9999", True)],
)
def test_an_alert_that_could_never_fire_is_refused(tmp_path: Path, target: str, reachable: bool) -> None:
    pack = pack_of(tmp_path, one=SMALL.replace("0.999", target))
    if reachable:
        assert outputs.files(pack, GITLAB)
        return
    with pytest.raises(SloError, match="tier 1h could never fire for small") as caught:
        outputs.files(pack, GITLAB)
    assert f"target {target}: factor 13.44 x budget {1 - Decimal(target)}" in str(caught.value.value)
    assert "a target above 0.925595" in str(caught.value.expected)
    assert caught.value.location is not None
    assert caught.value.location.line == 19
    settings = f"[slo]\n[thresholds.small]\ntarget = {target}\n"
    with pytest.raises(SloError, match="tier 1h could never fire for small") as caught:
        outputs.files(pack_of(tmp_path, one=SMALL), read_config(settings, Path("regobs.toml")))
    assert str(caught.value.location) == "regobs.toml:3:10"
    assert caught.value.next_step


@pytest.mark.parametrize(("target", "reachable"), [("0.9", False), ("0.9001", True)])
def test_a_tier_that_even_failures_alone_would_not_pass_is_refused(
    tmp_path: Path, target: str, reachable: bool
) -> None:
    # 2 % of the budget of 500 hours in one hour is a burn rate of 10: with a budget of 0.1 a ratio of exactly 1.
    window = "  timeWindow: [{duration: 500h, isRolling: true}]\n  budgetingMethod"
    pack = pack_of(tmp_path, one=SMALL.replace("0.999", target).replace("  budgetingMethod", window))
    if reachable:
        assert outputs.files(pack, GITLAB)
        return
    with pytest.raises(SloError, match="tier 1h could never fire"):
        outputs.files(pack, GITLAB)


@pytest.mark.parametrize(
    ("period", "tiers"),
    [("28d", ["1h", "6h", "1d", "3d"]), ("14d", ["1h", "6h", "1d"]), ("7d", ["1h", "6h"]), ("1d", [])],
)
def test_a_tier_that_would_alert_on_what_the_period_can_bear_is_left_out(
    tmp_path: Path, period: str, tiers: list[str]
) -> None:
    window = f"  timeWindow: [{{duration: {period}, isRolling: true}}]\n  budgetingMethod"
    pack = pack_of(tmp_path, one=SMALL.replace("  budgetingMethod", window))
    rules = rules_of(outputs.files(pack, GITLAB)["prometheus/rules/slo-small.yaml"])
    assert [rule["labels"]["tier"] for rule in rules if "alert" in rule] == tiers
    (described,) = outputs.manifest(pack, GITLAB)["slos"]
    assert [one["tier"] for one in described["tiers"]] == tiers


def test_thresholds_are_exact_decimals_or_quotients(tmp_path: Path) -> None:
    content = outputs.files(pack_of(tmp_path, one=SMALL), GITLAB)["prometheus/rules/slo-small.yaml"]
    first_lines = [rule["expr"].splitlines()[1] for rule in rules_of(content) if "alert" in rule]
    assert [line.partition(" > ")[2] for line in first_lines] == ["13.44", "5.6", "2.8", "(14 / 15)"]
    (described,) = outputs.manifest(pack_of(tmp_path, one=SMALL), GITLAB)["slos"]
    assert [tier["factor"] for tier in described["tiers"]] == ["13.44", "5.6", "2.8", "14 / 15"]
    assert b"00000" not in content
    assert b"99999" not in content


@given(st.decimals(min_value="0.93", max_value="0.99999", places=5))
def test_no_float_noise_reaches_a_rule(target: Decimal) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        files = outputs.files(pack_of(Path(directory), one=SMALL.replace("0.999", str(target))), GITLAB)
    rules = rules_of(files["prometheus/rules/slo-small.yaml"])
    burn = next(rule["expr"] for rule in rules if rule.get("record") == "registry:slo_burn_rate:ratio5m")
    assert Fraction(burn.rpartition(" / ")[2]) == 1 - Fraction(target)
    promised = next(rule["expr"] for rule in rules if rule.get("record") == "registry:slo_target:ratio")
    assert Fraction(promised.rpartition(" + ")[2]) == Fraction(target)


def test_each_alert_says_what_it_is_about(tmp_path: Path) -> None:
    config = replace(
        GITLAB,
        labels=LabelNames(environment="env"),
        runbook_url="https://example.com/runbooks/",
        grafana=GrafanaSettings(url="https://grafana.example.com"),
    )
    files = outputs.files(pack_of(tmp_path, one=SMALL, two=SLOW), config)
    for name, kind in (("small", "availability"), ("slow", "latency")):
        alerts = [rule for rule in rules_of(files[f"prometheus/rules/slo-{name}.yaml"]) if "alert" in rule]
        assert [alert["labels"]["tier"] for alert in alerts] == ["1h", "6h", "1d", "3d"]
        assert [alert["labels"]["severity"] for alert in alerts] == ["page", "page", "ticket", "ticket"]
        assert [alert["for"] for alert in alerts] == ["0s"] * 4
        for alert in alerts:
            assert alert["alert"] == NAMES[kind]
            parse(alert["expr"])
            assert alert["labels"] | {"slo": name, "operation": name, "sli": kind} == alert["labels"]
            texts = alert["annotations"]
            assert texts["runbook_url"] == f"https://example.com/runbooks/{NAMES[kind]}.md"
            assert texts["dashboard_url"] == (
                f"https://grafana.example.com/d/regobs-slo?from=now-{alert['labels']['tier']}&to=now"
                "{{ with $labels.env }}&var-env={{ . | urlquery }}{{ end }}"
                "{{ with $labels.slo }}&var-slo={{ . | urlquery }}{{ end }}"
            )
            assert texts["logs_command"] == "regobs logs run errors-by-code registry.log"
            assert texts["summary"].endswith("{{ with $labels.env }}, env {{ . }}{{ end }}")
            assert "$labels.env | query" in texts["description"]


def test_a_stricter_target_from_the_settings_reaches_the_rules(tmp_path: Path) -> None:
    config = replace(GITLAB, slo=SloSettings(thresholds={"small": Threshold(target=Decimal("0.9999"))}))
    content = outputs.files(pack_of(tmp_path, one=SMALL), config)["prometheus/rules/slo-small.yaml"]
    assert b"> 0) / 0.0001\n" in content


def test_severities_are_called_what_the_settings_call_them(tmp_path: Path) -> None:
    config = replace(GITLAB, severities={"page": "critical", "ticket": "warning"})
    files = outputs.files(pack_of(tmp_path, one=SMALL), config)
    alerts = [rule for rule in rules_of(files["prometheus/rules/slo-small.yaml"]) if "alert" in rule]
    assert [alert["labels"]["severity"] for alert in alerts] == ["critical", "critical", "warning", "warning"]
    told = "".join(text.decode() for name, text in files.items() if name != "prometheus/rules/slo-small.yaml")
    assert "critical" in told
    assert not {'severity="page"', "severity: page", 'severity="ticket"'} & {
        word for word in ('severity="page"', "severity: page", 'severity="ticket"') if word in told
    }
