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
    "threshold 1h higher": (in_alert("1h", "expr", "> 13.44", "> 14"), "edges", "1h fires just over"),
    "threshold 1h lower": (in_alert("1h", "expr", "> 13.44", "> 13"), "windows", "1h short window alone"),
    "both thresholds 1h lower": (in_alert("1h", "expr", "13.44", "13"), "course", "1h silent just under"),
    "threshold 6h higher": (in_alert("6h", "expr", "> 5.6", "> 6"), "edges", "6h fires just over"),
    "threshold 6h lower": (in_alert("6h", "expr", "> 5.6", "> 5.5"), "windows", "6h short window alone"),
    "both thresholds 6h lower": (in_alert("6h", "expr", "5.6", "5.5"), "course", "6h silent just under"),
    "threshold 1d higher": (in_alert("1d", "expr", "> 2.8", "> 3"), "edges", "1d fires just over"),
    "threshold 1d lower": (in_alert("1d", "expr", "> 2.8", "> 2.7"), "windows", "1d short window alone"),
    "threshold 3d higher": (in_alert("3d", "expr", "> 14 / 15", "> 1"), "edges", "3d fires just over"),
    "threshold 3d lower": (in_alert("3d", "expr", "> 14 / 15", "> 0.9"), "windows", "3d short window alone"),
    "both thresholds 3d lower": (in_alert("3d", "expr", "14 / 15", "13 / 15"), "course", "3d silent just under"),
    "long window of another tier": (in_alert("6h", "expr", "ratio6h", "ratio1h"), "windows", "6h is that long"),
    "short window of another tier": (in_alert("1h", "expr", "ratio5m", "ratio30m"), "course", "silent after recovery"),
    "short window left out": (in_alert("3d", "expr", "unless", "unless 0 >"), "windows", "3d silent after recovery"),
    "and in place of unless": (
        in_alert("1h", "expr", "unless registry:slo_burn_rate:ratio5m", "and -registry:slo_burn_rate:ratio5m"),
        "course",
        "still firing when traffic stops",
    ),
    "one failure is enough": (in_alert("3d", "expr", "> 1.5\n", "> 0.5\n"), "windows", "3d one event, a failure"),
    "less proof than asked": (
        in_alert("1h", "expr", "> 4.6052", "> 3"), "windows", "1h failures that may be an accident"
    ),
    "more proof than asked": (
        in_alert("6h", "expr", "> 4.6052", "> 7"), "windows", "6h failures that are hardly an accident"
    ),
    "for 1h longer": (in_alert("1h", "for", "2m", "3m"), "edges", "1h fires just over"),
    "for 1h shorter": (in_alert("1h", "for", "2m", "1m"), "edges", "1h fires just over"),
    "for 6h longer": (in_alert("6h", "for", "10m", "11m"), "edges", "6h fires just over"),
    "for 1d shorter": (in_alert("1d", "for", "30m", "29m"), "edges", "1d fires just over"),
    "for 3d longer": (in_alert("3d", "for", "1h", "61m"), "edges", "3d fires just over"),
    "severity": (in_alert("6h", "severity", "page", "ticket"), "edges", "6h fires just over"),
    "a number in the text": (
        in_alert("1h", "description", "* (25 / 168)", "* (25 / 16)"), "edges", "1h fires just over"
    ),
    "window 5m": (in_record("bad_events:increase5m", "[5m]", "[15m]"), "course", "silent after recovery"),
    "window 30m longer": (in_record("bad_events:increase30m", "[30m:", "[1h:"), "course", "silent after recovery"),
    "window 1h longer": (in_record("events:increase1h", "[1h:", "[90m:"), "course", "1h is that long"),
    "window 1h shorter": (in_record("events:increase1h", "[1h:", "[50m:"), "course", "1h is that long"),
    "window 6h longer": (in_record("events:increase6h", "[6h:", "[9h:"), "windows", "6h is that long"),
    "window 6h shorter": (in_record("events:increase6h", "[6h:", "[5h:"), "windows", "6h is that long"),
    "window 1d longer": (in_record("events:increase1d", "[1d:", "[36h:"), "windows", "1d is that long"),
    "window 3d shorter": (in_record("events:increase3d", "[3d:", "[2d:"), "windows", "3d is that long"),
    "route": (in_record("events:increase5m", ROUTE, ""), "edges", "1h fires just over"),
    "route of the bad ones": (in_record("bad_events:increase5m", ROUTE, ""), "course", "1h silent just under"),
    "another route": (in_record("bad_events:increase5m", "tags/list", "tags"), "edges", "1h fires just over"),
    "method": (in_record("bad_events:increase5m", 'method="get", ', ""), "course", "1h silent just under"),
    "code": (in_record("bad_events:increase5m", "5..", "[45].."), "course", "1h silent just under"),
    "one code": (in_record("bad_events:increase5m", 'code=~"5.."', 'code="500"'), "edges", "1h fires just over"),
    "job": (in_record("bad_events:increase5m", 'job="registry"', 'job!=""'), "course", "1h silent just under"),
    "no zero where nothing failed": (
        in_record("bad_events:increase5m", " or 0 * ", " and 0 * "), "edges", "no failure yet"
    ),
    "budget": (in_record("burn_rate:ratio1h", "/ 0.001", "/ 0.002"), "edges", "1h fires just over"),
    "NaN where nothing happened": (in_record("burn_rate:ratio5m", " > 0)", " >= 0)"), "edges", "no traffic"),
}  # fmt: skip
EDGE = r'le=~"1|1\\.0"'
LATENCY: dict[str, tuple[Change, str, str]] = {
    "the bucket below": (in_record("bad_events:increase5m", EDGE, 'le="0.5"'), "course", "1h silent just under"),
    "the bucket above": (in_record("bad_events:increase5m", EDGE, 'le="2.5"'), "edges", "1h fires just over"),
    "only the old spelling": (in_record("bad_events:increase5m", EDGE, 'le="1"'), "course", "1h silent just under"),
    "only the new spelling": (in_record("bad_events:increase5m", EDGE, 'le="1.0"'), "course", "1h silent just under"),
    "route of the fast ones": (
        in_record("bad_events:increase5m", "bucket{" + ROUTE, "bucket{"), "edges", "1h fires just over"
    ),
    "fast in place of slow": (in_record("bad_events:increase5m", " - (", " - 0 * ("), "course", "1h silent just under"),
}  # fmt: skip
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
    for part in (f"rules/slo-{slo}.yaml", f"rules/slo-{slo}.budget.yaml"):
        path = tmp_path / part
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((build / "prometheus" / part).read_bytes())
    tests = tmp_path / f"tests/{slo}.test.yaml"
    tests.parent.mkdir()
    data = yaml.safe_load((build / f"prometheus/tests/{slo}.{kind}.test.yaml").read_text())
    data["tests"] = [group for group in data["tests"] if group["name"] == f"{slo}: {test}"]
    assert len(data["tests"]) == 1
    tests.write_text(yaml.safe_dump(data, sort_keys=False))

    unbroken = run_tests(promtool, tests)
    assert unbroken.returncode == 0, unbroken.stdout + unbroken.stderr

    rule_file = tmp_path / f"rules/slo-{slo}.yaml"
    rules = yaml.safe_load(rule_file.read_text())
    change(rules["groups"][0]["rules"])
    rule_file.write_text(yaml.safe_dump(rules, sort_keys=False))
    broken = run_tests(promtool, tests)
    assert broken.returncode == 1, f"{name}: nothing noticed"
    said = broken.stdout + broken.stderr
    assert "FAILED" in said
    assert "exp:" in said or "exp " in said, said  # another result, not a rule that cannot be read
