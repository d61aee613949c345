"""Files written whole or not at all: written beside their place, synced, and renamed into it; directories.py has more.

Whoever looks sees all of the old or all of the new; whatever goes wrong before the rename, up to `kill -9` or a loss of
power, leaves the old as it was. Everything here raises OSError; callers say which of their outputs it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_AT_FDCWD = -100  # fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_NAMED, _SUFFIX = 200, ".regobs-new"  # characters of the name of a file in the one of what is written beside it
_ABANDONED = re.compile(r"\.(.+)\.[0-9a-f]{8}\.regobs-new", re.DOTALL)
_NOT_OFFERED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def write_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write one file, and its folder if it is missing. A device or pipe (`/dev/stdout`) is written to directly.

    `mode` is that of a new file, by default what the umask leaves of 0666.
    """
    write_files({path: content}, mode)


def write_files(files: Mapping[Path, bytes], mode: int | None = None) -> None:
    """Write every file beside its place, and only then put all in place."""
    with ExitStack() as stack:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(beside(path, 0o666 if mode is None else mode)).write_bytes(content)


@contextmanager
def beside(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """An empty file to write the new content of `path` to: in its place after the block, gone after an exception.

    A symbolic link stays one: the file that it points to is replaced. The file keeps its permissions, and nobody but
    its owner may read it before; a new one has what the umask leaves of `mode`.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a pipe or a device: there is nothing to rename
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield target
        return
    with _new_beside(target, 0o600 if target.exists() else mode) as new:
        yield new
        if target.exists():
            new.chmod(target.stat().st_mode & 0o7777)
        sync(new)
        new.replace(target)
        sync(target.parent)


class StaleFileError(OSError):
    """A file is not what it was when somebody decided to replace it."""


def stale(path: Path) -> StaleFileError:
    """The error of this file."""
    return StaleFileError(errno.ESTALE, "somebody changed it at the same time", str(path))


def replace_file(path: Path, content: bytes, before: bytes | None, mode: int = 0o666) -> None:
    """Write one file as `write_file` does, with the owner that it has, while its content is `before`; None is no file.

    Raises StaleFileError otherwise: what somebody put there until the very moment of the exchange stays.
    """
    target = Path(os.path.realpath(path))
    with _new_beside(target, mode if before is None else 0o600) as new:
        new.write_bytes(content)
        try:
            if before is not None:
                there = target.stat()
                new.chmod(there.st_mode & 0o7777)
                with suppress(OSError):  # who may not give a file away leaves it with the owner that all new files have
                    os.chown(new, there.st_uid, there.st_gid)
            sync(new)
            _exchange_whole(new, target, before)
        except (FileNotFoundError, FileExistsError):
            raise stale(target) from None
        sync(target.parent)


def _exchange_whole(new: Path, target: Path, before: bytes | None) -> None:
    if before is None:
        try:
            os.link(new, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            new.replace(target)
    elif target.is_file() and exchange(new, target):
        if new.read_bytes() != before:
            exchange(new, target)
            raise stale(target)
    elif target.read_bytes() != before:
        raise stale(target)
    else:
        new.replace(target)


@contextmanager
def _new_beside(target: Path, mode: int) -> Iterator[Path]:
    """A new file beside another, which is locked as long as it is ours: so `remove_abandoned` tells it from others."""
    while True:
        new = target.with_name(f".{target.name[:_NAMED]}.{os.urandom(4).hex()}{_SUFFIX}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_nlink:  # it was taken for abandoned before it was locked
                continue
            try:
                yield new
            finally:
                with suppress(OSError):
                    new.unlink()
            return
        finally:
            os.close(descriptor)


def remove_abandoned(folder: Path, written: Callable[[str], bool]) -> None:
    """Remove what killed processes left of what they wrote beside the files of these names in a folder.

    Only what has a name that `beside` gives, and that no process holds. Where nobody can tell, it stays.
    """
    with suppress(OSError), os.scandir(folder) as found:
        for one in list(found):
            name = _ABANDONED.fullmatch(one.name)
            if name is not None and written(name[1]) and one.is_file(follow_symlinks=False):
                with suppress(OSError):  # who writes it holds it
                    _remove_unheld(Path(one.path))


def _remove_unheld(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def is_named(name: str) -> Callable[[str], bool]:
    """Whether a file is called so, for `remove_abandoned`; of a long name the beginning counts."""
    return lambda one: one == name[:_NAMED]


def sync(path: Path) -> None:
    """Make the content of a file, or the names in a directory, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Wait for our turn among builds into this directory; with LOCK_SH, for a moment in which nobody writes.

    A file system without locks is used without.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, kind)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.EINVAL}:
                raise
        yield
    finally:
        os.close(descriptor)


def open_regular(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a regular file. OSError for all else: to open a named pipe would wait for its other end."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, mode)
    except OSError as fault:
        if fault.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
            raise OSError(errno.ELOOP, "a symbolic link, which is not followed", str(path)) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def open_lock(path: Path, mode: int = 0o600) -> int:
    """A descriptor of a lock file, made where there is none. OSError for all else, also for a link.

    A link that another user made would let this one make or lock a file in a place of that user's choice.
    """
    return open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)


def is_locked(lock: Path, flags: int = os.O_RDONLY) -> bool:
    """Whether another process holds the lock of a file, which is opened with these flags; nothing is written.

    Without the file it is not. Raises OSError where it cannot be opened, or is no regular file.
    """
    try:
        descriptor = open_regular(lock, flags | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names; False where the C library, the kernel or the file system does not offer it."""
    import ctypes  # noqa: PLC0415 - a process that emits metrics needs files of its own, and never this

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_OFFERED:
        return False
    raise OSError(number, os.strerror(number), str(other))
