"""What differs between a directory and what a build would write there, readable by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from pathlib import Path

SHOWN_LINES = 40  # of one file; who wants all of it builds into another directory and runs diff


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that differs: `state` is missing, changed or foreign; `lines` is the diff, cut to a readable length."""

    name: str
    state: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"{self.state}: {self.name}", *self.lines))


def compare(out: Path, files: Mapping[str, bytes]) -> list[Difference]:
    """The differences of the directory `out` from `files`, by name; empty when a build would change nothing."""
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return [difference for name in sorted(there.keys() | files) if (difference := _one(name, there, files))]


def _one(name: str, there: Mapping[str, Path], files: Mapping[str, bytes]) -> Difference | None:
    if name not in there:
        return Difference(name, "missing")
    if name not in files:
        return Difference(name, "foreign")
    found = there[name].read_bytes()
    return None if found == files[name] else Difference(name, "changed", tuple(_diff(found, files[name])))


def _diff(found: bytes, built: bytes) -> Iterator[str]:
    before, after = (content.decode("utf-8", "replace").splitlines() for content in (found, built))
    lines = unified_diff(before, after, "in the directory", "as built", lineterm="", n=2)
    yield from islice(lines, SHOWN_LINES)
    more = sum(1 for _ in lines)
    if more:
        yield f"... {more} more lines of this file"
