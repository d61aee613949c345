"""The servers of the demo, started in the order in which they need each other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from regobs.build import build_files, write_atomically
from regobs.catalog.model import Capability, Flavor, Version
from regobs.config.model import Config
from regobs.demo import servers
from regobs.demo.alerts import demo_routing
from regobs.demo.processes import Supervisor, find_program
from regobs.demo.receiver import Receiver
from regobs.demo.shortened import shorten_config, shorten_files, shorten_flags
from regobs.errors import MachineError
from regobs.pack import Pack, find_pack

ALERTMANAGER = "alertmanager/alertmanager.yaml"
SCRAPE = "prometheus/scrape.yaml"
RULES = "prometheus/rules"

# What Debian's docker-registry is; its packaged configuration has the descriptor cache on.
PRODUCTION = Config(
    flavor=Flavor.DISTRIBUTION, version=Version(2, 8, 2), capabilities=frozenset({Capability.DESCRIPTOR_CACHE})
)


@dataclass(frozen=True, slots=True)
class Built:
    """One build: what it was built from and where it lies; `files` by relative path."""

    directory: Path
    config: Config
    pack: Pack
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    registry: servers.RegistryServer
    alertmanager: servers.Server
    prometheus: servers.Server
    built: Built


def build(
    directory: Path, config: Config, pack: Pack, change: Callable[[dict[str, bytes]], dict[str, bytes]] = dict
) -> Built:
    """Build a pack, `change` the files, write them into a directory."""
    files = change(build_files(config, pack))
    write_atomically(directory, files)
    return Built(directory, config, pack, files)


def production(directory: Path) -> Built:
    """The bundled pack as a team would build it."""
    return build(directory, PRODUCTION, find_pack())


def raise_curtain(
    supervisor: Supervisor, receiver: Receiver, directory: Path, standard: Built, *, disk: int, small_disk: bool
) -> Stage:
    """Start registry, Alertmanager and Prometheus; the latter with the pack built for them, its windows shortened.

    Alertmanager gets the routing of the `standard` build: it does not depend on addresses, while the rest does.
    """
    registry = servers.docker_registry(supervisor, small_disk_bytes=disk if small_disk else None)
    routing = demo_routing(standard.files[ALERTMANAGER], receiver.url)
    alertmanager = servers.alertmanager(supervisor, routing)
    settings = replace(
        standard.config.prometheus,
        targets=(registry.debug_address,),
        alertmanagers=(alertmanager.address,),
    )
    config = shorten_config(replace(standard.config, prometheus=settings))
    built = build(directory, config, standard.pack, shorten_files)
    prometheus = servers.prometheus(supervisor, directory / SCRAPE, flags=shorten_flags())
    return Stage(registry, alertmanager, prometheus, built)


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


__all__ = ["Built", "Stage", "build", "check_rules", "default_directory", "production", "raise_curtain"]
