"""How long `regobs lint` takes, cold, for 50 dashboards and 1,000 rules; beside promtool, which only checks syntax.

    python benchmarks/lint.py

The rules and dashboards are those of the bundled pack, written again with other names until there are enough.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from regobs.build import build_files
from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.pack import find_pack

RULES, DASHBOARDS = 1000, 50


def write(folder: Path) -> tuple[int, int]:
    """The files; how many rules and dashboards are in them."""
    config = Config().of_flavor(Flavor.GITLAB)
    built = build_files(config, find_pack(None, config))
    groups = [
        group
        for name, content in built.items()
        if str(name).startswith("prometheus/rules/") and str(name).endswith(".yaml")
        for group in yaml.safe_load(content)["groups"]
    ]
    boards = [content for name, content in built.items() if str(name).startswith("dashboards/")]
    count = number = 0
    while count < RULES:
        group = {**groups[number % len(groups)], "name": f"group-{number}"}
        text = yaml.safe_dump({"groups": [group]}, sort_keys=False)
        (folder / f"rules-{number}.yaml").write_text(text, encoding="utf-8")
        count, number = count + len(group["rules"]), number + 1
    for index in range(DASHBOARDS):
        (folder / f"board-{index}.json").write_bytes(boards[index % len(boards)])
        json.loads(boards[index % len(boards)])
    return count, DASHBOARDS


def cpu(*command: str) -> float:
    """Seconds of CPU of a command; its modules are compiled once, as pip does when it installs a package."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules, boards = write(folder)
        taken = min(cpu(sys.executable, "-m", "regobs", "lint", name) for _ in range(3))
        print(f"regobs lint    {rules} rules, {boards} dashboards: {taken:.2f} s of CPU, cold (goal: below 3)")
        if promtool := shutil.which("promtool"):
            files = [str(path) for path in sorted(folder.glob("*.yaml"))]
            rival = min(cpu(promtool, "check", "rules", *files) for _ in range(3))
            only = min(cpu(sys.executable, "-m", "regobs", "lint", *files) for _ in range(3))
            print(
                f"promtool       the rules only: {rival:.2f} s; regobs lint on these: {only:.2f} s, {only / rival:.1f}x"
            )


if __name__ == "__main__":
    main()
