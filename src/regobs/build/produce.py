"""Everything that a build writes, as one mapping of relative path to content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from regobs import __version__
from regobs.build.apart import Apart
from regobs.build.scrape import scrape_file
from regobs.build.write import GENERATOR, MANIFEST
from regobs.catalog.model import Flavor
from regobs.config import Config, selector_text
from regobs.documents import dump_json
from regobs.errors import Location, PackError
from regobs.pack import Pack
from regobs.slo import outputs as slo

RULES = "prometheus/rules/"


def build_files(config: Config, pack: Pack) -> dict[str, bytes]:
    """All output files of a pack under a configuration: relative path to content, in the order of the paths.

    The same input gives the same bytes. Raises an InputError of the part that is wrong.
    """
    compiled = Apart(lambda: (slo.files(pack, config), slo.manifest(pack, config)))
    shown = Apart(lambda: {**_elasticsearch(), **_kibana(config, pack)})
    try:
        from regobs.grafana import outputs as grafana  # noqa: PLC0415 - loads grafanalib while the SLOs are compiled

        dashboards = grafana.Dashboards.of(pack, config, slo.records(pack, config))
        described = dashboards.manifest()
    finally:
        try:
            rules, rules_described = compiled.result()
        finally:
            logs = shown.result()
    parts = (
        rules,
        dashboards.files([name for name in sorted(rules) if name.startswith(RULES)]),
        {"prometheus/scrape.yaml": scrape_file(pack, config)},
        _runbooks(pack),
        _exporter_settings(pack),
        _lnav(config, pack),
        logs,
    )
    files = _merge(parts)
    files[MANIFEST] = _manifest(pack, config, {"dashboards": described, "rules": rules_described}, files)
    return dict(sorted(files.items()))


def _merge(parts: tuple[Mapping[str, bytes], ...]) -> dict[str, bytes]:
    merged: dict[str, bytes] = {}
    for part in parts:
        for name, content in part.items():
            if merged.setdefault(name, content) != content:
                raise PackError(
                    "two parts of the pack produce the same output file",
                    location=Location(name),
                    expected="one source of each output file",
                    next_step="rename one of the two sources",
                )
    return merged


def _elasticsearch() -> dict[str, bytes]:
    from regobs.logs.elasticsearch.objects import files  # noqa: PLC0415 - read where the other half of the logs is

    return files()


def _kibana(config: Config, pack: Pack) -> dict[str, bytes]:
    """Its dashboards ask for messages that only the GitLab registry writes."""
    if config.flavor is not Flavor.GITLAB:
        return {}
    from regobs.kibana.outputs import files  # noqa: PLC0415 - another registry has no use for it

    return files(pack)


def _runbooks(pack: Pack) -> dict[str, bytes]:
    return {file.name: file.read().encode() for file in pack.files("alerts", "runbooks/*.md")}


def _lnav(config: Config, pack: Pack) -> dict[str, bytes]:
    """The formats of lnav for the flavor's log lines."""
    return {"lnav/regobs.json": pack.file("log_schemas", f"lnav/{config.flavor}.json").read().encode()}


def _exporter_settings(pack: Pack) -> dict[str, bytes]:
    """What an exporter beside the registry is started with, as it stands in the pack."""
    return {f"exporters/{file.name}": file.read().encode() for file in pack.files("exporters", "*-queries.yaml")}


def _manifest(pack: Pack, config: Config, parts: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """What was built from what. It holds no path of a machine and no time: equal inputs give equal bytes."""
    data = {
        "generator": GENERATOR,
        "version": __version__,
        "registry": {
            "flavor": config.flavor,
            "version": str(config.version) if config.version else None,
            "capabilities": sorted(config.capabilities),
            "selector": selector_text(config.matchers),
        },
        "environments": {one.name: selector_text(one.matchers) for one in config.environments},
        "overridden": sorted(f"{folder}/{name}" for folder, name in pack.overridden()),
        **parts,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    return dump_json(data)
