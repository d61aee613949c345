"""The journal: what was confirmed is there after any end, and nothing twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import events as metrics
from regobs.errors import MachineError
from regobs.exporters.journal import Journal
from regobs.exporters.notifications import Receiver


class Numbers:
    """A state: the records in their order."""

    def __init__(self, directory: Path) -> None:
        self.seen: list[Any] = []
        self.journal = Journal(directory)
        self.journal.restore(self.load, self.seen.append)

    def load(self, state: Any) -> None:
        self.seen[:] = state["seen"]

    def append(self, *records: int) -> None:
        self.journal.append(records)
        self.seen += records

    def checkpoint(self) -> None:
        self.journal.checkpoint({"seen": self.seen})


@given(st.lists(st.sampled_from(["append", "checkpoint", "again"]), max_size=15))
def test_records_come_back_in_their_order_whatever_happens_between(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    numbers, expected = Numbers(directory), 0
    for step in steps:
        if step == "append":
            numbers.append(expected, expected + 1)
            expected += 2
        elif step == "checkpoint":
            numbers.checkpoint()
        else:
            numbers.journal.close()
            numbers = Numbers(directory)
        assert numbers.seen == list(range(expected))
    numbers.journal.close()


def test_a_last_line_that_was_cut_off_is_dropped_and_written_over(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path)
    numbers.append(1, 2)
    numbers.journal.close()
    with (tmp_path / "journal-0").open("ab") as file:
        file.write(b"[3, 4")
    again = Numbers(tmp_path)
    assert again.seen == [1, 2]
    again.append(5)
    again.journal.close()
    assert (tmp_path / "journal-0").read_bytes() == b"1\n2\n5\n"


def test_a_new_journal_without_its_checkpoint_is_read_after_the_old_one(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path)
    numbers.append(1)
    numbers.journal.close()
    (tmp_path / "journal-1").write_bytes(b"")  # killed between the new journal and the checkpoint
    again = Numbers(tmp_path)
    again.append(2)
    again.journal.close()
    assert Numbers(tmp_path).seen == [1, 2]


def test_a_disk_that_takes_half_of_it_keeps_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Numbers(tmp_path)
    numbers.append(1)
    monkeypatch.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        numbers.append(2)
    monkeypatch.undo()
    numbers.seen.remove(2) if 2 in numbers.seen else None
    numbers.append(3)
    numbers.journal.close()
    assert Numbers(tmp_path).seen == [1, 3]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    first = Numbers(tmp_path)
    with pytest.raises(MachineError, match="another process"):
        Journal(tmp_path)
    first.journal.close()
    Journal(tmp_path).close()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"form": 9, "journal": 1, "state": {}}', b"\xff", b"[1]"])
def test_a_checkpoint_that_cannot_be_read_is_an_error_that_says_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_bytes(content)
    with pytest.raises(MachineError, match="checkpoint") as caught:
        Numbers(tmp_path)
    assert caught.value.next_step is not None


@pytest.mark.parametrize("damaged", [b"\0\0", b"{", b"5", b'["x", "pull"]', b"\xff", b"[" * 100_000, b"[]", b"[[]]"])
def test_a_damaged_line_of_the_journal_is_an_error_with_its_place(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal-0").write_bytes(b'["id"]\n' + damaged + b'\n["other"]\n')
    with pytest.raises(MachineError) as caught:
        Receiver(Journal(tmp_path))
    assert caught.value.message == "a line of the journal cannot be read"
    assert str(caught.value.value).startswith(f"{tmp_path / 'journal-0'}:2: ")
    assert "remove this line" in str(caught.value.next_step)


RECORD = {"id": "x", "action": "pull", "artifact": "blob", "namespace": "n", "bytes": 7, "redirected": "true"}
RECORD |= {"actor": "named", "lag": 0.5}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("id", "5", "no list of an id"),
        ("action", '"steal"', "action"),
        ("action", "[]", "action"),
        ("artifact", '"tape"', "artifact"),
        ("namespace", "null", "namespace"),
        ("bytes", "-1", "bytes"),
        ("bytes", "1.5", "bytes"),
        ("bytes", "true", "bytes"),
        ("bytes", "9007199254740993", "bytes"),
        ("bytes", "NaN", "NaN is no number"),
        ("bytes", "1e999", "1e999 is no number"),
        ("redirected", '"maybe"', "redirected"),
        ("actor", "{}", "actor"),
        ("lag", "-0.1", "lag"),
        ("lag", "Infinity", "Infinity is no number"),
        ("lag", '"1"', "lag"),
    ],
)
def test_a_record_with_a_value_that_none_has_is_a_damaged_line(
    place: str, value: str, told: str, tmp_path: Path
) -> None:
    parts = {name: json.dumps(one) for name, one in RECORD.items()} | {place: value}
    (tmp_path / "journal-0").write_text('["id"]\n[' + ", ".join(parts.values()) + "]\n", encoding="utf-8")
    with pytest.raises(MachineError, match="a line of the journal cannot be read") as caught:
        Receiver(Journal(tmp_path))
    assert str(caught.value.value).startswith(f"{tmp_path / 'journal-0'}:2: ")
    assert told in str(caught.value.value)


@pytest.mark.parametrize("lag", ["null", "0", "3.25"])
def test_a_record_that_is_right_counts(lag: str, tmp_path: Path) -> None:
    parts = {name: json.dumps(one) for name, one in RECORD.items()} | {"lag": lag}
    (tmp_path / "journal-0").write_text("[" + ", ".join(parts.values()) + "]\n", encoding="utf-8")
    receiver = Receiver(Journal(tmp_path))
    assert receiver.totals.value(metrics.RECEIVED, ("pull", "blob", "n")) == 1
    assert receiver.totals.value(metrics.PULLED_BYTES, ("true",)) == 7
    receiver._journal.close()


def test_a_checkpoint_with_a_number_that_is_none_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text('{"form": 1, "journal": 0, "state": {"n": NaN}}', encoding="utf-8")
    with pytest.raises(MachineError, match="the checkpoint cannot be read") as caught:
        Numbers(tmp_path)
    assert "NaN is no number" in str(caught.value.value)


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot be used"):
        Journal(tmp_path / "file" / "state")
