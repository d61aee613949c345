"""Servers that no distribution package offers, installed once by `python -m tests.peers.install` and kept in a cache.

The cache is ~/.cache/regobs-peers, or the directory that REGOBS_PEERS names. Tests that need one are marked `peer`.
"""

from __future__ import annotations

import os
from pathlib import Path

PROMETHEUS = "3.9.1"
THANOS = "0.42.0"
ELASTICSEARCH = "9.2.0"
ELASTICSEARCH_8 = "8.17.0"
OPENSEARCH = "3.3.2"
KQL_ORACLE = "1.0.2"


def cache() -> Path:
    """The directory that holds what was installed."""
    named = os.environ.get("REGOBS_PEERS")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "regobs-peers"


def prometheus3() -> Path | None:
    """The program prometheus of release 3, if it was built."""
    return _program(f"prometheus-{PROMETHEUS}", "prometheus")


def thanos() -> Path | None:
    """The program thanos, if it was built."""
    return _program(f"thanos-{THANOS}", "thanos")


def required_thanos() -> Path:
    """The program thanos, or a skip; a failure in CI and where REGOBS_REQUIRE_SERVERS is set."""
    return _required(thanos(), f"Thanos {THANOS}")


def promtool3() -> Path | None:
    """The program promtool of release 3, if it was built."""
    return _program(f"prometheus-{PROMETHEUS}", "promtool")


def required_prometheus3() -> Path:
    """The program prometheus of release 3, or a skip; a failure in CI and where REGOBS_REQUIRE_SERVERS is set."""
    return _required(prometheus3(), f"Prometheus {PROMETHEUS}")


def fetched_elasticsearch(version: str) -> Path | None:
    """The program elasticsearch of a version, if it was fetched."""
    return _program(f"elasticsearch-{version}", "elasticsearch")


def required_elasticsearch(version: str) -> Path:
    """The home of an Elasticsearch, or a skip as above."""
    return _required(fetched_elasticsearch(version), f"Elasticsearch {version}").parents[1]


def required_opensearch() -> Path:
    """The home of OpenSearch, or a skip as above."""
    return _required(_program(f"opensearch-{OPENSEARCH}", "opensearch"), f"OpenSearch {OPENSEARCH}").parents[1]


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
