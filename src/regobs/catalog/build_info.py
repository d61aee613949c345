"""What was built: which version of GitLab registry runs."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Flavor, Unit

_build = Component("build_info")

BUILD = _build.gauge(
    "gitlab_build_info",
    Unit.INFO,
    "Build information of this GitLab service: always 1, the labels say which build runs.",
    form(Flavor.GITLAB, labels=labels("built", "package", "revision", "version"), since="2.10.0"),
    common=True,
    pitfalls=(
        "The name is shared with other services of GitLab: select the registry's job.",
        "A build without a version writes `unknown`.",
    ),
)
