"""Probable mistakes on the dashboards of a pack, which a build tells and does not refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.grafana.warned import dashboard_warnings
from regobs.pack import BUNDLED, Pack, bundled

TEXT = """\
from regobs.grafana.words import *

dashboard = Dashboard(
    "Mine",
    Row("One",
        Stat("Right", raw("sum(go_goroutines)"), good="few"),
        Lines("Wrong", {"a": raw("sum(go_gorutine)"), "b": raw("max(go_gorutine)")}, good="few"),
    ),
)
"""


def test_a_build_tells_it_once_with_the_line_of_the_panel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pack/dashboards/mine.dashboard.py"
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    told = f"{file}:7: no exporter that regobs knows has a metric go_gorutine; did you mean go_goroutines?"
    assert list(dashboard_warnings(Pack((("mine", tmp_path / "pack"),)))) == [told]
    assert run(["build", "--pack", str(tmp_path / "pack"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == f"Warning: {told}\n"


def test_the_bundled_dashboards_are_not_looked_at() -> None:
    assert list(dashboard_warnings(Pack(((BUNDLED, bundled()),)))) == []
