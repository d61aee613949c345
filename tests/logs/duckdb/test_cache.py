"""Parquet copies answer as the logs do, and only as long as these are what they were."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest
from backports import zstd

from regobs.errors import MachineError
from regobs.logs import saved
from regobs.logs.duckdb import lines as duckdb_lines
from regobs.logs.duckdb.cache import Place
from regobs.logs.duckdb.run import run, run_all
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from regobs.pack import find_pack
from tests.logs.reference import NOW
from tests.logs.sample import FILE

STATUS = Query("s", groups=(ByTerms("status", FIELDS["status"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))
WORKER = Query("w", groups=(ByTerms("worker", FIELDS["worker"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "registry.log"
    path.write_text('{"status": 200}\n{"status": 404, "worker": "a"}\nbad\n[1]\n')
    return path


def _copies(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on no log can be read as JSON."""

    def fail(*_: object, **__: object) -> str:
        raise AssertionError("the log was read")

    monkeypatch.setattr(duckdb_lines, "_written", fail)


@pytest.mark.parametrize("place", Place)
def test_the_second_answer_comes_from_the_copy_and_is_the_same(
    log: Path, place: Place, request: pytest.FixtureRequest
) -> None:
    plain = run(STATUS, [str(log)])
    assert (plain.lines, plain.malformed, plain.rows) == (4, 2, ((200, 1), (404, 1)))
    assert run(STATUS, [str(log)], cache=place) == plain
    (copy,) = _copies(log.parent)
    assert copy.parent == (log.parent if place is Place.BESIDE else log.parent / "cache/regobs/logs")
    assert copy.stat().st_mode & 0o077 == 0
    request.getfixturevalue("unread")
    assert run(STATUS, [str(log)], cache=place) == plain


def test_every_saved_query_has_the_same_answer_from_a_copy(tmp_path: Path) -> None:
    log = tmp_path / "sample.log.gz"
    shutil.copy(FILE, log)
    pack = find_pack()
    queries = [saved.load_query(pack, name, now=NOW) for name in saved.names_in(pack)]
    assert run_all(queries, [str(log)], cache=Place.BESIDE) == run_all(queries, [str(FILE)])


def test_a_field_that_is_asked_for_later_is_added_and_the_others_stay(
    log: Path, request: pytest.FixtureRequest
) -> None:
    run(WORKER, [str(log)], cache=Place.BESIDE)
    by_name = Query("n", groups=(ByTerms("name", FIELDS["name"], missing=True),), metrics=STATUS.metrics)
    assert run(by_name, [str(log)], cache=Place.BESIDE).rows == ((None, 2),)
    request.getfixturevalue("unread")
    assert run(WORKER, [str(log)], cache=Place.BESIDE).rows == (("a", 1),)


def test_a_part_of_a_path_is_kept_as_it_was_asked_for(log: Path, request: pytest.FixtureRequest) -> None:
    log.write_text(
        '{"uri": "/v2/a/b?n=/x/y", "written_bytes": 1}\n{"message": "access", "url": "/v2/c/", "written_bytes": 1}\n'
    )
    queries = [
        Query(f"p{part}", groups=(ByTerms("p", FIELDS["uri"], part=part),), metrics=STATUS.metrics) for part in (2, 3)
    ]
    assert run(queries[0], [str(log)], cache=Place.BESIDE).rows == (("a", 1), ("c", 1))
    assert run(queries[1], [str(log)], cache=Place.BESIDE).rows == (("b", 1),)
    request.getfixturevalue("unread")
    assert [run(query, [str(log)], cache=Place.BESIDE).rows for query in queries] == [
        (("a", 1), ("c", 1)),
        (("b", 1),),
    ]


@pytest.mark.parametrize("change", ["grown", "same size", "replaced"])
def test_a_copy_of_what_the_log_was_is_not_used(log: Path, change: str) -> None:
    run(STATUS, [str(log)], cache=Place.BESIDE)
    if change == "grown":
        with log.open("a") as file:
            file.write('{"status": 500}\n')
    elif change == "same size":
        log.write_text(log.read_text().replace("200", "201"))
        os.utime(log, ns=(1, 1))
    else:
        status = log.stat()
        new = log.with_name("new")
        new.write_text(log.read_text().replace("200", "201"))
        os.utime(new, ns=(status.st_mtime_ns, status.st_mtime_ns))
        new.replace(log)
    answer = run(STATUS, [str(log)], cache=Place.BESIDE)
    assert answer == run(STATUS, [str(log)])
    assert len(_copies(log.parent)) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet PAR1"])
def test_what_is_no_copy_is_written_anew(log: Path, content: bytes) -> None:
    run(STATUS, [str(log)], cache=Place.BESIDE)
    (copy,) = _copies(log.parent)
    copy.write_bytes(content)
    assert run(STATUS, [str(log)], cache=Place.BESIDE) == run(STATUS, [str(log)])
    assert copy.read_bytes()[:4] == b"PAR1" != copy.read_bytes()[4:8]


def test_a_wrapped_log_with_a_line_too_long_is_counted_from_its_copy_too(log: Path) -> None:
    log.write_bytes(b'2026-11-23T11:05:00Z stdout F {"status": 7}\n' + b"x" * 3_000_000 + b"\n")
    first, second = (run(STATUS, [str(log)], cache=Place.USER) for _ in range(2))
    assert first == second
    assert (first.lines, first.malformed, first.rows) == (2, 1, ((7, 1),))


def test_a_line_too_long_for_duckdb_does_not_stop_the_copy(log: Path) -> None:
    log.write_bytes(b'{"status": 7}\n' + b"x" * 40_000_000 + b"\n")
    first, second = (run(STATUS, [str(log)], cache=Place.USER) for _ in range(2))
    assert first == second == run(STATUS, [str(log)])
    assert (first.lines, first.malformed) == (2, 1)


def test_logs_with_and_without_a_copy_are_one_answer(log: Path) -> None:
    run(STATUS, [str(log)], cache=Place.BESIDE)
    with gzip.open(log.with_name("other.gz"), "wt") as file:
        file.write('{"status": 200}\n')
    import io

    both = [str(log), str(log.with_name("other.gz")), "-"]
    answer = run(STATUS, both, cache=Place.BESIDE, stdin=io.BytesIO(b'{"status": 1}\n'))
    assert answer.rows == ((1, 1), (200, 2), (404, 1))
    assert (answer.lines, answer.malformed) == (6, 2)


def test_a_place_that_cannot_be_written_is_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = log.with_name("file")
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(MachineError, match="cannot be written"):
        run(STATUS, [str(log)], cache=Place.USER)


@pytest.mark.parametrize("end", [".gz", ".zst"])
def test_a_broken_archive_has_no_copy_and_is_named_each_time(tmp_path: Path, end: str) -> None:
    lines = b"".join(b'{"status": %d, "msg": "access"}\n' % number for number in range(50_000))
    log = tmp_path / f"a.log{end}"
    packed = gzip.compress(lines) if end == ".gz" else zstd.compress(lines)
    query = Query("q", metrics=(QueryMetric("n", MetricKind.COUNT),))
    log.write_bytes(packed[:-2000])
    for _ in range(2):
        answer = run(query, [str(log)], cache=Place.BESIDE)
        assert (answer.broken, answer.malformed, answer.rows) == ((str(log),), 1, ((answer.lines - 1,),))
        assert list(tmp_path.iterdir()) == [log]
    log.write_bytes(packed)
    answer = run(query, [str(log)], cache=Place.BESIDE)
    assert (answer.broken, answer.rows) == ((), ((50_000,),))
    assert len(list(tmp_path.iterdir())) == 2
