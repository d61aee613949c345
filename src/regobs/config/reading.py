"""From regobs.toml to `Config`: every setting checked, unknown ones refused, one error at the line that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from regobs.catalog.model import NEWEST, OLDEST, Capability, Exposer, Flavor, Version
from regobs.config.deploy_targets import deploy_targets
from regobs.config.document import top_table
from regobs.config.model import (
    DEFAULT_CAPABILITIES,
    DEPLOYMENT_LABELS,
    SEVERITIES,
    Config,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    SloSettings,
    capabilities_of,
    job_is_registry,
)
from regobs.config.named import Context, Environment, SavedQuery, Threshold
from regobs.config.scraped import scrape_notes
from regobs.config.table import LABEL_NAME, TomlTable
from regobs.promql.nodes import Matcher
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.secrets import MASK, is_secret_header

# Prometheus takes series older than 5 minutes for gone (its default --query.lookback-delta), and a rate needs two
# scrapes in its window.
LONGEST_SCRAPE = 120_000  # milliseconds
_TOP = (
    *("pack", "context", "registry", "labels", "prometheus", "grafana", "kibana", "environments", "slo", "thresholds"),
    *("alerts", "contexts", "queries", "deploy"),
)
# Labels that scrapers give to one process or machine.
_OF_ONE_MACHINE = {"node", "nodename", "host"}
_OF_ONE_INSTANCE = {"instance", "pod", "pod_name", "container", "container_id"} | _OF_ONE_MACHINE
_ALERTS = ("runbook_url", "severities")
_SIDECAR_LABEL = r"(?:[a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9_.-]*=[A-Za-z0-9_.-]*"
_TOKENS = ("token_file", "token_env", "token_command")
KINDS = ("prometheus", "thanos", "mimir", "cortex", "victoriametrics")  # of contexts
QUERY_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,59}"
_LOG_FIELD = r"[A-Za-z_@][\w.@-]*"
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_HEADER_VALUE = r"[!-~](?:[ -~]*[!-~])?"


def read_config(text: str, file: Path) -> Config:
    """The settings of a TOML text; `file` names it in errors, and its folder is where a relative `pack` begins."""
    top = top_table(text, file, _TOP)
    registry = top.table("registry", ("flavor", "version", "capabilities"))
    flavor = registry.choice("flavor", Flavor, Flavor.GITLAB)
    version = _version(registry)
    capabilities = registry.choices("capabilities", Capability, DEFAULT_CAPABILITIES[flavor])
    _refuse_foreign(registry, flavor, capabilities)
    labels, honor_labels, target_labels = _labels(top)
    environments = _environments(top)
    contexts = _contexts(top, file, environments)
    prometheus = top.table("prometheus", (*_names(PrometheusSettings), "selector", "selectors"))
    config = Config(
        flavor=flavor,
        version=version,
        capabilities=capabilities,
        registry_unsaid="registry" not in top.names(),
        labels=labels,
        honor_labels=honor_labels,
        target_labels=target_labels,
        matchers=prometheus.selector("selector", job_is_registry(labels)),
        exposer_matchers=_exposers(prometheus),
        prometheus=_prometheus(prometheus, labels),
        grafana=_grafana(top),
        kibana=_kibana(top, labels),
        environments=environments,
        slo=_slo(top),
        runbook_url=_runbook_url(top),
        severities=_severities(top),
        pack=_pack(top, file),
        source=file,
        contexts=contexts,
        context=_context(top, contexts),
        queries=_queries(top),
        deploy=deploy_targets(top, file, contexts),
        notes=_notes(registry, flavor, version),
    )
    return replace(config, notes=(*config.notes, *scrape_notes(top, config)))


def _names(settings: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(settings))


def _version(registry: TomlTable) -> Version | None:
    text = registry.text("version", "")
    try:
        return Version.parse(text) if text else None
    except ValueError:
        raise registry.fail("version", "a version such as 4.32.0") from None


def _refuse_foreign(registry: TomlTable, flavor: Flavor, chosen: frozenset[Capability]) -> None:
    if "capabilities" not in registry.names():
        return
    known = sorted(str(one) for one in capabilities_of(flavor))
    foreign = next((one for one in sorted(chosen) if str(one) not in known), None)
    if foreign is not None:
        raise registry.fail(
            "capabilities",
            f"for flavor {flavor} some of {', '.join(known)}",
            f"take {foreign} out: flavor {flavor} has no metrics of it; or correct `flavor`",
            value=foreign,
        )


def _notes(registry: TomlTable, flavor: Flavor, version: Version | None) -> tuple[str, ...]:
    found = version_note(flavor, version, registry.text("version", ""))
    return (f"{registry.place('version')}: {found}",) if found else ()


def version_note(flavor: Flavor, version: Version | None, said: str = "") -> str:
    """What is to be said of a version that is older or newer than all releases that are known; empty for any other.

    `said` is the version as a person wrote it.
    """
    if version is None or OLDEST[flavor][:2] <= version[:2] <= NEWEST[flavor][:2]:
        return ""
    if version < OLDEST[flavor]:
        known = (
            f"the oldest release of flavor {flavor} that is supported is {OLDEST[flavor]}: series may have other names"
        )
    else:
        known = f"the newest release of flavor {flavor} that regobs knows is {NEWEST[flavor]}"
        known += ", and everything is written as for that one"
    return f"version {said or version}: {known}"


def _labels(top: TomlTable) -> tuple[LabelNames, bool, frozenset[str]]:
    table = top.table("labels", (*_names(LabelNames), "honor_labels", "target_labels"))
    named = {name: table.label(name, getattr(LabelNames(), name)) for name in _names(LabelNames)}
    labels = LabelNames(**named)  # type: ignore[arg-type]  # job and instance have a default that is no None
    used: dict[str, str] = {}
    for meaning, name in named.items():
        if name is not None and name in used:
            raise table.fail(meaning, f"a label that no other setting uses; {used[name]} has it already")
        if name is not None:
            used[name] = meaning
    wrong = next((one for one in DEPLOYMENT_LABELS if named[one] in _OF_ONE_INSTANCE), None)
    if wrong is not None:
        raise table.fail(
            wrong,
            f"a label that all instances of a deployment share; {named[wrong]!r} tells its instances apart",
            f"""write {"node" if named[wrong] in _OF_ONE_MACHINE else "pod"} = "{named[wrong]}" instead""",
        )
    default = TARGET_LABELS | {labels.job, *labels.narrow, *labels.scope}
    target_labels = table.labels("target_labels", default)
    return labels, table.switch("honor_labels", default=False), target_labels


def _prometheus(table: TomlTable, labels: LabelNames) -> PrometheusSettings:
    default = PrometheusSettings()
    settings = PrometheusSettings(
        scrape_interval=table.duration("scrape_interval", default.scrape_interval),
        evaluation_interval=table.duration("evaluation_interval", default.evaluation_interval),
        retention=table.duration("retention", default.retention),
        targets=_registries(table, default.targets),
        **_scraped_how(table, default),
        alertmanagers=table.addresses("alertmanagers", default.alertmanagers),
        probes=_probes(table, default.probes),
        exporters=_exporter_targets(table),
        scrape_labels=_scrape_labels(table.table("scrape_labels"), labels),
    )
    if settings.scrape_interval.ms > LONGEST_SCRAPE:
        raise table.fail("scrape_interval", 'at most "2m": a rate over 5 minutes needs two scrapes')
    return settings


def _scraped_how(table: TomlTable, default: PrometheusSettings) -> dict[str, Any]:
    """Scheme, path and query of the registries' metrics."""
    path = table.text("metrics_path", default.metrics_path, expected="a path", pattern=r"/\S*")
    if {"?", "#"} & set(path):
        asked = parse_qs(path.partition("?")[2], keep_blank_values=True)
        query = ", ".join(f"{json.dumps(name)} = {json.dumps(values)}" for name, values in asked.items())
        step = f"write params = {{ {query} }} under [prometheus]" if asked else "leave out what stands behind it"
        raise table.fail("metrics_path", "a path without a query: Prometheus would ask for a path with %3F in it", step)
    params = table.table("params")
    return {
        "metrics_path": path,
        "scheme": table.text("scheme", default.scheme, expected='"http" or "https"', pattern="https?"),
        "params": {name: params.values(name) for name in params.names()},
    }


