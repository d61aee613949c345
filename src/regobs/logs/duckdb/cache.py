"""Parquet copies of log files, which answer a second query in a fraction of the time.

A copy is of use as long as its log has the size and the time of change that it had and the field catalogue is the same,
otherwise it is written anew. It holds what access lines have and every field and part of a path that was asked for
until now, in no order of lines. Secrets in texts are masked in it as they are in an answer: values that differ in their
secrets alone are one value, and a secret cannot be looked for. Still only its owner may read it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, mkstemp
from typing import Any

from regobs.common.files import sync
from regobs.errors import MachineError
from regobs.logs.duckdb.lines import Reading, kept_types
from regobs.logs.fields import ALIASES, FIELDS, Field
from regobs.logs.fields.request import ACCESS, BASE
from regobs.logs.generations import merged_field
from regobs.logs.path_part import field_called
from regobs.logs.reading.looks import has_bare_values, has_wrapped_objects
from regobs.logs.reading.sources import LogSource

_ROW_GROUP = 20_480  # lines; the memory that writing takes grows with it
_FORM = 4  # of a copy; a change of how lines become columns counts it up


class WrappedError(Exception):
    """Objects of a log hold lines of a registry; it must be written anew before it is copied."""


class Place(Enum):
    """Where copies stand."""

    BESIDE = "beside"  # the log, as a hidden file
    USER = "user"  # $XDG_CACHE_HOME/regobs/logs


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one place. `connection` is one of DuckDB."""

    connection: Any
    place: Place

    def find(self, log: Path, fields: list[Field]) -> tuple[Path, int] | None:
        """The copy of a log that has the fields, and how many lines it leaves out; None when there is no such copy."""
        copy = self._path(log)
        about = self._about(copy)
        if about.get("log") != _state(log) or not {field.name for field in fields} <= set(self._columns(copy)):
            return None
        return copy, int(about["left_out"])

    def write(self, log: Path, source: LogSource, fields: list[Field]) -> Path | None:
        """Copy a log; None when it changed meanwhile and the copy is void.

        Raises MachineError when the copy cannot be written, WrappedError when its lines must be taken out of others.
        """
        state, copy = _state(log), self._path(log)
        wanted = {field.name: merged_field(field) for field in (*BASE, *ACCESS, *fields)}
        if self._about(copy).get("log") == state:
            wanted |= {name: field for name in self._columns(copy) if (field := field_called(name))}
        try:
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = mkstemp(prefix=copy.name, dir=copy.parent)
        except OSError as fault:
            raise _unwritten(copy, fault) from None
        os.close(descriptor)
        new = Path(name)
        try:
            self._fill(new, source, list(wanted.values()), {"log": state, "left_out": str(source.left_out)})
            sync(new)
            if _state(log) != state:
                return None
            new.replace(copy)
        except OSError as fault:
            raise _unwritten(copy, fault) from None
        finally:
            new.unlink(missing_ok=True)
        return copy

    def _fill(self, new: Path, source: LogSource, fields: list[Field], about: dict[str, str]) -> None:
        """Write the lines; anew and exactly, which takes longer, when it is unsure of one whether it is an object."""
        from regobs.logs.duckdb.masked_lines import copied, write_masked  # noqa: PLC0415 - only a new copy needs it

        readable = source.readable
        told = ", ".join(f"{key}: '{value}'" for key, value in about.items())
        options = f"FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {_ROW_GROUP}, USE_TMP_FILE false"
        self.connection.execute("SET preserve_insertion_order = false")  # takes half the memory
        try:
            for again in (False, True):
                exact = again and has_bare_values(readable)
                with NamedTemporaryFile(prefix=new.name, suffix=".jsonl", dir=new.parent) as file:
                    masked, reading = Path(file.name), Reading((str(readable),), exact=exact, sure=again and not exact)
                    some = write_masked(self.connection, fields, reading, masked)
                    text, parameters = copied(fields, reading, masked if some else None)
                    self.connection.execute(
                        f"COPY ({text}) TO '{_quoted(new)}' ({options}, KV_METADATA {{{told}}})", parameters
                    )
                if not self._value("SELECT count(*) FROM read_parquet($1) WHERE bare", [str(new)]):
                    return
                if not source.written and has_wrapped_objects(readable):
                    raise WrappedError
        finally:
            self.connection.execute("RESET preserve_insertion_order")

    def _path(self, log: Path) -> Path:
        log = log.absolute()
        if self.place is Place.BESIDE:
            return log.with_name(f".{log.name}.regobs.parquet")
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return base / "regobs" / "logs" / f"{hashlib.sha256(os.fsencode(log)).hexdigest()[:24]}.parquet"

    def _about(self, copy: Path) -> dict[str, str]:
        """What a copy says about itself; nothing when it is none."""
        if not copy.is_file():
            return {}
        try:
            rows = self.connection.execute(
                "SELECT decode(key), decode(value) FROM parquet_kv_metadata($1)", [str(copy)]
            ).fetchall()
        except self.connection_error:
            return {}
        return dict(rows)

    def _columns(self, copy: Path) -> list[str]:
        rows = self.connection.execute("SELECT name FROM parquet_schema($1)", [str(copy)]).fetchall()
        return [name for (name,) in rows]

    def _value(self, sql: str, parameters: list[object]) -> Any:
        return self.connection.execute(sql, parameters).fetchone()[0]

    @property
    def connection_error(self) -> type[Exception]:
        """What DuckDB raises."""
        import duckdb  # noqa: PLC0415 - of an extra; whoever has a connection has it

        return duckdb.Error


def _state(log: Path) -> str:
    """What tells one content of a log from another."""
    status = log.stat()
    return f"{_schema()}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


@cache
def _schema() -> str:
    """A mark of the field catalogue: names and types of columns, and where their values are taken from."""
    columns = sorted(kept_types(list(FIELDS.values())).items())
    names = sorted((alias.name, alias.field, alias.conversion.value, alias.factor) for alias in ALIASES.values())
    return hashlib.sha256(repr((_FORM, columns, names)).encode()).hexdigest()[:16]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _unwritten(copy: Path, fault: OSError) -> MachineError:
    return MachineError(
        "the Parquet copy of a log cannot be written",
        value=f"{copy}: {fault.strerror}",
        next_step="use --cache user, or none",
    )
