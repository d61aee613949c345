"""Documents: YAML read, judged by a schema and written; JSON written."""

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.documents import WrittenYaml, dump_json, dump_yaml, load_yaml, load_yaml_all, validate
from regobs.errors import InputError, Location, RulesError, SloError
from tests.examples import examples


def error_of(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        load_yaml(text, "a.yaml")
    return caught.value


def test_a_fraction_is_exact() -> None:
    assert load_yaml("target: 0.999", "a").data == {"target": Decimal("0.999")}
    assert load_yaml("target: 0.999", "a").data["target"] * 1000 == 999


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("010", 10),
        ("0.30", Decimal("0.30")),
        (".5", Decimal("0.5")),
        ("1e3", Decimal("1E+3")),
        ("1.5e-3", Decimal("0.0015")),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("'7'", "7"),
        ('"true"', "true"),
        ("!!str 7", "7"),
        ("12:30:00", "12:30:00"),
        ("2001-01-01", "2001-01-01"),
        ("5m", "5m"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("|\n  7\n", "7\n"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    found = load_yaml(f"key: {text}", "a").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_and_key_has_a_place() -> None:
    document = load_yaml("a:\n  - b: 1\n    c: x\n", "a.yaml")
    assert document.locate(("a", 0, "c")) == Location("a.yaml", 3, 8)
    assert document.locate(("a", 0, "c"), key=True) == Location("a.yaml", 3, 5)
    assert document.locate() == Location("a.yaml", 1, 1)


def test_a_missing_value_is_placed_at_its_nearest_parent() -> None:
    document = load_yaml("a:\n  - b: 1\n", "a.yaml")
    assert document.locate(("a", 0, "zz")) == Location("a.yaml", 2, 5)
    assert document.locate(("a", 7)) == Location("a.yaml", 2, 3)


def test_a_merged_value_is_placed_where_it_is_written() -> None:
    document = load_yaml("x: &x {k: 1, l: 2}\ny:\n  <<: *x\n  l: 3\n", "a.yaml")
    assert document.data["y"] == {"k": 1, "l": 3}
    assert document.locate(("y", "k")) == Location("a.yaml", 1, 11)
    assert document.locate(("y", "l")) == Location("a.yaml", 4, 6)


def test_a_duplicate_key_is_refused_at_its_second_place() -> None:
    error = error_of("a: 1\nb: 2\na: 3\n")
    assert error.location == Location("a.yaml", 3, 1)
    assert "'a' stands twice" in error.message
    assert "line 1" in str(error.expected)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: 1\nb: ]", 2, 4), ("a: &x [*x]", 1, 4), ("a: !foo 1", 1, 4), ("? [a]\n: b", 1, 3), ("a: 1\n---\nb: 2", 3, 1)],
)
def test_a_broken_text_is_one_error_at_its_place(text: str, line: int, column: int) -> None:
    assert error_of(text).location == Location("a.yaml", line, column)


def test_a_text_that_is_no_utf_8_or_has_control_characters_is_refused() -> None:
    assert "UTF-8" in error_of(b"a: \xff").message
    assert error_of("a: \x01").location == Location("a.yaml")


def test_the_error_is_of_the_asked_class() -> None:
    with pytest.raises(SloError):
        load_yaml("a: [", "a", error=SloError)


def test_aliases_of_aliases_are_read_in_no_time() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 30)]
    assert len(load_yaml("\n".join(lines), "a").data) == 30


def test_several_documents_keep_their_places() -> None:
    first, second = load_yaml_all("a: 1\n---\nb: 2\n", "a.yaml")
    assert first.data == {"a": 1}
    assert second.locate(("b",)) == Location("a.yaml", 3, 4)
    assert load_yaml_all("", "a.yaml") == []


SCHEMA: dict[str, Any] = {
    "$defs": {
        "objective": {
            "type": "object",
            "required": ["target"],
            "additionalProperties": False,
            "properties": {"target": {"type": "number", "exclusiveMaximum": 1, "description": "a fraction"}},
        }
    },
    "type": "object",
    "properties": {
        "objectives": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/objective"}},
        "kind": {"enum": ["SLO", "SLI"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["name"]}]},
    },
}


def fault_of(text: str) -> SloError:
    with pytest.raises(SloError) as caught:
        validate(load_yaml(text, "a.yaml"), SCHEMA)
    return caught.value


def test_a_fitting_document_is_accepted() -> None:
    text = "kind: SLO\nobjectives:\n- target: 0.999\neither: {name: x}\n"
    document = load_yaml(text, "a.yaml")
    validate(document, SCHEMA)
    assert fault_of(text.replace("0.999", "x")).location == Location("a.yaml", 3, 11)


def test_a_value_beyond_its_limit_is_named_with_limit_and_meaning() -> None:
    fault = fault_of("objectives:\n- target: 0.9\n- target: 1\n")
    assert fault.location == Location("a.yaml", 3, 11)
    assert fault.message.startswith("objectives[1].target")
    assert fault.expected == "less than 1 (a fraction)"
    assert fault.value == "1"


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    fault = fault_of("objectives:\n- target: 0.9\n  tarjet: 1\n")
    assert fault.location == Location("a.yaml", 3, 3)
    assert fault.value == "tarjet"
    assert fault.next_step == "did you mean target?"


