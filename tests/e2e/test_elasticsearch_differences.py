"""Where answers of Elasticsearch can differ from those of files, as docs/elasticsearch.md says it, and how far.

A real Elasticsearch 9 is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.logs.elasticsearch_cluster import Cluster
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms, Kind, Metric, Query
from tests.e2e.log_answers import load, same, written
from tests.peers.elasticsearch import Elasticsearch


@pytest.fixture(scope="module")
def cluster(elasticsearch_server: Elasticsearch) -> Iterator[Cluster]:
    with Cluster(elasticsearch_server.access) as opened:
        yield opened


def test_percentiles_of_five_thousand_lines_are_exact(
    elasticsearch_server: Elasticsearch, cluster: Cluster, tmp_path: Path
) -> None:
    made = [{"msg": "access", "duration_ms": at * at % 99_991, "method": "GET"} for at in range(5000)]
    load(elasticsearch_server, "answers-percentiles", made)
    metrics = tuple(
        Metric(f"p{percent}", Kind.PERCENTILE, FIELDS["duration_ms"], percent=percent) for percent in (0, 50, 99.9, 100)
    )
    query = Query("q", groups=(ByTerms("method", FIELDS["method"]),), metrics=metrics)
    same(query, cluster, index="answers-percentiles", file=written(tmp_path / "a.jsonl", made))
