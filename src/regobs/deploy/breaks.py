"""What an upgrade takes away from whoever uses a build: series, alerts and dashboards that are renamed or gone.

Series can go on under their old names too, for as long as builds are given the older one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from regobs import build
from regobs.build.write import MANIFEST
from regobs.config import Config
from regobs.deploy.broken import DASHBOARD, broken_by
from regobs.deploy.lost_labels import REMOVED_LABEL
from regobs.deploy.rule_changes import kept_names, rule_changes
from regobs.errors import InputError
from regobs.grafana.outputs import FOLDER
from regobs.pack import Pack
from regobs.slo.outputs import RULES


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


def read_build(directory: Path) -> dict[str, bytes]:
    """The files of a build by their path. Raises InputError where there is none."""
    try:
        paths = [path for path in directory.rglob("*") if path.is_file()]
        found = {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
    except OSError as error:
        raise InputError("the older build cannot be read", value=f"{directory}: {error.strerror}") from error
    if MANIFEST not in found:
        raise InputError(
            "this is no build",
            value=str(directory),
            expected="a directory that `regobs build` wrote",
            next_step="name the directory of the build that is in use",
        )
    return found


def build_keeping(config: Config, pack: Pack, older: Path | None) -> dict[str, bytes]:
    """The files of a build, with the series of an older one under their old names too. Raises InputError."""
    files = build.build_files(config, pack)
    if older is None:
        return files
    groups = kept_names(_below(read_build(older), RULES), _below(files, RULES))
    return build.build_files(config, pack, kept=groups) if groups else files


def upgrade_breaks(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[UpgradeBreak]:
    """Every break between two builds, as relative path to content."""
    return [*_rules(_below(old, RULES), _below(new, RULES)), *_dashboards(_below(old, FOLDER), _below(new, FOLDER))]


def _below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.startswith(f"{folder}/")}


def _rules(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[UpgradeBreak]:
    for change in rule_changes(old, new):
        kind, _, fate = change.what.rpartition(" ")
        if breaks := broken_by(change):
            if change.what.startswith(f"{REMOVED_LABEL} "):
                label = change.what.removeprefix(f"{REMOVED_LABEL} ")
                yield UpgradeBreak("label", f"{label} of {change.thing}", "", breaks)
            else:
                yield UpgradeBreak(kind, change.thing, change.after if fate == "renamed" else "", breaks)


def _dashboards(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[UpgradeBreak]:
    before, after = _titles(old), _titles(new)
    by_title = {title: uid for uid, title in after.items()}
    for uid, title in before.items():
        if uid not in after:
            became = by_title.get(title, "")
            yield UpgradeBreak("dashboard", uid, became, DASHBOARD)


def _titles(files: Mapping[str, bytes]) -> dict[str, str]:
    boards = (json.loads(data) for name, data in sorted(files.items()) if name.endswith(".json"))
    return {str(board.get("uid", "")): str(board.get("title", "")) for board in boards if isinstance(board, dict)}
