"""What holds for every test: hypothesis' patience, and servers that are missing.

A test that uses a real server is marked `server` (a package of the distribution) or `peer` (built from source). Where
the program is missing the test is skipped with what to install; with CI or REGOBS_REQUIRE_SERVERS set it fails.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

SERVER_FIXTURES = {"docker_registry", "prometheus_server", "alertmanager_server"}
PEER_FIXTURES = {"elasticsearch_server", "elasticsearch_8_server", "opensearch_server", "search_server"}
REQUIRED = bool(os.environ.get("CI") or os.environ.get("REGOBS_REQUIRE_SERVERS"))

# A machine that runs servers beside the tests is slow now and then, which says nothing about the tested code.
settings.register_profile("regobs", deadline=None)
settings.load_profile("regobs")


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that starts a server through a fixture."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SERVER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.server)
        if PEER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.peer)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where servers are required, a skipped test of a server is a failed one."""
    report = yield
    marked = any(item.get_closest_marker(name) for name in ("server", "peer"))
    if REQUIRED and marked and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"a server is required here (CI or REGOBS_REQUIRE_SERVERS is set): {reason}"
    return report
