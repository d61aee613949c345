"""A TOML file as its top table: read, decoded and parsed, each failure one error at its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from regobs.config.places import Places, error_place
from regobs.config.table import TomlTable
from regobs.errors import ConfigError, Location


def read_text(file: Path, *, option: str) -> str:
    """The text of a file that `option` of the command line names. Raises ConfigError."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigError("not UTF-8 text", location=Location(str(file)), value=f"byte {fault.start}") from None
    except OSError as fault:
        raise ConfigError(
            "cannot be read",
            location=Location(str(file)),
            value=fault.strerror,
            expected="a readable TOML file",
            next_step=f"correct the path given to {option}",
        ) from None


def top_table(text: str, file: Path, known: Iterable[str]) -> TomlTable:
    """The top table of a TOML text; `file` names it in errors, `known` are its keys. Raises ConfigError."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as fault:
        what, place = error_place(fault, str(file))
        raise ConfigError("not TOML", location=place, value=what, expected="a TOML file") from None
    return TomlTable(data, Places(text, str(file)), (), known)
