"""Packs and tools for these tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.pack import Pack, bundled
from regobs.slo.outputs import CompiledRules, compile_rules

BUNDLED = Pack((("bundled", bundled()),))
GITLAB = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))
DISTRIBUTION = replace(GITLAB, flavor=Flavor.DISTRIBUTION)
CONFIGS = {"gitlab": GITLAB, "distribution": DISTRIBUTION}


@cache
def bundled_rules(flavor: str = "gitlab") -> CompiledRules:
    """The bundled pack, compiled once a process: it takes a second, and every worker imports every module of tests."""
    return compile_rules(BUNDLED, CONFIGS[flavor])


def bundled_groups(flavor: str = "gitlab") -> list[dict[str, Any]]:
    """The rule groups of the bundled pack, those of SLOs first."""
    rules = bundled_rules(flavor)
    return [one.group for one in rules.slos] + [group for file in rules.rule_files for group in file.groups]


@cache
def bundled_alerts() -> dict[str, dict[str, Any]]:
    """The alerts of the bundled pack by name, the last rule of each."""
    return {rule["alert"]: rule for group in bundled_groups() for rule in group["rules"] if "alert" in rule}


SMALL = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: small
  displayName: Small things work
  labels: {operation: small, sli: availability}
spec:
  service: registry
  indicator:
    metadata: {name: small-errors}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource: {type: catalog, spec: {metric: http.REQUESTS, where: {route: tags, method: get, code: 5xx}}}
        total:
          metricSource: {type: catalog, spec: {metric: http.REQUESTS, where: {route: tags, method: get}}}
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""
SLOW = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: slow
  labels: {operation: slow, sli: latency}
spec:
  service: registry
  indicator:
    metadata: {name: slow-duration}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource: {type: catalog, spec: {metric: http.DURATION, where: {route: tags}, at_most: 1}}
        total:
          metricSource: {type: catalog, spec: {metric: http.DURATION, where: {route: tags}}}
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


def pack_of(directory: Path, **files: str) -> Pack:
    """A pack of these SLO documents alone, with the bundled windows and routes; `windows` overrides the windows."""
    alerts = directory / "alerts"
    alerts.mkdir(parents=True, exist_ok=True)
    (alerts / "routing.yaml").write_text((bundled() / "alerts/routing.yaml").read_text())
    (alerts / "windows.yaml").write_text(files.pop("windows", (bundled() / "alerts/windows.yaml").read_text()))
    for name, text in files.items():
        kind = "rules" if text.startswith("groups:") else "slo"
        (alerts / f"{name}.{kind}.yaml").write_text(text)
    return Pack((("test", directory),))


def write(files: dict[str, bytes], directory: Path) -> Path:
    """Write a build below a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


# promtool writes a database for each test and waits for the disk, of which nothing is kept.
_IN_MEMORY = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}  # noqa: S108


def run_tests(promtool: Path, *tests: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool test rules."""
    command = [str(promtool), "test", "rules", *map(str, tests)]
    environment = {**os.environ, **_IN_MEMORY, "GOMAXPROCS": "1", "GOGC": "800"}  # small: collecting costs more
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def rules_of(content: bytes) -> list[dict[str, Any]]:
    """The rules of a rule file, in order."""
    data = yaml.safe_load(content)
    return [rule for group in data["groups"] for rule in group["rules"]]
