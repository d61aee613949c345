"""Changes of a regobs.toml that keep its comments and its order. What would not be read again is not written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.items

from regobs.common.files import write_file
from regobs.config.document import read_text
from regobs.config.loading import DEFAULT_NAME
from regobs.config.model import Config
from regobs.config.named import SavedQuery
from regobs.config.reading import read_config
from regobs.errors import ConfigError, Location


def settings_file(path: Path | None) -> Path:
    """The settings that are changed: those given, else those of the current directory, there or not yet."""
    return Path(DEFAULT_NAME) if path is None else path


def use_context(file: Path, name: str) -> Config:
    """Make a context the default one. Raises ConfigError when there is no such context."""
    return _write(file, _chosen(_document(file), name))


def add_context(file: Path, name: str, values: Mapping[str, Any], *, default: bool = False) -> Config:
    """Add a context, or put it in the place of the one of its name. Raises ConfigError for values that are wrong."""
    document = _document(file)
    _put(document, "contexts", name, values)
    return _write(file, _chosen(document, name) if default else tomlkit.dumps(document))


def save_query(file: Path, name: str, query: SavedQuery) -> Config:
    """Add a query, or put it in the place of the one of its name. Raises ConfigError for a name that is none."""
    document = _document(file)
    values: dict[str, Any] = {"title": query.title, "expr": _quoted(query.expr), "defaults": _inline(query.defaults)}
    _put(document, "queries", name, {key: value for key, value in values.items() if value})
    return _write(file, tomlkit.dumps(document))


def _put(document: tomlkit.TOMLDocument, tables: str, name: str, values: Mapping[str, Any]) -> None:
    """Let the table [tables.name] hold these values and no others."""
    if tables not in document:
        document.append(tables, tomlkit.table(is_super_table=True))
    table = tomlkit.table()
    for key, value in values.items():
        table.append(key, value)
    there: Any = document[tables]
    there[name] = table


def _quoted(expr: str) -> tomlkit.items.String:
    """PromQL without escapes where TOML allows it, for a person who reads the file."""
    lines = "\n" in expr
    literal = "'" not in expr and all(char.isprintable() or char == "\n" for char in expr)
    return tomlkit.string(expr, literal=literal, multiline=lines)


def _inline(values: Mapping[str, str]) -> tomlkit.items.InlineTable:
    table = tomlkit.inline_table()
    table.update(values)
    return table


def _document(file: Path) -> tomlkit.TOMLDocument:
    """The file as it is, read once by regobs as well, so that an old mistake in it is said as such."""
    if not file.is_file():
        return tomlkit.document()
    text = read_text(file, option="--config")
    read_config(text, file)
    return tomlkit.parse(text)


def _chosen(document: tomlkit.TOMLDocument, name: str) -> str:
    """The text with this context as the default. A new key stands before all tables, or it would be one of theirs."""
    if "context" in document:
        document["context"] = name
        return tomlkit.dumps(document)
    return f"context = {tomlkit.string(name).as_string()}\n\n{tomlkit.dumps(document)}"


def _write(file: Path, text: str) -> Config:
    config = read_config(text, file)
    try:
        write_file(file, text.encode())
    except OSError as fault:
        raise ConfigError(
            "the settings cannot be written",
            location=Location(str(file)),
            value=fault.strerror,
            next_step="correct the path given to --config, or its permissions",
        ) from None
    return config
