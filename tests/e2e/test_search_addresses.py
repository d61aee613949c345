"""Addresses mean the same in files and on a real server, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.logs.duckdb.run import run as run_local
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.mapping import mapping
from regobs.logs.elasticsearch.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.kql import parse
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Clause, MetricKind, Order, Query, QueryMetric
from tests.e2e.log_answers import load, same, written
from tests.logs import reference
from tests.peers.elasticsearch import Elasticsearch
from tests.peers.search_server import SearchServer

INDEX = "addresses"
ADDRESSES = (
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "::FFFF:A00:1",
    "0:0:0:0:0:ffff:10.0.0.2",
    "10.0.0.255",
    "9.255.255.255",
    "11.0.0.0",
    "0.0.0.0",
    "255.255.255.255",
    "2001:db8::1",
    "2001:0DB8:0:0:0:0:0:1",
    "2001:db9::",
    "1:0:0:2:0:0:0:3",
    "1:0:2:0:3:0:4:0",
    "64:ff9b::10.0.0.1",
    "::10.0.0.1",
    "fe80::1",
    "::1",
    "::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
)
NONE = ("10.0.0.1:80", "[::1]:80", "010.0.0.1", "1::2::3", "10.0.0", "unix")
LINES = [{"msg": "access", "correlation_id": f"{at}", "remote_ip": one} for at, one in enumerate((*ADDRESSES, *NONE))]
MATCHED = Query("q", groups=(ByTerms("id", FIELDS["correlation_id"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))
ADDRESS = ByTerms("address", FIELDS["remote_ip"])


@pytest.fixture(scope="module")
def index(search_server: SearchServer) -> str:
    load(search_server, INDEX, LINES)
    return INDEX


@pytest.fixture
def file(tmp_path: Path) -> str:
    return written(tmp_path / "a.jsonl", LINES)


def _where(text: str) -> Clause:
    return Clause(text, condition(text, now=reference.NOW))


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("10.0.0.1", 3),
        ("::ffff:10.0.0.1", 3),
        ("10.0.0.0/8", 5),
        ("10.0.0.77/24", 5),
        ("::ffff:10.0.0.0/104", 5),
        ("::ffff:0:0/96", 9),
        ("0.0.0.0/0", 9),
        ("::/96", 3),
        ("::10.0.0.1", 1),
        ("2001:db8::/32", 2),
        ("2001:DB8::1/128", 2),
        ("::/0", 20),
        ("255.255.255.255/32", 1),
    ],
)
def test_a_block_holds_the_same_lines(search_cluster: Cluster, index: str, file: str, block: str, found: int) -> None:
    query = MATCHED.narrowed(_where(f'remote_ip: "{block}"'))
    assert len(same(query, search_cluster, index=index, file=file).rows) == found
    node = parse(f'remote_ip: "{block}"')
    assert sum(reference.fits(line, node) for line in LINES) == found


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "::1", "2001:db8::1", "::", "255.255.255.255"])
def test_addresses_are_in_the_same_order(search_cluster: Cluster, index: str, file: str, op: str, address: str) -> None:
    same(MATCHED.narrowed(_where(f'remote_ip {op} "{address}"')), search_cluster, index=index, file=file)


def test_an_address_is_one_group_and_one_value_however_it_is_written(
    search_cluster: Cluster, index: str, file: str
) -> None:
    valid = _where('remote_ip: "::/0"')
    count = QueryMetric("n", MetricKind.COUNT)
    rows = same(
        Query("q", groups=(ADDRESS,), metrics=(count,)).narrowed(valid), search_cluster, index=index, file=file
    ).rows
    assert {("10.0.0.1", 3), ("1:0:0:2::3", 1), ("1:0:2:0:3:0:4:0", 1)} < set(rows)
    different = Query("q", metrics=(QueryMetric("n", MetricKind.CARDINALITY, FIELDS["remote_ip"]),)).narrowed(valid)
    assert same(different, search_cluster, index=index, file=file).rows == ((len(rows),),)


def test_lines_are_sorted_by_the_number_of_an_address(search_cluster: Cluster, index: str, file: str) -> None:
    query = Query("q", columns=(FIELDS["remote_ip"],), order=(Order("remote_ip", descending=True),))
    once = query.narrowed(_where('remote_ip > "2001:db8::1" or remote_ip < "10.0.0.1"'))
    assert same(once, search_cluster, index=index, file=file).rows[0] == (ADDRESSES[-1],)


def test_what_is_no_address_stays_in_the_line_and_is_not_found(search_cluster: Cluster, index: str, file: str) -> None:
    query = Query("q", groups=(ADDRESS,), metrics=(QueryMetric("n", MetricKind.COUNT),))
    ours, theirs = run_local(query, [file]), run(query, search_cluster, index=index)
    assert {row[0] for row in ours.rows} - {row[0] for row in theirs.rows} == set(NONE)
    shown = Query("q", columns=(FIELDS["correlation_id"], FIELDS["remote_ip"]))
    rows = run(shown, search_cluster, index=index).rows
    assert {row[1] for row in rows} == {*ADDRESSES, *NONE}


def test_elasticsearch_9_refuses_a_line_with_a_zone_which_the_pipeline_takes_off(
    elasticsearch_server: Elasticsearch,
) -> None:
    (refused,) = elasticsearch_server.load("zones", mapping(FIELDS.values()), [{"remote_ip": "fe80::1%eth0"}])
    assert "failed to parse field [remote_ip]" in refused["reason"]
