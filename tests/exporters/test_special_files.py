"""What an exporter writes or locks is a regular file: all else is one error, and nothing waits for ever."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regobs.cli.main import regobs
from regobs.common.files import is_locked, open_lock
from regobs.errors import ExitCode, InputError, MachineError
from regobs.exporters.journal import Journal, judge_directory
from regobs.exporters.logs import locked_state

KINDS = ("named pipe", "directory", "socket", "/dev/full", "/dev/null")


def made(path: Path, kind: str) -> Path:
    """A special file of a kind: at this path, or where no test can make one, a link to it."""
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind(str(path))
    else:
        path.symlink_to(kind)
    return path


def asked(*words: str | Path) -> Result:
    return CliRunner().invoke(regobs, ["export", *map(str, words)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "registry.log"
    file.write_text("")
    return file


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", [["--check-config"], ["--listen", "127.0.0.1:0"]], ids=["check", "run"])
def test_a_state_file_that_is_no_regular_file_is_refused(
    kind: str, check: list[str], log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = made(tmp_path / "state.json", kind)
    result = asked("logs", log, "--state", state, *check)
    if kind == "directory":
        assert result.exit_code == 2  # by the type of the option
        return
    if check == ["--check-config"]:
        assert isinstance(result.exception, MachineError)
        assert result.exception.message == "the counts cannot be kept in this file"
        assert str(result.exception.value).startswith(f"{state} is a ")
    else:
        assert [record.message for record in caplog.records] == ["the counts cannot be kept in this file"]
        assert not result.stdout


@pytest.mark.parametrize("kind", [*KINDS, "link"])
def test_a_lock_that_is_no_regular_file_is_refused_and_no_link_is_followed(
    kind: str, log: Path, tmp_path: Path
) -> None:
    state, planted = tmp_path / "s3.json", tmp_path / "planted"
    lock = tmp_path / "s3.json.lock"
    if kind == "link":
        lock.symlink_to(planted)
    else:
        made(lock, kind)
    result = asked("logs", log, "--state", state, "--check-config")
    assert isinstance(result.exception, MachineError)
    assert str(result.exception.value).startswith(f"{lock} is a ")
    assert str(lock) in str(result.exception.next_step)
    with pytest.raises(MachineError), locked_state(state):
        pass
    assert not planted.exists()
    assert not state.exists()


def test_a_state_that_is_a_link_to_a_file_stays_right(log: Path, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "state.json")
    assert asked("logs", log, "--state", tmp_path / "link.json", "--check-config").exit_code == 0
    with locked_state(tmp_path / "link.json"):
        assert (tmp_path / "link.json.lock").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_to_append_to_is_a_regular_one(kind: str, tmp_path: Path) -> None:
    file = made(tmp_path / "events.ndjson", kind)
    result = asked("notifications", "--state", tmp_path / "s", "--append", file, "--check-config")
    if kind == "directory":
        assert result.exit_code == 2
        return
    assert isinstance(result.exception, InputError)
    assert result.exception.message == "envelopes cannot be appended"
    assert str(result.exception.value).startswith(f"{file}: {file} is a ")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["s/journal-0", "s/events.ndjson", "s", "link", "other/../s/x"])
def test_nothing_is_appended_in_the_directory_of_the_counts(name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "s" / "journal-0")
    for there in (False, True):
        if there:
            (tmp_path / "s").mkdir()
            (tmp_path / "s" / "journal-0").touch()
        result = asked("notifications", "--state", tmp_path / "s", "--append", tmp_path / name, "--check-config")
        if there and name == "s":
            assert result.exit_code == 2  # by the type of the option
            continue
        assert isinstance(result.exception, InputError)
        assert f"it is in {tmp_path / 's'}" in str(result.exception.value)
    result = asked("notifications", "--state", tmp_path / "s", "--append", tmp_path / "s2", "--check-config")
    assert result.exit_code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_for_the_textfile_collector_is_a_regular_one(kind: str, log: Path, tmp_path: Path) -> None:
    file = made(tmp_path / "x.prom", kind)
    result = asked("logs", log, "--once", "--textfile", file)
    if kind == "directory":
        assert result.exit_code == 2
        return
    assert isinstance(result.exception, InputError)
    assert str(result.exception.value).startswith(f"{file} is a ")


@pytest.mark.parametrize("kind", [*KINDS, "link"])
@pytest.mark.parametrize("name", ["lock", "journal-0", "checkpoint.json"])
def test_a_folder_of_counts_that_holds_special_files_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    if kind != "link":
        made(folder / name, kind)
    elif name == "checkpoint.json":
        return  # the one file that may be a link, as it is replaced
    else:
        (folder / name).symlink_to(tmp_path / "planted")
    if name == "lock":
        with pytest.raises(MachineError):
            judge_directory(folder)
    with pytest.raises(MachineError) as caught:
        Journal(folder).restore(lambda _: None, lambda _: None)
    assert str(caught.value.value).startswith(f"{folder / name}: ")
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_of_the_counts_that_is_no_folder_is_refused(kind: str, tmp_path: Path) -> None:
    if kind == "directory":
        return
    result = asked("notifications", "--state", made(tmp_path / "s", kind), "--check-config")
    assert isinstance(result.exception, (MachineError, SystemExit))
    assert result.exit_code != 0


def test_the_lock_of_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    for call in (is_locked, open_lock):
        with pytest.raises(OSError, match="not a regular file"):
            call(tmp_path / "lock")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for call in (is_locked, open_lock):
        with pytest.raises(OSError, match="symbolic link"):
            call(tmp_path / "link")
    assert not is_locked(tmp_path / "gone")


def test_a_state_of_a_named_pipe_ends_the_process_at_once(log: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.json")
    words = [sys.executable, "-m", "regobs", "export", "logs", str(log), "--state", str(tmp_path / "state.json")]
    ended = subprocess.run([*words, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == ExitCode.MACHINE
    assert "Traceback" not in ended.stderr
    assert "is a named pipe" in ended.stderr
