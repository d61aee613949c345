from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.logs.elasticsearch.pipeline import pipeline
from regobs.logs.fields import FIELDS
from regobs.logs.fields.field import FieldType
from regobs.logs.redact import sample, shape
from regobs.secrets import redacted_text
from regobs.secrets.ingest import FIELDS as SECRET_FIELDS
from tests.examples import examples
from tests.logs import hostile
from tests.logs.elasticsearch.ingest import ingest

PIPELINE = pipeline()
ONE = {
    "processors": [
        step for step in PIPELINE["processors"] if step.get("gsub", {}).get("field") in {"error", "patterns"}
    ]
}


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_a_secret_is_not_shown(text: str) -> None:
    assert hostile.SECRET in text
    assert hostile.SECRET not in redacted_text(text)
    assert "[FILTERED]" in redacted_text(text)


@pytest.mark.parametrize("text", hostile.HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted_text(text) == text


def test_a_password_that_differs_leaves_the_rest_of_the_text_as_it_is() -> None:
    assert (
        redacted_text("GET https://u:p@h/v2/?a=1&sig=x&n=2 failed")
        == "GET https://[FILTERED]@h/v2/?a=[FILTERED]&sig=[FILTERED]&n=2 failed"
    )
    assert redacted_text('{"password":"a\\"b","n":1}') == '{"password":"[FILTERED]","n":1}'


def test_a_field_that_is_a_secret_is_not_shown_whatever_it_holds() -> None:
    assert sample("abc", "actor.user") == "[FILTERED]"
    assert sample("abc", "actor.name") == "abc"


def test_a_sample_is_short_and_has_no_control_characters() -> None:
    assert sample("x" * 500) == "x" * 159 + "…"
    assert sample("x" * 160) == "x" * 160
    assert sample("a\x1b[31m\n") == "a\ufffd[31m\ufffd"


def test_a_secret_that_begins_within_the_sample_is_masked_however_long_it_is() -> None:
    assert "AAAA" not in sample("/v2/?_state=" + "A" * 100_000)


def test_texts_that_differ_in_values_only_have_one_shape() -> None:
    first = 'filesystem.Stat("/docker/a/1") took 55 at https://a/b of sha256:' + "ab" * 32
    second = 'filesystem.Stat("/docker/b") took 7.5 at https://c of sha256:' + "cd" * 32
    assert shape(first) == shape(second) != shape("filesystem.Move")


@given(st.text() | hostile.PIECES)
@settings(max_examples=examples(500), deadline=None)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redacted_text(redacted_text(text)) == redacted_text(text)


FREE = [field for field in FIELDS.values() if field.type in {FieldType.TEXT, FieldType.KEYWORD, FieldType.KEYWORD_LIST}]


@pytest.mark.parametrize("text", [*hostile.TEXTS, *hostile.HARMLESS])
def test_the_ingest_pipeline_masks_what_is_masked_here_in_every_free_text(text: str) -> None:
    made = ingest(PIPELINE, {field.name: text for field in FREE if field.name not in SECRET_FIELDS})
    checked = {field.name for field in FREE if field.name in made and not (field.values or field.pattern)}
    assert {"uri", "error", "detail", "user_agent", "correlation_id", "value", "stack"} <= checked
    assert len({made[name] for name in checked}) == 1
    assert hostile.SECRET not in made["error"]
    assert (made["error"] == text) == (redacted_text(text) == text)


@given(hostile.PIECES, st.sampled_from(hostile.TEXTS))
@settings(max_examples=examples(300), deadline=None)
def test_the_ingest_pipeline_masks_in_a_list_what_it_masks_in_a_text(text: str, probe: str) -> None:
    made = ingest(ONE, {"error": text, "patterns": [text, probe]})
    assert made["patterns"] == [made["error"], ingest(ONE, {"error": probe})["error"]]
    assert hostile.SECRET not in made["patterns"][1]


@pytest.mark.parametrize("name", sorted(SECRET_FIELDS))
def test_a_field_that_is_named_like_a_secret_does_not_leave_the_pipeline(name: str) -> None:
    assert name not in ingest(PIPELINE, {name: hostile.SECRET})


@pytest.mark.parametrize(("value", "left"), [({"token": "x"}, None), ([{"a": "token=x"}], None), (7, 7), (True, True)])
def test_what_is_no_text_does_not_leave_the_pipeline_unless_it_is_a_number(value: object, left: object) -> None:
    assert ingest(PIPELINE, {"user_agent": value}).get("user_agent") == left
