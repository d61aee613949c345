"""Where an exporter keeps its state: what is wrong with a place before anything is written there."""

from __future__ import annotations

import errno
import os
import stat
from fnmatch import fnmatch
from pathlib import Path
from tempfile import NamedTemporaryFile

from regobs.common.files import is_locked
from regobs.errors import InputError, MachineError
from regobs.exporters.log_folders import MARKS

LOCK = ".lock"  # at the end of the name of a state file: the name of its lock


def fault_of_folder(folder: Path, *, made: bool = False) -> str:
    """Why this user cannot make files in a folder, nothing where it can; `made`: a missing one will be made."""
    place = folder
    while made and not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.exists():
        return f"there is no folder {os.path.realpath(place)}"
    if not place.is_dir():
        return f"{place} is no folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"this user may not write to {place}"
    return _fault_of_making(place)


def _fault_of_making(folder: Path) -> str:
    """Why no file can be made where permissions allow it, as in /proc; nothing where one can. It leaves nothing."""
    try:
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))  # it never has a name
        except OSError as fault:
            if fault.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
                raise
            with NamedTemporaryFile(dir=folder, prefix=".regobs-"):  # such as on NFS, which has no files without names
                return ""
    except OSError as fault:
        return f"no file can be made in {folder}: {fault.strerror or fault}"
    return ""


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


def fault_of_file(file: Path, *, link: bool = True) -> str:
    """What a name stands for where it is no regular file, in words; nothing where it is one, or nothing is there.

    A link counts as the file that it leads to, or as what it is without `link`.
    """
    try:
        mode = file.stat(follow_symlinks=link).st_mode
    except OSError:  # nothing is there, or it cannot be reached: who opens it says why
        return ""
    return "" if stat.S_ISREG(mode) else f"{file} is {_KINDS.get(stat.S_IFMT(mode), 'a special file')}"


def refuse_special_state(state: Path) -> None:
    """Raise MachineError for a state file, or a lock of it, that is there and can never be one.

    A named pipe would let the exporter wait for ever, a device takes what is written and keeps nothing.
    """
    lock = Path(f"{state}{LOCK}")
    for file, fault in ((state, fault_of_file(state)), (lock, fault_of_file(lock, link=False))):
        if fault:
            raise MachineError(
                "the counts cannot be kept in this file",
                value=fault,
                expected=f"a regular file, or none yet; {LOCK} beside it as well, and that is no link",
                next_step="name another file with --state" if file is state else f"remove {lock}",
            )


def refuse_state_file(state: Path) -> None:
    """Raise MachineError where a state file could not be written, also where it is a link to somewhere else."""
    refuse_special_state(state)
    target = Path(os.path.realpath(state))
    if state.is_symlink() and (fault := fault_of_folder(target.parent)):
        raise unusable_folder(state, fault)
    refuse_folder(state.parent, Path(f"{state}{LOCK}"), held_file(state))


def refuse_folder(folder: Path, lock: Path, held: MachineError) -> None:
    """Raise MachineError for a folder that cannot be made or written to, `held` where a process has its lock.

    Nothing is written.
    """
    try:
        if fault := fault_of_folder(folder, made=True):
            raise unusable_folder(folder, fault)
        if is_locked(lock, os.O_RDWR):
            raise held
    except OSError as fault:
        raise unusable_folder(lock, fault.strerror or str(fault)) from None


def unusable_folder(folder: Path, fault: str) -> MachineError:
    """The error of a folder in which no counts can be kept."""
    return MachineError(
        "the directory of the counts cannot be used",
        value=f"{folder}: {fault}",
        next_step="choose a directory that this user may write to with --state",
    )


def held_folder(folder: Path) -> MachineError:
    """The error of a folder of counts that another exporter has."""
    return MachineError(
        "another process keeps its counts in this directory",
        value=str(folder),
        next_step="stop it, or choose another directory with --state",
    )


def held_file(state: Path) -> MachineError:
    """The error of a state file that another exporter has."""
    return MachineError(
        "another process keeps its counts in this state file",
        value=str(state),
        expected="one exporter for each --state: two would count the same lines and overwrite each other's places",
        next_step="stop the other one, or name another file with --state",
    )


def refuse_state_among_logs(state: Path, patterns: tuple[str, ...]) -> None:
    """Raise InputError for a state file that would be read as a log, or as a rotation of one."""
    files = (state, Path(f"{state}{LOCK}"))
    names = {name for one in files for name in (os.path.abspath(one), os.path.realpath(one))}  # noqa: PTH100 - as below
    for pattern in patterns:
        if any(_may_be_of(pattern, name) for name in names):
            raise InputError(
                "the state file would be read as a log",
                value=f"--state {state} and {pattern}",
                expected="a state file that no pattern means, and that is called as no rotation of a log is",
                next_step="name a file in another folder with --state, such as /var/lib/regobs/logs.json",
            )


def _may_be_of(pattern: str, path: str) -> bool:
    """Whether a pattern, or the rotations of what it means, may have this path."""
    *folders, name = Path(os.path.abspath(pattern)).parts  # noqa: PTH100 - `absolute` keeps `..`
    *parents, own = Path(path).parts
    if len(folders) != len(parents) or not all(map(fnmatch, parents, folders)):
        return False
    stem, dot, ending = name.rpartition(".")
    mark = f"[{''.join(sorted(MARKS))}]*"  # with `-` first, where it means itself
    names = [name, f"{name}{mark}", *([f"{stem}{mark}{dot}{ending}*"] if stem else [])]
    return any(fnmatch(own, one) for one in names) and (own[0] != "." or name[0] == ".")
