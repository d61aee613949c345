"""What a log exporter knows of the files of all its names: those that were read, are read now, and are still to be."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from regobs.exporters.log_folders import Folders
from regobs.exporters.log_generations import FilePlace, FollowedFile, Generation
from regobs.exporters.unreadable_files import Unreadable
from regobs.exporters.watched_files import Identity, WatchedFiles

_FINISHED = 1000  # files that are remembered as read to their end, or twice as many as the folders have names
_WAITING = 100  # places of one name whose files cannot be read
_REPLACED = 100  # contents that were replaced, and of which a copy may be found
_TARGETS = 8  # files that a name of one log led to, by symbolic links


class Finished:
    """Files that were read to their end: another name or a copy of one is not read again.

    Also those that could not be read when a name was first looked at: what was there before is never read.
    """

    def __init__(self, rows: Iterable[list[Any]] = (), older: Iterable[list[int]] = ()) -> None:
        self.most = 0
        self._places: dict[FilePlace, None] = {}  # the one that was met least lately first
        self._alike: dict[tuple[int, str], dict[FilePlace, None]] = {}  # by their start
        self._sizes: Counter[tuple[int, int, int]] = Counter()  # device, inode and size
        self._of: dict[Identity, dict[FilePlace, None]] = {}
        self._older: dict[Identity, int] = {(row[0], row[1]): row[2] for row in older}  # when it was written
        for row in rows:
            self._put(FilePlace(*row))
        self.room(0)

    def room(self, names: int) -> None:
        """Make room for the files of folders with so many names: what is forgotten while it is there is read again."""
        self.most = max(_FINISHED, 2 * names, len(self._places))

    def add(self, place: FilePlace) -> None:
        """Remember a file; the offset of its place is its size."""
        if place.known:
            self._put(place)
            while len(self._places) > self.most:
                self._drop(next(iter(self._places)))

    def of(self, identity: Identity) -> list[FilePlace]:
        """How far the file of this inode was read, or those that had it before."""
        return list(self._of.get(identity, ()))

    def furthest(self, place: FilePlace) -> int | None:
        """How far a file with the start of this one was read, under whichever name; None where none was."""
        alike = self._alike.get((place.known, place.start))
        if not alike:
            return None
        found = max(alike, key=lambda one: one.offset)
        self.still_there(found)
        return found.offset

    def short(self, known: int) -> list[FilePlace]:
        """The files that were shorter than the start that tells them, and than so much: all of each was hashed."""
        return [
            one for size, start in self._alike if size < known for one in self._alike[size, start] if one.offset <= size
        ]

    def still_there(self, place: FilePlace) -> None:
        """Note that a file was met: those that were not met for long are forgotten first."""
        self._places[place] = self._places.pop(place)

    def reopen(self, place: FilePlace) -> None:
        """Forget a file that is read on."""
        self._drop(place)

    def add_older(self, status: os.stat_result) -> None:
        """Remember a file that cannot be read, and is not to be."""
        self._older[status.st_dev, status.st_ino] = status.st_mtime_ns
        if len(self._older) > self.most:
            del self._older[next(iter(self._older))]

    def has_older(self, status: os.stat_result) -> bool:
        """Whether it is such a file: its permissions may have changed since, and no line has come.

        One that was being packed has the time of the log once it is whole, which is older.
        """
        return status.st_mtime_ns <= self._older.get((status.st_dev, status.st_ino), -1)

    def has_whole(self, status: os.stat_result) -> bool:
        """Whether a file that cannot be read has the inode and the size of one that was read."""
        return (status.st_dev, status.st_ino, status.st_size) in self._sizes

    def data(self) -> list[list[Any]]:
        """For a checkpoint."""
        return [place.data() for place in self._places]

    def older(self) -> list[list[int]]:
        """For a checkpoint."""
        return [[*identity, written] for identity, written in self._older.items()]

    def _put(self, place: FilePlace) -> None:
        if place in self._places:
            self._places[place] = self._places.pop(place)
            return
        self._places[place] = None
        self._alike.setdefault((place.known, place.start), {})[place] = None
        self._of.setdefault((place.device, place.inode), {})[place] = None
        self._sizes[place.device, place.inode, place.offset] += 1

    def _drop(self, place: FilePlace) -> None:
        del self._places[place]
        identity, start = (place.device, place.inode), (place.known, place.start)
        for places in (self._alike[start], self._of[identity]):
            del places[place]
        if not self._alike[start]:
            del self._alike[start]
        if not self._of[identity]:
            del self._of[identity]
        key = (place.device, place.inode, place.offset)
        self._sizes[key] -= 1
        if not self._sizes[key]:
            del self._sizes[key]


class KnownFiles:
    """What is known of the files of all names.

    `waiting` has, by name, how far files were read that cannot be found just now and may be among those that cannot be
    read; `blind` when a name was first looked at whose folder could not be listed: what is older is not ours; `targets`
    the files that a name led to by symbolic links, the newest last; `replaced` how far contents were read of which no
    copy was found; `names` all that are followed.
    """

    def __init__(self) -> None:
        self.finished = Finished()
        self.folders = Folders()
        self.waiting: defaultdict[str, list[FilePlace]] = defaultdict(list)
        self.blind: dict[str, float] = {}
        self.targets: dict[str, list[str]] = {}
        self.replaced: list[FilePlace] = []
        self.watched = WatchedFiles()
        self.names = set[str]()
        self.switched = False  # whether a link leads elsewhere than at the last checkpoint
        self._held: Counter[Identity] = Counter()

    def data(self) -> dict[str, Any]:
        """For a checkpoint; the waiting places are stored with those of the open files."""
        found = {"finished": self.finished.data(), "older": self.finished.older(), "blind": self.blind}
        return found | {"targets": self.targets, "replaced": [place.data() for place in self.replaced]}

    def load(self, data: dict[str, Any]) -> None:
        """Go on from a checkpoint; one of an earlier version has the finished files alone."""
        self.finished = Finished(data["finished"], data.get("older", ()))
        self.blind = dict(data.get("blind", {}))
        self.targets = dict(data.get("targets", {}))
        self.replaced = [FilePlace(*row) for row in data.get("replaced", ())]

    def hold(self, file: FollowedFile) -> FollowedFile:
        """Note that a file is read under its name."""
        self._held[file.identity] += 1
        target = os.path.realpath(file.path)
        if target != os.path.abspath(file.path):  # noqa: PTH100 - text
            self.switched = self.switched or target not in self.targets.get(file.path, ())
            before = [one for one in self.targets.get(file.path, ()) if one != target]
            self.targets[file.path] = [*before, target][-_TARGETS:]
        return file

    def give_up(self, place: FilePlace) -> None:
        """Remember how far a content was read that is not found: a copy of it may come under any name."""
        self.replaced = [*self.replaced, place][-_REPLACED:]

    def read_to(self, found: Generation) -> FilePlace | None:
        """How far a file was read before it was closed; None where this very file was not."""
        places = [place for place in self.finished.of(found.identity) if found.is_file_of(place)]
        if not places:
            return None
        place = max(places, key=lambda one: one.offset)
        self.finished.still_there(place)
        return place

    def packed_since(self, found: Generation) -> int:
        """How far a packed file was read before it was packed: it may have grown in between."""
        place = found.place()
        short = [one.offset for one in self.finished.short(place.known) if found.has_start_of(one)]
        return max(self.counted(found), self.finished.furthest(place) or 0, *short, 0)

    def has_read(self, found: Generation) -> bool:
        """Whether a plain file, or one with its start that is no shorter, was read and closed."""
        furthest = self.finished.furthest(place := found.place())
        return self.read_to(found) is not None or (furthest is not None and furthest >= place.offset)

    def unread(self, found: Generation, files: Collection[FollowedFile]) -> int:
        """Bytes of a file that waits for its turn, packed ones as they are; none of one that is read, or its copy."""
        if self.taken(found.identity) or self.is_copy(found, files, unread=True):
            return 0
        if (read := self.read_to(found)) is not None:
            return 0 if found.packed else max(found.size - read.offset, 0)
        return 0 if self.has_read(found) or self.finished.has_older(found.status) else found.status.st_size

    def is_copy(self, found: Generation, files: Iterable[FollowedFile], *, unread: bool = False) -> bool:
        """Whether a file is a copy of one of those that are read, or that are still to be, with `unread`."""
        original = next((file for file in files if file.has_start_of(found, unread=unread)), None)
        if original is None:
            return False
        place = found.place()
        if place.known < original.place().known and place.offset <= original.offset:
            self.finished.add(place)  # of so small a one the start of what the original becomes does not tell
        return True

    def counted(self, found: Generation) -> int:
        """How much of a file that was not seen before is a copy of what was counted already."""
        for place in reversed(self.replaced):
            if found.start(place.known) == (place.known, place.start):
                return min(place.offset, found.size)
        return 0

    def former(self, path: str) -> list[str]:
        """The files that a name led to and no longer leads to."""
        targets = self.targets.get(path)
        if not targets:
            return []
        now = os.path.realpath(path)
        return [one for one in targets if one != now]

    def keep(self, paths: Collection[str]) -> None:
        """Forget what is known of the names that are none of these."""
        self.names = set(paths)
        self.watched.keep(paths)
        self.targets = {path: targets for path, targets in self.targets.items() if path in paths}
        self.folders.keep([*paths, *(one for targets in self.targets.values() for one in targets)])

    def release(self, file: FollowedFile) -> None:
        """Close a file that was held."""
        self._held[file.identity] -= 1
        if not self._held[file.identity]:
            del self._held[file.identity]
        file.file.close()

    def taken(self, identity: Identity) -> bool:
        """Whether some name reads this file."""
        return identity in self._held

    def wait(self, place: FilePlace) -> FilePlace | None:
        """Remember how far a file was read that is not found; the place that is given up for it, if any."""
        places = self.waiting[place.path]
        places.append(place)
        return places.pop(0) if len(places) > _WAITING else None

    def awaited(self, found: Generation) -> bool:
        """Whether a part of this file was read, so that the name that read it goes on with it."""
        return any(found.holds(place) for places in self.waiting.values() for place in places)

    def is_read(self, one: Unreadable) -> bool:
        """Whether of a file that cannot be read nothing is wanted."""
        if one.status is None or one.folder or one.identity is None:
            return False
        return self.taken(one.identity) or self.finished.has_whole(one.status) or self.finished.has_older(one.status)
