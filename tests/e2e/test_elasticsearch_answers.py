"""A real Elasticsearch 9 gives the rows that DuckDB and the reference give: saved queries, generated KQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regobs.logs import saved
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.pack import find_pack
from tests.e2e.log_answers import SAMPLE, load, same_lines, same_saved
from tests.logs.sample import lines
from tests.peers.elasticsearch import Elasticsearch

PACK = find_pack()


@pytest.fixture(scope="module")
def server(elasticsearch_server: Elasticsearch) -> Elasticsearch:
    load(elasticsearch_server, SAMPLE, lines())
    return elasticsearch_server


@pytest.fixture(scope="module")
def cluster(server: Elasticsearch) -> Iterator[Cluster]:
    with Cluster(server.access) as opened:
        yield opened


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_has_the_same_answer(cluster: Cluster, name: str) -> None:
    same_saved(PACK, name, cluster)


@pytest.mark.timeout(900)  # a minute on a machine that does nothing else
def test_two_thousand_kql_texts_find_the_same_lines_on_all_three(server: Elasticsearch) -> None:
    same_lines(server, 2000)
