"""Windows that somebody chose: their generated tests hold in promtool, or an error says why they cannot be recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.errors import SloError
from regobs.slo.outputs import compile_rules
from tests.slo.conftest import promtool_of
from tests.slo.packs import GITLAB, SMALL, pack_of, run_tests, write


def windows(*tiers: str) -> str:
    """A windows.yaml of tiers such as "12m/1m 0.01 page"."""
    rows = []
    for tier in tiers:
        sizes, share, severity = tier.split()
        long, short = sizes.split("/")
        rows.append(f"  - {{long: {long}, short: {short}, share: {share}, for: 0s, severity: {severity}}}\n")
    return "confidence: 0.99\ntiers:\n" + "".join(rows)


ODD = {
    "a window of pieces that no single window makes up": ("12m/1m 0.01 page", "6h/30m 0.05 page"),
    "a short window that is no multiple of the one before": ("1h/5m 0.02 page", "6h/2h 0.05 page", "3d/9h 0.1 ticket"),
    "hours and five minutes": ("1h/5m 0.02 page", "13h/65m 0.05 page", "28h/7h 0.1 ticket"),
}


@pytest.mark.server
@pytest.mark.parametrize("case", ODD)
def test_the_tests_of_unusual_windows_hold(tmp_path: Path, case: str) -> None:
    pack = pack_of(tmp_path / "pack", small=SMALL, windows=windows(*ODD[case]))
    write(compile_rules(pack, GITLAB).files(), tmp_path / "out")
    tests = sorted((tmp_path / "out/prometheus/tests").iterdir())
    assert any("summing" in path.name for path in tests)
    done = run_tests(promtool_of("debian"), *tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_window_that_shorter_ones_do_not_add_up_to_is_refused(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, small=SMALL, windows=windows("1h/20m 0.02 page", "90m/45m 0.05 page"))
    with pytest.raises(SloError, match="the window 1h30m cannot be laid together from shorter ones") as caught:
        compile_rules(pack, GITLAB)
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == (str(tmp_path / "alerts/windows.yaml"), 4)
    assert caught.value.value == "the shorter ones are 20m, 45m, 1h"
