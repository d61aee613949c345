"""The real servers of the demo and the tests: each on 127.0.0.1, on free ports, with an empty directory of its own."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

import regobs
from regobs.common.programs import Process, SmallDisk, Supervisor, find_program, free_port, free_ports
from regobs.errors import MachineError

_ATTEMPTS = 3  # another program may take a free port before the server does
_numbers = itertools.count(1)
_SAME_REGOBS = {"PYTHONPATH": str(Path(regobs.__file__).parents[1])}  # for its own programs, wherever ours came from
# Prometheus holds little here, so it need not look for what it could free whenever that has doubled.
_FEW_COLLECTIONS = {"GOGC": "400"}
_ServerT = TypeVar("_ServerT", bound="LocalServer")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server; `url` has no slash at its end, `directory` is its own, `config` its configuration file."""

    process: Process
    url: str
    directory: Path
    config: Path

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def log(self) -> Path:
        """The file that holds its output."""
        return self.process.log

    @property
    def address(self) -> str:
        """Host and port, as a scrape target."""
        return self.url.removeprefix("http://")


@dataclass(frozen=True, slots=True)
class RegistryServer(LocalServer):
    """A docker-registry; `debug_url` serves /metrics, `storage` is the root of its filesystem driver.

    With a small disk that directory is empty as we see it; `storage_seen` is the way into what the process sees.
    """

    debug_url: str
    storage: Path
    small_disk: SmallDisk | None

    @property
    def debug_address(self) -> str:
        """Host and port of the debug server: the scrape target."""
        return self.debug_url.removeprefix("http://")

    @property
    def storage_seen(self) -> Path:
        """The storage root as the process sees it, reachable from here."""
        return Path(f"/proc/{self.pid}/root{self.storage}") if self.small_disk else self.storage


def docker_registry(
    supervisor: Supervisor, *, changes: Mapping[str, Any] | None = None, small_disk_bytes: int | None = None
) -> RegistryServer:
    """Start Debian's docker-registry (CNCF Distribution 2.8) with a filesystem store.

    `changes` replaces top-level sections of the configuration; `small_disk_bytes` puts the store on a tmpfs of that
    size.

    `health.storagedriver` is off on purpose: when that check fails the registry answers every request with 503 in front
    of its own metrics (registry/handlers/app.go wraps the router), so the fault would be invisible in its request
    counter. Without it a request that meets the broken storage ends as a counted 500.
    """
    program = find_program("docker-registry", "registry", package="docker-registry")

    def start(directory: Path) -> RegistryServer:
        port, debug_port = free_port(), free_port()
        storage = directory / "storage"
        storage.mkdir()
        debug = {"addr": f"127.0.0.1:{debug_port}", "prometheus": {"enabled": True}}
        cache = {"blobdescriptor": "inmemory"}  # as in Debian's /etc/docker/registry/config.yml
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info", "formatter": "json", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(storage)}, "cache": cache, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{port}", "debug": debug},
            "health": {"storagedriver": {"enabled": False}},
        }
        config = _write(directory / "config.yml", settings | dict(changes or {}))
        disk = SmallDisk(storage, small_disk_bytes) if small_disk_bytes else None
        process = supervisor.start("docker-registry", [program, "serve", config], small_disk=disk)
        url, debug_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{debug_port}"
        supervisor.wait_until_ready(process, f"{debug_url}/metrics")
        supervisor.wait_until_ready(process, f"{url}/v2/")
        return RegistryServer(process, url, directory, config, debug_url, storage, disk)

    return _with_ports(supervisor, "docker-registry", start)


