"""The set-up pages: every link, command and file in them is one that works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.cli.main import run
from regobs.config import read_config
from regobs.config.model import DAY
from regobs.grafana.variables import Variables
from tests.setup_pages import DOCS, PAGES, commands_of, files_of
from tests.test_docs import check_command

ALL = ("start.md", *PAGES)


@pytest.mark.parametrize("page", ALL)
def test_every_link_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text(encoding="utf-8"))
    assert [target for target in targets if not target.startswith("http") and not (DOCS / target).exists()] == []


@pytest.mark.parametrize(
    "command",
    sorted({found for page in ALL for line in commands_of(page) for found in re.findall(r"regobs [a-z][^|]*", line)}),
)
def test_every_command_exists_with_its_options(command: str) -> None:
    check_command(command.removesuffix(" -"))  # standard input


@pytest.mark.parametrize("page", ALL[1:])
def test_every_file_is_what_its_name_says(page: str) -> None:
    files = files_of(page)
    assert files
    for name, text in files.items():
        if name.endswith((".yaml", ".yml")):
            assert isinstance(yaml.safe_load(text), dict), name
        elif name.endswith(".toml"):
            assert read_config(text, Path(name)).source == Path(name)
        else:
            assert name in {"gitlab.rb", "nginx.conf", "default-prometheus"}


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page in PAGES for name in files_of(page) if name.endswith(".toml")]
)
def test_every_settings_file_builds(page: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(files_of(page)[name])
    assert run(["build", "--config", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["registry"]["flavor"] == str(read_config(files_of(page)[name], Path(name)).flavor)


@pytest.mark.parametrize("page", ["setup-compose.md", "setup-vm.md"])
def test_a_page_that_probes_puts_the_modules_in_place_that_the_scrape_asks_for(page: str, tmp_path: Path) -> None:
    files = files_of(page)
    (tmp_path / "regobs.toml").write_text(files["regobs.toml"])
    assert run(["build", "--config", str(tmp_path / "regobs.toml"), "--out", str(tmp_path / "out")]) == 0
    scrape = yaml.safe_load((tmp_path / "out/prometheus/scrape.yaml").read_text())
    asked = {module for job in scrape["scrape_configs"] for module in job.get("params", {}).get("module", [])}
    modules = yaml.safe_load((tmp_path / "out/exporters/blackbox.yaml").read_text())["modules"]
    assert asked
    assert asked <= modules.keys()
    mounted = [
        volume
        for one in yaml.safe_load(files.get("compose.yaml", "services: {}"))["services"].values()
        if one.get("command") == ["--config.file=/etc/regobs/blackbox.yaml"]
        for volume in one["volumes"]
    ]
    copied = [line for line in commands_of(page) if line.startswith("sudo cp out/exporters/blackbox.yaml ")]
    assert mounted == ["./out/exporters:/etc/regobs:ro"] or len(copied) == 1


@pytest.mark.parametrize("page", ["alerts.md", "grafana.md", "scale.md", *PAGES])
def test_no_page_puts_a_build_in_place_in_a_way_that_keeps_what_the_build_no_longer_has(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    keeping = re.findall(
        r"cp -r(?:ecursive)? out/(?:prometheus|dashboards)\S*|rsync (?!.*--delete)[^`\n]*|rules load", text
    )
    assert keeping == []
    for copied in re.findall(r"(?:^\$ |`)(?:sudo )?(rsync [^`\n]+)", text, re.MULTILINE):
        assert "--delete" in copied.split()
        assert copied.split()[-2].endswith("/")  # the content of the folder, not the folder into the other
    for synced in re.findall(r"mimirtool rules sync[^`\n]*", text):
        assert "--namespaces regobs" in synced  # without it rules of others are taken away


def test_nginx_starts_after_what_it_looks_up_by_name() -> None:
    files = files_of("setup-compose.md")
    servers = set(re.findall(r"server (\w+):\d+;", files["nginx.conf"]))
    assert servers == {"registry"}
    assert servers <= set(yaml.safe_load(files["compose.yaml"])["services"]["nginx"]["depends_on"])


def test_ruby_reads_gitlab_rb() -> None:
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("ruby is not installed: apt install ruby")
    program = "registry, prometheus = {}, {}; eval($stdin.read); require 'json'; puts JSON.dump([registry, prometheus])"
    done = subprocess.run(
        [ruby, "-e", program],
        input=files_of("setup-omnibus.md")["gitlab.rb"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    registry, prometheus = json.loads(done.stdout)
    assert registry == {"debug_addr": "localhost:5001", "log_formatter": "json"}
    assert prometheus["rules_files"][1].endswith("/prometheus/rules/*.yaml")
    assert prometheus["flags"] == {"storage.tsdb.retention.time": "35d"}


def test_omnibus_keeps_samples_as_long_as_budgets_look_back_and_scrapes_the_port_that_it_opens() -> None:
    files = files_of("setup-omnibus.md")
    gitlab = dict(re.findall(r"^(\w+\['\w+'\]) = (.+)$", files["gitlab.rb"], re.MULTILINE))
    config = read_config(files["regobs.toml"], Path("regobs.toml"))
    assert gitlab.keys() == {
        "registry['debug_addr']",
        "registry['log_formatter']",
        "prometheus['rules_files']",
        "prometheus['flags']",
    }
    # Its prometheus.yml has a scrape_interval and no evaluation_interval, whose default is a minute
    # (recipes/prometheus.rb of the cookbook `monitoring`).
    assert (config.prometheus.scrape_interval.ms, config.prometheus.evaluation_interval.ms) == (15_000, 60_000)
    kept = int(re.findall(r"retention.time' => '(\d+)d'", gitlab["prometheus['flags']"])[0])
    assert (kept * DAY, config.prometheus.retention.ms >= config.slo.period.ms) == (
        config.prometheus.retention.ms,
        True,
    )
    assert gitlab["registry['debug_addr']"] == '"localhost:5001"'
    assert config.prometheus.targets == ("127.0.0.1:5001",)
    short = read_config(files["short.toml"], Path("short.toml"))
    assert short.slo.period.ms <= short.prometheus.retention.ms == 15 * DAY


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"error","msg":"unknown error","code":"UNKNOWN","time":"2026-11-23T11:05:00.100Z"}',
        '2026-11-23_11:05:00.12345 {"level":"error","msg":"unknown error","time":"2026-11-23T11:05:00.100Z"}',
        '2026-11-23_11:05:00.12345 time="2026-11-23T11:05:00.100Z" level=error msg="unknown error" code=UNKNOWN',
    ],
    ids=["json", "json-after-a-time", "text-after-a-time"],
)
def test_svlogd_lines_are_read(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "current").write_text(f"{line}\n")
    assert run(["logs", "query", "level: error", str(tmp_path / "current"), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["malformed"], data["rows"][0]["level"]) == (0, "error")


def test_the_charts_let_in_what_the_build_writes(tmp_path: Path) -> None:
    files = files_of("setup-kubernetes.md")
    values = yaml.safe_load(files["prometheus-values.yaml"])
    (tmp_path / "regobs.toml").write_text(files["regobs.toml"])
    assert run(["build", "--config", str(tmp_path / "regobs.toml"), "--out", str(tmp_path / "out")]) == 0
    spec, config = values["prometheus"]["prometheusSpec"], read_config(files["regobs.toml"], Path("regobs.toml"))
    assert not any(spec[f"{kind}SelectorNilUsesHelmValues"] for kind in ("rule", "podMonitor", "serviceMonitor"))
    assert config.prometheus.scrape_interval.ms == int(spec["scrapeInterval"].removesuffix("s")) * 1000
    assert config.prometheus.retention.ms == int(spec["retention"].removesuffix("d")) * DAY
    kinds: dict[str, list[Any]] = {}
    for file in (tmp_path / "out" / "kubernetes").glob("*.yaml"):
        for document in yaml.safe_load_all(file.read_text()):
            for one in document["items"] if document["kind"] == "List" else [document]:
                kinds.setdefault(one["kind"], []).append(one)
    assert {"PrometheusRule", "PodMonitor", "ConfigMap"} <= kinds.keys()
    assert values["alertmanager"]["alertmanagerSpec"]["alertmanagerConfigMatcherStrategy"] == {"type": "None"}
    sidecar = values["grafana"]["sidecar"]["dashboards"]
    assert all(one["metadata"]["labels"][sidecar["label"]] == sidecar["labelValue"] for one in kinds["ConfigMap"])


def test_the_objects_go_where_a_pod_monitor_finds_the_pods_and_as_a_kustomization() -> None:
    commands = commands_of("setup-kubernetes.md")
    (chart,) = [line for line in commands if line.startswith("helm ") and " gitlab/gitlab " in line]
    (applied,) = [line for line in commands if line.startswith("kubectl apply ")]
    namespace = re.findall(r"--namespace (\S+)", chart)
    assert len(namespace) == 1
    assert re.findall(r"--namespace (\S+)", applied) == namespace
    assert applied.endswith(" -k out/kubernetes/")


def test_compose_mounts_files_that_the_page_or_the_build_has(tmp_path: Path) -> None:
    files = files_of("setup-compose.md")
    (tmp_path / "regobs.toml").write_text(files["regobs.toml"])
    assert run(["build", "--config", str(tmp_path / "regobs.toml"), "--out", str(tmp_path / "out")]) == 0
    compose = yaml.safe_load(files["compose.yaml"])
    mounted = [volume.split(":")[0] for one in compose["services"].values() for volume in one["volumes"]]
    for source in mounted:
        there = source in compose["volumes"] or source.removeprefix("./") in files or (tmp_path / source).exists()
        assert there, source
    for name, flag in (("prometheus", "--config.file=/etc/regobs/"), ("alertmanager", "--config.file=/etc/regobs/")):
        file = compose["services"][name]["command"][0].removeprefix(flag)
        assert (tmp_path / "out" / name / file).is_file()
    scrape = yaml.safe_load((tmp_path / "out" / "prometheus" / "scrape.yaml").read_text())
    hosts = {
        target.removeprefix("http://").split(":")[0]
        for job in scrape["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert hosts <= compose["services"].keys()


def test_the_page_about_kubernetes_chooses_every_neighbour_that_there_may_be() -> None:
    page = (DOCS / "setup-kubernetes.md").read_text(encoding="utf-8")
    block = re.search(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    names = '"kubernetes", "node_exporter", "postgres_exporter", "pgbouncer_exporter", "redis_exporter"'
    config = read_config(f"[registry]\ncapabilities = [{names}]\n{block[1]}", DOCS / "regobs.toml")
    assert len(config.exposer_matchers) == 6
    assert Variables.of(config).unscoped_neighbours(config.capabilities, config.flavor) == []
