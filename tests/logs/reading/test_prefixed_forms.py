"""Whatever stands around a line, and whatever form it has: its fields are those of the bare line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.logs.fields import TEXT_FIELDS
from regobs.logs.reading.prefixes import without_prefixes
from regobs.logs.reading.record import Record, parse
from tests.logs.lines import GITLAB, records
from tests.logs.reading.test_forms import AROUND, FORMS, around, lines_of, plain
from tests.logs.timing import assert_linear

# A line without a time takes that which stands around it, see test_times_around.py: here each has its own.
LINES = [
    line.replace("INFO[0000]", "INFO[2026-11-23T11:05:00.1Z]")
    for name, shown in FORMS
    if "⏎" not in shown or name.startswith("a panic")
    for line in plain(shown).split("\n")
    if line
]
TEXT = [line for line in LINES if not line.startswith("{")]
# Prefixes of one line, of which several may stand one behind the other.
BEFORE = [shown for name, shown in AROUND if shown[:1] != "{" and shown.endswith(" LINE")]
APACHE = '192.0.2.1 - - [23/Nov/2026:11:05:00 +0000] "GET /v2/ HTTP/1.1" 200 2'


def read(text: str) -> list[Record | None]:
    return [parse(one, TEXT_FIELDS).record for one in lines_of(text) if one.content.strip()]


@pytest.mark.parametrize("shown", [shown for _, shown in AROUND], ids=[name for name, _ in AROUND])
def test_a_line_of_any_form_has_the_fields_of_the_bare_one(shown: str) -> None:
    for line in LINES:
        (expected,) = read(line)
        assert expected is not None
        assert read(around(shown, line).removesuffix("\n")) == [expected], line


@pytest.mark.parametrize("outer", BEFORE)
def test_a_line_of_any_form_is_found_behind_two_prefixes(outer: str) -> None:
    for inner in BEFORE:
        if inner == outer:
            continue  # two times stern: of four words nobody can tell how many are its own
        for line in LINES:
            assert read(outer.replace("LINE", inner).replace("LINE", line)) == read(line), (inner, line)


@pytest.mark.parametrize(
    "prefix",
    ["access.log:", "access.log:17:", "./access.log.1:3:", "2026-11-23 11:05:00,123 ", "@cee:", "registry-1 | ",
     '{a="b"} '],
)  # fmt: skip
def test_a_prefix_that_looks_like_an_address_is_none(prefix: str) -> None:
    for line in TEXT:
        assert read(prefix + line) == read(line), line


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "::1", "2001:db8::7:1", "fe80::1%eth0", "::ffff:192.0.2.1", "[::1]:5000", "[2001:db8::1]",
     "client.example.com", "client_1", "localhost", "-", "unix:", "192.0.2.1:5001", "@"],
)  # fmt: skip
def test_every_address_is_one_with_a_host_before_it_or_without(address: str) -> None:
    bare = APACHE.replace("192.0.2.1", address)
    for host in ("", "registry.example.com ", "registry:5000 ", "[::1]:5000 "):
        for prefix in ("", "2026-11-23_11:05:00.12345 ", "pod-7d9f registry ", "registry-1  | ", "a.log:7:"):
            (found,) = read(prefix + host + bare)
            assert found is not None
            assert (found["remote_ip"], found.get("host", "")) == (address, host.strip()), prefix


@pytest.mark.parametrize(
    "prefix", ["registry/a ", "2026-11-23T11:05:00Z x/y/z w ", "/var/log/x ", "what [somebody] ", "@400000006563a1 / "]
)
def test_what_is_no_address_is_none_behind_no_prefix_either(prefix: str) -> None:
    assert read(prefix + "says - - - " + APACHE) == [None]
    assert without_prefixes(b"/x - - [23/Nov/2026:11:05:00 +0000]") == b"/x - - [23/Nov/2026:11:05:00 +0000]"


SET_OUT = [(name, plain(shown)) for name, shown in FORMS if "⏎" in shown and shown.startswith("{")]
PANIC = next(plain(shown) for name, shown in FORMS if name.startswith("a panic"))
# Prefixes that end with an object, and objects alone.
OBJECTS = [(name, shown) for name, shown in AROUND if re.search(r'(?:^|␞|^data: |␉|^\[|^registry: .{0,30})\{"', shown)]


@pytest.mark.parametrize(("name", "shown"), AROUND, ids=[name for name, _ in AROUND])
def test_json_over_several_lines_is_put_together_behind_nothing_alone(name: str, shown: str) -> None:
    for _, text in SET_OUT:
        found = read("".join(around(shown, line) for line in text.split("\n")))
        if name in {"nothing", "Windows line ends"}:
            assert found == read(text)
        else:
            assert [one for one in found if one in read(text)] == [], text


@pytest.mark.parametrize("shown", [shown for _, shown in OBJECTS], ids=[name for name, _ in OBJECTS])
def test_json_over_several_lines_is_read_as_one_text_of_an_object(shown: str) -> None:
    for _, text in SET_OUT:
        assert read(around(shown, text)) == read(text)


@pytest.mark.parametrize("shown", [shown for _, shown in AROUND], ids=[name for name, _ in AROUND])
def test_a_panic_has_as_many_lines_behind_anything(shown: str) -> None:
    assert read("".join(around(shown, line) for line in PANIC.split("\n"))) == read(PANIC)


@pytest.mark.parametrize("own", [{"level": "info"}, {"severity": "info"}, {"uri": "/v2/"}, {"status": 200}])
def test_an_empty_message_of_a_line_of_its_own_makes_it_no_blank_one(own: dict[str, object]) -> None:
    assert read(json.dumps({"message": "", **own})) == [{"message": "", **own}]


SHIPPED = [
    {"@timestamp": "t", "ecs": {"version": "8.0.0"}, "event": {"original": "LINE"}, "message": "LINE"},
    {"@timestamp": "t", "message": "2026-11-23_11:05:00.12345 LINE", "log": {"file": {"path": "/x/current"}}},
    {"date": 1732359900.1, "log": "2026-11-23T11:05:00.123456789Z stderr F LINE", "tag": "kube.x"},
    {"version": "1.1", "host": "node-1", "short_message": "LI", "full_message": "LINE", "level": 6},
    {"log": "2026-11-23T11:05:00Z stdout F LINE\n", "stream": "stdout", "time": "2026-11-23T11:05:00Z"},
    {"_time": "t", "_stream": "{}", "_msg": "registry-1  | LINE"},
    {"_index": "a", "_source": {"@timestamp": "t", "message": "LINE"}},
]


def filled(value: Any, line: str) -> Any:
    if isinstance(value, dict):
        return {key: filled(one, line) for key, one in value.items()}
    return value.replace("LINE", line) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "shipped", SHIPPED, ids=["ECS", "Filebeat", "Fluent Bit", "GELF", "Docker", "VictoriaLogs", "Elasticsearch"]
)
def test_a_line_of_any_form_that_was_shipped_with_what_stood_before_it_is_the_bare_one(shipped: object) -> None:
    for line in LINES:
        assert read(json.dumps(filled(shipped, line))) == read(line), line


@pytest.mark.parametrize("level", [{"level": "error"}, {"severity": "error"}])
@pytest.mark.parametrize(
    "text", ["failed to list tags: gone", "panic: a", "2026/11/23 11:05:00 http: x", APACHE, "INFO[0000] a"]
)
@pytest.mark.parametrize("name", ["message", "_msg"])
def test_a_message_that_begins_as_lines_do_is_no_line_where_it_has_a_level(
    name: str, text: str, level: dict[str, str]
) -> None:
    assert read(json.dumps({name: text, **level})) == [{name: text, **level}]


def stored(record: Record) -> dict[str, Any]:
    """A record as VictoriaLogs gives it back that was told `_msg_field=msg` and `_time_field=time`."""
    found: dict[str, Any] = {"_stream_id": "0", "_stream": '{service="registry"}'}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        elif value not in ("", None):
            found[{"msg": "_msg", "time": "_time"}.get(name, name)] = (
                value if isinstance(value, str) else json.dumps(value)
            )
    return found


def test_what_victorialogs_kept_as_text_comes_back_as_it_was_written() -> None:
    for record in records(GITLAB):
        if record["msg"] == "Configured rate limiter":
            continue  # whose `name` is a number, while that of every other message is text
        expected = {name: value for name, value in record.items() if value not in ("", None)}
        assert read(json.dumps(stored(record))) == [expected]
    odd = {"msg": "a", "auth_user": {"JWT": "x", "name": "b"}, "auth_project_paths": ["a", "b c"], "redirect": True}
    assert read(json.dumps(stored(odd))) == [odd]
    named = {"severity": "info", "message": "a", "duration_s": 0.5, "status_code": 200}  # of labkit
    shipped = {"_stream": "{}", "_msg": "a", "severity": "info", "duration_s": "0.5", "status_code": "200"}
    assert read(json.dumps(shipped)) == [{"msg": "a", **{key: named[key] for key in named if key != "message"}}]
    assert read('{"_stream":"{}","_msg":"a","auth_project_paths":"[a"}') == [{"msg": "a", "auth_project_paths": "[a"}]
    assert read('{"_stream":"{}","msg":"a","status":"200"}') == [{"_stream": "{}", "msg": "a", "status": "200"}]


@pytest.mark.parametrize("shown", [shown for _, shown in AROUND], ids=[name for name, _ in AROUND])
def test_the_log_exporter_counts_a_line_of_any_form_with_anything_around_it(shown: str, tmp_path: Path) -> None:
    counts = []
    for form in ("LINE", shown):
        path = tmp_path / "a.log"
        path.write_text("".join(around(form, line) for line in LINES), encoding="utf-8")
        answer = CliRunner().invoke(regobs, ["export", "logs", str(path), "--once"], catch_exceptions=False)
        counts.append([
            one for one in answer.output.splitlines()
            if one[:1] != "#" and not any(word in one for word in ("seconds", "created", "bytes_read", "offset"))
        ])  # fmt: skip
    assert counts[0] == counts[1]
    requests = sum(" - - [" in line for line in LINES)
    assert any(one.endswith(f'kind="access"}} {requests}') for one in counts[0])


@pytest.mark.parametrize(
    "part",
    [b"a ", b"a b ", b"a:", b"a.b:7:", b"2026-11-23T11:05:00Z ", b"2026-11-23T11:05:00Z a/b ",
     b"@400000006563a1cc2d3b5c64 ", b"registry-1 | ", b"[pod/a/b] ", b'{a="b"} ', b"<30>1 ", b"::", b"a::", b"[:",
     b"1.1.1.1 - ", b"- ", b"unix:"],
)  # fmt: skip
def test_prefixes_without_end_take_time_that_is_linear_in_their_length(part: bytes) -> None:
    lines = {size: part * (size // len(part)) + b"[" for size in (20_000, 320_000)}
    assert_linear(lambda size: without_prefixes(lines[size]))
