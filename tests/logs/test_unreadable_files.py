"""Files that end within what was packed, or that the machine cannot read, are told alike by every command."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from regobs.cli.main import run
from tests.logs.lines import GITLAB, real

LINES = b"\n".join(real(GITLAB)) + b"\n"
ID = json.loads(real(GITLAB)[101])["correlation_id"]
WINDOWS = (
    "--before",
    "2026-11-23T11:11:10..2026-11-23T11:11:12",
    "--after",
    "2026-11-23T11:11:12..2026-11-23T11:11:14",
)
COMMANDS = {
    "validate": (),
    "infer": (),
    "query": ("level: info", "--by", "level"),
    "run": ("errors-by-code",),
    "trace": (ID,),
    "tail": ("--once",),
    "diff": WINDOWS,
}


def _zstd(data: bytes) -> bytes:
    return bytes(zstd.compress(data))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": _zstd,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
INSIDE = pytest.mark.parametrize("command", COMMANDS)


def told(capsys: pytest.CaptureFixture[str], command: str, *files: Path) -> tuple[int, str, str]:
    code = run(["logs", command, *COMMANDS[command], *map(str, files)])
    return (code, *capsys.readouterr())


@INSIDE
@pytest.mark.parametrize("end", PACKED)
def test_a_broken_archive_is_answered_up_to_the_break_and_then_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, end: str
) -> None:
    whole, cut = tmp_path / f"a.log{end}", tmp_path / f"b.log{end}"
    whole.write_bytes(PACKED[end](LINES))
    code, answered, said = told(capsys, command, whole)
    assert (code in {0, 1}, bool(answered), "broken" in said) == (True, True, False), said
    cut.write_bytes(PACKED[end](LINES.replace(b"2026", b"2025"))[:-3000])
    code, answered, said = told(capsys, command, whole, cut)
    assert (code, bool(answered)) == (2, True), said
    assert re.search(r"a broken archive.*\n +value: +\S*b\.log\S+\n", said), said


@INSIDE
def test_what_the_machine_cannot_read_is_one_error(capsys: pytest.CaptureFixture[str], command: str) -> None:
    path = Path("/proc/self/mem")  # of which the first byte is an error of input
    if not path.exists():
        pytest.skip("no /proc here")
    code, _, said = told(capsys, command, path)
    assert (code, said.count("Error: ")) == (2, 1)
    assert "/proc/self/mem" in said


@INSIDE
@pytest.mark.parametrize("count", [110, 300])
def test_a_list_on_one_line_is_read_to_its_end_however_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, count: int
) -> None:
    records = [json.loads(line) for line in real(GITLAB)[:count]]
    path, lines = tmp_path / "list.json", tmp_path / "lines.log"
    path.write_text(json.dumps(records), encoding="utf-8")
    lines.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    assert (path.stat().st_size > 1 << 16) == (count == 300)
    listed, single = told(capsys, command, path), told(capsys, command, lines)
    place = re.compile(r"\S*(?:list\.json|lines\.log)(?::\d+)?")
    assert [place.sub("", str(one)) for one in listed] == [place.sub("", str(one)) for one in single]


@INSIDE
def test_several_lists_are_read_each_on_a_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    records = [json.loads(line) for line in real(GITLAB)[90:120]]
    path, lines = tmp_path / "lists.json", tmp_path / "lines.log"
    parts = [records[:10], records[10:11], records[11:]]
    path.write_text("".join(f"{json.dumps(part)}\n" for part in parts), encoding="utf-8")
    lines.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    listed, single = told(capsys, command, path), told(capsys, command, lines)
    place = re.compile(r"\S*(?:lists\.json|lines\.log)(?::\d+)?")
    assert [place.sub("", str(one)) for one in listed] == [place.sub("", str(one)) for one in single]


_DUMP = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/x.go:4 +0x1d\nexit status 2\n"
_OF_OTHERS = {
    "the help of ls": b"Usage: ls [OPTION]...\n  -a, --all   do not ignore entries\n      --help   display this help\n",
    "the help of a program with cobra": b"Controls a cluster.\n\nUsage:\n  kubectl [flags]\n\nFlags:\n"
    b'  -h, --help   help for kubectl\n\nUse "kubectl [command] --help" for more.\n',
    "a unit file": b"[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "a binary file": b"\x7fELF\x02\x01\x01\0\0\0\nUsage:\nexit status 1\nruntime: sp=\nA=b\n\0\xff\n",
    "a dump of another program among its words": f"starting\n{_DUMP}".encode(),
}


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in {"tail", "diff"}])
@pytest.mark.parametrize("content", _OF_OTHERS.values(), ids=_OF_OTHERS)
def test_a_file_of_another_program_is_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, content: bytes
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    code, _, said = told(capsys, command, path)
    assert (code, "no line can be read as one of a registry" in said) == (2, True), said


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in {"tail", "diff"}])
@pytest.mark.parametrize(
    "before", ["", "listening on [::]:5000, from registry/main.go\ngithub.com/distribution/a.go:1\n"]
)
def test_what_a_registry_that_failed_leaves_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, before: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(before + _DUMP, encoding="utf-8")
    code, _, said = told(capsys, command, path)
    assert code == (1 if before and command == "validate" else 0), said
