from __future__ import annotations

import pytest

from regobs.promql import Duration, Record, bind, mean, parse, quantile, rate, select, to_text, use_recorded
from regobs.promql.recorded import renewal
from tests.promql.local import DURATION, GITLAB_WORDS, REQUESTS, lookup

BY_ALL = Record("r:all", parse("sum by (route, code, method) (rate(registry_http_requests_total[5m]))"))
BY_ROUTE = Record("r:route", parse("sum by (route) (rate(registry_http_requests_total[5m]))"))
ERRORS = Record("r:errors", parse('sum by (route) (rate(registry_http_requests_total{code=~"5.."}[5m]))'))
LE = Record("r:le", parse("sum by (le, route) (rate(registry_http_request_duration_seconds_bucket[5m]))"))
SUM = Record("r:sum", parse("sum by (route) (rate(registry_http_request_duration_seconds_sum[5m]))"))
COUNT = Record("r:count", parse("sum by (route) (rate(registry_http_request_duration_seconds_count[5m]))"))
ODD = Record("r:odd", parse("sum(registry_http_requests_total)"))
ALL = [BY_ALL, BY_ROUTE, ERRORS, LE, SUM, COUNT, ODD]
M = "registry_http_requests_total"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sum by (route) (rate({M}[5m]))", "sum by (route) (r:route)"),
        (f"sum(rate({M}[$__rate_interval]))", "sum(r:route)"),
        (f"sum by (code) (rate({M}[5m]))", "sum by (code) (r:all)"),
        (f'sum(rate({M}{{code="200"}}[5m]))', 'sum(r:all{code="200"})'),
        (f'sum(rate({M}{{code=~"5.."}}[5m]))', "sum(r:errors)"),
        (f'sum(rate({M}{{route="x", code=~"5.."}}[5m] offset 1w))', 'sum(r:errors{route="x"} offset 1w)'),
        (f'sum by (method) (rate({M}{{code=~"5.."}}[5m]))', 'sum by (method) (r:all{code=~"5.."})'),
        (f"sum(rate({M}[5m])) > 0 or vector(0)", "sum(r:route) > 0 or vector(0)"),
        (f"max_over_time(sum((rate({M}[5m])))[1h:])", "max_over_time(sum(r:route)[1h:])"),
        # what no record can answer stays
        (f"sum by (instance) (rate({M}[5m]))", f"sum by (instance) (rate({M}[5m]))"),
        (f'sum(rate({M}{{instance="a"}}[5m]))', f'sum(rate({M}{{instance="a"}}[5m]))'),
        (f"sum(rate({M}[10m]))", f"sum(rate({M}[10m]))"),
        (f"sum(increase({M}[5m]))", f"sum(increase({M}[5m]))"),
        (f"max(rate({M}[5m]))", f"max(rate({M}[5m]))"),
        (f"sum without (route) (rate({M}[5m]))", f"sum without (route) (rate({M}[5m]))"),
        (f"sum({M})", f"sum({M})"),
    ],
)
def test_a_record_answers_what_its_labels_and_matchers_allow(text: str, expected: str) -> None:
    assert to_text(use_recorded(parse(text), ALL)) == expected


def test_quantiles_and_means_read_their_own_series() -> None:
    q = bind(quantile(0.9, select(DURATION, route="blob"), by="route"), GITLAB_WORDS, lookup=lookup)
    assert to_text(use_recorded(q, ALL)) == (
        'histogram_quantile(0.9, sum by (route, le) (r:le{route="/v2/{name}/blobs/{digest}"})) >= 0'
    )
    m = bind(mean(DURATION), GITLAB_WORDS, lookup=lookup)
    assert to_text(use_recorded(m, ALL)) == "sum(r:sum) / (sum(r:count) > 0)"


def test_without_records_the_same_tree_comes_back() -> None:
    tree = bind(rate(REQUESTS), GITLAB_WORDS, lookup=lookup)
    assert use_recorded(tree, []) is tree


def test_a_record_with_an_offset_answers_nothing() -> None:
    late = Record("r:late", parse(f"sum by (route) (rate({M}[5m] offset 1h))"))
    text = f"sum(rate({M}[5m] offset 1h))"
    assert to_text(use_recorded(parse(text), [late])) == text


MINUTELY, HOURLY = (Record(f"r:{ms}", parse("sum(rate(x[5m]))"), Duration(ms)) for ms in (60_000, 3_600_000))
UNKNOWN = Record("r:unknown", parse("sum(rate(x[5m]))"))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("sum(r:60000)", 60_000),
        ("sum(r:3600000)", 3_600_000),
        ("sum(r:3600000) / (sum(r:60000) > 0)", 60_000),
        # what may change with every scrape
        ("sum(r:60000) / sum(x)", None),
        ("sum(r:60000) / sum(r:unknown)", None),
        ("sum(rate(x[5m]))", None),
        ("time()", None),
    ],
)
def test_an_expression_has_a_new_answer_as_often_as_the_records_it_reads(text: str, ms: int | None) -> None:
    expected = None if ms is None else Duration(ms)
    assert renewal(parse(text), [MINUTELY, HOURLY, UNKNOWN]) == expected
