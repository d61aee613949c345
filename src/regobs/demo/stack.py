"""The servers of the demo, started in the order in which they need each other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from regobs import slo
from regobs.build import build_files, write_atomically
from regobs.catalog.model import Exposer
from regobs.common.programs import Supervisor, find_program
from regobs.config.model import Config
from regobs.demo import servers
from regobs.demo.alerts import WebhookReceiver, demo_routing
from regobs.demo.progress import Progress
from regobs.demo.shortened import rules_config, shorten_config, shorten_files, shorten_flags
from regobs.errors import MachineError
from regobs.pack import Pack, find_pack

ALERTMANAGER = "alertmanager/alertmanager.yaml"
SCRAPE = "prometheus/scrape.yaml"
RULES = "prometheus/rules"


@dataclass(frozen=True, slots=True)
class Built:
    """One build: what it was built from and where it lies; `files` by relative path."""

    directory: Path
    config: Config
    pack: Pack
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The servers that watch a registry, and the build that they run."""

    alertmanager: servers.LocalServer
    prometheus: servers.LocalServer
    built: Built


def build(
    directory: Path,
    config: Config,
    pack: Pack,
    change: Callable[[dict[str, bytes]], dict[str, bytes]] = dict,
    *,
    rule_tests: bool = True,
) -> Built:
    """Build a pack, `change` the files, write them into a directory."""
    files = change(build_files(config, pack, rule_tests=rule_tests))
    write_atomically(directory, files)
    return Built(directory, config, pack, files)


def announce_build(progress: Progress, directory: Path, config: Config) -> Built:
    """The first step: the bundled pack as a team would build it, in `production`, accepted by promtool."""
    progress.title("Build the pack")
    built = build(directory / "production", config, find_pack())
    progress.say(f"{len(built.files)} files for a {built.config.flavor} registry in {built.directory}")
    progress.say(f"promtool accepts {check_rules(built)}")
    return built


def start_stack(
    supervisor: Supervisor,
    receiver: WebhookReceiver,
    directory: Path,
    standard: Built,
    targets: tuple[str, ...],
    *,
    exporters: Mapping[Exposer, tuple[str, ...]] | None = None,
) -> RunningStack:
    """Start Alertmanager and Prometheus for `targets` and `exporters`, with the pack built for them, times shortened.

    Alertmanager gets the routing of the `standard` build: it does not depend on addresses, while the rest does.
    """
    routing = demo_routing(standard.files[ALERTMANAGER], receiver.url)
    alertmanager = servers.alertmanager(supervisor, routing)
    settings = replace(
        standard.config.prometheus,
        targets=targets,
        alertmanagers=(alertmanager.address,),
        exporters=exporters or {},
    )
    config = shorten_config(replace(standard.config, prometheus=settings))
    rules = slo.files(standard.pack, rules_config(config), tests=False)
    built = build(directory, config, standard.pack, lambda files: shorten_files({**files, **rules}), rule_tests=False)
    prometheus = servers.prometheus(supervisor, directory / SCRAPE, flags=shorten_flags())
    return RunningStack(alertmanager, prometheus, built)


def check_rules(built: Built) -> str:
    """What `promtool check rules` says of a build's rules, in one line; MachineError when it refuses one."""
    promtool = find_program("promtool", package="prometheus")
    files = sorted((built.directory / RULES).glob("*.yaml"))
    done = subprocess.run([promtool, "check", "rules", *files], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError("promtool refuses a generated rule file", value=(done.stdout + done.stderr).strip())
    found = sum(int(line.split()[1]) for line in done.stdout.splitlines() if line.strip().startswith("SUCCESS:"))
    return f"{found} rules in {len(files)} files"


def default_directory() -> Path:
    """Where the demo keeps what it builds when nobody says: the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "regobs" / "demo"


__all__ = ["Built", "RunningStack", "announce_build", "build", "check_rules", "default_directory", "start_stack"]
