"""`--once` and `--backfill` over packed files beside plain ones, and over files that cannot be opened."""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.errors import InputError
from tests.exporters.test_once import access, requests_of, run


def broken(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a pattern that cannot be read."""
    file = folder / "broken.log"
    if kind == "dangling":
        file.symlink_to(folder / "gone")
    elif kind == "looping":
        file.symlink_to(file)
    elif kind == "named pipe":
        os.mkfifo(file)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind(str(file))
    else:
        file.touch()
        really: Callable[..., Any] = Path.open

        def closed(path: Path, *words: Any, **options: Any) -> Any:
            if path == file:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return really(path, *words, **options)

        monkeypatch.setattr(Path, "open", closed)
    return file


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
@pytest.mark.parametrize(("name", "ending"), [("reg.log", ".gz"), ("reg.log.1", ".xz")])
def test_a_packed_file_of_other_content_beside_a_plain_one_counts_too(
    tmp_path: Path, mode: list[str], name: str, ending: str
) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress}
    pack = packers[ending]
    (tmp_path / name).write_text("".join(map(access, range(300))), encoding="utf-8")
    (tmp_path / f"{name}{ending}").write_bytes(pack("".join(map(access, range(1000, 1400))).encode()))
    for files in ([str(tmp_path / "reg*")], [str(tmp_path / name), str(tmp_path / f"{name}{ending}")]):
        result = run(tmp_path, *mode, *files)
        assert (requests_of(result), result.stderr) == (700, "")


def test_of_a_plain_file_that_holds_the_beginning_of_its_packed_one_the_packed_one_counts(tmp_path: Path) -> None:
    (tmp_path / "reg.log").write_text("".join(map(access, range(3))), encoding="utf-8")
    (tmp_path / "reg.log.gz").write_bytes(gzip.compress("".join(map(access, range(5))).encode()))
    result = run(tmp_path, "--once", str(tmp_path / "reg*"))
    assert requests_of(result) == 5
    assert f"{tmp_path / 'reg.log'}: another name or a copy of a file that is counted, left out" in result.stderr


@pytest.mark.parametrize("kind", ["dangling", "looping", "socket", "named pipe", "closed"])
@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
def test_a_file_that_cannot_be_opened_is_an_error_behind_the_counts_of_the_others(
    tmp_path: Path, mode: list[str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "z.log").write_text("".join(map(access, range(7))), encoding="utf-8")
    file = broken(tmp_path, kind, monkeypatch)
    for files in ([str(tmp_path / "*.log")], [str(file), str(tmp_path / "z.log")]):
        result = run(tmp_path, *mode, *files)
        assert isinstance(result.exception, InputError)
        assert result.exception.message == "a file cannot be read"
        assert str(result.exception.value).startswith(f"{file}: ")
        assert result.exception.next_step
        rows = [row for row in result.stdout.splitlines() if row.startswith('registry_log_lines_total{kind="access"}')]
        assert float(rows[-1].split()[1]) == 7


def test_where_no_file_can_be_opened_nothing_is_printed(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "b.log")
    result = run(tmp_path, "--once", str(tmp_path / "*.log"))
    assert isinstance(result.exception, InputError)
    assert str(result.exception.value).count("; ") == 1
    assert result.stdout == ""


def test_a_named_pipe_of_a_pattern_is_not_waited_for_by_queries_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.log")
    result = CliRunner().invoke(regobs, ["logs", "validate", str(tmp_path / "*.log")], env={"HOME": str(tmp_path)})
    assert isinstance(result.exception, InputError)
    assert result.exception.message == "no regular file"


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("empty", "a folder without a log"),
        ("gone.log", "no such file"),
        ("gone*.log", "no such file"),
    ],
)
def test_a_name_of_several_that_means_no_log_is_an_error_behind_the_counts(
    lacking: str, told: str, mode: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    log = tmp_path / "r.log"
    log.write_text(access(1), encoding="utf-8")
    result = CliRunner().invoke(regobs, ["export", "logs", *mode, str(tmp_path / lacking), str(log)])
    assert 'registry_log_lines_total{kind="access"} 1' in result.stdout
    assert isinstance(result.exception, InputError)
    assert result.exception.message == "a file cannot be read"
    assert result.exception.value == f"{tmp_path / lacking}: {told}"
    alone = CliRunner().invoke(regobs, ["export", "logs", *mode, str(tmp_path / lacking)])
    assert (alone.stdout, isinstance(alone.exception, InputError)) == ("", True)
    assert alone.exception is not None
    assert told in str(alone.exception)


def test_an_address_among_files_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    log = tmp_path / "r.log"
    log.write_text(access(1), encoding="utf-8")
    result = CliRunner().invoke(regobs, ["export", "logs", "--once", str(log), "https://reg.example/log"])
    assert (result.stdout, isinstance(result.exception, InputError)) == ("", True)
