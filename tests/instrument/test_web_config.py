"""The web configuration file of Prometheus' exporters: what is read, what is refused, and who is let in."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import trustme

from regobs.errors import ConfigError
from regobs.instrument import Instruments, MetricsASGI, MetricsServer, MetricsWSGI, WebConfig
from regobs.instrument.http import metrics_server

COST = 4  # the lowest; a test is not a place to be slow


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(COST)).decode()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def written(folder: Path, text: str) -> Path:
    file = folder / "web.yaml"
    file.write_text(text)
    return file


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def tls_files(folder: Path, authority: trustme.CA) -> None:
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.crt").write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    authority.cert_pem.write_to_path(folder / "ca.crt")


def test_users_are_let_in_with_their_password_only(tmp_path: Path) -> None:
    web = WebConfig(written(tmp_path, f"basic_auth_users:\n  ann: {hashed('right')}\n  bob: {hashed('other:colon')}\n"))
    assert web.quick_status(basic("ann", "right")) is None
    assert web.status(basic("ann", "right")) == 200
    assert web.quick_status(basic("ann", "right")) == 200  # remembered: no hash a scrape
    assert web.status(basic("bob", "other:colon")) == 200
    for wrong in (basic("ann", "wrong"), basic("ann", ""), basic("bob", "right"), basic("eve", "right"), basic("", "")):
        assert web.status(wrong) == 401
        assert web.quick_status(wrong) is None  # a wrong one is not remembered


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic ", "Bearer abc", "Basic ???", "Basic /w=="),
        *("Basic " + base64.b64encode(b"ann").decode(), "Basic " + "A" * 1_000_000),
    ],
)
def test_a_header_that_holds_no_credentials_is_401_without_a_hash(tmp_path: Path, header: str) -> None:
    web = WebConfig(written(tmp_path, f"basic_auth_users: {{ann: {hashed('right')}}}\n"))
    assert web.quick_status(header) == 401
    assert web.status(header) == 401


@pytest.mark.parametrize("password", ["ä" * 20, "x" * 72, "x" * 200, "a\0b"])
def test_any_password_is_an_answer(tmp_path: Path, password: str) -> None:
    web = WebConfig(written(tmp_path, f"basic_auth_users: {{ann: {hashed('x' * 72)}}}\n"))
    assert web.status(basic("ann", password)) == (200 if password.startswith("x" * 72) else 401)


def test_an_unknown_user_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    strong = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    web = WebConfig(written(tmp_path, f"basic_auth_users: {{ann: {strong}}}\n"))

    def spent(header: str) -> float:
        before = time.thread_time()
        assert web.status(header) == 401
        return time.thread_time() - before

    known = min(spent(basic("ann", "wrong")) for _ in range(3))
    unknown = min(spent(basic("eve", "wrong")) for _ in range(3))
    assert known / 2 < unknown < known * 2


def test_a_changed_file_counts_from_the_next_request_on(tmp_path: Path) -> None:
    file = written(tmp_path, f"basic_auth_users: {{ann: {hashed('old')}}}\n")
    web = WebConfig(file)
    assert web.status(basic("ann", "old")) == 200
    file.write_text(f"basic_auth_users: {{ann: {hashed('newer')}}}  # changed\n")
    assert web.status(basic("ann", "old")) == 401
    assert web.status(basic("ann", "newer")) == 200
    file.write_text("basic_auth_users: [")
    assert web.status(basic("ann", "newer")) == 500
    file.unlink()
    assert web.status(basic("ann", "newer")) == 500
    file.write_text("{}\n")
    assert web.status("") == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basic_auth_users: {ann: hunter2}", "not hashed with bcrypt"),
        ("basic_auth_users: {ann: $2y$99$" + "a" * 53 + "}", "not hashed with bcrypt"),
        ("basic_auth_users: {ann: 12}", "not hashed with bcrypt"),
        ("tls_server_config: {cert_file: a}", "key_file"),
        ("tls_server_config: {cert_file: a, key_file: b}", "cannot be used"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS14}", "TLS12"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}", "cipher_suites"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}", "RequireAndVerify"),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "do not fit"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}", "do not fit"),
        ("tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: [x]}", "every client"),
        ("http_server_config: {headers: {X-Frame-Options: 'a\\nb'}}", ""),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nSet-Cookie: b"}}', "printable"),
        ("rate_limit: {burst: 1}", "rate_limit"),
        ("- a", "mapping"),
        ("a: [", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_the_password(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text + "\n")
    if "a\\nb" in text:  # a backslash in single quotes is two letters, and no line feed
        assert WebConfig(file).headers == (("X-Frame-Options", "a\\nb"),)
        return
    with pytest.raises(ConfigError) as caught:
        WebConfig(file)
    assert said in str(caught.value)
    assert str(file.parent) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_both_scrape_applications_ask_for_a_user(tmp_path: Path) -> None:
    from tests.instrument.test_asgi import scope, serve

    text = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    web = WebConfig(written(tmp_path, f"basic_auth_users: {{ann: {hashed('right')}}}\n{text}"))
    instruments = Instruments("gitlab")

    def asgi(authorization: str) -> tuple[int, dict[bytes, bytes]]:
        one = scope("GET", "/metrics", headers=[(b"authorization", authorization.encode())])
        started = serve(MetricsASGI(instruments, web=web), one)[0]
        return started["status"], dict(started["headers"])

    def wsgi(authorization: str) -> tuple[int, dict[bytes, bytes]]:
        seen: list[Any] = []
        environ = {"PATH_INFO": "/metrics", "HTTP_AUTHORIZATION": authorization}
        list(MetricsWSGI(instruments, web=web)(environ, lambda *given: seen.append(given)))  # type: ignore[arg-type]
        return int(seen[0][0][:3]), {name.lower().encode(): value.encode() for name, value in seen[0][1]}

    for ask in (asgi, wsgi):
        status, headers = ask("")
        assert (status, headers[b"www-authenticate"], headers[b"x-frame-options"]) == (401, b"Basic", b"deny")
        assert ask(basic("ann", "wrong"))[0] == 401
        status, headers = ask(basic("ann", "right"))
        assert (status, headers[b"x-frame-options"]) == (200, b"deny")
        assert ask(basic("ann", "right"))[0] == 200


def test_hashing_a_password_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    strong = bcrypt.hashpw(b"right", bcrypt.gensalt(12)).decode()
    web = WebConfig(written(tmp_path, f"basic_auth_users: {{ann: {strong}}}\n"))
    app = MetricsASGI(Instruments("gitlab"), web=web)
    one = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b""}
    ticks = 0

    async def send(message: Any) -> None: ...

    async def receive() -> Any: ...

    async def run() -> None:
        nonlocal ticks
        header = [(b"authorization", basic("ann", "wrong").encode())]
        task = asyncio.create_task(app({**one, "headers": header}, receive, send))
        while not task.done():
            ticks += 1
            await asyncio.sleep(0.005)

    asyncio.run(run())
    assert ticks > 3


def test_a_server_speaks_tls_and_takes_new_certificates_without_a_restart(
    tmp_path: Path, authority: trustme.CA
) -> None:
    tls_files(tmp_path, authority)
    web = WebConfig(written(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"))
    server = MetricsServer(MetricsWSGI(Instruments("gitlab"), web=web), "127.0.0.1", 0, web=web)
    try:
        assert server.url.startswith("https://127.0.0.1:")
        url = f"{server.url}/metrics"
        idle = socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])))  # says nothing
        assert requests.get(url, verify=str(tmp_path / "ca.crt"), timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url.replace("https", "http"), timeout=5)
        tls_files(tmp_path, trustme.CA())
        assert requests.get(url, verify=str(tmp_path / "ca.crt"), timeout=5).status_code == 200
        os.truncate(tmp_path / "server.crt", 10)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url, verify=str(tmp_path / "ca.crt"), timeout=5)
        idle.close()
    finally:
        server.stop()


def test_tls_below_the_lowest_version_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    tls_files(tmp_path, authority)
    rules = "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS13}\n"
    web = WebConfig(written(tmp_path, rules))
    server = MetricsServer(MetricsWSGI(Instruments("gitlab")), "127.0.0.1", 0, web=web)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2]))) as raw,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(raw, server_hostname="127.0.0.1")
    finally:
        server.stop()


def test_a_client_certificate_is_asked_for_and_its_name_too(tmp_path: Path, authority: trustme.CA) -> None:
    tls_files(tmp_path, authority)
    files = {"prometheus.example": authority, "other.example": authority, "prometheus.example ": trustme.CA()}
    for number, (name, signer) in enumerate(files.items()):
        one = signer.issue_cert(name.strip())
        one.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"client{number}.pem")
    rules = (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_ca_file: ca.crt\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.example]\n"
    )
    web = WebConfig(written(tmp_path, rules))
    server = MetricsServer(MetricsWSGI(Instruments("gitlab")), "127.0.0.1", 0, web=web)
    url, trusted = f"{server.url}/metrics", str(tmp_path / "ca.crt")
    try:
        pem = str(tmp_path / "client0.pem")
        assert requests.get(url, verify=trusted, cert=pem, timeout=5).status_code == 200
        for certificate in (None, str(tmp_path / "client1.pem"), str(tmp_path / "client2.pem")):
            with pytest.raises((requests.exceptions.ConnectionError, ssl.SSLError)):
                requests.get(url, verify=trusted, cert=certificate, timeout=5)
    finally:
        server.stop()


def test_clients_that_say_nothing_are_closed_for_those_that_ask(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "_MOST_CONNECTIONS", 3)
    tls_files(tmp_path, authority)
    web = WebConfig(written(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"))
    for settings in (None, web):  # plain, and in the middle of the handshake
        server = MetricsServer(MetricsWSGI(Instruments("gitlab")), "127.0.0.1", 0, web=settings)
        host, port = server.address.split(":")
        silent = [socket.create_connection((host, int(port)), timeout=10) for _ in range(8)]
        try:
            for _ in range(4):  # each closes the one that has waited longest
                answer = requests.get(server.url + "/metrics", timeout=10, verify=str(tmp_path / "ca.crt"))
                assert answer.status_code == 200
            assert [connection.recv(1) for connection in silent[:6]] == [b""] * 6
        finally:
            server.stop()
            for connection in silent:
                connection.close()


@pytest.mark.parametrize("key", ["cert_file", "key_file", "client_ca_file"])
def test_a_null_character_in_the_name_of_a_file_is_refused_where_it_stands(key: str, tmp_path: Path) -> None:
    names = {"cert_file": "a.crt", "key_file": "a.key", key: "x\\0y"}
    text = "tls_server_config:\n" + "".join(f'  {name}: "{value}"\n' for name, value in names.items())
    with pytest.raises(ConfigError, match="control characters") as caught:
        WebConfig(written(tmp_path, text))
    assert caught.value.location is not None
    assert caught.value.location.line == 2 + list(names).index(key)
