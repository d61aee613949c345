"""The generated Prometheus configuration."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.build.produce import scrape_file
from regobs.config import Config, read_config
from regobs.documents import load_yaml
from regobs.errors import ConfigError, Location, RulesError
from regobs.pack import Pack, find_pack
from regobs.promql.nodes import Duration


def scraped(toml: str = "", pack: Pack | None = None) -> dict[str, Any]:
    config = read_config(toml, Path("regobs.toml"))
    data: dict[str, Any] = load_yaml(scrape_file(pack or find_pack(), config), "scrape.yaml").data
    return data


def own_pack(root: Path, text: str) -> Pack:
    (root / "exporters").mkdir()
    (root / "exporters" / "scrape.yaml").write_text(text)
    return find_pack(root)


def test_labels_of_the_settings_are_put_on_the_registry_and_those_of_a_deployment_on_what_is_beside_it() -> None:
    toml = """\
[registry]
capabilities = ["node_exporter"]
[labels]
region = "region"
[prometheus]
selector = 'job="registry", stage="main"'
[prometheus.scrape_labels]
region = "eu"
rack = "7"
stage = "canary"
"""
    registry, node = scraped(toml)["scrape_configs"]
    assert registry["static_configs"][0]["labels"] == {"region": "eu", "rack": "7", "stage": "main"}
    assert node["static_configs"][0]["labels"] == {"region": "eu"}


def test_the_defaults_scrape_a_registry_on_this_machine() -> None:
    assert scraped() == {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
        "scrape_configs": [
            {
                "job_name": "registry",
                "metrics_path": "/metrics",
                "static_configs": [{"targets": ["127.0.0.1:5001"]}],
            }
        ],
    }


def test_series_get_the_labels_that_the_selector_asks_for() -> None:
    (job,) = scraped('[prometheus]\nselector = \'job="gitlab-registry", env="prod", stage=~"a|b"\'')["scrape_configs"]
    assert job["job_name"] == "gitlab-registry"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:5001"], "labels": {"env": "prod"}}]


def test_targets_path_and_labels_come_from_the_settings() -> None:
    data = scraped("[labels]\nhonor_labels = true\n[prometheus]\ntargets = ['a:1', 'b:2']\nmetrics_path = '/m'")
    (job,) = data["scrape_configs"]
    assert job["honor_labels"] is True
    assert job["metrics_path"] == "/m"
    assert job["static_configs"] == [{"targets": ["a:1", "b:2"]}]


def test_scheme_and_query_come_from_the_settings() -> None:
    toml = "[prometheus]\nscheme = 'https'\nparams = {comp = ['registry'], a = ['1', '2']}\n"
    [job] = scraped(toml)["scrape_configs"]
    assert (job["scheme"], job["params"]) == ("https", {"comp": ["registry"], "a": ["1", "2"]})


def test_without_alertmanagers_there_is_no_alerting() -> None:
    assert "alerting" not in scraped("[prometheus]\nalertmanagers = []")


def test_the_retention_stands_in_the_command_of_the_header() -> None:
    config = replace(Config(), prometheus=replace(Config().prometheus, retention=Duration(90 * 86_400_000)))
    assert b"--storage.tsdb.retention.time=90d\n" in scrape_file(find_pack(), config)


def test_a_pack_may_add_jobs(tmp_path: Path) -> None:
    pack = own_pack(tmp_path, "scrape_configs:\n- job_name: registry\n- job_name: node\n  static_configs: []\n")
    assert [job["job_name"] for job in scraped(pack=pack)["scrape_configs"]] == ["registry", "node"]
    assert scraped(pack=pack)["scrape_configs"][1] == {"job_name": "node", "static_configs": []}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("scrape_configs:\n- job_name: node\n", 2, 1),
        ("scrape_configs:\n- job_name: registry\n- job_name: registry\n", 3, 13),
        ("scrape_configs:\n- job: registry\n", 2, 3),
        ("scrape_config: []\n", 1, 1),
        ("scrape_configs: [\n", 2, 1),
    ],
)
def test_a_wrong_scrape_file_is_one_error_at_its_place(tmp_path: Path, text: str, line: int, column: int) -> None:
    with pytest.raises(RulesError) as caught:
        scraped(pack=own_pack(tmp_path, text))
    assert caught.value.location == Location(str(tmp_path / "exporters" / "scrape.yaml"), line, column)
    assert caught.value.expected


def test_exporters_are_scraped_where_their_capability_is_on() -> None:
    toml = """
    [registry]
    capabilities = ["redis_exporter", "alertmanager", "probe"]
    [labels]
    environment = "env"
    [prometheus]
    selector = 'job="registry", env="prod"'
    alertmanagers = ["am:9093"]
    probes = ["https://registry.example.com/v2/"]
    exporters = {redis_exporter = ["redis:9121"]}
    selectors = {redis_exporter = 'job="redis"'}
    """
    jobs = {job["job_name"]: job for job in scraped(toml)["scrape_configs"]}
    assert list(jobs) == ["registry", "alertmanager", "redis", "blackbox_exporter"]
    assert jobs["redis"]["static_configs"] == [{"targets": ["redis:9121"], "labels": {"env": "prod"}}]
    assert jobs["alertmanager"]["static_configs"] == [{"targets": ["am:9093"], "labels": {"env": "prod"}}]
    probe = jobs["blackbox_exporter"]
    assert probe["static_configs"] == [{"targets": ["https://registry.example.com/v2/"], "labels": {"env": "prod"}}]
    assert probe["relabel_configs"][-1] == {"target_label": "__address__", "replacement": "127.0.0.1:9115"}


@pytest.mark.parametrize(
    ("capability", "address"),
    [
        ("log_exporter", "127.0.0.1:9520"),
        ("registry_probe", "127.0.0.1:9521"),
        ("notification_exporter", "127.0.0.1:9522"),
        ("database_exporter", "127.0.0.1:9523"),
    ],
)
def test_an_exporter_of_regobs_is_scraped_at_its_usual_port(capability: str, address: str) -> None:
    toml = f"[registry]\ncapabilities = ['{capability}']\n"
    jobs = {job["job_name"]: job for job in scraped(toml)["scrape_configs"]}
    assert list(jobs) == ["registry", capability]
    assert jobs[capability]["static_configs"] == [{"targets": [address]}]


def test_an_address_of_a_probe_is_a_url() -> None:
    with pytest.raises(ConfigError, match="probes"):
        scraped("[prometheus]\nprobes = ['registry.example.com']")


TWO = """
[labels]
environment = "env"
[prometheus]
targets = ["a:1"]
[environments.production]
selector = 'env="production"'
targets = ["b:1", "b:2"]
[environments.staging]
selector = 'env="staging", stage=~"main|cny"'
"""


def test_the_registries_of_each_environment_get_its_labels() -> None:
    told = {"targets": ["b:1", "b:2"], "labels": {"env": "production"}}
    assert scraped(TWO)["scrape_configs"][0]["static_configs"] == [told]
    both = scraped(TWO + "targets = ['c:1']")["scrape_configs"][0]["static_configs"]
    assert both == [told, {"targets": ["c:1"], "labels": {"env": "staging"}}]


EXPORTERS = """
probes = ["http://c:1/v2/"]
exporters = { redis_exporter = ["c:9121"], postgres_exporter = ["c:9187"] }
[registry]
capabilities = ["redis_exporter", "postgres_exporter", "probe", "prometheus", "kubernetes"]
[environments.production.exporters]
redis_exporter = ["b:9121"]
"""


def test_the_exporters_and_probes_of_each_environment_get_its_labels() -> None:
    jobs = {job["job_name"]: job["static_configs"] for job in scraped(TWO + EXPORTERS)["scrape_configs"]}
    production, staging = {"env": "production"}, {"env": "staging"}
    assert jobs["redis_exporter"] == [
        {"targets": ["b:9121"], "labels": production},
        {"targets": ["c:9121"], "labels": staging},
    ]
    assert jobs["postgres_exporter"] == [{"targets": ["c:9187"], "labels": staging}]
    assert jobs["blackbox_exporter"] == [{"targets": ["http://c:1/v2/"], "labels": staging}]
    assert jobs["prometheus"] == [{"targets": ["127.0.0.1:9090"]}]


def test_the_file_names_exporters_that_no_environment_sees_and_what_is_discovered() -> None:
    def written(toml: str) -> str:
        return scrape_file(find_pack(), read_config(toml, Path("regobs.toml"))).decode()

    toml = TWO + "[registry]\ncapabilities = ['redis_exporter', 'node_exporter', 'prometheus', 'kubernetes']\n"
    assert "no alert or dashboard of one sees them: node_exporter, redis_exporter.\n" in written(toml)
    told = toml + "[environments.staging.exporters]\nredis_exporter = ['c:1']\n"
    assert "no alert or dashboard of one sees them: node_exporter.\n" in written(told)
    assert "sees them" not in written(
        toml.partition("[environments.staging]")[0] + "[registry]\ncapabilities = ['redis_exporter']"
    )
    assert "finds them: cadvisor, kube-state-metrics.\n" in written(toml)
    assert "finds them" not in written(TWO)


def test_environments_without_targets_are_named_in_the_file() -> None:
    untold = (
        b"# Targets are missing of the environments staging: name them under [environments.<name>] in regobs.toml.\n"
    )
    assert untold in scrape_file(find_pack(), read_config(TWO, Path("regobs.toml")))
    assert b"missing" not in scrape_file(find_pack(), read_config(TWO + "targets = ['c:1']", Path("regobs.toml")))
    neither = TWO.replace('targets = ["b:1", "b:2"]\n', "")
    assert b"environments production, staging:" in scrape_file(find_pack(), read_config(neither, Path("regobs.toml")))
    assert scraped(neither)["scrape_configs"][0]["static_configs"] == [{"targets": ["a:1"]}]


def test_all_targets_are_those_of_the_only_environment_and_its_neighbours_share_its_labels() -> None:
    one = '[registry]\ncapabilities = ["node_exporter"]\n' + TWO.partition('targets = ["b')[0]
    registry, node = scraped(one)["scrape_configs"]
    assert registry["static_configs"] == [{"targets": ["a:1"], "labels": {"env": "production"}}]
    assert node["static_configs"][0]["labels"] == {"env": "production"}
