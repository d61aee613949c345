"""Rules that are deployed to real servers, where they are kept, and what a server has loaded of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from regobs.deploy.loaded_rules import groups_of, otherwise
from regobs.deploy.rules_directory import RulesDirectory
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.prometheus import Prometheus
from regobs.slo import outputs
from tests.deploy.fakes import PREFIX, rules
from tests.slo.packs import BUNDLED, GITLAB

OLD, NEW = rules(High=5, Low=1), rules(High=9, Fresh=3)


@dataclass
class Place:
    """A server that reads the rule files of a directory, and what is kept of deployments to it."""

    url: str
    directory: Path
    state: Path

    def rollout(self, url: str = "", patience: float = 20) -> Rollout:
        target = RulesDirectory("rules", self.directory, lambda: Prometheus(url or self.url), patience=patience)
        return Rollout(target, StateFolder(self.state), wait=30)

    def loaded(self) -> dict[str, str]:
        """The query of each alert that the server evaluates."""
        with Prometheus(self.url) as client:
            return {rule.name: rule.query for group in client.rules() for rule in group.rules}

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.directory.iterdir()} if self.directory.exists() else {}


def differing(client: Prometheus, objects: Mapping[str, bytes]) -> list[str]:
    """What of the rules of `objects` the server has loaded otherwise, once it has so many groups."""
    groups, wait = list(groups_of(objects)), time.monotonic() + 60
    while len(loaded := {one.name: one.rules for one in client.rules()}) < len(groups) and time.monotonic() < wait:
        time.sleep(0.5)
    assert len(groups) > 40
    return [found for (_, name), rules in groups if (found := otherwise(rules, loaded[name]))]


def pack_rules(directory: Path) -> dict[str, bytes]:
    """The rule files of the bundled pack, which are put into a directory."""
    files = {name: content for name, content in outputs.files(BUNDLED, GITLAB).items() if name.startswith(PREFIX)}
    directory.mkdir()
    for name, content in files_of(files).items():
        (directory / name).write_bytes(content)
    return files_of(files)


def files_of(build: dict[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(PREFIX): content for name, content in build.items()}
