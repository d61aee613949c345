"""The help of every command as manual pages."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from regobs.cli.main import COMMANDS, regobs, run
from regobs.cli.man import pages


def test_each_command_has_a_page_that_names_its_options(tmp_path: Path) -> None:
    assert run(["man", str(tmp_path)]) == 0
    written = {path.stem for path in tmp_path.iterdir()}
    assert {"regobs", *(f"regobs-{name}" for name in COMMANDS)} <= written
    assert {"regobs-logs-run", "regobs-catalog-show"} <= written
    page = (tmp_path / "regobs-build.1").read_text()
    assert ".B \\-\\-out DIR" in page
    assert "Write dashboards, provisioning" in page


@pytest.mark.server
def test_the_pages_are_right_for_the_formatter_of_manual_pages(tmp_path: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed: apt-get install mandoc")
    run(["man", str(tmp_path)])
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "error", *tmp_path.iterdir()], check=False, capture_output=True, text=True
    )
    assert done.stdout == ""
    shown = subprocess.run(["mandoc", "-T", "ascii", tmp_path / "regobs.1"], check=True, capture_output=True, text=True)
    assert "Exit codes: 0 fine, 1 a check found a difference" in " ".join(shown.stdout.split())


def test_a_text_of_a_help_asks_the_formatter_for_nothing() -> None:
    command = click.Command("x", help="What.\n\n.TH evil\\n\n\n\b\n'so file\n  kept", params=[])
    ((_, page),) = pages(command, "x")
    assert "\n\\&.TH evil\\en\n" in page
    assert "\n.nf\n\\&'so file\n  kept\n.fi\n" in page


def test_a_file_in_the_place_of_the_folder_is_an_input_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["man", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_the_root_names_all_commands() -> None:
    root = dict(pages(regobs, "regobs"))["regobs"]
    assert all(f"regobs\\-{name}" in root for name in COMMANDS)
