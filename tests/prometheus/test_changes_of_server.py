"""What changes a server: reading its rules again, and what stands beside the query API."""

from __future__ import annotations

import pytest

from regobs.errors import InputError, ServerError
from regobs.prometheus import Prometheus
from tests.prometheus.stub import Reply, Stub

SECRET = "s3cr3t-Wort"


def test_a_reload_is_a_post_with_what_opens_the_server() -> None:
    with Stub({("POST", "/-/reload"): Reply(200, "")}) as stub:
        with Prometheus(f"http://{stub.address}", headers={"Authorization": f"Bearer {SECRET}"}) as client:
            client.reload()
        (asked,) = stub.requests
    assert (asked.method, asked.path, asked.headers["Authorization"]) == ("POST", "/-/reload", f"Bearer {SECRET}")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(403, "Lifecycle API is not enabled.", "text/plain"), "--web.enable-lifecycle"),
        (Reply(500, "failed to reload config: line 3: did not find key", "text/plain"), "did not find key"),
        (Reply(401, "who are you", "text/plain"), "asks for authentication"),
        (Reply(302, "", headers={"Location": "/login"}), "redirects elsewhere"),
        (Reply(404, "404 page not found", "text/plain"), "HTTP 404"),
    ],
)
def test_a_reload_that_is_refused_says_why(reply: Reply, said: str) -> None:
    with (
        Stub({("POST", "/-/reload"): reply}) as stub,
        Prometheus(f"http://{stub.address}") as client,
        pytest.raises(ServerError) as error,
    ):
        client.reload()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("body", "kind"),
    [("RBAC: access denied", "text/plain"), ("<html>403 Forbidden</html>", "text/html"), ("", "text/plain")],
)
def test_a_reload_that_a_proxy_forbids_does_not_blame_a_flag(body: str, kind: str) -> None:
    with (
        Stub({("POST", "/-/reload"): Reply(403, body, kind)}) as stub,
        Prometheus(f"http://{stub.address}") as client,
        pytest.raises(ServerError) as error,
    ):
        client.reload()
    assert "enable-lifecycle" not in str(error.value)
    assert "check the credentials, and that the proxy" in str(error.value)
    assert error.value.status == 403


def test_what_is_sent_beside_the_query_api_has_its_content_and_what_opens_the_server() -> None:
    with Stub({("POST", "/api/v1/rules/a"): Reply(202, "{}")}) as stub:
        url = f"http://{stub.address}"
        with Prometheus(f"{url}/prometheus", headers={"X-Scope-OrgID": "team"}) as client:
            assert client.send("POST", f"{url}/api/v1/rules/a", b"name: a\n", "application/yaml").status_code == 202
        (asked,) = stub.requests
    assert (asked.headers["X-Scope-OrgID"], asked.headers["Content-Type"]) == ("team", "application/yaml")


@pytest.mark.parametrize("url", ["http://other/api", "https://127.0.0.1:1/api", "http://127.0.0.1:2/api", "/api"])
def test_another_host_never_sees_the_token(url: str) -> None:
    with (
        Prometheus("http://127.0.0.1:1", headers={"Authorization": f"Bearer {SECRET}"}) as client,
        pytest.raises(InputError, match="another host") as error,
    ):
        client.send("GET", url, b"", "text/plain")
    assert SECRET not in str(error.value)
