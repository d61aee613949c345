"""The clients of a fleet, for its logs."""

from __future__ import annotations

from collections.abc import Mapping

# User agents with their weights: clients of pipelines before those of people.
CLIENTS: Mapping[str, float] = {
    "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64": 46,
    "containerd/1.7.22": 24,
    "buildkit/v0.16": 10,
    "kaniko/v1.23.2": 7,
    "cri-o/1.30.5 go/go1.22.5 os/linux arch/amd64": 5,
    "skopeo/1.16.1": 3,
    "containers/5.32 (github.com/containers/image)": 3,
    "GitLab": 2,
}
