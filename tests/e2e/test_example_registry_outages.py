"""examples/registry while a part of it is gone: it answers what it can, and says what is wrong."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from regobs.catalog import gc, http, redis
from regobs.common.programs import Supervisor
from regobs.demo.client import OCI_MANIFEST, Blob, Image
from regobs.testing import assert_moved
from tests.e2e.example_registry import Example, Hook, start, within

pytestmark = pytest.mark.server


@pytest.fixture
def example() -> Iterator[Example]:
    with Hook() as hook, Supervisor() as supervisor:
        yield start(supervisor, {"hook": hook})


def test_it_goes_on_without_redis_and_says_what_is_wrong_without_storage_and_database(example: Example) -> None:
    one = Image("outages/app", "v1", (Blob("outages", 5_000),), OCI_MANIFEST)
    url = f"{example.url}/v2/{one.repository}/tags/list"
    with example.client() as client, example.session() as session:
        client.push_image(one)
        example.redis.process.signal(signal.SIGKILL)
        with assert_moved(example.scrape, redis.COMMANDS, by=0):  # what fails is not timed
            assert client.pull_image(one.repository, one.tag) == 5_000 + len(one.config)
        assert session.get(f"{example.debug_url}/debug/health", timeout=30).json() == {}

        blobs = example.storage / "docker/registry/v2/blobs"
        example.storage.rename(example.storage.with_name("away"))
        missing = session.get(f"{example.url}/v2/{one.repository}/blobs/{one.layers[0].digest}", timeout=30)
        assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")
        health = session.get(f"{example.debug_url}/debug/health", timeout=30)
        assert (health.status_code, health.json()) == (503, {"storagedriver_filesystem": "FileNotFoundError"})
        example.storage.with_name("away").rename(example.storage)
        assert blobs.is_dir()

        example.database.process.signal(signal.SIGKILL)
        before = example.scrape()
        broken = session.get(url, timeout=30)
        assert (broken.status_code, broken.json()["errors"][0]["code"]) == (503, "UNAVAILABLE")
        health = session.get(f"{example.debug_url}/debug/health", timeout=30)
        assert (health.status_code, [*health.json()]) == (503, ["database_connection"])
    within(60, lambda: example.scrape().value(http.REQUESTS, code="503") - before.value(http.REQUESTS, code="503") == 1)
    within(60, lambda: example.scrape().value(gc.RUNS, error="true") > 0)
    failed = [line for line in example.lines() if line["msg"] == "failed run"]
    assert {line["worker"] for line in failed} <= {f"registry.gc.worker.{kind}Worker" for kind in ("Blob", "Manifest")}
    assert failed
    warned = {line["msg"]: line["level"] for line in example.lines() if line["msg"].endswith("cache")}
    assert warned == {"failed to read repository from cache": "error", "failed to write repository to cache": "warning"}
    example.lines().validate(strict=True)


def test_what_it_refuses_for_its_health_or_a_rate_is_logged_and_in_no_metric_of_a_route() -> None:
    more = 'health = { interval = 0.2, threshold = 2 }\nlimit = { name = "per address", rate = 20, period = 60.0 }'
    with Hook() as hook, Supervisor() as supervisor:
        example = start(supervisor, {"hook": hook}, more=more)
        url = f"{example.url}/v2/"
        with example.session() as session:
            seen = [session.get(url, timeout=30) for _ in range(30)]
            admitted = sum(answer.status_code == 200 for answer in seen)
            refused = [answer for answer in seen if answer.status_code == 429]
            assert 0 < admitted <= 20
            assert len(refused) == 30 - admitted
            assert {answer.json()["errors"][0]["code"] for answer in refused} == {"TOOMANYREQUESTS"}
            assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
            assert example.scrape().value(http.REQUESTS) == admitted

            example.storage.rename(example.storage.with_name("away"))
            within(30, lambda: session.get(url, timeout=30).status_code == 503)
            before, lines = example.scrape(), len(example.lines().where(msg="access", status=503))
            away = [session.get(f"{example.url}{path}", timeout=30) for path in ("/v2/", "/v2/a/tags/list", "/")]
            assert [answer.status_code for answer in away] == [503, 503, 503]
            assert "health check failed" in away[0].json()["errors"][0]["detail"]
            assert session.get(f"{example.debug_url}/debug/health", timeout=30).status_code == 503
            assert example.scrape().value(http.REQUESTS) == before.value(http.REQUESTS)
            assert len(example.lines().where(msg="access", status=503)) == lines + 3

            example.storage.with_name("away").rename(example.storage)
            within(30, lambda: session.get(url, timeout=30).status_code != 503)
            assert len(example.lines().where(msg="access", status=429)) >= len(refused)
            assert example.lines().where(msg="request blocked: rate limit exceeded", name="per address")
        example.lines().validate(strict=True)