def exporter(supervisor: Supervisor, name: str, *words: str | Path) -> LocalServer:
    """Start `regobs export NAME` with more of its words. It has no configuration file: `config` is its directory."""

    def start(directory: Path) -> LocalServer:
        port = free_port()
        command = [sys.executable, "-m", "regobs", "export", name, *words, "--listen", f"127.0.0.1:{port}"]
        process = supervisor.start(f"export-{name}", command, environment=_SAME_REGOBS)
        url = f"http://127.0.0.1:{port}"
        supervisor.wait_until_ready(process, f"{url}/-/ready")
        return LocalServer(process, url, directory, directory)

    return _with_ports(supervisor, f"export-{name}", start)


@dataclass(frozen=True, slots=True)
class FleetServer(LocalServer):
    """A simulated fleet in a process of its own; `url` is its control endpoint, `targets` host and port of each pod.

    It has no configuration file: `config` is its directory.
    """

    targets: tuple[str, ...]


def fleet(supervisor: Supervisor, *options: str, pods: int) -> FleetServer:
    """Start `regobs simulate` with more of its options."""

    def start(directory: Path) -> FleetServer:
        first, control = free_ports(pods), free_port()
        ports = [f"--pods={pods}", f"--port={first}", f"--control={control}"]
        command = [sys.executable, "-m", "regobs", "simulate", *ports, *options]
        process = supervisor.start("fleet", command, environment=_SAME_REGOBS)
        url = f"http://127.0.0.1:{control}"
        supervisor.wait_until_ready(process, url)
        targets = tuple(f"127.0.0.1:{first + number}" for number in range(pods))
        return FleetServer(process, url, directory, directory, targets)

    return _with_ports(supervisor, "fleet", start)


def prometheus(
    supervisor: Supervisor,
    config: Mapping[str, Any] | Path,
    *,
    program: Path | None = None,
    retention: str = "15d",
    data: Path | None = None,
    flags: tuple[str, ...] = (),
) -> LocalServer:
    """Start Prometheus with a configuration: a file, or its content as plain data (then no relative path holds).

    `program` is another Prometheus than the distribution's, `data` a directory with blocks to serve.
    """
    program = program or find_program("prometheus", package="prometheus")

    def start(directory: Path) -> LocalServer:
        file = config if isinstance(config, Path) else _write(directory / "prometheus.yml", config)
        port = free_port()
        command: list[str | Path] = [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={data or directory / 'data'}",
            f"--storage.tsdb.retention.time={retention}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *flags,
        ]
        process = supervisor.start("prometheus", command, environment=_FEW_COLLECTIONS)
        url = f"http://127.0.0.1:{port}"
        supervisor.wait_until_ready(process, f"{url}/-/ready")
        return LocalServer(process, url, directory, file)

    return _with_ports(supervisor, "prometheus", start)


def alertmanager(supervisor: Supervisor, config: Mapping[str, Any] | Path) -> LocalServer:
    """Start Alertmanager, alone: an empty cluster address keeps it from opening a gossip port."""
    program = find_program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")

    def start(directory: Path) -> LocalServer:
        file = config if isinstance(config, Path) else _write(directory / "alertmanager.yml", config)
        port = free_port()
        command: list[str | Path] = [
            program,
            f"--config.file={file}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        process = supervisor.start("prometheus-alertmanager", command)
        url = f"http://127.0.0.1:{port}"
        supervisor.wait_until_ready(process, f"{url}/-/ready")
        return LocalServer(process, url, directory, file)

    return _with_ports(supervisor, "alertmanager", start)


def _with_ports(supervisor: Supervisor, name: str, start: Callable[[Path], _ServerT]) -> _ServerT:
    """Start a server in a new directory; try other ports when one was taken meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        directory = supervisor.directory / f"{name}.{next(_numbers)}"
        directory.mkdir()
        try:
            return start(directory)
        except MachineError as error:
            if attempt == _ATTEMPTS or "address already in use" not in str(error).lower():
                raise
    raise AssertionError("unreachable")


def _write(path: Path, data: Mapping[str, Any]) -> Path:
    # Through JSON: plain types only, no YAML anchors.
    path.write_text(yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False), encoding="utf-8")
    return path
