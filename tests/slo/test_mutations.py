"""Each generated test fails when its rule is broken by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.slo import outputs
from tests.slo.packs import GITLAB, SLOW, SMALL, pack_of, run_tests, write

Rule = dict[str, Any]
Change = Callable[[list[Rule]], None]


def in_alert(tier: str, field: str, old: str, new: str) -> Change:
    """Replace text in a field of the alert of a tier."""

    def change(rules: list[Rule]) -> None:
        (rule,) = (one for one in rules if one.get("labels", {}).get("tier") == tier)
        part = rule if field in rule else rule["labels"] if field in rule["labels"] else rule["annotations"]
        assert old in part[field], part[field]
        part[field] = part[field].replace(old, new)

    return change


def in_record(name: str, old: str, new: str) -> Change:
    """Replace text in the expression of a recording rule."""

    def change(rules: list[Rule]) -> None:
        (rule,) = (one for one in rules if one.get("record") == f"registry:slo_{name}")
        assert old in rule["expr"], rule["expr"]
        rule["expr"] = rule["expr"].replace(old, new)

    return change


ROUTE = 'route="/v2/{name}/tags/list", '
# What is broken, and the one test that has to notice: its file, and the end of its name.
AVAILABILITY: dict[str, tuple[Change, str, str]] = {
    "threshold 1h higher": (
        in_alert("1h", "expr", 'ratio1h{slo="small"} > 13.44', "ratio1h > 14"),
        "burning",
        "1h fires just over",
    ),
    "threshold 1h lower": (
        in_alert("1h", "expr", 'ratio1h{slo="small"} > 13.44', "ratio1h > 13"),
        "burning",
        "1h short window alone",
    ),
    "short threshold 1h lower": (
        in_alert("1h", "expr", 'ratio5m{slo="small"} > 13.44', "ratio5m > 13"),
        "burning",
        "1h long window alone",
    ),
    "both thresholds 1h lower": (in_alert("1h", "expr", "13.44", "13"), "burning", "1h silent just under"),
    "threshold 6h higher": (in_alert("6h", "expr", "> 5.6", "> 6"), "burning", "6h fires just over"),
    "threshold 6h lower": (
        in_alert("6h", "expr", 'ratio6h{slo="small"} > 5.6', "ratio6h > 5.5"),
        "burning",
        "6h short window alone",
    ),
    "short threshold 6h lower": (
        in_alert("6h", "expr", 'ratio30m{slo="small"} > 5.6', "ratio30m > 5.5"),
        "burning",
        "6h long window alone",
    ),
    "both thresholds 6h lower": (in_alert("6h", "expr", "5.6", "5.5"), "burning", "6h silent just under"),
    "less of 1d is enough": (in_alert("1d", "expr", "/ 2880 <= 2.8", "/ 2880 <= 2.6"), "burning", "1d hardly watched"),
    "all of 1d is not enough": (
        in_alert("1d", "expr", "/ 2880 <= 2.8", "/ 2880 <= 3"),
        "burning",
        "1d fires just over",
    ),
    "a ticket after a page": (
        in_alert(
            "3d", "expr", 'count_over_time(ALERTS{slo="small", tier=~"1h|6h|1d"', 'count_over_time(ALERTS{slo="x"'
        ),
        "burning",
        "3d not after 1h",
    ),
    "threshold 1d higher": (in_alert("1d", "expr", "> 2.8", "> 3"), "burning", "1d fires just over"),
    "threshold 1d lower": (
        in_alert("1d", "expr", 'ratio1d{slo="small"} > 2.8', "ratio1d > 2.7"),
        "summing-6h",
        "1d burns at its end, just under",
    ),
    "both thresholds 1d lower": (in_alert("1d", "expr", "> 2.8", "> 2.7"), "burning", "1d silent just under"),
    "threshold 3d higher": (in_alert("3d", "expr", "> (14 / 15)", "> 1"), "burning", "3d fires just over"),
    "threshold 3d lower": (
        in_alert("3d", "expr", 'ratio3d{slo="small"} > (14 / 15)', "ratio3d > 0.9"),
        "summing-6h",
        "3d burns at its end, just under",
    ),
    "both thresholds 3d lower": (
        in_alert("3d", "expr", "> (14 / 15)", "> (13 / 15)"),
        "burning",
        "3d silent just under",
    ),
    "long window of another tier": (
        in_alert("1h", "expr", 'ratio1h{slo="small"} > 13', "ratio30m > 13"),
        "burning",
        "1h short window alone",
    ),
    "long window 6h of another tier": (
        in_alert("6h", "expr", 'ratio6h{slo="small"} > 5', "ratio30m > 5"),
        "burning",
        "6h short window alone",
    ),
    "short window left out": (
        in_alert("1h", "expr", 'ratio5m{slo="small"} > 13.44', "ratio1h > 13.44"),
        "burning",
        "1h long window alone",
    ),
    "one failure is enough": (in_alert("1h", "expr", "> 1.5", "> 0.5"), "burning", "1h one event, a failure"),
    "two failures are not enough": (
        in_alert("1h", "expr", "> 1.5", "> 2.5"),
        "burning",
        "1h failures that are hardly an accident",
    ),
    "less proof than asked": (
        in_alert("1h", "expr", "> 4.6052", "> 3"),
        "burning",
        "1h failures that may be an accident",
    ),
    "more proof than asked": (
        in_alert("6h", "expr", "> 4.6052", "> 7"),
        "burning",
        "6h failures that are hardly an accident",
    ),
    "less proof in 3d": (in_alert("3d", "expr", "> 4.6052", "> 3"), "burning", "3d failures that may be an accident"),
    "proof against half of the budget": (
        in_alert("1h", "expr", "(ln(", "(0.7 + ln("),
        "burning",
        "1h failures that may be an accident",
    ),
    "begins while it falls in 5m": (
        in_alert("1h", "expr", 'unless registry:slo_recovery:evidence5m_1h{slo="small"} > 2.3026', ""),
        "burning",
        "1h does not begin while 5m falls",
    ),
    "begins while it falls in 30m": (
        in_alert("1h", "expr", 'evidence30m_1h{slo="small"} > 2.3026', "evidence30m_1h > 6.9"),
        "burning",
        "1h does not begin while 30m falls",
    ),
    "ends too easily in 5m": (
        in_alert("1h", "expr", 'evidence5m_1h{slo="small"} > 6.9078', "evidence5m_1h > 6"),
        "burning",
        "1h goes on with few events in 5m",
    ),
    "ends too easily in 30m": (
        in_alert("1h", "expr", 'evidence30m_1h{slo="small"} > 6.9078', "evidence30m_1h > 6"),
        "burning",
        "1h goes on with few events in 30m",
    ),
    "does not end in 5m": (
        in_alert("1h", "expr", 'unless registry:slo_recovery:evidence5m_1h{slo="small"} > 6.9078', ""),
        "burning",
        "1h ends without bad events in 5m",
    ),
    "does not end in 30m": (
        in_alert("1h", "expr", 'unless registry:slo_recovery:evidence30m_1h{slo="small"} > 6.9078', ""),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "does not end in 1h": (
        in_alert("1h", "expr", 'unless registry:slo_burn_rate:ratio1h{slo="small"} <= 2.8', ""),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "ends too early in 1h": (
        in_alert("1h", "expr", "<= 2.8", "<= 2.9"),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "the end in 5m higher": (
        in_record("recovery:evidence5m_1h", "<= 2.8", "<= 2.9"),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "the end in 5m lower": (
        in_record("recovery:evidence5m_1h", "<= 2.8", "<= 2.7"),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "evidence of another window": (
        in_record("recovery:evidence30m_1h", "increase30m", "increase5m"),
        "burning",
        "1h ends without bad events in 30m",
    ),
    "one bad event counts": (
        in_record("recovery:evidence5m_1h", "< 1.5", "< 0.5"),
        "burning",
        "1h does not begin while 5m falls",
    ),
    "it does not go on": (
        in_alert("1h", "expr", 'ratio1h{slo="small"} > 0\n', "ratio5m > 13.44\n"),
        "burning",
        "1h goes on and ends at its limits",
    ),
    "it stops with its traffic": (
        in_alert("1h", "expr", 'ratio1h{slo="small"} > 0\n', "ratio5m > 0\n"),
        "burning",
        "1h goes on when traffic stops",
    ),
    "two at a time": (in_alert("6h", "expr", 'tier="1h"', 'tier="2h"'), "burning", "the fastest alone"),
    "a ticket beside a page": (
        in_alert("1d", "expr", 'ALERTS{slo="small", tier=~"1h|6h"', 'ALERTS{slo="x", tier=~"1h|6h"'),
        "burning",
        "the fastest alone",
    ),
    "a second page while one fires": (
        in_alert("1h", "expr", 'tier="6h"', 'tier="2h"'),
        "burning",
        "the one that fires goes on",
    ),
    "a ticket that does not end": (
        in_alert("1d", "expr", 'unless registry:slo_recovery:evidence2h_1d{slo="small"} > 6.9078', ""),
        "burning",
        "1d ends with its short window",
    ),
    "a second page for what the first told of": (
        in_alert(
            "1h",
            "expr",
            'count_over_time(ALERTS{slo="small", tier=~"1h|6h"',
            'count_over_time(ALERTS{slo="x", tier="1h"',
        ),
        "burning",
        "1h not again for few failures",
    ),
    "a second ticket for what the first told of": (
        in_alert("3d", "expr", 'tier=~"1h|6h|1d|3d"', 'tier=~"1h|6h|1d"'),
        "burning",
        "3d not again for few failures",
    ),
    "a second page with less proof": (
        in_alert("6h", "expr", "> 6.9078)", "> 6)"),
        "burning",
        "6h not again for few failures",
    ),
    "a second page with proof of another window": (
        in_alert("1h", "expr", 'increase5m{slo="small"} * (ln(', 'increase30m{slo="small"} * (ln('),
        "burning",
        "1h not again for few failures in 5m",
    ),
    "no second page whatever is proven": (
        in_alert("1h", "expr", "> 6.9078)", "> 8)"),
        "burning",
        "1h again, proven anew",
    ),
    "no second ticket whatever is proven": (
        in_alert("1d", "expr", "> 6.9078)", "> 8)"),
        "burning",
        "1d again, proven anew",
    ),
    "6h goes on under its limit": (
        in_alert("6h", "expr", 'unless registry:slo_burn_rate:ratio1h{slo="small"} <= 2.8', ""),
        "burning",
        "6h goes on and ends at its limits",
    ),
    "6h goes on while 5m falls": (
        in_alert("6h", "expr", 'unless registry:slo_recovery:evidence5m_1h{slo="small"} > 6.9078', ""),
        "burning",
        "6h goes on and ends at its limits",
    ),
    "1d goes on under its limit": (
        in_alert("1d", "expr", "<= (7 / 15)", "<= 0.45"),
        "burning",
        "1d goes on and ends at its limits",
    ),
    "3d ends above its limit": (
        in_alert("3d", "expr", "<= (7 / 15)", "<= 0.48"),
        "burning",
        "3d goes on and ends at its limits",
    ),
    "6h begins while it falls in 5m": (
        in_alert("6h", "expr", 'unless registry:slo_recovery:evidence5m_1h{slo="small"} > 2.3026', ""),
        "burning",
        "6h does not begin while 5m falls",
    ),
    "1d begins while it falls in 30m": (
        in_alert("1d", "expr", 'evidence30m_1h{slo="small"} > 2.3026', "evidence30m_1h > 2.6"),
        "burning",
        "1d does not begin while 30m falls",
    ),
    "3d begins while it falls in 5m": (
        in_alert("3d", "expr", 'evidence5m_1h{slo="small"} > 2.3026', "evidence5m_1h > 2.6"),
        "burning",
        "3d does not begin while 5m falls",
    ),
    "1d begins while it falls in 2h": (
        in_alert("1d", "expr", 'evidence2h_1d{slo="small"} > 2.3026', "evidence2h_1d > 2.6"),
        "falling",
        "1d does not begin while 2h falls",
    ),
    "1d begins while it falls in 6h": (
        in_alert("1d", "expr", 'evidence6h_1d{slo="small"} > 2.3026', "evidence6h_1d > 6.9"),
        "falling",
        "1d does not begin while 6h falls",
    ),
    "3d begins while it falls in 2h": (
        in_alert("3d", "expr", 'unless registry:slo_recovery:evidence2h_1d{slo="small"} > 2.3026', ""),
        "falling",
        "3d does not begin while 2h falls",
    ),
    "one failure is enough for 6h": (in_alert("6h", "expr", "> 1.5", "> 1.3"), "burning", "one event in 30m"),
    "one failure is enough for a ticket": (in_alert("1d", "expr", "> 1.5", "> 1.3"), "burning", "one event alone"),
    "a little less proof in 6h": (in_alert("6h", "expr", "> 4.6052", "> 4.2"), "burning", "too few events"),
    "a little less proof in 3d": (in_alert("3d", "expr", "> 4.6052", "> 4.4"), "burning", "too few events"),
    "a little more proof in 3d": (in_alert("3d", "expr", "> 4.6052", "> 4.9"), "burning", "3d fires just over"),
    "evidence of another budget in 2h": (
        in_record("recovery:evidence2h_1d", "0.001", "0.002"),
        "falling",
        "the short windows of a ticket fall",
    ),
    "evidence of another budget in 6h": (
        in_record("recovery:evidence6h_1d", "0.001", "0.00101"),
        "falling",
        "the short windows of a ticket fall",
    ),
    "the end in 2h higher": (
        in_record("recovery:evidence2h_1d", "<= (7 / 15)", "<= 0.48"),
        "falling",
        "the short windows of a ticket fall",
    ),
    "the end in 6h lower": (
        in_record("recovery:evidence6h_1d", "<= (7 / 15)", "<= 0.45"),
        "falling",
        "the short windows of a ticket fall",
    ),
    "for longer": (in_alert("1h", "for", "0s", "5m"), "burning", "1h fires just over"),
    "severity": (in_alert("6h", "severity", "page", "ticket"), "burning", "6h fires just over"),
    "a number in the text": (in_alert("1h", "description", "* 28 /", "* 29 /"), "burning", "1h fires just over"),
    "what was spent": (
        in_record("budget_spent:ratio1h", "increase1h", "increase6h / 2 + 0 * registry:slo_bad_events:increase1h"),
        "burning",
        "1h fires just over",
    ),
    "what is left": (in_record("budget_remaining:ratio", "80640", "40320"), "burning", "1d fires just over"),
    "window 5m": (in_record("bad_events:increase5m", "[4m45s]", "[14m45s]"), "counting", "one outage, one alert"),
    "window 30m": (in_record("events:increase30m", "[29m45s]", "[4m45s]"), "summing-5m", "sums of evaluations"),
    "window 1h": (in_record("events:increase1h", "[59m45s]", "[4m45s]"), "summing-5m", "sums of evaluations"),
    "evaluations": (in_record("evaluations:count1h", "[59m45s]", "[4m45s]"), "summing-5m", "sums of evaluations"),
    "window 2h longer": (in_record("events:increase2h", "offset 1h", "offset 2h"), "summing-1h", "2h is that long"),
    "window 6h shorter": (in_record("events:increase6h", "offset 4h", "offset 2h"), "summing-2h", "6h is that long"),
    "window 1d shorter": (
        in_record("bad_events:increase1d", "offset 18h", "offset 12h"),
        "summing-6h",
        "1d is that long",
    ),
    "window 1d lost": (in_record("evaluations:count1d", "offset 6h", "offset 3h"), "summing-6h", "1d is that long"),
    "window 3d longer": (in_record("events:increase3d", "offset 2d", "offset 3d"), "summing-1d", "3d is that long"),
    "period longer": (
        in_record("bad_events:increase28d", "offset 27d", "offset 28d"),
        "summing-1d",
        "28d is that long",
    ),
    "period shorter": (in_record("events:increase28d", "offset 24d", "offset 21d"), "summing-1d", "28d is that long"),
    "route": (in_record("events:increase30s", ROUTE, ""), "counting", "its events and no others"),
    "route of the bad ones": (in_record("bad_events:increase30s", ROUTE, ""), "counting", "its events and no others"),
    "another route": (in_record("bad_events:increase30s", "tags/list", "tags"), "counting", "its events and no others"),
    "method": (in_record("bad_events:increase30s", 'method="get", ', ""), "counting", "its events and no others"),
    "code": (in_record("bad_events:increase30s", "5..", "[45].."), "counting", "its events and no others"),
    "one code": (
        in_record("bad_events:increase30s", 'code=~"5.."', 'code="500"'),
        "counting",
        "its events and no others",
    ),
    "job": (in_record("bad_events:increase30s", 'job="registry"', 'job!=""'), "counting", "its events and no others"),
    "an evaluation longer": (in_record("events:increase30s", "(2 / 3)", "1"), "counting", "its events and no others"),
    "no zero where nothing failed": (
        in_record("bad_events:increase30s", " or 0 * ", " and 0 * "),
        "counting",
        "no failure yet",
    ),
    "budget": (in_record("burn_rate:ratio1h", "/ 0.001", "/ 0.002"), "burning", "1h fires just over"),
    "NaN where nothing happened": (in_record("burn_rate:ratio5m", " > 0)", " >= 0)"), "counting", "no traffic"),
}
EDGE = r'le=~"1|1\\.0"'
LATENCY: dict[str, tuple[Change, str, str]] = {
    name: (in_record("bad_events:increase30s", old, new), "counting", "its events and no others")
    for name, old, new in (
        ("the bucket below", EDGE, 'le="0.5"'),
        ("the bucket above", EDGE, 'le="2.5"'),
        ("only the old spelling", EDGE, 'le="1"'),
        ("only the new spelling", EDGE, 'le="1.0"'),
        ("route of the fast ones", "bucket{" + ROUTE, "bucket{"),
        ("fast in place of slow", " - (", " - 0 * ("),
    )
}
CASES = [("small", name, *case) for name, case in AVAILABILITY.items()]
CASES += [("slow", name, *case) for name, case in LATENCY.items()]
Case = tuple[str, str, Change, str, str]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    return write(outputs.files(pack_of(directory / "pack", small=SMALL, slow=SLOW), GITLAB), directory)


@pytest.mark.parametrize("case", CASES, ids=[f"{one[0]}: {one[1]}" for one in CASES])
def test_a_broken_rule_fails_its_test(promtool: Path, build: Path, tmp_path: Path, case: Case) -> None:
    slo, name, change, kind, test = case
    rule_file = tmp_path / f"rules/slo-{slo}.yaml"
    rule_file.parent.mkdir()
    rule_file.write_bytes((build / "prometheus/rules" / rule_file.name).read_bytes())
    tests = tmp_path / f"tests/{slo}.test.yaml"
    tests.parent.mkdir()
    data = yaml.safe_load((build / f"prometheus/tests/{slo}.{kind}.test.yaml").read_text())
    data["tests"] = [group for group in data["tests"] if group["name"] == f"{slo}: {test}"]
    assert len(data["tests"]) == 1
    tests.write_text(yaml.safe_dump(data, sort_keys=False))

    unbroken = run_tests(promtool, tests)
    assert unbroken.returncode == 0, unbroken.stdout + unbroken.stderr

    rules = yaml.safe_load(rule_file.read_text())
    change(rules["groups"][0]["rules"])
    rule_file.write_text(yaml.safe_dump(rules, sort_keys=False))
    broken = run_tests(promtool, tests)
    assert broken.returncode == 1, f"{name}: nothing noticed"
    said = broken.stdout + broken.stderr
    assert "FAILED" in said
    assert "exp:" in said or "exp " in said, said  # another result, not a rule that cannot be read
