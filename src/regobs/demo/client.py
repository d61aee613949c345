"""A client of the registry's HTTP API (Docker Registry HTTP API V2): what it pulls it verifies. And images for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from regobs.common.programs import local_session
from regobs.common.reasons import reason_of
from regobs.errors import ServerError

_CHUNK = 1 << 20

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPES = {
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
}
_LAYER_TYPES = {
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
}


@dataclass(frozen=True)
class Blob:
    """`size` bytes of noise that follow from `seed`."""

    seed: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The content, at most 1 MiB at a time. One block of noise is repeated behind a running number."""
        source = random.Random(self.seed)  # noqa: S311 - content, no secret
        block = source.randbytes(min(self.size, _CHUNK))
        for start in range(0, self.size, _CHUNK):
            chunk = start.to_bytes(8, "big") + block[8:] if start else block
            yield chunk[: self.size - start]

    @cached_property
    def digest(self) -> str:
        """Its digest, as the registry names it."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return f"sha256:{digest.hexdigest()}"


class BlobReader:
    """A Blob as a file of known length, which is what makes `requests` send it with a Content-Length, in pieces."""

    def __init__(self, blob: Blob) -> None:
        self._size = blob.size
        self._chunks = blob.chunks()
        self._rest = b""

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size` of them; none at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        count = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:count], self._rest[count:]
        return piece


@dataclass(frozen=True)
class Image:
    """A manifest's content: where it is pushed to, its layers, and how it is written down."""

    repository: str
    tag: str
    layers: tuple[Blob, ...]
    media_type: str = DOCKER_MANIFEST

    @cached_property
    def config(self) -> bytes:
        """The config blob: small JSON."""
        history = [{"created_by": f"regobs demo {layer.seed}"} for layer in self.layers]
        root = {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]}
        return _json({"architecture": "amd64", "os": "linux", "rootfs": root, "history": history})

    @cached_property
    def manifest(self) -> bytes:
        """The manifest as it is pushed."""
        layer_type = _LAYER_TYPES[self.media_type]
        config = {
            "mediaType": _CONFIG_TYPES[self.media_type],
            "size": len(self.config),
            "digest": digest_of(self.config),
        }
        layers = [{"mediaType": layer_type, "size": layer.size, "digest": layer.digest} for layer in self.layers]
        return _json({"schemaVersion": 2, "mediaType": self.media_type, "config": config, "layers": layers})

    @property
    def size(self) -> int:
        """Bytes of all its layers."""
        return sum(layer.size for layer in self.layers)


def digest_of(content: bytes) -> str:
    """The digest of bytes in memory."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_ACCEPT = {"Accept": f"{DOCKER_MANIFEST}, {OCI_MANIFEST}"}
_TIMEOUT = 60.0  # a 100 MB layer on a slow disk
_PULL_PIECE = 1 << 20
_HUNG_UP = 0  # what the tally notes as status when we cut the connection ourselves


@dataclass(slots=True)
class TrafficCounts:
    """What was asked and answered; shared by clients in several threads."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    sent: int = 0
    received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, operation: str, status: int, *, sent: int = 0) -> None:
        """Count one answer, and the bytes of its request."""
        with self._lock:
            self.answers[operation, status] += 1
            self.sent += sent

    def transferred(self, received: int) -> None:
        """Count the bytes of a blob that was pulled."""
        with self._lock:
            self.received += received

    def count(self, *statuses: int) -> int:
        """How many answers had one of these statuses, or how many there were in all."""
        with self._lock:
            return sum(n for (_, status), n in self.answers.items() if not statuses or status in statuses)

    def server_errors(self) -> int:
        """How many answers were 5xx."""
        with self._lock:
            return sum(n for (_, status), n in self.answers.items() if status >= 500)


