"""User overlays: jsonnet that patches a generated dashboard, so that nobody has to fork the pack.

`dashboards/<slug>.overlay.jsonnet` in a pack directory is an object that is added to the dashboard
(`{ refresh: '5m' }`), or a function that takes the dashboard and returns it changed
(`function(dashboard) dashboard { panels: [...] }`). `std.extVar('dashboard')` is the dashboard too, and
`import 'regobs.libsonnet'` has functions for the usual changes. Where an overlay adds, removes or moves panels, all get
new places, which follow from their order.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from regobs.errors import DashboardError, Location, MachineError
from regobs.grafana.settle import settle

SUFFIX = ".overlay.jsonnet"
_LIBRARY = Path(__file__).parent  # where regobs.libsonnet lies
_POSITION = re.compile(r"(?<!\S)(?P<file>\S+\.(?:jsonnet|libsonnet)):\(?(?P<line>\d+):(?P<column>\d+)")

Json = dict[str, Any]


def apply_overlay(dashboard: Json, path: Path) -> Json:
    """The dashboard as the overlay leaves it.

    Raises DashboardError for an overlay that fails or whose result is no dashboard, MachineError when the `jsonnet`
    package is not installed.
    """
    try:
        import _jsonnet  # noqa: PLC0415 - only a pack with overlays needs the extra
    except ImportError as error:
        raise MachineError(
            f"{path.name} needs jsonnet, which is not installed",
            location=Location(str(path)),
            expected="the Python package `jsonnet`",
            next_step="pip install 'regobs[jsonnet]', or remove the overlay",
        ) from error
    program = (
        f"local overlay = import {json.dumps(str(path.resolve()))}; local dashboard = std.extVar('dashboard');\n"
        "if std.isFunction(overlay) then overlay(dashboard) else dashboard + overlay"
    )
    try:
        result = json.loads(
            _jsonnet.evaluate_snippet(
                "regobs", program, ext_codes={"dashboard": json.dumps(dashboard)}, jpathdir=[str(_LIBRARY)]
            )
        )
    except RuntimeError as error:
        raise _failure(str(error), path) from error
    patched = _the_dashboard(result, path)
    if _ids(patched) != _ids(dashboard):
        settle(patched)
    _refuse_twins(patched, path)
    return patched


def _failure(text: str, path: Path) -> DashboardError:
    message = text.strip().splitlines()[0].removeprefix("STATIC ERROR: ").removeprefix("RUNTIME ERROR: ")
    position = next((m for m in _POSITION.finditer(text) if Path(m["file"]).name == path.name), None)
    if position is not None:
        message = message.removeprefix(f"{position['file']}:{position['line']}:{position['column']}: ")
    location = Location(str(path), int(position["line"]), int(position["column"])) if position else Location(str(path))
    return DashboardError(
        f"this overlay fails: {message}",
        location=location,
        expected="a jsonnet object, or a function of the dashboard",
        next_step="correct the overlay",
    )


def _the_dashboard(result: object, path: Path) -> Json:
    panels = result.get("panels") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(panels, list) or not result.get("title") or not result.get("uid"):
        raise DashboardError(
            "what this overlay returns is no dashboard",
            location=Location(str(path), 1),
            value=type(result).__name__ if not isinstance(result, dict) else ", ".join(sorted(result)[:5]),
            expected="an object with title, uid and panels",
            next_step="return the dashboard that was given, changed",
        )
    return result


def _ids(dashboard: Json) -> list[object]:
    """The ids of all panels in their order, those in closed rows too."""
    return [panel.get("id") for outer in dashboard["panels"] for panel in [outer, *outer.get("panels", [])]]


def _refuse_twins(dashboard: Json, path: Path) -> None:
    ids = _ids(dashboard)
    twice = sorted({number for number in ids if ids.count(number) > 1}, key=str)
    if twice:
        raise DashboardError(
            "this overlay leaves two panels with one id",
            location=Location(str(path), 1),
            value=twice[0],
            expected="an id for each panel, different from all others",
            next_step="give each panel that the overlay adds a new id",
        )
