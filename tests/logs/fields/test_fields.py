from __future__ import annotations

import pytest

from regobs.logs.fields import (
    ALIASES,
    COMBINED_FIELDS,
    DISTRIBUTION_FIELDS,
    EVENT_FIELDS,
    FIELDS,
    FORMS,
    Conversion,
    as_written,
)
from regobs.logs.fields.field import FieldType, catalogue, field
from tests.logs.lines import all_messages, records

CATALOGUES = (FIELDS, DISTRIBUTION_FIELDS, COMBINED_FIELDS, EVENT_FIELDS)
UNITS = {"ms", "s", "ns", "bytes", "count", "ratio", "percent"}


def test_every_field_is_under_its_name_and_says_what_it_means() -> None:
    for fields in CATALOGUES:
        for name, one in fields.items():
            assert one.name == name
            assert one.meaning.endswith(".")


def test_only_numbers_have_a_unit_and_it_is_a_known_one() -> None:
    for fields in CATALOGUES:
        for one in fields.values():
            assert one.unit is None or one.type in {FieldType.LONG, FieldType.DOUBLE}
            assert one.unit is None or one.unit in UNITS


@pytest.mark.parametrize(("end", "unit"), [("_ms", "ms"), ("_s", "s"), ("_bytes", "bytes")])
def test_a_name_that_ends_in_a_unit_has_that_unit(end: str, unit: str) -> None:
    named = [one for one in FIELDS.values() if one.name.endswith(end)]
    assert named
    assert [one.name for one in named if one.unit != unit] == []


def test_a_name_that_is_declared_twice_is_refused() -> None:
    one = field("a", FieldType.LONG, "A.")
    with pytest.raises(ValueError, match="declared twice: a"):
        catalogue((one,), (field("a", FieldType.TEXT, "Another."),))


def test_every_field_of_a_message_is_in_its_catalogue() -> None:
    for stream, message in all_messages():
        for name in (*message.required, *message.optional):
            assert name in FORMS or name in stream.fields, (message.text, name)


def test_every_field_that_real_lines_have_is_in_the_catalogue() -> None:
    assert {name for record in records() for name in record} - FIELDS.keys() == set()


def test_an_alias_leads_to_a_field_and_only_a_number_is_scaled() -> None:
    for name, alias in ALIASES.items():
        assert alias.name == name
        target = FIELDS[alias.field]
        assert (alias.factor != 1) == (alias.conversion is Conversion.SCALED)
        if alias.conversion in {Conversion.SCALED, Conversion.GO_DURATION}:
            assert target.unit == "ms"


def test_a_field_under_another_name_is_of_a_type_that_its_conversion_reads() -> None:
    for alias in ALIASES.values():
        ours, theirs = FIELDS[alias.field], as_written(alias)
        assert theirs.name == alias.name
        if alias.conversion is Conversion.SCALED:
            assert (ours.type, theirs.type, theirs.unit) == (FieldType.LONG, FieldType.DOUBLE, "s")
        elif alias.conversion is Conversion.SAME:
            assert (theirs.type, theirs.unit) == (ours.type, ours.unit)
        else:
            assert theirs.type is FieldType.KEYWORD


def test_an_alias_that_is_also_a_field_counts_on_access_lines_only() -> None:
    assert [name for name, alias in ALIASES.items() if name in FIELDS and not alias.access_only] == []
    assert ALIASES["duration_s"].access_only
    assert FIELDS["duration_s"].unit == "s"


def test_seconds_of_the_newer_generation_become_milliseconds() -> None:
    assert 0.125 * ALIASES["duration_s"].factor == 125
    assert 0.125 * ALIASES["ttfb_s"].factor == 125


def test_an_alias_of_distribution_is_one_of_its_fields() -> None:
    dotted = {name for name, alias in ALIASES.items() if alias.generation == "distribution"}
    assert dotted <= DISTRIBUTION_FIELDS.keys()
