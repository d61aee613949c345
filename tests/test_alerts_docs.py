"""docs/alerts.md: its list of all alerts is that of a build, and its measurements are of what is measured."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.config.model import capabilities_of
from regobs.slo import outputs
from regobs.slo.alerts import NAMES
from regobs.slo.reference import HEADING, page
from regobs.slo.rule_files import read_rule_files
from tests.e2e import test_alerts_live as live
from tests.slo.packs import BUNDLED

PAGE = (Path(__file__).parents[1] / "docs/alerts.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| \[(?P<alert>\w+)\]\(\.\./alerts/runbooks/(?P=alert)\.md\)(?P<gitlab>\*?) \| (?P<severity>[a-z, ]+) "
    r"\| (?P<needs>[^|]*) \| (?P<meaning>(?:[^|]|\\\|)+) \| (?P<fired>[^|]+) \|$"
)
LIST = [ROW.match(line) for line in PAGE.partition(HEADING)[2].splitlines() if line.startswith("| [")]
ROWS = {row["alert"]: row for row in LIST if row is not None}
NEEDS = {name: frozenset(map(Capability, re.findall(r"`(\w+)`", row["needs"]))) for name, row in ROWS.items()}
SETS = sorted(set(NEEDS.values()), key=sorted)


@cache
def built(flavor: Flavor) -> set[str]:
    """The alerts of a build with everything switched on."""
    config = Config(flavor=flavor, capabilities=capabilities_of(flavor))
    return set(outputs.manifest(BUNDLED, config)["alerts"])


def plain(flavor: Flavor, capabilities: frozenset[Capability]) -> set[str]:
    """The alerts of rule files in a build with these capabilities."""
    files = read_rule_files(BUNDLED, Config(flavor=flavor, capabilities=capabilities))
    return {rule["alert"] for file in files for group in file.groups for rule in group["rules"] if "alert" in rule}


def test_every_alert_of_a_build_stands_in_the_list_once_and_no_other() -> None:
    assert None not in LIST
    assert len(LIST) == len(ROWS)
    assert ROWS.keys() == built(Flavor.GITLAB) | built(Flavor.DISTRIBUTION)
    assert {name for name, row in ROWS.items() if row["gitlab"]} == built(Flavor.GITLAB) - built(Flavor.DISTRIBUTION)


@pytest.mark.parametrize("needs", SETS, ids=[" ".join(sorted(one)) or "nothing" for one in SETS])
def test_an_alert_is_built_with_what_it_needs_and_not_with_less(needs: frozenset[Capability]) -> None:
    alerts = {name for name, one in NEEDS.items() if one == needs} - set(NAMES.values())
    assert alerts <= plain(Flavor.GITLAB, needs) | plain(Flavor.DISTRIBUTION, needs)
    for one in sorted(needs):
        assert not alerts & plain(Flavor.GITLAB, needs - {one}), one


def test_what_fired_an_alert_is_what_the_tables_above_measured() -> None:
    assert "simulator, replica-lag: 5.5 min, 7.5 min" in ROWS["RegistryReplicasQuarantined"]["fired"]
    assert "GitLab registry 4.32, storage full: 77 s, pager" in ROWS["RegistryDiskFull"]["fired"]
    assert ROWS["RegistryPostMigrationsPending"]["fired"] == "rule tests"
    measured = PAGE.partition(HEADING)[0].replace(
        "RegistryReplicasQuarantined | 5.5 min", "RegistryReplicasQuarantined | 9 min"
    )
    assert "simulator, replica-lag: 9 min, 7.5 min" in page(measured)
    of_tables = set(re.findall(r"^\| [^|]+ \| (Registry\w+)[ ,|]", PAGE.partition(HEADING)[0], re.MULTILINE))
    assert {name for name, row in ROWS.items() if row["fired"] != "rule tests"} >= of_tables
    assert len(of_tables) > 40


def test_what_real_servers_fire_is_measured() -> None:
    measured = re.findall(r"^\| ([^|]+) \| (Registry\w+) \| \d+ min \| [\w ]+ \|$", PAGE, re.MULTILINE)
    assert {alert: fault for fault, alert in measured} == live.SATURATED | live.GONE | live.GONE_LATER
