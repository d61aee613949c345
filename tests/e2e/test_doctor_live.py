"""The doctor on real Prometheus servers: a stored scrape of a GitLab registry made live, and a real docker-registry."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from regobs import doctor, slo
from regobs.catalog import slo as recorded
from regobs.catalog import targets
from regobs.catalog.model import Capability, Flavor, Version
from regobs.cli.main import run
from regobs.common.programs import Supervisor, free_port
from regobs.config import Config, PrometheusSettings
from regobs.config.model import DEFAULT_CAPABILITIES
from regobs.demo import servers
from regobs.demo.client import RegistryClient
from regobs.demo.shortened import rules_config, shorten_rules
from regobs.demo.traffic import TrafficMix, first_round, images
from regobs.doctor import DoctorReport, Status
from regobs.doctor.content import rules_of_files
from regobs.doctor.gather import names_in
from regobs.pack import Pack, find_pack
from regobs.prometheus import Prometheus
from regobs.promql import parse
from regobs.promql.nodes import Duration, Matcher, MatchOp
from tests.e2e.conftest import require
from tests.e2e.exposition_server import ExpositionServer, read_exposition

pytestmark = pytest.mark.server

SAMPLE = Path(__file__).parents[1] / "data" / "gitlab-registry-4.32.prom.gz"
# What the registry of the sample had switched on; its families are in the sample.
SAMPLE_CAPABILITIES = frozenset(
    {
        Capability.METADATA_DATABASE,
        Capability.DATABASE_METRICS,
        Capability.GARBAGE_COLLECTION,
        Capability.REDIS,
        Capability.NOTIFICATIONS,
    }
)
# Where the sample has a family but not what a panel asks of it: an endpoint that never answers, a garbage collection
# without errors, no pipelines in Redis, no active alert, and windows of days.
QUIET = {
    "Registry Overview",
    "Registry Notifications Detail",
    "Registry Redis Detail",
    "Registry Garbage Collection Detail",
    "Registry Exporters and Rules",
    "Registry SLOs and Error Budgets",
}
RULES = "prometheus/rules/"
# A shorter interval is a shorter timeout, and a busy machine needs most of a second for a sample of two megabytes.
FAST = PrometheusSettings(scrape_interval=Duration(1000), evaluation_interval=Duration(1000))
SECRET = "s3cr3t-Wort"


def job(name: str) -> tuple[Matcher, ...]:
    return (Matcher("job", MatchOp.EQUAL, name),)


GITLAB = Config(version=Version(4, 32), capabilities=SAMPLE_CAPABILITIES, prometheus=FAST)
DISTRIBUTION = Config(
    flavor=Flavor.DISTRIBUTION,
    version=Version(2, 8, 2),
    capabilities=DEFAULT_CAPABILITIES[Flavor.DISTRIBUTION],
    prometheus=FAST,
)


@dataclass(frozen=True)
class World:
    """A running Prometheus and the rules it has loaded."""

    url: str
    pack: Pack
    files: dict[str, bytes]

    def report(self, config: Config, *, window: int = 5_000, dashboard: str | None = None) -> DoctorReport:
        with Prometheus(self.url) as prometheus:
            return doctor.examine(
                prometheus, self.pack, config, window=Duration(window), files=self.files, dashboard=dashboard
            )


def start(supervisor: Supervisor, config: Config, targets: dict[str, str], *, load: bool = True) -> World:
    """A Prometheus with the rules of a build, all their times divided by 60, and one job a target."""
    pack = find_pack()
    files = {
        name: shorten_rules(content, name)
        for name, content in slo.files(pack, rules_config(config)).items()
        if name.startswith(RULES)
    }
    folder = supervisor.directory / f"rules-{len(list(supervisor.directory.iterdir()))}"
    folder.mkdir()
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
    settings: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in targets.items()
        ],
    }
    if load:
        settings["rule_files"] = [f"{folder}/*.yaml"]
    return World(servers.prometheus(supervisor, settings).url, pack, files)


def wait(look: Callable[[], bool], seconds: float = 150) -> None:
    """Until it is so, on a busy machine too; the test's own assertion says what is wrong when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not look():
        time.sleep(0.5)


def failing(report: DoctorReport) -> list[str]:
    panels = [panel for board in report.dashboards for panel in board.panels if panel.verdict.status.failing]
    rules = [rule for rule in report.rules if rule.verdict.status.failing]
    return [f"{panel.title}: {panel.verdict.reason}" for panel in panels] + [
        f"{rule.name}: {rule.verdict.reason}" for rule in rules
    ]


def quiet(report: DoctorReport) -> set[str]:
    """The dashboards with a quiet panel."""
    return {board.title for board in report.dashboards for p in board.panels if p.verdict.status is Status.QUIET}


