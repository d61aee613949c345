"""A real docker-registry behind what stands in front of registries: TLS, a token service, basic authentication."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from regobs.common.programs import Supervisor, find_program, free_port
from tests.stub_server import StubHandler, StubServer

ISSUER, SERVICE = "regobs tests", "registry"


@dataclass(frozen=True, slots=True)
class RunningRegistry:
    """Addresses of a registry that a test started, and where it keeps its files."""

    url: str
    debug_url: str
    storage: Path
    stop: Any


def start_registry(supervisor: Supervisor, directory: Path, **sections: Any) -> RunningRegistry:
    """A docker-registry, of which nobody asks /v2/ before the test does; `sections` replace those of its settings."""
    directory.mkdir(exist_ok=True)
    storage = directory / "storage"
    storage.mkdir()
    port, debug_port = free_port(), free_port()
    settings: dict[str, Any] = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "debug": {"addr": f"127.0.0.1:{debug_port}", "prometheus": {"enabled": True}},
        },
    }
    config = directory / "config.yml"
    config.write_text(json.dumps(settings | sections))
    program = find_program("docker-registry", "registry", package="docker-registry")
    process = supervisor.start("docker-registry", [program, "serve", config])
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{debug_port}/metrics")
    return RunningRegistry(
        f"http://127.0.0.1:{port}", f"http://127.0.0.1:{debug_port}", storage, lambda: supervisor.stop(process)
    )


def start_nginx(
    supervisor: Supervisor,
    directory: Path,
    behind: str,
    certificate: trustme.LeafCert,
    *,
    tells_scheme: bool = True,
) -> str:
    """An nginx that ends TLS in front of an address; `https://localhost:PORT`."""
    directory.mkdir(exist_ok=True)
    port = free_port()
    certificate.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    scheme = "proxy_set_header X-Forwarded-Proto https;" if tells_scheme else ""
    config = directory / "nginx.conf"
    config.write_text(f"""
daemon off; pid {directory}/pid; error_log stderr; worker_processes 1;
events {{}}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {directory}/cert.pem; ssl_certificate_key {directory}/key.pem;
    location / {{ proxy_pass {behind}; proxy_set_header Host $http_host; {scheme} }}
    location = /nginx {{ return 200 "up"; }}
  }}
  server {{ listen 127.0.0.1:{port + 1}; location / {{ return 200 "up"; }} }}
}}
""")
    program = find_program("nginx", "/usr/sbin/nginx", package="nginx-light")
    process = supervisor.start("nginx", [program, "-c", str(config), "-p", str(directory)])
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{port + 1}/")
    return f"https://localhost:{port}"


class TokenService:
    """A token service as CNCF Distribution documents it; a request without the right user gets no token."""

    def __init__(self, directory: Path, user: str, password: str) -> None:
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        authority = trustme.CA()
        certificate = authority.issue_cert("tokens.test")
        self.bundle = directory / "token-roots.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        self._key = key
        self._leaf = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
        self.scopes: list[str] = []

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its realm."""
        service = self

        class Handler(StubHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                allowed = self.headers.get("Authorization") == service._expected
                scope = query.get("scope", [""])[0]
                service.scopes.append(scope)
                body = json.dumps({"token": service._token(scope)}).encode() if allowed else b"{}"
                self.answer(200 if allowed else 401, body)

        with StubServer(Handler) as server:
            yield f"{server.url}/token"

    def _token(self, scope: str) -> str:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        now = int(time.time())
        chain = [base64.b64encode(self._leaf.public_bytes(Encoding.DER)).decode()]
        head = {"typ": "JWT", "alg": "ES256", "x5c": chain}
        claims = {
            "iss": ISSUER,
            "sub": "probe",
            "aud": SERVICE,
            "exp": now + 60,
            "nbf": now - 10,
            "iat": now,
            "jti": "1",
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
