"""Forks: the child of a process with threads gets locks that are free and numbers that are whole.

A child has only the thread that forked; a lock that another thread held at that moment would be held for ever. So each
lock is taken before the fork and given back on both sides, as the `logging` module does.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from threading import Lock, get_ident
from typing import Protocol

_PATIENCE = 1.0  # seconds; the locks are held for microseconds, that of a shared directory for milliseconds


class Forking(Protocol):
    """What has locks."""

    def locks(self) -> Iterator[Lock]:
        """All of them, in the order in which they are taken; one is asked for when the one before it is held."""

    def forked(self) -> None:
        """In the child, when they are free."""


_watched: list[weakref.ref[Forking]] = []
_guard = Lock()  # of the list
_held: dict[int, list[Lock]] = {}  # by the thread that forks
_missed: dict[int, list[Lock]] = {}


def watch(of: Forking) -> None:
    """Take care of its locks as long as it lives."""
    with _guard:
        _watched[:] = [*(one for one in _watched if one() is not None), weakref.ref(of)]


def _living() -> list[Forking]:
    return [found for one in list(_watched) if (found := one()) is not None]


def _before() -> None:
    thread = get_ident()
    held: list[Lock] = []
    missed: list[Lock] = []
    _held[thread], _missed[thread] = held, missed
    known: set[int] = set()

    def take(lock: Lock) -> None:
        """In vain only where the thread that forks has it itself, in a handler of a signal."""
        if id(lock) not in known:
            known.add(id(lock))
            (held if lock.acquire(timeout=_PATIENCE) else missed).append(lock)

    take(_guard)
    for one in _living():
        for lock in one.locks():
            take(lock)


def _in_parent() -> None:
    _missed.pop(get_ident(), None)
    for lock in reversed(_held.pop(get_ident(), [])):
        lock.release()


def _in_child() -> None:
    held, missed = _held.pop(get_ident(), []), _missed.pop(get_ident(), [])
    _held.clear()
    _missed.clear()
    for lock in (*reversed(held), *missed):
        if lock.locked():
            lock.release()
    for one in _living():
        one.forked()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
