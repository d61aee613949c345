from __future__ import annotations

import asyncio
import gc as gc_of_python
import io
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import storage
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments
from regobs.instrument.adapters.storage import METHODS, BlobSizes, observed_driver
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded


class Memory:
    """A driver as somebody would write it, without knowing of us."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.root = "/"

    def stat(self, path: str) -> int:
        return len(self.files[path])

    def get(self, path: str) -> bytes:
        return self.files[path]

    def put(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def list(self, path: str) -> Sequence[str]:
        return sorted(name for name in self.files if name.startswith(path))

    def move(self, source: str, target: str) -> None:
        self.files[target] = self.files.pop(source)

    def delete(self, path: str) -> None:
        del self.files[path]

    def url(self, path: str) -> str:
        return f"memory:{path}"

    def reader(self, path: str) -> Iterator[bytes]:
        yield self.get(path)

    def walk(self) -> Iterator[str]:
        yield from self.list("/")

    def delete_files(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.delete(path)


def used(driver: Memory) -> None:
    driver.put("/a", b"123")
    assert driver.get("/a") == b"123"
    assert driver.stat("/a") == 3
    driver.move("/a", "/b")
    assert driver.list("/") == ["/b"]
    assert driver.url("/b") == "memory:/b"
    driver.delete("/b")


@pytest.mark.parametrize(
    ("flavor", "version", "url"),
    [("gitlab", None, "URLFor"), ("distribution", None, "RedirectURL"), ("distribution", "2.8.2", "URLFor")],
)
def test_each_call_is_one_observation_of_its_action(flavor: str, version: str | None, url: str) -> None:
    instruments = Instruments(flavor, version=version, strict=True)
    used(observed_driver(Memory(), instruments, "inmemory"))
    actions = ("PutContent", "GetContent", "Stat", "Move", "List", "Delete", url)
    assert recorded(instruments) == {
        storage.ACTIONS.name: {labels(action=action, driver="inmemory") for action in actions}
    }
    assert sample(instruments, storage.ACTIONS) == 7


def test_streams_walks_and_deletes_of_many_files_are_not_timed() -> None:
    instruments = Instruments(strict=True)
    driver = observed_driver(Memory(), instruments, "inmemory")
    driver.files["/a"] = b"1"
    assert (list(driver.reader("/a")), list(driver.walk())) == ([b"1"], ["/a"])
    driver.delete_files(["/a"])
    assert driver.root == "/"
    assert recorded(instruments) == {}


def test_a_call_that_fails_is_timed_and_fails() -> None:
    instruments = Instruments(strict=True)
    driver = observed_driver(Memory(), instruments, "filesystem")
    with (
        assert_moved(instruments, storage.ACTIONS, by=1, action="Stat", driver="filesystem"),
        pytest.raises(KeyError),
    ):
        driver.stat("/nothing")
    with pytest.raises(AttributeError):
        _ = driver.nothing  # type: ignore[attr-defined]


def test_an_async_driver_is_timed_until_it_has_answered() -> None:
    class Slow:
        async def stat(self, path: str) -> int:
            await asyncio.sleep(0.02)
            return len(path)

        async def get(self, path: str) -> bytes:
            raise FileNotFoundError(path)

    instruments = Instruments(strict=True)
    driver = observed_driver(Slow(), instruments, "gcs")

    async def run() -> None:
        assert await driver.stat("/abc") == 4
        with pytest.raises(FileNotFoundError):
            await driver.get("/abc")

    asyncio.run(run())
    assert sample(instruments, storage.ACTIONS, part="sum", action="Stat") >= 0.02
    assert sample(instruments, storage.ACTIONS, action="GetContent") == 1


@pytest.mark.parametrize("stop", [None, 1])
def test_a_listing_made_while_it_is_read_takes_the_time_of_the_driver_not_of_the_reader(stop: int | None) -> None:
    class Lazy:
        def list(self, path: str) -> Iterator[str]:
            for name in ("a", "b"):
                time.sleep(0.01)
                yield path + name

    instruments = Instruments(strict=True)
    listing = observed_driver(Lazy(), instruments, "gcs").list("/")
    for _ in zip(listing, range(stop or 9), strict=False):
        time.sleep(0.05)
    listing.close()  # type: ignore[attr-defined]
    assert sample(instruments, storage.ACTIONS, action="List") == 1
    # A reader that stops has asked for the item after its last one.
    assert 0.02 <= sample(instruments, storage.ACTIONS, part="sum") < 0.05


@pytest.mark.parametrize("stop", [None, 1])
@pytest.mark.parametrize("awaited", [False, True])
def test_an_async_listing_takes_the_time_of_the_driver_too(awaited: bool, stop: int | None) -> None:
    async def listed(path: str) -> AsyncIterator[str]:
        for name in ("a", "b"):
            await asyncio.sleep(0.01)
            yield path + name

    class Plain:
        def list(self, path: str) -> AsyncIterator[str]:
            return listed(path)

    class Awaited:
        async def list(self, path: str) -> AsyncIterator[str]:
            return listed(path)

    instruments = Instruments(strict=True)

    async def run() -> None:
        driver: Any = observed_driver(Awaited() if awaited else Plain(), instruments, "gcs")
        listing = await driver.list("/") if awaited else driver.list("/")
        seen = []
        async for name in listing:
            seen.append(name)
            await asyncio.sleep(0.05)
            if len(seen) == stop:
                break
        await listing.aclose()
        assert seen == ["/a", "/b"][:stop]

    asyncio.run(run())
    assert sample(instruments, storage.ACTIONS, action="List") == 1
    assert 0.01 * (stop or 2) <= sample(instruments, storage.ACTIONS, part="sum") < 0.05 * (stop or 2)


def test_each_kind_of_listing_is_timed_and_an_open_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")

    class Files:
        def list(self, path: str) -> Any:
            return map(str.upper, self.slow(path))

        def slow(self, path: str) -> Iterator[str]:
            time.sleep(0.02)
            yield path

        def get(self, path: str) -> Any:
            return (tmp_path / path).open("rb")

    class Scanned:
        def list(self, path: str) -> Any:
            return os.scandir(path)

    instruments = Instruments(strict=True)
    assert list(observed_driver(Files(), instruments, "gcs").list("x")) == ["X"]
    assert sample(instruments, storage.ACTIONS, part="sum", action="List") >= 0.02
    with observed_driver(Scanned(), instruments, "azure").list(str(tmp_path)) as found:
        assert [entry.name for entry in found] == ["a"]
    assert sample(instruments, storage.ACTIONS, action="List", driver="azure") == 1
    with observed_driver(Files(), instruments, "gcs").get("a") as file:
        assert isinstance(file, io.BufferedReader)
    assert sample(instruments, storage.ACTIONS, action="GetContent") == 1


def test_a_listing_that_fails_or_is_forgotten_is_timed_once() -> None:
    class Broken:
        def list(self, path: str) -> Iterator[str]:
            yield path
            raise OSError(path)

    instruments = Instruments(strict=True)
    with pytest.raises(OSError, match="/x"):
        list(observed_driver(Broken(), instruments, "gcs").list("/x"))
    assert sample(instruments, storage.ACTIONS, action="List") == 1
    next(iter(observed_driver(Broken(), instruments, "gcs").list("/x")))
    gc_of_python.collect()
    assert sample(instruments, storage.ACTIONS, action="List") == 2


def test_methods_of_other_names_can_be_given_and_an_old_label_too() -> None:
    class Odd:
        def fetch(self) -> int:
            return 1

        def stat(self) -> int:
            return 2

    instruments = Instruments(version="3.50.0", strict=True)
    driver = observed_driver(Odd(), instruments, "gcs", methods={"fetch": "GetContent"}, migration_path="new")
    assert (driver.fetch(), driver.stat()) == (1, 2)
    assert recorded(instruments) == {
        storage.ACTIONS.name: {labels(action="GetContent", driver="gcs", migration_path="new")}
    }


def test_every_action_of_the_catalog_has_a_method() -> None:
    for form in storage.ACTIONS.forms:
        label = form.label("action")
        assert label is not None
        assert set(label.values or ()) - {"RedirectURL"} <= set(METHODS.values())


def test_sizes_of_blobs_are_those_of_the_catalog() -> None:
    instruments = Instruments(strict=True)
    sizes = BlobSizes(instruments)
    assert recorded(instruments) == {}
    sizes.served(4711, redirect=False)
    sizes.served(100, redirect=True)
    sizes.stored(2**21)
    assert recorded(instruments) == {
        storage.BLOB_DOWNLOADS.name: {labels(redirect="false"), labels(redirect="true")},
        storage.BLOB_UPLOADS.name: {()},
    }
    assert sample(instruments, storage.BLOB_DOWNLOADS, part="sum", redirect=False) == 4711
    assert sample(instruments, storage.BLOB_UPLOADS, part="sum") == 2**21


def test_sizes_of_blobs_are_nothing_in_the_other_flavor() -> None:
    instruments = Instruments(Flavor.DISTRIBUTION, strict=True)
    BlobSizes(instruments).stored(1)
    assert instruments.render() == b""