def first_report(world: World, config: Config, fits: Callable[[DoctorReport], bool]) -> DoctorReport:
    """The first report that fits: on a busy machine a scrape or an evaluation gets lost now and then."""
    found: list[DoctorReport] = []

    def look() -> bool:
        found.append(world.report(config))
        return fits(found[-1])

    if not look():  # the first may have been taken before the first scrape, and may have taken long
        wait(look)
    if not fits(found[-1]):
        look()
    return found[-1]


@pytest.fixture(scope="module")
def sample() -> Iterator[World]:
    """The stored scrape as a live target of job `registry`, a closed port as job `stopped`, the rules loaded."""
    require("prometheus", package="prometheus")
    with Supervisor() as supervisor, ExpositionServer(read_exposition(SAMPLE)) as registry:
        targets = {"registry": registry.address, "stopped": f"127.0.0.1:{free_port()}"}
        world = start(supervisor, GITLAB, targets)
        with Prometheus(world.url) as prometheus:  # the last rule of the longest chain
            wait(lambda: bool(prometheus.query(recorded.BURN_RATE("3d").name).samples))
        yield world


def test_every_panel_whose_families_the_gitlab_sample_holds_has_data(sample: World) -> None:
    report = first_report(sample, GITLAB, lambda one: not failing(one) and quiet(one) <= QUIET)
    assert failing(report) == []
    assert report.query_errors == 0
    asked = sum(report.panels.values()) - report.panels[Status.LEFT_OUT]
    with_data = report.panels[Status.DATA] + report.panels[Status.ZERO]
    assert with_data + report.panels[Status.QUIET] == asked
    assert quiet(report) <= QUIET
    assert with_data > 150
    assert report.exit_code == 0
    assert report.flavor == "gitlab"


def test_every_rule_of_the_build_is_found_loaded_and_fed(sample: World) -> None:
    report = first_report(sample, GITLAB, lambda one: not failing(one))
    assert len(report.rules) == len(rules_of_files(sample.files))
    assert {rule.state for rule in report.rules if rule.kind == "alerting"} <= {"inactive", "pending", "firing"}
    assert not [problem for problem in report.problems if "rules" in problem.text]


def test_a_wrong_selector_is_found_with_the_jobs_there_are(sample: World) -> None:
    report = sample.report(replace(GITLAB, matchers=job("regsitry")))
    reasons = {p.verdict.reason for board in report.dashboards for p in board.panels if p.verdict.status.failing}
    assert any("registry, stopped" in reason for reason in reasons)
    panels = [panel for board in report.dashboards for panel in board.panels]
    answered = [query.text for panel in panels for query in panel.queries if query.verdict.status is Status.DATA]
    # A tile of the Overview answers that there is no target.
    read = {name for text in answered if "vector(" not in text for name in names_in(parse(text))}
    # Recorded series have no job, nor has an alert of several instances: their rules chose it.
    assert {name for name in read if ":" not in name} <= {targets.ALERTS.name}
    assert any(":" in name for name in read)
    assert report.exit_code == 1


def test_a_stopped_target_is_found_with_the_error_of_its_scrape(sample: World) -> None:
    report = sample.report(replace(GITLAB, matchers=job("stopped")))
    assert any("connection refused" in reason for reason in failing(report))
    assert any("is down" in problem.text for problem in report.problems)
    assert report.exit_code == 1


def test_a_build_for_the_wrong_flavor_is_found(sample: World) -> None:
    report = sample.report(DISTRIBUTION)
    assert report.flavor == "gitlab"
    assert any('flavor = "gitlab"' in problem.change for problem in report.problems)
    changes = [q.verdict.change for board in report.dashboards for p in board.panels for q in p.queries]
    assert any('flavor = "gitlab"' in change for change in changes)


def test_a_capability_that_the_registry_lacks_is_found(sample: World) -> None:
    report = sample.report(replace(GITLAB, capabilities=SAMPLE_CAPABILITIES | {Capability.KUBERNETES}))
    assert any("kubernetes is listed" in problem.text for problem in report.problems)
    fewer = sample.report(replace(GITLAB, capabilities=SAMPLE_CAPABILITIES - {Capability.REDIS}))
    assert any("redis is not listed" in problem.text for problem in fewer.problems)


def test_rules_that_are_not_loaded_are_found(sample: World) -> None:
    require("prometheus", package="prometheus")
    with Supervisor() as supervisor, ExpositionServer(read_exposition(SAMPLE)) as registry:
        world = start(supervisor, GITLAB, {"registry": registry.address}, load=False)
        wait(lambda: world.report(GITLAB).panels[Status.DATA] > 30)
        report = world.report(GITLAB)
    assert any("are not loaded" in problem.text for problem in report.problems)
    assert {rule.verdict.status for rule in report.rules} == {Status.EMPTY}
    budget = [reason for reason in failing(report) if "no loaded rule records" in reason]
    assert budget


