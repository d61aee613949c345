"""Everything that a build writes, as one mapping of relative path to content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regobs import __version__
from regobs.build.rulers import ruler_files
from regobs.build.runbooks import runbook_files
from regobs.build.write import GENERATOR, MANIFEST
from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.config import Config, Environment, selector_text
from regobs.documents import dump_json, dump_yaml
from regobs.errors import Location, PackError
from regobs.pack import Pack
from regobs.promql.durations import duration_text
from regobs.promql.nodes import MatchOp
from regobs.slo import outputs as slo
from regobs.slo.jobs import JOB, exposer_of, scrape_jobs, scraped_how, targets_of_job
from regobs.slo.log_address import AlertedLines, LogAddress
from regobs.slo.rule_scope import CAPABILITIES

if TYPE_CHECKING:
    from regobs.grafana.mixin import MixinRules

_HEADER = """\
# Written by `regobs build`; change exporters/scrape.yaml of the pack or regobs.toml instead.
# Start with: prometheus --config.file=scrape.yaml --storage.tsdb.retention.time={retention}
"""
_UNTOLD = """\
# Targets are missing of the environments {names}: name them under [environments.<name>] in regobs.toml.
# Until then RegistryTargetMissing fires for each of these.
"""
_SHARED = """\
# These have no label of an environment, so that no alert or dashboard of one sees them: {names}.
# Name their targets under [environments.<name>.exporters] in regobs.toml, what is probed as `probes` beside them.
"""
_UNSCRAPED = """\
# Not scraped here, because discovery in the cluster or the cloud finds them: {names}.
"""
# What has no job, because its targets come and go.
_DISCOVERED = {
    Capability.KUBERNETES: "cadvisor, kube-state-metrics",
    Capability.STACKDRIVER_EXPORTER: "stackdriver_exporter",
    Capability.CLOUDWATCH_EXPORTER: "cloudwatch_exporter",
}
_OF_ALL = frozenset({Exposer.PROMETHEUS, Exposer.ALERTMANAGER})  # which serve every environment


def scrape_file(pack: Pack, config: Config) -> bytes:
    """A prometheus.yml with the rules beside it, the Alertmanagers, and the pack's scrape jobs."""
    settings = config.prometheus
    data = {
        "global": {
            "scrape_interval": duration_text(settings.scrape_interval),
            "evaluation_interval": duration_text(settings.evaluation_interval),
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(settings.alertmanagers)}]}]},
        "scrape_configs": [_job(job, config) for job in scrape_jobs(pack) if _scraped(job, config)],
    }
    if not settings.alertmanagers:
        del data["alerting"]
    return (_header(pack, config) + dump_yaml(data)).encode()


def _header(pack: Pack, config: Config) -> str:
    """How to start with the file, and what it lacks."""
    header = _HEADER.format(retention=duration_text(config.prometheus.retention))
    jobs = [
        one for job in scrape_jobs(pack) if _scraped(job, config) and (one := exposer_of(job)) and one not in _OF_ALL
    ]
    lacks: dict[str, list[str]] = {
        _UNTOLD: [one.name for one in config.environments if not _targets_of(one, config)],
        _SHARED: [one.value for one in jobs if len(config.environments) > 1 and not _told(one, config)],
        _UNSCRAPED: [name for needed, name in _DISCOVERED.items() if needed in config.capabilities],
    }
    return header + "".join(text.format(names=", ".join(names)) for text, names in lacks.items() if names)


def _job(job: dict[str, Any], config: Config) -> dict[str, Any]:
    """A job with what regobs.toml says of it: targets, and the labels that tell this deployment from others."""
    name, settings = job["job_name"], config.prometheus
    equal = {matcher.label: matcher.value for matcher in config.matchers if matcher.op is MatchOp.EQUAL}
    fixed = {**settings.scrape_labels, **equal}
    own_name = fixed.pop(config.labels.job, JOB)
    fixed.pop(config.labels.instance, None)
    if name == JOB:
        honor = {"honor_labels": True} if config.honor_labels else {}
        how = scraped_how(config, "metrics_path")
        return {**job, "job_name": own_name, **honor, **how, "static_configs": _of_registries(config, fixed)}
    exposer = exposer_of(job)
    if exposer is None:
        return job
    of_job = {m.label: m.value for m in config.exposer_matchers.get(exposer, ()) if m.op is MatchOp.EQUAL}
    made = {**job, "job_name": of_job.get(config.labels.job, name)}
    usual = settings.alertmanagers if exposer is Exposer.ALERTMANAGER else targets_of_job(job)
    targets = settings.exporters.get(exposer, usual)
    everywhere = settings.probes if exposer is Exposer.BLACKBOX else targets
    asked = {"static_configs": _of_neighbours(exposer, everywhere, config, fixed)}
    if exposer is Exposer.BLACKBOX:
        asked["relabel_configs"] = _through(targets[0])
    return {**made, **asked}


def _told(exposer: Exposer, config: Config) -> list[tuple[Environment, tuple[str, ...]]]:
    """The environments that say what of an exporter is scraped there: its targets, or what is probed."""
    of_probe = exposer is Exposer.BLACKBOX
    found = ((one, one.probes if of_probe else one.exporters.get(exposer, ())) for one in config.environments)
    return [(one, targets) for one, targets in found if targets]


def _of_neighbours(
    exposer: Exposer, everywhere: tuple[str, ...], config: Config, fixed: dict[str, str]
) -> list[dict[str, Any]]:
    """What is scraped by way of an exporter: of each environment that says it, else `everywhere`."""
    alone = config.environments[0].labels if len(config.environments) == 1 else {}
    told = [(one.labels, targets) for one, targets in _told(exposer, config)] or [(alone, everywhere)]
    scope = config.labels.scope
    return [
        _targets(targets, {name: value for name, value in (fixed | labels).items() if name in scope})
        for labels, targets in told
    ]


