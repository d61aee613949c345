"""A crew of processes: what it writes stands in order, what fails is raised, and nobody waits for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from regobs.simulate.turns import Crew, board


def late(number: int) -> bytes:
    time.sleep(0.02 * (number % 3 == 0))
    return b"%d\n" % number * 1000


def fail(number: int) -> bytes:
    if number == 5:
        raise ValueError("five")
    return late(number)


def square(number: int) -> int:
    board().count(1)
    return number * number


def nothing() -> None:
    pass


@pytest.mark.parametrize("processes", [1, 3])
def test_a_crew_writes_in_order(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "out"
    file.touch()
    crew = Crew(processes)
    with crew.working():
        assert list(crew.map(square, ((n,) for n in range(20)), nothing)) == [n * n for n in range(20)]
        assert crew.board.done == 20
        sizes = list(crew.write(late, ((n,) for n in range(20)), file, nothing))
        sizes += crew.write(late, ((n,) for n in range(20, 25)), file, nothing)
    expected = [b"%d\n" % number * 1000 for number in range(25)]
    assert file.read_bytes() == b"".join(expected)
    assert sizes == list(map(len, expected))


@pytest.mark.parametrize("processes", [1, 3])
def test_what_fails_is_raised_after_what_stands_before_it(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "out"
    file.touch()
    crew = Crew(processes)
    with pytest.raises(ValueError, match="five"), crew.working():
        list(crew.write(fail, ((n,) for n in range(20)), file, nothing))
    assert file.read_bytes() == b"".join(b"%d\n" % number * 1000 for number in range(5))
