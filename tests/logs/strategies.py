"""KQL trees that a text can have."""

from __future__ import annotations

from hypothesis import strategies as st

from regobs.logs.kql import And, Is, Literal, Nested, Node, Not, Or, Pattern, Range
from regobs.logs.kql.tokens import TRIM

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
HARD = st.lists(
    st.sampled_from(["and", "or", "not", "cannot", " ", "\t", "\n", "\u00a0", "*", '"', "\\", "{", ":", "<", "x", "é"]),
    max_size=6,
).map("".join)


def _unquoted(text: str) -> Literal:
    constants: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    stripped = text.strip(TRIM)
    return Literal(constants.get(stripped, stripped))


def _pattern(parts: list[str]) -> Pattern:
    return Pattern((parts[0].lstrip(TRIM), *parts[1:-1], parts[-1].rstrip(TRIM)))


LITERALS = st.builds(Literal, TEXT | HARD, quoted=st.just(value=True)) | (TEXT | HARD).map(_unquoted)
PATTERNS = st.lists(TEXT | HARD, min_size=2, max_size=4).map(_pattern)
WORDS = LITERALS | PATTERNS
FIELDS = WORDS.filter(lambda word: not isinstance(word, Literal) or word.value is not None)
LEAVES = st.builds(Is, st.none() | FIELDS, WORDS) | st.builds(
    Range, FIELDS, st.sampled_from(["<", "<=", ">", ">="]), WORDS
)


def trees(leaves: st.SearchStrategy[Node], *, nested: bool) -> st.SearchStrategy[Node]:
    """Trees of these leaves."""

    def grown(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        joined = st.builds(And, several) | st.builds(Or, several) | st.builds(Not, parts)
        return joined | st.builds(Nested, FIELDS, parts) if nested else joined

    return st.recursive(leaves, grown, max_leaves=8)
