"""What is put back after a deployment that was interrupted: what it wrote, and nothing that others did."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests

from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.deploy.told import TargetWords
from regobs.errors import InputError, MachineError, ServerError
from tests.deploy.fakes import KilledError, MemoryTarget, put_back, rule_file, rules

OLD, NEW = rules(High=5, Low=1), rules(High=9, Fresh=3)
THEIRS, EDITED = b"groups: []\n", b"groups: [] # token: swordfish\n"


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget({"theirs.yaml": THEIRS})


@pytest.fixture
def ours(target: MemoryTarget, tmp_path: Path) -> Rollout:
    rollout = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    rollout.apply(rollout.plan(OLD))
    return rollout


def kill(ours: Rollout, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment of NEW is killed when all is written."""
    plan = ours.plan(NEW)
    target.fails, target.error = {"verify": 1}, KilledError
    with monkeypatch.context() as patch:
        patch.setattr(ours, "_put_back", lambda *_: None)
        with pytest.raises(KilledError):
            ours.apply(plan)
    target.error = ServerError


def test_what_others_did_since_a_kill_stays(
    ours: Rollout, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(ours, target, monkeypatch)
    target.live |= {"theirs.yaml": EDITED, "theirs-new.yaml": THEIRS}
    there = dict(target.live)
    plan = ours.plan(NEW)
    assert ours.status().interrupted
    assert target.live == there
    assert [one.thing for one in plan.changes if one.what == "put back first"] == [
        "Fresh.yaml",
        "High.yaml",
        "Low.yaml",
    ]
    put_back(ours)
    assert target.live == {
        "theirs.yaml": EDITED,
        "theirs-new.yaml": THEIRS,
        "High.yaml": rule_file("High", 5),
        "Low.yaml": rule_file("Low", 1),
    }
    assert "what was there before is back: Fresh.yaml, High.yaml, Low.yaml" in ours.notes[-1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ServerError, SystemExit])
def test_what_others_did_while_a_deployment_ran_stays_when_it_fails(
    ours: Rollout, target: MemoryTarget, error: type[BaseException]
) -> None:
    """As on SIGTERM, or when the server does not evaluate the rules."""
    plan, calls = ours.plan(NEW), list[int]()

    def verify(objects: Mapping[str, bytes]) -> None:
        del objects
        calls.append(1)
        if len(calls) == 1:
            target.live |= {"theirs.yaml": EDITED, "theirs-new.yaml": THEIRS}
            raise error("it fails")

    target.verify = verify  # type: ignore[method-assign]
    with pytest.raises(error):
        ours.apply(plan)
    assert target.live["theirs.yaml"] == EDITED
    assert set(target.live) == {"theirs.yaml", "theirs-new.yaml", "High.yaml", "Low.yaml"}
    assert target.live["High.yaml"] == rule_file("High", 5)


@pytest.mark.parametrize("edited", [{"High.yaml": rule_file("High", 77)}, {"Fresh.yaml": rule_file("Fresh", 77)}, {}])
def test_what_somebody_did_since_to_what_is_ours_stays_and_is_told(
    ours: Rollout, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch, edited: dict[str, bytes]
) -> None:
    kill(ours, target, monkeypatch)
    if edited:
        target.live |= edited
    else:
        del target.live["High.yaml"]
    name = next(iter(edited), "High.yaml")
    plan = ours.plan(NEW)
    assert f"somebody changed since, and it stays as it is: {name}" in ours.notes[-1]
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    assert f"somebody changed since, and it stays as it is: {name}" in ours.notes[-1]
    assert target.live.get(name) == edited.get(name)
    assert target.live["Low.yaml"] == rule_file("Low", 1)
    assert not ours.status().interrupted


def test_what_a_target_gives_back_otherwise_than_it_was_written_is_put_back_too(
    ours: Rollout, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that adds a field; it is no change of somebody else."""
    before, write = dict(target.live), target.write

    def add(live: dict[str, bytes], after: dict[str, bytes]) -> None:
        write(live, {name: one + b"# added\n" * (one == rule_file("High", 9)) for name, one in after.items()})

    monkeypatch.setattr(target, "write", add)
    kill(ours, target, monkeypatch)
    assert target.live["High.yaml"].endswith(b"# added\n")
    put_back(ours)
    assert target.live == before


def test_the_note_of_a_deployment_has_nothing_of_others_and_only_its_owner_reads_it(
    ours: Rollout, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target.live["theirs.yaml"] = EDITED
    kill(ours, target, monkeypatch)
    path = tmp_path / "state/pending.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "swordfish" not in path.read_text()
    assert set(json.loads(path.read_text())["before"]) == {"High.yaml", "Low.yaml"}


def test_a_signal_while_a_failed_deployment_is_put_back_tells_what_failed_and_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    ours.apply(ours.plan(rules(High=1)))
    plan = ours.plan(rules(High=2))

    def ended(*_: object) -> None:
        raise SystemExit(143)

    target.fails = {"verify": 1}
    monkeypatch.setattr(ours, "_restore", ended)
    with pytest.raises(SystemExit):
        ours.apply(plan)
    (note,) = ours.notes
    assert "memory: verify fails; interrupted while what was there before was put back, and it is unfinished" in note
    assert "the next `regobs deploy apply` or `rollback` first puts back what was there" in note
    assert ours.status().interrupted


@pytest.mark.parametrize("step", ["write", "verify"])
def test_what_the_system_refuses_on_the_way_is_an_error_of_the_target_with_the_old_state_back(
    step: str, tmp_path: Path
) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    ours.apply(ours.plan(rules(High=1)))
    before, target.fails, target.error = dict(target.live), {step: 1}, FileNotFoundError
    with pytest.raises(MachineError, match=r"\[deploy.memory\]: this machine does not let it be done") as caught:
        ours.apply(ours.plan(rules(High=2)))
    assert (target.live, ours.notes) == (before, [])
    assert "what was there before is back" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("refused"),
        requests.JSONDecodeError("no", "{", 0),
        requests.TooManyRedirects(),
        requests.Timeout(),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
@pytest.mark.parametrize("asked", [True, False])
def test_a_request_that_fails_where_no_step_foresaw_it_is_a_fault_of_the_server_with_its_address(
    error: requests.RequestException, asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of requests are an OSError each, as those of this machine are."""
    words = TargetWords("memory", "grafana", address="http://grafana.example.com")
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5, words=words)
    ours.apply(ours.plan(rules(High=1)))
    error.request = requests.Request("POST", "http://me:secret@other.example.com/api?key=secret") if asked else None
    monkeypatch.setattr(target, "verify", Mock(side_effect=[error, None]))
    with pytest.raises(ServerError) as caught:
        ours.apply(ours.plan(rules(High=2)))
    address = "POST http://other.example.com/api" if asked else "a request to http://grafana.example.com"
    assert caught.value.message == f"[deploy.memory] (grafana): {address} fails"
    assert "secret" not in str(caught.value)
    assert "what was there before is back" in (caught.value.next_step or "")
    assert target.live == {"High.yaml": rule_file("High", 1)}


def test_a_signal_while_it_is_told_that_it_is_done_says_that_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    monkeypatch.setattr(target, "announce", lambda _: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit):
        ours.apply(ours.plan(rules(High=1)))
    assert ours.notes == ["interrupted, and done: state 1 is in use"]
    assert (target.live, ours.status().state.number) == ({"High.yaml": rule_file("High", 1)}, 1)
