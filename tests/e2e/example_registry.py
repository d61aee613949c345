"""Starts examples/registry with all that it needs, and reads what it says of itself."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from regobs import testing
from regobs.catalog import http, notifications
from regobs.catalog.model import Flavor, Metric
from regobs.common.programs import Process, Supervisor, free_port, local_session
from regobs.demo.client import OCI_MANIFEST, Blob, Image, RegistryClient, digest_of
from regobs.instrument.http.routes import Routes
from regobs.testing import LogLines
from tests.e2e import databases
from tests.stub_server import StubHandler, StubServer

ROOT = Path(__file__).parents[2]
USER, PASSWORD, SECRET = "pusher", "hunter22-password", "hunter33-signing-secret"
_ROUTES = Routes(Flavor.GITLAB)
_SETTINGS = """\
root = "{root}"
database = "{database}"
redis = "{redis}/0"
address = "127.0.0.1:{port}"
debug_address = "127.0.0.1:{debug_port}"
user = "{user}"
count_interval = 0.3
{more}

[garbage]
interval = {interval}
max_backoff = 0.1
"""
_ENDPOINT = """
[[endpoints]]
name = "{name}"
url = "{url}"
backoff = 0.02
max_retries = 2
"""


class Hook(StubServer):
    """A webhook on 127.0.0.1: keeps the events that it accepts, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.events: list[dict[str, Any]] = []
        self.attempts = 0
        outer = self

        class Handler(StubHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.attempts += 1
                if outer.status < 400:
                    outer.events += body["events"]
                self.answer(outer.status, b"")

        super().__init__(Handler)


class Scrape(testing.Scrape):
    """One exposition."""

    def rows(self, metric: Metric) -> dict[tuple[tuple[str, str], ...], float]:
        """The samples of a metric by their labels."""
        return testing.series(self, metric)

    def value(self, metric: Metric, part: str = "", **labels: str) -> float:
        """The sum of the samples of a metric, or of the `_count`, `_sum` of it, that have these labels."""
        return testing.sample(self, metric, part=part.removeprefix("_") or None, **labels)


@dataclass
class Example:
    """A running example registry."""

    process: Process
    url: str
    debug_url: str
    storage: Path
    database: databases.DatabaseServer
    redis: databases.DatabaseServer
    hooks: dict[str, Hook]
    settings: Path
    _read: int = field(default=0, repr=False)

    def scrape(self) -> Scrape:
        """What it exposes now."""
        with local_session() as session:
            return Scrape(session.get(f"{self.debug_url}/metrics", timeout=30).content)

    def client(self) -> RegistryClient:
        """A client that knows the password."""
        return RegistryClient(self.url.replace("://", f"://{USER}:{PASSWORD}@"))

    def session(self) -> requests.Session:
        """HTTP with the password."""
        made = local_session()
        made.auth = (USER, PASSWORD)
        return made

    def lines(self) -> LogLines:
        """All lines of its log so far."""
        text, lines = self.process.log.read_text(encoding="utf-8"), LogLines()
        for line in text[: text.rfind("\n") + 1].splitlines():
            lines(line)
        return lines

    def access_lines(self) -> list[dict[str, Any]]:
        """The lines of the access log of requests that have a route."""
        return [line for line in self.lines().where(msg="access") if route_of(line) is not None]

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in its database; the rows of the last one, where it has some."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return list(cursor.fetchall()) if cursor.description else []

    def settled(self) -> Scrape:
        """What it exposes when every request is counted and every event is delivered or lost.

        A scrape reads one family after the other: the one that sees nothing pending may have read the counter of
        answers before the last of them. So what counts is the scrape after it.
        """

        def is_settled() -> bool:
            found = self.scrape()
            return found.value(http.IN_FLIGHT) == found.value(notifications.PENDING) == 0

        within(60, is_settled)
        return self.scrape()


def route_of(line: dict[str, Any]) -> str | None:
    """The exposed route of an access line."""
    word = _ROUTES.word(line["uri"].partition("?")[0])
    label = http.REQUESTS.forms[0].label("route")
    assert label is not None
    return label.words[word] if word else None


def requests_by_log(lines: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    """Requests by route, method and code as the access log has them."""
    return Counter((str(route_of(line)), line["method"].lower(), str(line["status"])) for line in lines)


def image(repository: str, tag: str, *sizes: int) -> Image:
    layers = tuple(Blob(f"{repository}{tag}{number}", size) for number, size in enumerate(sizes))
    return Image(repository, tag, layers, OCI_MANIFEST)


def write_directory(one: Image, directory: Path) -> None:
    """The image in skopeo's directory format."""
    directory.mkdir()
    (directory / "version").write_text("Directory Transport Version: 1.1\n")
    (directory / "manifest.json").write_bytes(one.manifest)
    (directory / digest_of(one.config).removeprefix("sha256:")).write_bytes(one.config)
    for layer in one.layers:
        (directory / layer.digest.removeprefix("sha256:")).write_bytes(b"".join(layer.chunks()))


def skopeo(example: Example, work: Path, source: str, target: str) -> None:
    """Copy an image; the password is in a file."""
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    credentials = work / "auth.json"
    credentials.write_text(json.dumps({"auths": {example.url.removeprefix("http://"): {"auth": token}}}))
    command: list[str | Path] = ["skopeo", "--insecure-policy", "copy", "--preserve-digests", "--authfile", credentials]
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false", source, target]
    environment = {"HOME": str(work), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*command, *plain], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def moved(before: Scrape, after: Scrape) -> Counter[tuple[str, str, str]]:
    """Requests between two scrapes, by route, method and code."""
    old = before.rows(http.REQUESTS)
    changes: Counter[tuple[str, str, str]] = Counter()
    for key, value in after.rows(http.REQUESTS).items():
        labels, change = dict(key), int(value - old.get(key, 0))
        if change:
            changes[labels["route"], labels["method"], labels["code"]] = change
    return changes


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until something holds. AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not after {seconds} s"
        time.sleep(0.05)


def start(supervisor: Supervisor, hooks: dict[str, Hook], *, interval: float = 0.1, more: str = "") -> Example:
    """Start PostgreSQL, Redis and the registry, whose garbage collection looks at a task every `interval` seconds.

    `more` are further settings.
    """
    database, redis = databases.postgresql(supervisor), databases.redis(supervisor)
    port, debug_port = free_port(), free_port()
    storage, settings = supervisor.directory / "storage", supervisor.directory / "settings.toml"
    addresses = {"port": port, "debug_port": debug_port, "database": database.url, "redis": redis.url}
    text = _SETTINGS.format(root=storage, user=USER, interval=interval, more=more, **addresses)
    text += "".join(_ENDPOINT.format(name=name, url=f"{hook.url}/") for name, hook in hooks.items())
    settings.write_text(text, encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "REGISTRY_PASSWORD": PASSWORD, "REGISTRY_HTTP_SECRET": SECRET}
    command: list[str | Path] = [sys.executable, "-m", "examples.registry", settings]
    process = supervisor.start("example-registry", command, environment=environment)
    debug_url = f"http://127.0.0.1:{debug_port}"
    supervisor.wait_until_ready(process, f"{debug_url}/debug/health")
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{port}/")
    return Example(process, f"http://127.0.0.1:{port}", debug_url, storage, database, redis, hooks, settings)
