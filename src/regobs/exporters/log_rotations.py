"""The files that may hold what was once read under a name: itself and what rotation made of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import sleep
from typing import Self

from regobs.exporters.log_folders import Folders, Listing, places_of, rotations
from regobs.exporters.log_generations import FilePlace, FollowedFile, Generation
from regobs.exporters.unreadable_files import Unreadable, unreadable_file
from regobs.logs.reading.sources import place_in_set

_TELLS = 1024  # bytes of a start that two logs do not share: their first times differ
_ATTEMPTS, _PAUSE = 20, 0.005  # to read names while they are changed; seconds between two attempts


class Generations:
    """The files that may hold what was written under a name: itself and its rotations, oldest first.

    A packed file that begins as the plain one beside it is still being written, and is left out; one that is damaged is
    unreadable. Where
    a rotation goes on while the names are read, they are read again. `former` are files that the name led to before,
    with rotations of their own.
    """

    def __init__(self, path: str, folders: Folders, former: Iterable[str] = ()) -> None:
        self.path = path
        self._former = tuple(former)
        for _ in range(_ATTEMPTS):
            self._found: dict[str, Generation] = {}
            self.unreadable: dict[str, Unreadable] = {}
            self._listings = self._list(folders)
            if self.holds():
                break
            self.close()
            sleep(_PAUSE)
        self.ready = [one for one in self._found.values() if not one.packed or not self._may_be_copied(one)]
        for one in self.ready[:]:
            if damage := one.damage:
                self.unreadable[one.path] = Unreadable.of(one.path, damage)
                self.ready.remove(one)
        # Within one tick of the kernel's clock files have the same time: then their names tell.
        self.ready.sort(key=lambda one: (one.written, *place_in_set(Path(one.path))[1:], one.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def holds(self) -> bool:
        """Whether the folders are still as they were listed: a copy that was made since is not among the files."""
        return all(listing.holds() for listing in self._listings)

    def close(self) -> None:
        """Close them all."""
        for one in self._found.values():
            one.close()

    def _may_be_copied(self, packed: Generation) -> bool:
        """Whether it stands beside its plain file and holds nothing that tells it from that one."""
        name = packed.path.rpartition(".")[0]
        plain = self._found.get(name)
        if plain is None:
            return name in self.unreadable
        known, start = packed.start(_TELLS)
        return plain.start(known) == (known, start)

    def _list(self, folders: Folders) -> list[Listing]:
        """Open each file once, though it has several names. A file that `path` leads to is called so."""
        seen = set[tuple[int, int]]()
        listings = []
        for place in dict.fromkeys((*places_of(self.path), *self._former)):
            folder, name = os.path.split(place)
            listing = folders.listing(folder)
            listings.append(listing)
            if listing.fault is not None:
                self.unreadable[folder or "."] = Unreadable.of(folder or ".", listing.fault, folder=True)
            for other in dict.fromkeys([name, *rotations(name, listing)]):
                self._open(os.path.join(folder, other), seen)  # noqa: PTH118 - text
        return listings

    def _open(self, path: str, seen: set[tuple[int, int]]) -> None:
        if path in self._found:
            return
        try:
            one = Generation(path)
        except OSError as fault:
            found = unreadable_file(path, fault, named=path == self.path)
            if found is not None and (found.identity is None or found.identity not in seen):
                self.unreadable[path] = found
                seen |= {found.identity} if found.identity else set()
            return
        if (one.device, one.inode) in seen:  # a symbolic link and what it leads to are one file
            one.close()
            return
        seen.add((one.device, one.inode))
        self._found[path] = one


def found_place(place: FilePlace, generations: list[Generation]) -> Generation | None:
    """The file of a place under whichever name, or else the newest copy of it."""
    same = next((one for one in generations if one.is_file_of(place)), None)
    if same is not None:
        return same
    copy = next((one for one in reversed(generations) if one.is_copy_of(place)), None)
    if copy is not None:
        return copy
    # A packed one tells its size modulo 2^32, and nothing of it where its end is not written yet.
    return next((one for one in reversed(generations) if one.packed and one.has_start_of(place)), None)


def found_files(
    files: Iterable[FollowedFile], generations: list[Generation]
) -> dict[Generation | None, list[FollowedFile]]:
    """Open files by the generation that each is, or that is a copy of it; under None those that are not there."""
    found: dict[Generation | None, list[FollowedFile]] = {}
    for file in files:
        same = next((one for one in generations if one.identity == file.identity), None)
        copy = same or next((one for one in generations if file.has_start_of(one, unread=True)), None)
        found.setdefault(copy, []).append(file)
    return found
