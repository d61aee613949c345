from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from regobs.catalog import METRICS, process, python_runtime
from regobs.catalog.check import check
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments
from regobs.instrument.adapters.process import observe_process
from regobs.testing import assert_moved, sample, series

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")


@pytest.fixture
def instruments() -> Instruments:
    made = Instruments("gitlab", strict=True)
    observe_process(made)
    return made


def test_the_numbers_are_those_of_the_client_library(instruments: Instruments) -> None:
    theirs = {one.name: one.samples[0].value for one in ProcessCollector(registry=None).collect()}
    assert sample(instruments, process.CPU) == pytest.approx(theirs["process_cpu_seconds"], abs=0.5)
    for metric in (process.RESIDENT_MEMORY, process.VIRTUAL_MEMORY):
        assert sample(instruments, metric) == pytest.approx(theirs[metric.name], rel=0.2)
    assert sample(instruments, process.MAX_FDS) == theirs["process_max_fds"]
    assert sample(instruments, process.START_TIME) == pytest.approx(theirs["process_start_time_seconds"], abs=0.1)
    assert 0 < sample(instruments, process.START_TIME) <= time.time()


def test_a_file_that_is_opened_is_counted_until_it_is_closed(instruments: Instruments) -> None:
    before = sample(instruments, process.OPEN_FDS)
    with Path(os.devnull).open():
        assert sample(instruments, process.OPEN_FDS) == before + 1
    assert sample(instruments, process.OPEN_FDS) == before


def test_every_family_of_the_real_process_collector_is_there(instruments: Instruments) -> None:
    shown = {family.metric.name for family in instruments.families()}
    assert {metric.name for metric in METRICS.values() if metric.component == "process"} <= shown
    assert [
        one
        for one in check(parse(instruments.render()), Flavor.GITLAB).differences
        if one.family.startswith("process_")
    ] == []


def test_a_missing_limit_is_shown_as_go_shows_it(instruments: Instruments) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    expected = 2.0**64 if soft == resource.RLIM_INFINITY else float(soft)
    assert sample(instruments, process.VIRTUAL_MEMORY_MAX) == expected


def test_it_says_which_python_runs(instruments: Instruments) -> None:
    (labels,) = series(instruments, python_runtime.INFO)
    assert dict(labels)["version"] == ".".join(map(str, sys.version_info[:3]))
    assert dict(labels)["implementation"] == sys.implementation.name.replace("cpython", "CPython")


def test_the_cycle_collector_is_shown_by_generation(instruments: Instruments) -> None:
    with (
        assert_moved(instruments, python_runtime.GC_RUNS, by=1, generation=2),
        assert_moved(instruments, python_runtime.GC_RUNS, by=0, generation=1),
    ):
        gc.collect(2)
    theirs = {
        (sample.name, sample.labels["generation"]): sample.value
        for family in GCCollector(registry=CollectorRegistry()).collect()
        for sample in family.samples
    }
    for metric in (python_runtime.GC_RUNS, python_runtime.GC_UNCOLLECTABLE):
        assert sample(instruments, metric, generation=2) == theirs[metric.name, "2"]


def test_an_older_version_has_what_its_client_library_had() -> None:
    old = Instruments("gitlab", version="4.20.0", strict=True)
    observe_process(old)
    assert sample(old, process.CPU) > 0
