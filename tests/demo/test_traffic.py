"""The client and the traffic against a live docker-registry."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.demo.client import OCI_MANIFEST, Blob, Image, RegistryClient, TrafficCounts
from regobs.demo.servers import RegistryServer
from regobs.demo.traffic import MB, TrafficMix, first_round, images, readable
from regobs.errors import ServerError
from tests.e2e.conftest import require

pytestmark = pytest.mark.server


def requests_total(registry: RegistryServer) -> dict[str, float]:
    """The samples of registry_http_requests_total, by their labels as written."""
    text = requests.get(f"{registry.debug_url}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith("registry_http_requests_total{")]
    return {line.split("{")[1].split("}")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 1000, 5000], ids=str)
def test_a_pushed_image_is_pulled_with_the_same_digests(
    docker_registry: RegistryServer, chunk_size: int | None
) -> None:
    image = Image("demo/a", "1", (Blob("one", 1), Blob("some", 30 if chunk_size == 1 else 1007)))
    with RegistryClient(docker_registry.url) as client:
        digest = client.push_image(image, chunk_size=chunk_size)
        assert client.pull_image("demo/a", "1") == image.size + len(image.config)
        assert client.pull_image("demo/a", digest) == image.size + len(image.config)
        assert client.tags("demo/a") == ["1"]


def test_a_layer_of_many_megabytes_is_streamed_both_ways(docker_registry: RegistryServer) -> None:
    blob = Blob("large", 30 * MB)
    with RegistryClient(docker_registry.url) as client:
        client.push_blob("demo/a", blob)
        assert client.pull_blob("demo/a", blob.digest, size=30 * MB) == 30 * MB


def test_content_that_was_changed_in_the_store_is_noticed(docker_registry: RegistryServer) -> None:
    blob = Blob("one", 3000)
    with RegistryClient(docker_registry.url) as client:
        client.push_blob("demo/a", blob)
        data = Path(
            docker_registry.storage, "docker/registry/v2/blobs/sha256", blob.digest[7:9], blob.digest[7:], "data"
        )
        data.write_bytes(b"x" * 3000)
        with pytest.raises(ServerError, match="other content than it was asked for"):
            client.pull_blob("demo/a", blob.digest)


def test_an_unexpected_status_is_an_error_that_names_the_request(docker_registry: RegistryServer) -> None:
    with RegistryClient(docker_registry.url) as client, pytest.raises(ServerError, match="answered with 404") as error:
        client.pull_manifest("demo/nothing", "1")
    assert "/v2/demo/nothing/manifests/1" in str(error.value)
    assert client.tally.answers["pull manifest", 404] == 1


def test_a_server_that_is_away_is_an_error_and_counted() -> None:
    tally = TrafficCounts()
    with RegistryClient("http://127.0.0.1:9", tally) as client, pytest.raises(ServerError, match="base failed"):
        client.base()
    assert tally.server_errors() == 1


def test_a_proxy_of_the_environment_does_not_get_between(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    require("docker-registry", "registry", package="docker-registry")
    with RegistryClient(servers.docker_registry(supervisor).url) as client:
        client.base()


def test_the_first_round_does_everything_the_story_needs(docker_registry: RegistryServer) -> None:
    said: list[str] = []
    pictures = images("test", 4 * MB)
    with RegistryClient(docker_registry.url) as client:
        first_round(client, pictures, said.append)
        assert sorted(client.catalog()) == sorted([*(p.repository for p in pictures), "demo/old"])
    tally = client.tally
    assert len(said) == len(pictures) + 5
    assert tally.server_errors() == 0
    assert tally.answers["cancel upload", 204] >= 2
    assert tally.answers["cut upload", 0] == 2
    assert tally.answers["mount blob", 201] == 1
    assert tally.answers["delete manifest", 202] == tally.answers["delete blob", 202] == 1
    assert tally.count(404) >= 9
    handlers = {labels.split('handler="')[1].split('"')[0] for labels in requests_total(docker_registry)}
    assert handlers == {"base", "blob", "blob_upload", "blob_upload_chunk", "catalog", "manifest", "tags"}


def test_the_sizes_go_from_one_byte_to_the_largest() -> None:
    sizes = [layer.size for image in images("test", 100 * MB) for layer in image.layers]
    assert (min(sizes), max(sizes)) == (1, 100 * MB)
    assert {image.media_type for image in images("test", MB)} > {OCI_MANIFEST}


def test_the_mix_keeps_going_without_server_errors_and_stops(docker_registry: RegistryServer) -> None:
    pictures = images("test", MB)
    with RegistryClient(docker_registry.url) as client:
        for image in pictures:
            client.push_image(image)
    with TrafficMix(docker_registry.url, pictures, workers=3, pause=0.005) as mix:
        deadline = time.monotonic() + 20
        while mix.tally.count() < 400 and time.monotonic() < deadline:
            time.sleep(0.05)
    done = mix.tally.count()
    assert done >= 400
    assert mix.tally.server_errors() == 0
    assert mix.tally.count(404) > 0
    time.sleep(0.2)
    assert mix.tally.count() == done


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (1536, "1.5 kB"), (100 * MB, "100.0 MB"), (3 << 30, "3.0 GB")],
)
def test_bytes_are_readable(size: int, text: str) -> None:
    assert readable(size) == text
