"""What importing costs: a registry process that emits metrics must not load the tools of those who look at them.

The side of the registry process is the catalog, the errors and `regobs.instrument`.
"""

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

INSTRUMENTATION = ("regobs", "regobs.errors", "regobs.catalog", "regobs.instrument")
HEAVY = ("click", "duckdb", "grafanalib", "jsonschema_rs", "pandas", "promql_parser", "requests", "yaml")
BUDGET_MS = 60
ROUNDS = 7


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in run.stdout.split()}


def wall_ms(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - began) * 1000


@pytest.mark.parametrize("module", INSTRUMENTATION)
def test_the_side_of_the_registry_process_loads_none_of_the_heavy_packages(module: str) -> None:
    if find_spec(module) is None or find_spec(module).origin is None:  # type: ignore[union-attr]
        pytest.skip(f"{module} does not exist yet")
    assert loaded_by(f"import {module}") & set(HEAVY) == set()


def test_importing_the_catalog_stays_within_its_budget() -> None:
    # The difference of the fastest runs: whatever else the machine does only ever adds time.
    with_catalog = [wall_ms("import regobs.catalog") for _ in range(ROUNDS)]
    bare = [wall_ms("pass") for _ in range(ROUNDS)]
    assert min(with_catalog) - min(bare) < BUDGET_MS, statistics.median(with_catalog) - statistics.median(bare)


def test_the_help_of_the_command_loads_no_subcommand() -> None:
    loaded = loaded_by("from regobs.cli.main import run\nrun(['--help'])")
    assert loaded & (set(HEAVY) - {"click"}) == set()


def test_a_build_loads_no_http_client() -> None:
    assert "requests" not in loaded_by("import regobs.build.produce, regobs.cli.build")
