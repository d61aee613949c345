"""`regobs init` and the proposal of the doctor, from a real Prometheus that scrapes stored and real registries."""

from __future__ import annotations

import json
import ssl
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.config import load_config
from regobs.demo import servers
from regobs.prometheus import Prometheus
from tests.e2e.conftest import require
from tests.e2e.exposition_server import ExpositionServer, read_exposition

DATA = Path(__file__).parents[1] / "data"
Output = pytest.CaptureFixture[str]
PROBED = ["https://registry.example.com/v2/", "https://www.example.com/"]
# As a job of the blackbox_exporter is usually written, but for the path that the stand-in serves.
THROUGH_BLACKBOX: dict[str, Any] = {
    "job_name": "outside",
    "params": {"module": ["http_2xx"]},
    "static_configs": [{"targets": PROBED}],
}
ALERTMANAGER = "alertmanager.example.com:9093"
LABELS = {"env": "production", "cluster": "a", "pod": "registry-1", "team": "storage"}
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A GitLab registry as job registry-api, a docker-registry's scrape as job mirror, and exporters beside them."""
    require("prometheus", package="prometheus")
    texts = [
        read_exposition(DATA / f"{one}.prom.gz")
        for one in ("gitlab-registry-4.32", "docker-registry-2.8.2", "node-exporter-1.5.0")
    ]
    texts += [f"# TYPE {name} gauge\n{name} 1\n" for name in ("redis_up", "probe_success")]
    with Supervisor() as supervisor, ExitStack() as stack:
        registry, mirror, node, redis, blackbox = (stack.enter_context(ExpositionServer(text)) for text in texts)
        relabel = [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": blackbox.address},
        ]
        settings: dict[str, Any] = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "3s"},
            "rule_files": [str(supervisor.directory / "rules.json")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [ALERTMANAGER]}]}]},
            "scrape_configs": [
                {"job_name": "registry-api", "static_configs": [{"targets": [registry.address], "labels": LABELS}]},
                {"job_name": "mirror", "static_configs": [{"targets": [mirror.address]}]},
                {"job_name": "machines", "static_configs": [{"targets": [node.address]}]},
                {"job_name": "cache", "static_configs": [{"targets": [redis.address]}]},
                {**THROUGH_BLACKBOX, "relabel_configs": relabel},
            ],
        }
        rules = [{"record": "a:b", "expr": "vector(1)"}]
        slower = [{"name": name, "interval": "30s", "rules": rules} for name in ("registry:http", "registry:redis")]
        groups = {"groups": [*slower, {"name": "a", "rules": rules}]}
        (supervisor.directory / "rules.json").write_text(json.dumps(groups))
        server = servers.prometheus(supervisor, settings)
        with Prometheus(server.url) as prometheus:
            end = time.monotonic() + 120
            while time.monotonic() < end and len(prometheus.query("up == 1").samples) < 6:
                time.sleep(0.3)
            while time.monotonic() < end and not prometheus.alertmanagers():
                time.sleep(0.3)
        yield server.url


