"""KQL trees about what the lines of the sample hold, so that they find something."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from regobs.logs.fields import FIELDS, FieldType
from regobs.logs.kql import Is, Literal, Node, Pattern, Range
from regobs.logs.kql.dates import iso
from regobs.logs.kql.tokens import TRIM
from tests.logs import reference
from tests.logs.sample import lines

HELD = {
    field.name: sorted({value for line in lines() for value in reference.values(line, field)}, key=str)
    for field in FIELDS.values()
    if field.type is not FieldType.OBJECT
}
USED = [name for name, found in HELD.items() if found]
# Text without a field is asked of every field, which a database takes a while to plan: less often.
FREE = ["free", "free like"]
SHAPES = ["is", "range", "like", "part"] * 4 + ["exists", "fields"] * 2


@st.composite
def leaves(draw: st.DrawFn, bound: int = 1) -> Node:
    """A question about a field, or for one in `10 * bound` about all of them."""
    field = FIELDS[draw(st.sampled_from(USED))]
    value = draw(st.sampled_from(HELD[field.name]))
    text = iso(value) if field.type is FieldType.DATE else str(value)
    text = text.lower() if field.type is FieldType.BOOLEAN else text
    name = Literal(field.name)
    shape = draw(st.sampled_from(SHAPES * bound + FREE))
    if shape == "exists":
        return Is(name, Pattern(("", "")))
    if shape == "range" and field.type not in {FieldType.TEXT, FieldType.BOOLEAN}:
        moved = str(value + draw(st.sampled_from([-1, 0, 0.5, 1]))) if field.type is FieldType.LONG else text
        return Range(name, draw(st.sampled_from(["<", "<=", ">", ">="])), Literal(moved, quoted=True))
    is_word = field.type in {FieldType.KEYWORD, FieldType.TEXT, FieldType.KEYWORD_LIST}
    if shape in {"like", "free like", "fields"} and is_word:
        pattern = draw(_pattern(text))
        if shape == "fields":
            return Is(Pattern((field.name[:2], "")), pattern)
        return Is(None if shape == "free like" else name, pattern)
    if shape == "part" and is_word:
        text = draw(st.sampled_from(text.split() or [text]))
        text = draw(st.sampled_from([text, text.upper(), text[:-1], f"{text} {draw(st.sampled_from(USED))}"]))
    quoted = draw(st.booleans()) or text in {"true", "false", "null"}
    return Is(None if shape == "free" else name, Literal(text if quoted else text.strip(TRIM), quoted))


@st.composite
def _pattern(draw: st.DrawFn, text: str) -> Pattern:
    start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    other = draw(st.sampled_from(["", text[end:], string.punctuation, "%_!?"]))
    return Pattern((text[:start].lstrip(TRIM), text[start:end], other.rstrip(TRIM)))
