"""Answers of a real server of logs beside those of DuckDB and of the reference."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec.structs import replace

from regobs.logs import saved
from regobs.logs.answer import Answer
from regobs.logs.duckdb.run import run as run_local
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.mapping import mapping
from regobs.logs.elasticsearch.run import run
from regobs.logs.elasticsearch.search import dsl
from regobs.logs.fields import FIELDS
from regobs.logs.kql import Node, parse, to_text
from regobs.logs.kql.bind import condition
from regobs.logs.query import MetricKind, Query
from regobs.pack import Pack
from tests.logs import reference
from tests.logs.duckdb.local import found, sample_table
from tests.logs.questions import leaves
from tests.logs.sample import FILE, lines
from tests.logs.strategies import trees
from tests.peers.search_server import SearchServer

SAMPLE = "answers-sample"
_BATCH = 250
_STEP = 3  # every third line is enough for a generated text: the reference takes its time
Line = Mapping[str, Any]


def load(server: SearchServer, index: str, made: Iterable[Line]) -> None:
    """Make an index of lines with the fields of the catalogue."""
    refused = server.load(index, mapping(FIELDS.values()), made)
    assert refused == []


def written(file: Path, made: Iterable[Line]) -> str:
    """The lines as a file; its name."""
    file.write_text("".join(f"{json.dumps(line)}\n" for line in made))
    return str(file)


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


def without_percentiles(query: Query) -> Query:
    """The query without percentiles and what is ordered by them."""
    kept = tuple(metric for metric in query.metrics if metric.kind is not MetricKind.PERCENTILE)
    gone = {metric.name for metric in query.metrics} - {metric.name for metric in kept}
    return replace(query, metrics=kept, order=tuple(order for order in query.order if order.column not in gone))


def same_saved(
    pack: Pack, name: str, cluster: Cluster, changed: Callable[[Query], Query] = lambda query: query
) -> None:
    """A saved query has the same answer on the sample, and one that is not empty."""
    query = changed(saved.load_query(pack, name, now=reference.NOW))
    if query.metrics:
        assert same(query, cluster).rows, "the sample has nothing for it"
        return
    # Lines of the same millisecond stand in the order of the file or index, so the last ones may be others.
    ours, theirs = run_local(query, [str(FILE)]), run(query, cluster, index=SAMPLE)
    assert theirs.rows
    assert Counter(theirs.rows) == Counter(ours.rows)
    assert [row[0] for row in theirs.rows] == [row[0] for row in ours.rows]


def same_lines(server: SearchServer, amount: int) -> None:
    """So many generated KQL texts find the same lines in DuckDB, in the reference and on the server."""
    texts = _texts(amount)
    some = list(enumerate(lines()))[::_STEP]
    expected = {text: [at for at, line in some if reference.fits(line, node)] for text, node in texts.items()}
    assert sum(0 < len(places) < len(some) for places in expected.values()) > amount / 10, "they find too little"
    with sample_table(_STEP) as table:
        local = {text: found(table, text) for text in texts}
    wrong = [text for text in texts if local[text] != expected[text]]
    assert not wrong, f"DuckDB: {min(wrong, key=len)}"
    theirs = _found_there(server, list(texts))
    wrong = [text for text in texts if theirs[text] != expected[text]]
    assert not wrong, f"the server: {min(wrong, key=len)}"


def _texts(amount: int) -> dict[str, Node]:
    made: dict[str, Node] = {}

    @given(trees(leaves(bound=4), nested=False))
    @settings(max_examples=_BATCH, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    def make(tree: Node) -> None:
        text = to_text(tree)
        if len(made) < amount:
            made[text] = parse(text)

    for number in count():  # some come twice; a seed of its own each time, or CI would make the same ones for ever
        seed(number)(make)()
        if len(made) == amount:
            break
    return made


def _found_there(server: SearchServer, texts: list[str]) -> dict[str, list[int]]:
    """The places of the lines that fit each text."""
    places = {"ids": {"values": [str(at) for at in range(0, len(lines()), _STEP)]}}
    answers: list[Any] = []
    for start in range(0, len(texts), _BATCH):
        body = ""
        for text in texts[start : start + _BATCH]:
            asked = {"bool": {"filter": [places, dsl(condition(text, now=reference.NOW))]}}
            search = {"query": asked, "size": len(lines()), "_source": False, "sort": "_doc"}
            body += f"{{}}\n{json.dumps(search)}\n"
        answers += server.send("POST", f"{SAMPLE}/_msearch", body.encode())["responses"]
    refused = {text: answer["error"] for text, answer in zip(texts, answers, strict=True) if "error" in answer}
    assert refused == {}
    return {
        text: sorted(int(hit["_id"]) for hit in answer["hits"]["hits"])
        for text, answer in zip(texts, answers, strict=True)
    }
