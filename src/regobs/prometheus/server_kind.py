"""What a server is, told by its answers: one that has the query API, or one of the others that an address may name."""

from __future__ import annotations

import re
from collections.abc import Callable

import requests

from regobs.errors import RegobsError
from regobs.prometheus.json_body import json_object

_ENGINE = re.compile(r"^# TYPE prometheus_engine_", re.MULTILINE)  # under /metrics of what evaluates PromQL
_Get = Callable[[str], requests.Response]


def has_api(get: _Get) -> bool:
    """Whether a server has the API although one answer was none of it, found by at most three requests."""
    return (
        _proves(get, "/api/v1/status/buildinfo", _is_api)
        or _proves(get, "/api/v1/query?query=1", _is_api)
        or _proves(get, "/metrics", lambda found: found.ok and bool(_ENGINE.search(found.text)))
    )


def _is_api(found: requests.Response) -> bool:
    return (json_object(found) or {}).get("status") in {"success", "error"}


def _proves(get: _Get, path: str, proof: Callable[[requests.Response], bool]) -> bool:
    try:
        return proof(get(path))
    except RegobsError:
        return False


def identify(get: _Get) -> str:
    """Which other server this is, of one without the API, found by at most four requests; empty when unknown."""
    probes: tuple[tuple[str, Callable[[requests.Response], bool], str], ...] = (
        ("/v2/", lambda found: "registry" in found.headers.get("Docker-Distribution-Api-Version", ""), "a registry"),
        ("/api/v2/status", lambda found: "cluster" in (json_object(found) or {}), "Alertmanager"),
        ("/api/health", lambda found: "database" in (json_object(found) or {}), "Grafana"),
        ("/metrics", lambda found: found.ok and "# TYPE" in found.text[:10_000], "a server that only exposes metrics"),
    )
    return next((name for path, proof, name in probes if _proves(get, path, proof)), "")
