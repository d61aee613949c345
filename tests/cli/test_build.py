"""`regobs build` as a process: what it writes, says and refuses."""

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from regobs.build import write_atomically
from regobs.cli.main import run
from regobs.documents import load_yaml
from regobs.errors import ExitCode

ROOT = Path(__file__).parents[2]


def build(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "regobs", "build", *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}
    )


def build_here(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which saves its start."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["build", *map(str, arguments)])
    return subprocess.CompletedProcess(["regobs"], code, out.getvalue(), err.getvalue())


def content_of(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module", params=["gitlab", "distribution"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of each flavor."""
    directory = tmp_path_factory.mktemp(request.param)
    done = build("--out", "out", "--flavor", request.param, cwd=directory)
    assert done.returncode == ExitCode.OK, done.stderr
    return directory / "out"


def test_everything_is_written(built: Path) -> None:
    names = set(content_of(built))
    assert {
        "dashboards/overview.json",
        "dashboards/application-detail.json",
        "dashboards/storage-detail.json",
        "grafana/provisioning/dashboards/regobs.yaml",
        "grafana/resources/overview.json",
        "mixin/mixin.libsonnet",
        "prometheus/scrape.yaml",
        "alertmanager/alertmanager.yaml",
        "lnav/regobs.json",
        "manifest.json",
    } <= names
    for pattern in ("prometheus/rules/*.yaml", "prometheus/tests/*.test.yaml", "runbooks/*.md"):
        assert list(built.glob(pattern)), pattern


def test_kibana_objects_are_written_for_the_flavor_whose_messages_they_ask_for(built: Path) -> None:
    names = {name for name in content_of(built) if name.startswith("kibana/")}
    if built.parent.name.startswith("gitlab"):
        assert {"kibana/production.ndjson", "kibana/non-production.ndjson"} <= names
        assert len(names) == 8
    else:
        assert names == set()


def test_every_file_parses(built: Path) -> None:
    for name, content in content_of(built).items():
        assert content.endswith(b"\n"), name
        if name.endswith(".json"):
            assert json.loads(content)
        elif name.startswith("kubernetes/"):  # a document for each ConfigMap
            assert all(yaml.safe_load_all(content))
        elif name.endswith(".yaml"):
            assert load_yaml(content, name).data


def test_the_manifest_names_every_other_file_and_what_was_left_out(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text(encoding="utf-8"))
    assert {"manifest.json", *manifest["files"]} == set(content_of(built))
    assert manifest["registry"]["flavor"] in built.parent.name
    assert all("reason" in one for board in manifest["dashboards"].values() for one in board["left_out"])


def test_nothing_in_the_output_depends_on_time_place_or_hash_seed(built: Path, tmp_path: Path) -> None:
    flavor = json.loads((built / "manifest.json").read_text(encoding="utf-8"))["registry"]["flavor"]
    (tmp_path / "elsewhere").mkdir()
    done = build(
        "--out",
        tmp_path / "again",
        "--flavor",
        flavor,
        cwd=tmp_path / "elsewhere",
        PYTHONHASHSEED="77",
        TZ="Asia/Tokyo",
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert content_of(tmp_path / "again") == content_of(built)
    assert not any(str(ROOT).encode() in content for content in content_of(built).values())


def test_it_says_which_pack_and_settings_it_used(tmp_path: Path) -> None:
    done = build_here("--out", "out", cwd=tmp_path)
    assert f"{ROOT} (bundled)" in done.stdout
    assert "there is no regobs.toml" in done.stdout
    (tmp_path / "regobs.toml").write_text("[registry]\nflavor = 'distribution'\n")
    assert "settings  regobs.toml (flavor distribution)" in build_here("--out", "out", cwd=tmp_path).stdout


def test_it_says_of_which_exporters_the_series_of_neighbours_are_shown_too(tmp_path: Path) -> None:
    settings = tmp_path / "regobs.toml"
    settings.write_text('[registry]\ncapabilities = ["postgres_exporter", "node_exporter"]\n')
    printed = build_here("--out", tmp_path / "one", cwd=tmp_path).stdout
    told = (
        "of node_exporter, postgres_exporter everything that Prometheus scrapes is shown, and alerts fire for all of it"
    )
    assert told in printed
    assert unselected(tmp_path / "one") == ["node_exporter", "postgres_exporter"]
    as_json = json.loads(build_here("--out", tmp_path / "three", "--format", "json", cwd=tmp_path).stdout)
    assert [told in note for note in as_json["told"]] == [True]
    chosen = """[prometheus.selectors]\npostgres_exporter = 'job="pg"'\nnode_exporter = 'job="node"'\n"""
    settings.write_text(settings.read_text() + chosen)
    assert "note " not in build_here("--out", tmp_path / "two", cwd=tmp_path).stdout
    assert unselected(tmp_path / "two") == []
    pods = """[registry]\ncapabilities = ["kubernetes"]\n[prometheus]\nselector = 'job="registry"{}'\n"""
    settings.write_text(pods.format(""))
    assert "alerts fire for all" in build_here("--out", tmp_path / "four", cwd=tmp_path).stdout
    settings.write_text(pods.format(', namespace="gitlab"'))
    assert "note " not in build_here("--out", tmp_path / "five", cwd=tmp_path).stdout
    groups = yaml.safe_load((tmp_path / "five/prometheus/rules/kubernetes.yaml").read_bytes())["groups"]
    about_pods = [rule["expr"] for group in groups for rule in group["rules"] if "up{" not in rule["expr"]]
    assert len(about_pods) == 5
    assert all('namespace="gitlab"' in expr for expr in about_pods)


def unselected(directory: Path) -> list[str]:
    """The neighbours that nothing chooses, as a build says."""
    found: list[str] = json.loads((directory / "manifest.json").read_bytes())["unselected"]
    return found


def test_check_is_silent_about_what_is_equal_and_writes_nothing(tmp_path: Path) -> None:
    build_here("--out", "out", cwd=tmp_path)
    before = content_of(tmp_path)
    done = build_here("--out", "out", "--check", cwd=tmp_path)
    assert done.returncode == ExitCode.OK
    assert done.stdout.endswith("are what a build gives\n")
    assert content_of(tmp_path) == before


def test_check_shows_what_was_changed_removed_and_added(tmp_path: Path) -> None:
    build_here("--out", "out", cwd=tmp_path)
    out = tmp_path / "out"
    scrape = out / "prometheus" / "scrape.yaml"
    scrape.write_text(scrape.read_text(encoding="utf-8").replace("scrape_interval: 15s", "scrape_interval: 1h"))
    (out / "manifest.json").unlink()
    (out / "mine.txt").write_text("x")
    before = content_of(tmp_path)
    done = build_here("--out", "out", "--check", cwd=tmp_path)
    assert done.returncode == ExitCode.DIFFERENCE
    assert "changed: prometheus/scrape.yaml" in done.stdout
    assert "-  scrape_interval: 1h\n+  scrape_interval: 15s\n" in done.stdout
    assert "missing: manifest.json" in done.stdout
    assert "foreign: mine.txt" in done.stdout
    assert content_of(tmp_path) == before


def test_a_pack_of_ones_own_adds_and_overrides(tmp_path: Path) -> None:
    (tmp_path / "own" / "alerts" / "runbooks").mkdir(parents=True)
    (tmp_path / "own" / "alerts" / "runbooks" / "Mine.md").write_text("# Mine\n")
    (tmp_path / "regobs.toml").write_text("pack = 'own'\n")
    done = build_here("--out", "out", cwd=tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "own (regobs.toml)" in done.stdout
    assert (tmp_path / "out" / "runbooks" / "Mine.md").read_text(encoding="utf-8") == "# Mine\n"
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["overridden"] == ["alerts/runbooks/Mine.md"]


WRONG: Mapping[str, tuple[str, str]] = {
    "broken toml": ("regobs.toml", "[registry"),
    "unknown setting": ("regobs.toml", "[registry]\nflavour = 'gitlab'"),
    "no such pack": ("regobs.toml", "pack = 'none'"),
    "broken dashboard": ("own/dashboards/mine.dashboard.py", "dashboard = Dashboard("),
    "unknown metric": ("own/dashboards/mine.dashboard.py", "from regobs.catalog import http\ndashboard = http.NOPE"),
    "broken slo": ("own/alerts/mine.slo.yaml", "apiVersion: openslo/v1\nkind: SLO\nspec: ["),
    "slo of another kind": ("own/alerts/mine.slo.yaml", "apiVersion: openslo/v1\nkind: Slow\n"),
    "broken rules": ("own/alerts/mine.rules.yaml", "groups:\n- name: x\n  rules:\n  - alert: A\n    expr: sum(\n"),
    "broken scrape": ("own/exporters/scrape.yaml", "scrape_configs: 3\n"),
    "misspelled name": ("own/alerts/mine.slo.yml", "apiVersion: openslo/v1\n"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_input_is_one_error_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    name, text = WRONG[case]
    write_atomically(tmp_path / "out", {"manifest.json": b'{"generator": "regobs"}'})
    before = content_of(tmp_path / "out")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    options = ["--pack", "own"] if name.startswith("own") else []
    done = build_here("--out", "out", *options, cwd=tmp_path)
    assert done.returncode == ExitCode.INPUT, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert Path(name).name in done.stderr or "none" in done.stderr
    assert "  next:" in done.stderr or "  expected:" in done.stderr
    assert content_of(tmp_path / "out") == before
    assert not list(tmp_path.glob(".out*"))


def test_a_directory_that_no_build_wrote_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years")
    done = build_here("--out", "out", cwd=tmp_path)
    assert done.returncode == ExitCode.INPUT
    assert "thesis.tex" in done.stderr
    assert content_of(tmp_path / "out") == {"thesis.tex": b"years"}


def test_a_killed_build_leaves_the_old_output_whole(tmp_path: Path) -> None:
    build_here("--out", "out", cwd=tmp_path)
    before = content_of(tmp_path / "out")
    chance = random.Random(3)  # noqa: S311 - moments, not secrets
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-m", "regobs", "build", "--out", "out"], cwd=tmp_path, stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.1, 0.9))
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert content_of(tmp_path / "out") == before
    assert build_here("--out", "out", cwd=tmp_path).returncode == ExitCode.OK
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_kustomization_names_every_file_of_its_folder(built: Path) -> None:
    folder = built / "kubernetes"
    resources = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert sorted([*resources, "kustomization.yaml"]) == sorted(path.name for path in folder.iterdir())


def test_kubectl_makes_each_object_of_the_kustomization_once(built: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    command = [kubectl, "kustomize", str(built / "kubernetes")]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    # BaseLoader: PyYAML takes the bare `=` of a matcher for a type of YAML 1.1
    documents = yaml.load_all(done.stdout, yaml.BaseLoader)
    found = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(found) == len(set(found))
    kinds = {kind for kind, _ in found}
    assert {"PrometheusRule", "ConfigMap", "AlertmanagerConfig", "PodMonitor"} <= kinds
