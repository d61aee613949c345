"""The wheel: it holds what git knows, nothing else, and works from an empty environment and from `/`."""

import ast
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from regobs import __version__
from regobs.pack import FOLDERS

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of the source distribution as an index would get it."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", directory, ROOT)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the wheel and its dependencies, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    run(environment / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    return environment / "bin"


def test_the_wheel_holds_exactly_the_files_that_git_knows(wheel: Path) -> None:
    known = run("git", "ls-files", "src/regobs", *FOLDERS).splitlines()
    expected = {
        name.removeprefix("src/") if name.startswith("src/") else f"regobs/_pack/{name}"
        for name in known
        if (ROOT / name).exists()
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names - expected == set(), "in the wheel but not in git"
    assert expected - names == set(), "in git but not in the wheel"


def test_the_wheel_carries_licence_types_and_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"regobs-{__version__}.dist-info/METADATA").decode()
    assert "regobs/py.typed" in names
    assert f"regobs-{__version__}.dist-info/licenses/LICENSE" in names
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_the_installed_command_answers_from_the_root_directory(installed: Path) -> None:
    assert run(installed / "regobs", "--version", cwd=Path("/")) == f"regobs, version {__version__}\n"


def test_the_installed_command_builds_what_the_checkout_builds(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "regobs", "build", "--out", tmp_path / "wheel", cwd=Path("/"))
    assert "site-packages/regobs/_pack (bundled)" in said
    run(sys.executable, "-m", "regobs", "build", "--out", tmp_path / "checkout", cwd=Path("/"))
    run("diff", "-r", tmp_path / "wheel", tmp_path / "checkout")


@pytest.mark.parametrize("module", ["click", "yaml", "grafanalib.core", "requests", "prometheus_client"])
def test_what_the_engine_imports_is_a_declared_dependency(installed: Path, module: str) -> None:
    run(installed / "python", "-c", f"import {module}", cwd=Path("/"))


# Modules that adapt a package which whoever imports them has already, and those of an extra.
ADAPTERS = {
    **{
        f"regobs.budgets.{name}": "numpy"
        for name in ("backtest", "explain", "past", "replay", "report", "report_page", "stream")
    },
    "regobs.cli.query_prompt": "plotext",
    "regobs.exporters.database": "psycopg",
    "regobs.exporters.database_connection": "psycopg",
    "regobs.instrument.adapters.otel": "opentelemetry",
    "regobs.instrument.adapters.redis": "redis",
    "regobs.instrument.adapters.sql_alchemy": "sqlalchemy",
    "regobs.testing.fixtures": "pytest",
    "regobs.top.app": "rich",
}
IMPORT_ALL = """
import importlib, pkgutil, regobs
missing, imported = {}, 0
for module in pkgutil.walk_packages(regobs.__path__, "regobs."):
    if not module.name.endswith("__main__") and "_pack" not in module.name:
        try:
            importlib.import_module(module.name)
            imported += 1
        except ModuleNotFoundError as error:
            missing[module.name] = error.name
print(imported, missing, sep="\\n")
"""


def test_every_module_of_the_wheel_but_the_adapters_can_be_imported_without_extras(installed: Path) -> None:
    imported, missing = run(installed / "python", "-W", "error", "-c", IMPORT_ALL, cwd=Path("/")).splitlines()
    assert ast.literal_eval(missing) == ADAPTERS
    assert int(imported) > 50
