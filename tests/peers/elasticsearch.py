"""A real Elasticsearch with security on: TLS, passwords, API keys; started as a user that is not root.

What this distribution has not, and how the tests go without it:
- the field types wildcard, match_only_text, constant_keyword: `stand_in` writes a mapping with keyword and text, which
  answer the same queries with the same rows;
- lifecycle policies, ingest processors, the calls about data streams: what regobs writes of them is compared with the
  documented form;
- a language of scripts, by which a part of a path makes groups: the server calls and feeds the scripts, and the
  Painless of OpenSearch, which began as a copy of Elasticsearch's, compiles them (`elasticsearch_painless/`);
- `GET /`, so a client cannot ask for the version that way.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import trustme

from regobs.common.programs import Supervisor, free_port
from regobs.errors import MachineError
from tests.peers import required_elasticsearch
from tests.peers.install_elasticsearch import jdk_of
from tests.peers.search_server import JVM, SECONDS, SearchServer, prepared, started

USER, SMALL_USER = "regobs", "stranger"
_STAND_INS = {"wildcard": "keyword", "match_only_text": "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticsearch(SearchServer):
    """The running server. `password` is that of USER, who may do everything, and of SMALL_USER, who may do nothing."""

    user: str
    authority: Path
    issuer: trustme.CA

    def set_up(self, objects: Mapping[str, dict[str, Any]]) -> None:
        """Put what the build writes, as far as this distribution has the parts, in its order."""
        for path, body in objects.items():
            if path.startswith(("_component_template", "_index_template")):
                assert self.request("PUT", path, known_parts(body))["acknowledged"]

    def write(self, stream: str, documents: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Write documents to a data stream; the errors of those that are refused."""
        text = "".join(f'{{"create": {{}}}}\n{json.dumps(one)}\n' for one in documents)
        items = self.send("POST", f"{stream}/_bulk?refresh=true", text.encode())["items"]
        return [item["create"]["error"] for item in items if "error" in item["create"]]

    def taken(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The mapping without the field types that this distribution lacks."""
        return stand_in(mapping)

    def present(self, *, expired: bool) -> None:
        """Show another certificate; returns when the server does, which looks at its files every five seconds."""
        _certificate(self.issuer, self.directory / "config", expired=expired)
        deadline = time.monotonic() + SECONDS
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
        path = self.directory.parent / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(path))
        return path


def start(supervisor: Supervisor, version: str) -> Elasticsearch:
    """Start the server of this version. Needs about 20 s; MachineError when it does not come up."""
    port, issuer, password = free_port(), trustme.CA(), secrets.token_urlsafe(12)
    settings = {
        "http.port": port,
        "transport.port": free_port(),
        "xpack.ml.enabled": "false",
        "xpack.security.autoconfiguration.enabled": "false",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.certificate": "http.pem",
        "xpack.security.http.ssl.key": "http.key",
    }
    directory = prepared(supervisor, required_elasticsearch(version), "elasticsearch", settings)
    config = directory / "config"
    digest = _hashed(password)
    (config / "users").write_text(f"{USER}:{digest}\n{SMALL_USER}:{digest}\n")
    (config / "users_roles").write_text(f"superuser:{USER}\n")
    _certificate(issuer, config, expired=False)
    environment = {
        "ES_JAVA_HOME": str(jdk_of(version)),
        "ES_JAVA_OPTS": JVM,
        "ES_PATH_CONF": str(config),
        "ES_TMPDIR": str(directory / "tmp"),
        "CLI_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    process = started(supervisor, directory, "elasticsearch", environment)
    authority = supervisor.directory / "authority.pem"
    issuer.cert_pem.write_to_path(str(authority))
    server = Elasticsearch(
        process=process,
        url=f"https://127.0.0.1:{port}",
        directory=directory,
        user=USER,
        password=password,
        authority=authority,
        issuer=issuer,
    )
    server.wait()
    return server


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


def known_parts(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a template without field types, lifecycle and pipeline, which are not here."""
    body = copy.deepcopy(body)
    template = body.get("template", {})
    if "mappings" in template:
        template["mappings"] = stand_in(template["mappings"])
    if "settings" in template:
        del template["settings"]["index"]["lifecycle"], template["settings"]["index"]["default_pipeline"]
    return body


def stand_in(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the field types that this distribution lacks replaced; nothing else is changed."""
    properties = {}
    for name, field in mapping["properties"].items():
        if "properties" in field:
            properties[name] = stand_in(field)
        else:
            properties[name] = {**field, "type": _STAND_INS.get(field["type"], field["type"])}
    return {**mapping, "properties": properties}
