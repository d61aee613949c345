"""Rotated log files: which belong together, which came first, which hold the same lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_PACKED = re.compile(r"\.(?:gz|zst)\Z")
# What logrotate, the kubelet and lumberjack (Go) write, each with what tells one file of a set from the others.
_NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<number>[0-9]{1,5})")
_DATED = re.compile(
    r"(?P<stem>.+)[.-](?P<date>[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_][0-9][0-9.:-]{1,11})?)(?P<end>\.log)?"
)


def in_time_order(paths: Iterable[Path]) -> list[Path]:
    """The files, those of one rotated set from the oldest to the one that is written, each content once.

    Sets stay in the order in which their first file is given. A file that is given twice, by another name of the same
    file or as a copy that is being compressed beside its original, is read once.
    """
    once: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        once.setdefault((status.st_dev, status.st_ino), path)
    names = {str(path) for path in once.values()}
    kept = [path for path in once.values() if not (_PACKED.search(path.name) and _PACKED.sub("", str(path)) in names)]
    first: dict[str, int] = {}
    for path in kept:
        first.setdefault(_place(path)[0], len(first))
    return sorted(kept, key=lambda path: (first[_place(path)[0]], *_place(path)[1:]))


def _place(path: Path) -> tuple[str, int, str, int]:
    """The set of a file, and its place there: dated ones, then numbered ones from the highest, then the one in use."""
    name = _PACKED.sub("", path.name)
    if found := _DATED.fullmatch(name):
        return str(path.with_name(found["stem"] + (found["end"] or ""))), 0, re.sub(r"\D", "", found["date"]), 0
    if found := _NUMBERED.fullmatch(name):
        return str(path.with_name(found["stem"])), 1, "", -int(found["number"])
    return str(path.with_name(name)), 2, "", 0
