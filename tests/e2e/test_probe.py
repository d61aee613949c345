"""The probe against a real docker-registry: plain, with TLS, with tokens."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import trustme

from regobs.catalog import probe as metrics
from regobs.catalog.compare import compare_family
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor, Metric
from regobs.common.programs import Supervisor
from regobs.exporters import probe_steps
from tests.e2e.probed import PASSWORD, failing, secrets_of, trusting, watched
from tests.e2e.registry_variants import (
    ISSUER,
    SERVICE,
    RunningRegistry,
    TokenService,
    start_nginx,
    start_registry,
)

pytestmark = pytest.mark.server


def test_every_step_works_on_a_plain_registry_and_no_image_stays_but_the_canary(registry: RunningRegistry) -> None:
    probe = watched(registry, debug_url=registry.debug_url)
    first, second = probe.round(), probe.round()
    assert list(first) == [step for step in metrics.STEPS if step != "tls"]
    assert failing(first) == failing(second) == {}
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert tags == [probe_steps.CANARY]
    assert probe.value(metrics.RUNS.name, step="push", result="ok") == 2
    assert probe.value(metrics.RUNS.name, step="push", result="status") == 0
    assert probe.value(metrics.SUCCESS.name, step="delete") == 1
    last = probe.value(metrics.LAST_SUCCESS.name, step="read_back")
    assert last is not None
    assert abs(last - time.time()) < 30


def test_what_it_exposes_is_what_the_catalog_says(registry: RunningRegistry) -> None:
    probe = watched(registry, debug_url=registry.debug_url)
    probe.round()
    families = parse(probe.instruments.render()).families
    entries = [entry for entry in vars(metrics).values() if isinstance(entry, Metric)]
    assert {entry.name for entry in entries} - {metrics.CERTIFICATE_EXPIRY.name, metrics.FAILING_CHECKS.name} <= set(
        families
    )
    for entry in entries:
        if entry.name in families:
            assert list(compare_family(families[entry.name], entry, Flavor.GITLAB, None)) == []


def test_images_of_rounds_that_were_killed_are_removed_later(registry: RunningRegistry) -> None:
    probe = watched(registry)
    probe.round()
    old = f"probe-{int(time.time()) - 700}-aaaaaaaa"
    young = f"probe-{int(time.time()) - 30}-bbbbbbbb"
    manifest = requests.get(
        f"{registry.url}/v2/regobs/probe/manifests/canary", headers={"Accept": probe_steps.MANIFEST}, timeout=30
    ).content
    for tag in (old, young):  # with another digest: a deletion by digest takes every tag of it
        body = manifest.rstrip(b"}") + f', "annotations": {{"of": "{tag}"}}}}'.encode() if tag else b""
        put = requests.put(
            f"{registry.url}/v2/regobs/probe/manifests/{tag}",
            data=body.replace(b"]}", b"]", 0),
            headers={"Content-Type": probe_steps.MANIFEST},
            timeout=5,
        )
        assert put.status_code == 201, put.text
    assert failing(probe.round()) == {}
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tags) == sorted([probe_steps.CANARY, young])


def test_where_images_cannot_be_deleted_one_tag_is_taken_over_again_and_again(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "r" / "storage"
    registry = start_registry(supervisor, tmp_path / "r", storage={"filesystem": {"rootdirectory": str(storage)}})
    monkeypatch.setattr(probe_steps, "_LEFT_BEHIND", -1.0)  # all images of earlier rounds are to be removed
    monkeypatch.setattr(probe_steps, "_MOST_LEFT", 2)
    refused, next_process = watched(registry), watched(registry)
    for probe in (refused, refused, refused, refused, next_process):
        assert failing(probe.round()) == {"delete": "status"}  # a deletion that fails is no fault of pushes
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tag.partition("-")[0] for tag in tags) == ["canary", "probe", "probe", "probe"]
    assert "probe" in tags
    for _ in range(2):
        assert failing(watched(registry, delete=False, repository="other/probe").round()) == {}
    tags = requests.get(f"{registry.url}/v2/other/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tags) == ["canary", "probe"]


def test_without_push_a_missing_canary_is_a_failure_of_its_step(registry: RunningRegistry) -> None:
    probe = watched(registry, push=False, delete=False)
    assert failing(probe.round()) == {"pull_manifest": "status", "pull_blob": "status"}
    assert probe.why["pull_blob"] == "prevented by pull_manifest"
    assert "404" in probe.why["pull_manifest"]


def test_a_canary_that_is_lost_fails_its_step_once_and_is_pushed_again(registry: RunningRegistry) -> None:
    probe = watched(registry, repository="lost/probe")
    assert failing(probe.round()) == {}
    manifests = f"{registry.url}/v2/lost/probe/manifests"
    found = requests.head(f"{manifests}/canary", headers={"Accept": probe_steps.MANIFEST}, timeout=30)
    gone = requests.delete(f"{manifests}/{found.headers['Docker-Content-Digest']}", timeout=30)
    assert gone.status_code == 202
    assert failing(probe.round()) == {"pull_manifest": "status", "pull_blob": "status"}
    assert probe.why["pull_manifest"] == (
        "GET /v2/lost/probe/manifests/canary: 404 MANIFEST_UNKNOWN: it was there before; pushed again"
    )
    assert failing(probe.round()) == {}
    assert failing(watched(registry, repository="lost/probe").round()) == {}  # another process knows nothing of it


# -- TLS


def test_through_tls_every_step_works_and_the_expiry_of_the_certificate_is_told(
    registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)
    certificate = authority.issue_cert("localhost", not_after=ends)
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert failing(results) == {}
    assert results["tls"] == "ok"
    assert probe.value(metrics.CERTIFICATE_EXPIRY.name) == ends.timestamp()


@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
def test_a_certificate_that_is_wrong_is_a_failure_of_tls(
    wrong: str, registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "authority": lambda: trustme.CA().issue_cert("localhost"),
        "name": lambda: authority.issue_cert("elsewhere.test"),
        "expired": lambda: authority.issue_cert("localhost", not_after=past),
    }[wrong]()
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert results["connect"] == "ok"
    assert set(failing(results).values()) == {"tls"}
    assert next(iter(failing(results))) == "tls"


def test_a_registry_that_does_not_know_its_scheme_fails_where_it_names_an_address(
    registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate = authority.issue_cert("localhost")
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate, tells_scheme=False)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert results["base"] == "ok"
    assert results["push"] == "answer"
    assert "X-Forwarded-Proto" in probe.why["push"]


# -- authentication


@pytest.fixture
def tokens(tmp_path: Path) -> TokenService:
    return TokenService(tmp_path, "probe", PASSWORD)


def with_tokens(supervisor: Supervisor, tmp_path: Path, tokens: TokenService, realm: str) -> RunningRegistry:
    token = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(tokens.bundle)}
    return start_registry(supervisor, tmp_path / "registry", auth={"token": token})


def test_with_a_token_service_every_step_works(supervisor: Supervisor, tmp_path: Path, tokens: TokenService) -> None:
    with tokens.running() as realm:
        registry = with_tokens(supervisor, tmp_path, tokens, realm)
        assert failing(watched(registry, **secrets_of(tmp_path)).round()) == {}
    assert set(tokens.scopes) == {"repository:regobs/probe:pull,push,delete"}


def test_a_token_service_that_is_gone_or_refuses_is_a_failure_of_auth(
    supervisor: Supervisor, tmp_path: Path, tokens: TokenService
) -> None:
    with tokens.running() as realm:
        registry = with_tokens(supervisor, tmp_path, tokens, realm)
        probe = watched(registry, **secrets_of(tmp_path))
        (tmp_path / "password").write_text("another")
        refused = probe.round()
        (tmp_path / "password").write_text(PASSWORD)  # read anew
        allowed = probe.round()
    gone = probe.round()
    assert (refused["connect"], refused["auth"], refused["push"]) == ("ok", "auth", "auth")
    assert failing(allowed) == {}
    assert (gone["connect"], gone["auth"]) == ("ok", "auth")
    assert "token service" in probe.why["auth"]


def test_basic_authentication_works_and_a_wrong_password_is_a_failure_of_auth(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    (tmp_path / "htpasswd").write_text(f"probe:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    htpasswd = {"realm": "registry", "path": str(tmp_path / "htpasswd")}
    registry = start_registry(supervisor, tmp_path / "registry", auth={"htpasswd": htpasswd})
    probe = watched(registry, **secrets_of(tmp_path))
    assert failing(probe.round()) == {}
    (tmp_path / "password").write_text("another")
    assert probe.round()["base"] == "auth"
    assert watched(registry).round()["auth"] == "auth"
