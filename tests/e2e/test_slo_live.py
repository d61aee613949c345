"""`regobs slo` on real Prometheus servers: generated rules over recorded samples of a made history."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.prometheus import Prometheus
from tests.e2e.conftest import require
from tests.slo.conftest import DEBIAN, PEER, promtool_of
from tests.slo.packs import SMALL

WINDOWS = """\
confidence: 0.99
tiers: [{long: 1h, short: 5m, share: 0.95, for: 0s, severity: page}]
"""
SETTINGS = """\
[registry]
flavor = "gitlab"
[slo]
period = "1h"
"""
EVERY = 30
# Of 100 events at each evaluation one may be bad: the first SLO spends half of its budget, the second three times it.
BAD = {"calm": 0.5, "burning": 3.0}
IDLE = "idle"  # has no event


@dataclass(frozen=True)
class Deployment:
    """A server that evaluates the rules, and the arguments that tell the command about it."""

    url: str
    arguments: tuple[str, ...]


def spec(name: str) -> str:
    return SMALL.replace("small", name).replace("0.999", "0.99")


def openmetrics(end: float, hours: float) -> str:
    """The recorded samples of each evaluation, up to a minute after `end`."""
    first, last = end - hours * 3600, end + 60
    moments = [first + EVERY * step for step in range(int((last - first) // EVERY))]
    lines = []
    for series, values in (
        ("registry:slo_events:increase30s", dict.fromkeys(BAD, 100.0) | {IDLE: 0.0}),
        ("registry:slo_bad_events:increase30s", BAD | {IDLE: 0.0}),
    ):
        lines.append(f"# TYPE {series} gauge")
        lines += [
            f'{series}{{slo="{name}",operation="{name}",sli="availability"}} {value} {moment:.3f}'
            for name, value in values.items()
            for moment in moments
        ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module", params=[DEBIAN, PEER])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    promtool = promtool_of(request.param)
    if request.param == "debian":
        require("prometheus", package="prometheus")
    folder = tmp_path_factory.mktemp("slo")
    alerts = folder / "pack/alerts"
    alerts.mkdir(parents=True)
    (alerts / "windows.yaml").write_text(WINDOWS)
    (folder / "regobs.toml").write_text(SETTINGS)
    (alerts / "small.slo.yaml").write_text("\n---\n".join(spec(name) for name in (*BAD, IDLE)))
    arguments = ("--config", str(folder / "regobs.toml"), "--pack", str(folder / "pack"))
    assert run(["build", "--out", str(folder / "out"), *arguments]) == 0
    rules = [folder / f"out/prometheus/rules/slo-{name}.yaml" for name in (*BAD, IDLE)]
    for path in rules:  # evaluated each second, so that the test need not wait half a minute
        path.write_text(re.sub(r"interval: 30s\n", "interval: 1s\n", path.read_text()))
    (folder / "history.om").write_text(openmetrics(time.time(), 2))
    blocks = [str(promtool), "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run(
        [*blocks, str(folder / "history.om"), str(folder / "data")], capture_output=True, check=True, timeout=120
    )
    with Supervisor() as supervisor:
        config = {"rule_files": [str(path) for path in rules], "scrape_configs": []}
        program = promtool.with_name("prometheus")
        url = servers.prometheus(supervisor, config, data=folder / "data", program=program).url
        await_alert(url)
        yield Deployment(url, (*arguments, "--prometheus", url))


def await_alert(url: str) -> None:
    with Prometheus(url) as client:
        for _ in range(300):
            evaluated = client.query("registry:slo_events:increase1h").samples
            if len(evaluated) == len(BAD) + 1 and client.query('ALERTS{alertstate="firing"}').samples:
                return
            time.sleep(0.2)
    raise AssertionError("no alert fires")


def answer(capsys: pytest.CaptureFixture[str], deployment: Deployment, *command: str) -> tuple[int, str, str]:
    code = run(["slo", *command, *deployment.arguments])
    out, err = capsys.readouterr()
    return code, out, err


SLOS = [f"--slo={name}" for name in (*BAD, IDLE)]


def test_status_says_what_a_hand_computes(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, deployment, "status", *SLOS, "--format=json")
    calm, burning, idle = json.loads(out)
    assert code == 0
    # 120 evaluations in the hour with 100 events each, of which 120 may be bad
    assert (calm["slo"], calm["target"], calm["events"]) == ("calm", 0.99, 12_000)
    assert calm["achieved"] == pytest.approx(0.995)
    assert calm["budget_left"] == pytest.approx(0.5)
    assert calm["events_left"] == pytest.approx(60)
    assert calm["outage_seconds_left"] == pytest.approx(0.5 * 0.01 * 3600)
    assert calm["burn_rates"] == {"1h": pytest.approx(0.5)}
    assert (calm["firing"], calm["spent_in_seconds"]) == ([], None)
    assert burning["achieved"] == pytest.approx(0.97)
    assert (burning["budget_left"], burning["spent_in_seconds"]) == (pytest.approx(-2), 0)
    assert (burning["firing"], burning["events_left"]) == (["1h"], 0)
    assert (idle["events"], idle["achieved"], idle["budget_left"], idle["firing"]) == (0, None, None, [])


def test_an_slo_without_samples_is_told_and_is_exit_code_5(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, deployment, "status")
    assert code == 5
    assert "pull-blob-availability" in err
    assert re.search(r"^calm .* 99\.5% +50%", out, re.MULTILINE)
    assert re.search(r"^burning .* 1h( |$)", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("least", "only", "code"),
    [("50%", "calm", 0), ("0.51", "calm", 1), ("0%", "burning", 1), ("90%", "idle", 0), ("0%", "tag-list-latency", 5)],
)
def test_the_policy_freezes_below_what_must_be_left(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], least: str, only: str, code: int
) -> None:
    found, out, _ = answer(capsys, deployment, "policy", "--least", least, "--slo", only)
    assert found == code
    assert out.partition(" ")[0].strip() == {0: "No", 1: "Freeze:", 5: ""}[code]


def test_a_backtest_of_recorded_series_finds_the_alert_and_what_other_targets_change(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = ("backtest", *SLOS, "--range=1h", "--format=json")
    code, out, _ = answer(capsys, deployment, *replay, "--set", "burning.target=0.96", "--set", "calm.target=0.998")
    assert code == 0
    held, changed = json.loads(out)
    assert held["evaluations"] == 3 * 120
    assert [(one["slo"], one["tier"], one["to"]) for one in held["alerts"]] == [("burning", "1h", None)]
    assert held["alerts"][0]["seconds"] == pytest.approx(3600)
    assert [one["slo"] for one in changed["alerts"]] == ["calm"]  # 0.5 % bad, of which 0.2 % are allowed now


def test_a_report_of_recorded_series_says_what_a_hand_computes(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, deployment, "report", *SLOS, "--range=30m", "--format=json")
    assert (code, err) == (0, "")
    calm, burning, idle = json.loads(out)
    assert calm["span"] == {
        "events": 6000,
        "bad": 30,
        "achieved": pytest.approx(0.995),
        "budget_spent": pytest.approx(0.5),
    }
    assert calm["before"] == calm["span"]
    assert calm["burns"] == []
    (burn,) = burning["burns"]
    assert (burn["bad"], burn["alerts"]) == (pytest.approx(180), ["1h"])
    assert burn["budget_spent"] == pytest.approx(3)
    assert burn["highest_burn_rate"] == pytest.approx(3)
    assert burning["budget_left"][-1][1] == pytest.approx(-2)
    assert (idle["span"]["events"], idle["span"]["achieved"]) == (0, None)


@pytest.mark.parametrize("command", ["report", "backtest"])
def test_what_was_evaluated_in_a_part_of_the_time_only_is_told(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, _, err = answer(capsys, deployment, command, "--slo=calm", "--range=4h", "--format=json")
    assert code == 0
    assert re.search(r"in a part of this time only: calm \((49|50)(\.\d)?%\)", err)  # its history is two hours long
