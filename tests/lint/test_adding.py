"""Sums that count the same events twice, and those that only look like it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from regobs.lint import LintReport, lint_text
from tests.lint.cases import found, panel, query, record

_HTTP = "registry_http_requests_total"
_COUNT = "registry_http_request_duration_seconds_count"
_CACHE = "registry_storage_cache"


def _sum(selector: str, window: str = "5m") -> str:
    return f"sum(rate({selector}[{window}]))"


TWICE = {
    "a counter and the number of its histogram": f"{_sum(_HTTP)} + {_sum(_COUNT)}",
    "two histograms of the same requests": f"{_sum(_COUNT)} + {_sum('registry_http_response_size_bytes_count')}",
    "the registry's requests and those of its log": f"{_sum(_HTTP)} + {_sum('registry_log_requests_total')}",
    "a whole and a part of it": f"{_sum(_HTTP)} + {_sum(_HTTP + '{code=~`5..`}')}",
    "a metric outside the catalog and a part of it": 'sum(rate(a_total[5m])) + sum(rate(a_total{b="c"}[5m]))',
    "two parts that overlap": f"{_sum(_HTTP + '{method=`get`}')} + {_sum(_HTTP + '{code=~`5..`}')}",
    "the same twice": f"{_sum(_HTTP)} + {_sum(_HTTP)}",
    "in another order of conditions": f"{_sum(_HTTP + '{a=`1`,b=`2`}')} + {_sum(_HTTP + '{b=`2`,a=`1`}')}",
    "with others between": f"{_sum(_HTTP)} + {_sum('b_total')} + ({_sum('c_total')} + {_sum(_COUNT)})",
    "with a number where one is missing": f"({_sum(_HTTP)} or vector(0)) + ({_sum(_COUNT)} or vector(0))",
    "by the same labels": f"sum by (method) (increase({_HTTP}[1h])) + sum by (method) (increase({_COUNT}[1h]))",
    "inside of one sum": f"sum(rate({_HTTP}[5m]) + rate({_COUNT}[5m]))",
    "in a share": f"{_sum('a_total')} / ({_sum(_HTTP)} + {_sum(_COUNT)})",
    "look-ups and hits": f"{_sum(_CACHE + '_requests_total')} + {_sum(_CACHE + '_hits_total')}",
    "what a proxy is asked for": f"{_sum('registry_proxy_requests_total')} + {_sum('registry_proxy_misses_total')}",
    "a pattern of names": _sum('{__name__=~"registry_http_(requests_total|request_duration_seconds_count)"}'),
    "any name that ends so": _sum('{__name__=~"registry_proxy_.+_total",job="registry"}'),
    "a pattern and what it leaves out": _sum(f'{{__name__=~"{_CACHE}_.*", __name__!~".*_errors_total"}}'),
    "every type in a sum of both flavors": f"sum(rate({_CACHE}_total[5m]) or rate({_CACHE}_requests_total[5m]))",
    "events and attempts": "sum by (endpoint) (rate(registry_notifications_events_total[5m]))",
}
FLAVORS = {
    "route and handler": f"{_sum(_HTTP + '{route!=``,route=~`.+`}')} + {_sum(_HTTP + '{handler=~`.+`}')}",
    "handler and route": f"{_sum(_HTTP + '{handler=`manifest`}')} + {_sum(_HTTP + '{route=`/v2/`}')}",
    "sums of a histogram": f"{_sum(_COUNT + '{handler=`blob`}')} + {_sum(_COUNT + '{route=~`.*blobs.*`}')}",
    "on one server": f"{_sum(_HTTP + '{job=`r`,route=`/v2/`}')} + {_sum(_HTTP + '{handler=`base`, job=`r`}')}",
    "look-ups": f"{_sum(_CACHE + '_requests_total')} + {_sum(_CACHE + '_total{type=`Request`}')}",
    "hits of a target with a type": f"{_sum(_CACHE + '_total{exported_type=`Hit`}')} + {_sum(_CACHE + '_hits_total')}",
    "a queue": "sum(registry_notifications_pending) + sum(registry_notifications_pending_total)",
}
FINE = {
    "two answers": f"{_sum(_HTTP + '{code=`200`}')} + {_sum(_HTTP + '{code=`201`}')}",
    "two parts of which one leaves out the other": (
        f"{_sum(_HTTP + '{method=`get`}')} + {_sum(_HTTP + '{code=~`5..`,method!=`get`}')}"
    ),
    "two environments": f"{_sum(_HTTP + '{env=`a`}')} + {_sum(_COUNT + '{env=`b`}')}",
    "a job and a namespace": f"{_sum(_HTTP + '{job=`a`}')} + {_sum(_HTTP + '{namespace=`b`}')}",
    "a part and the rest": f"{_sum(_HTTP + '{code!~`5..`}')} + {_sum(_HTTP + '{code=~`5..`}')}",
    "two windows": f"{_sum(_HTTP)} + {_sum(_HTTP, '1h')}",
    "now and a day ago": f"{_sum(_HTTP)} + sum(rate({_HTTP}[5m] offset 1d))",
    "a rate and an increase": f"{_sum(_HTTP)} + sum(increase({_COUNT}[5m]))",
    "by different labels": f"sum by (method) (rate({_HTTP}[5m])) + on () group_left sum(rate({_HTTP}[5m]))",
    "the mean of two measurements": f"({_sum(_HTTP)} + {_sum(_COUNT)}) / 2",
    "an Apdex": '(sum(rate(a_bucket{le="0.5"}[5m])) + sum(rate(a_bucket{le="2"}[5m]))) / 2 / sum(rate(a_count[5m]))',
    "a weight": f"{_sum(_HTTP)} + 9 * {_sum(_HTTP + '{code=`500`}')}",
    "a difference": f"{_sum(_HTTP)} - {_sum(_HTTP + '{code=`500`}')}",
    "one where the other is missing": f"{_sum(_HTTP)} or {_sum(_COUNT)}",
    "hits and misses": f"{_sum('registry_proxy_hits_total')} + {_sum('registry_proxy_misses_total')}",
    "both flavors, the right way": f"sum(rate({_HTTP}{{route=`/v2/`}}[5m]) or rate({_HTTP}{{handler=`base`}}[5m]))",
    "two jobs": f"{_sum(_HTTP + '{job=`a`,route=`/v2/`}')} + {_sum(_HTTP + '{job=`b`,handler=`base`}')}",
    "misses of one, hits of the other": f"{_sum(_CACHE + '_total{type=`Miss`}')} + {_sum(_CACHE + '_hits_total')}",
    "names of different events": _sum('{__name__=~"registry_gc_runs_total|registry_http_requests_total"}'),
    "by name": 'sum by (__name__) (rate({__name__=~"registry_proxy_.+_total"}[5m]))',
    "every type for itself": f"sum by (type) (rate({_CACHE}_total[5m]))",
    "attempts": 'sum(rate(registry_notifications_events_total{type=~"Successes|Failures"}[5m]))',
    "a name that only Grafana knows": "sum(rate({__name__=~`$metric`}[5m]))",
}
_OURS = {"double-counting", "flavors-added"}


@pytest.mark.parametrize("expr", TWICE.values(), ids=TWICE)
def test_the_same_events_in_a_sum_twice_are_found(expr: str) -> None:
    assert found(query(expr)) & _OURS == {"double-counting"}


@pytest.mark.parametrize("expr", FLAVORS.values(), ids=FLAVORS)
def test_adding_what_each_flavor_exposes_is_found(expr: str) -> None:
    assert found(query(expr)) & _OURS == {"flavors-added"}


@pytest.mark.parametrize("expr", FINE.values(), ids=FINE)
def test_a_sum_that_counts_each_event_once_or_may_do_is_left_alone(expr: str) -> None:
    assert not found(query(expr)) & _OURS


def test_the_finding_stands_at_what_is_too_much() -> None:
    text = f"{_sum(_HTTP)} + {_sum(_COUNT)}"
    (one,) = [one for one in query(text).findings if one.check in _OURS]
    assert text[one.column - 1 : one.end_column - 1] == _sum(_COUNT)


@pytest.mark.parametrize(
    "text",
    [
        " + ".join(f'sum(rate(a_total{{b="{number}"}}[5m]))' for number in range(2000)),
        "sum(" + " or ".join(f"rate(registry_proxy_hits_total{{b='{n}'}}[5m])" for n in range(2000)) + ")",
        'sum({__name__=~"(a+)+(b*)*registry_.*"' + ',__name__=~"(.*)*x"' * 500 + "})",
    ],
    ids=["addends", "alternatives", "patterns"],
)
def test_a_long_sum_costs_no_more_than_its_length(text: str) -> None:
    start = time.process_time()
    lint_text(text, "long.promql", ".promql")
    assert time.process_time() - start < 5


_PULLS = 'sum(rate(registry_http_requests_total{method=~"get|head"}[5m]))'


@pytest.mark.parametrize(
    "report",
    [
        lambda: query(_PULLS),
        lambda: query('sum by (code) (increase(registry_http_request_duration_seconds_count{method=~"head|get"}[1h]))'),
        lambda: query('sum without (method) (rate(registry_http_requests_total{method=~"(get|head)"}[5m]))'),
        lambda: record("registry:pulls:rate5m", _PULLS),
        lambda: panel(_PULLS, title="Pulls a second"),
    ],
)
def test_pulls_that_count_get_and_head_are_found(report: Callable[[], LintReport]) -> None:
    assert "head-counted" in found(report())


@pytest.mark.parametrize(
    "report",
    [
        lambda: query('sum(rate(registry_http_requests_total{method="get"}[5m]))'),
        lambda: query('sum(rate(registry_http_requests_total{method=~".+"}[5m]))'),
        lambda: query('sum(rate(registry_http_requests_total{method!~"get|head"}[5m]))'),
        lambda: query('sum by (method) (rate(registry_http_requests_total{method=~"get|head"}[5m]))'),
        lambda: query('sum without (instance) (rate(registry_http_requests_total{method=~"get|head"}[5m]))'),
        lambda: query(f"{_PULLS} / sum(rate(registry_http_requests_total[5m]))"),
        lambda: query('sum(rate(http_requests_total{method=~"get|head"}[5m]))'),
        lambda: record("registry:reads:rate5m", _PULLS),
        lambda: record("registry:http_requests:rate5m", _PULLS),
        lambda: panel(_PULLS, title="Pulls and pushes", legend="reads"),
        lambda: panel(_PULLS, title="Pulls", description="Those of HEAD as well"),
    ],
)
def test_reads_that_are_called_so_are_passed_over(report: Callable[[], LintReport]) -> None:
    assert "head-counted" not in found(report())
