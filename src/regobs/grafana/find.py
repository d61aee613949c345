"""One dashboard or one panel of a pack, by the name a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regobs.common.closest import closest
from regobs.errors import InputError
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.words import Dashboard


def find_dashboard(dashboards: Mapping[str, Dashboard], name: str) -> str:
    """The slug of the dashboard with this slug or title, upper and lower case alike. Raises InputError."""
    for slug, dashboard in dashboards.items():
        if name.casefold() in {slug.casefold(), dashboard.title.casefold()}:
            return slug
    close = closest(name, [*dashboards, *(one.title for one in dashboards.values())], 3, cutoff=0.5)
    raise InputError(
        "there is no such dashboard",
        value=name,
        expected=", ".join(close or dashboards),
        next_step="`regobs dashboards list` shows all",
    )


def find_panel(bound: BoundDashboard, name: str) -> BoundPanel:
    """The panel with this title, or with this `Row / Title` where a title is there twice.

    Raises InputError when there is none, when there are several, and, with the reason, when it is left out.
    """
    shown = [(row.title, panel.panel.title, panel) for row, panel in bound.panels()]
    found = [panel for row, title, panel in shown if _named(name, row, title)]
    if found and all(panel.queries == found[0].queries for panel in found):  # a repeated row may show one again
        return found[0]
    if found:
        rows = [f"{row} / {title}" for row, title, _ in shown if _named(name, row, title)]
        raise InputError(
            "several panels have this title", value=name, expected="; ".join(rows), next_step="give row and title"
        )
    for row, lacking in bound.left_out():
        if _named(name, row.title, lacking.panel.title):
            raise InputError(
                f"this panel is left out: {lacking.reason}",
                value=name,
                expected="a panel that this deployment can answer",
                next_step="correct flavor, version or capabilities in regobs.toml, or choose another panel",
            )
    raise _unknown(bound.slug, name, [title for _, title, _ in shown])


def _named(name: str, row: str, title: str) -> bool:
    return name.casefold() in {title.casefold(), f"{row} / {title}".casefold()}


def _unknown(slug: str, name: str, titles: Sequence[str]) -> InputError:
    close = closest(name, titles, 5, cutoff=0.4)
    return InputError(
        f"the dashboard {slug} has no such panel",
        value=name,
        expected=", ".join(close) or "the title of one of its panels",
        next_step=f"`regobs dashboards show {slug}` shows all",
    )
