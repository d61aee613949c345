"""A Kubernetes API server with its etcd, and who may use it."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from regobs.common.programs import Supervisor, free_port
from regobs.documents import load_yaml

_CERTIFICATE = "apiserver.crt"  # the server writes it into its folder
_ADMIN, _VIEWER = "admin-token", "viewer-token"


@dataclass(frozen=True, slots=True)
class KubernetesServer:
    """A running API server; there is no controller: deleted namespaces stay, so take a fresh one for each test."""

    url: str
    folder: Path

    def kubeconfig(self, path: Path, *, token: str = _ADMIN, trusted: bool = True) -> Path:
        """Write a kubeconfig with one context, `test`."""
        cluster = {"server": self.url}
        if trusted:
            cluster["certificate-authority"] = str(self.folder / _CERTIFICATE)
        data = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path

    def viewer(self, path: Path) -> Path:
        """A kubeconfig of somebody who may do nothing."""
        return self.kubeconfig(path, token=_VIEWER)

    def ask(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        """The JSON of an answer to the administrator; a body is applied where `fieldManager` is given, else sent."""
        kind = "application/apply-patch+yaml" if "fieldManager" in params else "application/json"
        answer = requests.request(
            method, self.url + path, params=params, json=body, timeout=30, verify=str(self.folder / _CERTIFICATE),
            headers={"Authorization": f"Bearer {_ADMIN}", "Content-Type": kind},
        )  # fmt: skip
        assert answer.ok, f"{answer.status_code} {answer.text[:500]}"
        return answer.json()

    def namespace(self, name: str) -> str:
        """Make a namespace."""
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def define(self, definitions: Path) -> None:
        """Make the custom resources of a folder known."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        names = []
        for file in sorted(definitions.glob("*.yaml")):
            data = load_yaml(file.read_bytes(), file.name).data  # PyYAML takes a lone `=` for a tag of YAML 1.1
            names.append(data["metadata"]["name"])
            self.ask("PATCH", f"{path}/{names[-1]}", data, fieldManager="tests", force="true")
        until = time.monotonic() + 60
        for name in names:
            while not _established(self.ask("GET", f"{path}/{name}")):
                assert time.monotonic() < until, f"{name} is not established"
                time.sleep(0.1)


def _established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def kubernetes(supervisor: Supervisor, installed: Path) -> KubernetesServer:
    """Start etcd and the API server of a folder of the cache. Half a gigabyte, ready in seconds."""
    folder = supervisor.directory / "kubernetes"
    folder.mkdir()
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command: list[str | Path] = [
        *(installed / "bin/etcd", f"--data-dir={folder}/etcd", "--unsafe-no-fsync", "--log-level=error"),
        *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"),
        *(f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"),
    ]
    supervisor.wait_until_ready(supervisor.start("etcd", command), f"{client}/health")
    key, tokens = folder / "sa.key", folder / "tokens.csv"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens.write_text(f'{_ADMIN},admin,1,"system:masters"\n{_VIEWER},viewer,2,"viewers"\n', encoding="utf-8")
    port = free_port()
    command = [
        *(installed / "bin/kube-apiserver", f"--etcd-servers={client}", f"--cert-dir={folder}"),
        *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={port}"),
        *("--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}"),
        *(f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24"),
        *("--authorization-mode=RBAC", f"--token-auth-file={tokens}", "--endpoint-reconciler-type=none"),
        *("--disable-admission-plugins=ServiceAccount", "--v=0"),
    ]
    process = supervisor.start("kube-apiserver", command)
    server = KubernetesServer(f"https://127.0.0.1:{port}", folder)
    _await(server, process.log)
    return server


def _await(server: KubernetesServer, log: Path) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            answer = requests.get(
                f"{server.url}/readyz", headers={"Authorization": f"Bearer {_ADMIN}"}, timeout=5,
                verify=str(server.folder / _CERTIFICATE),
            )  # fmt: skip
            if answer.text == "ok":
                return
        except (requests.RequestException, OSError):
            pass  # neither the port nor the certificate is there yet
        assert time.monotonic() < until, log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.2)
