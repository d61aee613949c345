"""A real Elasticsearch 9 with security on: TLS, passwords, API keys; started as a user that is not root.

What this distribution has not, and how the tests go without it:
- the field types wildcard, match_only_text, constant_keyword: `stand_in` writes a mapping with keyword and text, which
  answer the same queries with the same rows;
- lifecycle policies, ingest processors, the calls about data streams: what regobs writes of them is compared with the
  documented form;
- `GET /`, so a client cannot ask for the version that way.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import trustme

from regobs.demo.processes import Process, Supervisor, free_port
from regobs.errors import MachineError
from tests.peers.install_elasticsearch import check_jdk

USER, SMALL_USER = "regobs", "stranger"
# Less memory and an early end of compilation: the tests ask small questions, and two cores are all there is.
_JVM = "-Xms768m -Xmx768m -XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable -Xlog:all=error:stderr"
_SECONDS = 120.0
_STAND_INS = {"wildcard": "keyword", "match_only_text": "text"}


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """The running server. `password` is that of USER, who may do everything, and of SMALL_USER, who may do nothing."""

    process: Process
    url: str
    directory: Path
    authority: Path
    password: str
    _issuer: trustme.CA

    @property
    def user(self) -> str:
        """Who may do everything."""
        return USER

    def request(self, method: str, path: str, body: object = None, *, user: str = USER) -> Any:
        """Call the REST API past the client; AssertionError when it is refused."""
        return self.send(method, path, None if body is None else json.dumps(body).encode(), user=user)

    def send(self, method: str, path: str, body: bytes | None, *, user: str = USER) -> Any:
        """The same with a body in bytes: JSON, or a line of JSON for each part."""
        answer = requests.request(
            method,
            f"{self.url}/{path}",
            data=body,
            headers={"content-type": "application/x-ndjson" if body and body.endswith(b"\n") else "application/json"},
            auth=(user, self.password),
            verify=str(self.authority),
            timeout=60,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def load(self, index: str, mapping: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Make an index of lines, each with its place as id; the errors of those that are refused."""
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
        self.request("PUT", index, {"mappings": stand_in(mapping), "settings": settings})
        text = "".join(
            f"{json.dumps({'index': {'_id': str(at)}})}\n{json.dumps(line)}\n" for at, line in enumerate(lines)
        )
        items = self.send("POST", f"{index}/_bulk?refresh=true", text.encode())["items"]
        return [item["index"]["error"] for item in items if "error" in item["index"]]

    def present(self, *, expired: bool) -> None:
        """Show another certificate; returns when the server does, which looks at its files every five seconds."""
        _certificate(self._issuer, self.directory / "config", expired=expired)
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                self.request("GET", "_cluster/health")
                seen = False
            except requests.exceptions.SSLError:
                seen = True
            if seen == expired:
                return
            time.sleep(0.25)
        raise MachineError("Elasticsearch did not read its new certificate", value=self.process.tail())

    def other_authority(self) -> Path:
        """The certificate of an authority that did not sign the server's."""
        path = self.authority.with_name("other.pem")
        trustme.CA().cert_pem.write_to_path(str(path))
        return path


def start(supervisor: Supervisor, home: Path) -> Elasticsearch:
    """Start the server that `home` holds. Needs about 20 s; MachineError when it does not come up."""
    directory = supervisor.directory / "elasticsearch"
    port, issuer, password = free_port(), trustme.CA(), secrets.token_urlsafe(12)
    _prepare(directory, home, port, password, issuer)
    command: list[str | Path] = [directory / "home" / "bin" / "elasticsearch"]
    if os.geteuid() == 0:  # which the server refuses to be; the supervisor's folder is closed to others
        supervisor.directory.chmod(0o711)
        other = pwd.getpwnam("nobody")
        for path in (directory, *directory.rglob("*")):
            os.chown(path, other.pw_uid, other.pw_gid)
        who = ["--reuid", str(other.pw_uid), "--regid", str(other.pw_gid), "--clear-groups"]
        command = ["setpriv", *who, "--pdeathsig", "keep", *command]
    environment = {
        "ES_JAVA_HOME": str(check_jdk()),
        "ES_JAVA_OPTS": _JVM,
        "ES_PATH_CONF": str(directory / "config"),
        "ES_TMPDIR": str(directory / "tmp"),
        "CLI_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    process = supervisor.start("elasticsearch", command, environment=environment)
    authority = supervisor.directory / "authority.pem"
    issuer.cert_pem.write_to_path(str(authority))
    server = Elasticsearch(process, f"https://127.0.0.1:{port}", directory, authority, password, issuer)
    _wait(server)
    return server


def _prepare(directory: Path, home: Path, port: int, password: str, issuer: trustme.CA) -> None:
    directory.mkdir()
    # A copy, for the cache is in a home that the other user cannot enter.
    shutil.copytree(home, directory / "home")
    config = directory / "config"
    shutil.copytree(home / "config", config)
    (directory / "tmp").mkdir()
    settings = {
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": free_port(),
        "path.data": directory / "data",
        "path.logs": directory / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "xpack.ml.enabled": "false",
        "xpack.security.autoconfiguration.enabled": "false",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.certificate": "http.pem",
        "xpack.security.http.ssl.key": "http.key",
    }
    (config / "elasticsearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
    digest = _hashed(password)
    (config / "users").write_text(f"{USER}:{digest}\n{SMALL_USER}:{digest}\n")
    (config / "users_roles").write_text(f"superuser:{USER}\n")
    _certificate(issuer, config, expired=False)


def _certificate(issuer: trustme.CA, config: Path, *, expired: bool) -> None:
    until = datetime.now(UTC) + timedelta(days=-1 if expired else 1)
    issued = issuer.issue_cert("127.0.0.1", not_after=until.replace(tzinfo=None))
    issued.private_key_pem.write_to_path(str(config / "http.key"))
    with (config / "http.pem").open("wb") as file:
        for part in issued.cert_chain_pems:
            file.write(part.bytes())


def _hashed(password: str) -> str:
    """As the files realm keeps passwords: PBKDF2 with HMAC-SHA512, 10,000 rounds, salt and digest of 32 bytes."""
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, 32)
    return "{PBKDF2}10000$" + "$".join(base64.b64encode(part).decode() for part in (salt, digest))


def _wait(server: Elasticsearch) -> None:
    deadline = time.monotonic() + _SECONDS
    fault = "no answer"
    while time.monotonic() < deadline:
        server.process.check()
        try:
            server.request("GET", "_cluster/health?wait_for_status=yellow&timeout=5s")
        except (requests.RequestException, AssertionError) as error:
            fault = str(error)
            time.sleep(0.25)
        else:
            return
    raise MachineError(f"Elasticsearch was not ready after {_SECONDS:.0f} s: {fault}", value=server.process.tail())


def stand_in(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the field types that this distribution lacks replaced; nothing else is changed."""
    properties = {}
    for name, field in mapping["properties"].items():
        if "properties" in field:
            properties[name] = stand_in(field)
        else:
            properties[name] = {**field, "type": _STAND_INS.get(field["type"], field["type"])}
    return {**mapping, "properties": properties}
