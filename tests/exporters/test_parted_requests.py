"""The lines of a log are read in the order in which they were written, however rotations part them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from regobs.exporters import followed_path
from regobs.exporters.log_files import LogFiles
from regobs.exporters.log_generations import FollowedFile, Lines
from tests.exporters.distribution_lines import own
from tests.exporters.parted_requests import KINDS, Parted, run


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("kinds", list(product(KINDS, repeat=3)), ids="-".join)
def test_requests_whose_lines_are_parted_by_rotations_count_once_and_in_order(
    tmp_path: Path, kinds: tuple[str, ...], restarted: bool
) -> None:
    parted = Parted(tmp_path)
    parted.write()
    parted.read()
    for kind in kinds:
        parted.rotate(kind)
        parted.write(2)
    parted.write()
    if restarted:
        parted.restart()
    parted.read_all()
    parted.exporter._files.close()
    assert parted.order == list(range(8))
    assert parted.counted == 4


@pytest.mark.parametrize("kinds", list(product(KINDS, ("copytruncate",), KINDS)), ids="-".join)
def test_what_a_new_file_held_before_it_was_first_read_comes_first(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    parted = Parted(tmp_path)
    parted.write()
    parted.rotate(kinds[0])
    parted.read_all()
    for kind in kinds[1:]:
        parted.write(2)
        parted.rotate(kind)
    parted.write()
    parted.read_all()
    parted.exporter._files.close()
    assert parted.order == list(range(6))
    assert parted.counted == 3


def test_a_writer_that_goes_on_to_the_new_file_between_two_reads_is_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = Parted(tmp_path)
    parted.write(2)
    parted.read_all()
    with parted.log.open("ab") as old:
        parted.rotate("rename")
        parted.write(2)
        parted.read_all()
        read, files = FollowedFile.blocks, parted.exporter._files
        assert isinstance(files, LogFiles)
        [before] = files._paths[str(parted.log)].before

        def written_meanwhile(self: FollowedFile, **options: Any) -> Iterator[Lines]:
            yield from read(self, **options)
            if self is before and not late:
                late.append(own("/v2/g/a/manifests/2") + b"\n")
                os.write(old.fileno(), late[0])
                parted.lines += 1
                parted.write()

        late: list[bytes] = []
        monkeypatch.setattr(FollowedFile, "blocks", written_meanwhile)
        parted.read()
        parted.read_all()
    parted.exporter._files.close()
    assert late
    assert parted.order == list(range(6))


@pytest.mark.parametrize("ready", [False, True])
def test_lines_wait_for_a_copy_that_may_be_being_made_and_no_longer_than_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    parted = Parted(tmp_path)
    for _ in range(3):
        parted.write(2)
        parted.rotate("rename")
    parted.write(2)
    parted.read()
    assert parted.exporter._files.held
    assert parted.order == [0, 1]
    assert not parted.exporter._read_on()
    assert not parted.exporter.ready
    monkeypatch.setattr(followed_path, "_SETTLED" if ready else "_LONGEST_HELD", 0.0)
    parted.read()
    parted.exporter._files.close()
    assert parted.order == ([*range(8)] if ready else [0, 1, 6, 7])
    assert not parted.exporter._files.held


def test_lines_that_are_parted_while_they_are_read_count_once_and_in_order(tmp_path: Path) -> None:
    written, counted, in_order = run(tmp_path, 1)
    assert (counted, in_order) == (written, True)
