"""Certificates and keys for OpenSSL, which waits without end for a pipe and asks the terminal for a password."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from regobs.common.bounded_reading import PATIENCE, read_once


@contextmanager
def without_pipes(*paths: Path | None, patience: float = PATIENCE) -> Iterator[list[str | None]]:
    """Names under which a library that waits without end finds what these files hold, for as long as the block lasts.

    That of a regular file is its own; of a pipe or device a file in memory. Raises OSError as `read_once`.
    """
    with ExitStack() as stack:
        found: list[str | None] = []
        for path in paths:
            if path is None or stat.S_ISREG(path.stat().st_mode):
                found.append(None if path is None else str(path))
            else:
                found.append(stack.enter_context(_in_memory(read_once(path, patience))))
        yield found


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """The name of a file that only this process knows, on a disk only where the system has no others."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    with os.fdopen(os.memfd_create("regobs"), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def no_password() -> str:
    """Instead of a question on the terminal."""
    raise ValueError("the key has a password")
