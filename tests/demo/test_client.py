"""Seeded content."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.demo.client import DOCKER_MANIFEST, OCI_MANIFEST, Blob, BlobReader, Image, digest_of

_MB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, _MB - 1, _MB, _MB + 1, 2 * _MB + 5])
def test_a_blob_has_exactly_its_size_and_its_digest(size: int) -> None:
    blob = Blob("seed", size)
    content = b"".join(blob.chunks())
    assert len(content) == size
    assert blob.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert max(map(len, blob.chunks()), default=0) <= _MB


def test_the_same_seed_gives_the_same_content_and_another_seed_another() -> None:
    assert Blob("a", 5000).digest == Blob("a", 5000).digest
    assert Blob("a", 5000).digest != Blob("b", 5000).digest


def test_the_chunks_of_a_blob_differ() -> None:
    first, second = Blob("seed", 2 * _MB).chunks()
    assert first != second


@given(size=st.integers(0, 3000), piece=st.integers(1, 4000))
def test_a_reader_gives_the_whole_blob_in_pieces_of_any_size(size: int, piece: int) -> None:
    blob, parts = Blob("seed", size), list[bytes]()
    reader = BlobReader(blob)
    assert len(reader) == size
    while part := reader.read(piece):
        assert len(part) <= piece
        parts.append(part)
    assert b"".join(parts) == b"".join(blob.chunks())


@pytest.mark.parametrize("media_type", [DOCKER_MANIFEST, OCI_MANIFEST])
def test_a_manifest_names_its_config_and_layers_with_size_and_digest(media_type: str) -> None:
    image = Image("demo/a", "1", (Blob("x", 10), Blob("y", 20)), media_type)
    manifest = json.loads(image.manifest)
    assert manifest["mediaType"] == media_type
    assert manifest["config"]["digest"] == digest_of(image.config)
    assert manifest["config"]["size"] == len(image.config)
    assert [(layer["size"], layer["digest"]) for layer in manifest["layers"]] == [
        (10, Blob("x", 10).digest),
        (20, Blob("y", 20).digest),
    ]
    assert image.size == 30
