"""What an upgrade takes away from whoever uses a build: series, alerts and dashboards that are renamed or gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from regobs.catalog import slo
from regobs.deploy.rule_changes import REMOVED_LABEL, rule_changes
from regobs.grafana.outputs import FOLDER
from regobs.slo.outputs import RULES

_ALERT = "silences, inhibitions and routes by its name, and links to its runbook"
_SERIES = "dashboards, alerts and queries of your own that read it"
_BUDGET = "the error budget begins anew: its history is under the old name"


@dataclass(frozen=True, slots=True)
class UpgradeBreak:
    """Something that a later build no longer has under its name. `became` is its new name, "" where it is gone."""

    kind: str
    name: str
    became: str
    breaks: str

    def as_data(self) -> dict[str, str]:
        """For JSON: every field by its name."""
        return asdict(self)

    def __str__(self) -> str:
        fate = f"is called {self.became} now" if self.became else "is gone"
        return f"{self.kind} {self.name} {fate}: {self.breaks}"


def upgrade_breaks(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[UpgradeBreak]:
    """Every break between two builds, as relative path to content."""
    return [*_rules(_below(old, RULES), _below(new, RULES)), *_dashboards(_below(old, FOLDER), _below(new, FOLDER))]


def _below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.startswith(f"{folder}/")}


def _rules(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[UpgradeBreak]:
    for change in rule_changes(old, new):
        kind, _, fate = change.what.rpartition(" ")
        if kind == REMOVED_LABEL:
            yield UpgradeBreak("label", f"{fate} of {change.thing}", "", "routes and queries that use it")
        elif fate in {"removed", "renamed"} and kind in {"alert", "recorded series"}:
            became = change.after if fate == "renamed" else ""
            budget = kind != "alert" and slo.find(change.thing.split(" ")[0]) is not None
            breaks = _ALERT if kind == "alert" else f"{_SERIES}; {_BUDGET}" if budget else _SERIES
            yield UpgradeBreak(kind, change.thing, became, breaks)


def _dashboards(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[UpgradeBreak]:
    before, after = _titles(old), _titles(new)
    by_title = {title: uid for uid, title in after.items()}
    for uid, title in before.items():
        if uid not in after:
            became = by_title.get(title, "")
            yield UpgradeBreak("dashboard", uid, became, "links, bookmarks and the home page of whoever starred it")


def _titles(files: Mapping[str, bytes]) -> dict[str, str]:
    boards = (json.loads(data) for name, data in sorted(files.items()) if name.endswith(".json"))
    return {str(board.get("uid", "")): str(board.get("title", "")) for board in boards if isinstance(board, dict)}
