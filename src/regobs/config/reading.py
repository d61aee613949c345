"""From regobs.toml to `Config`: every setting checked, unknown ones refused, one error at the line that is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config.document import read_text, top_table
from regobs.config.model import (
    DEFAULT_CAPABILITIES,
    Config,
    Environment,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    SloSettings,
    Threshold,
)
from regobs.config.table import Table
from regobs.promql.nodes import Matcher
from regobs.promql.vocabulary import TARGET_LABELS

DEFAULT_NAME = "regobs.toml"
_TOP = ("pack", "registry", "labels", "prometheus", "grafana", "kibana", "environments", "slo", "thresholds", "alerts")
_SIDECAR_LABEL = r"(?:[a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9_.-]*=[A-Za-z0-9_.-]*"
_URL = r"https?://[^\s@]+"
_BASE_URL = r"https?://[^\s@?#/]+(?:/[^\s@?#]*)?"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


def load_config(path: Path | str | None = None) -> Config:
    """Read a regobs.toml. None reads the one of the current directory, and is `Config()` where there is none.

    Raises ConfigError with file, line, value, expectation and next step; a `path` that is given must exist.
    """
    file = Path(DEFAULT_NAME) if path is None else Path(path)
    if path is None and not file.is_file():
        return Config()
    return read_config(read_text(file, option="--config"), file)


def read_config(text: str, file: Path) -> Config:
    """The settings of a TOML text; `file` names it in errors, and its folder is where a relative `pack` begins."""
    top = top_table(text, file, _TOP)
    registry = top.table("registry", ("flavor", "version", "capabilities"))
    flavor = registry.choice("flavor", Flavor, Flavor.GITLAB)
    labels, honor_labels, target_labels = _labels(top)
    prometheus = top.table("prometheus", (*_names(PrometheusSettings), "selector", "selectors"))
    return Config(
        flavor=flavor,
        version=_version(registry),
        capabilities=registry.choices("capabilities", Capability, DEFAULT_CAPABILITIES[flavor]),
        labels=labels,
        honor_labels=honor_labels,
        target_labels=target_labels,
        matchers=prometheus.selector("selector", Config().matchers),
        exposer_matchers=_exposers(prometheus),
        prometheus=_prometheus(prometheus),
        grafana=_grafana(top),
        kibana=_kibana(top),
        environments=_environments(top),
        slo=_slo(top),
        runbook_url=_runbook_url(top),
        pack=_pack(top, file),
        source=file,
    )


def _names(settings: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(settings))


def _version(registry: Table) -> Version | None:
    text = registry.text("version", "")
    try:
        return Version.parse(text) if text else None
    except ValueError:
        raise registry.fail("version", "a version such as 4.32.0") from None


def _labels(top: Table) -> tuple[LabelNames, bool, frozenset[str]]:
    table = top.table("labels", (*_names(LabelNames), "honor_labels", "target_labels"))
    named = {name: table.label(name, getattr(LabelNames(), name)) for name in _names(LabelNames)}
    labels = LabelNames(**named)  # type: ignore[arg-type]  # job and instance have a default that is no None
    used: dict[str, str] = {}
    for meaning, name in named.items():
        if name is not None and name in used:
            raise table.fail(meaning, f"a label that no other setting uses; {used[name]} has it already")
        if name is not None:
            used[name] = meaning
    default = TARGET_LABELS | {labels.job, labels.instance, *labels.scope}
    target_labels = table.labels("target_labels", default)
    return labels, table.switch("honor_labels", default=False), target_labels


def _prometheus(table: Table) -> PrometheusSettings:
    default = PrometheusSettings()
    settings = PrometheusSettings(
        scrape_interval=table.duration("scrape_interval", default.scrape_interval),
        evaluation_interval=table.duration("evaluation_interval", default.evaluation_interval),
        retention=table.duration("retention", default.retention),
        targets=table.addresses("targets", default.targets),
        metrics_path=table.text("metrics_path", default.metrics_path, expected="a path", pattern=r"/\S*"),
        alertmanagers=table.addresses("alertmanagers", default.alertmanagers),
    )
    # Prometheus takes series older than 5 minutes for gone (its default --query.lookback-delta), and a rate needs two
    # scrapes in its window.
    if settings.scrape_interval.ms > 120_000:
        raise table.fail("scrape_interval", 'at most "2m": a rate over 5 minutes needs two scrapes')
    return settings


def _exposers(prometheus: Table) -> dict[Exposer, tuple[Matcher, ...]]:
    others = {exposer.value: exposer for exposer in Exposer if exposer not in {Exposer.REGISTRY, Exposer.RULES}}
    table = prometheus.table("selectors", others)
    return {others[name]: table.selector(name, ()) for name in table.names()}


def _grafana(top: Table) -> GrafanaSettings:
    table = top.table("grafana", _names(GrafanaSettings))
    default = GrafanaSettings()
    return GrafanaSettings(
        datasource=table.text("datasource", default.datasource, expected="the uid or name of a data source"),
        url=table.text("url", default.url, expected="an http or https URL without a password", pattern=_URL),
        sidecar_label=table.text(
            "sidecar_label",
            default.sidecar_label,
            expected='a label such as "grafana_dashboard=1"',
            pattern=_SIDECAR_LABEL,
        ),
        deploy_tags=table.texts("deploy_tags", default.deploy_tags),
    )


def _kibana(top: Table) -> KibanaSettings:
    table = top.table("kibana", _names(KibanaSettings))
    return KibanaSettings(
        url=table.text("url", "", expected="an http or https URL without user, query or fragment", pattern=_BASE_URL),
        space=table.text("space", "", expected="the id of a space", pattern=r"[a-z0-9_-]+"),
        environment=table.text("environment", "", expected="a name of log_schemas/kibana/environments.yaml"),
    )


def _environments(top: Table) -> tuple[Environment, ...]:
    table = top.table("environments")
    environments = []
    for name in table.names():
        one = table.table(name, ("selector",))
        if "selector" not in one.names():
            raise table.fail(name, f"a selector: [environments.{name}] needs one", "add selector = 'env=\"...\"'")
        environments.append(Environment(name, one.selector("selector", ())))
    return tuple(environments)


def _slo(top: Table) -> SloSettings:
    settings = top.table("slo", ("period",))
    table = top.table("thresholds")
    thresholds = {}
    for name in table.names():
        one = table.table(name, _names(Threshold))
        thresholds[name] = Threshold(
            target=one.number("target", "a fraction above 0 and below 1, such as 0.999", lambda x: 0 < x < 1),
            at_most=one.number("at_most", "a number above 0, in the metric's unit", lambda x: x > 0),
        )
    return SloSettings(settings.duration("period", SloSettings().period), thresholds)


def _runbook_url(top: Table) -> str:
    table = top.table("alerts", ("runbook_url",))
    return table.text("runbook_url", "", expected="an http or https URL without a password", pattern=_URL)


def _pack(top: Table, file: Path) -> Path | None:
    text = top.text("pack", "", expected="the path of a pack directory")
    return file.parent / text if text else None
