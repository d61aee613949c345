"""The dashboards as Kubernetes ConfigMaps, for the sidecar of Grafana's Helm chart, which loads those with a label.

One file with one ConfigMap for each dashboard, because a ConfigMap holds at most 1 MiB. `kubectl apply` without
`--server-side` copies what it applies into an annotation of at most 256 KiB, and fails for a larger dashboard.
Sources: https://kubernetes.io/docs/concepts/configuration/configmap/, https://github.com/kiwigrid/k8s-sidecar
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from regobs.errors import DashboardError, Location

FILE = "kubernetes/dashboards.yaml"
MOST_BYTES = 1024 * 1024
FOLDER = "Container Registry"

_HEADER = """\
# Written by `regobs build`. Apply it in the namespace that Grafana's sidecar watches:
#   kubectl apply --server-side --namespace monitoring --filename dashboards.yaml
"""
_CONFIGMAP = """\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: regobs-%(slug)s
  labels:
    %(label)s: "%(value)s"
    app.kubernetes.io/managed-by: regobs
  annotations:
    grafana_folder: %(folder)s
data:
  %(slug)s.json: |-
    %(json)s
"""


def configmaps(dashboards: Mapping[str, bytes], sidecar_label: str) -> bytes:
    """One YAML document for each dashboard, given as JSON by slug; `sidecar_label` is `name=value`.

    Raises DashboardError for a dashboard that no ConfigMap can hold.
    """
    label, _, value = sidecar_label.partition("=")
    documents = []
    for slug, content in sorted(dashboards.items()):
        compact = msgspec.json.format(content, indent=-1)
        if len(compact) > MOST_BYTES:
            raise DashboardError(
                "this dashboard is too large for a ConfigMap",
                location=Location(f"dashboards/{slug}.json"),
                value=f"{len(compact)} bytes",
                expected=f"at most {MOST_BYTES} bytes",
                next_step="split the dashboard in two",
            )
        values = {"slug": slug, "label": label, "value": value, "folder": FOLDER, "json": compact.decode()}
        documents.append(_CONFIGMAP % values)
    return (_HEADER + "".join(documents)).encode()
