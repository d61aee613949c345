"""The processes of one server: each writes a ledger, whoever is scraped adds them all up.

In the directory that they share there is one ledger a process, `retired.json` (what processes counted that have ended)
and `lock`. A ledger whose lock can be had is that of a process that has ended: its counters and histograms move to
`retired.json`, its gauges are over, its file is removed. So sums never fall and no file stays behind. The first process
of a server that finds no living one begins with an empty directory: a restarted server counts from 0, as a Go one does.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from regobs.errors import MachineError
from regobs.instrument.ledger import Key, Ledger, Record, records

_SUFFIX = ".numbers"
_RETIRED = "retired.json"
_LOCK = "lock"

Add = Callable[[str, list[float], tuple[float, ...]], list[float]]
Lasting = Callable[[str], bool]

# The ledgers of this process, by its id (a forked child has none yet) and their path. A lock is the process's, and is
# lost when it closes the file in any way: files of its own are never opened again.
_opened: dict[int, dict[Path, Ledger]] = {}


class Workers:
    """The processes that share `directory`, seen from this one.

    `lasting` says of a family, by its name, whether what it counted outlives its process.
    """

    def __init__(self, directory: Path, lasting: Lasting) -> None:
        self._directory = _own(directory)
        self._lasting = lasting
        self._keys: dict[bytes, Key] = {}
        self._guard = Lock()
        self.ledger = self._join()

    def fork(self) -> None:
        """In a forked child: a ledger of its own. The parent's is not touched."""
        self._guard = Lock()
        self.ledger = self._join()

    def numbers(self, add: Add) -> dict[Key, list[float]]:
        """Every series of all processes, added up by `add(family, sum so far, numbers of one process)`."""
        with self._guard:
            with self._locked(fcntl.LOCK_SH):
                living, ended = self._others()
                parts = [self._records(path) for path in living]
                retired = self._retired() if not ended else None
            if retired is None:
                with self._locked(fcntl.LOCK_EX):
                    living, ended = self._others()
                    parts = [self._records(path) for path in living]
                    retired = self._retire(ended, add)
        sums = {key: list(numbers) for key, numbers in retired.items()}
        ledgers = [ledger for path, ledger in _own_ledgers().items() if path.parent == self._directory]
        own = (records(ledger.data(), self._keys) for ledger in ledgers)
        for part in (*parts, *own):
            _into(sums, part, add)
        return sums

    def _join(self) -> Ledger:
        with self._locked(fcntl.LOCK_EX):
            living, ended = self._others()
            if not living:
                for path in (*ended, self._directory / _RETIRED):
                    path.unlink(missing_ok=True)
            # Named after the moment too: a name is never used twice, although process ids are.
            path = self._directory / f"{os.getpid()}.{time.time_ns()}{_SUFFIX}"
            ledger = _own_ledgers()[path] = Ledger(path)
        return ledger

    def _others(self) -> tuple[list[Path], list[Path]]:
        """The ledgers of the other processes that live, and of those that have ended."""
        living: list[Path] = []
        ended: list[Path] = []
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            if path not in _own_ledgers():
                (ended if _has_ended(path) else living).append(path)
        return living, ended

    def _records(self, path: Path) -> list[Record]:
        return list(records(path.read_bytes(), self._keys))

    def _retired(self) -> dict[Key, tuple[float, ...]]:
        try:
            text = (self._directory / _RETIRED).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        return {(name, tuple(values)): tuple(numbers) for name, values, numbers in json.loads(text)["series"]}

    def _retire(self, ended: Iterable[Path], add: Add) -> dict[Key, tuple[float, ...]]:
        """Add up what ended processes counted. The file names the ledgers that it holds, should this end half-way."""
        file = self._directory / _RETIRED
        done = set(json.loads(file.read_text(encoding="utf-8"))["ledgers"]) if file.exists() else set()
        sums = {key: list(numbers) for key, numbers in self._retired().items()}
        ended = list(ended)
        for path in ended:
            if path.name not in done:
                _into(sums, (one for one in self._records(path) if self._lasting(one[0][0])), add)
        series = [[name, values, numbers] for (name, values), numbers in sums.items()]
        beside = file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as writing:
            json.dump({"ledgers": [path.name for path in ended], "series": series}, writing)
            writing.flush()
            os.fsync(writing.fileno())
        beside.replace(file)
        for path in ended:
            path.unlink(missing_ok=True)
        return {key: tuple(numbers) for key, numbers in sums.items()}

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        file = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, how)
            yield
        finally:
            os.close(file)


def _into(sums: dict[Key, list[float]], part: Iterable[Record], add: Add) -> None:
    for key, numbers in part:
        known = sums.get(key)
        sums[key] = list(numbers) if known is None else add(key[0], known, numbers)


def _own_ledgers() -> dict[Path, Ledger]:
    return _opened.setdefault(os.getpid(), {})


def _has_ended(path: Path) -> bool:
    """Whether the process that wrote this ledger is gone: its lock can be had."""
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _own(directory: Path) -> Path:
    """The directory, made if it is not there. MachineError when other users could write into it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise MachineError(
            f"{directory} is no safe place for what the workers of a server count",
            expected="a directory of the user that the server runs as, into which nobody else may write",
            next_step="name one that does not exist yet: it is made so",
        )
    return directory.resolve()
