"""What is proposed for lines that no schema knows, and that the lines are valid once it is applied."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.cli.logs import logs
from regobs.cli.main import run
from regobs.logs.fields.field import FieldType, field
from regobs.logs.judging.guess import Seen, guessed, stem_of, unit_of
from regobs.logs.judging.infer import Census, StreamProposal
from regobs.logs.judging.judge import Judge
from regobs.logs.judging.proposal import to_schema, to_text
from regobs.logs.messages.message import GAP, parsed_messages
from tests.examples import examples
from tests.logs.lines import DOCKER, GITLAB, records
from tests.logs.sample import newer

ACCESS = next(record for record in records() if record["msg"] == "access")
BLOB = next(record for record in records() if record["msg"] == "blob uploaded")
PLAIN = {"time": "2026-11-23T11:11:21.645Z", "level": "info"}


def census_of(*lines: Mapping[str, Any] | bytes) -> Census:
    census = Census()
    packed = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    census.read(io.BytesIO(b"".join(line + b"\n" for line in packed)))
    return census


def one(census: Census) -> StreamProposal:
    (found,) = census.proposals()
    return found


def accepted(proposal: StreamProposal, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that something is still wrong with, or new in, after the patch."""
    judge = Judge((proposal.after,))
    return [line for line in lines if not judge.rule(line).fits(line)]


def guess(name: str, *values: Any) -> tuple[FieldType, str | None]:
    seen = Seen()
    for value in values:
        seen.add(value, name)
    made = guessed(name, seen)
    return made.type, made.unit


@pytest.mark.parametrize(
    ("name", "values", "kind", "unit"),
    [
        ("wait_ms", [5, 7], FieldType.LONG, "ms"),
        ("wait_ms", [5, 7.5], FieldType.DOUBLE, "ms"),
        ("wait_seconds", [0.5], FieldType.DOUBLE, "s"),
        ("retry.count", [1], FieldType.LONG, "count"),
        ("shard", [1], FieldType.LONG, None),
        ("big", [2**70], FieldType.DOUBLE, None),
        ("on", [True, False], FieldType.BOOLEAN, None),
        ("client", ["10.0.0.1", "::1"], FieldType.IP, None),
        ("client", ["10.0.0.1", "a host"], FieldType.KEYWORD, None),
        ("when", ["2026-11-23T11:11:21.645Z"], FieldType.DATE, None),
        ("layer", ["sha256:" + "ab" * 32], FieldType.KEYWORD, None),
        ("note", ["five words make a sentence"], FieldType.TEXT, None),
        ("tags", [["a", "b"], []], FieldType.KEYWORD_LIST, None),
        ("event", [{"a": 1}], FieldType.OBJECT, None),
        ("any", [1, "text"], FieldType.KEYWORD, None),
        ("any", [None], FieldType.KEYWORD, None),
        ("wait_ms", ["5ms"], FieldType.KEYWORD, None),
    ],
)
def test_type_and_unit_are_guessed_from_values_and_name(
    name: str, values: list[Any], kind: FieldType, unit: str | None
) -> None:
    assert guess(name, *values) == (kind, unit)


@pytest.mark.parametrize(
    ("name", "unit", "stem"),
    [
        ("duration_ms", "ms", "duration"),
        ("lag-bytes", "bytes", "lag"),
        ("count", "count", "count"),
        ("a.s", "s", "a"),
        ("tags", None, "tags"),
    ],
)
def test_a_unit_is_the_last_word_of_a_name(name: str, unit: str | None, stem: str) -> None:
    assert (unit_of(name), stem_of(name)) == (unit, stem)


def test_what_every_schema_knows_brings_no_proposal() -> None:
    census = Census()
    for path in (GITLAB, *DOCKER):
        with path.open("rb") as file:
            census.read(file)
    assert census.proposals() == []
    assert to_text(census).startswith("# 6,421 lines. Every line")
    assert to_text(Census()) == "# 0 lines. No line was read."


def test_a_new_message_is_proposed_with_its_levels_context_and_fields() -> None:
    lines = [
        BLOB | {"msg": "blob teleported", "distance": n, "level": level}
        for n in range(4)
        for level in ("info", "error")
    ]
    del lines[0]["media_type"]
    found = one(census_of(*lines))
    ((made, gathered),) = found.messages
    assert (made.text, made.levels, made.context) == ("blob teleported", ("info", "error"), "request")
    assert made.required == ("digest", "distance", "size_bytes")
    assert made.optional == ("media_type",)
    assert gathered.lines == 8
    assert list(found.fields) == ["distance"]
    assert accepted(found, lines) == []


def test_a_field_of_few_lines_is_not_called_required() -> None:
    ((made, _),) = one(census_of(*[PLAIN | {"msg": "new", "a": 1}] * 4)).messages
    assert (made.required, made.optional) == ((), ("a",))


@pytest.mark.parametrize("text", ["moved {} blobs", "moved to {}", 'found "{}" (again)', "moved"])
def test_what_differs_from_line_to_line_is_left_open(text: str) -> None:
    lines = [PLAIN | {"msg": text.format(number)} for number in range(10)]
    found = one(census_of(*lines))
    ((made, _),) = found.messages
    assert made.text == text.replace('"{}"', GAP).replace("{}", GAP)
    assert accepted(found, lines) == []


