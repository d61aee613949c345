"""The file of one name through its rotations, read so that no line is missed and none is read twice."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Collection, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, time

from regobs.exporters.failed_reads import FailedReads
from regobs.exporters.log_folders import NO_FILE
from regobs.exporters.log_generations import (
    FilePlace,
    FollowedFile,
    Generation,
    Lines,
)
from regobs.exporters.log_known import KnownFiles
from regobs.exporters.log_rotations import Generations, found_files, found_place
from regobs.exporters.unreadable_files import Unreadable

_LOG = logging.getLogger("regobs.exporters.logs")
_QUIET = 60.0  # seconds without a new line after which a rotated file is closed: most writers have opened the new one
_FIND = "keep rotated files until they are read; if it still is somewhere, count its last lines with --once"
_SETTLED = 0.5  # seconds after which a file beside a log is no copy that is still being made
_LONGEST_HELD = 5.0  # seconds for which lines wait for older ones that cannot be read yet
_ATTEMPTS = 5  # to find a file under its name that is among those that were listed


class FollowedPath:
    """The file of a name through its rotations: the one of now, and those before it until they are quiet.

    One that was closed is opened again when it grows.

    `settled` is false while lines are given that no place accounts for yet: no checkpoint may be written then.
    `unreadable` has, by path, what is there and cannot be opened; as soon as it can be, it is read. `failed` has files
    in which reading failed: how far each was read is known, and it is tried again after a while.
    """

    def __init__(self, path: str, known: KnownFiles) -> None:
        self.path = path
        self.now: FollowedFile | None = None
        self.before: list[FollowedFile] = []
        self.settled = True
        self.unreadable: dict[str, Unreadable] = {}
        self.failed = FailedReads()
        self._known = known
        self._behind = False  # whether what rotation has done was not read to its end
        self._most = math.inf  # bytes of a file that one call of `blocks` gives
        self._cut = False  # whether newer files wait, as there was more of an older one
        self._newer = 0  # bytes of those that are not open
        self._held_since: float | None = None  # when newer lines began to wait for a file that may not be whole
        self._folders: tuple[int | None, ...] = ()
        self._told_of = set[int]()  # inodes of files that cannot be unpacked

    def blocks(self, most: float = math.inf) -> Iterator[Lines]:
        """The lines that came since the last call, in the order in which they were written.

        `most`: of a file that is written so many bytes, and the rest at the next call, so that a writer that is faster
        keeps no other name waiting.
        """
        self._most = most
        new = self.now is not None and self.now.is_new
        if not self.held and not self._cut:
            yield from self._further(new=new)
        grown = self._known.watched.has_grown(self.path)
        changed = grown or new or self._rotated() or self.now is None or self._is_another(self.now)
        if changed or self._behind or self.held or self._may_be_read():
            yield from self._catch_up()
        self.failed.over(self.path)

    def _further(self, *, new: bool) -> Iterator[Lines]:
        """What was written to the files that are open, but to a new one; of that of now up to its end at first."""
        limit = self._limit()
        for old in self.before[:]:
            if (yield from self._some(old)):
                return  # what is in newer files was written later
            if monotonic() - old.changed > _QUIET and old.identity not in self.failed:
                yield from self._lines(old, ended=True)
                if old.identity in self.failed:
                    continue
                self._known.finished.add(old.place())
                self.before.remove(old)
                self._known.release(old)
        if self.now is not None and not self.now.was_replaced():
            if not new:
                yield from self._some(self.now, limit)
            quiet = monotonic() - self.now.changed > _QUIET and self.now.identity not in self.failed
            if quiet and self.now.deleted:  # or its bytes would stay on the disk
                yield from self._lines(self.now, ended=True)
                self._known.release(self.now)
                self.now = None

    def _limit(self) -> int | None:
        """How far the file of now may be read once the older ones were: a writer may have gone on from them to it."""
        return None if self.now is None else self.now.size

    @property
    def held(self) -> bool:
        """Whether lines wait for older ones, which are in a file that may be a copy that is still being made."""
        return self._held_since is not None and monotonic() - self._held_since < _LONGEST_HELD

    def files(self) -> list[FollowedFile]:
        """All open files of the name."""
        return [*self.before, *([self.now] if self.now else [])]

    def behind(self) -> int:
        """Bytes that are not read yet."""
        return sum(file.behind() for file in self.files()) + self._newer

    def read_through(self) -> list[FilePlace]:
        """The rotated files that are open and of which nothing is left."""
        return [file.place() for file in self.before if not file.behind()]

    @property
    def gone(self) -> bool:
        """Whether the name has no file and nothing of it is left to read."""
        left = self.files() or self.unreadable or self._known.waiting.get(self.path) or self.held
        return not left and not os.path.lexists(self.path)

    def begin(self, awaited: Collection[str]) -> None:
        """Open the file for the first time; its older generations are none of ours, but for the paths `awaited`."""
        self._rotated()
        self.now = self._opened()
        finished = self._known.finished
        with self._generations() as around:
            finished.room(self._known.folders.names)
            for one in around.ready:
                if one.path != self.path:  # of a packed one all is older, also where it is not written to its end
                    finished.add(replace(one.place(), offset=sys.maxsize) if one.packed else one.place())
            self._watch(around)
            for path, hidden in around.unreadable.items():
                if hidden.folder or hidden.status is None:
                    self._known.blind[self.path] = time()
                elif path != self.path and path not in awaited:
                    finished.add_older(hidden.status)
        self._note(around.unreadable)

    def await_files(self, places: list[FilePlace]) -> None:
        """Note the places of an earlier process."""
        for place in places:
            if place.offset:  # else no line of it was read: if it is still there, it is read as one that was not seen
                self._wait(place)

    def resume(self) -> Iterator[Lines]:
        """Go on from the places of an earlier process: what was left of each file, and what came after them."""
        yield from self._catch_up()

    def _some(self, file: FollowedFile, limit: int | None = None) -> Generator[Lines, None, bool]:
        """What a file has up to `limit`, else up to where it ends now; whether more of that waits for the next call."""
        end = file.size if limit is None else limit
        file.cut = False
        yield from self._lines(file, limit=end, most=self._most)
        return file.cut and file.offset < end

    def _lines(
        self, file: FollowedFile, *, ended: bool = False, limit: int | None = None, most: float = math.inf
    ) -> Iterator[Lines]:
        return self.failed.lines(file.identity, file.shown, file.blocks(ended=ended, limit=limit, most=most))

    def _catch_up(self) -> Iterator[Lines]:
        """What rotation has done: the rest of what was replaced, files that came and went unseen, the file of now."""
        self.settled, self._behind, self._cut = False, True, False
        try:
            yield from self._read_generations()
        except OSError:
            # Of a start that cannot be read just now: no line was given that its place does not account for.
            self.settled = True
            raise
        self.settled, self._behind = True, self._cut

    def _read_generations(self) -> Iterator[Lines]:
        for attempt in range(_ATTEMPTS):
            self._note_rotation()
            with self._generations() as around:
                waiting = self._find_waiting(around)
                if self.now is None:
                    self.now = self._opened([place for places in waiting.values() for place in places])
                limit = self._limit()  # and then: all that is older than what stands before it was listed
                if attempt < _ATTEMPTS - 1 and not (self._is_among(around) and around.holds()):
                    continue
                self._known.finished.room(self._known.folders.names)
                yield from self._in_order(around, waiting, limit)
                self._watch(around)
                self._see(around.unreadable)
                self._note(around.unreadable)
                self.failed.keep([one.identity for one in around.ready] + [one.identity for one in self.files()])
            if not self._known.waiting[self.path]:
                del self._known.waiting[self.path]
            return

    def _note_rotation(self) -> None:
        """Put the file of now among those before, or its content, where the name has another by now."""
        if self.now is not None and self.now.was_replaced():
            self._wait(self.now.old_place())
            self.now.begin_again()
        if self.now is not None and self._is_another(self.now):
            self.now.changed = monotonic()
            self.before.append(self.now)
            self.now = None

    def _is_among(self, around: Generations) -> bool:
        """Whether the file of now is the one that was listed: else rotation has gone on meanwhile."""
        if self.now is None:
            return True
        listed = next((one.identity for one in around.ready if one.path == self.path), None)
        if listed is None:
            return not os.path.lexists(self.path)
        return listed == self.now.identity and not self.now.was_replaced()

    def _in_order(
        self, around: Generations, waiting: dict[Generation, list[FilePlace]], limit: int | None
    ) -> Iterator[Lines]:
        """What is new in all files of the name, from the oldest to the file of now, and of that up to `limit`."""
        held, self._held_since, self._newer = self._held_since, None, 0
        open_in = found_files(self.before, around.ready)
        for begun, one in enumerate((None, *around.ready)):
            if one is None or one in open_in:
                for file in open_in.get(one, ()):
                    self._cut = (yield from self._some(file)) or self._cut
            elif one in waiting:
                yield from self._read_waiting(one, waiting[one])
            elif (yield from self._unseen(one)):
                self._held_since = monotonic() if held is None else held
                if self.held:
                    return
            if self._cut:
                self._newer = self._unread(around.ready[begun:], waiting)
                return
        self.settled = True  # the places account for all that is older: a long file does not hold up checkpoints
        if self.now is not None:
            yield from self._some(self.now, limit)

    def _unread(self, newer: list[Generation], waiting: dict[Generation, list[FilePlace]]) -> int:
        """Bytes of files whose turn comes later; what is open tells its own."""
        files, total = self.files(), 0
        for one in newer:
            if one in waiting:
                total += sum(max(one.status.st_size - place.offset, 0) for place in waiting[one])
            elif one.path != self.path and one.written >= self._known.blind.get(self.path, 0):
                total += self._known.unread(one, files)
        return total

    def _generations(self) -> Generations:
        found = Generations(self.path, self._known.folders, self._known.former(self.path))
        self.failed.moved(found.ready)
        return found

    def _watch(self, around: Generations) -> None:
        """Watch the rotated files, those that are open here as well: they will be closed."""
        here = {file.identity for file in self.before}
        plain = [one for one in around.ready if not one.packed and one.path not in self._known.names]
        watched = [one for one in plain if one.identity in here or not self._known.taken(one.identity)]
        self._known.watched.watch(self.path, [one for one in watched if one.path != self.path])

    def _follow(self, one: Generation, place: FilePlace | None = None, *, was_closed: bool = False) -> Iterator[Lines]:
        """Go on with a rotated file that may still be written to, until it is quiet."""
        file = self._known.hold(FollowedFile(self.path, one.open(), place=place))
        file.shown = one.path
        if was_closed:
            file.leave_out_begun()
        self._cut = yield from self._some(file)
        if file.identity in self.failed:
            self._wait(file.place())
            self._known.release(file)
        else:
            self.before.append(file)

    def _rest(self, one: Generation, offset: int) -> Iterator[Lines]:
        """What stands behind an offset of a generation; where reading fails, how far it was read waits to go on."""
        place = replace(one.place(), path=self.path)
        key = one.identity
        yield from self.failed.lines(key, one.path, one.rest(offset))
        if key in self.failed:
            self._wait(replace(place, offset=one.offset))
        else:
            self._known.finished.add(one.place())

    def _find_waiting(self, around: Generations) -> dict[Generation, list[FilePlace]]:
        """The files that were read in part and of which a rest is among those that are listed, with their places.

        The file that has the name is opened. What is not found is given up.
        """
        waiting = self._known.waiting.get(self.path, [])
        found_in: dict[Generation, list[FilePlace]] = {}
        hidden = any(not self._known.is_read(one) for one in around.unreadable.values())
        for place in waiting[:]:
            found = found_place(place, [one for one in around.ready if one.path != self.path or self.now is None])
            if found is None:
                if not around.holds():
                    self._folders = ()  # it may be copied and truncated since the files were listed: look again
                elif not hidden:
                    waiting.remove(place)
                    self._known.give_up(place)
                    self._tell_lost(place)
            elif self.failed.waits(found.identity):
                continue
            elif found.path == self.path and not found.packed:
                waiting.remove(place)
                self.now = self._known.hold(FollowedFile(self.path, found.open(), place=place))
            else:
                found_in.setdefault(found, []).append(place)
        return found_in

    def _read_waiting(self, one: Generation, places: list[FilePlace]) -> Iterator[Lines]:
        """The rest of a file that was read in part."""
        for place in places:
            if place in self._known.waiting[self.path]:  # else there was no room for it any more
                self._known.waiting[self.path].remove(place)
            if not one.packed and one.is_file_of(place) and _is_recent(one):
                yield from self._follow(one, place)
            else:
                yield from self._rest(one, place.offset)

    def _wait(self, place: FilePlace) -> None:
        lost = self._known.wait(place)
        if lost is not None:
            self._tell_lost(lost)

    def _tell_lost(self, place: FilePlace) -> None:
        if place.inode == -1:  # it was truncated, and there need not be a copy of it
            return
        if place in self._known.finished.of((place.device, place.inode)):
            return
        former = self._known.former(self.path)
        extra = {"file": place.path, "next_step": _FIND} | ({"target": ", ".join(former)} if former else {})
        _LOG.warning("a file that was not read to its end is gone", extra=extra)

    def _unseen(self, one: Generation) -> Generator[Lines, None, bool]:
        """The lines of a generation, where none of it was read, or where more was written since.

        Whether newer ones have to wait, as it may be a copy that is being made.
        """
        known = self._known
        ours = one.path == self.path or known.is_copy(one, self.files(), unread=True)
        if ours or known.taken(one.identity) or self.failed.waits(one.identity):
            return False
        if (read := known.read_to(one)) is not None:
            yield from self._grown(one, read)
            return False
        place = one.place()
        furthest = known.finished.furthest(place)
        if furthest is not None and furthest >= place.offset:
            return False
        if one.written < known.blind.get(self.path, 0) or known.finished.has_older(one.status):
            known.finished.add(place)
        elif not place.known:
            if one.fault and one.inode not in self._told_of:
                self._told_of.add(one.inode)
                _LOG.warning("a rotated file cannot be unpacked", extra={"file": one.path, "error": str(one.fault)})
        elif abs(time() - one.written) < _SETTLED or known.awaited(one):
            self._folders = ()  # it may be a copy that is being made, or can be read since a moment ago: look again
            return True
        else:
            yield from self._new(one)
        return False

    def _grown(self, one: Generation, read: FilePlace) -> Iterator[Lines]:
        """The lines that were written to a file since it was read and closed."""
        known = self._known
        if one.packed or one.path in known.names or one.size <= read.offset:
            return
        if known.awaited(one):
            self._folders = ()
            return
        known.finished.reopen(read)
        place = replace(read, path=self.path, offset=max(read.offset, known.counted(one)))
        yield from self._follow(one, place, was_closed=True)

    def _new(self, one: Generation) -> Iterator[Lines]:
        """The lines of a generation that was not seen before; one that was written a moment ago stays open."""
        counted = self._known.packed_since(one) if one.packed else self._known.counted(one)
        if one.packed or counted or not _is_recent(one):
            yield from self._rest(one, counted)
        else:
            yield from self._follow(one)

    def _see(self, unreadable: dict[str, Unreadable]) -> None:
        """Once a folder can be listed that could not at first: what in it is older and cannot be read is not ours."""
        hidden = any(one.folder or one.status is None for one in unreadable.values())
        if hidden or self.path not in self._known.blind:
            return
        began = self._known.blind.pop(self.path)
        for one in unreadable.values():
            if one.status is not None and one.status.st_mtime < began:
                self._known.finished.add_older(one.status)

    def _rotated(self) -> bool:
        """Whether a name came or went in its folder since the last call, or the file was replaced."""
        changed = self._known.folders.changed(self.path)
        before, self._folders = self._folders, changed
        return changed != before or (self.now is not None and self.now.was_replaced())

    def _may_be_read(self) -> bool:
        """Whether what could not be read may be now: permissions do not change the time of the folder."""
        return self.failed.due or any(one.has_changed() for one in self.unreadable.values())

    def _note(self, unreadable: dict[str, Unreadable]) -> None:
        """Keep what cannot be read and is wanted; of the name itself what opening it said."""
        own = {path: one for path, one in self.unreadable.items() if path == self.path and self.now is None}
        wanted = {path: one for path, one in unreadable.items() if path != self.path and not self._known.is_read(one)}
        self.unreadable = own | wanted

    def _is_another(self, file: FollowedFile) -> bool:
        try:
            stat = Path(self.path).stat()
        except OSError:
            return False  # between the rename and the new file, or gone
        return (stat.st_dev, stat.st_ino) != file.identity

    def _opened(self, elsewhere: Collection[FilePlace] = ()) -> FollowedFile | None:
        """The file that has the name now, from its start, or from where it was read to before it could not be read.

        `elsewhere`: the places of which the files were found under other names.
        """
        self.unreadable.pop(self.path, None)
        try:
            with Generation(self.path) as one:
                if self._known.taken(one.identity):
                    return None
                waiting = self._known.waiting.get(self.path, [])
                wanted = [] if one.packed else [place for place in waiting if place not in elsewhere]
                place = next((place for place in wanted if one.holds(place)), None)
                offset = self._known.counted(one) if place is None else 0  # of a new name: what it is a copy of
                file = FollowedFile(self.path, one.open(), offset, place)
        except OSError as fault:
            if fault.errno not in NO_FILE:
                self.unreadable[self.path] = Unreadable.of(self.path, fault)
            return None
        if place is not None:
            waiting.remove(place)
        return self._known.hold(file)


def _is_recent(one: Generation) -> bool:
    return abs(time() - one.written) <= _QUIET
