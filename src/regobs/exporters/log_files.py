"""Files that are written and rotated, read so that no line is missed and none is read twice, also across restarts.

A line counts once its line end is there. Rotated files are read to their end, and after a restart so are the
generations that came in between, plain or gzip.
"""

from __future__ import annotations

import glob
import logging
import os
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any, BinaryIO

from regobs.exporters.log_generations import (
    FilePlace,
    Finished,
    FollowedFile,
    Generation,
    Lines,
    changed_names,
    found_place,
    generations,
    open_file,
)
from regobs.logs.reading.read import LONGEST_LINE
from regobs.logs.reading.sources import STDIN_NAME

_LOG = logging.getLogger("regobs.exporters.logs")
_QUIET = 60.0  # seconds without a new line after which a rotated file is closed: its writer has opened the new one
_SETTLED = 0.5  # seconds after which a file beside a log is no copy that is still being made
_BLOCK, _BLOCKS = 1 << 16, 64  # bytes that are read of a pipe at once, and how often before the counts are shown
_LOOK = 10.0  # seconds between two looks for new files of a pattern

Taken = Callable[[tuple[int, int]], bool]


class FollowedPath:
    """The file of a name through its rotations: the one of now, and those before it until they are quiet.

    `settled` is false while lines are given that no place accounts for yet: no checkpoint may be written then.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.now: FollowedFile | None = None
        self.before: list[FollowedFile] = []
        self.settled = True
        self._folders: tuple[int, ...] = ()
        self._told = ""
        self._told_of = set[int]()  # inodes of files that cannot be unpacked

    def blocks(self, finished: Finished, taken: Taken) -> Iterator[Lines]:
        """The lines that came since the last call. `taken` says of a device and inode whether another name reads it."""
        for old in self.before[:]:
            yield from old.blocks()
            if monotonic() - old.changed > _QUIET:
                yield from old.blocks(ended=True)
                finished.add(old.place())
                old.file.close()
                self.before.remove(old)
        if self.now is not None and not self.now.was_replaced():
            yield from self.now.blocks()
            if self.now.deleted and monotonic() - self.now.changed > _QUIET:  # or its bytes would stay on the disk
                yield from self.now.blocks(ended=True)
                self.now.file.close()
                self.now = None
        if self.now is None or self._is_another(self.now) or self._rotated() or not self.settled:
            yield from self._catch_up(finished, taken)

    def files(self) -> list[FollowedFile]:
        """All open files of the name."""
        return [*self.before, *([self.now] if self.now else [])]

    @property
    def gone(self) -> bool:
        """Whether the name has no file and nothing of it is left to read."""
        return not self.files() and not os.path.lexists(self.path)

    def begin(self, finished: Finished, taken: Taken) -> None:
        """Open the file for the first time; its older generations are none of ours."""
        self._rotated()
        self.now = self._opened(taken)
        for one in generations(self.path):
            if one.path != self.path:
                finished.add(one.place())
            one.close()

    def resume(self, places: list[FilePlace], finished: Finished, taken: Taken) -> Iterator[Lines]:
        """Go on from places of an earlier process: what was left of each file, and what came after them."""
        around = generations(self.path)
        for place in places:
            if not place.offset:  # no line of it was read: if it is still there, it is read as one that was not seen
                continue
            found = found_place(place, around)
            if found is None:
                _LOG.warning("a file that was not read to its end is gone", extra={"file": place.path})
            elif found.path == self.path and not found.packed and self.now is None:
                self.now = FollowedFile(self.path, found.open(), place.offset)
            else:
                yield from found.rest(place.offset)
                finished.add(found.place())
        for one in around:
            one.close()
        yield from self._catch_up(finished, taken)

    def _catch_up(self, finished: Finished, taken: Taken) -> Iterator[Lines]:
        """What rotation has done: the rest of what was replaced, files that came and went unseen, the file of now."""
        self.settled = False
        if self.now is not None and self.now.was_replaced():
            around = generations(self.path)
            copy = found_place(self.now.old_place(), [one for one in around if one.path != self.path])
            if copy is not None:
                yield from copy.rest(self.now.offset)
                finished.add(copy.place())
            for one in around:
                one.close()
            self.now.begin_again()
        if self.now is not None and self._is_another(self.now):
            self.now.changed = monotonic()
            self.before.append(self.now)
            self.now = None
        if self.now is None:
            self.now = self._opened(taken)
        for file in self.files():  # so that each has a start by which its copies are known
            yield from file.blocks()
        for one in generations(self.path):
            yield from self._unseen(one, finished, taken)
            one.close()
        self.settled = True

    def _unseen(self, one: Generation, finished: Finished, taken: Taken) -> Iterator[Lines]:
        """The lines of a generation, where none of it was read."""
        place = one.place()
        ours = one.path == self.path or any(file.has_start_of(one) for file in self.files())
        if ours or finished.has(place, packed=one.packed) or taken((one.device, one.inode)):
            return
        if not place.known:
            if one.fault and one.inode not in self._told_of:
                self._told_of.add(one.inode)
                _LOG.warning("a rotated file cannot be unpacked", extra={"file": one.path, "error": one.fault})
        elif abs(time() - one.written) < _SETTLED:
            self._folders = ()  # it may be a copy that is being made: look again
        else:
            yield from one.rest(0)
            finished.add(one.place())

    def _rotated(self) -> bool:
        """Whether a name came or went in its folder since the last call, or the file was replaced."""
        changed = changed_names(self.path)
        before, self._folders = self._folders, changed
        return changed != before or (self.now is not None and self.now.was_replaced())

    def _is_another(self, file: FollowedFile) -> bool:
        try:
            stat = Path(self.path).stat()
        except OSError:
            return False  # between the rename and the new file, or gone
        return (stat.st_dev, stat.st_ino) != file.identity

    def _opened(self, taken: Taken) -> FollowedFile | None:
        try:
            file = FollowedFile(self.path, open_file(self.path))
        except FileNotFoundError:
            return None
        except OSError as fault:
            if self._told != str(fault):
                _LOG.warning("a file cannot be read", extra={"file": self.path, "error": fault.strerror or str(fault)})
                self._told = str(fault)
            return None
        self._told = ""
        if taken(file.identity):
            file.file.close()
            return None
        return file


class LogFiles:
    """All files of some names and patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = list(patterns)
        self._paths: dict[str, FollowedPath] = {}
        self._finished = Finished()
        self._looked = -_LOOK

    def open(self) -> None:
        """Open what is there, so that its places are known before a line of it is counted."""
        self._look()
        for pattern in self._patterns:
            if not glob.glob(pattern):  # noqa: PTH207 - text
                _LOG.warning("there is no file of this name yet", extra={"file": pattern})

    def blocks(self) -> Iterator[tuple[str, Lines]]:
        """The name of a file, and lines that were written to it since the last call."""
        self._look()
        for followed in list(self._paths.values()):
            for lines in followed.blocks(self._finished, self._taken):
                yield followed.path, lines

    @property
    def settled(self) -> bool:
        """Whether the places account for every line that was given: a checkpoint may be written."""
        return all(one.settled for one in self._paths.values())

    def behind(self) -> dict[str, int]:
        """Bytes that are not read yet, by name."""
        return {path: sum(file.behind() for file in one.files()) for path, one in self._paths.items()}

    def data(self) -> dict[str, Any]:
        """The places of all files, for a checkpoint."""
        places = [file.place().data() for one in self._paths.values() for file in one.files()]
        return {"paths": list(self._paths), "places": places, "finished": self._finished.data()}

    def resume(self, state: dict[str, Any]) -> Iterator[tuple[str, Lines]]:
        """Go on from a checkpoint: the lines that were left when it was written, as `blocks` gives them."""
        self._finished = Finished(state["finished"])
        places: dict[str, list[FilePlace]] = {path: [] for path in state["paths"]}  # some may have no file just now
        for row in state["places"]:
            places[row[0]].append(FilePlace(*row))
        for path, found in places.items():
            followed = self._paths[path] = FollowedPath(path)
            for lines in followed.resume(found, self._finished, self._taken):
                yield path, lines

    def close(self) -> None:
        """Close every file."""
        for one in self._paths.values():
            for file in one.files():
                file.file.close()

    def _taken(self, identity: tuple[int, int]) -> bool:
        return any(file.identity == identity for one in self._paths.values() for file in one.files())

    def _look(self) -> None:
        if monotonic() - self._looked < _LOOK and all(name in self._paths for name in self._patterns):
            return
        self._looked = monotonic()
        for path in [path for path, one in self._paths.items() if one.gone and path not in self._patterns]:
            del self._paths[path]
        for pattern in self._patterns:
            for path in [pattern] if not glob.has_magic(pattern) else sorted(glob.glob(pattern)):  # noqa: PTH207 - text
                if path not in self._paths and (path == pattern or self._is_new(path)):
                    followed = FollowedPath(path)
                    followed.begin(self._finished, self._taken)
                    self._paths[path] = followed

    def _is_new(self, path: str) -> bool:
        """Whether a file of a pattern is a log of its own, and no older generation of one that is read."""
        with suppress(OSError), Generation(path) as found:
            return (
                not found.packed
                and not self._taken((found.device, found.inode))
                and not self._finished.has(found.place())
            )
        return False


