"""What is kept of each target between deployments: the states that were applied, and the one that is under way.

A folder a target. `states/0001.json` and so on hold what a deployment put there; `pending.json` is there while one is
under way, and holds what it writes and deletes, and what was there before under these names: whoever finds it, after a
`kill -9`, puts that back. Names end in .json: no pattern over rule files takes one for rules. No secret is in a state:
it holds what `regobs build` wrote. What `apply --overwrite` replaces was written by others, so only its owner may read
the note.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regobs import __version__
from regobs.common.files import is_locked, open_lock, remove_abandoned, sync, write_file
from regobs.errors import MachineError

Objects = Mapping[str, bytes]
KEPT = 10  # states of a target
_STATE = re.compile(r"(\d{4,})\.json")
_PENDING = "pending.json"


def digest(objects: Objects) -> str:
    """Tells two sets of objects apart: names and contents."""
    found = hashlib.sha256()
    for name, content in sorted(objects.items()):
        found.update(f"{len(name.encode())}:{name}{len(content)}:".encode() + content)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class KeptState:
    """What was live after a deployment. `number` counts the deployments of a target, 0 before the first.

    `where` is where in its server the target was then, "" for unknown.
    """

    number: int
    objects: Objects
    version: str = ""
    applied: str = ""
    environment: str = ""
    where: str = ""

    @property
    def digest(self) -> str:
        """That of its objects."""
        return digest(self.objects)


@dataclass(frozen=True, slots=True)
class PendingDeploy:
    """A deployment that was begun, and the number that its state is to have.

    `written` are the sets of objects that may be there because of it: what it was to write, and how the target gives
    that back. `before` is what was there of all that it was to write or delete; of nothing else anything is kept.
    """

    before: Objects
    written: tuple[Objects, ...]
    number: int
    begun: str
    where: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Those of what it was to write or delete."""
        return frozenset(self.before).union(*self.written)


class StateFolder:
    """The folder of one target."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Our turn among deployments to this target. Raises MachineError when another holds it for `wait` seconds."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = open_lock(self.path / "lock", 0o644)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._take(descriptor, time.monotonic() + wait)
            for folder in (self.path, self.path / "states"):  # what was killed while it wrote there
                remove_abandoned(folder, lambda name: name == _PENDING or _STATE.fullmatch(name) is not None)
            yield
        finally:
            os.close(descriptor)  # gives the lock back, as the end of the process does

    def _take(self, descriptor: int, until: float) -> None:
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise MachineError(
                        "another deployment to this target is under way",
                        value=str(self.path),
                        next_step="wait for its end, or give --wait more seconds",
                    ) from None
                time.sleep(0.1)

    def is_held(self) -> bool:
        """Whether another command is at work on this target now."""
        try:
            return is_locked(self.path / "lock")
        except OSError as error:
            raise self._unusable(error) from error

    def states(self) -> list[KeptState]:
        """The kept states, the newest last."""
        return [self._read_state(number) for number in self.numbers()]

    def numbers(self) -> list[int]:
        """The numbers of the kept states, the newest last."""
        try:
            names = [_STATE.fullmatch(path.name) for path in (self.path / "states").iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error
        return sorted(int(found[1]) for found in names if found)

    def last(self) -> KeptState:
        """The newest state; one without objects before the first deployment."""
        numbers = self.numbers()
        return self._read_state(numbers[-1]) if numbers else KeptState(0, {})

    def pending(self) -> PendingDeploy | None:
        """The deployment that was begun and not ended."""
        if not os.path.lexists(self.path / _PENDING):
            return None
        data = self._read(self.path / _PENDING)
        written = tuple(map(decoded, data.get("written", ())))  # none in notes of before 1.0
        return PendingDeploy(
            decoded(data["before"]), written, int(data["number"]), str(data["begun"]), str(data.get("where", ""))
        )

    def unfinished(self) -> PendingDeploy | None:
        """The deployment that was begun and whose state is not kept: what was live before it has to come back."""
        pending = self.pending()
        return None if pending is None or pending.number in self.numbers() else pending

    def begin(self, before: Objects, written: tuple[Objects, ...], where: str = "") -> PendingDeploy:
        """Note what is there and what will be, before anything is changed."""
        pending = PendingDeploy(before, written, self._next(), _now(), where)
        self._note(pending)
        return pending

    def wrote(self, pending: PendingDeploy, found: Objects) -> PendingDeploy:
        """Note that this is how the target gives back what was written."""
        pending = replace(pending, written=(*pending.written, found))
        self._note(pending)
        return pending

    def _note(self, pending: PendingDeploy) -> None:
        data = {
            "before": encoded(pending.before),
            "written": [encoded(one) for one in pending.written],
            "number": pending.number,
            "begun": pending.begun,
            "where": pending.where,
        }
        self._write(self.path / _PENDING, data, mode=0o600)

    def commit(self, objects: Objects, environment: str, where: str = "") -> KeptState:
        """Keep what is live now as the newest state, and end the deployment. Old states beyond `KEPT` are removed."""
        number = self._next()
        data = {
            "version": __version__,
            "applied": _now(),
            "environment": environment,
            "where": where,
            "objects": encoded(objects),
        }
        self._write(self._file(number), data)
        self.end()
        for old in self.numbers()[:-KEPT]:
            with suppress(OSError):  # it goes with the next deployment
                self._file(old).unlink()
        return self._read_state(number)

    def end(self) -> None:
        """There is no deployment under way any more."""
        try:
            with suppress(FileNotFoundError):
                (self.path / _PENDING).unlink()
                sync(self.path)
        except OSError as error:
            raise MachineError(
                "the note of a deployment that is over cannot be removed",
                value=f"{self.path / _PENDING}: {error.strerror}",
                next_step="give the right to write there; the next command removes it",
            ) from error

    def _next(self) -> int:
        return max(self.numbers(), default=0) + 1

    def _file(self, number: int) -> Path:
        return self.path / "states" / f"{number:04}.json"

    def _read_state(self, number: int) -> KeptState:
        data = self._read(self._file(number))
        objects = decoded(data["objects"])
        version, applied, environment = (str(data[name]) for name in ("version", "applied", "environment"))
        return KeptState(number, objects, version, applied, environment, str(data.get("where", "")))

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(path.read_bytes())
            for one in (data["before"], *data.get("written", ())) if path.name == _PENDING else (data["objects"],):
                decoded(one)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise MachineError(
                "a kept state of a deployment cannot be read",
                value=f"{path}: {error}",
                next_step="restore the file, or remove it: then there is no way back to this state",
            ) from error
        return data

    def _write(self, path: Path, data: Mapping[str, Any], mode: int | None = None) -> None:
        try:
            write_file(path, json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True).encode(), mode)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> MachineError:
        return MachineError(
            "the state of the deployment cannot be kept, so nothing is changed",
            value=f"{self.path}: {error.strerror}",
            next_step="free some space, give the right to write there, or name another folder: `state` in regobs.toml",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def encoded(objects: Objects) -> dict[str, str]:
    """Texts as they are, and what is no UTF-8 in base64."""
    found = {}
    for name, content in objects.items():
        try:
            found[name] = "text:" + content.decode()
        except UnicodeDecodeError:
            found[name] = "base64:" + base64.b64encode(content).decode()
    return found


def decoded(objects: Mapping[str, str]) -> dict[str, bytes]:
    found = {}
    for name, content in objects.items():
        kind, _, rest = content.partition(":")
        found[name] = base64.b64decode(rest) if kind == "base64" else rest.encode()
    return found
