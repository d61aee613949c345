from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings

from regobs.catalog.model import Unit
from regobs.errors import Location, PromqlError
from regobs.promql import (
    Expr,
    Type,
    age,
    bind,
    count,
    drain_time,
    forecast,
    highest,
    increase,
    infer,
    infer_text,
    latest,
    mean,
    per,
    quantile,
    rate,
    ratio,
    select,
    top,
    total,
    trend,
    volume,
    within,
)
from regobs.promql.infer import literal
from regobs.promql.parse import parse
from tests.examples import examples
from tests.promql.local import (
    CPU,
    DISTRIBUTION_WORDS,
    DURATION,
    GITLAB_WORDS,
    IN_FLIGHT,
    MEMORY,
    REQUESTS,
    SIZE,
    START,
    UP,
    USAGE,
    lookup,
)
from tests.promql.strategies import expressions


def of(text: str) -> Type:
    return infer_text(text, lookup=lookup, extra_labels=["env"])


@pytest.mark.parametrize(
    ("expr", "unit", "per_second", "labels"),
    [
        (rate(REQUESTS, by="route"), Unit.REQUESTS, True, {"route"}),
        (increase(REQUESTS), Unit.REQUESTS, False, set()),
        (rate(CPU), Unit.CORES, False, set()),
        (volume(SIZE), Unit.BYTES, True, set()),
        (volume(DURATION), Unit.NONE, False, set()),  # how many at a time
        (mean(DURATION), Unit.SECONDS, False, set()),
        (mean(SIZE, by="route"), Unit.BYTES, False, {"route"}),
        (quantile(0.5, SIZE, by="route"), Unit.BYTES, False, {"route"}),
        (within("0.5", DURATION, by="route"), Unit.RATIO, False, {"route"}),
        (ratio(rate(select(REQUESTS, code="5xx")), rate(REQUESTS)), Unit.RATIO, False, set()),
        (ratio(rate(SIZE), rate(REQUESTS)), Unit.RATIO, False, set()),  # a share, whatever is counted
        (per(rate(SIZE), rate(REQUESTS)), Unit.NONE, False, set()),
        (total(UP), Unit.NONE, False, set()),  # how many are up
        (highest(UP), Unit.BOOL, False, set()),
        (total(MEMORY, by="instance"), Unit.BYTES, False, {"instance"}),
        (rate(SIZE), Unit.EVENTS, True, set()),
        (age(START), Unit.SECONDS, False, set()),
        (count(UP), Unit.NONE, False, set()),
        (top(3, rate(REQUESTS, by="route")), Unit.REQUESTS, True, {"route"}),
        (latest(USAGE) * 100, Unit.PERCENT, False, set()),
        (trend(MEMORY, by="instance"), Unit.BYTES, True, {"instance"}),
        (forecast(MEMORY, "4d", by="instance"), Unit.BYTES, False, {"instance"}),
        (drain_time(total(IN_FLIGHT), rate(REQUESTS)), Unit.SECONDS, False, set()),
        (drain_time(total(IN_FLIGHT), rate(SIZE)), Unit.SECONDS, False, set()),
        (drain_time(total(MEMORY), rate(REQUESTS)), Unit.NONE, False, set()),
    ],
)
def test_units_and_labels_follow(expr: Expr, unit: Unit, per_second: bool, labels: set[str]) -> None:
    for tree in (expr, bind(expr, GITLAB_WORDS, lookup=lookup)):
        found = infer(tree, GITLAB_WORDS, lookup=lookup)
        assert (found.unit, found.per_second, found.labels) == (unit, per_second, frozenset(labels))
        assert not found.raw_counter


@pytest.mark.parametrize(
    ("text", "unit", "per_second"),
    [
        ("process_resident_memory_bytes - process_resident_memory_bytes", Unit.BYTES, False),
        ("process_resident_memory_bytes / 1024", Unit.BYTES, False),
        ("process_resident_memory_bytes * process_resident_memory_bytes", Unit.NONE, False),
        ("time() - process_start_time_seconds", Unit.SECONDS, False),
        ("process_start_time_seconds + 5", Unit.TIMESTAMP, False),
        ("process_resident_memory_bytes / deriv(process_resident_memory_bytes[1h])", Unit.SECONDS, False),
        ("increase(registry_http_requests_total[$__range]) / $__range_s", Unit.REQUESTS, True),
        ("rate(registry_http_requests_total[5m]) * $__range_s", Unit.REQUESTS, False),
        ("1 - pool_usage_ratio", Unit.RATIO, False),
        ("process_resident_memory_bytes > 5", Unit.BYTES, False),
        ("process_resident_memory_bytes > bool 5", Unit.BOOL, False),
        ("5 < process_resident_memory_bytes", Unit.BYTES, False),
        ("avg_over_time(process_resident_memory_bytes[5m])", Unit.BYTES, False),
        ("changes(process_start_time_seconds[5m])", Unit.NONE, False),
        ("timestamp(up)", Unit.TIMESTAMP, False),
        ("process_resident_memory_bytes or vector(0)", Unit.BYTES, False),
        ("unknown / other", Unit.NONE, False),
        ("0 * sum(rate(registry_http_requests_total[5m]))", Unit.REQUESTS, True),
    ],
)
def test_the_unit_algebra(text: str, unit: Unit, per_second: bool) -> None:
    found = of(text)
    assert (found.unit, found.per_second) == (unit, per_second)