class RegistryClient:
    """One connection to a registry; use one a thread. Every unexpected status is a ServerError."""

    def __init__(self, url: str, tally: TrafficCounts | None = None) -> None:
        self.url = url.rstrip("/")
        self.tally = tally if tally is not None else TrafficCounts()
        self._session = local_session()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    # -- whole images

    def push_image(self, image: Image, *, chunk_size: int | None = None) -> str:
        """Push layers, config and manifest as a client of images does; the manifest's digest."""
        for layer in image.layers:
            if not self.has_blob(image.repository, layer.digest):
                self.push_blob(image.repository, layer, chunk_size=chunk_size)
        config = digest_of(image.config)
        if not self.has_blob(image.repository, config):
            self._finish(self.start_upload(image.repository), config, image.config)
        return self.push_manifest(image)

    def pull_image(self, repository: str, reference: str) -> int:
        """Pull a manifest and every blob it names, verify all digests; bytes received."""
        manifest = self.pull_manifest(repository, reference)
        parts = [manifest["config"], *manifest["layers"]]
        return sum(self.pull_blob(repository, part["digest"], size=part["size"]) for part in parts)

    # -- manifests

    def push_manifest(self, image: Image) -> str:
        """PUT the manifest under its tag; its digest."""
        headers = {"Content-Type": image.media_type}
        path = f"/v2/{image.repository}/manifests/{image.tag}"
        answer = self._ask("push manifest", "PUT", path, expect=(201,), data=image.manifest, headers=headers)
        return answer.headers["Docker-Content-Digest"]

    def pull_manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """GET a manifest by tag or digest; verified when asked for by digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask("pull manifest", "GET", path, expect=(200,), headers=_ACCEPT)
        expected = reference if ":" in reference else answer.headers["Docker-Content-Digest"]
        _verify(self.url + path, expected, digest_of(answer.content))
        content: dict[str, Any] = json.loads(answer.content)
        return content

    def has_manifest(self, repository: str, reference: str) -> bool:
        """HEAD a manifest."""
        path = f"/v2/{repository}/manifests/{reference}"
        return self._ask("head manifest", "HEAD", path, expect=(200, 404), headers=_ACCEPT).status_code == 200

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """DELETE a manifest; whether it was there."""
        path = f"/v2/{repository}/manifests/{digest}"
        return self._ask("delete manifest", "DELETE", path, expect=(202, 404)).status_code == 202

    # -- blobs

    def has_blob(self, repository: str, digest: str) -> bool:
        """HEAD a blob."""
        path = f"/v2/{repository}/blobs/{digest}"
        return self._ask("head blob", "HEAD", path, expect=(200, 404)).status_code == 200

    def pull_blob(self, repository: str, digest: str, *, size: int | None = None) -> int:
        """GET a blob in pieces, verify digest and, if given, size; bytes received."""
        path = f"/v2/{repository}/blobs/{digest}"
        seen, received = hashlib.sha256(), 0
        answer = self._ask("pull blob", "GET", path, expect=(200,), stream=True)
        with answer:
            for piece in answer.iter_content(_PULL_PIECE):
                seen.update(piece)
                received += len(piece)
        self.tally.transferred(received)
        _verify(self.url + path, digest, f"sha256:{seen.hexdigest()}")
        if size is not None:
            _verify(self.url + path, size, received)
        return received

    def delete_blob(self, repository: str, digest: str) -> bool:
        """DELETE a blob; whether it was there."""
        path = f"/v2/{repository}/blobs/{digest}"
        return self._ask("delete blob", "DELETE", path, expect=(202, 404)).status_code == 202

    # -- uploads

    def push_blob(self, repository: str, blob: Blob, *, chunk_size: int | None = None) -> None:
        """Upload a blob: in one PUT, or by PATCHes of at most `chunk_size` bytes and a closing PUT."""
        location = self.start_upload(repository)
        if chunk_size is None:
            self._finish(location, blob.digest, BlobReader(blob))
            return
        start, reader = 0, BlobReader(blob)
        while piece := _read_exactly(reader, chunk_size):
            location = self.send_chunk(location, piece, start)
            start += len(piece)
        self._finish(location, blob.digest, b"")

    def start_upload(self, repository: str) -> str:
        """POST; the location to send the bytes to."""
        answer = self._ask("start upload", "POST", f"/v2/{repository}/blobs/uploads/", expect=(202,))
        return answer.headers["Location"]

    def send_chunk(self, location: str, piece: bytes, start: int) -> str:
        """PATCH bytes that begin at offset `start`; the next location."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{start}-{start + len(piece) - 1}",
        }
        answer = self._ask("send chunk", "PATCH", location, expect=(202,), data=piece, headers=headers)
        return answer.headers["Location"]

    def cancel_upload(self, location: str) -> None:
        """DELETE an upload that was started."""
        self._ask("cancel upload", "DELETE", location, expect=(204,))

    def cut_upload(self, location: str, blob: Blob) -> None:
        """PATCH half of a blob, then hang up without waiting for an answer."""
        parts = urlsplit(location if "://" in location else self.url + location)
        head = (
            f"PATCH {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {blob.size}\r\n\r\n"
        )
        left = blob.size // 2
        with contextlib.suppress(ConnectionError), socket.create_connection(_host(parts.netloc), timeout=10) as line:
            line.sendall(head.encode())
            for chunk in blob.chunks():
                line.sendall(chunk[:left])
                left -= len(chunk[:left])
                if not left:
                    break
        self.tally.note("cut upload", _HUNG_UP, sent=blob.size // 2)

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Mount a blob of another repository; False when the registry wants an upload instead (then cancelled)."""
        path = f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"
        answer = self._ask("mount blob", "POST", path, expect=(201, 202))
        if answer.status_code == 202:
            self.cancel_upload(answer.headers["Location"])
        return answer.status_code == 201

    # -- the rest

    def base(self) -> None:
        """GET /v2/."""
        self._ask("base", "GET", "/v2/", expect=(200,))

    def catalog(self, count: int = 100) -> list[str]:
        """The names of repositories."""
        answer = self._ask("catalog", "GET", f"/v2/_catalog?n={count}", expect=(200,))
        return list(answer.json()["repositories"])

    def tags(self, repository: str) -> list[str] | None:
        """The tags of a repository; None when there is no such repository."""
        answer = self._ask("list tags", "GET", f"/v2/{repository}/tags/list", expect=(200, 404))
        return sorted(answer.json()["tags"] or []) if answer.status_code == 200 else None

    def _finish(self, location: str, digest: str, content: bytes | BlobReader) -> None:
        path = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        self._ask("finish upload", "PUT", path, expect=(201,), data=content, headers=headers)

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...],
        data: bytes | BlobReader | None = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        url = path if "://" in path else self.url + path
        size = len(data) if data is not None else 0
        try:
            answer = self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                stream=stream,
                timeout=_TIMEOUT,
            )
        except requests.RequestException as error:
            self.tally.note(operation, 599, sent=size)
            raise ServerError(f"{operation} failed: {reason_of(error)}", value=url) from error
        self.tally.note(operation, answer.status_code, sent=size)
        if answer.status_code not in expect:
            with answer:
                body = answer.text[:300].strip()
            wanted = " or ".join(map(str, expect))
            raise ServerError(
                f"{operation} was answered with {answer.status_code}",
                value=f"{url} {body}",
                expected=f"status {wanted}",
            )
        return answer


def _host(netloc: str) -> tuple[str, int]:
    host, _, port = netloc.rpartition(":")
    return host, int(port)


def _read_exactly(reader: BlobReader, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (piece := reader.read(size)):
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def _verify(url: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise ServerError(
            "the registry sent other content than it was asked for", value=f"{seen} from {url}", expected=str(expected)
        )
