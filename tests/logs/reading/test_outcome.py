"""Every command that reads logs ends alike, whatever a file holds, also where it comes through a pipe."""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.export_logs import logs as export_logs
from regobs.cli.main import run
from regobs.logs.reading.outcome import NO_LINES, LinesSeen
from regobs.logs.reading.read import LinePart, is_tar
from tests.logs.timing import assert_linear

WINDOWS = ("--before", "2026-11-23T11:00..2026-11-23T11:05", "--after", "2026-11-23T11:05..2026-11-23T11:10")
COMMANDS: dict[str, list[str]] = {
    "validate": ["logs", "validate", "FILE"],
    "infer": ["logs", "infer", "FILE"],
    "query": ["logs", "query", "*", "FILE"],
    "query --by": ["logs", "query", "*", "FILE", "--by", "msg"],
    "run": ["logs", "run", "errors-by-message", "FILE"],
    "trace": ["logs", "trace", "01M841NTHKZ0", "FILE"],
    "tail": ["logs", "tail", "FILE", "--once"],
    "diff": ["logs", "diff", "FILE", *WINDOWS],
    "export --once": ["export", "logs", "--once", "FILE"],
    "export --backfill": ["export", "logs", "--backfill", "1m", "FILE"],
}
LINE = '{{"time":"2026-11-23T11:0{}:00Z","level":"info","msg":"access","correlation_id":"01M841NTHKZ0"}}\n'
LINES = "".join(LINE.format(minute) for minute in (1, 6))
AUDIT = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a", "verb": "get"}
AUDIT |= {"requestURI": "/api/v1/pods", "stage": "ResponseComplete", "requestReceivedTimestamp": "2026-11-23T11:01:00Z"}
RAILS = {"method": "GET", "path": "/a/b", "controller": "A", "action": "show", "status": 200, "severity": "INFO"}
RAILS |= {"time": "2026-11-23T11:01:00Z", "correlation_id": "01M841NTHKZ0", "duration_s": 0.1, "remote_ip": "192.0.2.1"}
NO_REGISTRY = {
    "an empty object": "{}\n",
    "the audit of Kubernetes": json.dumps(AUDIT) + "\n",
    "Rails": json.dumps(RAILS) + "\n",
    "a setting": "A=b\n",
    "settings": "A=b\nexport C=d\n",
    "a message alone": "msg=b\n",
    "words": "what somebody says of 01M841NTHKZ0\n",
    "a list": "[1]\n",
    "objects set out": '{\n  "a": 1\n}\n',
    "an object that does not end": '{\n  "a": 1,\n',
    "half a line": '{"msg":"a\n',
}
EMPTY = {"nothing": "", "blank lines": "\n \n\n"}
COMMAND = pytest.mark.parametrize("command", COMMANDS)


