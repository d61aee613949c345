from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from regobs.errors import DashboardError, ExitCode, MachineError
from regobs.grafana.overlay import apply_overlay

DASHBOARD = {
    "title": "T",
    "uid": "regobs-t",
    "refresh": "1m",
    "panels": [{"id": 1, "title": "Requests", "type": "stat"}, {"id": 2, "title": "Errors", "type": "stat"}],
}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    return tmp_path / "t.overlay.jsonnet"


def test_an_object_is_added_to_the_dashboard(overlay: Path) -> None:
    overlay.write_text("{ refresh: '5m' }")
    assert apply_overlay(DASHBOARD, overlay) == DASHBOARD | {"refresh": "5m"}


def test_a_function_patches_one_panel_and_removes_another(overlay: Path) -> None:
    overlay.write_text(
        "function(dashboard) dashboard { panels: [\n"
        "  if panel.title == 'Requests' then panel { description: 'ours' } else panel\n"
        "  for panel in super.panels if panel.title != 'Errors'] }"
    )
    patched = apply_overlay(DASHBOARD, overlay)
    [panel] = patched["panels"]
    assert panel.items() >= {"id": 1, "title": "Requests", "type": "stat", "description": "ours"}.items()
    assert panel["gridPos"] == {"x": 0, "y": 0, "w": 24, "h": 4}


def test_the_dashboard_is_an_external_variable_too(overlay: Path) -> None:
    overlay.write_text("{ description: 'of ' + std.extVar('dashboard').title }")
    assert apply_overlay(DASHBOARD, overlay)["description"] == "of T"


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("{\n  refresh: '5m\n}", "2:12", "fails"),
        ("{ refresh: error 'no' }", "1:12", "no"),
        ("{ panels: [{ id: 1 }, { id: 1 }] }", "1", "two panels with one id"),
        ("function(dashboard) { title: 'T' }", "1", "no dashboard"),
        ("function(dashboard) 3", "1", "no dashboard"),
    ],
)
def test_a_broken_overlay_is_named_with_its_place(overlay: Path, text: str, position: str, says: str) -> None:
    overlay.write_text(text)
    with pytest.raises(DashboardError) as caught:
        apply_overlay(DASHBOARD, overlay)
    assert f"{caught.value.location}:".startswith(f"{overlay}:{position}:")
    assert says in caught.value.message


def test_a_machine_without_jsonnet_is_told_what_to_install(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_jsonnet", None)
    overlay.write_text("{}")
    with pytest.raises(MachineError, match="jsonnet") as caught:
        apply_overlay(json.loads(json.dumps(DASHBOARD)), overlay)
    assert caught.value.exit_code is ExitCode.MACHINE
    assert caught.value.next_step is not None
    assert "regobs[jsonnet]" in caught.value.next_step
