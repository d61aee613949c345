"""A target in memory with one deployment on it, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
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
