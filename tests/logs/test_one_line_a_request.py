"""CNCF Distribution writes two lines for each request, its own and one in Apache's form: saved queries count one."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.logs import logs
from regobs.kibana.reading import panel_queries
from regobs.logs.answer import Answer
from regobs.logs.duckdb.run import run_all
from regobs.logs.query import MetricKind
from regobs.logs.saved import load_query, names_in
from regobs.pack import find_pack

PACK = find_pack()
DATA = Path(__file__).parents[1] / "data"
TEXT, JSON = DATA / "docker-registry-2.8.2.text.log.gz", DATA / "docker-registry-2.8.2.json.log.gz"
REQUESTS = 128
QUERIES = {name: load_query(PACK, name) for name in names_in(PACK)} | panel_queries(PACK)
# Both files are of the same clients at another time: these columns are equal, times, durations and ids are not.
_STABLE = {MetricKind.COUNT, MetricKind.SHARE, MetricKind.RATIO}
_OF_A_RUN = {"minute", "time", "upload", "run", "message", "correlation_id"}  # messages have names of folders in them


@cache
def answers(file: Path) -> dict[str, Answer]:
    """What every query says of a file."""
    return dict(zip(QUERIES, run_all(list(QUERIES.values()), [str(file)]), strict=True))


def rows(name: str, file: Path, columns: list[str] | None = None) -> list[list[Any]]:
    found = answers(file)[name]
    places = [found.columns.index(column) for column in columns or found.columns]
    return [[row[place] for place in places] for row in found.rows]


@pytest.fixture(scope="module")
def without_apache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text file without its lines in Apache's form."""
    path = tmp_path_factory.mktemp("logs") / "registry.log"
    with gzip.open(TEXT, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    own = [line for line in lines if not line.startswith("127.0.0.1 - - [")]
    assert len(lines) - len(own) == REQUESTS
    assert sum('msg="response completed' in line for line in own) == REQUESTS
    path.write_text("".join(own), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_line_in_apaches_form_changes_no_answer(name: str, without_apache: Path) -> None:
    assert rows(name, TEXT) == rows(name, without_apache)


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_text_and_json_of_the_same_requests_have_the_same_answer(name: str) -> None:
    query = QUERIES[name]
    stable = [
        *(one.name for one in query.groups if one.name not in _OF_A_RUN),
        *(one.name for one in query.metrics if one.kind in _STABLE),
    ]
    if _OF_A_RUN & {one.name for one in query.groups} or not stable:  # rows of one run each: as many of them
        assert len(rows(name, TEXT)) == len(rows(name, JSON))
        return
    assert sorted(rows(name, TEXT, stable), key=str) == sorted(rows(name, JSON, stable), key=str)


@pytest.mark.parametrize("file", [TEXT, JSON])
@pytest.mark.parametrize(
    "name",
    [
        "requests-over-time",
        "status-over-time",
        "requests-by-route-and-status",
        "slow-requests-by-route",
        "clients-by-program-and-os",
        "client-versions",
        "clients-by-version-and-os",
        "top-addresses-by-bytes",
    ],
)
def test_every_request_is_counted_once(name: str, file: Path) -> None:
    assert sum(count for (count,) in rows(name, file, ["requests"])) == REQUESTS


@pytest.mark.parametrize("file", [TEXT, JSON])
def test_every_status_of_a_request_is_in_one_class(file: Path) -> None:
    classes = ["succeeded", "redirected", "client_errors", "throttled", "server_errors", "requests"]
    found = rows("status-over-time", file, classes)
    assert [sum(column) for column in zip(*found, strict=True)] == [94, 0, 32, 0, 2, REQUESTS]


@pytest.mark.parametrize("name", names_in(PACK))
def test_a_query_has_rows_of_distribution_or_says_that_only_gitlabs_registry_writes_its_lines(name: str) -> None:
    for file in (TEXT, JSON):
        assert bool(answers(file)[name].rows) == (QUERIES[name].flavor != "gitlab")


def test_a_query_without_rows_says_which_registry_writes_its_lines() -> None:
    def said(name: str) -> str:
        return CliRunner().invoke(logs, ["run", name, str(JSON)], catch_exceptions=False).stderr

    assert "Note: of the registries only that of GitLab writes lines that users asks for" in said("users")
    assert "Note" not in said("errors-by-namespace")
