"""The promtools that the generated rules must work with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import alertmanager_server, require, supervisor
from tests.peers import required_prometheus3

__all__ = ["alertmanager_server", "supervisor"]

DEBIAN = pytest.param("debian", marks=pytest.mark.server)
PEER = pytest.param("3.x", marks=pytest.mark.peer)


def promtool_of(release: str) -> Path:
    """promtool of the distribution's Prometheus, or of the one that was built; a skip where it is missing."""
    if release == "debian":
        return require("promtool", package="prometheus")
    named = os.environ.get("REGOBS_PROMETHEUS3")
    return (Path(named) if named else required_prometheus3()).with_name("promtool")


@pytest.fixture(params=[DEBIAN, PEER])
def promtool(request: pytest.FixtureRequest) -> Path:
    """promtool of each release."""
    return promtool_of(request.param)
