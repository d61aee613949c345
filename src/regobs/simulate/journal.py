"""The log file of a pod. Its lines are made by the library's own function, from draws of a generator of their own.

So the metrics of a seed are the same with logs and without.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from regobs.errors import InputError, MachineError
from regobs.instrument.app_log import application_line
from regobs.simulate.moment import Moment

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GO = "go1.25.1"


class Journal:
    """One file. Lines of a step are kept until it is over and written in the order of their times.

    Raises InputError when the file exists, MachineError when it can not be made.
    """

    def __init__(self, path: Path, seed: str, version: object) -> None:
        self.rng = Random(f"{seed}/log")  # noqa: S311 (a model, no secret)
        self._version = f"v{version}-gitlab"
        self._lines: list[tuple[float, str]] = []
        self._begin = self._seconds = 0.0
        self.born()
        try:
            # Without a buffer: what is in the file are whole steps, also after a kill.
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise InputError(
                "there is a log already", value=path, next_step="remove it, or name another --logs"
            ) from None
        except OSError as error:
            raise MachineError("the log can not be made", value=f"{path}: {error.strerror}") from None

    def born(self) -> None:
        """A process starts: it gets an id."""
        self.process = UUID(int=self.rng.getrandbits(128), version=4)
        build = {"go_version": _GO, "version": self._version}
        self._static = {**build, "instance_id": str(self.process), "service": "registry"}
        self._build = build

    def begin(self, moment: Moment) -> None:
        """A step begins."""
        self._begin, self._seconds = moment.time - moment.seconds, moment.seconds

    def moment(self) -> float:
        """A time in this step."""
        return self._begin + self._seconds * self.rng.random()

    def before(self, time: float, seconds: float) -> float:
        """So much before a time, but in this step: lines of earlier ones are written."""
        return max(self._begin, time - seconds)

    def identity(self, time: float) -> str:
        """A correlation id, a ULID as the registry makes it."""
        value = int(time * 1000) << 80 | self.rng.getrandbits(80)
        return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))

    def line(self, time: float, msg: str, level: str = "info", /, **fields: Any) -> None:
        """A line with the static fields of a registry."""
        self._lines.append((time, application_line(msg, level, fields, static=self._static, at=time)))

    def plain(self, time: float, msg: str, level: str = "info", /, **fields: Any) -> None:
        """A line without them."""
        self._lines.append((time, application_line(msg, level, fields, at=time)))

    def built(self, time: float, msg: str, /, **fields: Any) -> None:
        """A line that knows its build only."""
        self._lines.append((time, application_line(msg, "info", fields, static=self._build, at=time)))

    def end(self) -> None:
        """The step is over."""
        self._lines.sort(key=lambda line: line[0])
        text = "".join(f"{line}\n" for _, line in self._lines).encode()
        self._lines = []
        if text:
            self._file.write(text)

    def close(self) -> None:
        """No more lines."""
        self._file.close()
