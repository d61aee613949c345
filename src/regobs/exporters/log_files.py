"""Files that are written and rotated, read so that no line is missed and none is read twice, also across restarts.

A line counts once its line end is there. Rotated files are read to their end, and after a restart so are the
generations that came in between, plain or packed. What cannot be read is told, and read once it can be.
"""

from __future__ import annotations

import glob
import logging
import math
import os
from collections.abc import Iterable, Iterator
from time import monotonic, time
from typing import Any

from regobs.exporters.followed_path import FollowedPath
from regobs.exporters.log_folders import GONE
from regobs.exporters.log_generations import FilePlace, Generation, Lines
from regobs.exporters.log_known import KnownFiles
from regobs.exporters.unreadable_files import Unreadable, unreadable_file

_LOG = logging.getLogger("regobs.exporters.logs")
_LOOK = 10.0  # seconds between two looks for new files of a pattern
_EMPTY = 0.5  # seconds for which a new file without content may be a copy that is being made
_FILE, _FOLDER, _FAILED = "a file cannot be read", "a folder cannot be listed", "a file cannot be read on"
_DAMAGED = "a packed file is not whole"
_NEXT = {
    _FILE: "let the user of this process read it: what was not counted of it is counted then, once",
    _FOLDER: "let the user of this process list it: new and rotated files in it are not seen",
    _FAILED: "look at its disk: it is tried again every few seconds, and the rest is counted then, once",
    _DAMAGED: "wait, if it is being written: its rest is counted once it is whole; else put a whole copy there",
}


