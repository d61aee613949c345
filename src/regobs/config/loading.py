"""The settings that apply where a command runs: those of a file, or what applies without one."""

from __future__ import annotations

from pathlib import Path

from regobs.config.model import Config

DEFAULT_NAME = "regobs.toml"


def load_config(path: Path | str | None = None) -> Config:
    """Read a regobs.toml. None reads the one of the current directory, and is `Config()` where there is none.

    Raises ConfigError with file, line, value, expectation and next step; a `path` that is given must exist.
    """
    file = Path(DEFAULT_NAME) if path is None else Path(path)
    if path is None and not file.is_file():
        return Config()
    from regobs.config.document import read_text  # noqa: PLC0415 - where there is no file, nothing reads one
    from regobs.config.reading import read_config  # noqa: PLC0415

    return read_config(read_text(file, option="--config"), file)
