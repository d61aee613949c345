"""Files and directories written whole or not at all: written beside their place, synced, and renamed into it.

Whoever looks sees all of the old or all of the new; whatever goes wrong before the rename, up to `kill -9` or a loss of
power, leaves the old as it was. Everything here raises OSError; callers say which of their outputs it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_AT_FDCWD = -100  # fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
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
            new = stack.enter_context(beside(path))
            if mode is not None:
                new.touch(mode)
            new.write_bytes(content)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path to write the new content of `path` to: in its place after the block, gone after an exception.

    A symbolic link stays one: the file that it points to is replaced. The file keeps its permissions.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a pipe or a device: there is nothing to rename
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield target
        return
    new = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}.regobs-new")
    try:
        yield new
        if target.exists():
            new.chmod(target.stat().st_mode & 0o7777)
        sync(new)
        new.replace(target)
        sync(target.parent)
    finally:
        with suppress(OSError):
            new.unlink()


_SYNCS = 8  # files that are made durable at once


def replace_directory(target: Path, files: Mapping[str, bytes], gone: Collection[str] | None = None) -> None:
    """Let the directory hold these files and nothing else: relative path to content. Its parent must exist.

    With `gone`, everything else that is there stays as it is, but for the files of these relative paths; the directory
    and the files that are replaced keep owner and permissions, and new files get the owner of the directory. What
    others create, change or remove meanwhile is so afterwards too, also where it is one of these files.
    One writer at a time: others wait. What a killed run left beside it is removed.
    """
    with locked(target.parent):
        new, old = _beside_directory(target)
        recover(target, old, new)
        seen: dict[str, _Identity] = {}
        try:
            new.mkdir()
            if gone is not None and target.exists():
                seen = _take_over(target, new, {*files, *gone})
            _write_tree(new, files)
            if gone is not None and target.exists():
                _keep_owners(target, new, files)
            elif target.exists():
                new.chmod(target.stat().st_mode & 0o7777)
            placed = {name: _identity(new / name) for name in {*seen, *files}}
            swap(new, target, old)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        sync(target.parent)
        if gone is not None and old.exists():
            _carry_over(old, target, seen, placed)
        shutil.rmtree(old, ignore_errors=True)


def finish_replacing(target: Path) -> None:
    """Put in place what a killed `replace_directory` left beside the directory, and remove the rest."""
    with locked(target.parent):
        new, old = _beside_directory(target)
        recover(target, old, new)


@contextmanager
def one_moment_of(target: Path) -> Iterator[Path]:
    """Where to read the whole content of a directory that `replace_directory` writes: all of it old, or all of it new.

    Changes nothing, and waits for a writer; it is beside its place where a killed writer left it so. Whoever may not
    read the parent, and so cannot wait, may see a change in its middle.
    """
    with ExitStack() as stack:
        with suppress(PermissionError):
            stack.enter_context(locked(target.parent, fcntl.LOCK_SH))
        _, old = _beside_directory(target)
        yield old if old.exists() and not target.exists() else target


def _beside_directory(target: Path) -> tuple[Path, Path]:
    """What stands beside a directory while it is replaced: what is new, and what is old."""
    return target.with_name(f".{target.name}.regobs-new"), target.with_name(f".{target.name}.regobs-old")


_Identity = tuple[int, int, int] | None  # inode, time of change in nanoseconds and bytes of a file; None: not there


def _identity(path: Path) -> _Identity:
    try:
        there = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return there.st_ino, there.st_mtime_ns, there.st_size


def files_in(directory: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder of a directory, with what is no folder in it. What vanishes meanwhile is left out."""

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for here, folders, names in os.walk(directory, onerror=fail):
        place = Path(here)
        yield place, [place / name for name in (*names, *(one for one in folders if (place / one).is_symlink()))]


