"""What is no log, or not the whole of one, is told as that by every command."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from click.testing import CliRunner, Result

from regobs.cli.main import regobs
from regobs.errors import InputError
from regobs.logs.reading.read import refuse_tar
from regobs.logs.reading.text import is_of_others
from tests.logs.lines import GITLAB, real
from tests.logs.reading.test_forms import COMMANDS

LINES = b"".join(line + b"\n" for line in real(GITLAB)[:200])
EVERY = {name: ["logs", *words] for name, words in COMMANDS.items()}
EVERY["export"] = ["export", "logs", "FILE", "--once"]
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "logs.tar": bytes,
    "logs.tar.gz": gzip.compress,
    "logs.tar.zst": zstd.compress,
}


def ran(command: str, path: Path) -> Result:
    return CliRunner().invoke(regobs, [str(path) if one == "FILE" else one for one in EVERY[command]])


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("logs/current", "logs/current.1"):
            info = tarfile.TarInfo(name)
            info.size = len(LINES)
            tar.addfile(info, io.BytesIO(LINES))
    return out.getvalue()


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("command", EVERY)
def test_an_archive_of_tar_is_refused_with_what_to_do(command: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name](archive()))
    fault = ran(command, path).exception
    assert isinstance(fault, InputError)
    assert str(path) in str(fault)
    assert "an archive of tar" in str(fault)
    assert "tar -xf" in str(fault)


@pytest.mark.parametrize("end", [257, 261])
def test_a_line_with_the_mark_of_tar_at_its_place_is_a_line(end: int) -> None:
    refuse_tar(b"x" * 257 + b"ustar" + b"x" * 99, "a")
    refuse_tar(archive()[:end], "a")
    with pytest.raises(InputError):
        refuse_tar(archive()[:262], "a")


@pytest.mark.parametrize("size", [900, 3000])
@pytest.mark.parametrize("command", sorted(EVERY.keys() - {"export"}))
def test_a_packed_log_that_ends_too_early_is_told_as_that(command: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(LINES)[:size])
    fault = ran(command, path).exception
    assert isinstance(fault, InputError)
    assert "a broken archive" in str(fault)


OTHERS: dict[str, object] = {
    "package": {"name": "x", "version": "1.0.0", "scripts": {"a": "b"}},
    "dashboard": {"title": "x", "panels": [{"id": 1}], "time": {"from": "now-1h"}, "version": 3},
    "answer of an API": {"status": "success", "data": {"result": []}},
    "list": [{"a": 1}, {"b": 2}],
    "event of another program": {"time": 1763895900.1, "host": "a", "event": "hello"},
    "nothing but a time": {"@timestamp": "2026-11-23T11:05:00Z", "time": "2026-11-23T11:05:00Z", "a": 1},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("command", EVERY)
def test_json_that_is_no_log_is_told_as_that(command: str, kind: str, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(OTHERS[kind], indent=indent) + "\n", encoding="utf-8")
    fault = ran(command, path).exception
    assert isinstance(fault, InputError)
    assert "registry" in str(fault)
    if command in {"validate", "query", "run", "trace"}:  # one line of a log makes it one
        path.write_bytes(path.read_bytes() + b"\n" + LINES)
        assert not isinstance(ran(command, path).exception, InputError)


@pytest.mark.parametrize(
    ("record", "others"),
    [({"msg": "a"}, False), ({"time": 7}, True), ({"time": 7, "level": "info"}, True),
     ({"time": {}}, True), ({"time": "a", "status": "200"}, True), ({"request": "GET /"}, False),
     ({"status": 200}, True), ({"status": 200, "method": "GET"}, True), ({"correlation_id": "a"}, True),
     ({"status": 200, "uri": "/"}, False), ({"severity": "info", "message": "a"}, False), ({"msg": 7}, True),
     ({"status": "a"}, True),
     ({"http.request.method": "GET"}, False), ({"events": []}, False), ({"events": "a"}, True),
     ({"a": 1}, True), ({}, True)],
)  # fmt: skip
def test_one_field_of_a_log_makes_an_object_one_of_its_lines(record: dict[str, object], others: bool) -> None:
    assert is_of_others(json.dumps(record).encode(), record) is others


def test_a_time_that_was_never_set_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    times = ("0001-01-01T00:00:00Z", "2026-11-23T11:05:00Z", "2026-11-23T11:05:01Z")
    lines = [{"time": time, "level": "info", "msg": "access", "correlation_id": "abcdef"} for time in times]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    answer = CliRunner().invoke(regobs, ["logs", "trace", "abcdef", str(path)], catch_exceptions=False)
    assert [line[:11].strip() for line in answer.stdout.splitlines()] == ["", "+0 ms", "+1,000 ms"]


_LINE = '{"level":"info","msg":"access","time":"2026-11-23T11:05:00.1Z","correlation_id":"01M841NTHKZ0HGNC8T60WWY6BH"}'
_QUOTED = json.dumps(_LINE)
# By the first words of a row in the table of docs/logs.md of what is not read.
NOT_READ = {
    "`journalctl -o verbose`": f"Mon 2026-11-23 11:05:00.1 UTC [s=a;i=1]\n    _PID=660\n    MESSAGE={_LINE}\n",
    "Fluent Bit's stdout": f'[0] registry: [[1732359900.100000000, {{}}], {{"log"=>{_QUOTED}}}]\n',
    "answer of Loki": f'{{"status":"success","data":{{"result":[{{"stream":{{}},"values":[["1",{_QUOTED}]]}}]}}}}\n',
    "answer of Elasticsearch": f'{{"took":1,"hits":{{"hits":[{{"_source":{_LINE}}}]}}}}\n',
    "OTLP as JSON": '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":LINE}}]}]}]}\n'.replace(
        "LINE", _QUOTED
    ),
    "CSV of Datadog": '"2026-11-23T11:05:00Z","node-1","{}"\n'.format(_LINE.replace('"', '""')),
}


@pytest.mark.parametrize("kind", NOT_READ)
@pytest.mark.parametrize("command", EVERY)
def test_what_the_docs_call_not_read_is_told_as_that(command: str, kind: str, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/logs.md").read_text("utf-8")
    assert f"\n| {kind}" in page.split("| not read | instead |")[1].split("\n\n")[0]
    path = tmp_path / "a.log"
    path.write_text(NOT_READ[kind], encoding="utf-8")
    fault = ran(command, path).exception
    assert isinstance(fault, InputError)
    assert "no line can be read as one of a registry" in str(fault)
