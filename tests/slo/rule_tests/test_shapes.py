"""SLOs of one shape: one has all generated tests, and the tests of the others notice what may differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.slo import outputs, rule_tests
from regobs.slo.rule_tests.counters import counters
from regobs.slo.rule_tests.measured import fed_values
from tests.slo.packs import BUNDLED, CONFIGS, GITLAB, SMALL, bundled_rules, pack_of, run_tests, write

Rule = dict[str, Any]
TWIN = (
    SMALL.replace("name: small", "name: twin")
    .replace("Small things", "Twins")
    .replace("operation: small", "operation: twin")
    .replace("route: tags", "route: manifest")
)
OWN = {"counting", "burning", "falling"}


def kinds(files: dict[str, bytes], slo: str) -> set[str]:
    """The kinds of test files of an SLO, windows left out."""
    names = [name.removeprefix("prometheus/tests/") for name in files if name.startswith(f"prometheus/tests/{slo}.")]
    return {name.split(".")[1].partition("-")[0] for name in names}


def has_all_thresholds(files: dict[str, bytes], slo: str) -> bool:
    """Whether an SLO has the tests of thresholds that one of each shape has."""
    return b": 1h silent just under" in files[f"prometheus/tests/{slo}.burning.test.yaml"]


def has_outage(files: dict[str, bytes], slo: str) -> bool:
    """Whether an SLO has the test of an outage from beginning to end."""
    return b": one outage, one alert" in files[f"prometheus/tests/{slo}.counting.test.yaml"]


@pytest.mark.parametrize("flavor", CONFIGS)
def test_one_bundled_slo_of_each_shape_has_all_tests_and_each_other_one_its_own(flavor: str) -> None:
    files = outputs.files(BUNDLED, CONFIGS[flavor])
    shapes: dict[str, list[str]] = {}
    for one in bundled_rules(flavor).slos:
        shapes.setdefault(rule_tests.shape(one.slo, one.group), []).append(one.slo.name)
    compared = {
        one.slo.name
        for one in bundled_rules(flavor).slos
        if not counters(one.slo, CONFIGS[flavor]) and not fed_values(one.slo, CONFIGS[flavor])
    }
    assert 1 < len(shapes) < len(bundled_rules(flavor).slos) / 2
    for first, *others in shapes.values():
        assert has_all_thresholds(files, first)
        assert [has_all_thresholds(files, other) for other in others] == [other in compared for other in others]
        assert kinds(files, first) == OWN | {"summing"}
        assert has_outage(files, first)
        assert [(kinds(files, other), has_outage(files, other)) for other in others] == [(OWN, False)] * len(others)


@pytest.mark.parametrize(
    ("old", "new", "thresholds", "sums"),
    [
        ("Twins work", "Twins work well", False, False),
        ("target: 0.999", "target: 0.9991", False, False),
        ("target: 0.999", "timeSliceTarget: 0.9, timeSliceWindow: 1m, target: 0.999", True, True),
    ],
    ids=["title", "target", "slices"],
)
def test_another_title_or_target_is_the_same_shape_and_slices_have_thresholds_and_sums_of_their_own(
    tmp_path: Path, old: str, new: str, *, thresholds: bool, sums: bool
) -> None:
    text = TWIN.replace(old, new)
    if "timeSlice" in new:
        text = text.replace("Occurrences", "Timeslices")
    files = outputs.files(pack_of(tmp_path, small=SMALL, twin=text), GITLAB)
    assert has_all_thresholds(files, "twin") == thresholds
    assert kinds(files, "twin") == OWN | ({"summing"} if sums else set())


def renamed(part: str) -> Callable[[Rule], None]:
    """Read the series of the other SLO of the shape."""

    def change(rule: Rule) -> None:
        texts = rule["annotations"] if part == "description" else rule
        assert "twin" in texts[part]
        texts[part] = texts[part].replace("twin", "small")

    return change


def replaced(old: str, new: str) -> Callable[[Rule], None]:
    """Another text in the expression."""

    def change(rule: Rule) -> None:
        assert old in rule["expr"], rule["expr"]
        rule["expr"] = rule["expr"].replace(old, new)

    return change


def dropped(begins: str, *, last: bool = False) -> Callable[[Rule], None]:
    """The expression without the first line that begins so, or without the last one."""

    def change(rule: Rule) -> None:
        lines = rule["expr"].splitlines()
        places = [place for place, line in enumerate(lines) if line.strip().startswith(begins)]
        del lines[places[-1 if last else 0]]
        rule["expr"] = "\n".join(lines) + "\n"

    return change


RECORDED = [
    "events:increase5m",
    "bad_events:increase30m",
    "events:increase1h",
    "evaluations:count1h",
    "events:increase2h",
    "bad_events:increase6h",
    "bad_events:increase3d",
    "evaluations:count28d",
    "burn_rate:ratio5m",
    "burn_rate:ratio6h",
    "burn_rate:ratio3d",
    "burn_rate:ratio28d",
    "budget_remaining:ratio",
    "budget_spent:ratio1d",
    "recovery:evidence5m_1h",
    "recovery:evidence30m_1h",
    "recovery:evidence2h_1d",
    "recovery:evidence6h_1d",
]
CASES: dict[str, tuple[str, Callable[[Rule], None]]] = {
    **{f"{name} of another SLO": (name, renamed("expr")) for name in RECORDED},
    **{f"{tier} of another SLO": (tier, renamed("expr")) for tier in ("1h", "6h", "1d", "3d")},
    **{f"the text of {tier} is of another SLO": (tier, renamed("description")) for tier in ("1h", "3d")},
    "another promise": ("target:ratio", replaced("0.99", "0.98")),
    "another budget": ("burn_rate:ratio1d", replaced("/ 0.00", "/ 0.01")),
    "another route": ("bad_events:increase30s", replaced('route="/v2/{name}/manifests/{reference}"', 'route!=""')),
    "another code": ("bad_events:increase30s", replaced("5..", "[45]..")),
    "1h fires too late": ("1h", replaced("13.44", "14")),
    "1h fires too early": ("1h", replaced("13.44", "13")),
    "3d fires too late": ("3d", replaced("(14 / 15)", "1")),
    "3d fires too early": ("3d", replaced("(14 / 15)", "0.9")),
    "another budget in the evidence of 2h": ("recovery:evidence2h_1d", replaced(" 0.00", " 1.01 * 0.00")),
    "another budget in the evidence of 6h": ("recovery:evidence6h_1d", replaced(" 0.00", " 2 * 0.00")),
    "1h does not ask for a short window": ("1h", dropped("and registry:slo_burn_rate:ratio5m")),
    "6h asks for less of its short window": (
        "6h",
        replaced('ratio30m{slo="twin"} > 5.6', 'ratio30m{slo="twin"} > 5.4'),
    ),
    "1d does not ask what was watched": ("1d", dropped("unless registry:slo_burn_rate:ratio1d")),
    "1h takes one failure for evidence": ("1h", replaced("> 1.5", "> 0.5")),
    "6h takes one failure for evidence": ("6h", dropped("and registry:slo_bad_events:increase30m")),
    "3d takes one failure for evidence": ("3d", dropped("and registry:slo_bad_events:increase6h")),
    "1h needs more proof": ("1h", replaced("> 4.6052", "> 5")),
    "6h needs less proof": ("6h", replaced("> 4.6052", "> 4.2")),
    "3d needs no proof": ("3d", dropped("and registry:slo_bad_events:increase3d")),
    "1h ends too early": ("1h", replaced("<= 2.8", "<= 2.9")),
    "6h does not end in 30m": ("6h", dropped("unless registry:slo_recovery:evidence30m_1h", last=True)),
    "1d ends too late": ("1d", replaced("<= (7 / 15)", "<= 0.45")),
    "3d does not end": ("3d", dropped("unless registry:slo_burn_rate:ratio1d")),
    "two at a time": ("6h", dropped("unless on (slo) count_over_time")),
    "a ticket beside a page": ("1d", dropped("unless on (slo) count_over_time")),
    "a second page for what the first told of": ("1h", dropped("unless on (slo) (count_over_time")),
    "it does not go on": ("3d", replaced('ratio3d{slo="twin"} > 0\n', 'ratio3d{slo="twin"} > 0.9\n')),
}


@pytest.fixture(scope="module", params=["0.999", pytest.param("0.995", marks=pytest.mark.long)])
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    twin = TWIN.replace("target: 0.999", f"target: {request.param}")
    return write(outputs.files(pack_of(directory / "pack", small=SMALL, twin=twin), GITLAB), directory)


def own_tests(build: Path) -> list[Path]:
    return sorted((build / "prometheus/tests").glob("twin.*.test.yaml"))


def test_the_tests_of_the_second_slo_of_a_shape_pass(promtool: Path, build: Path) -> None:
    assert len(own_tests(build)) == len(OWN)
    done = run_tests(promtool, *own_tests(build))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES)
def test_what_differs_within_a_shape_is_missed_when_it_is_broken(
    promtool: Path, build: Path, tmp_path: Path, case: str
) -> None:
    name, change = CASES[case]
    data = yaml.safe_load((build / "prometheus/rules/slo-twin.yaml").read_text())
    rules = data["groups"][0]["rules"]
    (rule,) = (
        one for one in rules if name in (one.get("record", "").removeprefix("registry:slo_"), one["labels"].get("tier"))
    )
    change(rule)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/slo-twin.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    (tmp_path / "tests").mkdir()
    copies = [tmp_path / "tests" / test.name for test in own_tests(build)]
    for copy, test in zip(copies, own_tests(build), strict=True):
        copy.write_bytes(test.read_bytes())
    broken = run_tests(promtool, *copies)
    assert broken.returncode == 1, f"{case}: nothing noticed"
    assert "exp" in broken.stdout + broken.stderr
