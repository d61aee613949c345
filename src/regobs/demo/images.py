"""Images made of seeded noise: the same seed gives the same digests, and no layer is ever whole in memory."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

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
