"""How many examples a property test takes: a quarter of its number in `make test`, all of them in `make test-all`."""

from __future__ import annotations

from hypothesis import settings

_WHOLE = 100  # what hypothesis takes where no number is said; the profiles of tests/conftest.py are measured by it
_FEWEST = 15


def examples(count: int) -> int:
    """The share of so many examples that the profile of this run has, but never too few to find anything."""
    return max(count * settings().max_examples // _WHOLE, min(count, _FEWEST))
