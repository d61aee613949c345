"""Start one program so that it cannot outlive its parent, in a file system of its own if asked.

Run as a script by `regobs.common.programs` (`python -I -S launch.py ...`), never imported by it: what happens between
fork and exec in a process with threads is not safe to write in Python, after an exec it is.

    launch.py PARENT_PID [--tmpfs DIRECTORY BYTES] -- PROGRAM [ARGUMENT...]

`PARENT_PID` 0 switches the parent check and the death signal off. With `--tmpfs` the program gets a mount namespace of
its own (inside a user namespace when we are not root) in which a small tmpfs lies over DIRECTORY. No one else sees that
mount, and the kernel removes it with the last process of the namespace: a mount that cannot be left behind, even by
`kill -9`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000  # linux/sched.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18  # linux/mount.h

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _own_file_system(directory: str, size: int) -> None:
    """Put an empty tmpfs of `size` bytes over `directory`, visible to this process and its children only."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWNS if user == 0 else _CLONE_NEWNS | _CLONE_NEWUSER)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    _call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _call("mount", b"tmpfs", os.fsencode(directory), b"tmpfs", flags, f"size={size},mode=0755".encode())


def main(arguments: list[str]) -> None:
    """Do what the module says, then become the program."""
    split = arguments.index("--")
    parent, *options = arguments[:split]
    command = arguments[split + 1 :]
    if options:
        _own_file_system(options[1], int(options[2]))
    if int(parent):
        # After unshare: entering a user namespace resets the death signal (commit_creds in kernel/cred.c).
        _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != int(parent):  # it died before the signal was set
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"launch: {error.strerror or error}")
