"""Credentials from files of one line, so that they stand in no argument, environment or settings file."""

from __future__ import annotations

from pathlib import Path

from regobs.common.bounded_reading import PATIENCE, read_once
from regobs.errors import ConfigError

_LONGEST_CREDENTIAL = 8192  # characters


def read_secret(file: Path | None, *, waits: bool = False) -> str:
    """The line that a file holds, empty without a file. Raises ConfigError, which never shows what is in it.

    `waits`: at the start it may be a pipe, which can be read once and is remembered. Later no answer waits for one.
    """
    if file is None:
        return ""
    try:
        text = read_once(file, PATIENCE if waits else 0.0).decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(
            "a file with credentials cannot be read",
            value=f"{file}: {getattr(fault, 'strerror', None) or 'no UTF-8 text'}",
            expected="one line of text that only this process may read",
            next_step="name a file that holds the user, password or token, or let a writer fill the pipe at once",
        ) from None
    if not text or "\n" in text or len(text) > _LONGEST_CREDENTIAL:
        raise ConfigError(
            "a file with credentials does not hold one line of text",
            value=str(file),
            expected="one line, at most 8,192 characters",
            next_step="correct the file",
        )
    return text
