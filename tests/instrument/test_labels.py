from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import ALL_FLAVORS, Form, Kind, Label, Metric, Unit
from regobs.errors import InstrumentError
from regobs.instrument.core.labels import FORBIDDEN, FORBIDDEN_WORDS, LabelValues, crossed, forbid_personal, spelled

DIGEST = "sha256:" + "0a" * 32


def counter(*labels: Label) -> tuple[Metric, Form]:
    form = Form(ALL_FLAVORS, labels)
    return Metric("made_up_total", Kind.COUNTER, Unit.EVENTS, "Made up.", (form,), "test"), form


ALIASES = (
    "Repository",
    "repositoryName",
    "image_tag",
    "imageTag",
    "manifest_digest",
    "auth_user_name",
    "USER_ID",
    "clientIP",
)


def refused(label: Label) -> bool:
    try:
        forbid_personal(*counter(label))
    except InstrumentError:
        return True
    return False


@pytest.mark.parametrize("name", [*sorted(FORBIDDEN), *sorted(FORBIDDEN_WORDS), *ALIASES])
def test_an_open_label_that_names_a_repository_or_a_person_is_refused(name: str) -> None:
    with pytest.raises(InstrumentError, match=f"{name} can not be a label"):
        forbid_personal(*counter(Label(name)))


def test_a_forbidden_name_is_refused_behind_an_exposed_name_too() -> None:
    with pytest.raises(InstrumentError, match="who can not be a label"):
        forbid_personal(*counter(Label("user", exposed="who")))


@pytest.mark.parametrize(
    "name", ["migration_name", "host_addr", "db_name", "endpoint", "media_type", "description", "stage"]
)
def test_a_name_that_only_looks_like_one_is_none(name: str) -> None:
    assert not refused(Label(name))


def test_a_closed_label_may_have_any_name() -> None:
    assert not refused(Label("tag", ("yes", "no")))
    assert refused(Label("tag"))


def test_a_word_becomes_the_exposed_value() -> None:
    values = LabelValues(Label("route", ("/v2/",), words={"base": "/v2/"}), cap=1)
    assert values.admit("base") == ("/v2/", True)
    assert values.admit("/v2/") == ("/v2/", True)


def test_a_value_outside_the_closed_set_overflows() -> None:
    assert LabelValues(Label("result", ("hit", "miss")), cap=9).admit("maybe") == ("other", False)


def test_a_label_that_has_the_value_unknown_overflows_into_it() -> None:
    assert LabelValues(Label("method", ("get", "unknown")), cap=9).admit("brew") == ("unknown", False)


def test_an_open_label_takes_values_up_to_its_cap_and_keeps_them() -> None:
    values = LabelValues(Label("endpoint"), cap=2)
    assert [values.admit(name) for name in "aba"] == [("a", True), ("b", True), ("a", True)]
    assert values.admit("c") == ("other", False)
    assert values.admit("b") == ("b", True)


@pytest.mark.parametrize("value", [DIGEST, "sha512:" + "f" * 128, "x" * 201])
def test_a_digest_and_an_endless_text_never_get_in(value: str) -> None:
    assert LabelValues(Label("endpoint"), cap=9).admit(value) == ("other", False)


@pytest.mark.parametrize("value", ["localhost:5000", "application/octet-stream", "x" * 200, "db-1:5432"])
def test_what_only_resembles_a_digest_gets_in(value: str) -> None:
    assert LabelValues(Label("endpoint"), cap=9).admit(value) == (value, True)


@given(st.lists(st.text()), st.integers(0, 5))
def test_no_more_values_than_the_cap_and_one_are_ever_exposed(offered: list[str], cap: int) -> None:
    values = LabelValues(Label("endpoint"), cap=cap)
    assert len({values.admit(text)[0] for text in offered} - {"other"}) <= cap


def test_bool_and_int_are_spelled_as_the_registry_does() -> None:
    assert [spelled(value) for value in (True, False, 404, "x")] == ["true", "false", "404", "x"]


@pytest.mark.parametrize("value", [None, 1.5, b"x", ["a"]])
def test_nothing_else_is_a_label_value(value: object) -> None:
    with pytest.raises(TypeError, match="a label value is a str, bool or int"):
        spelled(value)


def test_crossing_no_labels_gives_the_one_empty_row() -> None:
    assert crossed([]) == [()]
    assert crossed([("a", "b"), ("x",)]) == [("a", "x"), ("b", "x")]
