"""The same query on lines of the older and the newer GitLab generation and of CNCF Distribution."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regobs.logs import saved
from regobs.logs.duckdb.run import _connected, run
from regobs.logs.fields import ACCESS_MARK, FIELDS
from regobs.logs.generations import GENERATIONS, Merged, merged_field
from regobs.logs.kql.bind import condition
from regobs.logs.messages.streams import GITLAB_ACCESS, STREAMS
from regobs.logs.query import ByTerms, Clause, MetricKind, Order, Query, QueryMetric
from regobs.logs.reading.text import nanoseconds
from regobs.pack import find_pack
from tests.examples import examples
from tests.logs import reference
from tests.logs.lines import DOCKER
from tests.logs.sample import FILE, lines, newer

PACK = find_pack()


def written(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The real lines in the newer names, and half and half."""
    folder = tmp_path_factory.mktemp("generations")
    translated = [newer(line) for line in lines()]
    half = [one if number % 2 else other for number, (one, other) in enumerate(zip(lines(), translated, strict=True))]
    return {"labkit": written(folder / "labkit.log", translated), "both": written(folder / "both.log", half)}


@pytest.mark.parametrize("which", ["labkit", "both"])
@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_gives_the_same_rows_on_either_generation(
    name: str, which: str, files: dict[str, str]
) -> None:
    query = saved.load_query(PACK, name, now=reference.NOW)
    assert run(query, [files[which]]).rows == run(query, [str(FILE)]).rows


def rows(text: str, *paths: str) -> set[str]:
    """The correlation ids and messages of the lines that fit."""
    query = Query("q", where=Clause(text, condition(text, now=reference.NOW)), columns=(FIELDS["correlation_id"],))
    return {str(row) for row in run(query, list(paths)).rows}


@pytest.mark.parametrize(
    "text",
    [
        "duration_ms >= 5",
        "duration_ms < 5 and level: info",
        "duration_ms: 3",
        "ttfb_ms > 1",
        "msg: access and not ttfb_ms: *",
        "time >= 2026-11-23",
        "uri: /v2/*/blobs/uploads/*",
        "error: unknown",
        "unknown",
    ],
)
def test_a_query_in_the_older_names_finds_the_same_lines_of_the_newer_generation(
    text: str, files: dict[str, str]
) -> None:
    assert rows(text, files["labkit"]) == rows(text, str(FILE)) != set()


def test_what_is_measured_grouped_shown_and_ordered_by_has_the_unit_of_the_field(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.log",
        [
            {"message": "access", "duration_s": 1.0019, "written_bytes": 1, "severity": "info"},
            {"message": "access", "duration_s": 1.001, "written_bytes": 1, "severity": "info"},
            {"message": "run complete", "duration_s": 7.5, "severity": "info"},
            {"msg": "access", "duration_ms": 5, "written_bytes": 1, "level": "warning"},
        ],
    )
    duration, level = FIELDS["duration_ms"], FIELDS["level"]
    longest = Query("q", groups=(ByTerms("level", level),), metrics=(QueryMetric("longest", MetricKind.MAX, duration),))
    assert set(run(longest, [path]).rows) == {("info", 1001), ("warning", 5)}
    shown = Query("q", columns=(duration,), order=(Order("duration_ms", descending=True),))
    assert run(shown, [path]).rows == ((1001,), (1001,), (5,), (None,))
    ordered = Query("q", columns=(level,), order=(Order("duration_ms", descending=False),))
    assert run(ordered, [path]).rows == (("warning",), ("info",), ("info",), ("info",))


def test_a_name_that_is_a_field_of_its_own_elsewhere_is_the_alias_on_access_lines_only(tmp_path: Path) -> None:
    path = written(tmp_path / "a.log", [{"message": "run complete", "duration_s": 7.5}])
    assert rows("duration_ms: *", path) == set()
    assert rows("duration_s >= 7", path) == {"(None,)"}


def test_only_access_lines_have_the_field_that_tells_them() -> None:
    for stream in (one for one in STREAMS if one.flavor == "gitlab"):
        for message in stream.messages:
            has = ACCESS_MARK.name in message.required
            assert has == (message.component == "access"), message.text
            assert ACCESS_MARK.name not in message.optional
    assert ACCESS_MARK.name in GITLAB_ACCESS.messages[0].required


def docker(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines() if line.startswith(b"{")]


@pytest.mark.parametrize("limit", [0, 1, 5, 100])
def test_durations_of_distribution_are_compared_as_milliseconds(limit: int) -> None:
    durations = [
        nanoseconds(one["http.response.duration"]) for one in docker(DOCKER[0]) if "http.response.duration" in one
    ]
    wanted = sum(length is not None and length // 10**6 >= limit for length in durations)
    count = Query(
        "q", where=Clause("", condition(f"duration_ms >= {limit}")), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    assert run(count, [str(DOCKER[0])]).rows == ((wanted,),)
    assert wanted or limit


def test_error_codes_of_distribution_are_found_by_the_code_of_the_api() -> None:
    codes = {one["err.code"] for one in docker(DOCKER[0]) if "err.code" in one}
    assert len(codes) > 2
    by_code = Query("q", groups=(ByTerms("code", FIELDS["code"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))
    found = {row[0]: row[1] for row in run(by_code, [str(DOCKER[0])]).rows}
    assert set(found) == {code.upper().replace(" ", "_") for code in codes}
    for code, number in found.items():
        count = Query("q", where=Clause("", condition(f"code: {code}")), metrics=by_code.metrics)
        assert run(count, [str(DOCKER[0])]).rows == ((number,),)


@given(st.from_regex(r"-?(?:[0-9]{1,4}(?:\.[0-9]{1,6})?(?:ns|us|µs|μs|ms|s|m|h)){0,3}0?", fullmatch=True))
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_go_duration_is_read_as_the_validator_reads_it(connection: Any, text: str) -> None:
    (found,) = connection.execute("SELECT log_whole(log_milliseconds($1))", [text]).fetchone()
    length = nanoseconds(text)
    if length is None or length < 0 or text.startswith("-"):
        assert found is None or length == 0
    else:
        assert found == length // 10**6


@pytest.fixture(scope="module")
def connection() -> Any:
    import duckdb

    with _connected(duckdb) as made:
        yield made


def test_a_field_without_other_names_stays_itself_and_a_merged_one_is_merged_once() -> None:
    assert merged_field(FIELDS["worker"]) is FIELDS["worker"]
    once = merged_field(FIELDS["level"])
    assert isinstance(once, Merged)
    assert merged_field(once) is once
    assert {alias.generation for alias in once.aliases} == {"labkit"}
    assert merged_field(FIELDS["level"], {"distribution"}) is FIELDS["level"]
    assert {"labkit", "distribution", "gitlab"} == GENERATIONS
