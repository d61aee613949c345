"""The service units and Kubernetes manifests of the exporters: what they start exists and hangs together."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from regobs.catalog.model import Exposer
from regobs.cli.export import export
from regobs.documents import load_yaml_all
from tests.test_docs import check_command

ROOT = Path(__file__).parents[2]
KINDS = {
    "logs": Exposer.LOG_EXPORTER,
    "database": Exposer.DATABASE_EXPORTER,
    "notifications": Exposer.NOTIFICATION_EXPORTER,
    "probe": Exposer.REGISTRY_PROBE,
}
UNITS = ROOT / "exporters" / "systemd"
MANIFESTS = ROOT / "exporters" / "kubernetes"


def listens(kind: str) -> int:
    """The port of an exporter unless it is told another."""
    command = export.commands[kind]
    [option] = [one for one in command.params if one.name == "listen"]
    return int(str(option.default).rpartition(":")[2])


def objects(name: str) -> list[dict[str, Any]]:
    path = MANIFESTS / f"{name}.yaml"
    return [one.data for one in load_yaml_all(path.read_text(encoding="utf-8"), str(path))]


def workload(kind: str) -> dict[str, Any]:
    return next(one for one in objects(kind) if one["kind"] in {"DaemonSet", "Deployment"})


def test_every_exporter_has_a_unit_and_a_manifest() -> None:
    assert set(export.commands) == set(KINDS)
    assert {path.name for path in UNITS.iterdir()} == {f"regobs-export-{kind}.service" for kind in KINDS}
    assert {path.stem for path in MANIFESTS.iterdir()} == {*KINDS, "monitor"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_unit_starts_a_command_that_exists(kind: str) -> None:
    text = (UNITS / f"regobs-export-{kind}.service").read_text(encoding="utf-8")
    [start] = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
    assert start.startswith(f"/usr/local/bin/regobs export {kind} ")
    check_command(start.removeprefix("/usr/local/bin/"))


def credentials(text: str) -> set[str]:
    """The names of the credentials that a unit or a part of one has."""
    return set(re.findall(r"^LoadCredential=([^:\n]+):/etc/regobs/[^\n]+$", text, re.MULTILINE))


@pytest.mark.parametrize("kind", KINDS)
def test_the_secrets_of_a_unit_are_credentials_of_systemd(kind: str) -> None:
    text = (UNITS / f"regobs-export-{kind}.service").read_text(encoding="utf-8")
    [start] = re.findall(r"^ExecStart=.*", text, re.MULTILINE)
    named = set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([\w.-]+)", start))
    if kind == "probe":
        [example] = [
            one.data for one in load_yaml_all((ROOT / "exporters/probe.yaml").read_text("utf-8"), "probe.yaml")
        ]
        named |= {value for one in example["targets"] for key, value in one.items() if key.endswith("_file")}
    assert credentials(text) == named
    assert bool(named) is (kind != "logs")  # it has none but the web configuration
    assert "/etc/regobs" not in start
    assert kind == "logs" or "SupplementaryGroups" not in text


def test_the_drop_in_of_the_docs_has_the_web_configuration_as_a_credential() -> None:
    text = (ROOT / "docs/exporters.md").read_text(encoding="utf-8")
    [drop_in] = re.findall(r"```ini\n(\[Service\]\n.*?)```", text, re.DOTALL)
    empty, start = re.findall(r"^ExecStart=(.*)", drop_in, re.MULTILINE)
    assert empty == ""
    check_command(start.removeprefix("/usr/local/bin/"))
    assert credentials(drop_in) >= set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([\w.-]+)", start))
    [web] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "cert_file" in block]
    assert credentials(drop_in) >= set(re.findall(r"(?:cert|key)_file: (\S+)", web))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_accepts_the_unit_and_finds_it_confined(kind: str, tmp_path: Path) -> None:
    name = f"regobs-export-{kind}.service"
    text = (UNITS / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("/usr/local/bin/regobs", sys.executable), encoding="utf-8")
    for words in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=25"]):
        done = subprocess.run(
            ["systemd-analyze", *words, str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1.30", "1.34"])
def test_kubernetes_accepts_the_manifests(kind: str, version: str) -> None:
    judged = {one["kind"]: kubernetes_validate.validate(one, version, strict=True) for one in objects(kind)}
    assert judged.keys() & {"DaemonSet", "Deployment"}


def test_kubernetes_refuses_a_field_that_it_does_not_know() -> None:
    [found] = objects("probe")
    found["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(found, "1.34", strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_starts_a_command_that_exists_on_the_port_that_it_names(kind: str) -> None:
    pod = workload(kind)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"][:2] == ["export", kind]
    check_command(shlex.join(["regobs", *container["args"]]))
    assert container["args"][container["args"].index("--listen") + 1] == f"0.0.0.0:{listens(kind)}"
    assert container["ports"] == [{"name": "metrics", "containerPort": listens(kind)}]
    assert {one["httpGet"]["path"] for one in (container["livenessProbe"], container["readinessProbe"])} == {
        "/-/healthy",
        "/-/ready",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_that_the_command_names_is_mounted_and_what_it_writes_can_be_written(kind: str) -> None:
    pod = workload(kind)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    mounts = {one["mountPath"]: one.get("readOnly", False) for one in container["volumeMounts"]}
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    for before, word in zip(container["args"], container["args"][1:], strict=False):
        if word.startswith("/"):
            [mount] = [one for one in mounts if word.startswith(one + "/")]
            assert mounts[mount] is (before not in {"--state", "--append"})


@pytest.mark.parametrize("kind", KINDS)
def test_the_container_has_no_right_that_it_does_not_need(kind: str) -> None:
    pod = workload(kind)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    own = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert own.get("runAsNonRoot", False) is (kind != "logs")  # the files of the kubelet belong to root


def test_the_operator_scrapes_each_exporter_as_the_job_that_the_rules_name() -> None:
    [monitor] = objects("monitor")
    spec = monitor["spec"]
    [expression] = spec["selector"]["matchExpressions"]
    assert sorted(expression["values"]) == sorted(str(one) for one in KINDS.values())
    assert spec["jobLabel"] == expression["key"]
    for kind, exposer in KINDS.items():
        found = workload(kind)["spec"]
        labels = found["template"]["metadata"]["labels"]
        assert labels[spec["jobLabel"]] == str(exposer)
        assert found["selector"]["matchLabels"].items() <= labels.items()
    assert spec["podMetricsEndpoints"] == [{"port": "metrics"}]


def test_the_service_leads_to_the_exporter_of_notifications() -> None:
    [service] = [one for one in objects("notifications") if one["kind"] == "Service"]
    labels = workload("notifications")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert [one["port"] for one in service["spec"]["ports"]] == [listens("notifications")]
    assert isinstance(export, click.Group)