def test_a_text_without_a_constant_part_is_only_counted() -> None:
    census = census_of(PLAIN | {"msg": "12345"}, PLAIN | {"msg": 5}, PLAIN)
    assert one(census).messages == []
    assert census.untold == 3
    assert "3 lines have a message without a constant part" in to_text(census)


def test_a_known_message_gets_the_fields_it_has_besides_its_own() -> None:
    lines = [BLOB | {"shard": "a"}, BLOB, BLOB | {"fileSize": 5}]
    found = one(census_of(*lines))
    ((known, names, gathered),) = found.extended
    assert (known.text, names, gathered.lines) == ("blob uploaded", ("fileSize", "shard"), 2)
    assert list(found.fields) == ["shard"]
    assert accepted(found, lines) == []


def test_values_that_are_not_what_the_catalogue_says_are_left_for_a_person() -> None:
    line = BLOB | {"size_bytes": "5"}
    found = one(census_of(line))
    assert found.doubts == {"blob uploaded: size_bytes (type)": 1}
    assert accepted(found, [line]) == [line]


def test_lines_of_the_newer_generation_are_proposed_in_its_own_stream() -> None:
    found = one(census_of(newer(ACCESS) | {"tls_version": "1.3"}))
    assert found.stream.name == "gitlab-labkit.access"
    assert list(found.fields) == ["tls_version"]


def test_secrets_are_in_no_proposal() -> None:
    secret = "c2VjcmV0LXNlY3JldA1"
    census = census_of(
        PLAIN | {"msg": f"moved with Bearer {secret}", "password": secret, "link": f"https://a/?_state={secret}"},
        BLOB | {"token": secret},
    )
    assert secret not in to_text(census)
    assert secret not in to_schema(census)


def test_hostile_input_cannot_make_a_proposal_grow_without_bound() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [PLAIN | {"msg": f"{a}{b} happened"} for a in letters for b in letters]
    wide = [PLAIN | {"msg": "wide", **{f"f{number}": 1 for number in range(400)}}]
    census = census_of(*wide, *texts)
    assert len(one(census).messages) == 500
    assert census.untold == len(texts) - 499
    assert len(one(census).fields) == 200


@settings(max_examples=examples(100))
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_read(noise: list[bytes]) -> None:
    census_of(*noise)


NAMES = st.sampled_from(["shard", "wait_ms", "lag_bytes", "bucket", "digest", "worker", "note"])
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
NEW = st.dictionaries(
    st.sampled_from(["shard", "wait_ms", "lag_ratio", "note", "when", "a.b"]),
    VALUES | st.lists(VALUES, max_size=2),
    max_size=4,
)
TEXTS = st.sampled_from(["blob teleported", "moved 5 blobs", "moved 6 blobs", "gone: 7", "blob uploaded"])


@given(st.lists(st.builds(lambda text, new: BLOB | new | {"msg": text}, TEXTS, NEW), min_size=1, max_size=12))
@settings(max_examples=examples(50), deadline=None)
def test_every_line_is_valid_once_the_proposal_is_applied(lines: list[dict[str, Any]]) -> None:
    found = census_of(*lines).proposals()
    if not found:
        assert all(line["msg"] == "blob uploaded" and line.keys() == BLOB.keys() for line in lines)
        return
    assert accepted(found[0], lines) == []
    schema = jsonschema_rs.validator_for(json.loads(to_schema(census_of(*lines))))
    assert all(schema.is_valid(line) for line in lines)


def test_the_text_is_entries_of_the_catalogue() -> None:
    lines = [BLOB | {"msg": f'teleported "{n}" \\ away', "distance_bytes": n - 2, "note": None} for n in range(6)]
    text = to_text(census_of(*lines, BLOB | {"shard": "a"}))
    head, _, told = text.partition("# Messages")
    entries = eval(f"[{head}]", {"field": field, "FieldType": FieldType})  # noqa: S307 - our own output, which is Python
    (made,) = parsed_messages(f"## new (line)\n{told.partition(chr(10))[2]}")
    assert [type(entry).__name__ for entry in entries] == ["Field", "Field", "Field"]
    by_name = {entry.name: entry for entry in entries}
    assert (by_name["distance_bytes"].unit, by_name["distance_bytes"].minimum) == ("bytes", -2)
    assert by_name["note"].loose
    assert made.levels == ("info",)
    assert "distance_bytes" in made.required


def asked(*arguments: str, lines: list[dict[str, Any]]) -> Any:
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return CliRunner().invoke(logs, ["infer", *arguments, "-"], input=data)


def test_the_command_writes_entries_or_the_schema_of_a_stream() -> None:
    lines = [BLOB | {"shard": "a"}, ACCESS | {"tls_version": "1.3"}]
    assert "# Stream gitlab.access" in asked(lines=lines).output
    schema = json.loads(asked("--format", "schema", "--stream", "gitlab.access", lines=lines).output)
    assert schema["$id"].endswith("gitlab.access")
    assert "field.tls_version" in schema["$defs"]
    assert json.loads(asked("--format", "schema", lines=lines[:1]).output)["$id"].endswith("gitlab.application")


@pytest.mark.parametrize(
    ("lines", "said"), [([BLOB | {"a": 1}, ACCESS | {"a": 1}], "several"), ([BLOB], "nothing new")]
)
def test_a_schema_of_no_or_of_several_streams_is_one_error(
    lines: list[dict[str, Any]], said: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert run(["logs", "infer", "--format", "schema", str(path)]) == 2
    assert said in capsys.readouterr().err