Told = tuple[int, str, str]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Runs a command over files, or over the first of them as standard input; code, output, errors."""

    def ask(command: str, *files: Path, piped: bool = False) -> Told:
        names = ["-"] if piped else list(map(str, files))
        words = [word for one in COMMANDS[command] for word in (names if one == "FILE" else [one])]
        path = files[0] if piped else Path("/dev/null")
        with path.open("rb") as file, io.TextIOWrapper(file) as text:
            monkeypatch.setattr(sys, "stdin", text)
            return run(words), *capsys.readouterr()

    return ask


@COMMAND
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("content", NO_REGISTRY.values(), ids=NO_REGISTRY)
def test_a_file_without_a_line_of_a_registry_is_one_error(
    tmp_path: Path, told: Callable[..., Told], command: str, piped: bool, content: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(content, encoding="utf-8")
    code, out, err = told(command, path, piped=piped)
    name = "(standard input)" if piped else str(path)
    assert code == 2, err
    assert err.count("Error: ") == 1
    assert f"no line can be read as one of a registry\n  value:    {name}\n" in err
    shown = command in {"validate", "tail"} or (command == "trace" and "correlation_id" in content)
    assert shown or not out


@COMMAND
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY)
def test_a_file_without_lines_is_none_and_that_is_said(
    tmp_path: Path, told: Callable[..., Told], command: str, piped: bool, content: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(content, encoding="utf-8")
    code, _, err = told(command, path, piped=piped)
    assert (code, err.splitlines()[-1:]) == (0, [NO_LINES])


@COMMAND
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_one_line_of_a_registry_makes_a_log(
    tmp_path: Path, told: Callable[..., Told], command: str, piped: bool
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(NO_REGISTRY.values()) + LINES, encoding="utf-8")
    code, out, err = told(command, path, piped=piped)
    assert (code in {0, 1}, bool(out), NO_LINES in err) == (True, True, False), err


def _tar(tmp_path: Path, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        info = tarfile.TarInfo("logs/current")
        info.size = len(LINES)
        tar.addfile(info, io.BytesIO(LINES.encode()))
    return out.getvalue()


def _v7(tmp_path: Path) -> bytes:
    """The oldest form, without a mark: the sum of the header is written anew."""
    found = bytearray(_tar(tmp_path))
    found[257:512] = bytes(255)
    found[148:156] = b" " * 8
    found[148:156] = b"%06o\0 " % sum(found[:512])
    return bytes(found)


BESIDE: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "junk": (lambda _: b"what\nsomebody says\n", "no line can be read as one of a registry"),
    "an audit": (lambda _: json.dumps(AUDIT).encode(), "no line can be read as one of a registry"),
    "a tar": (_tar, "this is an archive of tar"),
    "a tar of GNU": (lambda path: _tar(path, tarfile.GNU_FORMAT), "this is an archive of tar"),
    "a tar of v7": (_v7, "this is an archive of tar"),
    "a packed tar": (lambda path: gzip.compress(_tar(path)), "this is an archive of tar"),
    "a packed tar of v7": (lambda path: gzip.compress(_v7(path)), "this is an archive of tar"),
    "gzip that ends too early": (lambda _: gzip.compress(LINES.encode())[:-9], "a broken archive"),
    "gzip of nothing": (lambda _: b"\x1f\x8b\x08\0what is no gzip", "a broken archive"),
    "gzip without more": (lambda _: b"\x1f\x8b", "a broken archive"),
}


@COMMAND
@pytest.mark.parametrize("kind", BESIDE)
def test_what_cannot_be_read_is_an_error_alone_and_named_behind_the_answer_beside_a_log(
    tmp_path: Path, told: Callable[..., Told], command: str, kind: str
) -> None:
    made, words = BESIDE[kind]
    folder = tmp_path / "logs"
    folder.mkdir()
    bad, good = folder / "bad.log.gz", folder / "good.log"
    bad.write_bytes(made(tmp_path))
    if kind != "gzip that ends too early":  # of which something may be read
        code, out, err = told(command, bad)
        assert (code, err.count("Error: "), words in err) == (2, 1, True), err
        assert command in {"validate", "tail"} or not out
    good.write_text(LINES.replace("11:0", "11:00:0").replace(":00Z", "Z") + LINES.replace("access", "b"), "utf-8")
    given = [bad, good] if command == "tail" else [folder]  # tail takes no folder
    code, out, err = told(command, *given)
    assert (code, bool(out), err.count("Error: ")) == (2, True, 1), err
    assert re.search(rf"{words}.*\n +value: +\S*bad\.log\.gz\n", err), err
    assert "good.log" not in err.split("Error: ")[1]


def test_each_kind_of_what_cannot_be_read_is_named_in_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (made, _) in enumerate(BESIDE.values()):
        (tmp_path / f"{number}.log").write_bytes(made(tmp_path))
    (tmp_path / "good.log").write_text(LINES, encoding="utf-8")
    code, (out, err) = run(["logs", "query", "*", str(tmp_path), "--by", "msg"]), capsys.readouterr()
    assert (code, "access" in out, err.count("Error: ")) == (2, True, 1)
    assert all(f"{number}.log" in err for number in range(len(BESIDE)))
    assert all(words in err for _, words in BESIDE.values())


def test_a_textfile_is_written_of_what_could_be_read_and_not_of_nothing(tmp_path: Path) -> None:
    bad, good, target = tmp_path / "bad.log", tmp_path / "good.log", tmp_path / "a.prom"
    bad.write_text("junk\n", encoding="utf-8")
    good.write_text(LINES, encoding="utf-8")
    words = ["--once", "--textfile", str(target)]
    assert CliRunner().invoke(export_logs, [*words, str(bad)]).exit_code
    assert not target.exists()
    assert CliRunner().invoke(export_logs, [*words, str(bad), str(good)]).exit_code
    assert "registry_log_lines_total" in target.read_text("utf-8")


@pytest.mark.parametrize("start", [b"\0" * 512, b"a" * 512, b"7" * 512, b"a\0" + b"9" * 510, b"\0" + b"\xb2" * 511])
def test_what_is_no_archive_is_none(start: bytes) -> None:
    assert not is_tar(start)


def test_a_file_is_looked_at_up_to_its_first_line_of_a_registry() -> None:
    seen = LinesSeen()
    seen.read(LinePart(1, 0, [b"junk", *[LINE.format(1).encode()] * 1000]))
    assert (seen.of_registry, seen.unread, seen.empty) == (1, False, False)


def test_looking_takes_time_that_is_linear_in_the_lines() -> None:
    def look(size: int) -> None:
        seen = LinesSeen()
        seen.read(LinePart(1, 0, [b'{"a":1}'] * size))
        assert seen.unread

    assert_linear(look, 2_000)
