"""Snapshots of a real Prometheus: what the command writes, and what is left when the server goes away."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from regobs import grafana
from regobs.catalog.model import Capability, Flavor
from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.config.model import Config
from regobs.errors import ServerError
from regobs.grafana.outputs import Dashboards
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.snapshot.span import span_of
from regobs.snapshot.take import THREADS, take
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.exposition_server import ExpositionServer, read_exposition
from tests.e2e.test_panels_live import SAMPLE, scraping, settle

pytestmark = pytest.mark.server
CAPABILITIES = (Capability.METADATA_DATABASE, Capability.DATABASE_METRICS, Capability.REDIS)
CHOSEN = ("database-detail", "application-detail")


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser opens the page in test_snapshot_page.py; here nothing draws it."""
    monkeypatch.setattr("regobs.snapshot.page.bundle", str)


def test_the_panels_of_a_real_server_have_what_it_answers(
    prometheus_server: PrometheusFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = json.dumps([str(one) for one in CAPABILITIES])
    settings = (
        f'[registry]\nflavor = "{Flavor.GITLAB}"\ncapabilities = {listed}\n[prometheus]\nscrape_interval = "1s"\n'
    )
    (tmp_path / "regobs.toml").write_text(settings)
    with ExpositionServer(read_exposition(SAMPLE)) as target:
        server = prometheus_server(scraping(target.address))
        settle(server.url)
        out, png = tmp_path / "s.html", tmp_path / "png"
        command = ["snapshot", "--prometheus", server.url, "--config", str(tmp_path / "regobs.toml"), "--out", str(out)]
        command += ["--from", "-10s", "--png", str(png), *(f"--dashboard={name}" for name in CHOSEN)]
        assert run(command) == 0, capsys.readouterr()
    page = out.read_text(encoding="utf-8")
    panels = page.count("<article")
    assert panels > 40
    assert page.count('data-chart="') > 30
    assert page.count('class="failed"') == 0
    silent = re.findall(r"<h3>([^<]*)</h3>(?:(?!<article).)*?class=\"empty\"", page)
    assert len(silent) < panels / 4, silent  # what the recorded scrape does not have
    for name in CHOSEN:
        assert (png / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_server_that_is_stopped_in_the_middle_is_one_error(
    prometheus_server: PrometheusFactory, supervisor: Supervisor
) -> None:
    server = prometheus_server({"scrape_configs": []})
    config = Config(capabilities=frozenset(CAPABILITIES))
    bound = Dashboards.of(find_pack(), config).bound
    whole = len(grafana.panel_queries(find_pack(), config))
    answered = []

    def stop(done: int, of: int) -> None:
        answered.append(done)
        if done == THREADS:
            supervisor.stop(server.process)
        assert of <= whole

    now = time.time()
    with Prometheus(server.url) as prometheus, pytest.raises(ServerError) as caught:
        take(prometheus, bound, config, span_of(now - 3600, now, 15), stop)
    # A server that shuts down says 503 to some before it is gone.
    assert re.fullmatch(rf"{server.url} (cannot be reached|is not ready, .*)", caught.value.message)
    assert THREADS <= len(answered) < THREADS * 4
