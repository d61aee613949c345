from __future__ import annotations

import json
import subprocess
import sys

import pytest

from regobs import instrument

HEAVY = {"click", "grafanalib", "pandas", "duckdb", "yaml", "requests", "prometheus_client", "jsonschema_rs", "numpy"}
# CPU seconds, because other processes of the machine must not count.
CODE = """
import json, sys, time
start = time.process_time()
import regobs.instrument
spent = time.process_time() - start
print(json.dumps([spent, sorted(name.partition(".")[0] for name in sys.modules)]))
"""


def test_importing_the_library_is_cheap_and_loads_no_third_party_package() -> None:
    spent, modules = [], set()
    for _ in range(5):
        run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
        seconds, names = json.loads(run.stdout)
        spent.append(seconds)
        modules |= set(names)
    assert min(spent) < 0.060
    assert modules & HEAVY == set()


def test_using_it_without_a_prometheus_client_registry_loads_none_of_them_either() -> None:
    code = """
import json, sys
from regobs.catalog import http
from regobs.instrument import Instruments
instruments = Instruments("gitlab")
instruments.http.finish("blob", "GET", 200, 0.1, 10, 10, 0.1)
assert instruments.render()
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(run.stdout)) & HEAVY == set()


def test_every_public_name_can_be_imported() -> None:
    for name in instrument.__all__:
        assert getattr(instrument, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = instrument.Nothing
