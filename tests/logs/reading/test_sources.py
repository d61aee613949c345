"""Logs in every form that they are kept in give the same answer as the plain file."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from pathlib import Path

import pytest
from backports import zstd

from regobs.errors import InputError
from regobs.logs.duckdb.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from regobs.logs.reading.outcome import looked_at, nothing_read
from regobs.logs.reading.read import open_log
from regobs.logs.reading.sources import matching, sources
from tests.logs.sample import FILE, lines

BY_MESSAGE = Query("m", groups=(ByTerms("level", FIELDS["level"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))
STATUS = Query("s", columns=(FIELDS["status"],))
PLAIN = gzip.decompress(FILE.read_bytes())
EXPECTED = run(BY_MESSAGE, [str(FILE)])


def _cri(line: bytes) -> bytes:
    head = b"2026-11-23T11:05:00.1Z stdout "
    return head + b"P " + line[:50] + b"\n" + head + b"F " + line[50:] + b"\n"


def _docker(line: bytes) -> bytes:
    return json.dumps({"log": line.decode() + "\n", "stream": "stdout", "time": "2026"}).encode() + b"\n"


def _export(line: bytes) -> bytes:
    return b"__CURSOR=s\n_COMM=registry\nMESSAGE=" + line + b"\n\n"


FORMS = {
    "plain": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "zstd": zstd.compress(PLAIN),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "cri": b"".join(map(_cri, PLAIN.splitlines())),
    "cri in gzip": gzip.compress(b"".join(map(_cri, PLAIN.splitlines()))),
    "docker": b"".join(map(_docker, PLAIN.splitlines())),
    "journal export": b"".join(map(_export, PLAIN.splitlines())),
    "journal export in zstd": zstd.compress(b"".join(map(_export, PLAIN.splitlines()))),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_log_in_any_form_has_the_answer_of_the_plain_one(tmp_path: Path, data: bytes) -> None:
    assert EXPECTED.lines == len(lines())
    path = tmp_path / "registry.log"
    path.write_bytes(data)
    assert run(BY_MESSAGE, [str(path)]) == EXPECTED
    assert run(BY_MESSAGE, ["-"], stdin=io.BytesIO(data)) == EXPECTED


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(PLAIN,))
    writer.start()
    assert run(BY_MESSAGE, [str(pipe)]) == EXPECTED
    writer.join()


def test_a_rotated_set_is_read_in_order_of_time_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"status": 4}\n')
    (tmp_path / "app.log.1").write_text('{"status": 3}\n')
    with gzip.open(tmp_path / "app.log.1.gz", "wt") as file:
        file.write('{"status": 3}\n')
    with gzip.open(tmp_path / "app.log.2.gz", "wt") as file:
        file.write('{"status": 2}\n')
    (tmp_path / "app.log.10.zst").write_bytes(zstd.compress(b'{"status": 1}\n'))
    answer = run(STATUS, [str(tmp_path / "app.log*"), str(tmp_path / "app.log")])
    assert [row[0] for row in answer.rows] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "query", [Query("n", metrics=(QueryMetric("n", MetricKind.COUNT),)), STATUS], ids=["count", "lines"]
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_line_too_long_for_any_log_is_malformed_and_the_others_are_read(
    tmp_path: Path, query: Query, wrapped: bool
) -> None:
    path = tmp_path / "a.log"
    lines = [b'{"status": 1}', b'{"msg": "' + b"x" * 40_000_000 + b'"}', b"[1]", b'{"status": 2}']
    path.write_bytes(b"".join(map(_cri if wrapped else lambda line: line + b"\n", lines)))
    answer = run(query, [str(path)])
    assert (answer.lines, answer.malformed) == (4, 2)
    assert answer.rows == (((1,), (2,)) if query is STATUS else ((2,),))


def test_nothing_stays_behind_and_the_logs_are_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    path = tmp_path / "a.log"
    path.write_bytes(FORMS["cri"])
    before = path.stat()
    with sources([path], io.BytesIO(b"{}\n"), piped=True) as folder:
        assert [source.name for source in folder.sources] == [str(path), "(standard input)"]
        assert folder.sources[0].readable.read_bytes().split() == PLAIN.split()
        assert oct(folder.sources[0].readable.parent.stat().st_mode)[-3:] == "700"
    assert list((tmp_path / "tmp").iterdir()) == []
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("name", ["s3://bucket/a.parquet", "https://minio.example/b/a.log.gz"])
def test_an_address_is_refused_with_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="address") as refused:
        matching(name)
    assert "S3" in str(refused.value.expected)
    with pytest.raises(InputError, match="address"):
        open_log(name, io.BytesIO())


def test_a_parquet_file_is_told_from_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1\x00\n\x01PAR1")
    assert looked_at([("a", path)]).unread == ("a",)
    assert "Parquet" in str(nothing_read([str(path)]).expected)
    path.write_bytes(b"what\n")
    assert "Parquet" not in str(nothing_read([str(path), "-"]).expected)
