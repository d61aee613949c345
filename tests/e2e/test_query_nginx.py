"""What a real nginx answers in the place of the server behind it is told as the words of a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from regobs.common.programs import Supervisor, find_program, free_port
from regobs.errors import ServerError
from regobs.prometheus import Address, Connection, Prometheus
from tests.prometheus.stub import Stub, vector

pytestmark = pytest.mark.server
LONG = f'up{{a!="{"x" * 9000}"}}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates: of the server, of its authority, and of a client that it does not know."""
    path = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(path / "server.pem"))
    authority.cert_pem.write_to_path(str(path / "ca.pem"))
    trustme.CA().issue_cert("stranger").private_key_and_cert_chain_pem.write_to_path(str(path / "stranger.pem"))
    return path


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[dict[str, int]]:
    """An nginx with a port for each case, before a server that answers all queries."""
    program = find_program("nginx", "/usr/sbin/nginx", package="nginx-light")
    found = {name: free_port() for name in ("certificate", "small", "get", "away")}
    places = " ".join(f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    with Stub({"/api/v1/query": vector(({}, "1"))}) as stub, Supervisor() as supervisor:
        (folder / "nginx.conf").write_text(f"""
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; {places}
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
  server {{
    listen 127.0.0.1:{found["certificate"]} ssl; ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;
    location / {{ proxy_pass {stub.url}; }}
  }}
  server {{ listen 127.0.0.1:{found["small"]}; client_max_body_size 50; location / {{ proxy_pass {stub.url}; }} }}
  server {{
    listen 127.0.0.1:{found["get"]}; large_client_header_buffers 4 1k;
    location / {{ limit_except GET {{ deny all; }} proxy_pass {stub.url}; }}
  }}
  server {{ listen 127.0.0.1:{found["away"]}; location / {{ proxy_pass http://127.0.0.1:1; }} }}
}}
""")
        process = supervisor.start("nginx", [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
        supervisor.wait_until_ready(process, f"http://127.0.0.1:{found['get']}/api/v1/query")
        yield found


@pytest.mark.parametrize(
    ("scheme", "name", "certificate", "text", "said"),
    [
        ("https", "certificate", "", "up", "asks for a client certificate (HTTP 400)"),
        ("https", "certificate", "stranger.pem", "up", "refuses the client certificate (HTTP 400)"),
        ("http", "certificate", "", "up", "speaks only TLS (HTTP 400)"),
        ("http", "small", "", LONG, "takes no request this long (HTTP 413)"),
        ("http", "get", "", LONG, "takes no address this long (HTTP 414)"),
        ("http", "away", "", "up", "a proxy cannot reach what is behind it (HTTP 502)"),
    ],
)
def test_what_nginx_answers_in_the_place_of_the_server(
    folder: Path, ports: dict[str, int], *, scheme: str, name: str, certificate: str, text: str, said: str
) -> None:
    address = Address.parse(f"{scheme}://localhost:{ports[name]}")
    shown = folder / certificate if certificate else None
    with Prometheus(Connection(address, ca_file=folder / "ca.pem", client_cert=shown)) as prometheus:
        with pytest.raises(ServerError) as caught:
            prometheus.query(text)
        assert said in caught.value.message


def test_what_passes_it_is_answered(folder: Path, ports: dict[str, int]) -> None:
    own = folder / "server.pem"
    for url, shown in ((f"https://localhost:{ports['certificate']}", own), (f"http://localhost:{ports['get']}", None)):
        with Prometheus(Connection(Address.parse(url), ca_file=folder / "ca.pem", client_cert=shown)) as prometheus:
            assert len(prometheus.query("up").samples) == 1
