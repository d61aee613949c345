"""A real Elasticsearch 9 gives the rows that DuckDB and the reference give: saved queries, generated KQL, groups."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from regobs.logs import saved
from regobs.logs.answer import Answer
from regobs.logs.duckdb_run import run as run_local
from regobs.logs.elasticsearch_access import Access
from regobs.logs.elasticsearch_cluster import Cluster
from regobs.logs.elasticsearch_mapping import mapping
from regobs.logs.elasticsearch_run import run
from regobs.logs.fields import FIELDS
from regobs.logs.kql import Node, parse, to_text
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Kind, Metric, Query
from regobs.logs.to_elasticsearch import dsl
from regobs.pack import find_pack
from tests.logs_query import reference
from tests.logs_query.local import found, sample_table
from tests.logs_query.questions import leaves
from tests.logs_query.sample import FILE, lines
from tests.logs_query.strategies import trees
from tests.peers.elasticsearch import Elasticsearch

PACK = find_pack()
STEP = 3  # every third line is enough for a generated text: the reference takes its time
TEXTS = 2000
BATCH = 250
SAMPLE = "answers-sample"


@pytest.fixture(scope="module")
def server(elasticsearch_server: Elasticsearch) -> Elasticsearch:
    assert elasticsearch_server.load(SAMPLE, mapping(FIELDS.values()), lines()) == []
    return elasticsearch_server


@pytest.fixture(scope="module")
def cluster(server: Elasticsearch) -> Iterator[Cluster]:
    access = Access(server.url, basic=(server.user, server.password), authority=server.authority)
    with Cluster(access) as opened:
        yield opened


def rounded(answer: Answer) -> list[tuple[Any, ...]]:
    """The rows with the last digits of their sums and averages off: engines add in another order."""
    return [tuple(float(f"{cell:.12g}") if isinstance(cell, float) else cell for cell in row) for row in answer.rows]


def same(query: Query, cluster: Cluster, *, index: str = SAMPLE, file: str = str(FILE)) -> Answer:
    """The answer of the cluster, after it was found equal to that of DuckDB: cells, their types, order, lines."""
    ours, theirs = run_local(query, [file]), run(query, cluster, index=index)
    assert rounded(theirs) == rounded(ours)
    assert [list(map(type, row)) for row in theirs.rows] == [list(map(type, row)) for row in ours.rows]
    assert (theirs.columns, theirs.lines, theirs.malformed) == (ours.columns, ours.lines, ours.malformed)
    return theirs


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_has_the_same_answer(cluster: Cluster, name: str) -> None:
    query = saved.load_query(PACK, name, now=reference.NOW)
    if query.metrics:
        assert same(query, cluster).rows, "the sample has nothing for it"
        return
    # Lines of the same millisecond stand in the order of the file or index, so the last ones may be others.
    ours, theirs = run_local(query, [str(FILE)]), run(query, cluster, index=SAMPLE)
    assert theirs.rows
    assert Counter(theirs.rows) == Counter(ours.rows)
    assert [row[0] for row in theirs.rows] == [row[0] for row in ours.rows]


def _texts() -> dict[str, Node]:
    made: dict[str, Node] = {}

    @given(trees(leaves(bound=4), nested=False))
    @settings(max_examples=BATCH, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    def make(tree: Node) -> None:
        text = to_text(tree)
        if len(made) < TEXTS:
            made[text] = parse(text)

    for number in count():  # some come twice; a seed of its own each time, or CI would make the same ones for ever
        seed(number)(make)()
        if len(made) == TEXTS:
            break
    return made


@pytest.mark.timeout(900)  # a minute on a machine that does nothing else
def test_two_thousand_kql_texts_find_the_same_lines_on_all_three(server: Elasticsearch) -> None:
    texts = _texts()
    some = list(enumerate(lines()))[::STEP]
    expected = {text: [at for at, line in some if reference.fits(line, node)] for text, node in texts.items()}
    assert sum(0 < len(places) < len(some) for places in expected.values()) > TEXTS / 10, "they find too little"
    with sample_table(STEP) as table:
        local = {text: found(table, text) for text in texts}
    wrong = [text for text in texts if local[text] != expected[text]]
    assert not wrong, f"DuckDB: {min(wrong, key=len)}"
    theirs = _found_there(server, list(texts))
    wrong = [text for text in texts if theirs[text] != expected[text]]
    assert not wrong, f"Elasticsearch: {min(wrong, key=len)}"


def _found_there(server: Elasticsearch, texts: list[str]) -> dict[str, list[int]]:
    """The places of the lines that fit each text."""
    places = {"ids": {"values": [str(at) for at in range(0, len(lines()), STEP)]}}
    answers: list[Any] = []
    for start in range(0, len(texts), BATCH):
        body = ""
        for text in texts[start : start + BATCH]:
            asked = {"bool": {"filter": [places, dsl(condition(text, now=reference.NOW))]}}
            search = {"query": asked, "size": len(lines()), "_source": False, "sort": "_doc"}
            body += f"{{}}\n{json.dumps(search)}\n"
        answers += server.send("POST", f"{SAMPLE}/_msearch", body.encode())["responses"]
    return {
        text: sorted(int(hit["_id"]) for hit in answer["hits"]["hits"])
        for text, answer in zip(texts, answers, strict=True)
    }


def test_percentiles_of_five_thousand_lines_are_exact(server: Elasticsearch, cluster: Cluster, tmp_path: Path) -> None:
    made = [{"msg": "access", "duration_ms": at * at % 99_991, "method": "GET"} for at in range(5000)]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in made))
    assert server.load("answers-percentiles", mapping(FIELDS.values()), made) == []
    metrics = tuple(
        Metric(f"p{percent}", Kind.PERCENTILE, FIELDS["duration_ms"], percent=percent) for percent in (0, 50, 99.9, 100)
    )
    query = Query("q", groups=(ByTerms("method", FIELDS["method"]),), metrics=metrics)
    same(query, cluster, index="answers-percentiles", file=str(file))
