"""Small files read whole, without waiting for ever: what an option names may be a pipe that nobody writes to."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path
from time import monotonic, sleep

PATIENCE = 5.0  # seconds without a byte of a pipe; a shell's `<(...)` has its writer from the start
_LARGEST = 16 << 20  # bytes; a device such as /dev/zero has no end
_PAUSE = 0.02
_PIECE = 1 << 16
_FROM_PIPES: dict[tuple[int, int], bytes] = {}  # by device and inode


def read_file(path: Path, patience: float = PATIENCE) -> bytes:
    """What a file holds. Raises OSError, also for a pipe or device that gives nothing for so many seconds.

    Without patience nothing but a regular file is read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if patience <= 0 and not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return _content(descriptor, path, patience, is_pipe=stat.S_ISFIFO(mode))
    finally:
        os.close(descriptor)


def read_once(path: Path, patience: float) -> bytes:
    """As `read_file`; of a pipe or device what was read of it first, which is all that there is to read."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        return read_file(path)
    identity = status.st_dev, status.st_ino
    if identity not in _FROM_PIPES:
        _FROM_PIPES[identity] = read_file(path, patience)
    return _FROM_PIPES[identity]


def _content(descriptor: int, path: Path, patience: float, *, is_pipe: bool) -> bytes:
    found = bytearray()
    last = monotonic()
    while len(found) <= _LARGEST:
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            select.select([descriptor], [], [], max(0.0, patience - (monotonic() - last)))
            piece = None
        if piece:
            found += piece
            last = monotonic()
        elif piece is not None and (found or not is_pipe):  # the end; a pipe without a writer looks so from the start
            return bytes(found)
        elif monotonic() - last >= patience:
            raise OSError(errno.ETIMEDOUT, f"nothing came from it for {patience:g} s", str(path))
        elif piece is not None:
            sleep(_PAUSE)
    raise OSError(errno.EFBIG, f"it has more than {_LARGEST >> 20} MiB", str(path))
