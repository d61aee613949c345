"""The build: everything generated, compared with a directory or written to it in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regobs.build.write import FileDifference, compare, write_atomically

if TYPE_CHECKING:
    from regobs.build.produce import build_files

__all__ = ["FileDifference", "build_files", "compare", "write_atomically"]


def __getattr__(name: str) -> object:
    """Load the producers, and grafanalib with them, with the first use of `build_files`: writing needs none of it."""
    if name != "build_files":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from regobs.build.produce import build_files  # noqa: PLC0415

    return build_files
