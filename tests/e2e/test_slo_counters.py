"""`regobs slo report` and `backtest` from raw counters that real Prometheus servers have: resets, holes, both `le`."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from regobs.budgets.past import read_past
from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.demo import servers
from regobs.prometheus import Prometheus
from tests.budgets import courses
from tests.e2e.conftest import require
from tests.peers import metric_servers, required_victoriametrics
from tests.slo.conftest import DEBIAN, PEER, promtool_of
from tests.slo.packs import SLOW, SMALL

START = 1_795_003_200  # 2026-11-18 12:00 UTC
SCRAPE, MINUTES = 15, 180
OUTAGE = range(90, 100)  # minutes in which every request fails
SLOWNESS = range(100, 110)  # in which every request takes longer than a second
RESTART = 140  # minute
HOLE = (150, 152)  # minutes between which nothing was scraped: seven scrapes
RANGE = 1e-4  # the rules' range is a millisecond short of three scrapes, and increase() extrapolates to it
LABELS = 'route="/v2/{name}/tags/list",method="get",job="registry"'
DURATION = "registry_http_request_duration_seconds"


def moment(minute: float) -> str:
    return str(round(START + 60 * minute))


def counters(bucket: str, errors: int = 5000) -> str:
    """Ten requests between two scrapes, of which all fail in the outage.

    `bucket` is how the second is spelled, `errors` what the counter of errors stands at first.
    """
    series: dict[str, list[str]] = {}
    count = dict.fromkeys(("200", "503", "fast", "all"), 5000) | {"503": errors}
    for step in range(MINUTES * 60 // SCRAPE + 1):
        minute = step * SCRAPE / 60
        if minute == RESTART:
            count = dict.fromkeys(count, 0)
        happened = int(minute - SCRAPE / 60)  # the minute in which what this scrape adds came
        count["503" if happened in OUTAGE and minute > OUTAGE.start else "200"] += 10
        count["all"] += 10
        count["fast"] += 0 if happened in SLOWNESS and minute > SLOWNESS.start else 10
        if HOLE[0] < minute < HOLE[1]:
            continue
        for name, key in (
            (f'registry_http_requests_total{{code="200",instance="a:1",{LABELS}}}', "200"),
            (f'registry_http_requests_total{{code="503",instance="a:1",{LABELS}}}', "503"),
            (f'{DURATION}_bucket{{le="{bucket}",instance="a:1",{LABELS}}}', "fast"),
            (f'{DURATION}_bucket{{le="+Inf",instance="a:1",{LABELS}}}', "all"),
            (f'{DURATION}_count{{instance="a:1",{LABELS}}}', "all"),
            (f'{DURATION}_sum{{instance="a:1",{LABELS}}}', "all"),
        ):
            series.setdefault(name, []).append(f"{name} {count[key]} {START + step * SCRAPE}")
    kinds = {"registry_http_requests": "counter", DURATION: "histogram"}
    lines = []
    for family, kind in kinds.items():
        lines.append(f"# TYPE {family} {kind}")
        lines += [line for name, samples in series.items() if name.startswith(family) for line in samples]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    alerts = tmp_path_factory.mktemp("pack") / "alerts"
    alerts.mkdir()
    (alerts / "both.slo.yaml").write_text(f"{SMALL}---\n{SLOW}")
    return alerts.parent


@pytest.fixture(scope="module", params=["1", "1.0"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.om"
    path.write_text(counters(request.param))
    return path


@pytest.fixture(scope="module", params=[DEBIAN, PEER])
def url(request: pytest.FixtureRequest, history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    promtool, data = promtool_of(request.param), tmp_path_factory.mktemp("data")
    if request.param == "debian":
        require("prometheus", package="prometheus")
    made = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", str(history), str(data)]
    subprocess.run(made, capture_output=True, check=True, timeout=120)
    with Supervisor() as supervisor:
        program = promtool.with_name("prometheus")
        yield servers.prometheus(supervisor, {"scrape_configs": []}, data=data, retention="10y", program=program).url


def slo(capsys: pytest.CaptureFixture[str], pack: Path, *command: str) -> tuple[int, str]:
    code = run(["slo", *command, "--pack", str(pack), "--slo", "small", "--slo", "slow"])
    return code, capsys.readouterr().out


def test_a_report_counts_through_a_restart_and_without_what_was_not_scraped(
    url: str, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span = ("--from", moment(120), "--to", moment(180))
    code, out = slo(capsys, pack, "report", "--prometheus", url, *span, "--format=json")
    assert code == 0
    small, slow = json.loads(out)
    # 120 evaluations of 20 requests, less the four whose range holds one scrape or none
    for one in (small, slow):
        assert one["span"]["events"] == pytest.approx(116 * 20, rel=RANGE)
        assert one["span"]["bad"] == pytest.approx(0, abs=0.1)
        assert one["before"]["events"] == pytest.approx(120 * 20, rel=RANGE)
        assert one["before"]["bad"] == pytest.approx(400, rel=RANGE)  # ten minutes
    assert small["before"]["budget_spent"] == pytest.approx(400 / 2400 / 0.001, rel=RANGE)
    assert slow["before"]["budget_spent"] == pytest.approx(400 / 2400 / 0.01, rel=RANGE)


@pytest.mark.parametrize("command", ["report", "backtest"])
def test_what_was_reckoned_from_the_counters_is_not_to_be_reckoned_from_them(
    url: str, pack: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Nothing is recorded here, so the counters are read unasked."""
    span = ("--from", moment(-600), "--to", moment(180))
    assert run(["slo", command, "--prometheus", url, *span, "--pack", str(pack), "--slo", "small"]) == 0
    said = capsys.readouterr().err
    assert "evaluated in a part of this time only: small (" in said
    assert "the counters have no more of it" in said
    assert "--from-counters" not in said