def test_buckets_keep_their_edges_while_le_is_there() -> None:
    series = "registry_http_request_size_bytes_bucket"
    assert of(f"sum by (le) (rate({series}[5m]))").le == (0.0, 1024.0, 1048576.0, float("inf"))
    assert of(f'sum(rate({series}{{le=~"1024|1024\\\\.0"}}[5m]))').le is None
    assert of(f'{series}{{le="1024"}}').le == (1024.0,)


def test_a_raw_counter_is_marked_until_its_growth_is_taken() -> None:
    assert of("sum(registry_http_requests_total)").raw_counter
    assert of("registry_redis_single_timeouts").raw_counter
    assert not of("sum(rate(registry_http_requests_total[5m]))").raw_counter
    assert not of("count(registry_http_requests_total)").raw_counter
    assert not of("up").raw_counter
    assert of("registry_http_requests_total * 2").raw_counter
    assert of("2 * registry_http_requests_total").raw_counter
    assert not of("2 * up").raw_counter


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("2 * 3", 6), ("2 + 3", 5), ("2 - 3", -1), ("-(2 * 3)", -6), ("1.5", Decimal("1.5"))),
        *(("2 / 3", None), ("NaN", None), ("Inf * 0", None), ("2 * up", None), ("up", None)),
    ],
)
def test_a_literal_is_what_can_be_computed_without_a_server(text: str, value: Decimal | None) -> None:
    assert literal(parse(text)) == value


