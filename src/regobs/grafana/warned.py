"""What on the dashboards of a pack is probably a mistake, and may be meant: told as a warning; the build goes on."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.config import Config
from regobs.errors import Location
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.load import SUFFIX, load_dashboard, slug_of
from regobs.pack import BUNDLED, Pack
from regobs.slo.warned import Lacks, probable_mistakes
from regobs.slo.warning_kinds import PackWarning


def dashboard_warnings(pack: Pack, config: Config | None = None) -> Iterator[PackWarning]:
    """Of the dashboards of a pack that is not the bundled one, each that a build reads without an error.

    With the settings also what a build leaves out because the deployment lacks something, and what is to be done.
    """
    for file in pack.files("dashboards", "*" + SUFFIX):
        if file.layer == BUNDLED:
            continue
        dashboard = load_dashboard(file.path)
        for panel in (panel for row in dashboard.rows for panel in row.panels):
            where = Location(panel.location.file, panel.location.line)
            shown = [expr for choice in panel.choices for _, expr in choice]
            for told in dict.fromkeys(one for expr in shown for one in probable_mistakes(expr)):
                yield PackWarning(f"{where}: {told}")
        if config is not None:
            lacks = Lacks()
            for _, one in bind_dashboard(slug_of(file.path), dashboard, config.vocabulary).left_out():
                lacks.add(
                    one.panel.location, one.reason, one.cause, capability=one.capability or str(dashboard.needs or "")
                )
            yield from lacks.told()
