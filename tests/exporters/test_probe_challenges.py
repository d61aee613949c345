"""Challenges, token services and redirects: what gets the probe's password, and which step fails."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from regobs.catalog import probe as metrics
from regobs.exporters.outside import Trust
from regobs.exporters.probe import TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget
from regobs.instrument import Instruments
from tests.exporters.probed import DEEP, outcomes, probe_of, steps
from tests.stub_server import StubHandler, StubServer


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that holds `x`, for user and password."""
    file = tmp_path / "secret"
    file.write_text("x")
    return file


@pytest.mark.parametrize("challenge", ["Basic", "Bearer"])
@pytest.mark.parametrize("known", [False, True], ids=["auth", "base"])
def test_a_challenge_of_a_server_to_which_a_redirect_leads_gets_no_credentials(
    challenge: str, known: bool, secret: Path
) -> None:
    seen: list[str | None] = []

    class Foreign(StubHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            if self.path.startswith("/token"):
                self.answer(200, b'{"token": "t"}')
            else:
                realm = f'{challenge} realm="{foreign.url}/token"'
                self.answer(401, b"", more={"WWW-Authenticate": realm})

    class Leading(StubHandler):
        def do_GET(self) -> None:
            if known and "Authorization" not in self.headers:
                self.answer(401, b"", more={"WWW-Authenticate": 'Basic realm="x"'})
                return
            seen.append(None if known else self.headers.get("Authorization"))
            self.answer(302, b"", more={"Location": f"{foreign.url}/v2/"})

    with StubServer(Foreign) as foreign, StubServer(Leading) as server:
        found = steps(probe_of(ProbeTarget("x", server.url, username_file=secret, password_file=secret)))
    step = found["base" if known else "auth"]
    assert step.result == "answer"
    assert step.text == (f"GET /v2/ leads to another host, {foreign.url}/v2/: 401, and no credentials are sent there")
    assert set(seen) == {None}


def test_a_redirect_within_the_registry_and_back_to_it_leads_to_its_own_challenge(secret: Path) -> None:
    class Moved(StubHandler):
        def do_GET(self) -> None:
            if self.path == "/v2/":
                self.answer(301, b"", more={"Location": "/registry/v2/"})
            elif "Authorization" in self.headers:
                self.answer(200, b"{}")
            else:
                self.answer(401, b"", more={"WWW-Authenticate": 'Basic realm="x"'})

    with StubServer(Moved) as server:
        found = steps(probe_of(ProbeTarget("x", server.url, username_file=secret, password_file=secret)))
    assert (found["auth"].result, found["base"].result) == ("ok", "ok")


@pytest.mark.parametrize("status", [302, 307])
def test_a_token_service_that_leads_elsewhere_takes_no_password_there(status: int, secret: Path) -> None:
    seen: list[str | None] = []

    class Foreign(StubHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.answer(401, b"", more={"WWW-Authenticate": 'Basic realm="x"'})

    class Leading(StubHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/token"):
                self.answer(status, b"", more={"Location": f"{foreign.url}/token"})
            else:
                self.answer(401, b"", more={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

    with StubServer(Foreign) as foreign, StubServer(Leading) as server:
        found = steps(probe_of(ProbeTarget("x", server.url, username_file=secret, password_file=secret)))
    assert found["auth"].result == "auth"
    assert seen == [None]


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, b"{}", "ok"),
        (503, b"{}", "status"),
        (429, b'{"errors": [{"code": "TOOMANYREQUESTS"}]}', "status"),
        (404, b"{}", "status"),
        (204, b"", "status"),
        (403, b"{}", "auth"),
        (200, b"<html>welcome</html>", "answer"),
        (401, b"", "auth"),  # and no challenge
    ],
)
def test_auth_fails_where_the_registry_answers_with_neither_a_challenge_nor_as_a_registry(
    status: int, body: bytes, result: str
) -> None:
    class Refusing(StubHandler):
        def do_GET(self) -> None:
            self.answer(status, body)

    with StubServer(Refusing) as server:
        found = outcomes(server)
    assert (found["connect"].result, found["auth"].result, found["base"].result) == ("ok", result, result)
    if result == "status":
        assert str(status) in found["auth"].text
    if result != "ok":
        assert found["base"].text == "prevented by auth"


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, b'{"token": "t"}', "ok"),
        (200, b'{"access_token": "t"}', "ok"),
        (200, b'{"token": ""}', "auth"),
        (503, b'{"token": "t"}', "auth"),
        (429, b"{}", "auth"),
        (200, b"<html>welcome</html>", "auth"),
    ],
)
def test_auth_fails_where_the_token_service_gives_no_token(status: int, body: bytes, result: str) -> None:
    class Challenge(StubHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/token"):
                self.answer(status, body)
            elif self.headers.get("Authorization"):
                self.answer(200, b"{}")
            else:
                self.answer(401, b"", more={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

    with StubServer(Challenge) as server:
        found = outcomes(server)
    assert found["auth"].result == result
    if status != 200:
        assert str(status) in found["auth"].text


@contextmanager
def with_tls(handler: type[StubHandler], authority: trustme.CA, ends: datetime) -> Iterator[str]:
    """The address of a server on localhost whose certificate expires then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=ends).configure_cert(context)
    with StubServer(handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield f"https://localhost:{server.server_port}"


@pytest.mark.parametrize("registry_has_tls", [True, False])
@pytest.mark.parametrize("leads", ["token", "redirect"])
def test_the_expiry_is_that_of_the_registrys_certificate_and_of_no_server_that_it_names(
    leads: str, registry_has_tls: bool, tmp_path: Path
) -> None:
    authority, now = trustme.CA(), datetime.now(UTC).replace(microsecond=0)
    far, near = now + timedelta(days=300), now + timedelta(days=3)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    class Other(StubHandler):
        def do_GET(self) -> None:
            self.answer(200, b'{"token": "t"}')

    class Registry(StubHandler):
        protocol_version = "HTTP/1.1"  # so that the connection of `tls` serves every request

        def do_GET(self) -> None:
            if leads == "redirect":
                self.answer(307, b"", more={"Location": f"{other}{self.path}"})
            elif "Authorization" in self.headers:
                self.answer(200, b"{}")
            else:
                self.answer(401, b"", more={"WWW-Authenticate": f'Bearer realm="{other}/token"'})

    instruments = Instruments("gitlab")
    with ExitStack() as running:
        other = running.enter_context(with_tls(Other, authority, far))
        if registry_has_tls:
            url = running.enter_context(with_tls(Registry, authority, near))
        else:
            url = running.enter_context(StubServer(Registry)).url
        target = ProbeTarget("x", url, trust=Trust(tmp_path / "ca.pem"), push=False)
        assert steps(TargetProbe(target, DEFAULT_TIMING, instruments))["base"].result == "ok"
    shown = [value for _, _, value in instruments.gauge(metrics.CERTIFICATE_EXPIRY).samples()]
    assert shown == ([near.timestamp()] if registry_has_tls else [])


def test_a_token_service_whose_json_has_no_end_is_a_failure_of_auth() -> None:
    class Challenge(StubHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/token"):
                self.answer(200, DEEP)
            else:
                self.answer(401, b"", more={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

    with StubServer(Challenge) as server:
        assert outcomes(server)["auth"].result == "auth"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_server_to_which_a_pull_leads_and_that_asks_for_a_password_gets_none_and_is_a_failure_of_auth(
    kind: str, status: int, secret: Path
) -> None:
    seen: list[str | None] = []
    manifest = b'{"layers": [{"digest": "sha256:0"}]}'

    class Foreign(StubHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.answer(status, b"", more={"WWW-Authenticate": f'Bearer realm="{foreign.url}/token"'})

    class Registry(StubHandler):
        def do_GET(self) -> None:
            if "Authorization" not in self.headers:
                self.answer(401, b"", more={"WWW-Authenticate": 'Basic realm="x"'})
            elif f"/{kind}/" in self.path:
                self.answer(307, b"", more={"Location": f"{foreign.url}/x"})
            else:
                self.answer(200, manifest if "/manifests/" in self.path else b"{}")

    with StubServer(Foreign) as foreign, StubServer(Registry) as server:
        target = ProbeTarget("x", server.url, username_file=secret, password_file=secret, push=False, delete=False)
        found = steps(probe_of(target))
    step = found["pull_manifest" if kind == "manifests" else "pull_blob"]
    assert (found["base"].result, step.result) == ("ok", "auth")
    assert seen == [None]
