"""Nodes are values: equal where they mean the same, so that trees can be compared and kept in sets."""

from __future__ import annotations

from decimal import Decimal

from regobs.promql.nodes import Matcher, MatchOp, Number


def test_a_number_is_the_same_however_it_is_written_and_nan_is_nan() -> None:
    assert {Number(Decimal(1)), Number(Decimal("1.0"))} == {Number(Decimal(1))}
    assert {Number(Decimal("NaN")), Number(Decimal("nan"))} == {Number(Decimal("NaN"))}
    assert Number(Decimal("NaN")) != Number(Decimal(0))
    assert Number(Decimal(1)) != Decimal(1)


def test_where_a_matcher_stands_makes_it_no_other_one() -> None:
    here, there = (Matcher("code", MatchOp.EQUAL, "500", span=(at, at + 3)) for at in (1, 7))
    assert here == there
    assert "span" not in repr(here)
    assert here != Matcher("code", MatchOp.NOT_EQUAL, "500")
