"""Each command reads each form of the tables in docs/logs.md as it reads the bare lines."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from backports import zstd
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.common.counts import counted
from regobs.errors import InputError
from regobs.logs.judging.validate import Validator
from regobs.logs.reading.read import Line
from regobs.logs.reading.values import read_record
from regobs.logs.reading.wrapping import Unwrapper
from tests.logs.lines import DOCKER, GITLAB, real
from tests.logs.messages.test_vocabulary import listed
from tests.logs.timing import assert_linear

PAGE = (Path(__file__).parents[3] / "docs/logs.md").read_text("utf-8")
SIGNS = {"⏎": "\n", "␛": "\x1b", "␍": "\r", "␉": "\t", "␞": "\x1e"}
REQUEST = "01M841NTHKZ0HGNC8T60WWY6BH"
WINDOWS = ("2026-11-23T11:11..2026-11-23T11:11:40", "2026-11-23T11:11:40..2026-11-23T11:13")
COMMANDS = {
    "validate": ["validate", "FILE"],
    "infer": ["infer", "FILE"],
    "query": ["query", "level: info or status >= 200", "FILE", "--columns", "time,msg,status,uri", "--limit", "99"],
    "run": ["run", "requests-by-route-and-status", "FILE"],
    "trace": ["trace", REQUEST, "FILE"],
    "tail": ["tail", "FILE", "--once", "--lines", "999"],
    "diff": ["diff", "FILE", "--before", WINDOWS[0], "--after", WINDOWS[1]],
}


def rows(head: str) -> list[tuple[str, str]]:
    """The rows of a table: what it is, and what it looks like."""
    table = PAGE.split(f"| {head} |")[1].split("\n\n")[0]
    found = re.findall(r"^\| (.+?) \| `(.+)` \|$", table, re.MULTILINE)
    return [(name, shown.replace("\\|", "|")) for name, shown in found]


AROUND, FORMS = rows("around a line"), rows("form of a line")


def plain(text: str) -> str:
    for sign, letter in SIGNS.items():
        text = text.replace(sign, letter)
    return text


def around(shown: str, line: str) -> str:
    """A line in the form of a row."""
    half = len(line) // 2
    for name, text in (("LINE", line), ("LI", line[:half]), ("NE", line[half:])):
        inner = json.dumps(text)[1:-1] if re.search(r'(?:^|␉|␞|: |\[|, ){"', shown) else text
        shown = re.sub(rf"\b{name}\b", lambda _, inner=inner: inner, shown)  # type: ignore[misc]
    return plain(shown) + "\n"


@pytest.fixture(scope="module")
def bare() -> list[str]:
    """Lines of a GitLab registry in JSON, among them those of one request, and one or more of each other form.

    But for lines without a time: those take the one that stands around them, see test_times_around.py.
    """
    gitlab = [line.decode() for line in real(GITLAB)]
    chosen = [line for line in gitlab if REQUEST in line or '"msg":"access"' in line][:40]
    chosen += [line for line in gitlab if REQUEST in line and line not in chosen]
    assert any(REQUEST in line for line in chosen)
    text = [line.decode() for line in real(DOCKER[1]) if line.startswith(b"time=")]
    other = [plain(shown) for _, shown in FORMS if "⏎" not in shown and not shown.startswith("INFO[0000]")]
    return [*chosen, *text[:3], *other]


@pytest.fixture(scope="module")
def expected(bare: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("bare") / "a.log"
    path.write_text("".join(f"{line}\n" for line in bare), encoding="utf-8")
    return {name: asked(name, path) for name in COMMANDS}


def asked(name: str, path: Path) -> str:
    arguments = [str(path) if one == "FILE" else one for one in COMMANDS[name]]
    answer = CliRunner().invoke(regobs, ["logs", *arguments], catch_exceptions=False)
    assert answer.exit_code in {0, 1}, answer.output
    return re.sub(r"first at \S+?:[0-9]+", "first at", answer.output.replace(str(path), "a.log"))


def test_the_tables_are_read() -> None:
    assert (len(AROUND), len(FORMS)) == (59, 18)


@pytest.mark.parametrize("shown", [shown for _, shown in FORMS], ids=[name for name, _ in FORMS])
def test_what_has_begun_goes_on_in_another_unwrapper(shown: str) -> None:
    """As after a restart of the log exporter: whichever line it ended behind, the lines are the same."""
    contents = plain(shown).encode().split(b"\n")
    whole = [one.content for one in lines_of(shown)]
    for cut in range(1, len(contents)):
        first = Unwrapper()
        found = [one.content for content in contents[:cut] for one in first.add(Line(1, 0, content))]
        second = Unwrapper(json.loads(json.dumps(first.data())))
        assert second.data() == first.data()
        found += [one.content for content in contents[cut:] for one in second.add(Line(1, 0, content))]
        assert found + [one.content for one in second.rest()] == whole, cut


def test_nothing_is_kept_of_lines_that_have_ended() -> None:
    unwrapper = Unwrapper()
    unwrapper.add(Line(1, 0, b'{"msg":"access"}'))
    assert unwrapper.data() == {}


@pytest.mark.parametrize(("size", "kept"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_no_more_is_kept_than_a_checkpoint_should_hold(size: int, kept: bool) -> None:
    unwrapper = Unwrapper()
    for stream, part in ((b"stdout", b"x" * (size - 10)), (b"stderr", b"y" * 10)):
        unwrapper.add(Line(1, 0, b"2026-11-23T11:05:00.1Z " + stream + b" P " + part))
    assert bool(unwrapper.data()) is kept


def test_bytes_of_any_kind_go_on_in_another_unwrapper() -> None:
    value = bytes(range(256))
    first = Unwrapper()
    for content in (b"__CURSOR=1", b"MESSAGE", len(value).to_bytes(8, "little") + value[:10]):
        assert first.add(Line(1, 0, content)) == []
    second = Unwrapper(json.loads(json.dumps(first.data())))
    (found,) = second.add(Line(1, 0, value[11:]))
    assert found.content == value.replace(b"\n", b" ").strip()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("shown", [shown for _, shown in AROUND], ids=[name for name, _ in AROUND])
def test_a_command_reads_lines_with_something_around_them_as_bare_ones(
    shown: str, command: str, bare: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes("".join(around(shown, line) for line in bare).encode())
    assert asked(command, path) == expected[command]
    assert "malformed" not in expected["query"]


@pytest.mark.parametrize("shown", [shown for _, shown in AROUND], ids=[name for name, _ in AROUND])
def test_what_stands_around_a_line_is_taken_off_whatever_its_message_says(shown: str) -> None:
    texts = [one.text for one in listed()] + ["a b: c d e", 'a="b" c: d', "[a] b: {c", "a: b", "1 of 2 | 3: x", ": "]
    for line in [json.dumps({"time": "2026-11-23T11:05:00Z", "level": "info", "msg": text}) for text in texts]:
        found = [one.content.decode() for one in lines_of(around(shown, line)) if one.content]
        assert found in ([line], [line.replace('": ', '":').replace(', "', ',"')]), line


def test_the_logstash_formatter_keeps_every_field_and_a_version_alone_makes_no_line_of_it() -> None:
    line = {
        "@timestamp": "t",
        "@version": "1",
        "level": "warning",
        "message": "a: {b}",
        "type": "log",
        "vars.name": "c",
    }
    (found,) = lines_of(json.dumps(line))
    assert json.loads(found.content) == {"time": "t", "level": "warning", "msg": "a: {b}", "vars.name": "c"}
    for left in ({"@version": "1", "message": "a"}, {"@timestamp": "t", "message": "a"}, {**line, "message": 7}):
        assert [json.loads(one.content) for one in lines_of(json.dumps(left))] == [left]


def lines_of(shown: str) -> Iterator[Line]:
    unwrapper = Unwrapper()
    for number, content in enumerate(plain(shown).encode().split(b"\n"), 1):
        yield from unwrapper.add(Line(number, 0, content))
    yield from unwrapper.rest()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("shown", [shown for _, shown in FORMS], ids=[name for name, _ in FORMS])
def test_a_command_reads_a_line_of_any_form(shown: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(plain(shown) + "\n", encoding="utf-8")
    written = [line for line in lines_of(shown) if line.content]
    arguments = [str(path) if one == "FILE" else one for one in COMMANDS[command]]
    answer = CliRunner().invoke(regobs, ["logs", *arguments])
    if command == "validate":
        assert f"{counted(len(written), 'line')}, {len(written)} valid, 0 invalid, 0 malformed" in answer.output
        assert "unknown" not in answer.output
    elif command == "infer":
        assert answer.output.startswith(f"# {counted(len(written), 'line')}. ")
    elif command == "tail":
        assert len(answer.output.splitlines()) == len(written)
    elif command == "diff":
        assert isinstance(answer.exception, InputError)  # the windows have no line of it
    else:
        assert "malformed" not in answer.output
        assert answer.exit_code == 0


def test_prefixes_stand_one_behind_the_other() -> None:
    line = b'/logs/a.log:3:registry-1  | 2026-11-23T11:05:00.1Z stdout F {"msg":"access"}'
    assert [one.content for one in Unwrapper().add(Line(1, 0, line))] == [b'{"msg":"access"}']


@pytest.mark.parametrize(
    "line",
    ["registry_1 | what somebody says", "Nov 23 11:05:00 host kernel: eth0: link up", "a: b", "not a line", "{", "[1]"],
)
def test_what_no_registry_wrote_stays_as_it_is(line: str) -> None:
    unwrapper = Unwrapper()
    found = [*unwrapper.add(Line(1, 0, line.encode())), *unwrapper.rest()]
    assert [one.content for one in found] == [line.encode()]


def test_an_object_that_never_ends_leaves_the_lines_behind_it() -> None:
    unwrapper = Unwrapper()
    lines = [b"{", b'{"msg":"a"}', b'{"msg":"b"}']
    found = [one for number, line in enumerate(lines, 1) for one in unwrapper.add(Line(number, 0, line))]
    assert [(one.number, one.content) for one in found] == list(enumerate(lines, 1))


@pytest.mark.parametrize("begin", ["{", "["])
def test_what_stands_around_a_line_is_taken_off_behind_a_bracket_that_opens_nothing(begin: str) -> None:
    found = [one.content for one in lines_of(f'{begin}⏎[pod/a/b] {{"msg":"a"}}') if one.content]
    assert found == [begin.encode(), b'{"msg":"a"}']


def test_a_line_keeps_the_number_and_place_at_which_it_begins() -> None:
    unwrapper = Unwrapper()
    parts = [b"2026-11-23T11:05:00.1Z stdout P {", b'2026-11-23T11:05:00.2Z stdout F "msg":1}']
    assert unwrapper.add(Line(7, 70, parts[0])) == []
    assert [(one.number, one.offset, one.content) for one in unwrapper.add(Line(8, 99, parts[1]))] == [
        (7, 70, b'{"msg":1}')
    ]


def test_forms_may_change_within_a_file_also_after_its_beginning(bare: list[str], tmp_path: Path) -> None:
    json_lines = [line for line in bare if line.startswith("{")]
    path = tmp_path / "a.log"
    odd = [plain(shown) for name, shown in FORMS if name.startswith(("Apache", "nginx", "Go's", "go-redis", "logfmt"))]
    path.write_text("\n".join([*(json_lines * 20), *odd, *json_lines]) + "\n", encoding="utf-8")
    lines = len(json_lines) * 21 + len(odd)
    answer = CliRunner().invoke(regobs, ["logs", "query", "method: GET and status: 200", str(path), "--by", "method"])
    assert f"{counted(lines, 'line')}\n" in answer.output
    assert (
        f"{counted(lines, 'line')}, {lines:,} valid"
        in CliRunner().invoke(regobs, ["logs", "validate", str(path)]).output
    )


def test_a_byte_order_mark_and_compression_change_nothing(bare: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(
        gzip.compress(b"\xef\xbb\xbf" + "".join(around("registry-1  | LINE", one) for one in bare).encode())
    )
    validator = Validator()
    with path.open("rb") as file:
        validator.read(file, "a")
    assert (validator.report.lines, validator.report.malformed) == (len(bare), 0)
    answer = CliRunner().invoke(regobs, ["logs", "query", "*", str(path), "--by", "level"])
    assert f"{counted(len(bare), 'line')}\n" in answer.output


@pytest.mark.parametrize(
    "hostile",
    [
        lambda size: b"a " * size,
        lambda size: b"a:" * size,
        lambda size: b"[" * size,
        lambda size: b"2026-11-23T11:05:00Z " * (size // 20),
        lambda size: b"(" * size,
        lambda size: b"Nov 23 11:05:00 " * (size // 16),
        lambda size: b"00:00:01 " * (size // 9),
        lambda size: b"[ 1.000000 <" * (size // 12),
        lambda size: b"2026-11-23T11:05:00Z a[1]: " * (size // 27),
        lambda size: b"a: [" * (size // 4) + b"}]",
        lambda size: b'{"event":1}' * (size // 11),
        lambda size: b"a.b(" * (size // 4),
        lambda size: b'{a="b",' * (size // 7),
        lambda size: b"\x1b[" * size,
        lambda size: b'INFO[0000] a="' * (size // 14),
        lambda size: b'1.1.1.1 - - [23/Nov/2026:11:05:00 +0000] "' + b"\\a" * size,
        lambda size: b"\xef\xbb\xbf" * (size // 3),
        lambda size: b"registry-1 | " + b"\xef\xbb\xbf" * (size // 3) + b"{",
        lambda size: b'{"log":"' + b"\\u0022" * (size // 6) + b'","stream":"a"}',
    ],
)
def test_a_hostile_line_takes_time_that_is_linear_in_its_length(hostile: object) -> None:
    assert callable(hostile)
    lines = {size: hostile(size) for size in (20_000, 320_000)}
    assert_linear(lambda size: read_record(lines[size]))


@pytest.mark.parametrize("content", [b"{", b"}", b" ", b"[", b' "a": 1,', b"\xef\xbb\xbf{", b"\xef\xbb\xbf" * 9])
def test_hostile_lines_take_time_that_is_linear_in_their_number(content: bytes) -> None:
    def read(size: int) -> None:
        unwrapper = Unwrapper()
        unwrapper.add(Line(1, 0, b"{"))
        for number in range(size):
            unwrapper.add(Line(number, 0, content))
        unwrapper.rest()

    assert_linear(read, 2_000)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "a byte order mark before each line": lambda text: b"".join(
        b"\xef\xbb\xbf" + f"{line}\n".encode() for line in text.splitlines()
    ),
    "files with a byte order mark, put together": lambda text: b"".join(
        b"\xef\xbb\xbf" + f"{part}\n".encode() for part in text.removesuffix("\n").split("\n", 20)
    ),
    "UTF-16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 of Windows": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip in parts": lambda text: b"".join(gzip.compress(f"{line}\n".encode()) for line in text.splitlines()),
    "gzip with a byte order mark": lambda text: gzip.compress(b"\xef\xbb\xbf" + text.encode()),
    "gzip of UTF-16": lambda text: gzip.compress(b"\xff\xfe" + text.encode("utf-16-le")),
    "zstd of UTF-16": lambda text: zstd.compress(b"\xff\xfe" + text.encode("utf-16-le")),
    "gzip with zeros behind it": lambda text: gzip.compress(text.encode()) + bytes(1000),
    "gzip with a zero behind it": lambda text: gzip.compress(text.encode()) + bytes(1),
    "zstd with zeros behind it": lambda text: zstd.compress(text.encode()) + bytes(1000),
    "zstd behind a frame that is skipped": lambda text: b"\x5f\x2a\x4d\x18\5\0\0\0hello" + zstd.compress(text.encode()),
    "no end of the last line": lambda text: text.rstrip("\n").encode(),
}


@pytest.mark.parametrize(
    "shown", [shown for _, shown in (*AROUND, *FORMS)], ids=[name for name, _ in (*AROUND, *FORMS)]
)
def test_a_byte_order_mark_within_a_file_hides_no_line(shown: str) -> None:
    """As where files of any form were put together; behind a prefix too, where a program showed such a file."""
    text = around(shown, '{"level":"info","msg":"a"}').removesuffix("\n")
    expected = [one.content for one in lines_of(text) if one.content]
    behind, marked = (lines_of(f'{{"msg":"b"}}\n{mark}{text}') for mark in ("", "\ufeff"))
    assert [one.content for one in marked if one.content] == [one.content for one in behind if one.content]
    if shown in dict(AROUND).values():
        inner = around(shown, '\ufeff{"level":"info","msg":"a"}').removesuffix("\n")
        assert [one.content for one in lines_of(inner) if one.content] == expected


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_command_reads_a_file_in_another_encoding_as_a_plain_one(
    encoding: str, command: str, bare: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(ENCODINGS[encoding]("".join(f"{line}\n" for line in bare)))
    assert asked(command, path) == expected[command]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tail_reads_standard_input_in_any_encoding(
    encoding: str, bare: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(ENCODINGS[encoding]("".join(f"{line}\n" for line in bare)))
    with path.open("rb") as file:
        assert (
            subprocess.check_output([sys.executable, "-m", "regobs", "logs", "tail", "-"], stdin=file).decode()
            == (expected["tail"])
        )


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "tail"])
def test_a_command_reads_a_folder_as_it_reads_the_files_in_it(
    command: str, bare: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "registry"
    (folder / "older").mkdir(parents=True)
    for name in ("config", "lock", "state", ".hidden"):
        (folder / name).write_text("s1000\n")
    with gzip.open(folder / "current.1.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in bare[:20])
    (folder / "current").write_text("".join(f"{line}\n" for line in bare[20:]), encoding="utf-8")
    rotated = [asked_of([folder / "current.1.gz", folder / "current"], command)]
    assert [asked_of([folder], command), asked_of([f"{folder}/curr*"], command)] == rotated * 2
    if command not in {"validate", "trace"}:  # which name each file
        assert rotated == [expected[command]]


def asked_of(files: Sequence[Path | str], command: str) -> str:
    arguments = [one for part in COMMANDS[command] for one in (map(str, files) if part == "FILE" else [part])]
    answer = CliRunner().invoke(regobs, ["logs", *arguments], catch_exceptions=False)
    assert answer.exit_code in {0, 1}, answer.output
    return answer.output


def test_tail_takes_a_pattern_and_names_the_files_that_it_means(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text('{"level":"info","msg":"x"}\n')
    answer = CliRunner().invoke(regobs, ["logs", "tail", "--once", f"{tmp_path}/*.log"])
    assert [line.partition(": ")[0] for line in answer.output.splitlines()] == [
        str(tmp_path / "a.log"), str(tmp_path / "b.log"),
    ]  # fmt: skip
    nothing = CliRunner().invoke(regobs, ["logs", "tail", f"{tmp_path}/*.txt"])
    assert isinstance(nothing.exception, InputError)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_without_a_log_is_wrong_input(command: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path) if one == "FILE" else one for one in COMMANDS[command]]
    answer = CliRunner().invoke(regobs, ["logs", *arguments])
    assert isinstance(answer.exception, InputError)
    assert "a folder" in str(answer.exception)