class LogFiles:
    """All files of some names and patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = list(patterns)
        self._paths: dict[str, FollowedPath] = {}
        self._known = KnownFiles()
        self._looked = -_LOOK
        self._matches: dict[str, Unreadable] = {}  # what patterns lead to that cannot be read
        self._told: dict[str, Unreadable] = {}

    def open(self) -> None:
        """Open what is there, so that its places are known before a line of it is counted."""
        self._known.folders.look()
        self._look()
        for pattern in self._patterns:
            if not glob.glob(pattern) and not self._hidden(pattern):  # noqa: PTH207 - text
                _LOG.warning("there is no file of this name yet", extra={"file": pattern})
        self._tell()

    def blocks(self, most: float = math.inf) -> Iterator[tuple[str, Lines]]:
        """The name of a file, and lines that were written to it since the last call; `most` as of `FollowedPath`."""
        self._known.folders.look()
        self._known.watched.look(self._known.taken)
        if any(one.has_changed() for one in self._matches.values()):
            self._looked = -_LOOK
        self._look()
        for followed in list(self._paths.values()):
            yield from _lines(followed, followed.blocks(most))
        self._tell()

    @property
    def settled(self) -> bool:
        """Whether the places account for every line that was given: a checkpoint may be written."""
        return all(one.settled for one in self._paths.values())

    @property
    def held(self) -> bool:
        """Whether lines of a file wait for older ones."""
        return any(one.held for one in self._paths.values())

    @property
    def switched(self) -> bool:
        """Whether a symbolic link was switched since the last checkpoint: what it led to must be known after a kill."""
        return self._known.switched

    def stored(self) -> None:
        """Note that a checkpoint was written."""
        self._known.switched = False

    def behind(self) -> dict[str, int]:
        """Bytes that are not read yet, by name."""
        return {path: one.behind() for path, one in self._paths.items()}

    @property
    def unreadable(self) -> int:
        """How many files and folders are there and cannot be read."""
        return len(self._told)

    def data(self) -> dict[str, Any]:
        """The places of all files, for a checkpoint."""
        places = [file.place().data() for one in self._paths.values() for file in one.files()]
        places += [place.data() for waiting in self._known.waiting.values() for place in waiting]
        data = {"paths": list(self._paths), "places": places, **self._known.data()}
        # So that a rotated file that is deleted before the next start is not told as lost.
        data["finished"] += [place.data() for one in self._paths.values() for place in one.read_through()]
        return data

    def resume(self, state: dict[str, Any]) -> Iterator[tuple[str, Lines]]:
        """Go on from a checkpoint: the lines that were left when it was written, as `blocks` gives them."""
        self._known.load(state)
        self._known.names = set(state["paths"])
        self._known.folders.look()
        places: dict[str, list[FilePlace]] = {path: [] for path in state["paths"]}  # some may have no file just now
        for row in state["places"]:
            places[row[0]].append(FilePlace(*row))
        self._paths = {path: FollowedPath(path, self._known) for path in places}
        for (
            path,
            found,
        ) in places.items():  # all before the first is read: the rotated file of one may look like another's
            self._paths[path].await_files(found)
        for followed in self._paths.values():
            yield from _lines(followed, followed.resume())
        self._tell()

    def close(self) -> None:
        """Close every file."""
        for one in self._paths.values():
            for file in one.files():
                file.file.close()

    def _look(self) -> None:
        if monotonic() - self._looked < _LOOK and all(name in self._paths for name in self._patterns):
            return
        self._looked = monotonic()
        self._matches = {}
        for path in [path for path, one in self._paths.items() if one.gone and path not in self._patterns]:
            del self._paths[path]
        for pattern in self._patterns:
            self._look_in_folders(pattern)
            for path in [pattern] if not glob.has_magic(pattern) else sorted(glob.glob(pattern)):  # noqa: PTH207 - text
                if path not in self._paths and (path == pattern or self._is_new(path)):
                    followed = FollowedPath(path, self._known)
                    followed.begin(self._matches)
                    self._paths[path] = followed
        self._known.keep(self._paths)

    def _look_in_folders(self, pattern: str) -> None:
        """Note the folders of a pattern that cannot be listed: glob takes them for empty ones."""
        folder, name = os.path.split(pattern)
        if not glob.has_magic(pattern) or (folder and folder == pattern):
            return
        self._look_in_folders(folder)
        if glob.has_magic(name):
            for one in glob.glob(folder) if glob.has_magic(folder) else [folder or "."]:  # noqa: PTH207 - text
                try:
                    os.scandir(one).close()
                except OSError as fault:
                    if fault.errno not in GONE:
                        self._matches[one] = Unreadable.of(one, fault, folder=True)

    def _is_new(self, path: str) -> bool:
        """Whether a file of a pattern is a log of its own, and no older generation of one that is read."""
        try:
            with Generation(path) as found:
                if self._paths and not found.size and abs(time() - found.written) < _EMPTY:
                    self._looked = -_LOOK  # a copy of a log may be about to be made here
                    return False
                return (
                    not found.packed
                    and not self._known.taken((found.device, found.inode))
                    and not self._known.has_read(found)
                    and not self._known.finished.has_older(found.status)
                    and not self._known.awaited(found)
                    and not self._known.is_copy(found, (file for one in self._paths.values() for file in one.files()))
                )
        except OSError as fault:
            unreadable = unreadable_file(path, fault)
            if unreadable is not None and not self._known.is_read(unreadable):
                self._matches[path] = unreadable
        return False

    def _hidden(self, pattern: str) -> bool:
        """Whether a name may have files that cannot be seen."""
        followed = self._paths.get(pattern)
        return bool(self._matches if followed is None else followed.unreadable)

    def _tell(self) -> None:
        """Warn once of each file that cannot be read, and say when that is over."""
        now = dict(self._matches)
        for followed in self._paths.values():
            now |= followed.unreadable | followed.failed.files
        before = {(one.identity, one.error) for one in self._told.values() if one.damaged}  # rotation renames them
        for path, one in now.items():
            if one.damaged and (one.identity, one.error) in before:
                continue
            if path not in self._told or self._told[path].error != one.error:
                what = _what(one)
                _LOG.warning(what, extra={"file": path, "error": one.error, "next_step": _NEXT[what]})
        still = {one.identity for one in now.values() if one.damaged}
        for path in self._told.keys() - now.keys():
            if self._told[path].identity in still:
                continue
            _LOG.info("no longer: %s", _what(self._told[path]), extra={"file": path})
        self._told = now


def _lines(followed: FollowedPath, blocks: Iterator[Lines]) -> Iterator[tuple[str, Lines]]:
    """The name of a file with its lines; one that cannot be read does not keep the others from being read."""
    try:
        for lines in blocks:
            yield followed.path, lines
    except OSError as fault:
        followed.failed.add(followed.path, fault.filename or followed.path, fault)


def _what(one: Unreadable) -> str:
    return _DAMAGED if one.damaged else _FOLDER if one.folder else _FAILED if one.failed else _FILE
