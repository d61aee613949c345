"""What holds for every test: hypothesis' patience, and servers that are missing.

A test that uses a real server is marked `server` (a package of the distribution) or `peer` (built from source). Where
the program is missing the test is skipped with what to install; with CI or REGOBS_REQUIRE_SERVERS set it fails.

A test that fails runs a second time before it counts as failed, and the summary lists it as run again: servers, threads
and clocks of tests depend on how busy the machine is. What is wrong each time fails twice.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_rerunfailures import ClientStatusDB, StatusDB

# Bytecode is kept, whatever the environment says, here and in every process of a test: without it each run compiles all
# tests three times, and each start of `regobs` compiles what it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # what is collected stays to the end: looking through it again and again finds nothing to free

SERVER_FIXTURES = {"docker_registry", "prometheus_server", "alertmanager_server"}
PEER_FIXTURES = {"elasticsearch_server", "elasticsearch_8_server", "opensearch_server", "search_server"}
_LIVE_UNTIL = 0.7  # the last file of a server begins when so much of the others has
ONLY_WITH_ALL = "tests.peers.install --all"  # how the skip of a server ends that takes long to build
REQUIRED = bool(os.environ.get("CI") or os.environ.get("REGOBS_REQUIRE_SERVERS"))

# Generated examples are the same each time, so that a run says what the last one said; `make fuzz` looks for others.
# `make test` takes a quarter of them (tests/examples.py), `make test-all` all.
# No deadline: a machine that runs servers beside the tests is slow now and then, which says nothing about the code.
settings.register_profile("regobs", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("long", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=500)
settings.load_profile("regobs")


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let each worker count by itself how often a test has run, as a run without workers does.

    pytest-rerunfailures asks the first process over a socket before each test, and waits 40 ms for the answer: with
    16,000 tests these are minutes.
    """
    if isinstance(asked := getattr(session.config, "failures_db", None), ClientStatusDB):
        asked.sock.close()
        session.config.failures_db = StatusDB()  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pieces of long ranges are kept beside the tests, not among the user's."""
    os.environ["REGOBS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that starts a server through a fixture, and let each run a second time when it fails.

    Files are put in an order in which the longest come first, and those that wait beside those that compute.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SERVER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.server)
        if PEER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.peer)
        item.add_marker(pytest.mark.flaky(reruns=1))
    items[:] = in_order(items)


def pytest_collection_finish() -> None:
    """From here on memory is freed as always, but the tests and modules, which all stay, are looked through no more."""
    gc.freeze()
    gc.enable()


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The same tests: the files of real servers by their patience, the most patient first, spread among the others.

    With pytest-xdist each file runs on one worker, which takes the next file when it is done. A long file that is
    begun last keeps one worker busy alone, and servers that all start at once have no processor.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    live = [path for path, tests in files.items() if any(test.get_closest_marker("server") for test in tests)]
    live.sort(key=lambda path: -max(_patience(test) for test in files[path]))
    others = [path for path in files if path not in set(live)]
    spread = [(number * _LIVE_UNTIL / len(live), path) for number, path in enumerate(live)]
    spread += [(number / len(others), path) for number, path in enumerate(others)]
    return [item for _, path in sorted(spread) for item in files[path]]


def _patience(item: pytest.Item) -> float:
    """The seconds after which a test is given up, where it says so itself."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker and marker.args else 0.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where servers are required, a skipped test of one has failed, but for servers of `make test-all` alone."""
    report = yield
    marked = any(item.get_closest_marker(name) for name in ("server", "peer"))
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if REQUIRED and marked and report.skipped and not reason.endswith(ONLY_WITH_ALL):
        report.outcome = "failed"
        report.longrepr = f"a server is required here (CI or REGOBS_REQUIRE_SERVERS is set): {reason}"
    return report
