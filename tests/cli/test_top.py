"""`regobs top` as a command: without a terminal, without its extra, as a picture, and in a real pseudo-terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.config import Config
from regobs.errors import ExitCode
from tests.prometheus.stub import Reply, Stub
from tests.terminal import Terminal
from tests.top.world import PULL, Service

PROGRAM = Path(sys.executable).with_name("regobs")
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_terminal_the_error_names_what_shows_the_same(capsys: Output) -> None:
    assert run(["top", "--prometheus", "http://127.0.0.1:1"]) == ExitCode.MACHINE
    said = capsys.readouterr().err
    assert "there is no terminal to draw on" in said
    assert "`regobs status` prints the same once" in said


def test_without_its_extra_it_says_how_to_get_it(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "textual" or name == "regobs.top.app"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    assert run(["top", "--prometheus", "http://127.0.0.1:1", "--screenshot", "a.svg"]) == ExitCode.MACHINE
    said = capsys.readouterr().err
    assert "pip install 'regobs[top]'" in said
    assert "regobs status" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--at", "noon"], "--at is no time"),
        (["--every", "0s"], "--every is not a duration"),
        (["--zone", "x"], "zone"),
    ],
)
def test_an_option_that_is_wrong_is_refused_before_anything_is_asked(
    options: list[str], words: str, capsys: Output
) -> None:
    assert run(["top", "--screenshot", "a.svg", "--prometheus", "http://127.0.0.1:1", *options]) == ExitCode.INPUT
    assert words in capsys.readouterr().err


def test_a_picture_needs_no_terminal_and_is_written_once_the_server_has_answered(
    tmp_path: Path, capsys: Output
) -> None:
    with Stub(Service(Config()).replies) as stub:
        assert run(["top", "--screenshot", "a.svg", "--prometheus", stub.url]) == ExitCode.OK
    text = (tmp_path / "a.svg").read_text()
    assert "25.00%" in text
    assert "a.svg" in capsys.readouterr().out


def test_a_picture_of_an_answer_that_is_not_the_whole_says_so_and_so_does_the_exit_code(tmp_path: Path) -> None:
    service = Service(Config())
    service.more = {"isPartial": True}
    with Stub(service.replies) as stub:
        assert run(["top", "--screenshot", "a.svg", "--prometheus", stub.url]) == ExitCode.INCOMPLETE
    assert "PARTIAL" in (tmp_path / "a.svg").read_text()


def test_of_a_server_that_is_gone_no_picture_is_written(tmp_path: Path, capsys: Output) -> None:
    assert run(["top", "--screenshot", "a.svg", "--prometheus", "http://127.0.0.1:1"]) == ExitCode.SERVER
    assert "cannot be reached" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.parametrize("hanging", ["/api/v1/status/buildinfo", "/api/v1/query"])
def test_it_ends_at_once_while_the_server_hangs(hanging: str, tmp_path: Path) -> None:
    replies = {**Service(Config()).replies, hanging: Reply(delay=600)}
    command = [str(PROGRAM), "top", "--timeout", "600"]
    with (
        Stub(replies) as stub,
        Terminal([*command, "--prometheus", stub.url], environment(tmp_path), tmp_path) as terminal,
    ):
        terminal.wait("asking the server for", "q Quit")
        while hanging not in {one.path for one in stub.requests}:
            terminal.wait("asking the server for")
        terminal.send("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("plain", [False, True], ids=["colours", "NO_COLOR"])
def test_in_a_terminal_it_opens_a_route_and_ends(plain: bool, tmp_path: Path) -> None:
    env = environment(tmp_path) | ({"NO_COLOR": "1"} if plain else {})
    with (
        Stub(Service(Config()).replies) as stub,
        Terminal([str(PROGRAM), "top", "--prometheus", stub.url], env, tmp_path) as terminal,
    ):
        terminal.wait("1 Overview", "1 of 2 up", "25.00%", "q Quit")
        colours = terminal.colours
        assert ("red" in colours) is not plain
        assert (colours == {"default"}) is plain
        terminal.type("3", "Routes, the most failing first")
        terminal.type("\r", f"Routes > {PULL}", "Method and status")
        terminal.type("[", "PAST")
        terminal.send("q")
        assert terminal.ended() == 0
