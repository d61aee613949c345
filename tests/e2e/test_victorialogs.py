"""A real VictoriaLogs gives the rows that DuckDB gives, for every saved query that has no percentile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from regobs.cli.logs import logs
from regobs.common.programs import Supervisor
from regobs.errors import QueryError, ServerError
from regobs.logs import saved
from regobs.logs.adhoc import counted
from regobs.logs.duckdb.run import run as run_local
from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Clause, MetricKind, Query, QueryMetric
from regobs.logs.victorialogs import run as victorialogs
from regobs.logs.victorialogs.run import run
from regobs.pack import find_pack
from tests import peers
from tests.e2e.log_answers import rounded, without_percentiles
from tests.logs import made, reference
from tests.logs.sample import FILE, lines
from tests.peers import log_servers

PACK = find_pack()
pytestmark = pytest.mark.peer
PERCENTILES = (
    "client-versions",
    "requests-by-route-and-status",
    "requests-over-time",
    "slow-requests-by-route",
    "slowest-repositories",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    program = peers.required_victorialogs()
    with Supervisor() as supervisor:
        url = log_servers.victorialogs(supervisor, program)
        log_servers.ship(url, map(json.dumps, lines()))
        yield url


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_has_the_rows_that_files_have(server: str, name: str) -> None:
    query = without_percentiles(saved.load_query(PACK, name, now=reference.NOW))
    ours, theirs = run_local(query, [str(FILE)]), run(query, server)
    assert theirs.rows, "the sample has nothing for it"
    if query.metrics:
        assert rounded(theirs) == rounded(ours)
    else:  # lines of the same moment may stand in another order
        assert sorted(theirs.rows, key=str) == sorted(ours.rows, key=str)
        assert [row[0] for row in theirs.rows] == [row[0] for row in ours.rows]
        return
    assert [list(map(type, row)) for row in theirs.rows] == [list(map(type, row)) for row in ours.rows]
    assert (theirs.columns, theirs.lines, theirs.malformed) == (ours.columns, ours.lines, 0)


@pytest.mark.parametrize(("part", "missing"), [("repository", True), ("repository", False), (2, True), (3, False)])
def test_a_part_of_a_path_makes_the_groups_that_files_have(server: str, part: int | str, missing: bool) -> None:
    group = ByTerms("part", FIELDS["uri"], missing=missing, part=part)
    query = Query("q", groups=(group,), metrics=(QueryMetric("n", MetricKind.COUNT),))
    query = query.narrowed(Clause("uri: *", condition("uri: *")))
    ours, theirs = run_local(query, [str(FILE)]), run(query, server)
    assert theirs.rows == ours.rows
    assert (None in {row[0] for row in theirs.rows}) is missing


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    """A server with lines whose texts are missing or empty, and with clients of all kinds."""
    agents = ({"msg": "agent", "time": made.TIME, "user_agent": agent} for agent, _, _ in made.PROGRAM_OF)
    with Supervisor() as supervisor:
        url = log_servers.victorialogs(supervisor, peers.required_victorialogs())
        about = ({"msg": "about", "time": made.TIME, **line} for line, _ in made.REFERENCE_OF)
        log_servers.ship(url, map(json.dumps, (*made.EMPTY, *made.ADDRESSES, *agents, *about)))
        yield url


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_as_good_as_none_in_groups_and_metrics(odd: str, missing: bool) -> None:
    query = made.of_namespaces(missing=missing).narrowed(Clause("msg: access", condition("msg: access")))
    assert run(query, odd).rows == made.NAMESPACES[:2] + (made.NAMESPACES[2:] if missing else ())


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_no_address(odd: str, missing: bool) -> None:
    query = made.of_clients(missing=missing).narrowed(Clause("msg: address", condition("msg: address")))
    assert run(query, odd).rows == made.CLIENTS[:2] + (made.CLIENTS[2:] if missing else ())


@pytest.mark.parametrize("missing", [True, False])
def test_a_line_is_about_the_tag_that_it_names_else_about_what_its_path_names(odd: str, missing: bool) -> None:
    query = Query(
        "q", groups=(replace(made.REFERENCE, missing=missing),), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    found = run(query.narrowed(Clause("msg: about", condition("msg: about"))), odd).rows
    expected = Counter((name,) for _, name in made.REFERENCE_OF if name or missing)
    assert Counter({row[:-1]: row[-1] for row in found}) == expected


def test_the_program_of_a_client_is_the_first_that_it_names(odd: str) -> None:
    query = Query("q", groups=made.PROGRAM, metrics=(QueryMetric("n", MetricKind.COUNT),))
    found = run(query.narrowed(Clause("msg: agent", condition("msg: agent"))), odd).rows
    expected = Counter((product, version) for _, product, version in made.PROGRAM_OF)
    assert {row[:2]: row[2] for row in found} == expected


@pytest.mark.parametrize("name", PERCENTILES)
def test_a_percentile_is_the_value_of_one_of_the_lines_between_smallest_and_largest(server: str, name: str) -> None:
    query = saved.load_query(PACK, name, now=reference.NOW)
    ours, theirs = run_local(query, [str(FILE)]), run(query, server)
    place = theirs.columns.index("p95")
    named = len(query.groups)
    found = {row[:named]: row[place] for row in theirs.rows}
    assert found.keys() == {row[:named] for row in ours.rows}
    for row in ours.rows:  # ours is between two neighbours, theirs is one of the two
        exact, there = row[place], found[row[:named]]
        assert isinstance(exact, float)
        assert isinstance(there, float)
        assert abs(there - exact) <= max(8.0, exact)


TEXTS = (
    "status >= 400 and not method: GET",
    "status: 404 or status: 201",
    "remote_ip: 127.0.0.0/8 and duration_ms > 5",
    "remote_ip: 10.0.0.0/8",
    "redirect: true",
    "not redirect: *",
    'uri: /v2/*/blobs/* and method: (HEAD or GET)',
    'time >= "2026-11-23T12:00:05.250Z" and time < "2026-11-23T12:00:07Z"',
    'time: "2026-11-23T11:11:21"',
    'msg: "failed to"',
    "msg: (replica or blob)",
    "msg: BLOB",
    "level: (error or warning)",
    "lag_time_s: 42.5",
    "duration_s > 0.01",
    'error: "connection refused"',
    'uri: "/v2/a\\"b"',
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_typed_query_finds_the_lines_that_files_have(server: str, text: str) -> None:
    query = counted(["level"], 20).narrowed(Clause(text, condition(text, now=reference.NOW)))
    assert run(query, server).rows == run_local(query, [str(FILE)]).rows


def test_the_texts_find_something() -> None:
    found = [
        text
        for text in TEXTS
        if run_local(counted(["level"], 20).narrowed(Clause(text, condition(text))), [str(FILE)]).rows
    ]
    assert len(found) >= len(TEXTS) - 3


def test_the_command_answers_from_the_server_as_from_the_file(server: str) -> None:
    def asked(*arguments: str) -> str:
        return CliRunner().invoke(logs, ["run", "users", *arguments, "--format", "csv"], catch_exceptions=False).stdout

    assert asked("--victorialogs", server) == asked(str(FILE)) != ""


def test_a_server_that_refuses_says_why(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victorialogs, "as_logsql", lambda _: "* | nosuchpipe")
    with pytest.raises(QueryError, match="refuses the query users") as caught:
        run(saved.load_query(PACK, "users"), server)
    assert "nosuchpipe" in str(caught.value.value)


def test_what_is_no_victorialogs_is_told(server: str) -> None:
    with pytest.raises(ServerError, match="answered 400"):
        run(saved.load_query(PACK, "users"), f"{server}/nosuch")
    with pytest.raises(ServerError):
        run(saved.load_query(PACK, "users"), "http://127.0.0.1:1")


def test_an_object_is_shown_as_from_files(tmp_path: Path) -> None:
    head = {"level": "error", "msg": "manifest unknown", "code": "MANIFEST_UNKNOWN"}
    details: list[object] = [{"Tag": "latest"}, {"In": {"a": "b", "c.d": "e"}, "Tag": "x"}, "text", ["a"], None]
    found = [{"time": f"2026-11-23T11:05:0{at}Z", **head, "detail": one} for at, one in enumerate(details)]
    path = tmp_path / "a.log"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in found), encoding="utf-8")
    query = saved.load_query(PACK, "recent-errors", now=reference.NOW)
    with Supervisor() as supervisor:
        url = log_servers.victorialogs(supervisor, peers.required_victorialogs())
        log_servers.ship(url, map(json.dumps, found))
        theirs = [row[5] for row in run(query, url).rows]
    ours = [row[5] for row in run_local(query, [str(path)]).rows]
    assert theirs[:3] == ours[:3] == [None, '["a"]', "text"]
    assert theirs[4] == ours[4] == '{"Tag":"latest"}'
    assert theirs[3] == '{"In":{"a":"b","c":{"d":"e"}},"Tag":"x"}'  # a dot in a name is as good as a level
