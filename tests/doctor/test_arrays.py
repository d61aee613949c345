"""Arrays of a settings file that change: comments, values and their order stay."""

from __future__ import annotations

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from tomlkit.items import Array

from regobs.doctor.arrays import changed, in_order

LINES = """[
  "prometheus",  # ours, since May
  "kubernetes",  # bob wants it
  # redis comes next week
  "redis_exporter",  # ticket 12
  "alertmanager",
]"""
WORDS = st.sampled_from(["a", "b", "cdn", "redis", "x, y", "# no comment", 'q"uote', "]", "1"])
SPACE = st.sampled_from(["", " ", "\n", "\n  ", "  # note\n", ' # two, "three" ]\n\t# four\n  '])


def array(text: str) -> Array:
    found = tomlkit.parse(f"array = {text}\n")["array"]
    assert isinstance(found, Array)
    return found


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, list[str], int]:
    """The text of an array, its values, and how many comments are in it."""
    values = draw(st.lists(WORDS, max_size=5, unique=True))
    parts = ["[", draw(SPACE)]
    for index, value in enumerate(values):
        last = index == len(values) - 1
        parts += [tomlkit.item(value).as_string(), draw(SPACE)]
        parts += ["," if not last or draw(st.booleans()) else "", draw(SPACE)]
    return "".join([*parts, "]"]), values, sum(part.count("#") for part in parts if part.lstrip().startswith("#"))


@given(arrays(), st.lists(WORDS, max_size=4, unique=True))
def test_all_comments_and_values_stay_and_new_ones_come_last(
    written: tuple[str, list[str], int], more: list[str]
) -> None:
    text, values, notes = written
    wanted = in_order(values, [*sorted(values), *more])
    after = changed(array(text), wanted)
    assert list(after) == [*values, *(one for one in more if one not in values)]
    rest = after.as_string()
    for value in after:
        rest = rest.replace(tomlkit.item(value).as_string(), "", 1)
    assert rest.count("#") == notes
    if set(more) <= set(values):
        assert after.as_string() == text


@given(arrays(), st.sets(WORDS))
def test_what_goes_takes_no_comment_and_no_other_value_with_it(
    written: tuple[str, list[str], int], gone: set[str]
) -> None:
    text, values, notes = written
    left = [one for one in values if one not in gone]
    after = changed(array(text), left)
    assert list(after) == left
    rest = after.as_string()
    for value in left:
        rest = rest.replace(tomlkit.item(value).as_string(), "", 1)
    assert rest.count("#") == notes


@pytest.mark.parametrize(
    ("text", "wanted", "after"),
    [
        (LINES, ["prometheus", "kubernetes", "redis_exporter", "alertmanager", "cdn"], LINES[:-1] + '  "cdn",\n]'),
        (
            LINES,
            ["prometheus", "redis_exporter", "alertmanager"],
            LINES.replace('  "kubernetes",  # bob', "  # bob"),
        ),
        (LINES, ["prometheus", "kubernetes", "redis_exporter"], LINES.replace('  "alertmanager",\n', "")),
        ('["a", "b"]', ["a", "b", "c"], '["a", "b", "c"]'),
        ('[ "a", # one\n "b" ]', ["a", "b", "c"], '[ "a", # one\n "b", "c" ]'),
        ('["a" # one\n]', ["a", "c"], '["a", # one\n  "c"\n]'),
        ('["a", "b"]', ["b"], '["b"]'),
        ('["a", "b"]', ["a"], '["a"]'),
        ("['a', '''b''']", ["b", "c"], "['''b''', \"c\"]"),
        ("[]", ["c"], '["c"]'),
        ("[ # none yet\n]", ["c"], '[ # none yet\n  "c",\n]'),
    ],
)
def test_an_array_keeps_its_form(text: str, wanted: list[str], after: str) -> None:
    assert changed(array(text), wanted).as_string() == after
