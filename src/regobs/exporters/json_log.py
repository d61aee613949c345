"""The log of an exporter process: a JSON object a line on stderr, whatever writes to it.

Beside its own lines these are those of libraries, warnings of Python, and errors that end a thread or the process.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from regobs.errors import ExitCode, RegobsError
from regobs.instrument.app_log import RegistryFormatter

_LOG = logging.getLogger("regobs.exporters")


@dataclass(slots=True)
class JsonLog:
    """What the process ends with."""

    exit_code: int = ExitCode.OK


@contextmanager
def json_log(exporter: str) -> Iterator[JsonLog]:
    """Write the log of an exporter in here. An error of regobs ends it, as a line of the log and with its exit code."""
    log, root = JsonLog(), logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RegistryFormatter({"service": f"regobs-export-{exporter}"}))
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    level, raising = _LOG.level, logging.raiseExceptions
    root.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a line that cannot be written is lost, and no stack is written in its place
    sys.excepthook, threading.excepthook, sys.unraisablehook = _ended, _thread_ended, _unraisable
    try:
        yield log
    except RegobsError as fault:
        log.exit_code = fault.exit_code
        _LOG.critical(fault.message, extra=_fields(fault))
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is told in a line of the log
        log.exit_code = ExitCode.MACHINE
        _LOG.critical("the exporter ended in a fault", exc_info=fault)
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.raiseExceptions = raising
        logging.captureWarnings(capture=False)
        _LOG.setLevel(level)
        root.removeHandler(handler)


def _fields(fault: RegobsError) -> dict[str, Any]:
    """The parts of an error, under names of their own."""
    found = {"value": fault.value, "expected": fault.expected, "next_step": fault.next_step, "location": fault.location}
    return {name: str(part) for name, part in found.items() if part is not None}


def _ended(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    _LOG.critical("the process ended in a fault", exc_info=(kind, fault, trace))


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    fault = told.exc_value or told.exc_type()
    name = told.thread.name if told.thread else ""
    _LOG.critical(
        "a thread ended in a fault", exc_info=(told.exc_type, fault, told.exc_traceback), extra={"thread_name": name}
    )


def _unraisable(told: sys.UnraisableHookArgs) -> None:
    fault = told.exc_value or told.exc_type()
    _LOG.error("a fault that nothing could catch", exc_info=(told.exc_type, fault, told.exc_traceback))
