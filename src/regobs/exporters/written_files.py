"""The files that are counted once, each content one time: a shell hands over packed copies and links with the rest."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from regobs.logs.reading.read import raw_blocks
from regobs.logs.reading.sources import STDIN, in_time_order, matching, without_tars

_START = 1 << 12  # bytes that two different logs do not share: their first times differ
_PIECE = 1 << 20


def distinct_files(files: Sequence[str], warn: Callable[[str], None]) -> tuple[list[str], tuple[str, ...]]:
    """The names of the files that names, folders and patterns mean, `-` where it is named; each content once.

    Of a file under two names, of a packed copy and of one that is the beginning of another only one is left, and
    `warn` is told of the others. Behind them stand the archives of tar, which are not read.
    """
    given = list(dict.fromkeys(path for file in files if file != STDIN for path in matching(file)))
    kept, tars = without_tars(in_time_order(given))
    chosen = {path: _Content(path) for path in kept}
    for path in given:
        if path not in chosen and str(path) not in tars:
            warn(f"{path}: another name or a packed copy of a file that is counted, left out")
    for path, twin in _twins(chosen):
        warn(f"{path}: holds nothing that {twin} does not, left out")
        del chosen[path]
    return [*map(str, chosen), *([STDIN] if STDIN in files else [])], tars


class _Content:
    """What a file holds, unpacked. A pipe can be read once, and is not looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._regular = stat.S_ISREG(path.stat().st_mode)

    @property
    def start(self) -> bytes:
        """Its first bytes; none of a pipe."""
        return next(self._pieces(_START), b"") if self._regular else b""

    def begins(self, other: _Content) -> bool:
        """Whether the other begins with all that this one holds."""
        for mine, others in zip_longest(self._pieces(_PIECE), other._pieces(_PIECE), fillvalue=b""):
            if mine != others:
                return others.startswith(mine)
        return True

    def _pieces(self, size: int) -> Iterator[bytes]:
        """The content in pieces of one size; what is broken of an archive is left out."""
        held = bytearray()
        with self._path.open("rb") as file:
            for block, _ in raw_blocks(file):
                held += block
                while len(held) >= size:
                    yield bytes(held[:size])
                    del held[:size]
        if held:
            yield bytes(held)


def _twins(contents: dict[Path, _Content]) -> list[tuple[Path, Path]]:
    """The files that hold nothing that another one does not hold, each with that other."""
    alike: dict[bytes, list[Path]] = {}
    found: list[tuple[Path, Path]] = []
    for path, content in contents.items():
        start = content.start
        if not start:
            continue
        group = next(
            (names for first, names in alike.items() if first.startswith(start) or start.startswith(first)), []
        )
        if not group:
            alike[start] = group
        _sort_in(path, group, contents, found)
    return found


def _sort_in(path: Path, group: list[Path], contents: dict[Path, _Content], found: list[tuple[Path, Path]]) -> None:
    """Put a file among those that begin alike, in the place of what it holds as well."""
    for other in group[:]:
        if contents[path].begins(contents[other]):
            found.append((path, other))
            return
        if contents[other].begins(contents[path]):
            found.append((other, path))
            group.remove(other)
    group.append(path)
