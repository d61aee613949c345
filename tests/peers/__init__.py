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
LOGQL_ORACLE = "0.4.2"
VICTORIAMETRICS = "1.151.0"
VICTORIALOGS = "1.52.1"
CORTEX = "1.19.0"
KUBERNETES = "1.34.4"


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


def required_victoriametrics() -> Path:
    """The program victoria-metrics, or a skip as above."""
    return _required(
        _program(f"victoriametrics-{VICTORIAMETRICS}", "victoria-metrics"), f"VictoriaMetrics {VICTORIAMETRICS}"
    )


def required_vmalert() -> Path:
    """The program vmalert, which evaluates rules on VictoriaMetrics, or a skip as above."""
    return _required(_program(f"victoriametrics-{VICTORIAMETRICS}", "vmalert"), f"vmalert {VICTORIAMETRICS}")


def required_victorialogs() -> Path:
    """The program victoria-logs, or a skip as above."""
    return _required(_program(f"victorialogs-{VICTORIALOGS}", "victoria-logs"), f"VictoriaLogs {VICTORIALOGS}")


def required_cortex() -> Path:
    """The program cortex, or a skip; it is built by `make test-all` only, so no test run of peers fails without it."""
    return _required_by_all(_program(f"cortex-{CORTEX}", "cortex"), f"Cortex {CORTEX}")


def required_kubernetes() -> Path:
    """The folder of the Kubernetes API server, etcd and resource definitions, or a skip as for Cortex."""
    folder = cache() / f"kubernetes-{KUBERNETES}"
    return _required_by_all(folder if (folder / "bin/kube-apiserver").exists() else None, f"Kubernetes {KUBERNETES}")


def _required_by_all(found: Path | None, title: str) -> Path:
    if found is None and not os.environ.get("REGOBS_REQUIRE_ALL"):
        import pytest  # here, so that the installer needs no package

        pytest.skip(f"{title} is not installed: python -m tests.peers.install --all")
    return _required(found, title)


def elasticsearch_release(version: str) -> str:
    """The folder of a version with the plugins of these tests."""
    return f"elasticsearch-{version}-painless"


def fetched_elasticsearch(version: str) -> Path | None:
    """The program elasticsearch of a version, if it was fetched."""
    return _program(elasticsearch_release(version), "elasticsearch")


def required_elasticsearch(version: str) -> Path:
    """The home of an Elasticsearch, or a skip as above."""
    return _required(fetched_elasticsearch(version), f"Elasticsearch {version}").parents[1]


def required_opensearch() -> Path:
    """The home of OpenSearch, or a skip as above."""
    return _required(_program(f"opensearch-{OPENSEARCH}-painless", "opensearch"), f"OpenSearch {OPENSEARCH}").parents[1]


def required_kql_oracle() -> Path:
    """The program that answers with the trees of Kibana's KQL parser, or a skip as above."""
    program = cache() / f"kql-oracle-{KQL_ORACLE}" / "oracle.js"
    return _required(program if os.access(program, os.X_OK) else None, "Kibana's KQL parser")


def required_logql_oracle() -> Path:
    """The program that answers with the places of errors in a LogQL text, or a skip as above."""
    program = cache() / f"logql-oracle-{LOGQL_ORACLE}" / "oracle.js"
    return _required(program if os.access(program, os.X_OK) else None, "Grafana's grammar of LogQL")


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
