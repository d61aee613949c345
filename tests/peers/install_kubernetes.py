"""Build a Kubernetes API server, its etcd and prometheus-operator's resource definitions from source. Needs Go.

Twelve minutes of CPU when cold: so `make test-all` and `python -m tests.peers.install --all` build it, as Cortex.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.peers import KUBERNETES, cache, golang
from tests.peers.peer import InstallError, Peer

TITLE = f"Kubernetes {KUBERNETES}"
_FOLDER = Path(__file__).parent
_OPERATOR = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"


def peer() -> Peer:
    """The server, etcd 3.6 (watches of this server hang on Debian's 3.4), and the operator's custom resources."""
    files = ("bin/kube-apiserver", "bin/etcd", "crds/monitoring.coreos.com_prometheusrules.yaml")
    return Peer(TITLE, cache() / f"kubernetes-{KUBERNETES}", files, build)


def build(target: Path) -> None:
    """Build the programs into `target`/bin, and write the resource definitions into `target`/crds."""
    golang.install(
        _FOLDER / "kubernetes",
        TITLE,
        ["k8s.io/kubernetes/cmd/kube-apiserver"],
        target,
        variable=f"k8s.io/component-base/version.gitVersion=v{KUBERNETES}",
    )
    golang.install(_FOLDER / "etcd", TITLE, ["go.etcd.io/etcd/server/v3"], target)
    (target / "bin" / "server").rename(target / "bin" / "etcd")
    golang.install(_FOLDER / "operator", TITLE, ["sigs.k8s.io/controller-tools/cmd/controller-gen"], target)
    _write_definitions(target)


def _write_definitions(target: Path) -> None:
    paths = ";".join(f"{_OPERATOR}/{version}" for version in ("v1", "v1alpha1"))
    command = [str(target / "bin/controller-gen"), "crd:crdVersions=v1", f"paths={paths}"]
    made = subprocess.run(
        [*command, f"output:crd:dir={target / 'crds'}"],
        cwd=_FOLDER / "operator",
        env=os.environ | {"GOFLAGS": "-mod=mod"},
        check=False,
    )
    if made.returncode != 0:
        raise InstallError(f"controller-gen failed with exit code {made.returncode}; its messages are above")
