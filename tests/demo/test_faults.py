"""A real registry whose storage really fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.common.programs import Supervisor
from regobs.demo import faults, servers
from regobs.demo.client import Blob, Image, RegistryClient
from regobs.demo.faults import FullDisk, StorageFault, VanishedDirectory, choose, small_disk_works
from regobs.demo.traffic import MB, TrafficMix, images
from regobs.errors import MachineError, ServerError
from tests.e2e.conftest import require

pytestmark = pytest.mark.server


@pytest.fixture
def small_registry(supervisor: Supervisor) -> servers.RegistryServer:
    """A registry with its store on a disk of 8 MB."""
    require("docker-registry", "registry", package="docker-registry")
    if not small_disk_works():
        pytest.skip("this machine allows no mount namespace")
    return servers.docker_registry(supervisor, small_disk_bytes=8 * MB)


@pytest.fixture
def client(docker_registry: servers.RegistryServer) -> Iterator[RegistryClient]:
    with RegistryClient(docker_registry.url) as opened:
        yield opened


def codes(client: RegistryClient, image: Image) -> dict[str, bool]:
    """Which of the things that clients do work now."""

    def works(what: str) -> bool:
        with contextlib.suppress(ServerError):
            if what == "push":
                client.push_blob(image.repository, Blob(str(time.monotonic()), 5000))
            elif what == "pull":
                client.pull_image(image.repository, image.tag)
            elif what == "tags":
                return client.tags(image.repository) is not None
            else:
                client.base()
            return True
        return False

    return {what: works(what) for what in ("push", "pull", "tags", "base")}


_IMAGE = Image("demo/a", "1", (Blob("one", 4000),))
_ALL = {"push": True, "pull": True, "tags": True, "base": True}


def test_a_full_disk_fails_uploads_with_500_and_nothing_else(small_registry: servers.RegistryServer) -> None:
    with RegistryClient(small_registry.url) as client:
        client.push_image(_IMAGE)
        assert codes(client, _IMAGE) == _ALL
        with FullDisk(small_registry):
            assert codes(client, _IMAGE) == _ALL | {"push": False}
            assert client.tally.answers["start upload", 500] == 1
        assert codes(client, _IMAGE) == _ALL


def test_a_full_disk_stays_full_under_traffic(small_registry: servers.RegistryServer) -> None:
    pictures = images("test", MB)
    with RegistryClient(small_registry.url) as client:
        for image in pictures:
            client.push_image(image)
    with TrafficMix(small_registry.url, pictures, pause=0.01) as mix:
        time.sleep(0.5)
        assert mix.tally.server_errors() == 0
        with FullDisk(small_registry):
            time.sleep(1.5)
        broken = mix.tally.answers["start upload", 500]
        created = mix.tally.answers["push manifest", 201]
        assert broken > 10
        time.sleep(1)
        assert mix.tally.answers["push manifest", 201] > created
        assert mix.tally.answers["start upload", 500] <= broken + 4  # those that were under way


def test_a_small_disk_leaves_no_mount_behind(small_registry: servers.RegistryServer) -> None:
    assert str(small_registry.storage) not in Path("/proc/mounts").read_text()
    assert list(small_registry.storage.iterdir()) == []


def test_a_vanished_directory_fails_everything_but_the_base(
    docker_registry: servers.RegistryServer, client: RegistryClient
) -> None:
    client.push_image(_IMAGE)
    with VanishedDirectory(docker_registry):
        assert codes(client, _IMAGE) == {"push": False, "pull": False, "tags": False, "base": True}
        assert client.tally.answers["pull manifest", 500] == 1
    assert codes(client, _IMAGE) == _ALL


def test_a_vanished_directory_works_on_a_small_disk_too(small_registry: servers.RegistryServer) -> None:
    with RegistryClient(small_registry.url) as client:
        client.push_image(_IMAGE)
        with VanishedDirectory(small_registry):
            assert not codes(client, _IMAGE)["pull"]
        assert codes(client, _IMAGE) == _ALL


@pytest.mark.parametrize("kind", [FullDisk, VanishedDirectory])
def test_a_fault_is_repaired_when_the_block_fails_and_repairing_twice_is_harmless(
    small_registry: servers.RegistryServer, kind: type[FullDisk | VanishedDirectory]
) -> None:
    with RegistryClient(small_registry.url) as client:
        client.push_image(_IMAGE)
        fault: StorageFault = kind(small_registry)
        with pytest.raises(KeyboardInterrupt), fault:
            raise KeyboardInterrupt
        fault.repair()
        assert codes(client, _IMAGE) == _ALL


def test_a_shared_disk_is_never_filled(docker_registry: servers.RegistryServer) -> None:
    with pytest.raises(MachineError, match="shared disk"):
        FullDisk(docker_registry)
    assert isinstance(choose(docker_registry), VanishedDirectory)


@pytest.mark.parametrize(
    ("fault", "works", "wanted"),
    [("auto", True, True), ("auto", False, False), ("full-disk", True, True), ("vanished", True, False)],
)
def test_a_small_disk_is_wanted_where_it_can_be_had_and_used(
    monkeypatch: pytest.MonkeyPatch, fault: str, *, works: bool, wanted: bool
) -> None:
    monkeypatch.setattr(faults, "small_disk_works", lambda: works)
    assert faults.wants_small_disk(fault) is wanted


def test_a_full_disk_that_cannot_be_made_is_an_error_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "small_disk_works", lambda: False)
    with pytest.raises(MachineError, match="--fault vanished"):
        faults.wants_small_disk("full-disk")


def test_the_full_disk_is_chosen_where_there_is_a_small_one(small_registry: servers.RegistryServer) -> None:
    assert isinstance(choose(small_registry), FullDisk)
