"""Questions to a server at the same time: results in their order, the first failure at once."""

from __future__ import annotations

import threading
import time

import pytest

from regobs.doctor.gather import THREADS, concurrently
from regobs.errors import ServerError
from tests.terminal import PATIENCE


def test_results_stand_in_the_order_of_what_was_asked_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    first = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            first.wait(PATIENCE)
        else:
            first.set()
        return number * 2

    assert concurrently(work, range(20), lambda done, whole: told.append((done, whole))) == [2 * n for n in range(20)]
    assert told == [(done, 20) for done in range(1, 21)]
    assert concurrently(work, []) == []


def test_the_first_failure_is_raised_without_waiting_for_what_hangs_and_the_rest_is_not_begun() -> None:
    release, begun = threading.Event(), []

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ServerError("gone")
        release.wait(PATIENCE)

    before = time.monotonic()
    with pytest.raises(ServerError, match="gone"):
        concurrently(work, range(100))
    assert time.monotonic() - before < PATIENCE
    release.set()
    assert len(begun) <= THREADS + 1
