"""A VictoriaLogs on a free port of this machine, and lines in it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import requests

from regobs.common.programs import Supervisor, free_port

_SHIPPED = {"_msg_field": "msg", "_time_field": "time", "_stream_fields": "service"}


def victorialogs(supervisor: Supervisor, program: Path) -> str:
    """Start it; its URL. Lines of any time within ten years are kept."""
    url = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        *(program, f"-httpListenAddr={url.removeprefix('http://')}"),
        *(f"-storageDataPath={supervisor.directory / 'victorialogs'}", "-loggerLevel=ERROR"),
        *("-retentionPeriod=10y", "-futureRetention=10y"),
    ]
    supervisor.wait_until_ready(supervisor.start("victoria-logs", command), f"{url}/health")
    return url


def ship(url: str, lines: Iterable[str]) -> None:
    """Ingest JSON lines as a shipper does, and wait until queries see them."""
    body = "\n".join(lines).encode()
    kind = {"Content-Type": "application/stream+json"}  # without it the body is read as a form, and no line is kept
    requests.post(f"{url}/insert/jsonline", params=_SHIPPED, data=body, headers=kind, timeout=60).raise_for_status()
    requests.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        counted = requests.post(f"{url}/select/logsql/query", data={"query": "* | stats count() as n"}, timeout=60)
        if int(counted.json()["n"]) == body.count(b"\n") + 1:
            return
        time.sleep(0.2)
    raise AssertionError("VictoriaLogs does not show every line that it took")
