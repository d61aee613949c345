"""Times, addresses and numbers as queries write them, on both sides of every edge."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import LogQueryError
from regobs.logs.fields import FIELDS
from regobs.logs.kql import addresses
from regobs.logs.kql.bind import condition
from regobs.logs.kql.condition import Between, Bound, Equals, Fixed, Present, fields_of
from regobs.logs.kql.dates import EPOCH, iso, millis, span

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NOW = datetime(2026, 11, 25, 10, 30, 15, 250_000, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ("2026-02", "2026-02-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000Z", "2026-11-23T23:59:59.999Z"),
        ("2026-11-23T11", "2026-11-23T11:00:00.000Z", "2026-11-23T11:59:59.999Z"),
        ("2026-11-23T11:05+02:00", "2026-11-23T09:05:00.000Z", "2026-11-23T09:05:59.999Z"),
        ("2026-11-23T11:05:07Z", "2026-11-23T11:05:07.000Z", "2026-11-23T11:05:07.999Z"),
        ("2026-11-23T11:05:07.1239Z", "2026-11-23T11:05:07.123Z", "2026-11-23T11:05:07.123Z"),
        ("1795432293051", "2026-11-23T11:11:33.051Z", "2026-11-23T11:11:33.051Z"),
        ("now", "2026-11-25T10:30:15.250Z", "2026-11-25T10:30:15.250Z"),
        ("now-15m", "2026-11-25T10:15:15.250Z", "2026-11-25T10:15:15.250Z"),
        ("now/d", "2026-11-25T00:00:00.000Z", "2026-11-25T23:59:59.999Z"),
        ("now-1d/d", "2026-11-24T00:00:00.000Z", "2026-11-24T23:59:59.999Z"),
        ("now/w", "2026-11-23T00:00:00.000Z", "2026-11-29T23:59:59.999Z"),
        ("now-1M/M", "2026-10-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z"),
        ("now/y", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ("2026-03-31||-1M", "2026-02-28T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
    ],
)
def test_a_time_covers_what_it_leaves_out(text: str, first: str, last: str) -> None:
    found = span(text, NOW)
    assert found is not None
    assert iso(found.first) == first
    if "||" not in text:  # where the end lies after a month was taken off depends on the days of both months
        assert iso(found.last) == last


@pytest.mark.parametrize(
    "text", ["", "x", "2026-13", "2026-11-31", "2026-11-23 11:00", "now-", "now+1x", "1234", "9" * 20]
)
def test_what_is_no_time_is_none(text: str) -> None:
    found = span(text, NOW)
    assert found is None or text == "1234"  # a year


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1)))
def test_a_time_that_is_written_is_read_back(moment: datetime) -> None:
    whole = millis(moment.replace(tzinfo=UTC))
    found = span(iso(whole), NOW)
    assert found is not None
    assert found.first == found.last == whole
    assert EPOCH + timedelta(milliseconds=whole) <= moment.replace(tzinfo=UTC)


@given(st.ip_addresses(), st.ip_addresses())
def test_keys_of_addresses_are_in_the_order_of_the_addresses(
    one: ipaddress.IPv4Address, two: ipaddress.IPv4Address
) -> None:
    first, second = addresses.key(str(one)), addresses.key(str(two))
    assert first is not None
    assert second is not None
    if one.version == two.version:
        assert (first < second) == (int(one) < int(two))
    assert ipaddress.ip_address(addresses.address(first)) in {one, getattr(one, "ipv4_mapped", None)}


def test_an_address_in_version_six_notation_of_version_four_is_the_same() -> None:
    assert addresses.key("::ffff:10.0.0.1") == addresses.key("10.0.0.1")
    assert addresses.span("10.1.2.3/8") == (addresses.key("10.0.0.0"), addresses.key("10.255.255.255"))
    assert addresses.key("fe80::1%eth0") is None
    assert addresses.span("fe80::1%eth0/10") is None
    assert addresses.key("10.0.0") is None


STATUS = FIELDS["status"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("status: 404", Equals(STATUS, 404)),
        ("status: 4.04e2", Equals(STATUS, 404)),
        ("status: 404.5", Fixed(holds=False)),
        ("status > 404.5", Between(STATUS, Bound(404, inclusive=False), None)),
        ("status >= 404.5", Between(STATUS, Bound(405), None)),
        ("status < 404.5", Between(STATUS, None, Bound(405, inclusive=False))),
        ("status <= 404.5", Between(STATUS, None, Bound(404))),
        ("status < 1e30", Present(STATUS)),
        ("status > 1e30", Fixed(holds=False)),
        ("status > -1e30", Present(STATUS)),
        (f"status <= {2**63 - 1}", Between(STATUS, None, Bound(2**63 - 1))),
        (f"status: {2**63 - 1}", Equals(STATUS, 2**63 - 1)),
        (f"status: {2**63}", Fixed(holds=False)),
        (f"status: -{2**63}", Equals(STATUS, -(2**63))),
        (f"status: -{2**63 + 1}", Fixed(holds=False)),
        (f"status < {2**63}", Present(STATUS)),
        (f"status >= -{2**63}", Between(STATUS, Bound(-(2**63)), None)),
        (f"status <= -{2**63 + 1}", Fixed(holds=False)),
        ("status: *", Present(STATUS)),
        ("redirect: true", Equals(FIELDS["redirect"], True)),  # noqa: FBT003
        ('redirect: "false"', Equals(FIELDS["redirect"], False)),  # noqa: FBT003
        ("method: true", Equals(FIELDS["method"], "true")),
        ('msg: "- -"', Fixed(holds=False)),
        ("", Fixed(holds=True)),
        ("*", Fixed(holds=True)),
        ("*: *", Fixed(holds=True)),
    ],
)
def test_a_value_means_what_the_type_of_its_field_says(text: str, meaning: object) -> None:
    assert condition(text, now=NOW) == meaning


@pytest.mark.parametrize(
    ("text", "column", "message", "step"),
    [
        ("statsu: 1", 1, "no log field", "did you mean status?"),
        ("_exists_: status", 1, "no log field", "write field: *"),
        ("a: 1 and http.response.status: 1", 1, "no log field", ""),
        ("http.response.status: 200", 1, "no log field", "write status"),
        ("status: 5*", 9, "no pattern", "status >= 500"),
        ("status: high", 9, "no number", ""),
        ("redirect: yes", 11, "neither true nor false", ""),
        ("redirect > true", 12, "no order", ""),
        ("msg > a", 7, "no order", ""),
        ("time: yesterday", 7, "no time", ""),
        ("remote_ip: 10.0.0", 12, "no address", ""),
        ("remote_ip > 10.0.0.0/8", 13, "no address", ""),
        ("remote_ip: 10.*", 12, "no pattern", "10.0.0.0/8"),
        ("status: null", 9, "null", "not field: *"),
        ("status > 5*", 10, "pattern or null", ""),
        ("status: { a: 1 }", 1, "nested", "without { }"),
        ("size_bytes > 1e999", 14, "larger than any", ""),
        ("usage > 1e308", 9, "larger than any", ""),
    ],
)
def test_what_a_field_cannot_have_is_refused_at_its_place(text: str, column: int, message: str, step: str) -> None:
    with pytest.raises(LogQueryError) as caught:
        condition(text, now=NOW)
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (1, column)
    assert message in caught.value.message
    assert step in (caught.value.next_step or "")


def test_a_pattern_of_names_asks_each_field_that_can_have_the_value() -> None:
    found = {field.name for field in fields_of(condition("vars_*: abc"))}
    assert {"vars_name", "vars_digest"} <= found
    assert all(name.startswith("vars_") for name in found)
    assert condition("*_bytes: abc") == Fixed(holds=False)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (-62_135_596_800_001, "0000-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
        ((1 << 63) - 1, "+292278994-08-17T07:12:55.807Z"),
        (-(1 << 63), "-292275055-05-16T16:47:04.192Z"),
    ],
)
def test_a_time_of_any_year_is_shown_as_one(written: int, shown: str) -> None:
    assert iso(written) == shown