def test_a_report_names_when_it_burned_and_what_failed(
    url: str, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = slo(
        capsys, pack, "report", "--prometheus", url, "--from", moment(60), "--to", moment(120), "--format=json"
    )
    assert code == 0
    small, slow = json.loads(out)
    for one, minute in ((small, OUTAGE.start), (slow, SLOWNESS.start)):
        (burn,) = one["burns"]
        assert burn["from"] == START + 60 * minute + 30  # the first evaluation after it began
        assert burn["to"] == pytest.approx(START + 60 * minute + 600, abs=30)  # ten minutes
        assert burn["bad"] == pytest.approx(400, rel=RANGE)
        assert {"1h", "6h"} & set(burn["alerts"])  # a page
    failed = {(one["label"], one["value"]): one["share"] for one in small["offenders"]}
    assert failed == {
        ("route", "/v2/{name}/tags/list"): pytest.approx(1),
        ("code", "503"): pytest.approx(1),
        ("instance", "a:1"): pytest.approx(1),
    }


@pytest.mark.server
def test_a_report_says_why_its_tables_differ_where_errors_rise_from_zero(
    tmp_path: Path, pack: Path, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand 400 errors, and 20 of them in the first evaluation, of which a third is missing."""
    require("prometheus", package="prometheus")
    file, promtool = tmp_path / "history.om", promtool_of("debian")
    file.write_text(counters("1", errors=0))
    made = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", str(file), str(tmp_path / "data")]
    subprocess.run(made, capture_output=True, check=True, timeout=120)
    program = promtool.with_name("prometheus")
    url = servers.prometheus(
        supervisor, {"scrape_configs": []}, data=tmp_path / "data", retention="10y", program=program
    ).url
    span = ("report", "--prometheus", url, "--from-counters", "--from", moment(60), "--to", moment(120))
    code, out = slo(capsys, pack, *span, "--format=json")
    small, slow = json.loads(out)
    assert (code, small["bad_by_counters"]) == (0, pytest.approx(400, rel=RANGE))
    assert small["span"]["bad"] == pytest.approx(400 - 20 / 3, rel=RANGE)
    assert slow["bad_by_counters"] == pytest.approx(slow["span"]["bad"], rel=0.005)
    _, text = slo(capsys, pack, *span)
    assert text.count("This table is of the counters over the whole time: 400 bad") == 1
    assert "counted 393: they miss up to a third of the first rise of a counter from zero" in text


def test_a_backtest_of_a_file_finds_the_outage_when_a_hand_finds_it(
    history: Path, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("promtool", package="prometheus")
    incidents = tmp_path / "incidents.yaml"
    incidents.write_text(
        f"- {{name: outage, from: '{moment(90)}', to: '{moment(100)}', slos: [small]}}\n"
        f"- {{name: nothing, from: '{moment(20)}', to: '{moment(30)}'}}\n"
    )
    code, out = slo(
        capsys, pack, "backtest", "--openmetrics", str(history), "--from", moment(60), "--incidents", str(incidents),
        "--set", "small.target=0.98", "--format=json",
    )  # fmt: skip
    assert code == 0
    held, changed = json.loads(out)
    pages = [one for one in held["alerts"] if (one["slo"], one["severity"]) == ("small", "page")]
    # 13.44 times 0.1 % of the 2,400 requests of an hour are 32 requests: those of the second evaluation
    assert [one["from"] for one in pages] == [START + 60 * 91]
    page = next(one for one in held["severities"] if one["severity"] == "page")
    assert page["recall"] == 0.5
    assert page["precision"] == pytest.approx(1 / page["alerts"])  # slowness alerts too, and no incident tells of it
    assert page["delay_seconds"] == 60
    assert [one["slo"] for one in changed["alerts"] if one["severity"] == "page"] == ["slow"]


@pytest.mark.peer
def test_victoriametrics_gives_each_recorded_sample_once(supervisor: Supervisor) -> None:
    """An instant query of a range selector gives raw samples there too; nothing is filled into the hole."""
    url = metric_servers.victoriametrics(supervisor, required_victoriametrics())
    end = int(time.time()) // 30 * 30
    ages = [age for age in range(0, 7200, 30) if not 1000 < age < 2500]
    labels = f'slo="{courses.SLO.name}",operation="tag_list",sli="availability"'
    lines = [f"registry:slo_events:increase30s{{{labels}}} 100 {(end - age) * 1000}\n" for age in ages]
    lines += [f"registry:slo_bad_events:increase30s{{{labels}}} 1 {(end - age) * 1000}\n" for age in ages]
    requests.post(f"{url}/api/v1/import/prometheus", data="".join(lines), timeout=10).raise_for_status()
    requests.get(f"{url}/internal/force_flush", timeout=10).raise_for_status()
    with Prometheus(url) as client:
        span = ((end - 7200) * 1000, end * 1000)
        (past,) = read_past(client, [courses.SLO], courses.WINDOWS, Config(), span)
    assert past.times.tolist() == [(end - age) * 1000 for age in reversed(ages)]
    assert (past.events.sum(), past.bad.sum()) == (100 * len(ages), len(ages))
