"""Burn alerts that a period is too short for: told by a build, and in its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.lint import Severity, lint_text
from regobs.promql.nodes import Duration
from regobs.slo.missing_tiers import best_days, first_days, tier_notes
from regobs.slo.model import DAY, Period
from regobs.slo.outputs import files
from regobs.slo.windows import fits, read_windows, unfit_tiers
from tests.slo.packs import BUNDLED, GITLAB, SMALL, pack_of

WINDOWS = read_windows(BUNDLED.file("alerts", "windows.yaml"))


@pytest.mark.parametrize(
    ("days", "missing"),
    [(28, ""), (14, "3d"), (9, "3d"), (8, "1d 3d"), (4, "6h 1d 3d"), (2, "6h 1d 3d"), (1, "1h 6h 1d 3d")],
)
def test_each_tier_that_does_not_fit_has_a_reason(days: int, missing: str) -> None:
    period = Period(Duration(days * DAY))
    found = unfit_tiers(period, WINDOWS)
    assert list(found) == missing.split()
    assert all(found.values())
    assert [tier.name for tier in WINDOWS.tiers if fits(tier, period)] == [
        tier.name for tier in WINDOWS.tiers if tier.name not in found
    ]


def test_the_page_says_which_periods_have_how_many_tiers() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "slo.md").read_text(encoding="utf-8").split())
    told = (
        "A period of 27 days or more has all four tiers, 9 days three (none of 3 d), 5 days two, 2 days that of 1 h, "
        "and a day none."
    )
    assert told in text
    least = {
        count: next(
            days
            for days in range(1, 40)
            if sum(fits(one, Period(Duration(days * DAY))) for one in WINDOWS.tiers) == count
        )
        for count in range(5)
    }
    assert least == {0: 1, 1: 2, 2: 5, 3: 9, 4: 27}


def test_the_best_period_has_as_many_burn_alerts_as_any_that_is_not_longer() -> None:
    def alerts(days: int) -> int:
        return sum(fits(tier, Period(Duration(days * DAY))) for tier in WINDOWS.tiers)

    for most in range(1, 40):
        best = best_days(most, WINDOWS)
        assert best <= most
        assert alerts(best) == max(map(alerts, range(1, most + 1)))
    assert first_days(WINDOWS) == 2
    assert (alerts(1), alerts(2)) == (0, 1)


@pytest.mark.parametrize(
    ("period", "told"),
    [
        ("28d", ""),
        (
            "14d",
            "Note: with a period of 14d the burn alerts over 3d are left out (small): 3d would fire at",
        ),
        (
            "1d",
            "Warning: with a period of 1d there is no burn alert at all (small): 1h would fire at",
        ),
    ],
)
def test_a_build_and_a_check_tell_what_is_left_out_and_the_manifest_has_it(
    period: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pack/alerts").mkdir(parents=True)
    (tmp_path / "pack/alerts/small.slo.yaml").write_text(
        f"{SMALL}  timeWindow: [{{duration: {period}, isRolling: true}}]\n"
    )
    words = ["build", "--pack", str(tmp_path / "pack"), "--out", str(tmp_path / "out")]
    for more in ([], ["--check"]):
        assert run(words + more) == 0
        said = capsys.readouterr().err
        assert said.startswith(told)
        assert bool(said) == bool(told)
    slos = json.loads((tmp_path / "out/manifest.json").read_text())["rules"]["slos"]
    (small,) = [one for one in slos if one["slo"] == "small"]
    assert len(small["tiers"]) + len(small["tiers_left_out"]) == len(WINDOWS.tiers)
    assert all(one["tiers"] and not one["tiers_left_out"] for one in slos if one["slo"] != "small")


@pytest.mark.parametrize(("period", "count"), [("1d", 1), ("2d", 0), ("28d", 0)])
def test_lint_finds_a_build_whose_budget_has_no_alert(period: str, count: int, tmp_path: Path) -> None:
    pack = pack_of(tmp_path / "pack", small=f"{SMALL}  timeWindow: [{{duration: {period}, isRolling: true}}]\n")
    (name,) = [name for name in files(pack, GITLAB) if name.endswith("rules/slo-small.yaml")]
    report = lint_text(files(pack, GITLAB)[name].decode(), name, ".yaml")
    found = [one for one in report.findings if one.check == "budget-without-alert"]
    assert len(found) == count
    assert all(one.severity is Severity.WARNING and one.line == 6 for one in found)


def test_slos_of_one_period_are_told_together_and_those_without_any_alert_first() -> None:
    def slo(name: str, tiers: int, period: str) -> dict[str, object]:
        return {"slo": name, "period": period, "tiers": [{}] * tiers, "tiers_left_out": {"3d": "because"}}

    first, second = tier_notes([slo("a", 1, "7d"), slo("b", 1, "7d"), slo("c", 0, "7d")])
    assert first.startswith("Warning: with a period of 7d there is no burn alert at all (c): because; ")
    assert second.startswith("Note: with a period of 7d the burn alerts over 3d are left out (2 SLOs, a among them)")
