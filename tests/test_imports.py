"""What importing costs: a registry process that emits metrics must not load the tools of those who look at them.

The side of the registry process is the catalog, the errors and `regobs.instrument`.
"""

import resource
import subprocess
import sys

import pytest

INSTRUMENTATION = ("regobs", "regobs.errors", "regobs.catalog.index", "regobs.instrument")
HEAVY = ("click", "duckdb", "grafanalib", "jsonschema_rs", "pandas", "promql_parser", "requests", "yaml")
BUDGET_MS = 60
RIVAL_SHARE = 0.8
ROUNDS = 15


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in run.stdout.split()}


def cpu_ms(statement: str) -> float:
    """CPU time of one process: on an idle machine an import's wall time, on a busy one still nearly that."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@pytest.mark.parametrize("module", INSTRUMENTATION)
def test_the_side_of_the_registry_process_loads_none_of_the_heavy_packages(module: str) -> None:
    assert loaded_by(f"import {module}") & set(HEAVY) == set()


@pytest.mark.parametrize(
    "statement",
    ["import regobs.instrument", "from regobs.catalog import gc, http, storage", "import regobs.catalog.index"],
)
def test_importing_the_side_of_the_registry_process_stays_within_its_budget(statement: str) -> None:
    # The fastest run counts, because whatever else the machine does only ever adds time; most need three rounds. Where
    # even that is over the budget, the machine may be slow: then the import must cost clearly less than the library
    # that a process would import instead.
    ours, bare, rival = [], [], []
    for _ in range(ROUNDS):
        ours.append(cpu_ms(statement))
        bare.append(cpu_ms("pass"))
        rival.append(cpu_ms("import prometheus_client"))
        cost, rival_cost = min(ours) - min(bare), min(rival) - min(bare)
        if len(ours) >= 3 and (cost < BUDGET_MS or cost < RIVAL_SHARE * rival_cost):
            return
    pytest.fail(
        f"{statement}: {cost:.0f} ms of CPU; the budget is {BUDGET_MS} ms, prometheus_client {rival_cost:.0f} ms"
    )


def test_the_help_of_the_command_loads_no_subcommand() -> None:
    loaded = loaded_by("from regobs.cli.main import run\nrun(['--help'])")
    assert loaded & (set(HEAVY) - {"click"}) == set()


def test_a_build_loads_no_http_client() -> None:
    assert "requests" not in loaded_by("import regobs.build.produce, regobs.cli.build")
