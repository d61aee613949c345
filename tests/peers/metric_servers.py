"""Servers that answer PromQL and that a Prometheus 3 writes to: VictoriaMetrics and Cortex."""

from __future__ import annotations

from pathlib import Path

import yaml

from regobs.common.programs import Supervisor, free_port

TENANT = "team-a"


def victoriametrics(supervisor: Supervisor, program: Path, flags: tuple[str, ...] = ()) -> str:
    """Start VictoriaMetrics; its URL. Fresh samples are shown at once."""
    url = f"http://127.0.0.1:{free_port()}"
    data = supervisor.directory / "victoriametrics"
    command: list[str | Path] = [
        *(program, f"-httpListenAddr={url.removeprefix('http://')}", f"-storageDataPath={data}"),
        *("-search.latencyOffset=0s", "-loggerLevel=ERROR", *flags),
    ]
    supervisor.wait_until_ready(supervisor.start("victoria-metrics", command), f"{url}/health")
    return url


def cortex(supervisor: Supervisor, program: Path, flags: tuple[str, ...] = ()) -> str:
    """Start Cortex, all parts in one process and with tenants; its URL. Samples go to /api/v1/push."""
    folder = supervisor.directory / "cortex"
    folder.mkdir()
    port = free_port()
    memory = {"kvstore": {"store": "inmemory"}}

    def store(name: str) -> dict[str, object]:
        return {"backend": "filesystem", "filesystem": {"dir": str(folder / name)}}

    settings = {
        "target": "all",
        "auth_enabled": True,
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": port,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": free_port(),
        },
        "ingester": {
            "lifecycler": {
                "address": "127.0.0.1",
                "min_ready_duration": "0s",
                "final_sleep": "0s",
                "ring": {**memory, "replication_factor": 1},
            }
        },
        "compactor": {"data_dir": str(folder / "compactor"), "sharding_ring": memory},
        "store_gateway": {"sharding_ring": memory},
        "blocks_storage": {
            **store("blocks"),
            "tsdb": {"dir": str(folder / "tsdb")},
            "bucket_store": {"sync_dir": str(folder / "sync")},
        },
        "ruler": {"enable_api": True, "rule_path": str(folder / "rules"), "ring": memory},
        "ruler_storage": store("ruler"),
        "alertmanager": {
            "enable_api": True,
            "external_url": f"http://127.0.0.1:{port}/alertmanager",
            "data_dir": str(folder / "alertmanager"),
            "cluster": {"listen_address": ""},
        },
        "alertmanager_storage": store("alerts"),
    }
    file = folder / "cortex.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    process = supervisor.start("cortex", [program, f"-config.file={file}", "-log.level=warn", *flags])
    url = f"http://127.0.0.1:{port}"
    supervisor.wait_until_ready(process, f"{url}/ready")
    return url
