"""The plan file: every setting arrives, what is wrong gives one error at its place, the example is complete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from regobs.catalog.model import Capability, Flavor, Version
from regobs.cli.main import run
from regobs.errors import ExitCode, InputError, Location
from regobs.simulate import Fault, Fleet, Plan
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import BlobSizeDistribution, Collecting, Connections, Curve, Migrating, Notifying
from regobs.simulate.plan_file import SETTINGS, plan_of, read_plan

FILE = Path("fleet.toml")
EXAMPLE = Path(__file__).parents[2] / "examples/fleet.toml"
TINY = """
seed = 3
start = 2026-11-18T12:00:00Z
[fleet]
pods = 2
zones = ["b", "c"]
[traffic]
rate = 2
[traffic.clients]
"probe/1.0" = 1
[[faults]]
name = "zone-outage"
start = "40s"
for = "20s"
"""


EMPTY = Plan().faults  # a schedule equals itself alone: it may grow


def test_nothing_is_needed() -> None:
    assert replace(plan_of("", FILE), faults=EMPTY) == Plan(faults=EMPTY)


def test_every_setting_arrives() -> None:
    plan = plan_of(
        """
        seed = 9
        start = 2026-11-23T01:00:00+01:00
        [registry]
        flavor = "gitlab"
        version = "4.31.0"
        capabilities = ["metadata_database", "notifications"]
        [fleet]
        pods = 4
        zones = ["b", "c"]
        [traffic]
        rate = 2.5
        hours = [0, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
        days = [1, 1, 1, 1, 1, 0.25, 0]
        requests = {"GET tags" = 50, "HEAD blob" = 0}
        clients = {"a.b/1" = 1, "c" = 0.5}
        blobs = {median = "10 KiB", p99 = "3MiB", largest = "1 GiB"}
        [database]
        replicas = 5
        connections = 40
        [redis]
        connections = 7
        [collection]
        interval = "2s"
        cleanup = 1.5
        [notifications]
        queue = 10
        [migration]
        takes = "1d"
        done = 99.5
        [[faults]]
        name = "error-burst"
        for = "90s"
        [[faults]]
        name = "notifications-down"
        start = "1h"
        for = "2m"
        """,
        FILE,
    )
    assert plan.faults.faults == (Fault(FaultName.ERROR_BURST, 0, 90), Fault(FaultName.NOTIFICATIONS_DOWN, 3600, 120))
    assert replace(plan, faults=EMPTY) == Plan(
        flavor=Flavor.GITLAB,
        version=Version(4, 31),
        capabilities=frozenset({Capability.METADATA_DATABASE, Capability.NOTIFICATIONS}),
        pods=4,
        replicas=5,
        seed=9,
        rate=2.5,
        start=1_795_392_000,
        faults=EMPTY,
        zones=("b", "c"),
        curve=Curve((0, 1, 0.5, *[1.0] * 21), (*[1.0] * 5, 0.25, 0)),
        requests={"GET tags": 50, "HEAD blob": 0},
        blobs=BlobSizeDistribution(10 * 2**10, 3 * 2**20, 2**30),
        clients={"a.b/1": 1, "c": 0.5},
        connections=Connections(database=40, redis=7),
        collecting=Collecting(interval=2, cleanup=1.5),
        notifying=Notifying(queue=10),
        migrating=Migrating(seconds=86_400, done=99.5),
    )


SHARES = f"[{', '.join(['0.5'] * 23)}]"
BURST = '[[faults]]\nname = "error-burst"\nfor = "1m"\n'
WRONG = [
    ("pods = 3", 1, 1, "pods", "unknown setting in fleet.toml"),
    ("seed = -1", 1, 8, "-1", "wrong value of seed"),
    ("seed = 1.5", 1, 8, "1.5", "wrong value of seed"),
    ("start = 2026-11-23", 1, 9, "2026-11-23", "wrong value of start"),
    ("start = 2026-11-23T06:00:00", 1, 9, "2026-11-23 06:00:00", "wrong value of start"),
    ("start = '2026-11-23T06:00:00Z'", 1, 9, '"2026-11-23T06:00:00Z"', "wrong value of start"),
    ("[registry]\nflavor = 'harbor'", 2, 10, '"harbor"', "wrong value of registry.flavor"),
    ("[registry]\nversion = '4.30'", 2, 11, "4.30.0", "not simulated"),
    ("[registry]\nversion = 'next'", 2, 11, '"next"', "wrong value of registry.version"),
    ("[registry]\ncapabilities = ['redis', 'load_balancing']", 2, 16, "None", "needs metadata_database"),
    ("[registry]\nflavor='distribution'\ncapabilities = ['redis']", 3, 16, "None", "has no redis"),
    ("[fleet]\npods = 0", 2, 8, "0", "wrong value of fleet.pods"),
    ("[fleet]\npods = 201", 2, 8, "201", "wrong value of fleet.pods"),
    ("[fleet]\npods = true", 2, 8, "true", "wrong value of fleet.pods"),
    ("[fleet]\nzones = ['b', 'b']", 2, 9, '"b"', "wrong value of fleet.zones"),
    ("[fleet]\npods = 1\nzones = ['b', 'c']", 3, 9, "2 zones, 1 pods", "there are more zones than pods"),
    ("[traffic]\nrate = -1", 2, 8, "-1", "wrong value of traffic.rate"),
    ("[traffic]\nrate = nan", 2, 8, "NaN", "wrong value of traffic.rate"),
    (f"[traffic]\nhours = {SHARES}", 2, 9, str([0.5] * 23), "the hours of a traffic curve"),
    ("[traffic]\ndays = [1, 1, 1, 1, 1, 1, 1.5]", 2, 8, "[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5]", "the days of"),
    ("[traffic]\ndays = [1, 1, 1, 1, 1, 1, 'x']", 2, 8, '"x"', "wrong value of traffic.days"),
    ("[traffic]\ndays = [1, 1, 1, 1, 1, 1, true]", 2, 8, "true", "wrong value of traffic.days"),
    ("[traffic]\ndays = 1", 2, 8, "1", "wrong value of traffic.days"),
    ('[traffic.requests]\n"GET blobs" = 1', 2, 1, "GET blobs", "unknown setting in [traffic.requests]"),
    ('[traffic.requests]\n"GET blob" = -1', 2, 14, "-1", "wrong value of traffic.requests.GET blob"),
    ('[traffic.clients]\n"a.b/1" = 0', 1, 2, "['a.b/1']", "wrong value of traffic.clients"),
    ("[traffic.blobs]\nmedian = '2 MB'", 2, 10, '"2 MB"', "wrong value of traffic.blobs.median"),
    ("[traffic.blobs]\nmedian = 2000", 2, 10, "2000", "wrong value of traffic.blobs.median"),
    ("[traffic.blobs]\np99 = '1 B'", 2, 7, "median 2097152, p99 1, largest 10737418240 bytes", "not in order"),
    ("[database]\nreplicas = 21", 2, 12, "21", "wrong value of database.replicas"),
    ("[collection]\ninterval = '0s'", 2, 12, '"0s"', "wrong value of collection.interval"),
    ("[migration]\ndone = 101", 2, 8, "101", "wrong value of migration.done"),
    ("faults = ['error-burst@2m+5m']", 1, 10, "['error-burst@2m+5m']", "wrong value of faults"),
    (f"{BURST}[[faults]]\nname = 'fire'\nfor = '1m'", 5, 8, '"fire"', "wrong value of faults.name"),
    (f"{BURST}[[faults]]\nname = 'no-traffic'\nend = '1m'", 6, 1, "end", "unknown setting in [[faults]]"),
    (f"{BURST}[[faults]]\nname = 'no-traffic'", 4, 3, "None", "for is missing in [[faults]]"),
    (f"{BURST}[[faults]]\nfor = '1m'", 4, 3, "None", "name is missing in [[faults]]"),
    (f"{BURST}[[faults]]\nname = 'zone-outage'\nfor = '1m'", 5, 8, "zone-outage", "strikes nothing"),
    ("seed =", 1, 7, "Invalid value at the end of the file", "not TOML"),
]


@pytest.mark.parametrize(("text", "line", "column", "value", "message"), WRONG)
def test_a_wrong_setting_is_named_with_place_value_expectation_and_next_step(
    text: str, line: int, column: int, value: str, message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        plan_of(text, FILE)
    error = caught.value
    if "not TOML" not in message:  # where tomllib names the end of the file, and no next step fits
        assert (error.location, str(error.value)) == (Location("fleet.toml", line, column), value)
        assert error.next_step
    assert error.expected or error.next_step


def test_a_file_that_is_not_there_is_named_with_its_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--plan", str(tmp_path / "none.toml")]) == ExitCode.INPUT
    assert "correct the path given to --plan" in capsys.readouterr().err


def test_the_example_loads_and_says_every_setting() -> None:
    assert [fault.name for fault in read_plan(EXAMPLE).faults.faults] == [FaultName.REDIS_LOSS, FaultName.ZONE_OUTAGE]
    said: dict[str, set[str]] = {"": set()}
    section = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[+([a-z.]+)\]+", line):
            section = header[1]
        elif setting := re.match(r"(?:# )?([a-z0-9]+) = ", line):
            said.setdefault(section, set()).add(setting[1])
    assert said == {section: set(keys) for section, keys in SETTINGS.items() if keys}


def test_the_defaults_that_the_example_states_are_the_defaults() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    stated = [line.removeprefix("# ") for line in lines if re.match(r"\[|# [a-z0-9]+ = (?!\[)", line)]
    text = "\n".join(line for line in stated if "[[" not in line)
    assert text.count(" = ") == 6
    assert replace(plan_of(text, FILE), faults=EMPTY) == Plan(faults=EMPTY)


def advanced(text: str, folder: Path) -> tuple[list[bytes], list[str]]:
    """The metrics of all pods after two minutes of a plan, and their logs."""
    folder.mkdir()
    fleet = Fleet(plan_of(text, FILE), logs=folder)
    for _ in range(12):
        fleet.advance(10)
    fleet.close()
    return [pod.render() for pod in fleet.pods], [path.read_text() for path in sorted(folder.iterdir())]


def test_the_same_plan_and_seed_give_the_same_metrics_and_logs_and_another_seed_others(tmp_path: Path) -> None:
    metrics, logs = advanced(TINY, tmp_path / "one")
    assert advanced(TINY, tmp_path / "two") == (metrics, logs)
    other_metrics, other_logs = advanced(TINY.replace("seed = 3", "seed = 4"), tmp_path / "three")
    assert [one != other for one, other in zip(metrics, other_metrics, strict=True)] == [True, True]
    assert [one != other for one, other in zip(logs, other_logs, strict=True)] == [True, True]
    assert {agent for log in logs for agent in re.findall(r'"user_agent":"([^"]*)"', log)} == {"probe/1.0"}


def test_the_command_takes_a_plan_and_what_varies_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, history = tmp_path / "fleet.toml", tmp_path / "h.om"
    plan.write_text(TINY)
    command = ["simulate", "--plan", str(plan), "--openmetrics", str(history), "--days", "0.001"]
    assert run([*command, "--pods", "3", "--fault", "no-traffic@0+10s"]) == ExitCode.OK
    up = re.findall(r"^up\{(.*)\} ([01]) (\d+)", history.read_text(), re.MULTILINE)
    assert {(re.findall(r'instance="([^:]+)', labels)[0], labels[-8:]) for labels, _, _ in up} == {
        ("registry-0", 'zone="b"'),
        ("registry-1", 'zone="c"'),
        ("registry-2", 'zone="b"'),
    }
    assert {labels[-8:] for labels, value, _ in up if value == "0"} == {'zone="c"'}
    assert {1_795_003_215} <= {int(time) for _, _, time in up}
    capsys.readouterr()
    assert run([*command, "--flavor", "gitlab"]) == ExitCode.INPUT
    assert "write it into [registry]" in capsys.readouterr().err


def test_the_help_of_the_command_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--help"]) == ExitCode.OK
    text = re.sub(r"-\s+", "-", capsys.readouterr().out)
    listed = re.search(r"Faults: ([^;]+);", text)
    assert listed is not None
    assert re.split(r",\s+", listed[1]) == list(FaultName)
