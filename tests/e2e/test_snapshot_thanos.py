"""A snapshot of a real Thanos over two replicas: each sample once, and a store that is away is said on the page."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.simulate import Plan
from tests.e2e.conftest import require
from tests.e2e.simulated import STEP, backfill
from tests.peers import required_thanos, thanos_servers

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]

PODS, MINUTES = 2, 15
NOTHING = {"scrape_configs": [], "global": {"scrape_interval": f"{STEP}s"}}


@dataclass(frozen=True)
class World:
    """The same history in a Prometheus alone, and in two replicas behind Thanos; the moment at which it ends."""

    supervisor: Supervisor
    prometheus: str
    thanos: str
    sidecars: list[thanos_servers.Sidecar]
    end: float


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require("prometheus", package="prometheus")
    program, folder = required_thanos(), tmp_path_factory.mktemp("thanos")
    end = time.time()
    blocks = backfill(Plan(pods=PODS, rate=3, start=end - MINUTES * 60), MINUTES * 60, folder)
    with Supervisor() as supervisor:
        alone = servers.prometheus(supervisor, NOTHING, data=blocks)
        sidecars = []
        for name in ("a", "b"):
            data = shutil.copytree(blocks, folder / name, ignore=shutil.ignore_patterns("wal", "lock", "chunks_head"))
            sidecars.append(thanos_servers.replica(supervisor, program, name, NOTHING, data))
        query = thanos_servers.query(supervisor, program, sidecars)
        yield World(supervisor, alone.url, query.url, sidecars, end)


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser opens the page in test_snapshot_page.py; here nothing draws it."""
    monkeypatch.setattr("regobs.snapshot.page.bundle", str)


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def page(url: str, world: World, directory: Path) -> str:
    listed = json.dumps(sorted(Plan().capabilities or ()))
    settings = f'[registry]\nflavor = "gitlab"\ncapabilities = {listed}\n[prometheus]\nscrape_interval = "{STEP}s"\n'
    (directory / "regobs.toml").write_text(settings)
    out = directory / "s.html"
    times = ["--from", iso(world.end - MINUTES * 60 + 4 * STEP), "--to", iso(world.end - STEP)]
    chosen = ["--dashboard=application-detail", "--dashboard=storage-detail", "--dashboard=redis-detail"]
    config = ["--config", str(directory / "regobs.toml")]
    assert run(["snapshot", "--prometheus", url, *times, *chosen, *config, "--out", str(out)]) == 0
    return out.read_text(encoding="utf-8")


def panels(html: str) -> dict[str, str]:
    """What stands in each panel that has no chart, and of those with one that they have it."""
    found = re.findall(r"<article(.*?)<h3>(.*?)</h3>.*?<div class=\"body\">(.*?)</div></article>", html, re.DOTALL)
    return {title: "a chart" if "data-chart" in head else body for head, title, body in found}


def alike(one: str, other: str) -> bool:
    """Whether two panels say the same, numbers within 1 %.

    Thanos evaluates as Prometheus 3 does: its windows leave out a sample on their left edge, which Debian's takes in.
    """
    texts, numbers = ([re.split(r"(\d+(?:\.\d+)?)", text)[start::2] for text in (one, other)] for start in (0, 1))
    values = [[float(number) for number in found] for found in numbers]
    return texts[0] == texts[1] and values[0] == pytest.approx(values[1], rel=0.01)


def test_two_panels_are_alike_whose_numbers_differ_by_rounding_alone() -> None:
    assert alike('<b class="green">191 ms</b>', '<b class="green">192 ms</b>')
    assert not alike('<b class="green">191 ms</b>', '<b class="green">194 ms</b>')
    assert not alike('<b class="green">191 ms</b>', '<b class="green">191 s</b>')
    assert not alike("2 of 2", "2")


def test_a_page_from_thanos_is_that_of_one_prometheus(world: World, tmp_path: Path) -> None:
    of_thanos, of_prometheus = page(world.thanos, world, tmp_path), page(world.prometheus, world, tmp_path)
    there, expected = panels(of_thanos), panels(of_prometheus)
    assert there.keys() == expected.keys()
    assert {title: (body, expected[title]) for title, body in there.items() if not alike(body, expected[title])} == {}
    assert len(panels(of_thanos)) > 60
    assert f">{PODS}</b>" in panels(of_thanos)["Instances up"]  # not twice as many
    assert "The server warns" not in of_thanos
    assert 'class="failed"' not in of_thanos


def test_a_store_that_is_away_is_said_at_the_top(world: World, tmp_path: Path) -> None:
    world.supervisor.stop(world.sidecars[1].process)
    html = page(world.thanos, world, tmp_path)
    assert "The server warns" in html
    assert f">{PODS}</b>" in panels(html)["Instances up"]
