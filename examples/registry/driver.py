"""The storage driver: files below a root. Paths are those of the registry's layout, absolute and with slashes.

Blocking calls run in threads, so that a slow disk delays its own request only.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

_PIECE = 1 << 20  # bytes read at a time


class FilesystemDriver:
    """A missing path is a FileNotFoundError; other errors are those of the operating system."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def put_content(self, path: str, content: bytes) -> None:
        """Write a small file, with the folders above it."""

        def write() -> None:
            file = self._file(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

        await asyncio.to_thread(write)

    async def stat(self, path: str) -> int:
        """The size of a file in bytes."""
        return (await asyncio.to_thread(self._file(path).stat)).st_size

    async def list(self, path: str) -> list[str]:
        """The names in a folder."""
        return sorted(await asyncio.to_thread(os.listdir, self._file(path)))

    async def move(self, source: str, target: str) -> None:
        """Rename a file; it is on the disk before it has its new name."""

        def move() -> None:
            file = self._file(target)
            file.parent.mkdir(parents=True, exist_ok=True)
            with self._file(source).open("rb") as content:
                os.fsync(content.fileno())
            self._file(source).replace(file)

        await asyncio.to_thread(move)

    async def delete(self, path: str) -> None:
        """Remove a file or a folder with all that is in it."""
        file = self._file(path)
        await asyncio.to_thread(shutil.rmtree if file.is_dir() else os.unlink, file)

    async def append(self, path: str, pieces: AsyncIterator[bytes]) -> int:
        """Write what comes to the end of a file; how many bytes came. What came before an error stays."""
        copied = 0
        with await asyncio.to_thread(self._file(path).open, "r+b") as file:
            file.seek(0, os.SEEK_END)
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
                copied += len(piece)
        return copied

    async def read(self, path: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """`length` bytes from `start` on, or all of them, in pieces."""
        left = length if length is not None else await self.stat(path) - start
        with await asyncio.to_thread(self._file(path).open, "rb") as file:
            file.seek(start)
            while left > 0 and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
                left -= len(piece)
                yield piece

    def _file(self, path: str) -> Path:
        file = (self._root / path.lstrip("/")).resolve()
        if not file.is_relative_to(self._root):
            raise PermissionError(f"{path} leads out of the storage")
        return file
