"""Every panel about what the exporters of regobs expose has data: real exporters, scraped by a real Prometheus."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.demo import servers
from regobs.exporters.database_queries import ROLE_SQL
from regobs.grafana import panel_queries
from tests.e2e import databases
from tests.e2e.conftest import require
from tests.e2e.registry_variants import start_registry
from tests.e2e.test_export_database import CONTENT, SCHEMA, as_role
from tests.e2e.test_panels_live import PACK, ROOT, SETTLED, check, scraping

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

EXPORTERS = {
    Exposer.LOG_EXPORTER: Capability.LOG_EXPORTER,
    Exposer.NOTIFICATION_EXPORTER: Capability.NOTIFICATION_EXPORTER,
    Exposer.DATABASE_EXPORTER: Capability.DATABASE_EXPORTER,
    Exposer.REGISTRY_PROBE: Capability.REGISTRY_PROBE,
}
CONFIG = Config(flavor=Flavor.GITLAB, capabilities=frozenset({Capability.METADATA_DATABASE, *EXPORTERS.values()}))
LOG = ROOT / "tests" / "data" / "gitlab-registry-4.32.log.jsonl.gz"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
QUIET: dict[tuple[str, str] | str, str] = {
    ("overview", "Failing health checks"): "no check of this registry fails; test_probe.py lets one fail",
    ("overview", "Time to certificate expiry"): "it is asked by http; test_panels_live.py has one with a certificate",
}


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require("prometheus", package="prometheus")
    require("docker-registry", "registry", package="docker-registry")
    directory = tmp_path_factory.mktemp("exporters")
    with Supervisor() as supervisor, ExitStack() as stack:
        targets = [
            stack.enter_context(started(*words))
            for words in (
                logs(directory, stack),
                probe(directory, supervisor),
                database(directory, supervisor),
            )
        ]
        targets.append(stack.enter_context(notified(directory)))
        server = servers.prometheus(supervisor, scraping(*targets))
        time.sleep(SETTLED)
        yield server.url


@contextmanager
def started(*words: str) -> Iterator[str]:
    """An exporter of these words; where it listens."""
    command = [sys.executable, "-m", "regobs", "export", *words, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removeprefix("http://").partition("/")[0]
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def repeated(work: Callable[[int], object], pause: float) -> Iterator[None]:
    """Something that is done again and again, with its number, until the end."""
    stop = threading.Event()

    def go_on() -> None:
        for number in itertools.count():
            work(number)
            if stop.wait(pause):
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def logs(directory: Path, stack: ExitStack) -> tuple[str, ...]:
    """A log into which lines of a real registry are written, and some of kinds that the recording lacks."""
    lines = gzip.decompress(LOG.read_bytes()).splitlines(keepends=True)
    times = {"time": "2026-11-25T10:00:00.000Z"}
    pull = {
        "method": "GET",
        "uri": f"/v2/group/app/blobs/sha256:{'0' * 64}",
        "status": 307,
        "user_agent": "docker/28.1",
    }
    redirect = {
        **times,
        "level": "info",
        "msg": "access",
        **pull,
        "written_bytes": 0,
        "read_bytes": 0,
        "duration_ms": 3,
    }
    refused = {**times, "level": "warning", "msg": "error authorizing context: insufficient scope"}
    admitted = {**times, "level": "info", "msg": "authorized request", "auth_user_type": "build"}
    sent = {**times, "level": "info", "msg": "blob downloaded", "redirect": True, "size_bytes": 5000}
    untold = {**sent, "redirect": None}
    broken = {**redirect, "status": "none"}
    lines += [json.dumps(one).encode() + b"\n" for one in (redirect, sent, untold, refused, admitted, broken)] + [
        b"no line of a registry\n"
    ]
    file = stack.enter_context((directory / "registry.log").open("ab", buffering=0))
    part = -(-len(lines) // 20)
    parts = [b"".join(lines[start::20]) for start in range(20)]
    assert part > 100
    stack.enter_context(repeated(lambda number: file.write(parts[number % len(parts)]), 0.1))
    return ("logs", file.name, "--state", str(directory / "logs.json"))


def probe(directory: Path, supervisor: Supervisor) -> tuple[str, ...]:
    """The probe of a docker-registry, each step once a second."""
    registry = start_registry(supervisor, directory / "registry")
    target = {"name": "registry", "url": registry.url, "debug_url": registry.debug_url, "delete": True}
    steps = (
        "resolve",
        "connect",
        "auth",
        "base",
        "pull_manifest",
        "pull_blob",
        "push",
        "read_back",
        "delete",
        "health",
    )
    settings = {"targets": [target], "steps": {step: {"every": "1s", "within": "5s"} for step in steps}}
    (directory / "probe.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return ("probe", "--config", str(directory / "probe.yaml"))


def database(directory: Path, supervisor: Supervisor) -> tuple[str, ...]:
    """The exporter of a metadata database with content, storage by namespace as well."""
    server = databases.postgresql(supervisor, wal_level="replica")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        for statement in CONTENT.replace("\\\\", "\\").split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        connection.execute(ROLE_SQL.encode())
    (directory / "dsn").write_text(as_role(server.url), encoding="utf-8")
    return ("database", "--dsn-file", str(directory / "dsn"), "--heavy", "--leader")


@contextmanager
def notified(directory: Path) -> Iterator[str]:
    """The exporter of notifications, to which events of each action are posted; where it listens."""

    def event(number: int, action: str, **target: Any) -> dict[str, Any]:
        made = {"id": f"{action}-{number}", "timestamp": datetime.now(UTC).isoformat(), "action": action}
        where = {"mediaType": MANIFEST, "size": 500, "digest": "sha256:1", "repository": "group/app", "tag": "v1"}
        return {**made, "target": where | target}

    def post(number: int) -> None:
        events = [event(number, action) for action in ("pull", "push", "delete")]
        events.append(event(number, "pull-blob") | {"action": "pull", "target": {"repository": "group/app", "size": 9}})
        events += [events[0], {**event(number, "push-nothing"), "action": "push", "target": {}}]  # twice, and none
        requests.post(f"http://{address}/events", json={"events": events}, timeout=30).raise_for_status()

    with started("notifications", "--state", str(directory / "events")) as address, repeated(post, 0.2):
        yield address


def test_every_panel_about_the_exporters_has_data(prometheus_url: str) -> None:
    shown = [query for query in panel_queries(PACK, CONFIG) if query.left_out is None]
    queries = [query for query in shown if {metric.exposer for metric in query.metrics} <= EXPORTERS.keys()]
    assert {metric.exposer for query in queries for metric in query.metrics} == EXPORTERS.keys()
    assert len(queries) > 40
    check(prometheus_url, CONFIG, queries, QUIET)