def unexpectedly_quiet(report: DoctorReport) -> list[str]:
    """Quiet panels, but for the lists of alerts, and for what sums three days (minutes, here) of samples."""
    panels = [p for b in report.dashboards for p in b.panels if p.verdict.status is Status.QUIET]
    told = [f"{p.title}: {p.verdict.reason}" for p in panels]
    return [
        one for one in told if not one.startswith(("Active alerts: ", "Firing alerts: ")) and "too young" not in one
    ]


def test_every_panel_of_a_docker_registry_under_traffic_has_data() -> None:
    require("prometheus", package="prometheus")
    require("docker-registry", "registry", package="docker-registry")
    with Supervisor() as supervisor:
        registry = servers.docker_registry(supervisor)
        world = start(supervisor, DISTRIBUTION, {"registry": registry.debug_address})
        pictures = images("doctor", 200_000)
        with RegistryClient(registry.url) as client:
            first_round(client, pictures, lambda _: None)
        with TrafficMix(registry.url, pictures, pause=0.02):
            report = first_report(world, DISTRIBUTION, lambda one: not failing(one) and not unexpectedly_quiet(one))
    assert failing(report) == []
    assert report.query_errors == 0
    assert unexpectedly_quiet(report) == []
    assert report.flavor == "distribution"


# The command


def write_config(folder: Path, selector: str = 'job="registry"') -> Path:
    capabilities = ", ".join(f'"{name}"' for name in sorted(SAMPLE_CAPABILITIES))
    file = folder / "regobs.toml"
    file.write_text(
        f'[registry]\nflavor = "gitlab"\nversion = "4.32.0"\ncapabilities = [{capabilities}]\n'
        f"[prometheus]\nselector = '{{{selector}}}'\nscrape_interval = \"1s\"\n",
        encoding="utf-8",
    )
    return file


def test_the_command_gives_json_and_never_the_password(
    sample: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_URL", sample.url.replace("http://", f"http://me:{SECRET}@"))
    arguments = ["doctor", "--config", str(write_config(tmp_path)), "--window", "5s"]
    said: list[tuple[int, str, str]] = []

    def is_whole() -> bool:
        code = run([*arguments, "--format", "json", "--dashboard", "storage-detail"])
        said.append((code, *capsys.readouterr()))
        return code == 0

    wait(is_whole)
    code, out, err = said[-1]
    data = json.loads(out)
    assert [board["title"] for board in data["dashboards"]] == ["Registry Storage Detail"]
    assert data["server"] == sample.url
    assert data["summary"]["query_errors"] == 0
    assert data["summary"]["empty"] == 0
    assert (code, data["alerts"]) == (0, [])
    run(arguments)
    text, more = capsys.readouterr()
    assert "0 query errors" in text
    assert SECRET not in out + err + text + more


def test_the_command_fails_when_something_is_empty(
    sample: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, 'job="nowhere"')
    assert run(["doctor", "--prometheus", sample.url, "--config", str(config), "--failing-only"]) == 1
    assert "no target matches" in capsys.readouterr().out


def test_the_servers_own_state_and_what_fires_come_before_the_panels(capsys: pytest.CaptureFixture[str]) -> None:
    require("prometheus", package="prometheus")
    with ExpositionServer(read_exposition(SAMPLE)) as registry, Supervisor() as supervisor:
        rules = supervisor.directory / "own.yaml"
        rules.write_text(
            "groups: [{name: own, rules: [{alert: RegistryTargetMissing, expr: 'vector(7) > 1',"
            " labels: {severity: page}, annotations: {runbook_url: 'https://r.example/x'}}]}]"
        )
        settings: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
            "scrape_configs": [
                {"job_name": "registry", "static_configs": [{"targets": [registry.address]}]},
                {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{free_port()}"]}]},
            ],
            "rule_files": [str(rules)],
        }
        url = servers.prometheus(supervisor, settings, retention="15d").url
        report: dict[str, Any] = {}

        def fires() -> bool:
            run(["doctor", "--prometheus", url, "--failing-only", "--format", "json"])
            report.update(json.loads(capsys.readouterr().out))
            return bool(report["firing"]) and len(report["server_state"]) > 2

        wait(fires)
    [alert] = report["firing"]
    assert (alert["name"], alert["value"], alert["runbook"]) == ("RegistryTargetMissing", 7, "https://r.example/x")
    said = " ".join(item["problem"] for item in report["server_state"])
    for words in (
        "keeps 15d, and error budgets look back 28d",
        "scraped every 1s",
        "1 of 2 targets of the server is down",
    ):
        assert words in said
