"""`regobs query` on real servers: every verb, long ranges in pieces, why a query is empty, named questions."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regobs.cli.main import run
from regobs.cli.query_tree import causes_of
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.promql import parse, to_text
from regobs.query.cache import MARGIN, RangeCache, is_window
from regobs.query.named import load_question, question_names
from regobs.query.pieces import fixed, merged, query_pieces, windows
from regobs.query.times import AskedRange, asked_range
from regobs.query.why import EmptyQuery
from regobs.simulate import Plan
from tests.e2e.conftest import require
from tests.e2e.example_registry import within
from tests.e2e.simulated import STEP, backfill
from tests.peers import required_prometheus3
from tests.terminal import Terminal

pytestmark = pytest.mark.timeout(180)

MINUTES = 30
Output = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Live:
    """A server with the history of a fleet, and the moment at which it ends."""

    url: str
    end: float


@pytest.fixture(scope="module", params=["2", pytest.param("3", marks=pytest.mark.peer)])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    require("prometheus", package="prometheus")
    end = time.time() - 900  # so that at its end nothing is newer
    blocks = backfill(Plan(pods=2, rate=3, start=end - MINUTES * 60), MINUTES * 60, tmp_path_factory.mktemp("live"))
    rules = {"groups": [{"name": "g", "rules": [{"alert": "Always", "expr": "vector(1)"}]}]}
    config = {"global": {"scrape_interval": f"{STEP}s", "evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}
    (blocks / "rules.yml").write_text(json.dumps(rules))
    config["rule_files"] = [str(blocks / "rules.yml")]
    with Supervisor() as supervisor:
        program = required_prometheus3() if request.param == "3" else None
        server = servers.prometheus(supervisor, config, data=blocks, program=program)
        with Prometheus(server.url) as client:
            within(60, lambda: bool(client.alerts()))  # rules are first evaluated some time after the start
        yield Live(server.url, end - 2 * STEP + 11)  # between two samples


def query(capsys: Output, live: Live, *arguments: str) -> tuple[int, str]:
    code = run(["query", *arguments, "--prometheus", live.url])
    out, err = capsys.readouterr()
    return code, out + err


def test_every_verb_answers(capsys: Output, live: Live) -> None:
    at = ["--at", str(live.end)]
    requests = "sum by (code) (rate(registry_http_requests_total[2m]))"
    for arguments, word in (
        ([requests, *at], "req/s"),
        ([requests, "--from", str(live.end - 600), "--to", str(live.end)], "trend"),
        (["explain", requests, *at], "└─ rate"),
        (["series", "registry_gc_runs_total"], "worker"),
        (["labels"], "instance"),
        (["values", "job"], "registry"),
        (["metadata"], "the targets state none"),
        (["rules"], "Always"),
        (["alerts"], "Always"),
        (["targets"], "the server scrapes nothing"),
    ):
        code, out = query(capsys, live, *arguments)
        assert (code, word in out) == (0, True), (arguments, out)


def test_explain_counts_the_series_of_each_part(capsys: Output, live: Live) -> None:
    text = "sum by (code) (rate(registry_http_requests_total[2m]))"
    nodes = json.loads(query(capsys, live, "explain", text, "--at", str(live.end), "--format", "json")[1])
    assert [node["head"] for node in nodes] == ["sum by (code)", "rate", "registry_http_requests_total[2m]"]
    assert nodes[0]["varying"] == ["code"]
    with Prometheus(live.url) as server:
        counted = server.query("count_over_time(registry_http_requests_total[2m])", live.end).samples
    # A series that began just now has one sample, and no rate yet.
    rates = sum(sample.value > 1 for sample in counted)
    assert 1 < nodes[0]["series"] < nodes[1]["series"] == rates <= nodes[2]["series"] == len(counted)
    assert {"code", "instance", "method", "route"} <= set(nodes[1]["varying"])
    assert nodes[2]["samples"] > nodes[2]["series"]


def test_the_shell_completes_what_the_server_has_and_asks_it(live: Live, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("regobs")
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    command = [str(program), "query", "shell", "--prometheus", live.url, "--to", str(live.end), "--range", "10m"]
    with Terminal(command, env, tmp_path) as shell:
        shell.wait("[10m] at")
        begun = 'sum(rate(registry_http_requests_total{instance="'
        shell.type(begun, "registry-0:5001", "registry-1:5001")
        shell.type('registry-1:5001"}[2m]))\r', "req/s", "trend")
        shell.type("\\plot\r", "req/s┤")
        shell.type("\\quit\r")
        assert shell.ended() == 0


# What probes and the exporter of the logs say, which do not run beside the fleet; the answer says so.
NOT_BESIDE_THE_FLEET = {
    "status that the blackbox_exporter gets",
    "steps of the registry's probe, 0 where one fails",
    "health checks of the registry that fail",
    "answers in the access log",
}


@pytest.mark.parametrize("name", question_names(find_pack()))
def test_a_question_of_the_pack_has_data_and_says_what_it_ran(capsys: Output, live: Live, name: str) -> None:
    arguments = ["ask", name, "--at", str(live.end), "--window", "2m", "--format", "json"]
    code, out = query(capsys, live, *arguments)
    asked = json.loads(out)["queries"]
    assert code == 0
    assert all("$" not in one["query"] for one in asked)
    optional = {"errors by route", "errors by instance"}  # a healthy fleet has none
    empty = {one["name"] for one in asked if not one["result"]} - optional
    assert empty <= NOT_BESIDE_THE_FLEET
    meanings = load_question(find_pack(), name).meanings
    assert [one for one in empty if not meanings[one].empty] == []


EXPRESSIONS = (
    "registry_http_requests_total",
    "sum by (code) (rate(registry_http_requests_total[2m]))",
    "topk(3, sum by (route) (rate(registry_http_requests_total[5m])))",
    "histogram_quantile(0.9, sum by (le, route) (rate(registry_http_request_duration_seconds_bucket[2m])))",
    "max_over_time(sum(registry_http_in_flight_requests)[5m:1m])",
    "registry_database_rows offset 3m > 0",
    "sum by (code) (increase(registry_http_requests_total[1m])) / on () group_left () sum(up or vector(1))",
    "registry_gc_runs_total - registry_gc_runs_total @ start()",
    "sum(registry_gc_runs_total @ end()) - sum by (worker) (registry_gc_runs_total)",
    "time() - 1",
    "count_values('v', registry_http_in_flight_requests)",
    "absent(registry_http_requests_total)",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(EXPRESSIONS),
    first=st.integers(-2_100_000, 60_000),
    length=st.integers(0, 1_500_000),
    step=st.sampled_from([1, 999, 1001, 1003, 4000, 15_000, 30_000, 61_007]),
    most=st.integers(1, 60),
)
def test_a_range_in_pieces_is_that_of_one_big_query_asked_or_from_the_disk(
    live: Live, tmp_path_factory: pytest.TempPathFactory, *, text: str, first: int, length: int, step: int, most: int
) -> None:
    start = round(live.end * 1000) + first
    asked = AskedRange(start, start + min(length, step * 400), step)
    most = max(most, asked.points // 12)
    with Prometheus(live.url) as server:
        whole = server.query_range(text, asked.start / 1000, asked.end / 1000, asked.step / 1000)
        sent = to_text(fixed(parse(text), asked))
        # The data ends in the past, and the server is one run: all is as good as an hour old.
        cache = RangeCache(tmp_path_factory.mktemp("ranges"), (live.url,), now=lambda: time.time() + 2 * MARGIN)
        answers = [query_pieces(server, sent, asked, most=most, cache=one) for one in (None, cache, cache)]
    expected = repr(merged([whole]).ranges)
    assert [repr(merged([answer]).ranges) for answer in answers] == [expected] * 3  # as text, since NaN is not NaN
    # The second time each whole window came from the disk.
    assert cache.hits == sum(part.points == most and is_window(part, most) for part in windows(asked, most))


HTTP, ROWS, FLIGHT = "registry_http_requests_total", "registry_database_rows", "registry_http_in_flight_requests"
# kind, what the answer has to name, and the empty query
WHY = [
    ("metric", HTTP, "registry_http_request_total"),
    ("metric", HTTP, "sum(rate(registry_http_requets_total[5m])) by (code)"),
    ("metric", FLIGHT, "registry_http_inflight_requests > 0"),
    (
        "metric",
        "registry_gc_runs_total",
        "sum(registry_gc_run_total) / sum(registry_gc_runs_total)",
    ),
    ("value", "200", f'{HTTP}{{code="666"}}'),
    ("value", "registry", f'sum(rate({HTTP}{{job="regisrty"}}[5m]))'),
    ("value", "get", f'sum by (code) (rate({HTTP}{{method="GET"}}[5m]))'),
    ("value", "registry-0:5001", f'rate({HTTP}{{instance="registry-7:5001"}}[2m]) > 0'),
    ("value", "200", f'{HTTP}{{method="get", code=~"6.."}}'),
    ("label", "code", f'{HTTP}{{status="200"}}'),
    ("label", "instance", f'sum(rate({HTTP}{{pod="registry-0"}}[5m]))'),
    ("label", "worker", 'rate(registry_gc_runs_total{workers=~".+"}[5m])'),
    ("anchored", ".*registry-0.*", f'{HTTP}{{instance=~"registry-0"}}'),
    ("anchored", ".*(registry-0|registry-1).*", f'{HTTP}{{instance=~"registry-0|registry-1"}}'),
    ("value", "instance is registry-0:5001", f'{HTTP}{{instance="registry-0"}}'),
    ("anchored", ".*BlobWorker.*", 'registry_gc_runs_total{worker=~"BlobWorker"}'),
    ("anchored", ".*blobs.*", f'sum(rate({HTTP}{{route=~"blobs"}}[5m]))'),
    ("together", "method", f'{HTTP}{{route="/v2/", method="patch"}}'),
    ("together", "method", f'sum(rate({HTTP}{{route="/v2/{{name}}/blobs/uploads/", method="get"}}[5m]))'),
    ("together", "method", f'{HTTP}{{code="200", route="/v2/", method="put"}}'),
    ("range", "four scrape intervals", f"rate({HTTP}[30s])"),
    ("range", "four scrape intervals", f"sum(rate({HTTP}[35s]))"),
    ("range", "longer range", f"max_over_time({FLIGHT}[1s])"),
    ("range", "four scrape intervals", "irate(registry_gc_runs_total[31s]) > 0"),
    ("comparison", FLIGHT, f"{FLIGHT} > 1e9"),
    ("comparison", "sum", f"sum(rate({HTTP}[5m])) < 0"),
    ("comparison", "rate", f'sum(rate({HTTP}{{code="200"}}[5m])) / sum(rate({HTTP}[5m])) > 2'),
    ("comparison", "max", f"max by (instance) ({FLIGHT}) == 12345"),
    ("join", "code", f"sum by (code) ({HTTP}) / sum by (method) ({HTTP})"),
    ("join", "instance", f"sum by (instance) ({HTTP}) * sum({FLIGHT})"),
    ("join", "worker", f"{HTTP} * on (worker) group_left () sum by (worker) (registry_gc_runs_total)"),
    ("join", "code", f'sum by (code) ({HTTP}{{code="200"}}) + sum by (code) ({HTTP}{{code="404"}})'),
    ("join", "code", f'sum by (code) ({HTTP}{{code="200"}}) and sum by (code) ({HTTP}{{code="404"}})'),
    ("unless", FLIGHT, f"{FLIGHT} unless {FLIGHT} >= 0"),
    ("unless", "vector", f"sum({HTTP}) unless on () vector(1)"),
    ("absent", "there", f"absent({HTTP})"),
    ("absent", "there", f'absent_over_time({HTTP}{{code="200"}}[5m])'),
    ("before", "offset 1w", f"{HTTP} offset 7d"),
    ("before", "offset 1d", f"sum(rate({HTTP}[5m])) / sum(rate({HTTP}[5m] offset 1d))"),
    ("histogram", "le", f"histogram_quantile(0.9, sum by (code) (rate({HTTP}[5m])))"),
    ("aggregation", "topk", f"topk(0, {HTTP})"),
    ("value", "200", f'({ROWS} > -1) and on () {HTTP}{{code="2OO"}}'),
    ("value", "registry", '{job="nope"}'),
    ("value", "registry-0:5001", '{job="registry", instance="nowhere"}'),
    ("value", " 200, 201", 'sum({__name__=~"registry_http_requests_.*", code="999"})'),
    ("value", "registry_", '{__name__=~"registri_.*"}'),
    ("label", "job", '{jop="registry"}'),
    ("together", "method", '{route="/v2/", method="patch"}'),
    ("together", "code", f'{{__name__=~"{HTTP}", job!="x", code!~"[0-9]+"}}'),
    ("range", "longer than its range", f"rate({HTTP}[1m:2m])"),
    ("range", "two samples", f"rate({HTTP}[1m:1m])"),
]
SHIFTED = [
    f"{HTTP} offset 4d",
    f"{FLIGHT} @ 1000",
    f"sum(rate({HTTP}[5m] offset 5d))",
    f"max_over_time(sum({FLIGHT})[10m:1m] offset 5d)",
    '{job="registry"} offset 4d',
]
ENDED = [HTTP, f"sum(rate({HTTP}[5m]))", f'{FLIGHT}{{instance="registry-0:5001"}} > 0', f"{ROWS} / {ROWS}"]


def causes(live: Live, text: str, at: float) -> list[tuple[str, str]]:
    with Prometheus(live.url) as server:
        search = EmptyQuery(
            lambda part: [(dict(one.labels), one.value) for one in server.query(part, at).samples],
            server.label_values,
            server.label_names,
        )
        found = search.causes(parse(text))
    return [(cause.kind, f"{cause.part} {cause.text} {cause.instead}") for cause in found]


def test_the_first_cause_of_an_empty_query_is_the_right_one(live: Live) -> None:
    wrong = []
    cases = [(*case, live.end) for case in WHY] + [("ended", "UTC", text, live.end + 600) for text in ENDED]
    for kind, word, text, at in cases:
        found = causes(live, text, at)
        if not found or found[0][0] != kind or word not in found[0][1]:
            wrong.append((kind, text, found))
    assert len({case[0] for case in cases}) >= 12
    assert len(cases) >= 40
    assert wrong == []


def test_the_first_cause_of_what_is_empty_over_a_range_is_the_right_one(live: Live) -> None:
    wrong, filled, asked = [], 0, asked_range(live.end - 600, live.end, None)
    with Prometheus(live.url) as server:
        for kind, word, text in WHY:
            count, found = causes_of(server, parse(text), live.end, asked)
            said = f"{found[0].part} {found[0].text} {found[0].instead}" if found else ""
            if count and not found:  # empty at the end of the range, and not all the time
                filled += 1
            elif count or not found or found[0].kind != kind or word not in said:
                wrong.append((kind, text, count, found))
        assert causes_of(server, parse(f"sum(rate({HTTP}[5m]))"), live.end, asked) == (1, [])
    assert wrong == []
    assert filled <= 4


@pytest.mark.parametrize("text", [FLIGHT, f"sum(rate({HTTP}[5m]))", f'{HTTP}{{code="200"}}', '{job="registry"}'])
@pytest.mark.parametrize("ranged", [False, True])
def test_before_its_data_begins_it_is_said_when_that_is(live: Live, text: str, *, ranged: bool) -> None:
    with Prometheus(live.url) as server:
        begun = [one.value for one in server.query("min(min_over_time(timestamp(up)[6h:1s]))", live.end).samples]
        before = min(begun, default=live.end) - 86_400
        asked = asked_range(before - 600, before, None) if ranged else None
        count, (first, *_) = causes_of(server, parse(text), before, asked)
    assert (count, first.kind) == (0, "before")
    assert "there was no data of" in first.text
    assert first.instead.startswith("its data begins at ")
    assert "did you mean" not in first.instead


@pytest.mark.parametrize("text", SHIFTED)
@pytest.mark.parametrize("later", [0, 600])  # seconds behind the end; behind it the series have ended too
def test_a_moment_before_the_data_begins_is_said_of_offset_and_at(live: Live, text: str, later: float) -> None:
    with Prometheus(live.url) as server:
        _, (first, *_) = causes_of(server, parse(text), live.end + later)
    assert first.kind == "before"
    assert "there was no data of" in first.text
    assert first.instead.startswith("its data begins at ")


def test_the_end_of_the_series_is_said_of_a_moment_behind_it(live: Live) -> None:
    with Prometheus(live.url) as server:
        _, (first, *_) = causes_of(server, parse(f"{FLIGHT} offset -10m"), live.end)
    assert (first.kind, first.part) == ("ended", f"{FLIGHT} offset -10m")
    assert "offset -10m is after its last sample" in first.text


def test_a_step_longer_than_its_range_is_the_first_reason_where_the_series_ended_too(live: Live) -> None:
    found = causes(live, f"rate({HTTP}[1m:2m])", live.end + 600)
    assert [kind for kind, _ in found] == ["range", "ended"]


def test_a_name_that_the_server_never_had_is_not_said_to_begin(live: Live) -> None:
    with Prometheus(live.url) as server:
        _, (first, *_) = causes_of(server, parse(f"{FLIGHT}z"), live.end - 7 * 86_400)
    assert (first.kind, "did you mean" in first.instead) == ("metric", True)


def test_a_query_with_data_has_no_cause(live: Live) -> None:
    assert causes(live, f"sum(rate({HTTP}[5m]))", live.end) == []


def test_why_prints_the_part_and_what_there_is_instead(capsys: Output, live: Live) -> None:
    code, out = query(capsys, live, "why", f'sum(rate({HTTP}{{code="666"}}[5m]))', "--at", str(live.end))
    assert code == 0
    assert out.splitlines()[:2] == [f'{HTTP}{{code="666"}}', '  code="666" matches no series']
    assert "instead: code is 200" in out


def test_the_settings_narrow_a_question(capsys: Output, live: Live, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text("[prometheus]\nselector = 'job=\"elsewhere\"'\n")
    out = query(capsys, live, "ask", "top-routes", "--config", str(file), "--at", str(live.end))[1]
    assert 'job="elsewhere"' in out
    assert "no data" in out
