"""Uploads: the state that a client hands back with each request, and the bytes in storage.

The state stands signed in the query parameter `_state`, so that any instance can go on with an upload. Who has it can
write to the upload: it is a secret.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha256
from uuid import uuid4

import msgspec

from examples.registry import layout
from examples.registry.driver import FilesystemDriver
from examples.registry.problem import Problem


class State(msgspec.Struct, frozen=True, rename="pascal"):
    """An upload as the client knows it; `offset` is how many bytes had arrived."""

    name: str
    uuid: str
    offset: int = 0

    @property
    def path(self) -> str:
        """Its bytes in storage."""
        return layout.upload(self.name, self.uuid)


class Uploads:
    """Makes and checks states."""

    def __init__(self, secret: bytes, driver: FilesystemDriver) -> None:
        self._secret = secret
        self._driver = driver

    async def start(self, name: str) -> State:
        """A new upload."""
        state = State(name, str(uuid4()))
        await self._driver.put_content(state.path, b"")
        return state

    async def size(self, state: State) -> int:
        """Bytes that have arrived. Problem for an upload that has ended."""
        try:
            return await self._driver.stat(state.path)
        except FileNotFoundError:
            raise Problem("BLOB_UPLOAD_UNKNOWN") from None

    async def end(self, state: State) -> None:
        """Forget what is left of an upload."""
        await self._driver.delete(layout.upload_folder(state.name, state.uuid))

    def location(self, state: State) -> str:
        """Where the client goes on: path and query."""
        text = msgspec.json.encode(state)
        token = base64.urlsafe_b64encode(hmac.digest(self._secret, text, sha256) + text).decode()
        return f"/v2/{state.name}/blobs/uploads/{state.uuid}?_state={token}"

    def resume(self, name: str, uuid: str, token: str) -> State:
        """The state of a request. Problem for one that we did not sign, or of another upload."""
        try:
            signed = base64.urlsafe_b64decode(token)
        except (binascii.Error, ValueError):
            raise Problem("BLOB_UPLOAD_INVALID") from None
        signature, text = signed[:32], signed[32:]
        if not hmac.compare_digest(signature, hmac.digest(self._secret, text, sha256)):
            raise Problem("BLOB_UPLOAD_INVALID")
        state = msgspec.json.decode(text, type=State)
        if (state.name, state.uuid) != (name, uuid):
            raise Problem("BLOB_UPLOAD_INVALID")
        return state
