"""Work in a process of its own."""

import os
import signal
import threading

import pytest

from regobs.build.apart import Apart
from regobs.errors import Location, MachineError, SloError


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of one thread; a test runner may have more."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)


@pytest.mark.usefixtures("alone")
def test_the_result_comes_back_from_another_process() -> None:
    assert Apart(os.getpid).result() != os.getpid()


@pytest.mark.usefixtures("alone")
def test_a_large_result_does_not_wait_for_a_reader() -> None:
    size = 4_000_000  # a pipe holds 64 KiB
    assert len(Apart(lambda: b"x" * size).result()) == size


@pytest.mark.usefixtures("alone")
def test_an_error_is_raised_where_it_is_waited_for_with_all_its_parts() -> None:
    def work() -> None:
        raise SloError("wrong", location=Location("a.slo.yaml", 3, 7), value=1, expected="two", next_step="write 2")

    with pytest.raises(SloError) as caught:
        Apart(work).result()
    assert str(caught.value) == "a.slo.yaml:3:7: wrong\n  value:    1\n  expected: two\n  next:     write 2"


@pytest.mark.usefixtures("alone")
def test_a_process_that_is_killed_is_an_error_with_a_next_step() -> None:
    with pytest.raises(MachineError, match="ended from outside") as caught:
        Apart(lambda: os.kill(os.getpid(), signal.SIGKILL)).result()
    assert caught.value.next_step is not None


def test_beside_other_threads_the_work_is_done_here() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert Apart(os.getpid).result() == os.getpid()
    finally:
        stop.set()
        thread.join()


@pytest.mark.usefixtures("alone")
def test_without_room_for_a_process_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    assert Apart(os.getpid).result() == os.getpid()
