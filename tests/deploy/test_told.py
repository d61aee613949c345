"""What every error of a deployment says: the target and its kind, the address, what was expected, what to do next."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from regobs.cli.main import run
from regobs.deploy.told import TargetWords
from regobs.documents import dump_yaml
from tests.deploy.alertmanager_fakes import NAMES, build
from tests.deploy.fakes import rules
from tests.deploy.test_kubernetes_namespace import kubeconfig
from tests.prometheus.stub import Reply, Stub

SECRET, TOKEN = "s3cret-of-the-context", "t0ken-of-a"  # the latter of the kubeconfig
NEEDS = {
    "rules": "directory = 'rules'\ncontext = 'here'",
    "ruler": "api = '{url}/config/v1/rules'\ncontext = 'here'",
    "alertmanager": "file = 'alertmanager.yml'\nreceivers = 'receivers.yaml'\ncontext = 'here'",
    "tenant": "api = '{url}/api/v1/alerts'\nreceivers = 'receivers.yaml'\ncontext = 'here'",
    "grafana": "url = '{url}'\nfolder = 'registry'\ntoken_file = 'token'",
    "kubernetes": "namespace = 'gitlab'\nkubeconfig = 'kubeconfig'",
    "elasticsearch": "url = '{url}'\napi_key_file = 'token'",
    "kibana": "url = '{url}'\napi_key_file = 'token'",
}
ANSWERED = {
    401: Reply(401, f'{{"message": "who is {SECRET} or {TOKEN}?"}}'),
    403: Reply(403, "no", "text/plain"),
    409: Reply(409, "{}"),
    429: Reply(429, "slowly", "text/plain", {"Retry-After": "17"}),
    500: Reply(500, "broken", "text/plain"),
    503: Reply(503, "<html>down</html>", "text/html"),
    200: Reply(200, "<html>sign in</html>", "text/html"),
    1: Reply(200, "{", "application/json"),
    302: Reply(302, "", "text/plain", {"Location": "http://[::1/login"}),
    307: Reply(307, "", "text/plain", {"Location": "http://a:port/"}),
    308: Reply(308, "", "text/plain", {"Location": "/\xff"}),
}
NEXT = {
    401: r"`tenant` of \[contexts\.here\]|GRAFANA_TOKEN|REGOBS_ELASTICSEARCH|kubeconfig",
    403: r"`tenant` of \[contexts\.here\]|GRAFANA_TOKEN|REGOBS_ELASTICSEARCH|kubeconfig",
    409: r"make the plan again",
    429: r"wait 17 s, then run the same command again",
    500: r"log of the server.*run the same command again",
    503: r"log of the server.*run the same command again",
    200: r"next:",
    1: r"next:",
    302: r"next:",
    307: r"next:",
    308: r"next:",
}
NO_VERSIONS = r"this API has no versions.*see what answers 409, and its log; then run the same command again"
Deploy = Callable[..., tuple[int, str, str]]


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Deploy:
    """A command of `regobs deploy` with one target, which is at this address."""
    for variable in ("CI", "GRAFANA_TOKEN", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    files = {**rules(High=5), **build(), "kibana/production.ndjson": b""}
    monkeypatch.setattr("regobs.build.build_files", lambda *_: files)
    (tmp_path / "receivers.yaml").write_text(dump_yaml({"receivers": [{"name": name} for name in NAMES]}))
    (tmp_path / "token").write_text(SECRET)

    def called(url: str, kind: str, *arguments: str, ca_file: str = "") -> tuple[int, str, str]:
        kubeconfig(tmp_path / "kubeconfig", url)
        settings = tmp_path / "regobs.toml"
        opened = f"[contexts.here]\nurl = '{url}'\ntoken_file = 'token'\ntimeout = '1s'\n"
        of_kind = kind.replace("tenant", "alertmanager")
        needs = NEEDS[kind].replace("{url}", url)
        authority = f"ca_file = '{ca_file}'\n" if ca_file else ""
        mine = authority if kind in {"grafana", "elasticsearch", "kibana"} else ""
        opened += "" if mine else authority
        settings.write_text(f"{opened}[deploy.mine]\nkind = '{of_kind}'\n{needs}\n{mine}")
        code = run(["deploy", *arguments, "--config", str(settings)])
        return code, *capsys.readouterr()

    return called


@contextmanager
def secure(certificate: trustme.LeafCert) -> Iterator[Stub]:
    """A server that speaks TLS with this certificate."""
    stub = Stub({}, default=Reply(200, "{}"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    stub.socket = context.wrap_socket(stub.socket, server_side=True)
    stub.handle_error = lambda *_: None  # type: ignore[method-assign]
    with stub:
        yield stub


def check(error: str, url: str, kind: str, next_step: str) -> None:
    assert f"[deploy.mine] ({kind.replace('tenant', 'alertmanager')}): " in error, error
    assert error.count("[deploy.mine]") == 1, error
    assert url in error, error
    assert "expected:" in error, error
    assert re.search(next_step, error.partition("next:")[2] if next_step != "next:" else error), error
    assert (TOKEN if kind == "kubernetes" else SECRET) not in error
    assert "--tenant" not in error, "an option that regobs deploy has not"
    assert "--token-file" not in error


@pytest.mark.parametrize("status", sorted(ANSWERED))
@pytest.mark.parametrize("kind", [kind for kind in NEEDS if kind not in {"rules", "alertmanager"}])
def test_whatever_a_target_answers_is_told_of_this_target(deploy: Deploy, kind: str, status: int) -> None:
    with Stub({}, default=ANSWERED[status]) as stub:
        code, _, error = deploy(stub.url, kind, "plan")
        assert code == 3, error
        check(error, stub.url, kind, NO_VERSIONS if status == 409 and kind in {"ruler", "tenant"} else NEXT[status])


@pytest.mark.parametrize("command", ["apply", "verify"])
@pytest.mark.parametrize("status", sorted(ANSWERED))
def test_what_the_server_of_a_rules_directory_answers_is_told_of_the_target(
    deploy: Deploy, status: int, command: str
) -> None:
    """A plan asks the directory alone."""
    with Stub({}, default=ANSWERED[status]) as stub:
        more = ["--yes", "--allow-findings"] if command == "apply" else []
        code, out, error = deploy(stub.url, "rules", command, *more)
        assert code == 3, out
        check(error, stub.url, "rules", NO_VERSIONS if status == 409 else NEXT[status])
        assert "Prometheus server" not in error
        assert "is no " not in error or "is no server that evaluates rules" in error


@pytest.mark.parametrize("kind", [kind for kind in NEEDS if kind not in {"rules", "alertmanager", "kubernetes"}])
def test_a_slow_answer_says_how_to_go_on(deploy: Deploy, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regobs.deploy.json_api._TIMEOUT", 0.5)
    with Stub({}, default=Reply(delay=1.5)) as stub:
        code, _, error = deploy(stub.url, kind, "plan")
        assert code == 3
        assert "did not answer in" in error
        check(error, stub.url, kind, "then run the same command again")


@pytest.mark.parametrize("kind", [kind for kind in NEEDS if kind not in {"rules", "alertmanager"}])
def test_a_server_that_is_away_is_told_of_the_target(deploy: Deploy, kind: str) -> None:
    code, _, error = deploy("http://127.0.0.1:1", kind, "plan")
    assert code == 3
    check(error, "http://127.0.0.1:1", kind, "runs")


@pytest.mark.parametrize("command", ["plan", "verify", "status", "rollback"])
def test_every_command_names_the_target(deploy: Deploy, command: str) -> None:
    more = ["mine", "--yes"] if command == "rollback" else []
    with Stub({}, default=Reply(503, "not now", "text/plain")) as stub:
        code, out, error = deploy(stub.url, "grafana", command, *more)
    if command == "rollback":
        assert (code, "[deploy.mine] (grafana): there is no such state" in error) == (2, True)
    elif command == "verify":
        assert (code, out) == (3, "")
        assert "[deploy.mine] (grafana): GET " in error
    else:
        assert code == 3
        check(error, stub.url, "grafana", NEXT[503])


@pytest.fixture
def two(deploy: Deploy, tmp_path: Path) -> Path:
    """Settings with a target that is well and one whose server is away."""
    del deploy
    settings = tmp_path / "regobs.toml"
    settings.write_text(
        "[contexts.here]\nurl = 'http://127.0.0.1:1'\n"
        "[deploy.away]\nkind = 'grafana'\nurl = 'http://127.0.0.1:1'\nfolder = 'registry'\n"
        "[deploy.here]\nkind = 'rules'\ndirectory = 'rules'\ncontext = 'here'\n"
    )
    return settings


@pytest.mark.parametrize("shape", ["text", "json"])
def test_a_target_that_is_away_hides_no_other_in_status(
    two: Path, capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    code = run(["deploy", "status", "--format", shape, "--config", str(two)])
    out, error = capsys.readouterr()
    assert code == 3
    assert "[deploy.away] (grafana): http://127.0.0.1:1 cannot be reached" in error
    if shape == "json":
        assert [one["target"] for one in json.loads(out)] == ["here"]
    else:
        assert "here" in out
        assert "away" not in out


@pytest.mark.parametrize("kind", [kind for kind in NEEDS if "token" in NEEDS[kind] or "context" in NEEDS[kind]])
def test_a_secret_that_cannot_be_read_is_told_of_the_target(deploy: Deploy, tmp_path: Path, kind: str) -> None:
    (tmp_path / "token").unlink()
    code, out, error = deploy("http://127.0.0.1:1", kind, "apply", "--yes", "--allow-findings")
    assert code in {2, 4}, out
    assert f"[deploy.mine] ({kind.replace('tenant', 'alertmanager')}): " in error
    assert f"{tmp_path}/token" in error


FOREIGN = {
    "rules": ("a.yaml", "move the file a.yaml out of the directory"),
    "ruler": ("a.yaml", "give the group a another name"),
    "alertmanager": ("alertmanager.yaml", "keep a copy of am.yml"),
    "grafana": ("regobs-x.json", "save dashboard regobs-x under another uid"),
    "kubernetes": ("ConfigMap/regobs-x", "delete the object ConfigMap/regobs-x or give it another name"),
    "elasticsearch": ("_ilm/policy/x", "delete _ilm/policy/x or give it another name"),
    "kibana": ("dashboard/x", "delete dashboard/x, or name another `space`"),
}


@pytest.mark.parametrize("kind", sorted(FOREIGN))
def test_what_is_there_already_is_called_what_it_is(kind: str) -> None:
    name, step = FOREIGN[kind]
    words = TargetWords("mine", kind, file="am.yml" if kind == "alertmanager" else "")
    called = words.called(name)
    assert "alertmanager.yaml" not in called
    assert not called.endswith(".json")
    assert words.way_on(called, there_already=True).startswith(("move", "give", "take", "save", "delete"))
    assert step in words.way_on(called, there_already=True)
    assert called in words.way_on(called, there_already=False)
    assert "away" not in words.way_on(called, there_already=False)
    assert f"{called} is to stay away" in words.way_on(called, there_already=False, gone=True)


def test_the_conflict_of_an_alertmanager_names_its_file(deploy: Deploy, tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: mine}\nreceivers: [{name: mine}]\n")
    with Stub({}, default=Reply(200, "{}")) as stub:
        _, out, error = deploy(stub.url, "alertmanager", "plan")
    conflict = next(line for line in out.splitlines() if "conflict" in line)
    assert "alertmanager.yml is there already" in conflict, error


@pytest.mark.parametrize("kind", ["elasticsearch", "grafana", "kibana", "ruler", "tenant"])
@pytest.mark.parametrize("expired", [False, True], ids=["unknown", "expired"])
def test_a_certificate_that_is_not_trusted_names_settings_that_there_are(
    deploy: Deploy, kind: str, *, expired: bool, tmp_path: Path
) -> None:
    issuer = trustme.CA()
    begin, end = (datetime(2020, 1, day, tzinfo=UTC) if expired else None for day in (1, 2))
    with secure(issuer.issue_cert("127.0.0.1", not_before=begin, not_after=end)) as stub:
        url = stub.url.replace("http:", "https:")
        if expired:
            issuer.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        code, _, error = deploy(url, kind, "plan", ca_file="ca.pem" if expired else "")
    assert code == 3, error
    assert "--ca-file" not in error
    assert "--client-cert" not in error
    if expired:
        assert "has expired" in error
        assert "renew the certificate" in error
    else:
        assert re.search(r"`ca_file`.* of \[(contexts\.here|deploy\.mine)\] in regobs\.toml", error), error


def test_a_grafana_is_opened_with_the_certificates_of_its_target(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count also where REQUESTS_CA_BUNDLE names another authority."""
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    with secure(issuer.issue_cert("127.0.0.1")) as stub:
        url = stub.url.replace("http:", "https:")
        assert "no trusted TLS" in deploy(url, "grafana", "plan")[2]
        assert "no trusted TLS" not in deploy(url, "grafana", "plan", ca_file="ca.pem")[2]
        assert stub.requests
