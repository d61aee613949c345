"""Probable mistakes on the dashboards of a pack, which a build tells and does not refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.config import Config
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


def dashboard_file(folder: Path, text: str) -> Path:
    """The only dashboard of the pack in `folder`/pack."""
    file = folder / "pack/dashboards/mine.dashboard.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_a_build_tells_it_once_with_the_line_of_the_panel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = dashboard_file(tmp_path, TEXT)
    told = f"{file}:7: no exporter that regobs knows has a metric go_gorutine; did you mean go_goroutines?"
    assert list(dashboard_warnings(Pack((("mine", tmp_path / "pack"),)))) == [told]
    assert run(["build", "--pack", str(tmp_path / "pack"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == f"Warning: {told}\n"


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ('rate(select(http.REQUESTS, code="6xx"))', 2, ":7:28: '6xx' is no code of registry_http_requests_total"),
        ('rate(select(http.REQUESTS, code=other_than("600")))', 2, ":7:28: '600' is no code of"),
        ("raw('sum(rate(registry_http_requests_total{code=\"6xx\"}[5m]))')", 0, ":7: no code of registry_http"),
        ("raw('sum(rate(registry_http_requests_total{method=\"gett\"}[5m]))')", 2, "requests_total is 'gett'"),
    ],
)
def test_values_of_labels_are_checked_as_those_of_rules_are(
    query: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEXT.replace('raw("sum(go_goroutines)")', query).replace('raw("sum(go_gorutine)")', 'raw("sum(up)")')
    dashboard_file(tmp_path, f"from regobs.catalog import http\n{text}")
    assert run(["build", "--pack", str(tmp_path / "pack"), "--out", str(tmp_path / "out")]) == code
    assert told in capsys.readouterr().err


LACKING = """\
from regobs.catalog import notifications
from regobs.grafana.words import *

dashboard = Dashboard(
    "Mine",
    Row("One",
        Stat("Right", raw("sum(go_goroutines)"), good="few"),
        Lines("Some", {"a": raw("sum(go_goroutines)"), "b": raw("sum(pg_up)")}, good="few"),
        Stat("None", raw("sum(pg_up)"), good="few"),
    ),%s
)
"""


@pytest.mark.parametrize("needs", ["", "\n    needs=Capability.NOTIFICATIONS,"])
def test_what_is_left_out_of_a_dashboard_is_told_with_its_line(
    needs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = "from regobs.catalog.model import Capability\n" if needs else ""
    file = dashboard_file(tmp_path, needed + LACKING % needs)
    assert run(["build", "--pack", str(tmp_path / "pack"), "--out", str(tmp_path / "out")]) == 0
    reason = "the dashboard needs the capability notifications" if needs else "pg_up needs the capability"
    line, more = (8, " (and on 2 more lines of this file)") if needs else (8, " (and on line 9)")
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith(f"Warning: {file}:{line}: {reason}")
    assert ", so this is left out; if the deployment has it, add it to capabilities in regobs.toml" in told
    assert told.endswith(more)


def test_the_bundled_dashboards_are_not_looked_at() -> None:
    assert list(dashboard_warnings(Pack(((BUNDLED, bundled()),)), Config())) == []
