"""Where answers of Elasticsearch can differ from those of files, as docs/elasticsearch.md says it, and how far."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.logs.duckdb.run import run as run_local
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Clause, MetricKind, Query, QueryMetric
from tests.e2e.log_answers import load, same, written
from tests.logs import reference
from tests.peers.elasticsearch import Elasticsearch

LARGE, DIFFERENT = 60_000, 40_000
# How many percent of the lines a percentile of many lines may be off: wide in the middle, where nobody looks.
OFF = {0: 0.0, 1: 0.05, 25: 1.0, 50: 1.0, 75: 1.0, 95: 0.2, 99: 0.05, 99.9: 0.01, 100: 0.0}
PERCENTS = tuple(OFF)
PERCENTILES = tuple(
    QueryMetric(f"p{one}", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=one) for one in PERCENTS
)


@pytest.fixture(scope="module")
def cluster(elasticsearch_server: Elasticsearch) -> Iterator[Cluster]:
    with Cluster(elasticsearch_server.access) as opened:
        yield opened


@pytest.fixture(scope="module")
def large(elasticsearch_server: Elasticsearch) -> list[dict[str, Any]]:
    """Lines with durations as they are: many small ones, a few that are a thousand times as long."""
    chance = random.Random(1)  # noqa: S311 - no secret
    made = [
        {
            "duration_ms": int(chance.lognormvariate(3, 2)),
            "correlation_id": f"id{at % DIFFERENT}",
            "written_bytes": at,
        }
        for at in range(LARGE)
    ]
    load(elasticsearch_server, "large", made)
    return made


def test_percentiles_of_five_thousand_lines_are_exact(
    elasticsearch_server: Elasticsearch, cluster: Cluster, tmp_path: Path
) -> None:
    made = [{"msg": "access", "duration_ms": at * at % 99_991, "method": "GET"} for at in range(5000)]
    load(elasticsearch_server, "answers-percentiles", made)
    query = Query("q", groups=(ByTerms("method", FIELDS["method"]),), metrics=PERCENTILES)
    same(query, cluster, index="answers-percentiles", file=written(tmp_path / "a.jsonl", made))


def test_percentiles_of_many_lines_are_off_by_one_percent_of_them_at_most_and_less_at_the_ends(
    cluster: Cluster, large: list[dict[str, Any]]
) -> None:
    values = sorted(line["duration_ms"] for line in large)
    (answer,) = run(Query("q", metrics=PERCENTILES), cluster, index="large").rows
    for percent, found in zip(PERCENTS, answer, strict=True):
        assert isinstance(found, float)
        low, high = (100 * place / LARGE for place in (bisect_left(values, found), bisect_right(values, found)))
        assert low - OFF[percent] <= percent <= high + OFF[percent], f"p{percent} is {found}"


@pytest.mark.parametrize(("lines", "off"), [(1000, 0.0), (LARGE, 0.01)])
def test_different_values_are_exact_up_to_a_thousand_and_off_by_one_in_a_hundred_at_most(
    cluster: Cluster, large: list[dict[str, Any]], tmp_path: Path, lines: int, off: float
) -> None:
    text = f"written_bytes < {lines}"
    query = Query("q", metrics=(QueryMetric("n", MetricKind.CARDINALITY, FIELDS["correlation_id"]),))
    query = query.narrowed(Clause(text, condition(text, now=reference.NOW)))
    exact = min(lines, DIFFERENT)
    assert run_local(query, [written(tmp_path / "a.jsonl", large)]).rows == ((exact,),)
    ((estimate,),) = run(query, cluster, index="large").rows
    assert isinstance(estimate, int)
    assert abs(estimate - exact) <= off * exact


@pytest.mark.parametrize(("largest", "exact"), [(2**53 - 1, True), (2**53 + 1, False)])
def test_sums_smallest_and_largest_numbers_are_exact_up_to_two_to_the_53(
    elasticsearch_server: Elasticsearch, cluster: Cluster, tmp_path: Path, largest: int, *, exact: bool
) -> None:
    index, made = f"numbers-{largest}", [{"written_bytes": largest}]
    load(elasticsearch_server, index, made)
    metrics = tuple(
        QueryMetric(kind.value, kind, FIELDS["written_bytes"])
        for kind in (MetricKind.SUM, MetricKind.MIN, MetricKind.MAX)
    )
    query = Query("q", metrics=metrics)
    assert run_local(query, [written(tmp_path / "a.jsonl", made)]).rows == ((largest,) * 3,)
    assert (run(query, cluster, index=index).rows == ((largest,) * 3,)) is exact


def test_each_ideograph_and_hiragana_is_a_word_on_elasticsearch_only_and_an_emoji_finds_nothing(
    elasticsearch_server: Elasticsearch, cluster: Cluster, tmp_path: Path
) -> None:
    made = [{"msg": "上传 かな 🚀🚀 failed"}]
    load(elasticsearch_server, "ideographs", made)
    file = written(tmp_path / "a.jsonl", made)
    query = Query("q", metrics=(QueryMetric("n", MetricKind.COUNT),))
    for text, ours, theirs in (
        ("msg: failed", 1, 1),
        ("msg: 上传", 1, 1),
        ("msg: 上", 0, 1),
        ("msg: か", 0, 1),
        ("msg: 🚀", 0, 0),
    ):
        asked = query.narrowed(Clause(text, condition(text, now=reference.NOW)))
        assert (run_local(asked, [file]).rows, run(asked, cluster, index="ideographs").rows) == (
            ((ours,),),
            ((theirs,),),
        )
