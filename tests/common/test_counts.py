from __future__ import annotations

import pytest

from regobs.common.counts import counted


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1000, "1,000 lines"), (1001, "1,001 lines")]
)
def test_one_thing_has_no_s(count: int, written: str) -> None:
    assert counted(count, "line") == written
    assert counted(count, "line", "more") == f"{written} more"
