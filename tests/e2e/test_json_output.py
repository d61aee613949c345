"""Every command that writes JSON writes what docs/json-reference.md says: a real Prometheus, real log lines."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from regobs.cli.main import run
from regobs.common.programs import Supervisor, free_port
from tests.cli.test_json_output import commands_with_json
from tests.e2e.conftest import require
from tests.e2e.exposition_server import ExpositionServer, read_exposition
from tests.e2e.test_doctor_live import GITLAB, SAMPLE, start
from tests.prometheus.stub import Stub, success, vector

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SCHEMA = json.loads((ROOT / "docs" / "json-reference.schema.json").read_text(encoding="utf-8"))
LOG = DATA / "gitlab-registry-part.log.jsonl.gz"
pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("inside")]

SETTINGS = """
context = "here"
[contexts.here]
url = "{url}"
[contexts.thanos]
url = "{stores}"
[queries.codes]
expr = 'sum by (code) (rate(registry_http_requests_total{{route=~"$route"}}[$window]))'
defaults = {{ window = "5s" }}
[registry]
version = "4.32.0"
capabilities = {capabilities}
[prometheus]
scrape_interval = "500ms"
evaluation_interval = "500ms"
[deploy.rules]
kind = "rules"
directory = "rules"
context = "here"
"""
RUN = "sum by (route) (rate(registry_http_requests_total[5s]))"
BEFORE, AFTER = "2026-11-23T11:00Z..2026-11-23T11:11:20Z", "2026-11-23T11:11:20Z..2026-11-23T12:01Z"
# Each command as it is used, in ways whose answers differ; without --format json, which the test adds.
USES: dict[str, list[list[str]]] = {
    "init": [["--out", "fresh.toml", str(DATA / "docker-registry-2.8.2.prom.gz")], ["--update"]],
    "status": [[]],
    "doctor": [["--dashboard", "overview"], ["--failing-only"]],
    "catalog list": [[], ["--flavor", "distribution"]],
    "catalog export": [[]],
    "catalog show": [["registry_http_requests_total"], ["registry_storage_action_seconds"]],
    "catalog check": [[str(SAMPLE)], ["--flavor", "distribution", str(SAMPLE)]],
    "dashboards list": [[]],
    "dashboards show": [["overview"], ["pgbouncer-detail"]],
    "build": [
        ["--out", "old", "--config", "old.toml"],
        ["--check", "--out", "old", "--config", "new.toml"],
        ["--against", "old", "--config", "new.toml"],
    ],
    "snapshot": [["--dashboard", "overview", "--from", "-1m", "--out", "page.html"]],
    "dashboards diff": [["old", "new"], ["old", "old"]],
    "lint": [["bad.rules.yaml"], ["old/prometheus/rules"]],
    "query expr": [[RUN], ["up", "--range", "1m"], ["1"], ["absent_metric"]],
    "query ask": [["top-routes"], ["saturation"]],
    "query runbook": [["RegistryDown"]],
    "query alert": [["RegistryDown"]],
    "query slo": [["pull-manifest-availability"]],
    "query panel": [[], ["overview", "Requests, 5 min"], ["overview", "Requests, 5 min", "--run"]],
    "query why": [['registry_http_requests_total{code="999"}'], ["up"]],
    "query explain": [[RUN]],
    "query series": [["up"]],
    "query labels": [["up"]],
    "query values": [["job"]],
    "query metadata": [["registry_http"]],
    "query rules": [["slo"]],
    "query alerts": [[]],
    "query targets": [[]],
    "query exemplars": [["up"]],
    "query stores": [["--context", "thanos"]],
    "query saved": [[]],
    "context list": [[]],
    "context test": [[], ["here"]],
    "slo status": [[]],
    "slo policy": [["--least", "20%"]],
    "slo explain": [["pull-manifest-availability"]],
    "slo report": [["--range", "1m"]],
    "slo backtest": [["--range", "1m"]],
    "incident": [["--from", "now-30s"]],  # longer than the 15 s between two of its values
    "deploy plan": [[]],
    "deploy status": [[]],
    "deploy verify": [[]],
    "logs link": [["errors-by-code", "--kibana", "https://kibana.example.com"]],
    "logs validate": [[str(LOG)], ["broken.log"]],
    "logs run": [["errors-by-code", str(LOG)], ["requests-over-time", str(LOG)]],
    "logs query": [["level: error", str(LOG)], ["level: info", "--by", "level", str(LOG)]],
    "logs trace": [["01M841M6NE1MRMFKARRBFCR0GB", str(LOG)]],
    "logs tail": [["plain.log", "--once"]],
    "logs diff": [
        [
            "--before",
            "2026-11-23T11:00Z..2026-11-23T11:11:20Z",
            "--after",
            "2026-11-23T11:11:20Z..2026-11-23T12:01Z",
            str(LOG),
        ]
    ],
    "logs diff-schema": [["a.schema.json", "b.schema.json"]],
}


# Those that need a world of their own: tests/cli/test_deploy.py and tests/simulate/test_control.py judge their answers.
ELSEWHERE = {"deploy apply", "deploy rollback", "simulate state"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    require("prometheus", package="prometheus")
    found = Path(tmp_path_factory.mktemp("json"))
    stores = {
        "/api/v1/stores": success({"sidecar": [{"name": "a", "lastError": "EOF", "minTime": 0}]}),
        "/api/v1/query": vector(({}, "1")),
        "/api/v1/status/buildinfo": success({"version": "0.42.0"}),
    }
    with Supervisor() as supervisor, ExpositionServer(read_exposition(SAMPLE)) as registry, Stub(stores) as thanos:
        world = start(supervisor, GITLAB, {"registry": registry.address, "stopped": f"127.0.0.1:{free_port()}"})
        capabilities = json.dumps(sorted(GITLAB.capabilities))
        (found / "regobs.toml").write_text(SETTINGS.format(url=world.url, stores=thanos.url, capabilities=capabilities))
        _files(found)
        time.sleep(5)  # a few scrapes and evaluations; what is not there yet is null in the answers
        yield found


def _files(folder: Path) -> None:
    """What the commands are given beside the server: two builds, a rule file and log lines with a fault, schemas."""
    for name, settings in (("old", 'version = "4.20.0"'), ("new", 'version = "4.32.0"')):
        file = folder / f"{name}.toml"
        file.write_text(f"[registry]\n{settings}\n")
        assert run(["build", "--config", str(file), "--out", str(folder / name)]) == 0
    rule = {"record": "a", "expr": "sum(rate(registry_http_in_flight_requests[5m]))"}
    (folder / "bad.rules.yaml").write_text(json.dumps({"groups": [{"name": "a", "rules": [rule]}]}))
    (folder / "broken.log").write_text('{"level": 7}\nno json\n{"msg": "a", "new": 1}\n')
    lines = gzip.decompress(LOG.read_bytes()).decode().splitlines()
    (folder / "plain.log").write_text("\n".join(lines[:5]) + "\n")
    for name, kind in (("a", "string"), ("b", "integer")):
        schema = {"type": "object", "properties": {"x": {"type": kind}}}
        (folder / f"{name}.schema.json").write_text(json.dumps(schema))


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_every_command_that_writes_json_is_tried() -> None:
    assert sorted([*USES, *ELSEWHERE]) == sorted(commands_with_json())


def answers(text: str) -> list[Any]:
    """The documents of an output: one, or one a line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", USES)
def test_the_answer_is_what_the_schema_says(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    judge = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{command.replace(' ', '_')}", "$defs": SCHEMA["$defs"]})
    for use in USES[command]:
        capsys.readouterr()
        code = run([*command.split(), *use, "--format", "json"])
        out, err = capsys.readouterr()
        assert code in {0, 1, 5}, err
        for answer in answers(out):
            errors = [f"{error.json_path}: {error.message[:200]}" for error in judge.iter_errors(answer)]
            assert errors == [], use
