"""What docs/deploy.md says exists: commands, settings and numbers."""

import re
from pathlib import Path

import pytest
import yaml

from regobs.config import read_config
from regobs.config.named import ObjectKind
from regobs.deploy import planning, rules_directory, state
from tests.test_docs import check_command

TEXT = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text(encoding="utf-8")
COMMANDS = sorted({*re.findall(r"`(regobs deploy [^`]*)`", TEXT), *re.findall(r"^\$ (regobs .*)$", TEXT, re.MULTILINE)})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_exists(line: str) -> None:
    check_command(line)


def test_the_settings_of_the_page_are_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    names = ["rules", "cortex", "alerts", "dashboards", "cluster", "logs", "kibana"]
    assert list(read_config(example, Path("regobs.toml")).deploy) == names


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    words = " ".join(TEXT.split())
    assert f"waited for {rules_directory.VERIFY_SECONDS / 60:.0f} minutes" in words
    assert f"the last {state.KEPT} states" in words
    assert f"waits {planning.WAIT:.0f} seconds" in words


def test_the_role_of_the_page_lets_one_do_what_a_target_does() -> None:
    (text,) = re.findall(r"```yaml role.yaml\n(.*?)```", TEXT, re.DOTALL)
    rules = yaml.safe_load(text)["rules"]
    assert {kind for rule in rules for kind in rule["resources"]} == {f"{kind.lower()}s" for kind in ObjectKind}
    assert all(rule["verbs"] == ["list", "create", "patch", "delete"] for rule in rules)
