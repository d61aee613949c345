"""The served fleet and its command: addresses, content types, pods that are away, an end that leaves nothing."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import MachineError
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.serve import FleetServing


def fleet(*faults: str) -> Fleet:
    return Fleet(Plan(pods=2, start=1_795_000_000.0, warm=30, faults=Schedule(map(Fault.parse, faults))))


def get(address: str, path: str = "/metrics", accept: str = "") -> tuple[str, str]:
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 (our own server)
        return answer.headers["Content-Type"], answer.read().decode()


def test_each_pod_has_an_address_and_time_goes_on() -> None:
    with FleetServing(fleet(), speed=100) as served:
        start = served.fleet.time
        served.wait(0.5)
        kind, text = get(served.addresses[0])
        other = get(served.addresses[1])[1]
        assert served.fleet.time > start + 20
    assert kind.startswith("text/plain; version=0.0.4")
    assert "registry_http_requests_total{" in text
    assert text != other


def test_openmetrics_is_given_to_who_asks_for_it_and_other_paths_are_not_found() -> None:
    with FleetServing(fleet()) as served:
        kind, text = get(served.addresses[0], accept="application/openmetrics-text; version=1.0.0")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(served.addresses[0], "/")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_a_pod_that_is_away_answers_nothing() -> None:
    made = fleet("crash-loop@0+10m")
    made.advance(45)
    made.advance(1)
    assert not made.pods[1].up
    with FleetServing(made, speed=0.01) as served:
        assert get(served.addresses[0])[1]
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            get(served.addresses[1])


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=f"no server on 127.0.0.1:{port}"), FleetServing(fleet(), port=port):
            pass


def test_what_breaks_the_model_is_raised_where_the_fleet_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fleet()
    monkeypatch.setattr(made, "advance", lambda seconds: 1 / (seconds - seconds))
    with pytest.raises(ZeroDivisionError), FleetServing(made, speed=1000) as served:
        served.wait(10)


def test_the_command_prints_the_addresses_and_ends_after_its_duration(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--pods", "2", "--port", "0", "--duration", "200ms", "--speed", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("http://127.0.0.1:") and line.endswith("/metrics") for line in lines)


def test_the_command_writes_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "h.om"
    arguments = ["simulate", "--openmetrics", str(file), "--days", "0.001", "--pods", "1", "--flavor", "distribution"]
    assert run(arguments) == 0
    assert "promtool" in capsys.readouterr().out
    assert file.read_text().endswith("# EOF\n")


@pytest.mark.parametrize(("version", "known"), [("99.1", False), ("4.33.0", False), ("4.32.9", True), ("4.31.0", True)])
def test_a_release_that_is_not_known_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, known: bool
) -> None:
    file = tmp_path / "h.om"
    arguments = ["simulate", "--openmetrics", str(file), "--days", "0.001", "--pods", "1"]
    assert run([*arguments, "--registry-version", version]) == 0
    assert ("Warning: version" in capsys.readouterr().err) is not known


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--fault", "fire@1m+1m"], "no such fault"),
        (["--duration", "long"], "--duration is not a time"),
        (["--registry-version", "new"], "no version"),
        (["--without", "redis"], "needs redis"),
        (["--openmetrics", "/nowhere/at/all", "--days", "0.001"], "no such folder"),
        (["--openmetrics", "h.om", "--step", "0"], "--step"),
    ],
)
def test_wrong_arguments_give_one_error(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *arguments]) == 2
    assert part in capsys.readouterr().err
