"""`regobs query` on a real Thanos over two replicas: deduplication, what is said of a replica that is away, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.e2e import test_snapshot_thanos
from tests.e2e.example_registry import within
from tests.e2e.simulated import STEP
from tests.e2e.test_snapshot_thanos import PODS, World
from tests.peers import required_thanos, thanos_servers

world = test_snapshot_thanos.world  # its fixture: two replicas behind a Thanos

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]

UP = "process_start_time_seconds"
REQUESTS = "sum(rate(registry_http_requests_total[2m]))"
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def query(capsys: Output, world: World, *arguments: str, url: str = "") -> tuple[int, str, str]:
    at = ["--at", str(world.end - 2 * STEP)] if "--range" not in arguments else ["--to", str(world.end - 2 * STEP)]
    code = run(["query", *arguments, *at, "--prometheus", url or world.thanos])
    out, err = capsys.readouterr()
    return code, out, err


def values(out: str) -> list[float]:
    return [entry["value"] for entry in json.loads(out)["result"]]


def test_replicas_are_one_or_each_for_itself(capsys: Output, world: World) -> None:
    code, one, err = query(capsys, world, UP, "--format", "json")
    assert (code, err, len(values(one))) == (ExitCode.OK, "", PODS)
    code, each, _ = query(capsys, world, UP, "--no-dedup", "--format", "json")
    assert (code, len(values(each))) == (ExitCode.OK, 2 * PODS)
    assert {entry["labels"]["replica"] for entry in json.loads(each)["result"]} == {"a", "b"}
    assert values(query(capsys, world, REQUESTS, "--no-dedup", "--format", "json")[1])[0] == pytest.approx(
        2 * values(query(capsys, world, REQUESTS, "--format", "json")[1])[0]
    )


def test_a_range_is_that_of_a_prometheus_alone(capsys: Output, world: World) -> None:
    asked = ["sum(registry_http_requests_total)", "--range", "8m", "--step", "30s", "--format", "json"]
    code, there, _ = query(capsys, world, *asked)
    assert code == ExitCode.OK
    alone = json.loads(query(capsys, world, *asked, url=world.prometheus)[1])["result"][0]["points"]
    assert json.loads(there)["result"][0]["points"] == [pytest.approx(point) for point in alone]


def test_samples_that_may_be_downsampled_are_said(capsys: Output, world: World) -> None:
    code, out, err = query(capsys, world, REQUESTS, "--max-source-resolution", "5m", "--format", "json")
    assert (code, json.loads(out)["complete"]) == (ExitCode.INCOMPLETE, False)
    assert err.startswith("DOWNSAMPLED: ")


def stores(capsys: Output, url: str) -> tuple[int, list[tuple[str, str]]]:
    code = run(["query", "stores", "--prometheus", url, "--format", "json"])
    return code, [(one["kind"], one["state"]) for one in json.loads(capsys.readouterr().out)]


def test_the_stores_behind_it_are_listed_and_prometheus_has_none(capsys: Output, world: World) -> None:
    code, found = stores(capsys, world.thanos)
    assert (code, {state for _, state in found}) == (ExitCode.OK, {"answers"})
    assert [kind for kind, _ in found].count("sidecar") == 2
    assert run(["query", "stores", "--prometheus", world.prometheus]) == ExitCode.SERVER
    assert "does not offer /api/v1/stores" in capsys.readouterr().err


def test_explain_shows_how_its_engine_evaluates_and_which_stores_it_asks(capsys: Output, world: World) -> None:
    code, out, err = query(capsys, world, "explain", REQUESTS, "--format", "json")
    assert (code, err) == (ExitCode.OK, "")
    operators = json.loads(out)[0]["analysis"]
    assert max(one["samples"] for one in operators) > 0
    asked = {store["address"]: store["series"] for one in operators for store in one["stores"]}
    assert set(asked) == {sidecar.address for sidecar in world.sidecars}
    assert min(asked.values()) > 0
    assert "operator of Thanos" in query(capsys, world, "explain", REQUESTS)[1]
    plain = query(capsys, world, "explain", REQUESTS, url=world.prometheus)[1]
    assert "operator of Thanos" not in plain


def test_a_replica_that_is_away_makes_an_answer_partial_or_an_error(
    capsys: Output, world: World, tmp_path: Path
) -> None:
    """The replica stays away."""
    world.supervisor.stop(world.sidecars[1].process)
    code, out, err = query(capsys, world, UP, "--format", "json")
    assert (code, json.loads(out)["complete"], len(values(out))) == (ExitCode.INCOMPLETE, False, PODS)
    assert "PARTIAL: " in err
    code, out, err = query(capsys, world, UP, "--no-partial-response")
    assert (code, out) == (ExitCode.SERVER, "")
    # It asks its stores how they are every few seconds.
    within(60, lambda: stores(capsys, world.thanos)[0] == ExitCode.INCOMPLETE)
    assert stores(capsys, world.thanos)[1][0] == ("sidecar", "away")
    (tmp_path / "regobs.toml").write_text(f'[contexts.a]\nurl = "{world.thanos}"\n', encoding="utf-8")
    assert run(["context", "test", "--config", str(tmp_path / "regobs.toml")]) == ExitCode.INCOMPLETE
    assert "in part" in capsys.readouterr().out


def test_a_store_that_thanos_has_forgotten_makes_an_answer_partial(
    capsys: Output, world: World, tmp_path: Path
) -> None:
    """The last test of the file: the other replica stays away too."""
    sidecar = world.sidecars[0]
    flags = ("--store.unhealthy-timeout=1s",)
    url = thanos_servers.query(world.supervisor, required_thanos(), [sidecar], flags=flags).url
    (tmp_path / "regobs.toml").write_text(f'[contexts.a]\nurl = "{url}"\nstores = 2\n', encoding="utf-8")
    assert query(capsys, world, UP, url=url)[::2] == (ExitCode.OK, "")
    code = run(["query", UP, "--at", str(world.end - 2 * STEP), "--context", "a"])
    assert (code, "1 of the 2 that the context expects" in capsys.readouterr().err) == (ExitCode.INCOMPLETE, True)
    assert run(["query", "stores", "--context", "a"]) == ExitCode.INCOMPLETE
    capsys.readouterr()
    world.supervisor.stop(sidecar.process)
    within(90, lambda: requests.get(f"{url}/api/v1/stores", timeout=5).json()["data"] in ({}, {"sidecar": []}))
    code, out, err = query(capsys, world, UP, url=url)
    assert (code, out.strip(), "PARTIAL: " in err) == (ExitCode.INCOMPLETE, "no data", True)
    assert stores(capsys, url) == (ExitCode.INCOMPLETE, [("store", "away")])