BUCKET = "registry_http_request_duration_seconds_bucket"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("sum(rate(registry_http_in_flight_requests[5m]))", "is a gauge: its rate", 10),
        ("irate(up[5m])", "up is a gauge: its irate", 7),
        ("increase(up[5m])", "up is a gauge: its increase", 10),
        ("delta(registry_http_requests_total[5m])", "is a counter: delta", 1),
        ("rate(sum(registry_http_requests_total)[1h:])", "rate over an aggregation", 1),
        (f"histogram_quantile(0.9, sum by (route) (max by (route) (rate({BUCKET}[5m]))))", "aggregation dropped le", 1),
        ("histogram_quantile(0.9, rate(registry_http_requests_total[5m]))", "has no buckets", 1),
        (f'histogram_quantile(0.9, rate({BUCKET}{{le="1"}}[5m]))', "matcher picks one", 1),
        (f"histogram_quantile(99, rate({BUCKET}[5m]))", "99 is no quantile", 20),
        (f"1 + sum(rate({BUCKET}[5m]))", "without le mixes the buckets", 5),
        (f'{BUCKET}{{le="0.3"}}', "0.3 is no bucket edge of .*; nearest: 0.25, 0.5", 50),
        (f'{BUCKET}{{le=~"0.3|1"}}', "0.3 is no bucket edge", 1),
        (f'{BUCKET}{{le="0.6"}}', "nearest: 0.5, 1", 50),
        ('up + registry_http_requests_total{rout="x"}', "has no label rout", 35),
        ("sum by (routes) (registry_http_requests_total)", "has no label routes, which the by list of sum", 9),
        ("sum by (route) (sum by (code) (registry_http_requests_total))", "no longer has the label route", 9),
        ("up * on (nope) up", "has no label nope, which on", 10),
        ('registry_http_requests_total{method="GET"}', "no method of registry_http_requests_total is 'GET'", 37),
        ('registry_http_requests_total{code="5xx"}', "that is a word for a pattern", 35),
        ("pool_usage_ratio > 1.01", "lies between 0 and 1", 20),
        ("pool_usage_ratio < -0.1", "lies between 0 and 1", 1),
        ("5 < avg(pool_usage_ratio)", "lies between 0 and 1", 5),
        ("pool_usage_ratio > 14.4 * 0.1", "lies between 0 and 1", 1),
        ('sum(rate(registry_http_requests_total{code=~"5.."}[5m])) / sum(rate(registry_http_requests_total[5m])) > 5',
         "lies between 0 and 1", 106),
        (f"avg(histogram_quantile(0.9, rate({BUCKET}[5m])))", "avg over a quantile", 1),
        (f"sum by (route) (histogram_quantile(0.9, rate({BUCKET}[5m])))", "sum over a quantile", 1),
        ("process_resident_memory_bytes > process_start_time_seconds", "bytes compared with timestamp", 31),
        ("process_resident_memory_bytes + process_start_time_seconds", "bytes added to timestamp", 31),
        ("sum by (code) (rate(registry_http_requests_total[5m])) / sum(rate(registry_http_requests_total[5m]))",
         "never match: left has code, right has no label", 56),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_its_place(text: str, message: str, column: int) -> None:
    with pytest.raises(PromqlError, match=message) as caught:
        infer_text(text, lookup=lookup, file="f")
    assert caught.value.location == Location("f", 1, column), str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "rate(registry_redis_single_timeouts[5m])",
        "delta(process_resident_memory_bytes[5m])",
        "predict_linear(process_resident_memory_bytes[1h], 3600)",
        "max_over_time(rate(registry_http_requests_total[5m])[1h:])",
        f"histogram_quantile(0, rate({BUCKET}[5m])) + histogram_quantile(1, sum by (le) (rate({BUCKET}[5m])))",
        f"max(histogram_quantile(0.9, rate({BUCKET}[5m])))",
        "histogram_quantile(0.9, rate(native_seconds[5m]))",
        f'sum(rate({BUCKET}{{le="0.5"}}[5m]))',
        f'{BUCKET}{{le="+Inf"}} + {BUCKET}{{le="1.0"}} + {BUCKET}{{le=~"1|1\\\\.0"}} + {BUCKET}{{le=~".+"}}',
        'sum by (instance, job, env, $x) (registry_http_requests_total{instance="a", env=~"$env"})',
        "sum by (anything) (unknown)",
        "pool_usage_ratio > 1",
        "pool_usage_ratio >= 0",
        "sum(pool_usage_ratio) > 1.01",
        "pool_usage_ratio * 100 > 80",
        "pool_usage_ratio / 0.001 > 14.4",
        "rate(registry_http_requests_total[5m]) / rate(registry_http_requests_total[5m] offset 1w) > 2",
        "sum by (code) (registry_http_requests_total) / on () group_left sum(registry_http_requests_total)",
        "sum by (code) (registry_http_requests_total) or sum(registry_http_requests_total)",
        "sum by (code) (registry_http_requests_total) / ignoring (code) group_left sum(registry_http_requests_total)",
        'registry_http_requests_total{method=~"$method", route!="x"}',
        'sum by (r) (label_replace(registry_http_requests_total, "r", "$1", "route", "(.*)"))',
        'count_values by (code) ("v", registry_http_requests_total)',
        "process_resident_memory_bytes > unknown",
    ],
)
def test_sense_is_not_refused(text: str) -> None:
    assert of(text).value == "vector"


def test_values_and_labels_are_those_of_the_vocabulary() -> None:
    text = 'sum by (handler) (registry_http_requests_total{handler="manifest"})'
    assert infer_text(text, DISTRIBUTION_WORDS, lookup=lookup).labels == frozenset({"handler"})
    with pytest.raises(PromqlError, match="has no label handler"):
        infer_text(text, GITLAB_WORDS, lookup=lookup)


def test_the_exported_label_is_known() -> None:
    text = "sum by (exported_instance) (rate(registry_redis_single_timeouts[5m]))"
    assert infer_text(text, GITLAB_WORDS, lookup=lookup).labels == frozenset({"exported_instance"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", "scalar"), ("time()", "scalar"), ('"a"', "string"), ("up[5m]", "matrix"), ("up", "vector")],
)
def test_value_types(text: str, value: str) -> None:
    assert of(text).value == value


@settings(deadline=None, max_examples=examples(200))
@given(expressions)
def test_any_expression_has_a_type_or_one_error(expr: Expr) -> None:
    try:
        found = infer(expr, lookup=lookup)
    except PromqlError as error:
        message = error.message
    else:
        message = found.value
    assert message


def test_in_flight_has_a_legend() -> None:
    assert infer(total(IN_FLIGHT, by="route"), lookup=lookup).labels == frozenset({"route"})


def test_the_rest_of_a_division_has_the_unit_and_a_power_has_none() -> None:
    memory = "process_resident_memory_bytes"
    rest, power = of(f"{memory} % {memory}"), of(f"{memory} ^ {memory}")
    assert (rest.unit, rest.fraction) == (Unit.BYTES, False)
    assert (power.unit, power.per_second, power.fraction) == (Unit.NONE, False, False)
