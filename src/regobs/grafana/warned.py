"""What on the dashboards of a pack is probably a mistake, and may be meant: told as a warning; the build goes on."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.errors import Location
from regobs.grafana.load import SUFFIX, load_dashboard
from regobs.pack import BUNDLED, Pack
from regobs.slo.warned import probable_mistakes


def dashboard_warnings(pack: Pack) -> Iterator[str]:
    """Of the dashboards of a pack that is not the bundled one, each that a build reads without an error."""
    for file in pack.files("dashboards", "*" + SUFFIX):
        if file.layer == BUNDLED:
            continue
        for panel in (panel for row in load_dashboard(file.path).rows for panel in row.panels):
            where = Location(panel.location.file, panel.location.line)
            shown = [expr for choice in panel.choices for _, expr in choice]
            for told in dict.fromkeys(one for expr in shown for one in probable_mistakes(expr)):
                yield f"{where}: {told}"