def _registries(table: TomlTable, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The targets of registries, whose scheme stands apart."""
    said = table.items("targets", (), str, "addresses", again=True)
    url = next((urlsplit(one) for one in said if re.match("https?://", one)), None)
    if url is not None:
        scheme = 'scheme = "https" under [prometheus], ' if url.scheme == "https" else ""
        raise table.fail(
            "targets",
            "host:port without a scheme, such as 127.0.0.1:5001",
            f"write {scheme}the path as metrics_path, and of each address here its host and port",
            value=urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", "")),
        )
    return table.addresses("targets", default)


def _scrape_labels(table: TomlTable, labels: LabelNames) -> dict[str, str]:
    """Labels of targets by name, with their values."""
    for name in table.names():
        if name in {labels.job, labels.instance}:
            raise table.fail(name, "another label: Prometheus gives job and instance to each target itself")
        if LABEL_NAME.fullmatch(name) is None:
            raise table.fail(name, "the name of a label: letters, digits and _, no digit first", value=name)
    return {name: table.text(name, "", expected="the value of the label, a text of one line") for name in table.names()}


def _probes(table: TomlTable, default: tuple[str, ...]) -> tuple[str, ...]:
    return table.urls("probes", default, expected="http or https URLs without user, query or fragment")


def _exporter_targets(prometheus: TomlTable) -> dict[Exposer, tuple[str, ...]]:
    others = {exposer.value: exposer for exposer in Exposer if exposer.is_neighbour}
    table = prometheus.table("exporters", others)
    return {others[name]: table.addresses(name, ()) for name in table.names()}


def _exposers(prometheus: TomlTable) -> dict[Exposer, tuple[Matcher, ...]]:
    others = {exposer.value: exposer for exposer in Exposer if exposer.is_neighbour}
    table = prometheus.table("selectors", others)
    return {others[name]: table.selector(name, ()) for name in table.names()}


def _grafana(top: TomlTable) -> GrafanaSettings:
    table = top.table("grafana", _names(GrafanaSettings))
    default = GrafanaSettings()
    return GrafanaSettings(
        datasource=table.text("datasource", default.datasource, expected="the uid or name of a data source"),
        url=table.url("url", default.url, expected="an http or https URL without a password", query=True),
        sidecar_label=table.text(
            "sidecar_label",
            default.sidecar_label,
            expected='a label such as "grafana_dashboard=1"',
            pattern=_SIDECAR_LABEL,
        ),
        deploy_tags=table.texts("deploy_tags", default.deploy_tags),
    )


def _kibana(top: TomlTable, labels: LabelNames) -> KibanaSettings:
    table = top.table("kibana", _names(KibanaSettings))
    fields = table.table("fields", DEPLOYMENT_LABELS)
    for name in fields.names():
        if getattr(labels, name) is None:
            raise fields.fail(name, "a label that has a name under [labels]", f'add {name} = "..." under [labels]')
    return KibanaSettings(
        url=table.url("url", expected="an http or https URL without user, query or fragment"),
        space=table.text("space", "", expected="the id of a space", pattern=r"[a-z0-9_-]+"),
        environment=table.text("environment", "", expected="a name of log_schemas/kibana/environments.yaml"),
        fields={
            getattr(labels, name): fields.text(
                name, "", expected="a field of log lines, labels.env", pattern=_LOG_FIELD
            )
            for name in fields.names()
        },
    )


def _environments(top: TomlTable) -> tuple[Environment, ...]:
    table = top.table("environments")
    environments = []
    for name in table.names():
        one = table.table(name, ("selector", "targets", "exporters", "probes"))
        if "selector" not in one.names():
            raise table.fail(name, f"a selector: [environments.{name}] needs one", "add selector = 'env=\"...\"'")
        selector, targets = one.selector("selector", ()), _registries(one)
        environments.append(Environment(name, selector, targets, _exporter_targets(one), _probes(one, ())))
    return tuple(environments)


def _contexts(top: TomlTable, file: Path, environments: Iterable[Environment]) -> dict[str, Context]:
    named = [one.name for one in environments]
    contexts = {}
    for name in top.table("contexts").names():
        table = top.table("contexts").table(name, _names(Context))
        table.require("url", "the address of a server that answers PromQL")
        environment = table.text("environment", "")
        if environment and environment not in named:
            raise table.fail("environment", f"one of [environments]: {', '.join(named) or 'there is none'}")
        _one_token(table)
        contexts[name] = Context(
            url=table.url("url", expected="an http or https URL without a password"),
            kind=table.text("kind", "", expected=f"one of {', '.join(KINDS)}", pattern="|".join(KINDS)),
            tenant=table.text("tenant", "", expected="a tenant's name in printable ASCII", pattern=_HEADER_VALUE),
            headers=_headers(table),
            token_file=table.path("token_file", file),
            token_env=table.text("token_env", "", expected="the name of a variable", pattern=r"[A-Za-z_][A-Za-z0-9_]*"),
            token_command=table.words("token_command"),
            user=table.text("user", "", expected="a user's name without a colon", pattern=r"[!-9;-~]+"),
            ca_file=table.path("ca_file", file),
            client_cert=table.path("client_cert", file),
            client_key=table.path("client_key", file),
            proxy=table.url("proxy", expected="an http or https URL without a password", path=False),
            timeout=table.duration("timeout", None),
            environment=environment,
            stores=table.whole("stores", 0, least=1, most=10_000),
        )
    return contexts


def _queries(top: TomlTable) -> dict[str, SavedQuery]:
    found = {}
    for name in top.table("queries").names():
        if not re.fullmatch(QUERY_NAME, name):
            raise top.table("queries").fail(name, "a name of letters, digits, - and _ that begins with a letter")
        table = top.table("queries").table(name, _names(SavedQuery))
        table.require("expr", "PromQL")
        defaults = table.table("defaults")
        found[name] = SavedQuery(
            table.text("expr", "", expected="PromQL", pattern=r"(?s).*\S.*"),
            table.text("title", "", expected="a text of one line"),
            {key: defaults.text(key, "", pattern=".*") for key in defaults.names()},
        )
    return found


def _one_token(context: TomlTable) -> None:
    """Refuse two places of the token, and a user without one."""
    given = [name for name in _TOKENS if name in context.names()]
    if len(given) > 1:
        raise context.fail(given[1], "either " + " or ".join(given))
    if "user" in context.names() and not given:
        raise context.fail("user", "a user whose password is in token_file, token_env or token_command")


def _headers(context: TomlTable) -> dict[str, str]:
    table = context.table("headers")
    for name in table.names():
        if is_secret_header(name):
            raise table.fail(
                name,
                "a header that is no secret",
                "put a bearer token into token_file or token_env, any other secret header into the environment "
                "variable REGOBS_PROMETHEUS_HEADERS",
                value=MASK,
            )
        if not re.fullmatch(_HEADER_NAME, name):
            raise table.fail(name, "a header with a name that HTTP allows")
    return {name: table.text(name, "", expected="printable ASCII", pattern=_HEADER_VALUE) for name in table.names()}


def _context(top: TomlTable, contexts: Mapping[str, Context]) -> str:
    name = top.text("context", "", expected="the name of one of [contexts]")
    if name and name not in contexts:
        raise top.fail("context", f"one of [contexts]: {', '.join(contexts) or 'there is none'}", nearest=contexts)
    return name


def _slo(top: TomlTable) -> SloSettings:
    settings = top.table("slo", ("period",))
    table = top.table("thresholds")
    thresholds = {}
    for name in table.names():
        one = table.table(name, ("target", "at_most"))
        thresholds[name] = Threshold(
            target=one.number("target", "a fraction above 0 and below 1, such as 0.999", lambda x: 0 < x < 1),
            at_most=one.number("at_most", "a number above 0, in the metric's unit", lambda x: x > 0),
            place=table.place(name),
            **{f"{key}_place": one.place(key) for key in one.names()},
        )
    return SloSettings(settings.duration("period", SloSettings().period), thresholds)


def _runbook_url(top: TomlTable) -> str:
    table = top.table("alerts", _ALERTS)
    return table.url("runbook_url", expected="an http or https URL without a password", query=True)


def _severities(top: TomlTable) -> dict[str, str]:
    """What `page` and `ticket` of the content are called in this deployment's rules and routes."""
    table = top.table("alerts", _ALERTS).table("severities", SEVERITIES)
    found = {
        one: table.text(one, one, expected="a word such as critical", pattern=r"[A-Za-z0-9_.-]+") for one in SEVERITIES
    }
    if len(set(found.values())) < len(found):
        raise table.fail("ticket", f"another name than {found['page']}: routes tell severities apart by it")
    return found


def _pack(top: TomlTable, file: Path) -> Path | None:
    text = top.text("pack", "", expected="the path of a pack directory")
    return file.parent / text if text else None
