"""The application log: JSON lines with the registry's fields, from the `logging` module and from structlog.

    import logging
    from regobs.instrument import LogASGI
    from regobs.instrument.app_log import RegistryFormatter, access_writer

    handler = logging.StreamHandler()
    handler.setFormatter(RegistryFormatter({"service": "registry", "version": "4.32.0"}))
    logging.basicConfig(handlers=[handler], level="INFO")
    app = LogASGI(app, access_writer("registry.access"))          # both logs in one stream

    log = logging.getLogger("registry.gc.worker.BlobWorker")      # the field `component`
    log.info("blob deleted", extra={"digest": digest, "duration_s": 0.2})

    with log_context(vars_name="group/app"):                      # on every line of both modules inside the block
        log.info("tag deleted", extra={"tag_name": "v1"})

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, RegistryRenderer({"service": "registry"})])

A line has `time` (UTC, milliseconds), `level` (trace to panic; `warning`, `fatal`), `msg`, inside a request that
LogASGI or LogWSGI serves its `correlation_id`, `error` and `stack` of an exception, and the extra fields, in the order
of their names. Secrets are masked (see `masking`). A field that is called like one of the base becomes `fields.<name>`,
as with logrus.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from regobs.instrument.core.traces import trace_context
from regobs.instrument.http.access_log import correlation_id, json_text, timestamp
from regobs.secrets.fields import redacted_fields, text_of

_BASE = frozenset({"time", "level", "msg"})
_LEVELS = {"critical": "fatal", "warn": "warning", "exception": "error", "notset": "trace"}
_KNOWN = frozenset({"trace", "debug", "info", "warning", "error", "fatal", "panic"})
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_LINE = "regobs_line"  # of a record: a line that is finished
_CONTEXT: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=MappingProxyType({}))


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Put these fields on every application line inside the block, also in tasks and threads that copy the context.

    Inner blocks add to outer ones, and win over them; the fields of a line win over both.
    """
    token = _CONTEXT.set({**_CONTEXT.get(), **fields})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def level_name(name: str) -> str:
    """The registry's word for a level of Python; `info` for one that nobody knows."""
    word = _LEVELS.get(name.lower(), name.lower())
    return word if word in _KNOWN else "info"


def application_line(
    msg: str,
    level: str,
    fields: Mapping[str, Any],
    *,
    static: Mapping[str, Any] | None = None,
    at: float | None = None,
    error: BaseException | None = None,
) -> str:
    """One line without a line feed. `at` is in seconds since 1970; now without it."""
    fields = {**_CONTEXT.get(), **fields}
    found = {f"fields.{name}" if name in _BASE else name: value for name, value in fields.items()}
    identity = correlation_id.get()
    line: dict[str, Any] = {**(static or {}), **({"correlation_id": identity} if identity else {}), **found}
    trace = trace_context.get()
    if trace is not None:
        line.setdefault("trace_id", trace.trace_id)
        line.setdefault("parent_span_id", trace.parent_span_id)
    if error is not None:
        line.setdefault("error", text_of(error) or type(error).__name__)
        line.setdefault("stack", "".join(traceback.format_exception(error)))
    line = redacted_fields({**line, "msg": text_of(msg)})
    line |= {"time": timestamp(time.time() if at is None else at), "level": level_name(level)}
    return json_text(line)


class RegistryFormatter(logging.Formatter):
    """Formats the records of the `logging` module. `static` fields (service, version...) are on each line but access.

    `component` is the name of the logger unless `extra` or `static` has one; lines of the root logger have none.
    """

    def __init__(self, static: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._static = dict(static or {})

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        finished = getattr(record, _LINE, None)
        if isinstance(finished, str):
            return finished
        fields = {name: value for name, value in vars(record).items() if name not in _RECORD}
        if record.name != "root" and "component" not in self._static:
            fields.setdefault("component", record.name)
        error = record.exc_info[1] if record.exc_info else None
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 (arguments that do not fit the text, or have none)
            text = f"{text_of(record.msg)} {text_of(record.args)}"
        return application_line(text, record.levelname, fields, static=self._static, at=record.created, error=error)


class RegistryRenderer:
    """The last processor of structlog: makes the line of an event."""

    def __init__(self, static: Mapping[str, Any] | None = None) -> None:
        self._static = dict(static or {})

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:  # noqa: ARG002 (structlog's)
        """`event` becomes `msg`; level, time stamp and exception are found here, whatever processors ran before."""
        fields = dict(event)
        msg = fields.pop("event", "")
        level = text_of(fields.pop("level", method))
        fields.pop("timestamp", None)
        given = fields.pop("exc_info", None)
        error = given[1] if isinstance(given, tuple) else given
        if error is not None and not isinstance(error, BaseException):
            import sys  # noqa: PLC0415 (only here)

            error = sys.exc_info()[1] if error else None
        if "logger" in fields:
            fields.setdefault("component", fields.pop("logger"))
        return application_line(msg, level, fields, static=self._static, error=error)


def access_writer(name: str = "registry.access", level: int = logging.INFO) -> Callable[[str], None]:
    """What LogASGI and LogWSGI write to, so that access lines go through the `logging` module as they are."""
    logger = logging.getLogger(name)

    def write(line: str) -> None:
        logger.log(level, "access", extra={_LINE: line})

    return write
