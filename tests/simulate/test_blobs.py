"""The sizes of blobs: their distribution, its limits, and what is refused."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.simulate.blobs import BlobSizes

seeded = Random  # an alias: a model needs no cryptographic generator


@given(st.integers())
def test_a_blob_has_a_size_that_a_registry_takes(seed: int) -> None:
    assert 32 <= BlobSizes().draw(seeded(seed)) <= 10 * 2**30


def test_half_is_below_the_median_and_one_of_a_hundred_above_p99() -> None:
    sizes, rng = BlobSizes(median=1000, p99=50_000, largest=10**9), seeded(7)
    drawn = [sizes.draw(rng) for _ in range(20_000)]
    assert sum(size < 1000 for size in drawn) / 20_000 == pytest.approx(0.5, abs=0.01)
    assert sum(size > 50_000 for size in drawn) / 20_000 == pytest.approx(0.01, abs=0.003)


def test_all_may_have_one_size() -> None:
    assert BlobSizes(median=32, p99=32, largest=32).draw(seeded(7)) == 32


@pytest.mark.parametrize("sizes", [(31, 50, 60), (50, 49, 60), (50, 60, 59)])
def test_sizes_that_are_not_in_order_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="not in order"):
        BlobSizes(*sizes)
