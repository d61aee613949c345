"""Which release wrote a field first: said where it is known, and plainly not where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regobs.logs.fields import ALIASES, DISTRIBUTION_FIELDS, FIELDS
from regobs.logs.fields import since as known
from regobs.logs.fields.field import FieldType, Since, field
from regobs.logs.fields.since import READ, since, since_name, until
from regobs.logs.judging.closest import Closest, closest
from regobs.logs.judging.judge import Judges
from regobs.logs.schema import files
from tests.logs import made
from tests.logs.lines import records


@pytest.mark.parametrize(
    ("came", "text"),
    [
        (Since("4.2.0", "4.2.0"), "4.2.0"),
        (Since("4.32.0", "4.31.0"), "4.31.0 to 4.32.0"),
        (Since("4.0.0"), "4.0.0 or earlier"),
    ],
)
def test_what_is_not_known_is_said(came: Since, text: str) -> None:
    assert str(came) == text


def test_every_dated_name_is_one_of_the_catalogue_and_dated_once() -> None:
    tables = (known._CAME, known._NOT_BEFORE, known._THERE)
    names = [name for table in tables for listed in table.values() for name in listed.split()]
    assert sorted(set(names)) == sorted(names)
    assert set(names) <= set(FIELDS)
    assert {name for name, alias in ALIASES.items() if alias.generation == "gitlab"} == set(known._OLDER)


def test_no_release_is_later_than_the_one_that_was_read_and_none_comes_before_it_began() -> None:
    def version(text: str) -> list[int]:
        return [int(part) for part in text.split(".")]

    for name in FIELDS:
        came = since_name(name)
        assert version(came.latest) <= version(READ)
        assert not came.earliest or version(came.earliest) <= version(came.latest)


def test_a_field_of_distribution_has_its_own_release() -> None:
    assert str(since(DISTRIBUTION_FIELDS["func"], "distribution")) == "3.0.0"
    assert since(DISTRIBUTION_FIELDS["level"], "distribution") is None
    assert since(field("a", FieldType.LONG, "A."), "gitlab") == Since(READ)


def test_the_schemas_of_4_x_say_it_of_every_field_and_those_of_labkit_of_none() -> None:
    found: dict[str, Any] = {name: json.loads(text) for name, text in files().items()}
    for name in ("gitlab.access", "gitlab.application"):
        fields = [one for key, one in found[f"{name}.schema.json"]["$defs"].items() if key.startswith("field.")]
        assert len(fields) > 20
        undated = sorted(one["title"] for one in fields if not one.get("x-since"))
        assert undated == ["parent span id", "trace id"]  # no release writes these
    older = found["gitlab.application.schema.json"]["$defs"]["field.db_replica_addr"]
    assert (older["x-since"], older["x-until"]) == ("4.14.0 to 4.31.0", until("db_replica_addr"))
    assert "x-since" not in json.dumps(found["gitlab-labkit.application.schema.json"])


def told(lines: list[dict[str, Any]]) -> Closest:
    found = closest(Judges(), lines, "a.log")
    assert found is not None
    return found


def test_the_fields_of_lines_tell_between_which_releases_they_were_written() -> None:
    assert told(records()).since == "4.28.0"  # a 4.32, of which this run shows no newer field
    newest = told(list(made.REPLICAS))
    assert (newest.since, newest.until) == ("4.31.0", "")
    assert "reason" in newest.told_by
    older = [{"db_replica_addr" if key == "db_host_addr" else key: one[key] for key in one} for one in made.REPLICAS]
    assert (told(older).since, told(older).until) == ("4.31.0", "4.32.0")
    assert told(older[:2]).since == "4.23.0"


def test_a_field_that_any_release_may_have_or_of_an_unknown_message_tells_nothing() -> None:
    plain = [one for one in made.USERS if "path" not in one]
    assert (told(plain).since, told(plain).until, told(plain).told_by) == ("", "", ())
    assert told([*plain, made.line("info", "never heard of", reason="x")]).since == ""
