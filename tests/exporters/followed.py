"""A log that is followed, and what was read of it."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

from regobs.exporters.log_files import LogFiles

RESTARTS = pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])


class Followed:
    """A log of numbered lines, and what was read of it."""

    def __init__(self, folder: Path, pattern: str = "app.log") -> None:
        self.log = folder / "app.log"
        self.log.touch()
        self.pattern = str(folder / pattern)
        self.written = 0
        self.lines: list[int] = []
        self.files = LogFiles([self.pattern])
        self.files.open()

    def write(self, count: int = 3) -> None:
        with self.log.open("ab") as file:
            for _ in range(count):
                file.write(b"%d %s\n" % (self.written, b"x" * 20))
                self.written += 1

    def read(self) -> None:
        self.files._looked = -100.0
        for _, lines in self.files.blocks():
            self.lines += [int(line.split()[0]) for line in lines]

    def restart(self) -> None:
        state = self.files.data()
        self.files.close()
        self.files = LogFiles([self.pattern])
        for _, lines in self.files.resume(state):
            self.lines += [int(line.split()[0]) for line in lines]

    def rename(self) -> None:
        for number in (3, 2, 1):
            for ending in ("", ".gz"):
                old = self.log.with_name(f"app.log.{number}{ending}")
                if old.exists():
                    old.rename(self.log.with_name(f"app.log.{number + 1}{ending}"))
        self.log.rename(self.log.with_name("app.log.1"))
        self.log.touch()

    def pack(self) -> None:
        self.rename()
        plain = self.log.with_name("app.log.1")
        packed = self.log.with_name("app.log.1.gz")
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        shutil.copystat(plain, packed)
        plain.unlink()

    def copytruncate(self) -> None:
        shutil.copy2(self.log, self.log.with_name("app.log.copy"))
        os.truncate(self.log, 0)

    def date(self) -> None:
        self.log.rename(self.log.with_name(f"app-2026-01-0{self.written % 7 + 1}.log"))
        self.log.touch()

    def link(self) -> None:
        if not self.log.is_symlink():
            self.log.rename(self.log.with_name("app-0.log"))
        new, link = self.log.with_name(f"app-{self.written + 1}.log"), self.log.with_name("link")
        new.touch()
        link.symlink_to(new.name)
        link.replace(self.log)
