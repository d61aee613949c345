"""A real Prometheus keeps the exemplars that OpenMetrics shows, and `regobs query exemplars` lists them."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest

from regobs.catalog import storage
from regobs.cli.main import run
from regobs.documents.json_output import json_schema
from regobs.instrument import Instruments, MetricsServer, MetricsWSGI
from tests.e2e.conftest import PrometheusFactory
from tests.peers import required_prometheus3

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("major", ["2", pytest.param("3", marks=pytest.mark.peer)])
def test_prometheus_finds_the_trace_of_a_slow_action(
    major: str, prometheus_server: PrometheusFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    instruments = Instruments("gitlab", exemplars=lambda: TRACE)
    instruments.histogram(storage.ACTIONS).child(driver="filesystem", action="Stat").observe(7)
    server = MetricsServer(MetricsWSGI(instruments), "127.0.0.1", 0)
    job = {"job_name": "registry", "static_configs": [{"targets": [server.address]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    program = {"program": required_prometheus3()} if major == "3" else {}
    prometheus = prometheus_server(config, flags=("--enable-feature=exemplar-storage",), **program)
    command = ["query", "exemplars", f"{storage.ACTIONS.name}_bucket", "--to", "now+2m", "--format", "json"]
    deadline = time.monotonic() + 120
    found: list[Any] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.5)
        assert run([*command, "--range", "1h", "--prometheus", prometheus.url]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        found = json.loads(out)
    server.stop()
    assert [(one["labels"], one["value"]) for one in found] == [({"trace_id": TRACE}, 7.0)]
    assert found[0]["series"]["le"] == "10.0"
    jsonschema.validate(found, {"$ref": "#/$defs/query_exemplars", "$defs": json_schema()["$defs"]})
