"""Thanos before Prometheus servers: a sidecar beside each, and one query that asks them all."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from regobs.common.programs import Process, Supervisor, free_port
from regobs.demo import servers
from regobs.demo.servers import LocalServer
from regobs.errors import MachineError

REPLICA = "replica"  # the external label that tells servers with the same data apart
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar; `address` is host and port of its gRPC server."""

    process: Process
    address: str


def replica(supervisor: Supervisor, program: Path, name: str, config: Mapping[str, Any], data: Path) -> Sidecar:
    """Start a Prometheus that calls itself the replica `name`, and its sidecar."""
    labels = {"external_labels": {REPLICA: name, "cluster": "test"}}
    settings = {**config, "global": {**config.get("global", {}), **labels}}
    prometheus = servers.prometheus(supervisor, settings, data=data)
    grpc, http = free_port(), free_port()
    command: list[str | Path] = [
        *(program, "sidecar", f"--tsdb.path={data}", f"--prometheus.url={prometheus.url}"),
        *(f"--grpc-address=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{http}", "--log.level=warn"),
    ]
    process = supervisor.start(f"sidecar-{name}", command)
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{http}/-/ready")
    return Sidecar(process, f"127.0.0.1:{grpc}")


def store_gateway(supervisor: Supervisor, program: Path, blocks: Sequence[Path], directory: Path) -> Sidecar:
    """Start a Store Gateway over blocks of Prometheus, which have more than 40 h: each is downsampled to 5 minutes."""
    bucket = directory / "bucket"
    for block in blocks:
        shutil.copytree(block, bucket / block.name)
        meta = json.loads((block / "meta.json").read_text())
        meta["thanos"] = {"labels": {"cluster": "test"}, "downsample": {"resolution": 0}, "source": "sidecar"}
        (bucket / block.name / "meta.json").write_text(json.dumps(meta))
    config = f"--objstore.config={json.dumps({'type': 'FILESYSTEM', 'config': {'directory': str(bucket)}})}"
    command: list[str | Path] = [
        *(program, "tools", "bucket", "downsample", config, f"--data-dir={directory}/work", "--log.level=warn"),
        f"--http-address=127.0.0.1:{free_port()}",
    ]
    process = supervisor.start("downsample", command)  # it stays, and looks for more
    deadline = time.monotonic() + _SECONDS
    while len(list(bucket.glob("*/meta.json"))) < 2 * len(blocks):
        process.check()
        if time.monotonic() > deadline:
            raise MachineError("Thanos does not downsample its blocks", value=process.tail())
        time.sleep(0.2)
    supervisor.stop(process)
    grpc, http = free_port(), free_port()
    command = [
        *(program, "store", config, f"--data-dir={directory}/store", "--log.level=warn"),
        *(f"--grpc-address=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{http}"),
    ]
    process = supervisor.start("store-gateway", command)
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{http}/-/ready")
    return Sidecar(process, f"127.0.0.1:{grpc}")


def query(
    supervisor: Supervisor,
    program: Path,
    sidecars: Sequence[Sidecar],
    kind: str = "sidecar",
    flags: Sequence[str] = (),
) -> LocalServer:
    """Start a Thanos Query over stores of a kind; returns once it knows them all, since it looks for them slowly."""
    grpc, http = free_port(), free_port()
    url = f"http://127.0.0.1:{http}"
    command: list[str | Path] = [
        *(program, "query", f"--query.replica-label={REPLICA}", "--log.level=warn"),
        *(f"--grpc-address=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{http}"),
        *(f"--endpoint={one.address}" for one in sidecars),
        *flags,
    ]
    process = supervisor.start("thanos-query", command)
    supervisor.wait_until_ready(process, f"{url}/-/ready")
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        process.check()
        stores = requests.get(f"{url}/api/v1/stores", timeout=5).json()["data"].get(kind) or []
        if {store["name"] for store in stores if not store["lastError"]} >= {one.address for one in sidecars}:
            return LocalServer(process, url, supervisor.directory, supervisor.directory)
        time.sleep(0.2)
    raise MachineError("Thanos Query does not see its sidecars", value=process.tail())
