"""Servers that no distribution package offers, installed once by `python -m tests.peers.install` and kept in a cache.

The cache is ~/.cache/regobs-peers, or the directory that REGOBS_PEERS names. Tests that need one are marked `peer`.
"""

from __future__ import annotations

import os
from pathlib import Path

PROMETHEUS = "3.9.1"
ELASTICSEARCH = "9.2.0"
KQL_ORACLE = "1.0.2"


def cache() -> Path:
    """The directory that holds what was installed."""
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
    return _required(prometheus3(), f"Prometheus {PROMETHEUS}")


def elasticsearch9() -> Path | None:
    """The program elasticsearch of release 9, if it was fetched."""
    return _program(f"elasticsearch-{ELASTICSEARCH}", "elasticsearch")


def required_elasticsearch9() -> Path:
    """The home of Elasticsearch 9, or a skip as above."""
    return _required(elasticsearch9(), f"Elasticsearch {ELASTICSEARCH}").parents[1]


def required_kql_oracle() -> Path:
    """The program that answers with the trees of Kibana's KQL parser, or a skip as above."""
    program = cache() / f"kql-oracle-{KQL_ORACLE}" / "oracle.js"
    return _required(program if os.access(program, os.X_OK) else None, "Kibana's KQL parser")


def _required(program: Path | None, title: str) -> Path:
    import pytest  # here, so that the installer needs no package

    if program is None:
        missing = f"{title} is not installed: python -m tests.peers.install"
        if os.environ.get("CI") or os.environ.get("REGOBS_REQUIRE_SERVERS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return program


def _program(release: str, name: str) -> Path | None:
    path = cache() / release / "bin" / name
    return path if os.access(path, os.X_OK) else None
