"""What clients do to a registry: a first round of real images, then a steady mix in the background."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from regobs.demo.client import OCI_MANIFEST, Blob, Image, RegistryClient, TrafficCounts
from regobs.errors import RegobsError, ServerError

KB, MB = 1 << 10, 1 << 20
_CHUNK_SIZE = 5 * MB
_WRONG_DIGEST = "sha256:" + "0" * 64


def images(seed: str, largest: int) -> list[Image]:
    """The images of the first round: several repositories, layers of one byte to `largest`, both manifest types."""

    def blobs(*sizes: int) -> tuple[Blob, ...]:
        return tuple(Blob(f"{seed}/{size}/{n}", size) for n, size in enumerate(sizes))

    return [
        Image("demo/tiny", "1.0", blobs(1, 42, 700)),
        Image("demo/tools/shell", "latest", blobs(3 * KB, 180 * KB), OCI_MANIFEST),
        Image("demo/web", "2.3.1", blobs(64 * KB, 900 * KB, largest // 40)),
        Image("demo/api", "main", blobs(12 * KB, largest // 20, largest // 8), OCI_MANIFEST),
        Image("demo/models/weights", "v7", blobs(2 * KB, largest)),
    ]


def first_round(client: RegistryClient, pictures: Sequence[Image], say: Callable[[str], None]) -> None:
    """Push and pull every image, every way a client does, with the mistakes clients make.

    Every digest is verified. `say` is told what was done, one line a step. Raises ServerError when the registry does
    something unexpected.
    """
    for number, image in enumerate(pictures):
        chunked = number % 2 == 1
        client.push_image(image, chunk_size=_CHUNK_SIZE if chunked else None)
        how = f"in chunks of {_CHUNK_SIZE // MB} MB" if chunked else "each layer in one request"
        say(f"pushed {image.repository}:{image.tag}, {len(image.layers)} layers, {readable(image.size)}, {how}")
    received = sum(client.pull_image(image.repository, image.tag) for image in pictures)
    say(f"pulled all {len(pictures)} images, {readable(received)}, every digest verified")
    _mount(client, pictures)
    say("mounted a layer across repositories, listed tags and the catalog")
    missing = _ask_for_what_is_not_there(client)
    say(f"asked for {missing} things that are not there (404)")
    _cancel(client, pictures[0].repository)
    say("cancelled uploads: two with DELETE, two by hanging up (docker-registry 2.8 counts those as its own 500)")
    _delete(client)
    say("deleted a manifest and a blob")


def _mount(client: RegistryClient, pictures: Sequence[Image]) -> None:
    source, target = pictures[-2], pictures[0]
    layer = source.layers[0]
    if not client.mount_blob(target.repository, layer.digest, source.repository):
        raise ServerError("the registry did not mount a blob it has", value=layer.digest)
    client.mount_blob(target.repository, _WRONG_DIGEST, source.repository)
    client.base()
    expected = {image.repository for image in pictures}
    if missing := expected - set(client.catalog()):
        raise ServerError("repositories are missing from the catalog", value=", ".join(sorted(missing)))
    for image in pictures:
        if image.tag not in (client.tags(image.repository) or []):
            raise ServerError("a tag that was pushed is not listed", value=f"{image.repository}:{image.tag}")


def _ask_for_what_is_not_there(client: RegistryClient) -> int:
    before = client.tally.count(404)
    for attempt in range(3):
        client.has_manifest("demo/tiny", f"no-such-tag-{attempt}")
        client.has_blob("demo/tiny", _WRONG_DIGEST)
        client.tags(f"demo/no-such-repository-{attempt}")
    with contextlib.suppress(ServerError):
        client.pull_manifest("demo/web", "no-such-tag")
    with contextlib.suppress(ServerError):
        client.pull_blob("demo/web", _WRONG_DIGEST)
    return client.tally.count(404) - before


def _cancel(client: RegistryClient, repository: str) -> None:
    for number in range(2):
        location = client.start_upload(repository)
        if number:
            location = client.send_chunk(location, b"half of a layer", 0)
        client.cancel_upload(location)
    for size in (40 * KB, 2 * MB):
        client.cut_upload(client.start_upload(repository), Blob(f"cut/{size}", size))


def _delete(client: RegistryClient) -> None:
    image = Image("demo/old", "0.1", (Blob("old", 2 * KB),))
    digest = client.push_image(image)
    done = (
        client.delete_manifest(image.repository, digest),
        client.delete_blob(image.repository, image.layers[0].digest),
    )
    if not all(done) or client.has_manifest(image.repository, digest):
        raise ServerError("a deleted manifest or blob is still there", value=f"{image.repository}@{digest}")


@dataclass(frozen=True, slots=True)
class _Action:
    weight: int
    run: Callable[[RegistryClient, random.Random, str], object]


class TrafficMix:
    """Clients in the background until the `with` ends: mostly pulls, some pushes, lists, deletes, mistakes.

    None hangs up in the middle: docker-registry 2.8 counts that as a 500 of its own ("client disconnected"), and
    hundreds of them would spend the error budget before anything is broken.

    A failing request is counted in `tally`, never raised: that is what the demo is about. Every worker has an own
    seeded random generator. `pause` is the mean time between two actions of one worker, in seconds.
    """

    def __init__(
        self, url: str, pictures: Sequence[Image], *, workers: int = 4, pause: float = 0.08, seed: str = "mix"
    ) -> None:
        self.tally = TrafficCounts()
        self._url, self._pictures, self._pause = url, pictures, pause
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(f"{seed}{number}",), name=f"client-{number}", daemon=True)
            for number in range(workers)
        ]
        self._actions = [
            _Action(30, self._pull_manifest),
            _Action(25, self._pull_blob),
            _Action(20, self._push),
            _Action(8, lambda client, _random, _tag: client.tags("demo/web")),
            _Action(5, lambda client, _random, _tag: client.catalog()),
            _Action(5, lambda client, _random, _tag: client.base()),
            _Action(4, lambda client, _random, tag: client.has_manifest("demo/web", f"missing-{tag}")),
            _Action(2, lambda client, _random, _tag: client.cancel_upload(client.start_upload("demo/web"))),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _work(self, seed: str) -> None:
        source = random.Random(seed)  # noqa: S311 - a mix of requests, no secret
        weights = [action.weight for action in self._actions]
        with RegistryClient(self._url, self.tally) as client:
            number = 0
            while not self._stop.wait(source.expovariate(1 / self._pause)):
                number += 1
                action = source.choices(self._actions, weights)[0]
                with contextlib.suppress(RegobsError, OSError):
                    action.run(client, source, f"{seed}-{number}")

    def _pull_manifest(self, client: RegistryClient, source: random.Random, _tag: str) -> None:
        image = source.choice(self._pictures)
        client.pull_manifest(image.repository, image.tag)

    def _pull_blob(self, client: RegistryClient, source: random.Random, _tag: str) -> None:
        image = source.choice(self._pictures)
        layer = min(image.layers, key=lambda blob: blob.size)
        client.pull_blob(image.repository, layer.digest)

    def _push(self, client: RegistryClient, source: random.Random, tag: str) -> None:
        size = source.randrange(1, 48 * KB)
        image = Image(
            "demo/builds", tag, (Blob(tag, size),), source.choice((OCI_MANIFEST, self._pictures[0].media_type))
        )
        digest = client.push_image(image, chunk_size=source.choice((None, 16 * KB)))
        if source.random() < 0.5:
            client.delete_manifest(image.repository, digest)


def readable(size: float) -> str:
    """Bytes for a person: 1536 is `1.5 kB`; steps of 1024."""
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
