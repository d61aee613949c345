"""The file in which a process keeps its numbers."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import InstrumentError
from regobs.instrument.workers.ledger import CHUNK, Key, Ledger, records
from tests.examples import examples

NUMBER = st.floats(min_value=0, max_value=1e300)
SERIES = st.dictionaries(
    st.tuples(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=4).map(tuple)),
    st.lists(NUMBER, min_size=1, max_size=20),
    max_size=20,
)


def content(data: bytes) -> dict[Key, list[float]]:
    return {key: list(numbers) for key, numbers in records(data, {})}


@settings(max_examples=examples(50))
@given(series=SERIES)
def test_what_is_kept_is_read_back(tmp_path_factory: pytest.TempPathFactory, series: dict[Key, list[float]]) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "a")
    for (name, values), numbers in series.items():
        slot = ledger.slot(name, values, len(numbers))
        for index, number in enumerate(numbers):
            slot[index] = number
    assert content(ledger.data()) == content(ledger.path.read_bytes()) == series


def test_many_series_fill_more_than_one_chunk_and_none_is_cut(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a")
    for number in range(3000):
        ledger.slot("family", (str(number),), 17)[16] = number
    assert len(ledger.data()) >= 2 * CHUNK
    assert {values[0]: numbers[16] for (_, values), numbers in content(ledger.data()).items()} == {
        str(number): number for number in range(3000)
    }


@given(end=st.integers(0, 400))
def test_a_file_that_is_cut_anywhere_gives_the_series_before(
    tmp_path_factory: pytest.TempPathFactory, end: int
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "a")
    for name in "abcd":
        ledger.slot(name, ("x",), 4)[0] = 1
    whole = content(ledger.data())
    cut = content(ledger.data()[:end])
    assert cut == dict(list(whole.items())[: len(cut)])


def test_a_forgotten_series_is_not_read_and_begins_again_at_0(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a")
    ledger.slot("a", ("x",), 2)[0] = 5
    ledger.slot("b", (), 1)[0] = 7
    ledger.forget("a", ("x",))
    assert content(ledger.data()) == {("b", ()): [7]}
    size = len(ledger.data().rstrip(b"\0"))
    ledger.slot("a", ("x",), 2)[1] = 3
    assert content(ledger.data()) == {("a", ("x",)): [0, 3], ("b", ()): [7]}
    assert len(ledger.data().rstrip(b"\0")) <= size, "a series that comes and goes takes one place"


def test_label_values_that_fill_a_chunk_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a")
    with pytest.raises(InstrumentError, match="too long"):
        ledger.slot("a", ("x" * CHUNK,), 1)


def test_nobody_else_may_read_it_and_a_link_is_not_followed(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "a").path.stat().st_mode & 0o077 == 0
    (tmp_path / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="exists"):
        Ledger(tmp_path / "b")
