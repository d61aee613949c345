"""A real OpenSearch needs no setting of its own, and gives the rows that DuckDB and the reference give."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from regobs.errors import ServerError
from regobs.kibana import words
from regobs.logs import saved
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.run import run
from regobs.logs.elasticsearch.search import runtime_script
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from regobs.pack import find_pack
from tests import peers
from tests.e2e.log_answers import SAMPLE, load, same_lines, same_saved, without_percentiles
from tests.logs.sample import lines
from tests.peers.opensearch import OpenSearch

PACK = find_pack()


@pytest.fixture(scope="module")
def server(opensearch_server: OpenSearch) -> OpenSearch:
    load(opensearch_server, SAMPLE, lines())
    return opensearch_server


@pytest.fixture(scope="module")
def cluster(server: OpenSearch) -> Iterator[Cluster]:
    with Cluster(server.access) as opened:
        yield opened


def test_it_is_an_opensearch_of_3(server: OpenSearch) -> None:
    version = server.request("GET", "")["version"]
    assert (version["distribution"], version["number"]) == ("opensearch", peers.OPENSEARCH)


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_has_the_same_answer_apart_from_percentiles(cluster: Cluster, name: str) -> None:
    same_saved(PACK, name, cluster, without_percentiles)


@pytest.mark.parametrize(
    "group",
    [
        ByTerms("path", FIELDS["uri"], part=2),
        *sorted(
            {
                words.field_name(group): group
                for name in saved.names_in(PACK)
                for group in saved.load_query(PACK, name).groups
                if isinstance(group, ByTerms) and group.part
            }.values(),
            key=words.field_name,
        ),
    ],
    ids=words.field_name,
)
def test_a_runtime_field_of_the_data_view_of_kibana_has_the_part_by_which_regobs_groups(
    server: OpenSearch, cluster: Cluster, group: ByTerms
) -> None:
    """OpenSearch calls runtime fields `derived`, and has the same scripts for them."""
    field = {"type": "keyword", "script": {"source": runtime_script(group)}}
    body = {
        "size": 0,
        "derived": {"made": field},
        "aggs": {"groups": {"terms": {"field": "made", "size": 1000}}},
    }
    buckets = server.request("POST", f"{SAMPLE}/_search", body)["aggregations"]["groups"]["buckets"]
    plain = replace(group, missing=False)
    rows = run(Query("q", groups=(plain,), metrics=(QueryMetric("n", MetricKind.COUNT),)), cluster, index=SAMPLE).rows
    assert rows
    assert sorted((bucket["key"], bucket["doc_count"]) for bucket in buckets) == sorted(rows)


def test_two_hundred_kql_texts_find_the_same_lines_on_all_three(server: OpenSearch) -> None:
    same_lines(server, 200)


def test_no_point_in_time_is_left_open(server: OpenSearch, cluster: Cluster) -> None:
    before = server.open_searches()
    with cluster.moment(SAMPLE) as moment:
        assert moment.lines() == len(lines())
        assert server.open_searches() == before + 1
    assert server.open_searches() == before


@pytest.mark.parametrize("index", ["not-there", "not-there-*"])
def test_an_index_that_is_not_there_is_named(cluster: Cluster, index: str) -> None:
    with pytest.raises(ServerError, match="no such index") as caught, cluster.moment(index) as moment:
        moment.lines()
    assert index in str(caught.value)


@pytest.mark.parametrize("size", [1, 2, 26, 101])
def test_a_percentile_of_a_small_group_is_off_by_one_line_at_most(
    server: OpenSearch, cluster: Cluster, size: int
) -> None:
    values = [at * at for at in range(size)]
    index = f"percentiles-of-{size}"
    load(server, index, [{"msg": "access", "duration_ms": value} for value in values])
    percents = (0, 25, 50, 95, 99.9, 100)
    metrics = tuple(
        QueryMetric(f"p{percent}", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=percent)
        for percent in percents
    )
    (answer,) = run(Query("q", metrics=metrics), cluster, index=index).rows
    for percent, found in zip(percents, answer, strict=True):
        rank = (size - 1) * percent / 100
        low, high = values[max(0, math.floor(rank) - 1)], values[min(size - 1, math.ceil(rank) + 1)]
        assert isinstance(found, float)
        assert low <= found <= high, percent
