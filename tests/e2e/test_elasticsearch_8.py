"""A real Elasticsearch 8 needs no setting of its own, and gives the rows that DuckDB and the reference give."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch as Client

from regobs.errors import ServerError
from regobs.logs import saved
from regobs.logs.elasticsearch.access import PASSWORD_VARIABLE, USER_VARIABLE, Access
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.objects import objects
from regobs.pack import find_pack
from tests import peers
from tests.e2e.log_answers import SAMPLE, load, same_lines, same_saved
from tests.logs.sample import lines
from tests.peers.elasticsearch import Elasticsearch

PACK = find_pack()


@pytest.fixture(scope="module")
def server(elasticsearch_8_server: Elasticsearch) -> Elasticsearch:
    load(elasticsearch_8_server, SAMPLE, lines())
    return elasticsearch_8_server


@pytest.fixture(scope="module")
def cluster(server: Elasticsearch) -> Iterator[Cluster]:
    with Cluster(server.access) as opened:
        yield opened


def test_it_is_an_elasticsearch_8_which_the_client_of_9_alone_cannot_ask(server: Elasticsearch) -> None:
    (node,) = server.request("GET", "_nodes")["nodes"].values()
    assert node["version"] == peers.ELASTICSEARCH_8
    client = Client(server.url, basic_auth=(server.user, server.password), ca_certs=str(server.authority))
    with client, pytest.raises(Exception, match=r"compatible-with=9|version is not supported"):
        client.search(index=SAMPLE)


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_has_the_same_answer(cluster: Cluster, name: str) -> None:
    same_saved(PACK, name, cluster)


def test_two_hundred_kql_texts_find_the_same_lines_on_all_three(server: Elasticsearch) -> None:
    same_lines(server, 200)


def test_an_api_key_opens_it_and_a_wrong_password_does_not(server: Elasticsearch) -> None:
    key = server.request("POST", "_security/api_key", {"name": "test"})["encoded"]
    with Cluster(Access(server.url, api_key=key, authority=server.authority)) as opened:
        same_saved(PACK, "errors-by-code", opened)
    wrong = Access(server.url, basic=(server.user, "wrong"), authority=server.authority)
    with Cluster(wrong) as refused, pytest.raises(ServerError, match="refuses the user, password or API key"):
        refused.moment(SAMPLE)


def test_no_point_in_time_is_left_open(server: Elasticsearch, cluster: Cluster) -> None:
    before = server.open_searches()
    with cluster.moment(SAMPLE) as moment:
        assert moment.lines() == len(lines())
        assert server.open_searches() == before + 1
    assert server.open_searches() == before


def test_the_templates_of_the_build_make_a_data_stream(server: Elasticsearch) -> None:
    server.set_up(objects())
    assert server.write("logs-registry-old", [{"@timestamp": line["time"], **line} for line in lines()]) == []
    (index,) = server.request("GET", "logs-registry-old")
    assert index.startswith(".ds-logs-registry-old-")
    with Cluster(server.access) as opened, opened.moment("logs-registry-*") as moment:
        assert moment.lines() == len(lines())


def test_the_python_of_the_documentation_makes_a_data_frame(
    server: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "elasticsearch.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    given = {"https://elasticsearch.example:9200": server.url, "logs-registry-*": SAMPLE}
    for written, ours in given.items():
        assert code.count(written) == 1
        code = code.replace(written, ours)
    monkeypatch.setenv(USER_VARIABLE, server.user)
    monkeypatch.setenv(PASSWORD_VARIABLE, server.password)
    monkeypatch.setattr(Access, "of", partial(Access.of, authority=server.authority))
    made: dict[str, Any] = {}
    exec(code, made)  # noqa: S102 - our own page
    assert list(made["slow"].columns[:2]) == ["route", "method"]
    assert len(made["slow"]) > 1
    assert made["slow"]["requests"].dtype == "Int64"
