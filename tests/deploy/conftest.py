"""A target in memory with one deployment on it, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml
from tests.deploy.alertmanager_fakes import NAMES, SECRET
from tests.deploy.fakes import MemoryTarget, rules

OLD, NEW = rules(High=5, Low=1), rules(High=9)


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def rollout(target: MemoryTarget, folder: StateFolder, wait: float = 5) -> Rollout:
    return Rollout(target, folder, environment="test", wait=wait)


@pytest.fixture
def deployed(folder: StateFolder) -> MemoryTarget:
    """A target with the first deployment on it."""
    target = MemoryTarget()
    ours = rollout(target, folder)
    assert ours.apply(ours.plan(OLD)) is not None
    target.steps.clear()
    return target


@pytest.fixture
def receivers(tmp_path: Path) -> Path:
    """The receivers of the builds of `alertmanager_fakes`, one of them with a secret."""
    path = tmp_path / "receivers.yaml"
    given: list[dict[str, Any]] = [{"name": name} for name in NAMES]
    given[0]["pagerduty_configs"] = [{"routing_key": SECRET}]
    path.write_text(dump_yaml({"global": {"resolve_timeout": "5m"}, "receivers": given}), encoding="utf-8")
    return path