class PipedLines:
    """The lines of a pipe as they come, in the place of `LogFiles`. What was read cannot be read again."""

    settled = True

    def __init__(self, pipe: BinaryIO) -> None:
        self._descriptor = pipe.fileno()
        self._waiting = select.poll()  # and not `select`, which knows no descriptor above 1023
        self._waiting.register(self._descriptor, select.POLLIN)
        self._rest = b""
        self._open = True

    def open(self) -> None:
        """Nothing is to be opened."""

    def blocks(self) -> Iterator[tuple[str, Lines]]:
        """The name of the pipe, and lines that were written to it since the last call; the last may lack its end."""
        for _ in range(_BLOCKS):
            if not self._open or not self._waiting.poll(0):
                return
            block = os.read(self._descriptor, _BLOCK)
            self._open = bool(block)
            *lines, rest = (self._rest + (block or b"\n" * bool(self._rest))).split(b"\n")
            self._rest = rest[:LONGEST_LINE]
            yield STDIN_NAME, lines

    def behind(self) -> dict[str, int]:
        """Nothing: how much the pipe holds is not known."""
        return {}

    def data(self) -> dict[str, Any]:
        """Nothing: a pipe has no place to go on from."""
        return {}

    def resume(self, _state: dict[str, Any]) -> Iterator[tuple[str, Lines]]:
        """Nothing is left of a pipe that another process read."""
        return iter(())

    def close(self) -> None:
        """The pipe is closed by who opened it."""
