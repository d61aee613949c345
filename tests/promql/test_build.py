from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from regobs.errors import PromqlError
from regobs.promql import (
    Expr,
    age,
    any_of,
    bind,
    count,
    drain_time,
    forecast,
    highest,
    increase,
    latest,
    lowest,
    mean,
    other_than,
    per,
    quantile,
    rate,
    ratio,
    raw,
    select,
    shifted,
    to_text,
    top,
    total,
    trend,
    volume,
    within,
    zero_filled,
)
from regobs.promql.build import change, drawn_up_to
from tests.promql.local import CPU, DURATION, GITLAB_WORDS, IN_FLIGHT, MEMORY, REDIS, REQUESTS, START, UP, lookup

REQ = "registry_http_requests_total"
DUR = "registry_http_request_duration_seconds"
RI = "$__rate_interval"


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (rate(REQUESTS), f"sum(rate({REQ}[{RI}]))"),
        (rate(REQUESTS, by=("code", "instance")), f"sum by (code, instance) (rate({REQ}[{RI}]))"),
        (rate(DURATION, window="1h30m"), f"sum(rate({DUR}_count[1h30m]))"),
        (rate(REDIS), f"sum(rate(registry_redis_single_timeouts[{RI}]))"),
        (increase(REQUESTS), f"sum(increase({REQ}[$__range]))"),
        (volume(DURATION, by="route"), f"sum by (route) (rate({DUR}_sum[{RI}]))"),
        (mean(DURATION), f"sum(rate({DUR}_sum[{RI}])) / (sum(rate({DUR}_count[{RI}])) > 0)"),
        (quantile(0.99, DURATION), f"histogram_quantile(0.99, sum by (le) (rate({DUR}_bucket[{RI}]))) >= 0"),
        (quantile(Decimal("0.5"), DURATION, by="route"),
         f"histogram_quantile(0.5, sum by (route, le) (rate({DUR}_bucket[{RI}]))) >= 0"),
        (within(0.5, DURATION),
         f'sum(rate({DUR}_bucket{{le="0.5"}}[{RI}])) / (sum(rate({DUR}_count[{RI}])) > 0)'),
        (drawn_up_to(highest(MEMORY), "7d"), "clamp_max(max(process_resident_memory_bytes), 604800)"),
        (change(highest(MEMORY)), "delta(max(process_resident_memory_bytes)[1h:1m])"),
        (change(highest(MEMORY), over="10m", per="1h"), "6 * delta(max(process_resident_memory_bytes)[10m:1m])"),
        (change(highest(MEMORY), over="59m"), "delta(max(process_resident_memory_bytes)[59m:1m])"),
        (change(highest(MEMORY), over="1d"), "delta(max(process_resident_memory_bytes)[1d:24m])"),
        (total(IN_FLIGHT), "sum(registry_http_in_flight_requests)"),
        (highest(MEMORY, by="instance"), "max by (instance) (process_resident_memory_bytes)"),
        (lowest(UP), "min(up)"),
        (count(REQUESTS, by="code"), f"count by (code) ({REQ})"),
        (trend(MEMORY), "max(deriv(process_resident_memory_bytes[1h]))"),
        (trend(MEMORY, by="instance", window="2h"), "max by (instance) (deriv(process_resident_memory_bytes[2h]))"),
        (forecast(MEMORY, "4d", by="instance"),
         "max by (instance) (clamp_min(predict_linear(process_resident_memory_bytes[6h], 345600), 0))"),
        (forecast(MEMORY, "90s", window="1h", falling=True),
         "min(clamp_min(predict_linear(process_resident_memory_bytes[1h], 90), 0))"),
        (drain_time(total(IN_FLIGHT), rate(REQUESTS)),
         f"sum(registry_http_in_flight_requests) / clamp_min(sum(rate({REQ}[{RI}])), 0.000000001)"),
        (per(volume(DURATION), rate(REQUESTS)),
         f"sum(rate({DUR}_sum[{RI}])) / (sum(rate({REQ}[{RI}])) > 0)"),
        (count(DURATION), f"count({DUR}_count)"),
        (latest(UP), "up"),
        (age(START), "time() - (max(process_start_time_seconds) > 0)"),
        (age(START, or_never=True), "time() - max(process_start_time_seconds)"),
        (zero_filled(total(UP), total(MEMORY)),
         "sum(up) or 0 * sum(process_resident_memory_bytes)"),
        (ratio(total(UP), total(MEMORY)),
         "(sum(up) or 0 * sum(process_resident_memory_bytes)) / (sum(process_resident_memory_bytes) > 0)"),
        (top(3, latest(UP)), "topk(3, up)"),
        (shifted(rate(CPU, window="5m"), "1w"), "sum(rate(process_cpu_seconds_total[5m] offset 1w))"),
        (shifted(shifted(latest(UP), "1w"), "1d"), "up offset 8d"),
        (shifted(raw("max_over_time(up[1h:])"), "1d"), "max_over_time(up[1h:] offset 1d)"),
        (any_of([latest(UP), total(UP), raw("vector(0)")]), "up or sum(up) or vector(0)"),
        (select(select(REQUESTS, code="5xx"), method="get"), f'{REQ}{{code=~"5..", method="get"}}'),
        (latest(UP) + 1, "up + 1"),
        (2 * latest(UP) - latest(UP) / Decimal("0.5"), "2 * up - up / 0.5"),
    ],
)  # fmt: skip
def test_builders_print_as_expected(expr: Expr, text: str) -> None:
    assert to_text(bind(expr, GITLAB_WORDS, lookup=lookup)) == text


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: rate(IN_FLIGHT), "registry_http_in_flight_requests is a gauge: its rate"),
        (lambda: increase(UP), "up is a gauge: its increase"),
        (lambda: volume(REQUESTS), "is a counter: it has no sum"),
        (lambda: mean(UP), "up is a gauge: it has no mean"),
        (lambda: quantile(0.5, REQUESTS), "is a counter: it has no quantile"),
        (lambda: quantile(1.01, DURATION), "1.01 is no quantile"),
        (lambda: quantile(-0.1, DURATION), "-0.1 is no quantile"),
        (lambda: within(1, REQUESTS), "is a counter: it has no buckets"),
        (lambda: within(0.3, DURATION), f"0.3 is no bucket edge of {DUR}; nearest: 0.25, 0.5\n"),
        (lambda: within(100, DURATION), "nearest: 10\n"),
        (lambda: within(0.01, DURATION), "nearest: 0.1\n"),
        (lambda: within("fast", DURATION), "'fast' is no number"),
        (lambda: total(REQUESTS), "is a counter: its raw value"),
        (lambda: latest(DURATION), "is a histogram: its raw value"),
        (lambda: rate(REQUESTS, by="rout"), "has no label rout"),
        (lambda: total(UP, by="route"), "up has no label route"),
        (lambda: select(REQUESTS, handler="blob"), "has no label handler"),
        (lambda: select(REQUESTS, route="manifests"), "'manifests' is no route"),
        (lambda: select(REQUESTS, method=other_than("GET")), "'GET' is no method"),
        (lambda: select(REQUESTS, method=()), "cannot select a method"),
        (lambda: select(DURATION, le="0.3"), "0.3 is no bucket edge"),
        (lambda: age(MEMORY), "is in bytes: it has no age"),
        (lambda: trend(REQUESTS), "is a counter: its raw value"),
        (lambda: trend(UP, by="route"), "up has no label route"),
        (lambda: trend(UP, window="soon"), "'soon' is no window"),
        (lambda: forecast(DURATION, "4d"), "is a histogram: its raw value"),
        (lambda: forecast(MEMORY, "0s"), "'0s' is no window"),
        (lambda: forecast(MEMORY, "$__range"), "is no time to look ahead"),
        (lambda: top(0, latest(UP)), "top 0 is nothing"),
        (lambda: rate(REQUESTS, window="5 minutes"), "'5 minutes' is no window"),
        (lambda: rate(REQUESTS, window="-5m"), "'-5m' is no window"),
        (lambda: shifted(raw("up offset $x"), "1w"), "cannot be shifted"),
        (lambda: raw("sum("), "never closed"),
    ],
)
def test_what_no_flavor_can_answer_does_not_build(build: Callable[[], Expr], message: str) -> None:
    with pytest.raises(PromqlError, match=message):
        build()


def test_edges_of_any_flavor_build() -> None:
    assert within(5, DURATION) is not None
    assert within("0.25", DURATION) is not None
    assert quantile(0, DURATION) is not None
    assert quantile(1, DURATION) is not None


def test_the_nearest_label_word_is_named_first() -> None:
    with pytest.raises(PromqlError) as caught:
        select(REQUESTS, route="manifests")
    assert (caught.value.expected or "").startswith("manifest,")
