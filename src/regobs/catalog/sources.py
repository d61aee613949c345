"""Where an exposition comes from: a URL, a file, or standard input."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from regobs.catalog.exposition import MAX_BYTES, Exposition, parse
from regobs.common.reasons import reason_of
from regobs.errors import InputError, Location, ServerError

# Connecting, and waiting for the next bytes; a scrape as a whole may take as long as Prometheus allows by default.
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 10.0, 10.0

_URL = re.compile(r"https?://", re.IGNORECASE)
_ACCEPT = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"


def is_url(source: str) -> bool:
    """Whether a source is an http(s) address."""
    return _URL.match(source) is not None


def read(source: str, standard_input: BinaryIO) -> Exposition:
    """The exposition of a URL, of a file, or of standard input when the source is `-`.

    A URL without a path means /metrics. Raises ServerError for a URL that does not answer with an exposition, and
    InputError for a file that is none.
    """
    if is_url(source):
        return _from_url(source)
    if source == "-":
        return parse(standard_input.read(MAX_BYTES + 1), source="(standard input)")
    try:
        with Path(source).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(
            "cannot read the exposition",
            location=Location(source),
            value=getattr(error, "strerror", None) or error,
            expected="a URL, a file, or - for standard input",
        ) from error
    return parse(data, source=source)


@contextmanager
def judged(source: str) -> Iterator[None]:
    """Within it, an exposition that is not wanted is a fault of the server where the source is a URL: ServerError."""
    try:
        yield
    except InputError as error:
        if not is_url(source):
            raise
        raise ServerError(
            f"these are metrics, but {error.message}",
            location=error.location,
            value=error.value,
            expected=error.expected,
            next_step=error.next_step,
        ) from error


def _from_url(source: str) -> Exposition:
    url, credentials = _split(source)
    data = _fetch(url, credentials)
    try:
        return parse(data, source=url)
    except InputError as error:
        raise ServerError(
            f"this is not the metrics of a registry: {error.message}",
            location=error.location or Location(url),
            value=error.value,
            expected=error.expected,
            next_step="give the address of the debug server's metrics, such as http://127.0.0.1:5001/metrics",
        ) from error


def _split(source: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without user and password, and these. The password appears in no text from here on."""
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise InputError(
            "this is not a valid address", expected="http://host:port/metrics, optionally with user:password@"
        )
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port is None else f"{shown}:{port}"
    path = parts.path if parts.path not in {"", "/"} else "/metrics"
    url = urlunsplit((parts.scheme.lower(), netloc, path, parts.query, ""))
    if parts.username is None and parts.password is None:
        return url, None
    return url, (unquote(parts.username or ""), unquote(parts.password or ""))


def _fetch(url: str, credentials: tuple[str, str] | None) -> bytes:
    import requests  # noqa: PLC0415 - only where something is fetched; the catalog itself needs no package

    from regobs.common.http_session import HttpSession  # noqa: PLC0415 - as above

    deadline = time.monotonic() + TOTAL_SECONDS
    data = bytearray()
    try:
        with (
            HttpSession() as session,
            session.get(
                url,
                auth=credentials,
                headers={"Accept": _ACCEPT},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                stream=True,
            ) as response,
        ):
            if response.status_code != requests.codes.ok:
                raise _failure(url, f"answers {response.status_code} {response.reason or ''}".rstrip())
            for piece in response.iter_content(64 * 1024):
                data += piece
                if len(data) > MAX_BYTES:
                    raise _failure(url, f"answers with more than {MAX_BYTES // 2**20} MiB")
                if time.monotonic() > deadline:
                    raise _failure(url, f"has not finished its answer after {TOTAL_SECONDS:g} s")
    except requests.Timeout as error:
        raise _failure(url, "does not answer in time") from error
    except requests.ConnectionError as error:
        raise _failure(url, "cannot be reached") from error
    except requests.RequestException as error:
        raise _failure(url, f"gives no usable answer ({reason_of(error)})") from error
    return bytes(data)


def _failure(url: str, problem: str) -> ServerError:
    return ServerError(
        f"{url} {problem}",
        expected="the metrics of a registry",
        next_step="check address and port; the registry needs http.debug.addr and http.debug.prometheus.enabled",
    )
