"""The error tree of regobs and its exit codes, both in this one place.

    RegobsError
    ├── InputError            a file or an argument is wrong                exit 2
    │   ├── ConfigError       regobs.toml
    │   ├── PackError         a pack directory, or a file missing from it
    │   ├── DashboardError    a dashboard file
    │   ├── SloError          an OpenSLO document or a burn-rate table
    │   ├── RulesError        a rules, routing or scrape file
    │   ├── PromqlError       a PromQL text or a typed expression
    │   ├── InstrumentError   a wrong use of the instrumentation library
    │   └── LogQueryError     a KQL text or a saved log query
    ├── ServerError           a server is unreachable or is not what it should be   exit 3
    │   ├── EndpointError     it is the right server, but does not offer one part of the API
    │   └── QueryError        it rejects or fails to answer one query, which the error carries
    └── MachineError          this machine lacks something: a program, disk, a permission   exit 4

Exit codes 1 and 5 are no errors: 1 says that a check found a difference, 5 that a server's answer lacks something.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self


class ExitCode(IntEnum):
    """What a process returns that ends by itself; every command uses these and no others."""

    OK = 0
    DIFFERENCE = 1
    INPUT = 2
    SERVER = 3
    MACHINE = 4
    INCOMPLETE = 5


def code_of_signal(number: int) -> int:
    """What a process returns that SIGINT (130), SIGTERM (143) or SIGHUP (129) ended, as a shell reports it."""
    return 128 + number


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text: file name, line and column, both counted from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part not in {None, ""})


class RegobsError(Exception):
    """One error that a person can act on.

    `message` says what is wrong, `value` what was found, `expected` what would be right, `next_step` what to do,
    `location` where. All but the message are optional; none may hold a secret.
    """

    exit_code = ExitCode.MACHINE

    def __init__(
        self,
        message: str,
        *,
        location: Location | None = None,
        value: object = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.value = value
        self.expected = expected
        self.next_step = next_step

    def at(self, location: Location) -> Self:
        """Put the error at a place, unless it already has a more exact one in the same file."""
        if self.location is None:
            self.location = location
        elif self.location.file == "":
            self.location = replace(self.location, file=location.file)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """So that it can leave a process: what it holds goes along, a value that cannot as its text."""
        return _restored, (type(self), self.args, {**self.__dict__, "value": _sendable(self.value)})

    def __str__(self) -> str:
        """The error as a person reads it: one headline, then what was found, expected and to be done."""
        lines = [f"{self.location}: {self.message}" if self.location else self.message]
        details = (("value", self.value), ("expected", self.expected), ("next", self.next_step))
        lines += [f"  {name + ':':<10}{text}" for name, text in details if text is not None]
        return "\n".join(lines)


def _restored(kind: type[RegobsError], args: tuple[object, ...], held: dict[str, object]) -> RegobsError:
    """An error as it was in another process, whatever arguments its class is made with."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


def _sendable(value: object) -> object:
    import pickle  # noqa: PLC0415 - of an error that another process is told of only

    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - an object may refuse in any way
        return str(value)
    return value


class InputError(RegobsError):
    """A file or an argument given to regobs is wrong."""

    exit_code = ExitCode.INPUT


def reversed_range(start: str, end: str, what: str = "the time range") -> InputError:
    """The error for a --from that is not before its --to, both as a person reads them."""
    return InputError(
        f"{what} ends before it begins",
        value=f"{start} to {end}",
        expected="--from before --to",
        next_step="exchange the two, or correct one of them",
    )


class ConfigError(InputError):
    """regobs.toml is wrong."""


class PackError(InputError):
    """A pack directory is wrong or incomplete."""


class DashboardError(InputError):
    """A dashboard file is wrong."""


class SloError(InputError):
    """An OpenSLO document or a burn-rate table is wrong."""


class RulesError(InputError):
    """A rules, routing or scrape file is wrong."""


class PromqlError(InputError):
    """A PromQL text or a typed expression makes no sense. `check` is the check of `regobs lint` that says the same."""

    def __init__(self, message: str, *, check: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.check = check


class InstrumentError(InputError):
    """The instrumentation library is used wrongly: a metric, label or value that does not exist."""


class LogQueryError(InputError):
    """A KQL text or a saved log query is wrong, or names a field that no log line has."""


class ServerError(RegobsError):
    """A server is unreachable, refuses, or is not the kind of server it should be.

    `retry_after` is the seconds after which the same request may work, None where repeating it is of no use.
    `status` is that of HTTP, None where no answer came; `fault` what kept it from coming: late, tls, expired (the
    certificate), proxy, or "". `through` names a proxy that the request went through, "" where there was none.
    """

    exit_code = ExitCode.SERVER
    retry_after: float | None = None
    status: int | None = None
    fault: str = ""
    through: str = ""


class EndpointError(ServerError):
    """The server speaks the Prometheus API but does not offer this part of it (Thanos, Mimir)."""


class QueryError(ServerError):
    """The server rejects a query, or cannot evaluate it. `query` is its text."""

    def __init__(self, message: str, *, query: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.query = query


class MachineError(RegobsError):
    """The machine lacks something: a program, disk space, a permission."""

    exit_code = ExitCode.MACHINE
