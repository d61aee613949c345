"""Make the storage of a real registry fail, and repair it.

What docker-registry 2.8.2 with the filesystem driver answers (tried with `health.storagedriver` off):

================  ==============================================  ===========================================
fault             answers                                         what its metrics show
================  ==============================================  ===========================================
disk full         every upload 500 (at the first POST); pulls,    code="500", handler="blob_upload"
                  lists and deletes of what is not there go on
directory gone,   every request but /v2/ 500                      code="500" for every handler but "base"
a file in place
directory gone    pulls 404, uploads make a new empty store:      no 5xx at all: no availability alert can see it
================  ==============================================  ===========================================

The third is why `VanishedDirectory` puts a file where the directory was.
"""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from regobs.common import launch
from regobs.demo.servers import RegistryServer
from regobs.errors import MachineError

_TOP_UP_SECONDS = 0.25


class StorageFault(ABC):
    """Something wrong with a registry's storage between `strike` and `repair`; as a context it always repairs."""

    summary: str

    @abstractmethod
    def strike(self) -> None:
        """Make it fail."""

    @abstractmethod
    def repair(self) -> None:
        """Make it work again; nothing happens when it does."""

    def __enter__(self) -> Self:
        self.strike()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.repair()


class FullDisk(StorageFault):
    """The registry's small disk is full: uploads fail, pulls go on. For a registry that was started with one."""

    summary = "the file system of the store is full"

    def __init__(self, registry: RegistryServer) -> None:
        if registry.small_disk is None:
            raise MachineError(
                "this registry's store lies on a shared disk, which regobs will not fill",
                next_step="start it with a small disk, or use the vanished directory",
            )
        self._filler = registry.storage_seen / "filler"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def strike(self) -> None:
        """Fill the disk, and fill again what failing uploads give back."""
        self._fill()
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_full, name="filler", daemon=True)
        self._thread.start()

    def repair(self) -> None:
        """Remove what filled it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._filler.unlink(missing_ok=True)

    def _keep_full(self) -> None:
        while not self._stop.wait(_TOP_UP_SECONDS):
            try:
                self._fill()
            except FileNotFoundError:  # the registry has ended, and its disk with it
                return

    def _fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise


class VanishedDirectory(StorageFault):
    """The store's directory is gone and a file stands in its place: nothing works. Needs no privilege."""

    summary = "the directory of the store is gone"

    def __init__(self, registry: RegistryServer) -> None:
        # The driver's root itself may be a mount point, which cannot be moved: all content lies in this folder of it.
        self._directory = registry.storage_seen / "docker"
        self._away = registry.storage_seen / "docker.away"

    def strike(self) -> None:
        """Move the directory away."""
        self._directory.rename(self._away)
        self._directory.touch()

    def repair(self) -> None:
        """Put it back."""
        if self._away.exists():
            self._directory.unlink(missing_ok=True)
            self._away.replace(self._directory)


def small_disk_works() -> bool:
    """Whether a program may have a small disk here: as root with CAP_SYS_ADMIN, else through a user namespace."""
    with tempfile.TemporaryDirectory(prefix="regobs-") as directory:
        command = [sys.executable, "-I", "-S", launch.__file__, "0", "--tmpfs", directory, "65536", "--", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def wants_small_disk(fault: str) -> bool:
    """Whether the registry is to get a small disk for this fault: auto, full-disk or vanished.

    Raises MachineError when it must have one and cannot.
    """
    if fault == "vanished":
        return False
    works = small_disk_works()
    if fault == "full-disk" and not works:
        raise MachineError(
            "this machine lets us give the registry no small disk",
            expected="root with CAP_SYS_ADMIN, or user namespaces that anyone may create",
            next_step="use --fault vanished, which needs neither",
        )
    return works


def choose(registry: RegistryServer) -> StorageFault:
    """The fault that can be made here: a full disk where there is a small one, else the vanished directory."""
    return FullDisk(registry) if registry.small_disk else VanishedDirectory(registry)


__all__ = ["FullDisk", "StorageFault", "VanishedDirectory", "choose", "small_disk_works", "wants_small_disk"]