def _of_registries(config: Config, fixed: dict[str, str]) -> list[dict[str, Any]]:
    """The registries, those of each environment with its labels: without them it would count as missing."""
    told = [(one, targets) for one in config.environments if (targets := _targets_of(one, config))]
    if not told:
        return [_targets(config.prometheus.targets, fixed)]
    return [_targets(targets, fixed | environment.labels) for environment, targets in told]


def _targets_of(environment: Environment, config: Config) -> tuple[str, ...]:
    """Its own targets; where there is no other environment all that are named."""
    alone = len(config.environments) == 1
    return environment.targets or (config.prometheus.targets if alone else ())


def _targets(targets: tuple[str, ...], labels: dict[str, str]) -> dict[str, Any]:
    return {"targets": list(targets), **({"labels": labels} if labels else {})}


def _through(exporter: str) -> list[dict[str, Any]]:
    """Relabelling that asks `exporter` about each target, which stays the instance."""
    return [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": exporter},
    ]


def _scraped(job: dict[str, Any], config: Config) -> bool:
    """Whether the capabilities ask for a job: one that is called after no exporter always is there."""
    exposer = exposer_of(job)
    return exposer is None or CAPABILITIES[exposer] in config.capabilities


RULES = "prometheus/rules/"


def build_files(
    config: Config, pack: Pack, *, rule_tests: bool = True, kept: Sequence[dict[str, Any]] = ()
) -> dict[str, bytes]:
    """All output files of a pack under a configuration: relative path to content, in the order of the paths.

    Without `rule_tests` those for `promtool test rules` are left out, which are half of the files. `kept` are groups of
    series that go on under the names of an older build. The same input gives the same bytes. Raises an InputError of
    the part that is wrong.
    """
    from regobs.build.alert_panels import alert_panels  # noqa: PLC0415 - loads grafanalib; `--help` needs none
    from regobs.grafana import outputs as grafana  # noqa: PLC0415 - as above

    compiled = replace(slo.compile_rules(pack, config), kept=tuple(kept))
    compiled.check()
    dashboards = grafana.Dashboards.of(pack, config, compiled.records, slos=len(compiled.slos))
    compiled = compiled.showing(alert_panels(compiled, dashboards), _log_addresses(config, pack, compiled))
    rules = compiled.files(tests=rule_tests)
    described = {"dashboards": dashboards.manifest(), "rules": compiled.manifest()}
    parts = (
        rules,
        ruler_files(compiled, config),
        dashboards.files(_for_mixin(compiled, rules)),
        {"prometheus/scrape.yaml": scrape_file(pack, config)},
        runbook_files(pack, config, described["rules"]["alerts"], compiled.operations),
        _exporter_settings(pack),
        _lnav(config, pack),
        _elasticsearch(),
        _kibana(config, pack),
    )
    files = _merge(parts)
    files[MANIFEST] = _manifest(pack, config, described, files)
    return dict(sorted(files.items()))


def _log_addresses(config: Config, pack: Pack, compiled: slo.CompiledRules) -> dict[AlertedLines, LogAddress]:
    """Where the log lines of alerts are shown in Kibana; without an address of it no query is read."""
    from regobs.kibana.log_view import has_addresses  # noqa: PLC0415 - as above

    if not has_addresses(config):
        return {}
    from regobs.kibana.alert_links import log_addresses  # noqa: PLC0415 - loads the query language

    return log_addresses(config, pack, set(compiled.log_lines.values()))


def _for_mixin(compiled: slo.CompiledRules, written: Iterable[str]) -> MixinRules:
    """What the mixin needs of the rules: their files, the dashboards of alerts, and where neighbours can be chosen."""
    from regobs.grafana.mixin import MixinRules, with_open_neighbours  # noqa: PLC0415 - as above

    other = compiled.opened(with_open_neighbours(compiled.config))
    pairs = zip(compiled.expressions, other.expressions, strict=True)
    return MixinRules(
        tuple(name for name in sorted(written) if name.startswith(RULES)),
        compiled.dashboard_paths,
        {text: changed for text, changed in pairs if text != changed},
    )


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


def _lnav(config: Config, pack: Pack) -> dict[str, bytes]:
    """The formats of lnav for the flavor's log lines."""
    return {"lnav/regobs.json": pack.file("log_schemas", f"lnav/{config.flavor}.json").read().encode()}


def _exporter_settings(pack: Pack) -> dict[str, bytes]:
    """What an exporter beside the registry is started with, as it stands in the pack."""
    found = [*pack.files("exporters", "*-queries.yaml"), *pack.files("exporters", "blackbox.yaml")]
    return {f"exporters/{file.name}": file.read().encode() for file in found}


def _manifest(pack: Pack, config: Config, parts: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """What was built from what. It holds no path of a machine and no time: equal inputs give equal bytes.

    `unselected` are the neighbours of which dashboards and alerts take everything that Prometheus scrapes.
    """
    from regobs.grafana.variables import Variables  # noqa: PLC0415 - loads grafanalib; `--help` needs none

    data = {
        "generator": GENERATOR,
        "version": __version__,
        "registry": {
            "flavor": config.flavor,
            "version": str(config.version) if config.version else None,
            "capabilities": sorted(config.capabilities),
            "selector": selector_text(config.matchers),
        },
        "environments": {environment.name: selector_text(environment.matchers) for environment in config.environments},
        "unselected": Variables.of(config).unscoped_neighbours(config.capabilities, config.flavor),
        "overridden": sorted(f"{folder}/{name}" for folder, name in pack.overridden()),
        **parts,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    return dump_json(data)
