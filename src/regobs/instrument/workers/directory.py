"""The processes of one server: each writes a ledger, whoever is scraped adds them all up.

In the directory that they share there is one ledger a process, `retired.json` (what processes counted that have ended)
and `lock`. A ledger whose lock can be had is that of a process that has ended: its counters and histograms move to
`retired.json`, its gauges are over, its file is removed. So no file stays behind, and sums never fall while the
directory is kept: servers replace workers one by one, all at once, or the last one before the next is there, and none
of these can be told from a restart. What counts from 0 is a server that is started with an empty directory.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from regobs.errors import MachineError
from regobs.instrument.workers.ledger import Key, Ledger, Record, can_be, records

_SUFFIX = ".numbers"
_RETIRED = "retired.json"
_LOCK = "lock"

Add = Callable[[str, list[float], tuple[float, ...]], list[float]]
Lasting = Callable[[str], bool]
Fold = Callable[[Key], Key]
_Ended = tuple[set[str], dict[Key, list[float]]]  # the ledgers that are in it, the sums of the series

# The ledgers of this process, by its id (a forked child has none yet) and their path. A lock is the process's, and is
# lost when it closes the file in any way: files of its own are never opened again.
_opened: dict[int, dict[Path, Ledger]] = {}


class Workers:
    """The processes that share `directory`, seen from this one.

    `lasting` says of a family, by its name, whether what it counted outlives its process. `fold` gives the series that
    takes what is above `ceiling` series of one family: many generations of workers meet more values than one does.
    """

    def __init__(self, directory: Path, lasting: Lasting, fold: Fold, *, ceiling: int) -> None:
        self._directory = _own(directory)
        self._lasting = lasting
        self._fold = fold
        self._ceiling = ceiling
        self._keys: dict[bytes, Key] = {}
        self.guard = Lock()  # held while the directory is locked
        self.ledger = self._join()

    def fork(self) -> None:
        """In a forked child: a ledger of its own. The parent's is not touched."""
        self.guard = Lock()
        self.ledger = self._join()

    def numbers(self, add: Add) -> dict[Key, list[float]]:
        """Every series of all processes, added up by `add(family, sum so far, numbers of one process)`."""
        with self.guard:
            with self._locked(fcntl.LOCK_SH):
                living, ended = self._others()
                parts = [self._records(path) for path in living]
                retired = self._retired()[1] if not ended else None
            if retired is None:
                with self._locked(fcntl.LOCK_EX):
                    living, ended = self._others()
                    parts = [self._records(path) for path in living]
                    retired = self._retire(ended, add)
        ledgers = [ledger for path, ledger in _own_ledgers().items() if path.parent == self._directory]
        own = (records(ledger.data(), self._keys) for ledger in ledgers)
        for part in (*parts, *own):
            _into(retired, part, add)
        return retired

    def _join(self) -> Ledger:
        with self.guard, self._locked(fcntl.LOCK_EX):
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
        try:
            return list(records(path.read_bytes(), self._keys))
        except FileNotFoundError:  # somebody has cleaned up
            return []

    def _lasting_records(self, path: Path, sums: dict[Key, list[float]]) -> Iterator[Record]:
        counts = Counter(name for name, _ in sums)
        for key, numbers in self._records(path):
            if not self._lasting(key[0]):
                continue
            if key in sums:
                yield key, numbers
            elif counts[key[0]] < self._ceiling:
                counts[key[0]] += 1
                yield key, numbers
            else:
                yield self._fold(key), numbers

    def _retired(self) -> _Ended:
        """What ended processes counted. A file that cannot be read, as after a loss of power, is set aside."""
        file = self._directory / _RETIRED
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            sums = {(str(name), tuple(values)): [float(x) for x in xs] for name, values, xs in found["series"]}
            return set(found["ledgers"]), {key: numbers for key, numbers in sums.items() if can_be(numbers)}
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, KeyError, RecursionError):
            aside = file.with_suffix(f".{time.time_ns()}.unreadable")
            with suppress(FileNotFoundError):  # another process has done it
                file.replace(aside)
            logging.getLogger("regobs.instrument").warning("%s held no counts: it is now %s", file, aside.name)
        return set(), {}

    def _retire(self, ended: Iterable[Path], add: Add) -> dict[Key, list[float]]:
        """Add up what ended processes counted. The file names the ledgers that it holds, should this end half-way."""
        file = self._directory / _RETIRED
        done, sums = self._retired()
        ended = list(ended)
        for path in ended:
            if path.name not in done:
                _into(sums, self._lasting_records(path, sums), add)
        series = [[name, values, numbers] for (name, values), numbers in sums.items()]
        try:
            self._write({"ledgers": [path.name for path in ended], "series": series})
        except OSError as error:  # the device is full: their files stay until there is room
            logging.getLogger("regobs.instrument").warning("%s cannot be written: %s", file, error)
            return sums
        for path in ended:
            path.unlink(missing_ok=True)
        return sums

    def _write(self, content: object) -> None:
        file = self._directory / _RETIRED
        beside = file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as writing:
            json.dump(content, writing)
            writing.flush()
            os.fsync(writing.fileno())
        beside.replace(file)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        try:
            file = os.open(self._directory / _LOCK, flags, 0o600)
        except FileNotFoundError:  # somebody has removed the directory
            file = os.open(_own(self._directory) / _LOCK, flags, 0o600)
        try:
            fcntl.flock(file, how)
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing would leave it to a child that was forked meanwhile
            os.close(file)


def _into(sums: dict[Key, list[float]], part: Iterable[Record], add: Add) -> None:
    for key, numbers in part:
        known = sums.get(key)
        sums[key] = list(numbers) if known is None else add(key[0], known, numbers)


def _own_ledgers() -> dict[Path, Ledger]:
    return _opened.setdefault(os.getpid(), {})


def _has_ended(path: Path) -> bool:
    """Whether the process that wrote this ledger is gone: its lock can be had."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:  # somebody has cleaned up
        return True
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
