"""Servers that no distribution package offers, built once by `python -m tests.peers.install` and kept in a cache.

The cache is ~/.cache/regobs-peers, or the directory that REGOBS_PEERS names. Tests that need one are marked `peer`.
"""

from __future__ import annotations

import os
from pathlib import Path

PROMETHEUS = "3.9.1"


def cache() -> Path:
    """The directory that holds what was built."""
    named = os.environ.get("REGOBS_PEERS")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "regobs-peers"


def prometheus3() -> Path | None:
    """The program prometheus of release 3, if it was built."""
    return _program(f"prometheus-{PROMETHEUS}", "prometheus")


def promtool3() -> Path | None:
    """The program promtool of release 3, if it was built."""
    return _program(f"prometheus-{PROMETHEUS}", "promtool")


def required_prometheus3() -> Path:
    """The program prometheus of release 3, or a skip; a failure in CI and where REGOBS_REQUIRE_SERVERS is set."""
    import pytest  # here, so that the installer needs no package

    program = prometheus3()
    if program is None:
        missing = f"Prometheus {PROMETHEUS} was not built: python -m tests.peers.install"
        if os.environ.get("CI") or os.environ.get("REGOBS_REQUIRE_SERVERS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return program


def _program(release: str, name: str) -> Path | None:
    path = cache() / release / "bin" / name
    return path if os.access(path, os.X_OK) else None