def test_a_missing_key_is_named() -> None:
    fault = fault_of("objectives: [{}]\n")
    assert "'target'" in fault.message
    assert fault.location == Location("a.yaml", 1, 14)


def test_a_word_out_of_a_closed_set_lists_the_set() -> None:
    assert fault_of("kind: SLX").expected == "one of SLO, SLI"


def test_of_alternatives_the_one_that_came_closest_is_reported() -> None:
    assert "'name'" in fault_of("either: {}").message or fault_of("either: {}").expected == "text"


def test_the_first_of_several_faults_is_reported() -> None:
    assert fault_of("kind: x\nobjectives: []\n").location == Location("a.yaml", 1, 7)
    assert fault_of("objectives: []\nkind: x\n").location == Location("a.yaml", 1, 13)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_what_is_written_reads_back_the_same(data: dict[str, Any]) -> None:
    assert load_yaml(dump_yaml(data), "a").data == data


@given(st.text())
def test_a_text_stays_a_text_for_a_yaml_1_1_reader_too(text: str) -> None:
    assert yaml.safe_load(dump_yaml({"key": text})) == {"key": text}


awkward = st.text(alphabet="ab0 \n\t\r#:'\"-,[]{}&*!|>%@`?=~<\\\x85\u2028\ufeff\x7fé😀", max_size=12)
nested = st.recursive(
    awkward | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(awkward, inner, max_size=3),
    max_leaves=10,
)


@given(nested)
@settings(max_examples=examples(500))
def test_awkward_texts_survive_in_every_position_and_for_both_readers(data: Any) -> None:
    written = dump_yaml(data)
    assert load_yaml(written, "a").data == data
    assert yaml.load(written, Loader=yaml.CSafeLoader) == data


@pytest.mark.parametrize("text", ["1e3", "0x10", "1_000", "on", "y", "12:30", ".5", "+1", "~", "null", "1.0.0e1"])
def test_a_text_that_another_reader_may_take_for_something_else_is_quoted(text: str) -> None:
    assert dump_yaml([text]) == f'- "{text}"\n'


def test_several_lines_are_a_block_and_long_lines_are_not_folded() -> None:
    assert dump_yaml({"a": "x\ny\n"}) == "a: |\n  x\n  y\n"
    assert dump_yaml({"a": "word " * 100 + "end"}).count("\n") == 1


def test_nothing_is_shared_and_keys_keep_their_order() -> None:
    shared = {"k": 1}
    assert dump_yaml({"b": shared, "a": shared}) == "b:\n  k: 1\na:\n  k: 1\n"


def test_reading_an_empty_text_gives_nothing() -> None:
    assert load_yaml("", "a.yaml").data is None
    with pytest.raises(RulesError):
        load_yaml("a: 1\n---\nb: 1", "a.yaml")


@pytest.mark.parametrize("text", ["sum by (a) (rate(x[5m])) > 1", "a:b:c", "a b", "x{y='z'}", "http://a:1/b#c"])
def test_a_text_that_no_reader_misreads_has_no_quotes(text: str) -> None:
    assert dump_yaml({"expr": text}) == f"expr: {text}\n"


@pytest.mark.parametrize("text", ["a: b", "a #b", "a:", "- a", "{a}", "'a'", "@a", "%a", " a", "a "])
def test_a_text_that_a_reader_would_misread_is_quoted(text: str) -> None:
    assert dump_yaml({"expr": text}) == "expr: '" + text.replace("'", "''") + "'\n"


def test_the_shape_is_that_of_a_rule_file() -> None:
    rules = {"groups": [{"name": "g", "rules": [{"record": "r", "labels": {"a": "1"}}, {"alert": "A", "for": "1m"}]}]}
    assert dump_yaml(rules) == (
        'groups:\n- name: g\n  rules:\n  - record: r\n    labels:\n      a: "1"\n  - alert: A\n    for: 1m\n'
    )


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        dump_yaml({"a": [1.5]})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(data=JSON)
def test_json_reads_back_as_what_was_written(data: Any) -> None:
    assert json.loads(dump_json(data)) == json.loads(dump_json(data, sorted_keys=True)) == data


def test_json_is_laid_out_like_the_standard_librarys() -> None:
    data = {"b": [1, "é\u2028\n", {}], "a": {"d": [], "c": None}}
    assert dump_json(data).decode() == json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    assert dump_json(data, sorted_keys=True).decode() == (
        json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    )


def test_data_that_is_written_already_reads_as_if_it_stood_there() -> None:
    group = {
        "name": "a",
        "rules": [{"expr": "(\n  up\n\n  > 0\n)\n", "labels": {"on": "yes"}}, {"expr": "x", "keep": []}],
    }
    written = WrittenYaml.of(group)
    places = (lambda part: {"groups": [part, part]}, lambda part: {"a": {"items": [{"spec": {"groups": [part]}}]}})
    for place in places:
        assert dump_yaml(place(written)) == dump_yaml(place(group))
