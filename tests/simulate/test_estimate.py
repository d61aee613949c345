"""What a history is told to be before it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.errors import MachineError
from regobs.simulate import Plan
from regobs.simulate.estimate import Estimate, estimate
from regobs.simulate.history import History
from regobs.simulate.reading import wanted


def test_an_estimate_is_near_what_is_written(tmp_path: Path) -> None:
    plan = Plan(pods=2, rate=2, start=1_795_000_000.0, warm=300)
    history = History(plan, 480, wanted=wanted(plan, ["slo"], []), processes=1)
    expected = estimate(history)
    size = history.write(tmp_path / "h.om")
    assert expected.size == pytest.approx(size, rel=0.2)
    assert expected.samples == pytest.approx(history.samples, rel=0.2)
    assert expected.series == pytest.approx(history.samples / 960, rel=0.2)
    assert "samples" in str(expected)


def test_what_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    Estimate(1, 1, 1, 1.0).check(tmp_path)
    with pytest.raises(MachineError, match="does not fit"):
        Estimate(1, 1, 10**18, 1.0).check(tmp_path)
