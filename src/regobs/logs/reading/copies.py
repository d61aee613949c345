"""Which files of a set hold what another one does: copies that are packed, renamed, or were made a while ago.

Names do not tell: a `NAME.gz` beside `NAME` is a copy that is being packed, or a log of its own.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from regobs.logs.reading.read import raw_blocks

PACKED = re.compile(r"\.(?:gz|zst|xz|bz2)\Z")
_START = 1 << 12  # bytes that two different logs do not share: their first times differ
_PIECE = 1 << 20


class LogContent:
    """What a file holds, unpacked. A pipe can be read once, and is not looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.regular = stat.S_ISREG(path.stat().st_mode)

    @property
    def start(self) -> bytes:
        """Its first bytes; none of a pipe."""
        return next(self._pieces(_START), b"") if self.regular else b""

    def begins(self, other: LogContent) -> bool:
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


def without_packed_copies(paths: Iterable[Path]) -> list[Path]:
    """The files without those that, of `NAME` and `NAME.gz`, hold nothing that the other one does not.

    A packed file that is still being written, or is damaged, is judged by what can be unpacked of it.
    """
    given = list(paths)
    kept = dict.fromkeys(given)
    by_name = {str(path): path for path in given}
    for packed in given:
        plain = by_name.get(PACKED.sub("", str(packed))) if PACKED.search(packed.name) else None
        if plain is None or plain not in kept:
            continue
        mine, others = LogContent(packed), LogContent(plain)
        if not mine.regular or not others.regular:
            continue
        if mine.begins(others):
            del kept[packed]
        elif others.start and others.begins(mine):
            del kept[plain]
    return list(kept)
