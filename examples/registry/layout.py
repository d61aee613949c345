"""Where things are in storage: the layout of CNCF Distribution. Names and digests have been checked before."""

from __future__ import annotations

_ROOT = "/docker/registry/v2"


def blob_folder(digest: str) -> str:
    """The folder of a blob."""
    algorithm, _, text = digest.partition(":")
    return f"{_ROOT}/blobs/{algorithm}/{text[:2]}/{text}"


def blob(digest: str) -> str:
    """The content of a blob."""
    return f"{blob_folder(digest)}/data"


def upload_folder(repository: str, uuid: str) -> str:
    """The folder of an upload."""
    return f"{_ROOT}/repositories/{repository}/_uploads/{uuid}"


def upload(repository: str, uuid: str) -> str:
    """The bytes of an upload that have arrived."""
    return f"{upload_folder(repository, uuid)}/data"
