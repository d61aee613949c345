"""`regobs demo` that is ended in the midst of a step: nothing that it started stays."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.demo_runs import demo_programs, left_behind, place

__all__ = ["demo_programs", "place"]

pytestmark = [pytest.mark.server, pytest.mark.timeout(200)]

# The story without its long pauses: what is tested is how it ends.
_HASTY = """
import sys
from dataclasses import replace
from pathlib import Path
from regobs.demo.progress import Progress
from regobs.demo.story import QUICK, run_demo
sys.exit(run_demo(replace(QUICK, settle=0.0), Path(sys.argv[1]), Progress()))
"""
_HASTY_FLEET = """
import sys
from dataclasses import replace
from pathlib import Path
from regobs.demo.progress import Progress
from regobs.demo.story import QUICK_FLEET, run_fleet_demo
sys.exit(run_fleet_demo(replace(QUICK_FLEET, settle=0.0), Path(sys.argv[1]), Progress()))
"""

_STEPS = ("Build the pack", "Start the servers", "Let clients", "Inject a fault")


@pytest.mark.parametrize(
    ("step", "number", "story"),
    [(step, signal.SIGINT, _HASTY) for step in _STEPS]
    + [("Start the servers", number, _HASTY) for number in (signal.SIGTERM, signal.SIGKILL)]
    + [("Let the fleet", signal.SIGKILL, _HASTY_FLEET)]
    + [
        pytest.param(*case, marks=pytest.mark.long)  # steps that end as those above do
        for case in (
            ("Push and pull", signal.SIGINT, _HASTY),
            ("Start the servers", signal.SIGINT, _HASTY_FLEET),
            ("Inject a fault", signal.SIGINT, _HASTY_FLEET),
        )
    ],
)
def test_an_end_in_any_act_leaves_no_process_and_no_mount(
    tmp_path: Path, place: dict[str, str], step: str, number: signal.Signals, story: str
) -> None:
    moment = random.Random(f"{step}{number}").uniform(0, 1.5)  # noqa: S311 - a moment, no secret
    with subprocess.Popen(
        [sys.executable, "-c", story, str(tmp_path / "out")],
        env=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if step in line:
                break
        time.sleep(moment)
        assert demo.poll() is None
        demo.send_signal(number)
        demo.stdout.read()
        code = demo.wait(30)
    assert code in {-number, 128 + number}
    deadline = time.monotonic() + (5 if number is signal.SIGKILL else 0)  # the kernel ends them, we cannot wait for it
    while left_behind(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_behind(tmp_path) == []
    if number is not signal.SIGKILL:
        assert list((tmp_path / "tmp").iterdir()) == []
