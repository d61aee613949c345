"""The control endpoint: faults come and go while a fleet runs, and nothing else is taken."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import jsonschema
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regobs.cli.main import run
from regobs.documents.json_output import json_schema
from regobs.errors import ExitCode, InputError, MachineError, ServerError
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.control import Control
from regobs.simulate.faults import MOST, FaultName
from regobs.simulate.remote import FleetClient
from regobs.simulate.serve import FleetServing
from tests.examples import examples
from tests.prometheus.stub import Reply, Stub

FINE = b'{"name": "error-burst", "for": "5m"}'


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    with (
        FleetServing(Fleet(Plan(pods=2, start=1_795_000_000.0, warm=0)), speed=0.001) as served,
        Control(served, 0) as made,
    ):
        yield made


def active(url: str) -> list[str]:
    return [fault["name"] for fault in FleetClient(url).state()["faults"]]


def test_a_fault_strikes_and_is_repaired(control: Control, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "break", "redis-loss", "--for", "90s", "--control", control.url]) == ExitCode.OK
    assert capsys.readouterr().out == "redis-loss for 90 simulated seconds\n"
    assert active(control.url) == ["redis-loss"]
    assert run(["simulate", "state", "--control", control.url]) == ExitCode.OK
    told = capsys.readouterr().out
    assert "registry-1  http://127.0.0.1:" in told
    assert "redis-loss, 90 simulated seconds left" in told
    assert run(["simulate", "repair", "redis-loss", "--control", control.url]) == ExitCode.OK
    assert active(control.url) == []
    assert run(["simulate", "repair", "redis-loss", "--control", control.url]) == ExitCode.INPUT
    assert "not active" in capsys.readouterr().err


def test_the_state_as_json_is_what_its_schema_says(control: Control, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "break", "error-burst", "--for", "90s", "--control", control.url]) == ExitCode.OK
    capsys.readouterr()
    assert run(["simulate", "state", "--control", control.url, "--format", "json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    schema = {"$ref": "#/$defs/simulate_state", "$defs": json_schema()["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(found)
    assert (len(found["pods"]), [one["name"] for one in found["faults"]]) == (2, ["error-burst"])
    assert run(["simulate", "repair", "error-burst", "--control", control.url]) == ExitCode.OK


def test_the_pods_are_shown_with_their_addresses(control: Control) -> None:
    for address in FleetClient(control.url).addresses():
        assert requests.get(f"http://{address}/metrics", timeout=5).ok


def test_prometheus_is_told_the_targets_with_their_zones(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(Plan(pods=2, zones=("b", "c"), start=1_795_000_000.0, warm=0))
    with FleetServing(fleet, speed=0.001) as served, Control(served, 0) as control:
        answer = requests.get(f"{control.url}/targets", timeout=5)
        assert run(["simulate", "state", "--control", control.url]) == ExitCode.OK
    first, second = served.addresses
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == [
        {"targets": [first], "labels": {"zone": "b"}},
        {"targets": [second], "labels": {"zone": "c"}},
    ]
    assert re.findall(r"up  ([bc])$", capsys.readouterr().out, re.MULTILINE) == ["b", "c"]


def test_a_fleet_without_zones_has_targets_without_labels(control: Control) -> None:
    found = requests.get(f"{control.url}/targets", timeout=5).json()
    assert found == [{"targets": [address], "labels": {}} for address in FleetClient(control.url).addresses()]


def test_a_fault_that_strikes_is_seen_by_the_pods() -> None:
    fleet = Fleet(Plan(pods=1, start=1_795_000_000.0, warm=0))
    fleet.faults.strike(Fault(FaultName.CRASH_LOOP, fleet.elapsed, 600))
    for _ in range(5):
        fleet.advance(10)
    assert not fleet.pods[0].up
    assert fleet.faults.repair(FaultName.CRASH_LOOP, fleet.elapsed)
    fleet.advance(10)
    assert fleet.pods[0].up
    assert fleet.plan.faults.faults == ()


def test_a_repair_ends_what_is_active_and_leaves_what_is_to_come() -> None:
    schedule = Schedule(
        [Fault(FaultName.NO_TRAFFIC, 0, 100), Fault(FaultName.NO_TRAFFIC, 200, 50), Fault(FaultName.GC_BACKLOG, 0, 9)]
    )
    assert schedule.repair(FaultName.NO_TRAFFIC, 40)
    assert [bool(schedule.active(at).get(FaultName.NO_TRAFFIC) is not None) for at in (39, 40, 200)] == [
        True,
        False,
        True,
    ]
    assert FaultName.GC_BACKLOG in schedule.active(8)
    assert not schedule.repair(FaultName.NO_TRAFFIC, 60)


def test_a_schedule_forgets_what_is_over_and_has_an_end() -> None:
    schedule = Schedule([Fault(FaultName.NO_TRAFFIC, 0, 1)])
    for number in range(MOST):
        schedule.strike(Fault(FaultName.REDIS_LOSS, 1, 10 + number))
    assert len(schedule.faults) == MOST
    with pytest.raises(InputError, match="so many faults"):
        schedule.strike(Fault(FaultName.REDIS_LOSS, 1, 10))
    schedule.strike(Fault(FaultName.REDIS_LOSS, 5000, 10))
    assert len(schedule.faults) == 1


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "status"),
    [
        ("POST /faults", {"Host": "registry.example.com"}, FINE, 403),
        ("POST /faults", {"Origin": "http://127.0.0.1"}, FINE, 403),
        ("GET /", {"Host": "evil.example:80"}, b"", 403),
        ("POST /faults", {}, b'{"name": "fire", "for": "5m"}', 400),
        ("POST /faults", {}, b'{"name": "zone-outage", "for": "5m"}', 400),
        ("POST /faults", {}, b'{"name": "error-burst", "for": "0"}', 400),
        ("POST /faults", {}, b'{"name": "error-burst", "for": "-5m"}', 400),
        ("POST /faults", {}, b'{"name": "error-burst", "for": 5}', 400),
        ("POST /faults", {}, b'{"name": "error-burst"}', 400),
        ("POST /faults", {}, b'{"name": "error-burst", "for": "5m", "at": "1m"}', 400),
        ("POST /faults", {}, b"\xff\xfe", 400),
        ("POST /faults", {}, b"[" * 4000, 400),
        ("POST /faults", {"Content-Length": "x"}, FINE, 411),
        ("POST /faults", {"Content-Length": "99999999999999999999"}, FINE, 413),
        ("POST /", {}, FINE, 404),
        ("GET /faults", {}, b"", 404),
        ("DELETE /faults/fire", {}, b"", 400),
        ("DELETE /faults/../no-traffic", {}, b"", 400),
        ("PUT /faults", {}, FINE, 501),
    ],
)
def test_what_is_no_order_is_refused(
    control: Control, request_line: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    host = control.url.removeprefix("http://")
    sent = {"Host": host, "Content-Length": str(len(body)), "Connection": "close"} | headers
    head = f"{request_line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", int(host.partition(":")[2])), timeout=5) as line:
        line.sendall(head.encode() + body)
        answer = line.makefile("rb").read()
    assert answer.split(b" ", 2)[1] == str(status).encode()
    if status != 501:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert active(control.url) == []


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_body_breaks_it(control: Control, body: bytes) -> None:
    assert requests.post(f"{control.url}/faults", data=body, timeout=5).status_code in {400, 411}


def test_a_port_that_is_taken_is_named(control: Control) -> None:
    port = int(control.url.rpartition(":")[2])
    with (
        FleetServing(Fleet(Plan(pods=1, warm=0)), speed=0.001) as served,
        pytest.raises(MachineError, match="no control"),
    ):
        Control(served, port)


def test_a_fleet_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerError, match="no simulated fleet"):
        FleetClient("http://127.0.0.1:9").state()
    with pytest.raises(InputError, match="not the address of a control endpoint"):
        FleetClient("file:///etc/passwd")


@pytest.mark.parametrize("body", ["[" * 200_000, "9" * 10_000, "[]"])
def test_another_server_whose_json_nobody_can_read_is_no_fleet(body: str) -> None:
    with Stub({"/": Reply(body=body)}) as stub, pytest.raises(ServerError, match="not the control endpoint"):
        FleetClient(stub.url).state()


def test_another_server_is_no_fleet(control: Control) -> None:
    with pytest.raises(ServerError, match="no simulated fleet"):
        FleetClient("http://" + FleetClient(control.url).addresses()[0]).state()
