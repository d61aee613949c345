"""Equal texts of queries share their tree, as long as the same rules record what they read."""

from __future__ import annotations

from regobs.lint import LintContext
from regobs.lint.bounds import Records
from regobs.lint.sources import SourceText
from regobs.lint.subjects import LintedQuery
from regobs.promql.nodes import Aggregate, Binary, Call


def _query(text: str, context: LintContext) -> LintedQuery:
    return LintedQuery(text, SourceText("a.promql", text), (), "bare", context)


def test_equal_texts_share_a_tree_and_its_types() -> None:
    context = LintContext()
    one, other = (_query("sum(rate(a_total[5m])) > 1", context) for _ in range(2))
    assert one.expr is other.expr
    assert one.parts is other.parts
    assert _query("sum(rate(a_total[5m])) > 2", context).parts is not one.parts


def test_a_query_of_a_later_run_knows_what_rules_record_then() -> None:
    context = LintContext()
    before = _query("sum(job:a:ratio)", context)
    recorded = _query("sum by (job) (rate(a_errors_total[5m])) / sum by (job) (rate(a_total[5m]))", context)
    assert before.type.labels == frozenset()
    context.records = Records({"job:a:ratio": [recorded]})
    after = _query("sum by (pod) (job:a:ratio)", context), _query("job:a:ratio", context)
    assert [str(fault.check) for _, fault in after[0].parts.faults] == ["lost-label"]
    assert after[1].type.labels == frozenset({"job"})
    assert _query("sum(job:a:ratio)", context).tree is not before.tree


def test_parts_of_a_kind_are_in_the_order_of_the_text() -> None:
    query = _query("sum(rate(a[5m])) / (max(b) + abs(c))", LintContext())
    assert [(type(one), one.op) for one in query.binaries] == [(Binary, "/"), (Binary, "+")]
    assert [(type(one), one.op) for one in query.aggregates] == [(Aggregate, "sum"), (Aggregate, "max")]
    assert [(type(one), one.function) for one in query.calls] == [(Call, "rate"), (Call, "abs")]
    assert [one.metric for one in query.selectors] == ["a", "b", "c"]


def test_a_text_that_is_no_promql_has_no_parts() -> None:
    query = _query("sum(", LintContext())
    assert query.expr is None
    assert query.fault is not None
    assert (query.nodes, query.calls, query.binaries, query.stripped) == ((), (), (), None)