def test_a_process_that_is_down_is_known_by_what_it_showed_within_the_last_day(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    require("prometheus", package="prometheus")
    with ExitStack() as stack:
        registry = stack.enter_context(ExpositionServer(read_exposition(DATA / "gitlab-registry-4.32.prom.gz")))
        texts = [f"# TYPE {name} gauge\n{name} 1\n" for name in ("redis_up", "pg_up")]
        redis, database = (stack.enter_context(ExpositionServer(text)) for text in texts)
        jobs = {"registry": registry.address, "cache": redis.address, "database": database.address}
        scraped = [{"job_name": job, "static_configs": [{"targets": [at]}]} for job, at in jobs.items()]
        server = servers.prometheus(supervisor, {"global": {"scrape_interval": "1s"}, "scrape_configs": scraped})
        with Prometheus(server.url) as prometheus:
            _wait_for(prometheus, "up == 1", 3)
            redis.shutdown()
            redis.server_close()
            _wait_for(prometheus, "up == 0", 1)
            assert prometheus.query("redis_up").samples == ()
        assert run(["init", "--prometheus", server.url]) == 0
    config = load_config(tmp_path / "regobs.toml")
    assert {Capability.REDIS_EXPORTER, Capability.POSTGRES_EXPORTER} <= config.capabilities
    assert [one.value for one in config.exposer_matchers[Exposer.REDIS]] == ["cache"]
    written = (tmp_path / "regobs.toml").read_text()
    assert "redis_exporter: redis_up, of the last day: its targets are down now" in written
    assert "postgres_exporter: pg_up\n" in written


def test_a_build_of_what_init_writes_scrapes_each_environment_as_it_is_scraped_now(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    require("prometheus", package="prometheus")
    with ExitStack() as stack:
        text = read_exposition(DATA / "gitlab-registry-4.32.prom.gz")
        registries = [stack.enter_context(ExpositionServer(text)).address for _ in range(3)]
        caches = [
            stack.enter_context(ExpositionServer("# TYPE redis_up gauge\nredis_up 1\n")).address for _ in range(2)
        ]
        names = ("prod", "prod", "staging")

        def of(addresses: list[str], names: tuple[str, ...]) -> list[dict[str, Any]]:
            return [
                {"targets": [one], "labels": {"environment": name}} for one, name in zip(addresses, names, strict=True)
            ]

        jobs = [
            {"job_name": "registry", "params": {"comp": ["registry"]}, "static_configs": of(registries, names)},
            {"job_name": "redis_exporter", "static_configs": of(caches, names[1:])},
        ]
        server = servers.prometheus(supervisor, {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
        with Prometheus(server.url) as prometheus:
            _wait_for(prometheus, "up == 1", 5)
        assert run(["init", "--prometheus", server.url]) == 0
        assert run(["build", "--out", "out"]) == 0
        assert "not used" not in capsys.readouterr().err
        written = Path("out/prometheus/scrape.yaml").read_text()
        assert "Targets are missing" not in written
        built = {"global": {"scrape_interval": "1s"}, "scrape_configs": yaml.safe_load(written)["scrape_configs"]}
        again = servers.prometheus(supervisor, built)
        with Prometheus(again.url) as prometheus:
            _wait_for(prometheus, "up == 1", 5)
            found = {(urlsplit(one.url).netloc, one.labels["environment"], *one.params) for one in prometheus.targets()}
        expected = {(one, name, "comp") for one, name in zip(registries, names, strict=True)}
        assert found == expected | {(one, name) for one, name in zip(caches, names[1:], strict=True)}
        run(["doctor", "--prometheus", again.url, "--format", "json"])
        assert json.loads(capsys.readouterr().out)["proposal"] is None


def test_over_tls_init_writes_the_scheme_and_names_what_the_pack_has_to_say(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    require("prometheus", package="prometheus")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    opened = {"tls_config": {"ca_file": str(tmp_path / "ca.crt")}}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    registry = ExpositionServer(read_exposition(DATA / "gitlab-registry-4.32.prom.gz"))
    registry.socket = context.wrap_socket(registry.socket, server_side=True)
    with registry:
        job = {"job_name": "registry", "scheme": "https", **opened, "static_configs": [{"targets": [registry.address]}]}
        server = servers.prometheus(supervisor, {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})
        with Prometheus(server.url) as prometheus:
            _wait_for(prometheus, "up == 1", 1)
        assert run(["init", "--prometheus", server.url]) == 0
        assert "the scrape of the registry has tls_config; put it into the job registry" in _one_line(capsys)
        jobs = tmp_path / "pack/exporters/scrape.yaml"
        jobs.parent.mkdir(parents=True)
        jobs.write_text(yaml.safe_dump({"scrape_configs": [{"job_name": "registry", **opened}]}))
        assert run(["build", "--pack", "pack", "--out", "out"]) == 0
        built = yaml.safe_load(Path("out/prometheus/scrape.yaml").read_text())["scrape_configs"]
        again = servers.prometheus(supervisor, {"global": {"scrape_interval": "1s"}, "scrape_configs": built})
        with Prometheus(again.url) as prometheus:
            _wait_for(prometheus, "up == 1", 1)
            assert [(one.url, one.health) for one in prometheus.targets()] == [
                (f"https://{registry.address}/metrics", "up")
            ]


def _one_line(capsys: Output) -> str:
    return " ".join(capsys.readouterr().out.split())


def _wait_for(prometheus: Prometheus, expr: str, count: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and len(prometheus.query(expr).samples) < count:
        time.sleep(0.2)


def test_the_settings_say_what_the_server_shows_and_where_each_comes_from(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--prometheus", url]) == 0
    out = capsys.readouterr().out
    config = load_config(tmp_path / "regobs.toml")
    assert config.flavor is Flavor.GITLAB
    assert {Capability.GARBAGE_COLLECTION, Capability.REDIS, Capability.NODE_EXPORTER} <= config.capabilities
    assert [(one.label, one.value) for one in config.matchers] == [("job", "registry-api")]
    assert (config.labels.environment, config.labels.cluster, config.labels.pod) == ("env", "cluster", "pod")
    assert "team" in config.target_labels
    assert [one.name for one in config.environments] == ["production"]
    assert (config.prometheus.scrape_interval.ms, config.prometheus.evaluation_interval.ms) == (2000, 3000)
    assert [one.value for one in config.exposer_matchers[Exposer.NODE]] == ["machines"]
    assert config.contexts[config.context].url == url
    assert "not selected: mirror, of another flavor" in out
    lines = (tmp_path / "regobs.toml").read_text().splitlines()
    unexplained = [line for before, line in pairwise(lines) if " = " in line and not before.startswith("#")]
    assert unexplained == []


def test_what_stands_beside_the_registry_is_proposed_with_its_address_and_a_reason(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--prometheus", url]) == 0
    config = load_config(tmp_path / "regobs.toml")
    with Prometheus(url) as prometheus:
        where = {one.labels["job"]: (urlsplit(one.url).netloc,) for one in prometheus.targets()}
    assert config.prometheus.exporters == {
        Exposer.NODE: where["machines"],
        Exposer.REDIS: where["cache"],
        Exposer.BLACKBOX: where["outside"],
    }
    assert config.prometheus.probes == (PROBED[0],)
    assert config.prometheus.alertmanagers == (ALERTMANAGER,)
    outside = {one.label: one.value for one in config.exposer_matchers[Exposer.BLACKBOX]}
    assert outside == {"job": "outside", "instance": PROBED[0]}
    text = (tmp_path / "regobs.toml").read_text()
    for reason in (
        '# what job "cache" scrapes now\nredis_exporter =',
        "# where the server sends its alerts\nalertmanagers =",
        '# what job "outside" asks through the blackbox_exporter\nprobes =',
        "# `evaluation_interval` in the part `global` of the server's configuration\nevaluation_interval",
    ):
        assert reason in text
    assert "what is no registry's among the addresses that they ask (1) is left out" in text.replace("\n# ", " ")


def test_a_build_and_the_doctor_take_the_settings_and_propose_nothing_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--prometheus", url]) == 0
    assert run(["build", "--out", "out"]) == 0
    capsys.readouterr()
    run(["doctor", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert report["flavor"] == "gitlab"
    assert report["proposal"] is None
    assert run(["init", "--update"]) == 0
    assert "nothing was changed" in capsys.readouterr().out


def test_the_doctor_shows_a_diff_that_update_writes_and_comments_stay(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    before = """# ours
[registry]
flavor = "distribution"  # a guess
capabilities = ["descriptor_cache"]

[prometheus]
selector = 'job="registry-api"'
retention = "60d"
"""
    Path("regobs.toml").write_text(before)
    run(["doctor", "--prometheus", url, "--format", "json"])
    proposal = json.loads(capsys.readouterr().out)["proposal"]
    names = {one["setting"] for one in proposal["settings"]}
    assert {"registry.flavor", "registry.capabilities", "labels.environment", "prometheus.scrape_interval"} <= names
    assert "prometheus.selector" not in names
    lines = proposal["diff"].splitlines()
    assert {'-flavor = "distribution"  # a guess', '+flavor = "gitlab"  # a guess', " # ours"} <= {*lines}
    assert all(one["reason"] for one in proposal["settings"])
    run(["doctor", "--prometheus", url])
    text = capsys.readouterr().out
    assert "Proposed settings" in text
    assert '  +flavor = "gitlab"  # a guess' in text

    assert Path("regobs.toml").read_text() == before
    assert run(["init", "--prometheus", url, "--update"]) == 0
    after = Path("regobs.toml").read_text()
    assert after.startswith("# ours\n[registry]\n")
    assert tomllib.loads(after)["prometheus"]["selector"] == 'job="registry-api"'
    assert load_config(Path("regobs.toml")).flavor is Flavor.GITLAB


def test_a_distribution_says_its_major_version_and_a_version_of_it_stays(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("regobs.toml").write_text("[prometheus]\nselector = 'job=\"mirror\"'\n")
    assert run(["init", "--prometheus", url, "--update"]) == 0
    config = load_config(Path("regobs.toml"))
    assert (config.flavor, config.version) == (Flavor.DISTRIBUTION, Version(2, 8, 0))
    Path("regobs.toml").write_text(Path("regobs.toml").read_text().replace("2.8.0", "2.8.3"))
    assert run(["init", "--prometheus", url, "--update"]) == 0
    assert load_config(Path("regobs.toml")).version == Version(2, 8, 3)


def test_a_server_without_a_registry_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    require("prometheus", package="prometheus")
    monkeypatch.chdir(tmp_path)
    with Supervisor() as supervisor:
        server = servers.prometheus(supervisor, {"scrape_configs": []})
        assert run(["init", "--prometheus", server.url]) == 3
    assert "has no series of a registry" in capsys.readouterr().err
    assert not Path("regobs.toml").exists()


def test_a_server_that_scrapes_a_registry_which_is_not_supported_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    require("prometheus", package="prometheus")
    monkeypatch.chdir(tmp_path)
    with Supervisor() as supervisor, ExpositionServer("# TYPE harbor_up gauge\nharbor_up 1\n") as harbor:
        jobs = [{"job_name": "harbor", "static_configs": [{"targets": [harbor.address]}]}]
        server = servers.prometheus(supervisor, {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
        with Prometheus(server.url) as prometheus:
            end = time.monotonic() + 120
            while time.monotonic() < end and not prometheus.query("harbor_up").samples:
                time.sleep(0.3)
        assert run(["init", "--prometheus", server.url]) == 3
    assert "there are series of Harbor, not supported" in capsys.readouterr().err


def test_a_real_docker_registry_is_read_from_its_own_address(
    docker_registry: servers.RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", f"{docker_registry.debug_url}/metrics"]) == 0
    config = load_config(Path("regobs.toml"))
    assert config.flavor is Flavor.DISTRIBUTION
    assert config.prometheus.targets == (docker_registry.debug_url.removeprefix("http://"),)
