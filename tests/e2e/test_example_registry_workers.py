"""examples/registry with several workers: whichever is scraped tells what all did, also those that were killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from regobs.catalog import build_info, http, notifications, process, row_counts, storage
from regobs.common.programs import Supervisor
from regobs.demo.client import Image
from tests.e2e.conftest import require
from tests.e2e.example_registry import (
    Example,
    Hook,
    image,
    moved,
    requests_by_log,
    skopeo,
    start,
    within,
    write_directory,
)

pytestmark = pytest.mark.server
WORKERS = 2


@pytest.fixture(scope="module")
def counters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers") / "counters"


@pytest.fixture(scope="module")
def example(counters: Path) -> Iterator[Example]:
    """One for all tests of this module."""
    require("skopeo", package="skopeo")
    with Hook() as hook, Supervisor() as supervisor:
        running = start(supervisor, {"hook": hook}, more=f'workers = {WORKERS}\ncounters = "{counters}"')
        within(60, lambda: len(running.lines().where(msg="using the metadata database")) == WORKERS)
        yield running


def living(counters: Path) -> set[int]:
    """The processes whose numbers are in the directory."""
    return {int(file.name.partition(".")[0]) for file in counters.glob("*.numbers")}


def push_and_pull(example: Example, one: Image) -> int:
    """Bytes of the layers and the configuration that came back."""
    with example.client() as client:
        client.push_image(one)
        return client.pull_image(one.repository, one.tag)


def at_once(example: Example, images: list[Image]) -> None:
    """Push and pull them over connections of their own, so that the workers share them."""
    with ThreadPoolExecutor(4) as threads:
        sizes = list(threads.map(lambda one: push_and_pull(example, one), images))
    assert sizes == [one.size + len(one.config) for one in images]


def test_the_sums_of_all_workers_are_what_real_clients_did(example: Example, tmp_path: Path) -> None:
    one = image("workers/skopeo", "v1", 300_000, 1_200_001)
    write_directory(one, tmp_path / "pushed")
    remote = f"docker://{example.url.removeprefix('http://')}/{one.repository}:{one.tag}"
    before, seen = example.settled(), len(example.access_lines())

    skopeo(example, tmp_path, f"dir:{tmp_path}/pushed", remote)
    skopeo(example, tmp_path, remote, f"dir:{tmp_path}/pulled")
    others = [image(f"workers/{number}", "v1", 40_000 + number) for number in range(12)]
    at_once(example, others)

    for file in (tmp_path / "pushed").iterdir():
        assert (tmp_path / "pulled" / file.name).read_bytes() == file.read_bytes()
    after, lines = example.settled(), example.access_lines()[seen:]
    assert moved(before, after) == requests_by_log(lines)
    written = after.value(http.RESPONSE_SIZE, "_sum") - before.value(http.RESPONSE_SIZE, "_sum")
    assert written == sum(line["written_bytes"] for line in lines)
    pushed = [one, *others]
    sizes = [size for image in pushed for size in (*(layer.size for layer in image.layers), len(image.config))]
    assert after.value(storage.BLOB_UPLOADS, "_count") - before.value(storage.BLOB_UPLOADS, "_count") == len(sizes)
    assert after.value(storage.BLOB_UPLOADS, "_sum") - before.value(storage.BLOB_UPLOADS, "_sum") == sum(sizes)
    assert after.value(storage.BLOB_DOWNLOADS, "_sum") - before.value(storage.BLOB_DOWNLOADS, "_sum") == sum(sizes)
    delivered = after.value(notifications.DELIVERIES, delivery_type="delivered")
    assert delivered == len(example.hooks["hook"].events)
    assert len({line["instance_id"] for line in example.lines().where(msg="blob uploaded")}) > 1  # they did share it


def test_every_worker_tells_the_same_and_gauges_make_sense(example: Example, counters: Path) -> None:
    assert len(living(counters)) == WORKERS
    example.settled()
    # Every scrape is a connection of its own, which the kernel gives to any worker.
    scrapes = [example.scrape() for _ in range(8)]
    assert len({tuple(sorted(scrape.rows(http.REQUESTS).items())) for scrape in scrapes}) == 1
    for scrape in scrapes:
        assert scrape.value(build_info.BUILD) == 1
        assert scrape.value(http.IN_FLIGHT) == scrape.value(notifications.PENDING) == 0
        assert scrape.value(row_counts.MIGRATIONS, migration_type="pre_deployment") == 1
        assert scrape.value(process.OPEN_FDS) < WORKERS * 100
    assert b"regobs_instrument" not in scrapes[-1].text


def test_a_killed_worker_takes_no_count_with_it_and_leaves_no_file(example: Example, counters: Path) -> None:
    before, victim = example.settled(), max(living(counters))
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        try:
            example.scrape()
        except requests.RequestException:  # it was waiting in the killed one's queue
            return False
        return victim not in living(counters) and len(living(counters)) == WORKERS

    within(60, replaced)
    after = example.settled()
    assert moved(before, after) == {}
    assert after.value(storage.BLOB_UPLOADS, "_sum") == before.value(storage.BLOB_UPLOADS, "_sum")
    assert after.value(http.IN_FLIGHT) == 0
    seen = len(example.access_lines())
    at_once(example, [image(f"again/{number}", "v1", 5_000) for number in range(6)])
    assert moved(after, example.settled()) == requests_by_log(example.access_lines()[seen:])


def test_a_signal_ends_all_workers_when_their_work_is_done(example: Example) -> None:
    """The last test of the module."""
    example.process.stop(60)
    ended = example.lines().where(msg="graceful shutdown successful")
    assert len({line["instance_id"] for line in ended}) == WORKERS
    example.lines().validate(strict=True)