def _take_over(target: Path, new: Path, others: Collection[str]) -> dict[str, _Identity]:
    """Let `new` have the folders of `target`, and its files but for `others`: the same files, copies where need be.

    Gives what each file was when it was taken over or left out.
    """
    seen = {}
    for here, paths in files_in(target):
        place = new / here.relative_to(target)
        place.mkdir(exist_ok=True)
        for path in paths:
            name = str(path.relative_to(target))
            seen[name] = _identity(path)
            if name not in others:
                with suppress(FileNotFoundError):  # somebody removed it since it was listed
                    link_or_copy(path, place / path.name)
        with suppress(FileNotFoundError):
            shutil.copystat(here, place)
        _own(place, here)
    return seen


def link_or_copy(path: Path, place: Path) -> None:
    """The same file at another place, which must be free; a copy where a link cannot be."""
    try:
        os.link(path, place, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # who may not link a file of others, or a file system without links
        shutil.copy2(path, place, follow_symlinks=False)


def _carry_over(old: Path, target: Path, seen: Mapping[str, _Identity], placed: Mapping[str, _Identity]) -> None:
    """Let `target` have what others did in `old` since it was `seen`, and remove `old`, whatever comes meanwhile.

    What others did since in `target`, where we had `placed` its files, is left as it is.
    """
    for name, was in seen.items():
        ours = placed[name]
        if was is not None and ours is not None and _identity(old / name) is None and _identity(target / name) == ours:
            (target / name).unlink(missing_ok=True)  # somebody removed it
    done: dict[str, _Identity] = {}
    more = True
    while more:  # ends with nothing there, or with what may not be removed
        more, walked = False, list(files_in(old))
        for here, paths in walked:
            _follow(here, target / here.relative_to(old))
            for path in paths:
                name, now = str(path.relative_to(old)), _identity(path)
                if now is None or (name in done and done[name] == now):
                    continue
                done[name], more = now, True
                if now != seen.get(name):
                    _carry(path, target / name, placed.get(name))
                with suppress(OSError):
                    path.unlink()
        for here, _ in reversed(walked):
            with suppress(OSError):  # something came since: it is carried over in the next round
                here.rmdir()


def _follow(folder: Path, place: Path) -> None:
    """Let a folder of others be at its place too."""
    if not os.path.lexists(place):
        place.mkdir()
        shutil.copystat(folder, place)
        _own(place, folder)


def _carry(path: Path, place: Path, placed: _Identity) -> None:
    """Put a file of others in its place, unless somebody wrote another there since it was `placed`."""
    there = _identity(place)
    if there is None:
        with suppress(FileExistsError):
            link_or_copy(path, place)
    elif there == placed and there[0] != path.lstat().st_ino:
        new = place.with_name(f".{place.name[:200]}.{os.urandom(4).hex()}.regobs-new")
        link_or_copy(path, new)
        new.replace(place)


def _keep_owners(target: Path, new: Path, files: Collection[str]) -> None:
    """Files that are replaced keep owner and permissions; those that are new get the owner of the directory."""
    for name in files:
        before = target / name
        if before.is_file():
            (new / name).chmod(before.stat().st_mode & 0o7777)
            _own(new / name, before)
        else:
            _own(new / name, target)


def _own(path: Path, like: Path) -> None:
    with suppress(OSError):  # who may not give a file away leaves it with the owner that all new files have
        there = like.stat()
        os.chown(path, there.st_uid, there.st_gid)


def _write_tree(root: Path, files: Mapping[str, bytes]) -> None:
    directories = {root}
    for name, content in sorted(files.items()):
        path = root / name
        if path.parent not in directories:
            path.parent.mkdir(parents=True, exist_ok=True)
            directories.update(parent for parent in path.parents if parent.is_relative_to(root))
        path.write_bytes(content)
    # After all are written, and several at once: the file system then commits many in one transaction, not one a file.
    # 170 files: 0.05 s instead of 0.8 s.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only who writes many files needs it

    with ThreadPoolExecutor(_SYNCS) as pool:
        for _ in pool.map(sync, (*(root / name for name in files), *directories)):
            pass  # an error of one of them is raised here


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


def is_locked(lock: Path, flags: int = os.O_RDONLY) -> bool:
    """Whether another process holds the lock of a file, which is opened with these flags; nothing is written.

    Without the file it is not. Raises OSError where it cannot be opened.
    """
    try:
        descriptor = os.open(lock, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
