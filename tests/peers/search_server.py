"""What the tests do with a real server of logs past its client: the REST API, an index of lines; and how one starts."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from regobs.common.programs import Process, Supervisor
from regobs.errors import MachineError
from regobs.logs.elasticsearch.access import Access

# Less memory and an early end of compilation: the tests ask small questions, and two cores are all there is.
JVM = "-Xms768m -Xmx768m -XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable -Xlog:all=error:stderr"
SECONDS = 120.0
# How often it looks for points in time that are too old; a minute by default, for which no test waits.
SETTINGS = {
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "search.keep_alive_interval": "500ms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchServer:
    """The running server, what opens it and what signed its certificate, if it has these."""

    process: Process
    url: str
    directory: Path
    user: str | None = None
    password: str = ""
    authority: Path | None = None

    @property
    def access(self) -> Access:
        """How regobs gets to it."""
        basic = (self.user, self.password) if self.user else None
        return Access(self.url, basic=basic, authority=self.authority)

    def request(self, method: str, path: str, body: object = None, *, user: str | None = None) -> Any:
        """Call the REST API past the client; AssertionError when it is refused."""
        return self.send(method, path, None if body is None else json.dumps(body).encode(), user=user)

    def send(self, method: str, path: str, body: bytes | None, *, user: str | None = None) -> Any:
        """The same with a body in bytes: JSON, or a line of JSON for each part."""
        name = user or self.user
        answer = requests.request(
            method,
            f"{self.url}/{path}",
            data=body,
            headers={"content-type": "application/x-ndjson" if body and body.endswith(b"\n") else "application/json"},
            auth=(name, self.password) if name else None,
            verify=str(self.authority) if self.authority else None,
            timeout=60,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def load(self, index: str, mapping: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Make an index of lines, each with its place as id; the errors of those that are refused."""
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
        self.request("PUT", index, {"mappings": self.taken(mapping), "settings": settings})
        text = "".join(
            f"{json.dumps({'index': {'_id': str(at)}})}\n{json.dumps(line)}\n" for at, line in enumerate(lines)
        )
        items = self.send("POST", f"{index}/_bulk?refresh=true", text.encode())["items"]
        return [item["index"]["error"] for item in items if "error" in item["index"]]

    def taken(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The mapping as this server takes it."""
        return dict(mapping)

    def open_searches(self) -> int:
        """How many points in time and scrolls are open."""
        (node,) = self.request("GET", "_nodes/stats/indices/search")["nodes"].values()
        return int(node["indices"]["search"]["open_contexts"])

    def wait(self) -> None:
        """Return when it answers; MachineError when it does not."""
        deadline = time.monotonic() + SECONDS
        fault = "no answer"
        while time.monotonic() < deadline:
            self.process.check()
            try:
                self.request("GET", "_cluster/health?wait_for_status=yellow&timeout=5s")
            except (requests.RequestException, AssertionError) as error:
                fault = str(error)
                time.sleep(0.25)
            else:
                return
        raise MachineError(f"{self.url} was not ready after {SECONDS:.0f} s: {fault}", value=self.process.tail())


def prepared(supervisor: Supervisor, home: Path, name: str, settings: Mapping[str, object]) -> Path:
    """A directory for a server, with a copy of its home, for the cache is in a home that no other user can enter."""
    directory = supervisor.directory / name
    directory.mkdir()
    shutil.copytree(home, directory / "home")
    (directory / "tmp").mkdir()
    config = directory / "config"
    shutil.copytree(home / "config", config)
    paths = {"path.data": directory / "data", "path.logs": directory / "logs"}
    text = "".join(f"{key}: {value}\n" for key, value in {**SETTINGS, **paths, **settings}.items())
    (config / f"{name}.yml").write_text(text)
    return directory


def started(supervisor: Supervisor, directory: Path, name: str, environment: Mapping[str, str]) -> Process:
    """The program of a prepared directory; as another user where we are root, which these servers refuse to be."""
    command: list[str | Path] = [directory / "home" / "bin" / name]
    if os.geteuid() == 0:
        supervisor.directory.chmod(0o711)  # the supervisor's folder is closed to others
        other = pwd.getpwnam("nobody")
        for path in (directory, *directory.rglob("*")):
            os.chown(path, other.pw_uid, other.pw_gid)
        who = ["--reuid", str(other.pw_uid), "--regid", str(other.pw_gid), "--clear-groups"]
        command = ["setpriv", *who, "--pdeathsig", "keep", *command]
    return supervisor.start(name, command, environment=environment)
