"""The values that a field has in a line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.fields import FIELDS
from regobs.logs.reading.read import Line
from regobs.logs.reading.values import as_json, read_record, values

# The last milliseconds of a year at the end of what a float of seconds tells apart.
_TIMES = st.integers(int(datetime(2038, 1, 1, tzinfo=UTC).timestamp()) * 1000, 2_270_000_000_000)


@given(_TIMES)
def test_a_time_is_right_to_the_millisecond(moment: int) -> None:
    second, rest = divmod(moment, 1000)
    text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
    assert values({"time": text}, FIELDS["time"]) == [moment]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1969-12-31T23:59:59.9991Z", -1),
        ("2026-11-23T12:00:00.5+01:00", 1795431600500),
    ],
)
def test_a_part_of_a_millisecond_is_cut_towards_the_past(text: str, moment: int) -> None:
    assert values({"time": text}, FIELDS["time"]) == [moment]


def test_a_line_becomes_json_only_where_it_can_be_read() -> None:
    assert as_json(Line(1, 0, b'{"msg":  "a"}')) == b'{"msg":  "a"}'
    assert as_json(Line(1, 0, b"level=info msg=a")) == b'{"level":"info","msg":"a"}'
    assert as_json(Line(1, 0, b"what somebody says")) == b"what somebody says"


@pytest.mark.parametrize("line", [b"registry_1 | level=info msg=a", b'[pod/a/b] {"level":"info","msg":"a"}'])
def test_one_line_is_read_with_what_stands_before_it(line: bytes) -> None:
    assert read_record(line) == {"level": "info", "msg": "a"}


def test_what_nobody_wrote_is_no_record() -> None:
    assert read_record(b"what somebody says") is None
    assert read_record(b"==> a.log <==") is None
