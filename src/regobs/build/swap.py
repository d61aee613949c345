"""Replacing a directory in one step, so that whoever looks sees all of the old one or all of the new one."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AT_FDCWD = -100  # fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_NOT_OFFERED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def sync(path: Path) -> None:
    """Make the content of a file, or the names in a directory, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Wait for our turn among builds into this directory. A file system without locks is used without."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.EINVAL}:
                raise
        yield
    finally:
        os.close(descriptor)


def swap(new: Path, target: Path, old: Path) -> None:
    """Put `new` in the place of `target`; what stood there is `old` afterwards, or nothing when nothing stood there.

    Where the kernel cannot exchange two names there is a moment without `target`: `recover` of the next run ends it.
    """
    if not target.exists():
        new.rename(target)
        return
    if _exchange(new, target):
        new.rename(old)
        return
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise


def recover(target: Path, old: Path, new: Path) -> None:
    """Finish or undo what a killed run left: the target whole, nothing beside it."""
    if not target.exists() and old.exists():
        old.rename(target)
    for leftover in (old, new):
        shutil.rmtree(leftover, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names; False where the C library, the kernel or the file system does not offer it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_OFFERED:
        return False
    raise OSError(number, os.strerror(number), str(other))
