"""Times of lines are read as DuckDB reads them."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.kql.dates import iso
from regobs.logs.reading.moments import milliseconds
from tests.logs.timing import assert_linear

_YEARS = st.sampled_from(["2026", "0001", "0000", "-0001", "1969", "26", "2024", "02026", "+2026", "2100"])
_MONTHS, _DAYS = (
    st.sampled_from(["01", "1", "2", "12", "13", "00"]),
    st.sampled_from(["01", "29", "30", "31", "3", "0"]),
)
_MARKS = st.sampled_from(["-", "-", "-", "/"])
_HOURS = st.sampled_from(["00", "11", "23", "24", "25", "7", ""])
_PARTS = st.sampled_from([":00", ":59", ":60", ":7", ":47", ""])
_FRACTIONS = st.sampled_from(["", "", ".", ".1", ".123", ".1234567", ",123"])
_ZONES = st.sampled_from(
    [
        "",
        "Z",
        "Z",
        "z",
        "+02:00",
        "-0530",
        "+02",
        "+2",
        "-15:59",
        "+02:00:30",
        " UTC",
        "UTC",
        " utc",
        " GMT",
        " +02:00",
        "+99:99",
        "+020030",
        "+0200:30",
        " junk",
    ]
)
_TEXTS = st.builds(
    lambda year, mark, month, day, between, hour, minute, second, fraction, zone: (
        f"{year}{mark}{month}{mark}{day}{between}{hour}{minute}{second}{fraction}{zone}"
    ),
    _YEARS, _MARKS, _MONTHS, _DAYS, st.sampled_from(["T", "T", " ", "t", "x", "  ", ""]),
    _HOURS, _PARTS, _PARTS, _FRACTIONS, _ZONES,
)  # fmt: skip


@pytest.fixture(scope="module", name="connection")
def _connection() -> Any:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _of_duckdb(connection: Any, texts: list[str]) -> list[int | None]:
    cast = "floor(epoch_us(TRY_CAST(text AS TIMESTAMPTZ)) / 1000)::BIGINT"
    asked = f"SELECT {cast} FROM (SELECT unnest($1) AS text, generate_subscripts($1, 1) AS place) ORDER BY place"  # noqa: S608
    return [row[0] for row in connection.execute(asked, [texts]).fetchall()]


@given(texts=st.lists(_TEXTS, min_size=20, max_size=200))
def test_a_time_is_what_duckdb_reads(connection: Any, texts: list[str]) -> None:
    assert [milliseconds(text) for text in texts] == _of_duckdb(connection, texts)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-23T11:10:47.2119Z", "2026-11-23T11:10:47.211Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00+02:00", "0000-12-31T22:00:00.000Z"),
        ("9999-12-31T23:59:59-01:00", "+10000-01-01T00:59:59.000Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("2024-02-29T24:00:00Z", "2024-03-01T00:00:00.000Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        ("2026-11-23 11:10:47 UTC", "2026-11-23T11:10:47.000Z"),
    ],
)
def test_a_time_of_any_year_is_read(connection: Any, text: str, shown: str) -> None:
    moment = milliseconds(text)
    assert moment is not None
    assert iso(moment) == shown
    assert _of_duckdb(connection, [text]) == [moment]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23T11:10:47,211Z",
        "20261123T111047Z",
        "2026-W48-1T11:10:47Z",
        "2026-11-23t11:10:47Z",
        "2026-02-29T00:00:00Z",
        "2026-11-23T24:00:00.5Z",
        "2026-11-23T11:10:60Z",
        "2026-11-23T11",
        "999999-01-01T00:00:00Z",
        "-290309-01-01T00:00:00Z",
        "1763896247",
        "\N{ARABIC-INDIC DIGIT TWO}026-11-23",
    ],
)
def test_other_text_is_none(connection: Any, text: str) -> None:
    assert milliseconds(text) is None
    assert _of_duckdb(connection, [text]) == [None]


@pytest.mark.parametrize("piece", [" ", "1", "2026-11-23T11:10:47.1", "2026-11-23 ", "+02:"])
def test_reading_one_takes_time_that_is_linear_in_the_text(piece: str) -> None:
    assert_linear(lambda size: milliseconds(piece * (size // len(piece))))


def test_a_long_fraction_is_read_in_time_that_is_linear() -> None:
    assert_linear(lambda size: milliseconds("2026-11-23T11:10:47." + "1" * size + "Z"))
