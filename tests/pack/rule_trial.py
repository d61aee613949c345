"""Whether the tests of the alerts notice a part of an alert that is broken.

    .venv/bin/python -m tests.pack.rule_trial [--prometheus3] [ALERT...]

Every mutant of an alert (tests/pack/mutations.py) becomes an alert of its own, and the cases of the pack ask of it what
they ask of the alert. A mutant is killed where a case fails, or where a build refuses it: the texts of the alert use a
label that it no longer has. Prints those that survive, and how many were killed; exit code 1 where one survives.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from regobs.errors import PromqlError
from regobs.promql.infer import infer
from regobs.promql.nodes import Binary, Expr
from regobs.promql.parse import parse
from regobs.slo.rule_files import RuleFile
from tests.pack.mutations import Mutant, mutants
from tests.slo.conftest import promtool_of
from tests.slo.packs import GITLAB, bundled_rules, run_tests

Json = dict[str, Any]
STEP = 15_000  # ms between two evaluations
# A part of a rule that no test can see broken: the rule says the same without it, or it only saves work.
EQUIVALENT = {
    # The condition repeats what the share counts: where more than half of them fail, enough others do not.
    ("RegistryUploadsFail", "code!="),
    ("RegistryRouteFails", "code!~"),
    # The window chooses the result that the text names; `test_the_first_step_that_fails_is_named` is about it.
    ("RegistryProbeStepFails", "[1h]"),
    # Which tiers it is about is what `test_an_outage_is_in_the_windows_of_each_tier_for_its_time` asks.
    ("RegistryOutageInWindow", "[2h]"),
    # Whether a step fails is asked, not how many probes of the target say so; `test_the_first_step_that_fails_is_named`
    # asks which labels the alert has.
    ("RegistryProbeStepFails", "min by +instance"),
    ("RegistryProbeStepFails", "sum by +instance"),
    # Whether an alert of the endpoint was told, not how many.
    ("RegistryNotificationsSlow", "count by +alertname"),
    # The limiter is one instance of Redis, which a matcher chooses.
    ("RegistryRateLimiterUnreachable", "and on -exported_instance"),
    # An objective has one kind of burn.
    ("RegistryBurnOver", "count by +alertname"),
    # A matcher chooses the tier. Its label is for the routing, which
    # `test_what_holds_a_burn_back_has_the_labels_that_must_be_equal` asks.
    ("RegistryBurnOver", "count by -tier"),
}


@dataclass(frozen=True)
class Trial:
    """How many mutants were tried, how many of them break nothing (`EQUIVALENT`), and those that no test noticed."""

    mutants: int
    equivalent: int
    survived: list[tuple[str, str]]


@cache
def alerts() -> dict[str, tuple[RuleFile, Json]]:
    """The alerts of causes by name, each with the file it is in."""
    files = [file for file in bundled_rules().rule_files if file.groups]
    rules = ((file, rule) for file in files for group in file.groups for rule in group["rules"])
    return {rule["alert"]: (file, rule) for file, rule in rules if "alert" in rule}


@cache
def alert_tests() -> dict[str, Json]:
    return bundled_rules().alert_tests()


def tried(directory: Path, promtool: Path, every: int = 1, names: Iterable[str] = ()) -> Trial:
    """The outcome for the mutants of these alerts, or of all: of each alert every so many-th, each from another on."""
    broken: dict[str, dict[str, Mutant]] = {}
    count = 0
    for index, alert in enumerate(sorted(names or alerts().keys() - {"RegistryWatchdog"})):
        chosen = list(enumerate(mutants(alerts()[alert][1], STEP)))[index % every :: every]
        broken[alert] = {f"{alert}Mutant{number}": mutant for number, mutant in chosen if not _refused(mutant.rule)}
        count += len(chosen)
    seen = _noticed(directory, promtool, broken)
    unseen = [(alert, mutant.what) for alert, of in broken.items() for alias, mutant in of.items() if alias not in seen]
    survived = [one for one in unseen if one not in EQUIVALENT]
    return Trial(count, len(unseen) - len(survived), survived)


def _noticed(directory: Path, promtool: Path, broken: dict[str, dict[str, Mutant]]) -> set[str]:
    """The mutants that a case fails with. A rule that ends in an error hides the others: they are asked once more."""
    seen: set[str] = set()
    while broken:
        files = [file for alert, of in broken.items() if of for file in _written(directory, alert, of)]
        done = run_tests(promtool, *files)
        said = done.stdout + done.stderr
        seen |= set(re.findall(r"\w+Mutant\d+", said))
        wrong = set(re.findall(r"rule: (\w+Mutant\d+), time: .*, err: ", said))
        left = {alert: {alias: one for alias, one in of.items() if alias not in seen} for alert, of in broken.items()}
        broken = {alert: of for alert, of in left.items() if wrong & broken[alert].keys() and of}
    return seen


def _refused(rule: Json) -> bool:
    """Whether a build refuses the alert: its texts use a label that its expression drops, or the expression is none."""
    texts = rule["annotations"]["summary"] + rule["annotations"]["description"]
    used = set(re.findall(r"\$labels\.(\w+)", texts)) - rule["labels"].keys()
    try:
        sides = [infer(side, GITLAB.vocabulary) for side in _sides(parse(rule["expr"]))]
    except PromqlError:
        return True
    return any(not side.open and side.labels is not None and not used <= side.labels for side in sides)


def _sides(expr: Expr) -> list[Expr]:
    return [*_sides(expr.left), *_sides(expr.right)] if isinstance(expr, Binary) and expr.op == "or" else [expr]


def _written(directory: Path, name: str, broken: dict[str, Mutant]) -> list[Path]:
    """Rule and test files in which each of these mutants of one alert is an alert of its own; the tests."""
    file, rule = alerts()[name]
    cases = [one for one in alert_tests().values() if any(_about(test, name) for test in one["tests"])]
    recorded = [{**group, "rules": [one for one in group["rules"] if "record" in one]} for group in file.groups]
    needed = [group for group in recorded if any(one["record"] in rule["expr"] for one in group["rules"])]
    rules = [
        {**mutant.rule, "alert": alias, "expr": mutant.rule["expr"].replace(name, alias)}
        for alias, mutant in broken.items()
    ]
    groups = [*needed, {"name": "mutants", "rules": rules}]
    written = directory / f"{name}.rules.json"
    written.write_text(json.dumps({"groups": groups}))
    tests = []
    for number, one in enumerate(cases):
        path = directory / f"{name}.{number}.test.json"
        of_alert = [_of_mutants(test, name, list(broken)) for test in one["tests"] if _about(test, name)]
        order = [group["name"] for group in groups]
        path.write_text(json.dumps({**one, "rule_files": [str(written)], "group_eval_order": order, "tests": of_alert}))
        tests.append(path)
    return tests


def _about(test: Json, name: str) -> bool:
    return str(test["name"]).startswith(f"{name}:")


def _of_mutants(test: Json, name: str, aliases: list[str]) -> Json:
    """A test group that asks of every mutant what it asks of the alert."""
    asked = [
        {**one, "expr": one["expr"].replace(f'"{name}"', f'"{alias}"')}
        for alias in aliases
        for one in test["promql_expr_test"]
    ]
    return {**test, "promql_expr_test": asked}


def main() -> int:
    """Try the alerts that the command line names, or all."""
    names = [one for one in sys.argv[1:] if one != "--prometheus3"]
    program = promtool_of("debian" if len(names) == len(sys.argv) - 1 else "3.x")
    with tempfile.TemporaryDirectory(prefix="regobs-mutants.") as folder:
        found = tried(Path(folder), program, names=names)
    for alert, part in found.survived:
        print(f"survived: {alert}: {part}")
    killed = found.mutants - found.equivalent - len(found.survived)
    print(
        f"{killed} of {found.mutants} mutants killed, {found.equivalent} break nothing, {len(found.survived)} survived"
    )
    return 1 if found.survived else 0


if __name__ == "__main__":
    sys.exit(main())
