"""Each line that is written is shown once, whatever happens to the file."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.logs.reading.tail import Follower, Written, last_lines, piped, place_of, tail
from tests.examples import examples
from tests.logs.timing import assert_linear


def _all(follower: Follower) -> list[bytes]:
    return [line.content for line in follower.lines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    return path


@pytest.fixture
def follow() -> Iterator[Callable[..., Follower]]:
    made: list[Follower] = []

    def opened(path: Path, last: int = 0) -> Follower:
        made.append(Follower(path, last=last))
        return made[-1]

    yield opened
    for follower in made:
        follower.close()


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("last", "expected"), [(0, []), (1, [b"three"]), (2, [b"two", b"three"]), (9, [b"one", b"two", b"three"])]
)
def test_the_last_lines_come_first(
    log: Path, follow: Callable[..., Follower], last: int, expected: list[bytes]
) -> None:
    assert _all(follow(log, last)) == expected


@pytest.mark.parametrize("last", [0, 1, 2, 9])
@pytest.mark.parametrize("end", [b"", b"\n", b"\xff", b"four", b"four\n"], ids=repr)
def test_so_many_lines_are_shown_at_once_whether_the_last_has_an_end_or_not(log: Path, last: int, end: bytes) -> None:
    _append(log, end)
    lines = [one for one in log.read_bytes().split(b"\n") if one]
    found = [one.content for one in last_lines([str(log)], last)]
    assert found == lines[max(0, len(lines) - last) :]


def test_an_entry_of_the_journal_is_one_line_of_those_that_come_first(log: Path) -> None:
    entry = "__CURSOR=s\n__REALTIME_TIMESTAMP=1717654848818165\n_PID=7\nMESSAGE={}\n\n"
    log.write_text("".join(entry.format(number) for number in range(300)))
    assert [one.content for one in last_lines([str(log)], 2)] == [b"298", b"299"]
    _append(log, entry.format(300).encode())
    assert [one.content for one in tail([str(log)], last=2, poll=lambda: False)] == [b"299", b"300"]


@pytest.mark.parametrize("last", [0, 1])
def test_a_line_comes_when_its_end_is_written(log: Path, follow: Callable[..., Follower], last: int) -> None:
    _append(log, b"fo")
    follower = follow(log, last)
    assert _all(follower) == ([b"three"] if last else [])
    _append(log, b"ur")
    assert _all(follower) == []
    _append(log, b"\nfive\n")
    assert _all(follower) == [b"four", b"five"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(log: Path, follow: Callable[..., Follower]) -> None:
    follower = follow(log)
    log.rename(log.with_name("app.log.1"))
    _append(log.with_name("app.log.1"), b"late\nunended")
    assert _all(follower) == [b"late"]
    assert _all(follower) == []
    log.write_bytes(b"new\n")
    assert _all(follower) == [b"unended", b"new"]
    _append(log, b"newer\n")
    assert _all(follower) == [b"newer"]


def test_a_file_that_became_shorter_is_read_from_its_beginning(log: Path, follow: Callable[..., Follower]) -> None:
    follower = follow(log, 9)
    assert len(_all(follower)) == 3
    os.truncate(log, 0)
    assert _all(follower) == []
    _append(log, b"a\n")
    assert _all(follower) == [b"a"]


def test_a_file_that_is_not_there_is_waited_for_and_wrapped_lines_are_unwrapped(
    tmp_path: Path, follow: Callable[..., Follower]
) -> None:
    path = tmp_path / "0.log"
    follower = follow(path)
    assert _all(follower) == []
    path.write_bytes(b'2026-11-23T11:05:00Z stdout P {"a"\n')
    assert _all(follower) == []
    _append(path, b"2026-11-23T11:05:00Z stdout F : 1}\n")
    assert _all(follower) == [b'{"a": 1}']


@given(
    st.lists(
        st.one_of(st.binary(max_size=20), st.sampled_from(["rotate", "truncate", "look"])), min_size=1, max_size=12
    )
)
@settings(max_examples=examples(60), deadline=None)
def test_every_ended_line_is_shown_once_in_order(steps: list[bytes | str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_bytes(b"")
        follower = Follower(path)
        shown: list[bytes] = []
        expected: list[bytes] = []
        for number, step in enumerate(steps):
            if isinstance(step, bytes):
                line = b"%d " % number + step.replace(b"\n", b" ")
                _append(path, line + b"\n")
                expected.append(line.strip())
                continue
            shown += _all(follower)  # what is written between two looks and cut off is gone for everyone
            if step == "rotate":
                path.rename(Path(folder) / f"a.log.{number}")
                path.write_bytes(b"")
            elif step == "truncate":
                os.truncate(path, 0)
                shown += _all(follower)
        shown += _all(follower)
        follower.close()
    assert shown == expected


def test_files_are_followed_together_until_waiting_ends(log: Path) -> None:
    other = log.with_name("other.log")
    other.write_bytes(b"x\n")
    rounds: Iterator[Callable[[], None]] = iter([lambda: _append(log, b"four\n"), lambda: _append(other, b"y\n")])

    def poll() -> bool:
        step = next(rounds, None)
        if step:
            step()
        return step is not None

    found = list(tail([str(log), str(other), str(log)], last=1, poll=poll))
    assert found == [
        Written(str(log), b"three"),
        Written(str(other), b"x"),
        Written(str(log), b"four"),
        Written(str(other), b"y"),
    ]


def test_a_pipe_is_shown_as_it_comes_and_to_its_end(tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stdin:
        lines = piped(stdin)
        os.write(write, b"one\ntw")
        assert next(lines).content == b"one"
        os.write(write, b"o\nend")
        assert next(lines).content == b"two"
        os.close(write)
        assert [line.content for line in lines] == [b"end"]


def test_the_command_follows_a_file_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('{"status": 200, "msg": "old"}\n')
    command = [
        sys.executable,
        "-m",
        "regobs",
        "logs",
        "tail",
        str(path),
        "--where",
        "status >= 500",
        "--format",
        "json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _append(path, b'{"status": 200}\n{"status": 500, "uri": "/?_state=SECRET"}\n')
        assert process.stdout.readline() == '{"status": 500, "uri": "/?_state=[FILTERED]"}\n'
        path.rename(tmp_path / "a.log.1")
        path.write_text('{"status": 503}\n')
        assert process.stdout.readline() == '{"status": 503}\n'
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_file_of_utf_16_is_followed_through_half_a_letter(
    codec: str, tmp_path: Path, follow: Callable[..., Follower]
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes("\ufeffone\ntwo\n".encode(codec))
    follower = follow(path, 1)
    assert _all(follower) == [b"two"]
    text = "käse\n".encode(codec)
    _append(path, text[:3])
    assert _all(follower) == []
    _append(path, text[3:])
    assert _all(follower) == ["käse".encode()]


def test_a_compressed_file_is_read_once_and_a_new_one_of_its_name_again(
    tmp_path: Path, follow: Callable[..., Follower]
) -> None:
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree"))
    follower = follow(path, 2)
    assert _all(follower) == [b"two", b"three"]
    assert _all(follower) == []
    path.rename(tmp_path / "old.gz")
    path.write_bytes(gzip.compress(b"four\n"))
    assert _all(follower) == [b"four"]


def test_of_a_broken_archive_the_lines_before_the_break_come_and_then_an_error(tmp_path: Path) -> None:
    path, whole = tmp_path / "app.log.gz", tmp_path / "whole.log.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree")[:-4])
    whole.write_bytes(gzip.compress(b"four\nfive"))
    found: list[bytes] = []
    with pytest.raises(InputError, match="broken archive"):
        found.extend(line.content for line in last_lines([str(path), str(whole)], 9))
    assert found == [b"one", b"two", b"four", b"five"]
    assert [line.content for line in last_lines([str(whole)], 9)] == [b"four", b"five"]
    found = []
    with pytest.raises(InputError, match="broken archive"):
        found.extend(line.content for line in tail([str(path), str(whole)], last=9, poll=lambda: False))
    assert found == [b"one", b"two", b"four", b"five"]


def test_a_byte_order_mark_is_no_part_of_the_first_line_and_no_line_is_lost_behind_it(
    tmp_path: Path, follow: Callable[..., Follower]
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"\xef\xbb\xbfone\ntwo\n")
    assert _all(follow(path, 9)) == [b"one", b"two"]
    assert _all(follow(path, 1)) == [b"two"]
    path.write_bytes(b"\xef\xbb\xbf")
    follower = follow(path, 9)
    _append(path, b"one\n")
    assert _all(follower) == [b"one"]


@pytest.mark.parametrize("text", [b"", b"a", b"a\n", b"a\nb", b"a\nb\n", b"\n\n", b"\n\na", b"a\n\nb\n" * 50_000])
@pytest.mark.parametrize("last", [0, 1, 2, 7, 100_000])
def test_the_last_lines_begin_behind_the_end_of_the_line_before_them(text: bytes, last: int) -> None:
    ends = [at for at, byte in enumerate(text) if byte == ord("\n")]
    expected = ends[-last - 1] + 1 if len(ends) > last else 0
    assert place_of(io.BytesIO(text), last) == expected


def test_the_last_of_long_lines_are_found_in_time_that_is_linear_in_their_length() -> None:
    files = {size: io.BytesIO(b"x" * size * 1_000) for size in (1_000, 16_000)}
    assert_linear(lambda size: place_of(files[size], 10), 1_000)
