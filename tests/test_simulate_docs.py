"""The page about simulated fleets: its tables are those of the model, its commands exist, what it configures works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from regobs.config import read_config
from regobs.simulate.control import TARGETS
from regobs.simulate.faults import EFFECTS
from regobs.simulate.plan_file import SETTINGS
from regobs.simulate.traffic import REQUESTS
from tests.test_docs import check_command

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/simulate.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    """The cells of the table below this head."""
    found = re.search(rf"^{re.escape(head)}\n\|[-| :]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]


def test_the_faults_of_the_page_are_those_of_the_model_with_their_alerts() -> None:
    alerts = {name: ", ".join(f"`{one}`" for one in effect.alerts) for name, effect in EFFECTS.items()}
    wanted = [[f"`{name}`", effect.text, alerts[name]] for name, effect in EFFECTS.items()]
    assert rows("| fault | what happens | alerts |") == wanted


def test_each_alert_of_a_fault_has_a_runbook() -> None:
    for effect in EFFECTS.values():
        assert all((ROOT / f"alerts/runbooks/{alert}.md").is_file() for alert in (*effect.alerts, *effect.pains))


def test_the_requests_of_the_page_are_those_of_the_model() -> None:
    assert rows("| request | weight |") == [[f"`{kind.name}`", f"{kind.weight:g}"] for kind in REQUESTS]


def test_the_tables_of_a_plan_are_all_named_with_their_settings() -> None:
    found = rows("| table | what it says |")
    named = {table.strip("`[]"): set(re.findall(r"`([a-z0-9]+)`", text)) for table, text in found}
    assert named.pop("at the top") == set(SETTINGS[""])
    assert named == {section: set(keys) for section, keys in SETTINGS.items() if section}


@pytest.mark.parametrize("line", re.findall(r"^\$ regobs .*", PAGE, re.MULTILINE))
def test_a_command_of_the_page_exists_with_its_options(line: str) -> None:
    check_command(line)


def test_what_the_page_configures_is_read() -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    found = yaml.safe_load(block[1])["scrape_configs"][0]["http_sd_configs"][0]["url"]
    assert found.endswith(TARGETS)
    setting = re.search(r'`(shard = "zone")` under `\[labels\]`', PAGE)
    assert setting is not None
    assert read_config(f"[labels]\n{setting[1]}", ROOT / "regobs.toml").rules_scope.keep == ("zone",)


def test_the_page_is_linked_and_links_the_example() -> None:
    assert "(docs/simulate.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert all((ROOT / "docs" / target).is_file() for target in re.findall(r"\]\(([^)#:]+)\)", PAGE))


def test_the_delay_of_each_alert_of_each_fault_is_measured() -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    measured = set(re.findall(r"^\| ([a-z-]+) \| (Registry\w+) \| [\d.]+ min \|", page, re.MULTILINE))
    assert {(str(fault), alert) for fault, effect in EFFECTS.items() for alert in effect.alerts} <= measured
