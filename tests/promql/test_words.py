from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.words import edge_matcher, edge_spellings, nearest_edges, quote_regex, read_edge, spell_edge


@pytest.mark.parametrize(
    ("edge", "spellings"),
    [
        # as in expositions of client_golang, and with the .0 that Prometheus 3 adds
        ("1", ("1", "1.0")),
        ("0.5", ("0.5",)),
        ("2.5", ("2.5",)),
        ("0", ("0", "0.0")),
        ("10.0", ("10", "10.0")),
        ("86400", ("86400", "86400.0")),
        ("524288", ("524288", "524288.0")),
        ("999999", ("999999", "999999.0")),
        ("1000000", ("1e+06",)),
        ("1048576", ("1.048576e+06",)),
        ("2147483648", ("2.147483648e+09",)),
        ("53687091200", ("5.36870912e+10",)),
        ("0.0001", ("0.0001",)),
        ("0.00001", ("1e-05",)),
        ("-1", ("-1", "-1.0")),
        ("Infinity", ("+Inf",)),
    ],
)
def test_a_bound_is_spelled_as_go_and_prometheus_3_do(edge: str, spellings: tuple[str, ...]) -> None:
    assert edge_spellings(Decimal(edge)) == spellings


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_spelling_means_its_bound(value: float) -> None:
    for spelling in edge_spellings(Decimal(repr(value))):
        assert float(spelling) == value


def test_the_matcher_is_exact_when_there_is_one_spelling() -> None:
    assert edge_matcher([Decimal("0.5")]) == Matcher("le", MatchOp.EQUAL, "0.5")
    assert edge_matcher([Decimal("0.5")], negated=True) == Matcher("le", MatchOp.NOT_EQUAL, "0.5")
    assert edge_matcher([Decimal(1)]) == Matcher("le", MatchOp.REGEX, "1|1\\.0")
    assert edge_matcher([Decimal("0.5"), Decimal(1048576)], negated=True) == Matcher(
        "le", MatchOp.NOT_REGEX, "0\\.5|1\\.048576e\\+06"
    )


@pytest.mark.parametrize(("edge", "near"), [("0.3", "0.25, 0.5"), ("0.1", "0.25"), ("9", "0.5"), ("0.25", "0.5")])
def test_the_nearest_edges_surround_the_wrong_one(edge: str, near: str) -> None:
    assert nearest_edges(Decimal(edge), (0.25, 0.5)) == near


def test_what_is_no_bound_is_not_read() -> None:
    assert read_edge("+Inf") == Decimal("Infinity")
    assert read_edge("NaN") is None
    assert read_edge("x") is None
    assert spell_edge(Decimal("1e6")) == "1e+06"


def test_only_what_re2_reads_is_escaped() -> None:
    assert quote_regex("/v2/{name}/a-b.c") == "/v2/\\{name\\}/a-b\\.c"
