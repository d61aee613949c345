"""What docs/budgets.md says exists: commands, options and columns."""

import re
from datetime import UTC
from pathlib import Path

import pytest

from regobs.budgets import backtest, explain, report
from regobs.budgets.backtest import objectives_of, read_incidents
from tests.slo.packs import BUNDLED, GITLAB
from tests.test_docs import check_command

TEXT = (Path(__file__).parents[1] / "docs" / "budgets.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^\$ (regobs .*)$", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_exists_with_its_options(line: str) -> None:
    check_command(f"$ {line}")


def test_the_page_names_the_outages_that_are_explained() -> None:
    said = re.findall(r"outage of (\d+) %, (\d+) % and (\d+) %", " ".join(TEXT.split()))
    assert said == [tuple(f"{share * 100:.0f}" for share in explain.SHARES)]


def test_every_change_of_the_page_is_one_that_is_taken() -> None:
    changes = re.findall(r"`((?:SLO\.|1h\.)?[a-z_]+=[\w.]+)`", TEXT)
    assert len(changes) >= 7
    named = [text.replace("SLO.", "tag-list-latency.") for text in changes]
    for text in named:
        objectives_of(BUNDLED, GITLAB, ["tag-list-latency"], "changed", [text])


def test_the_incident_of_the_page_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "incidents.yaml").write_text(example)
    (incident,) = read_incidents(tmp_path / "incidents.yaml", UTC, 0)
    assert incident.end - incident.begin == 90 * 60_000


def test_the_page_says_what_a_burn_is() -> None:
    assert f"{report.LEAST_SHARE:.1%}".replace("%", " %") in TEXT
    assert "within two evaluations" in " ".join(TEXT.split())
    assert backtest.GRACE == 2
