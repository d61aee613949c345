"""The command line as a whole: help, errors, exit codes."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from regobs import __version__
from regobs.cli import main as command
from regobs.errors import ConfigError, ExitCode, Location, MachineError, ServerError, code_of_signal

REGOBS = [sys.executable, "-m", "regobs"]


def regobs(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*REGOBS, *arguments], check=False, capture_output=True, text=True, cwd=cwd)


def test_a_bare_command_shows_its_help() -> None:
    run = regobs()
    assert run.returncode == ExitCode.OK
    assert run.stdout == regobs("--help").stdout
    assert all(f"  {name}" in run.stdout for name in command.COMMANDS)


def test_the_version_is_the_package_version() -> None:
    assert regobs("--version").stdout == f"regobs, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["build"], ["build", "--flavor", "docker", "--out", "x"]])
def test_a_wrong_argument_is_an_input_error(arguments: list[str]) -> None:
    run = regobs(*arguments)
    assert run.returncode == ExitCode.INPUT
    assert run.stdout == ""
    assert "Error: " in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_command_is_there_and_has_help(name: str) -> None:
    run = regobs(name, "--help")
    assert run.returncode == ExitCode.OK, run.stderr
    assert f"Usage: regobs {name}" in run.stdout


def run_failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(command.regobs, "get_command", lambda context, name: fail)
    return command.run(["fail"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong", location=Location("regobs.toml", 3), value="x", expected="y", next_step="z"), 2),
        (ServerError("unreachable"), 3),
        (MachineError("no disk"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_becomes_one_message_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    assert run_failing(monkeypatch, error) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == ("" if code == command.INTERRUPTED else f"Error: {error}\n")


def test_an_error_cannot_command_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ConfigError(
        "wrong", location=Location("a\x1b[2J"), value="\x1b]0;x\x07\x9b31m\u202eé\nline", expected="日本"
    )
    assert run_failing(monkeypatch, error) == 2
    said = "Error: a\\x1b[2J: wrong\n  value:    \\x1b]0;x\\x07\\x9b31m\\u202eé\nline\n  expected: 日本\n"
    assert capsys.readouterr().err == said


def test_an_error_that_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run_failing(monkeypatch, ZeroDivisionError())


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = "import click\nfrom regobs.cli import main\n"
    script += "@click.command()\ndef talk():\n    [click.echo('x' * 1000) for _ in range(1000)]\n"
    script += "main.regobs.get_command = lambda context, name: talk\nimport sys\nsys.exit(main.run(['talk']))"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    with child, child.stdout, child.stderr:
        child.stdout.read(10)
        child.stdout.close()
        complaint = child.stderr.read()
    assert complaint == b""
    assert child.returncode == ExitCode.OK


def test_output_without_room_is_one_error(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys\nfrom regobs.cli.main import run\nsys.exit(run(['--help']))"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == ExitCode.MACHINE
    assert done.stderr.startswith("Error: the output cannot be written\n  value:    No space left on device")
    assert "Traceback" not in done.stderr
    with pytest.raises(OSError, match="somewhere"):  # a file is the business of whoever opened it
        run_failing(monkeypatch, OSError(errno.ENOSPC, "full", "somewhere"))
    capfd.readouterr()


def test_ctrl_c_ends_with_the_code_that_shells_use() -> None:
    script = "import click, time\nfrom regobs.cli import main\n"
    script += "@click.command()\ndef wait():\n    print('ready', flush=True)\n    time.sleep(60)\n"
    script += "main.regobs.get_command = lambda context, name: wait\nimport sys\nsys.exit(main.run(['wait']))"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    with child, child.stdout, child.stderr:
        child.stdout.readline()
        time.sleep(0.1)
        os.kill(child.pid, signal.SIGINT)
        assert child.stderr.read() == b""
    assert child.returncode == command.INTERRUPTED


def test_the_page_of_exit_codes_has_every_one_of_them() -> None:
    text = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    told = {int(found) for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for found in row.split(", ")}
    ended = {code_of_signal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    assert told == {*map(int, ExitCode), *ended} == {0, 1, 2, 3, 4, 5, 129, 130, 143}


@pytest.mark.parametrize("arguments", [("logs", "validate", "-"), ("export", "logs", "-", "--once")])
def test_a_standard_input_that_is_closed_is_an_empty_one(arguments: tuple[str, ...]) -> None:
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *REGOBS, *arguments]
    answer = subprocess.run(closed, check=False, capture_output=True, text=True)
    assert "Traceback" not in answer.stderr
    assert answer.returncode in {ExitCode.OK, ExitCode.INPUT}
