"""A target in memory, whose steps can be made to fail, and ways to break the requests of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from regobs.deploy.rule_changes import rule_changes
from regobs.deploy.run import Rollout
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.errors import RegobsError, ServerError

PREFIX = "prometheus/rules/"


class MemoryTarget:
    """Holds objects; `fails` maps a step (check, write, verify) to how many of its calls fail."""

    name = "memory"

    def __init__(self, live: Mapping[str, bytes] | None = None) -> None:
        self.live = dict(live or {})
        self.fails: dict[str, int] = {}
        self.error: type[BaseException] = ServerError
        self.steps: list[str] = []
        self.stuck = False  # whether nothing can be written any more

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.fails.get(name, 0) > 0:
            self.fails[name] -= 1
            raise self.error(f"memory: {name} fails") if issubclass(self.error, RegobsError) else self.error()

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        return {name.removeprefix(PREFIX): data for name, data in files.items() if name.startswith(PREFIX)}

    def read(self) -> dict[str, bytes]:
        return dict(self.live)

    def fits(self, name: str, content: bytes) -> bool:
        del content
        return name.endswith(".yaml") and "/" not in name

    def check(self, objects: Objects) -> None:
        del objects
        self._step("check")

    def write(self, before: Objects, after: Objects) -> None:
        del before
        if self.stuck:
            raise self.error("memory: it is stuck")
        self.live = dict(after)
        self._step("write")

    def verify(self, objects: Objects) -> None:
        del objects
        self._step("verify")

    def same(self, ours: bytes, live: bytes) -> bool:
        return ours == live

    def announce(self, text: str) -> None:
        self.steps.append(f"announce {text}")

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        return rule_changes(before, after)


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


def kill_at(
    step: int,
    ours: Rollout,
    api: object,
    call: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    counts: Callable[[str, str], bool] = lambda method, path: True,
) -> None:
    """Let `step` requests through that count, and raise KilledError at the next; nothing is put back then."""
    asked, count = getattr(api, call), 0

    def ask(method: str, path: str, **more: Any) -> Any:
        nonlocal count
        count += counts(method, path)
        if count > step:
            raise KilledError
        return asked(method, path, **more)

    monkeypatch.setattr(api, call, ask)
    monkeypatch.setattr(ours, "_put_back", lambda *_: None)


def put_back(ours: Rollout) -> None:
    """What an interrupted deployment left is put right, and nothing else is done."""
    ours.apply(ours.plan_back(ours.status().state.number))


class Cut:
    """Lets `count` changing requests through and answers the next one, once, in its own way: a status, or a page."""

    def __init__(self, count: int, answer: tuple[int, Any] | str) -> None:
        self.left, self.answer, self.used = count, answer, False

    def __call__(self, method: str, path: str) -> tuple[int, Any] | str | None:
        del path
        if method == "GET" or self.used:
            return None
        if self.left == 0:
            self.used = True
            return self.answer
        self.left -= 1
        return None


def rules(**thresholds: float) -> dict[str, bytes]:
    """A build with one rule file for each alert: its name, and the number it compares with."""
    return {f"{PREFIX}{name}.yaml": rule_file(name, limit) for name, limit in thresholds.items()}


def rule_file(name: str, limit: float, expr: str = "vector(1)", interval: str = "1s") -> bytes:
    """A rule file of one group with one alert."""
    return f"""\
groups:
- name: {name}
  interval: {interval}
  rules:
  - alert: {name}
    expr: {expr} > {limit}
    labels: {{severity: page}}
""".encode()
