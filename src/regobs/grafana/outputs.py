"""Everything that regobs writes for Grafana, and the queries behind it, from a pack and a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from regobs.catalog.model import Capability, Metric
from regobs.config import Config
from regobs.documents import dump_yaml
from regobs.errors import DashboardError, Location
from regobs.grafana.annotations import time_marks
from regobs.grafana.bound import BoundDashboard, bind_dashboard
from regobs.grafana.configmaps import FILE as CONFIGMAPS
from regobs.grafana.configmaps import configmaps
from regobs.grafana.described import describe_dashboard
from regobs.grafana.load import SUFFIX, load_dashboard, slug_of
from regobs.grafana.mixin import FILE as MIXIN
from regobs.grafana.mixin import MixinDefaults, MixinRules, mixin, open_texts, with_open_neighbours
from regobs.grafana.modern import resource_of, to_bytes
from regobs.grafana.overlay import SUFFIX as OVERLAY
from regobs.grafana.overlay import apply_overlay
from regobs.grafana.panel_links import links_of
from regobs.grafana.render import Setting, query_text, render, setting_for
from regobs.grafana.variables import Variables
from regobs.grafana.words import Dashboard
from regobs.pack import Pack
from regobs.promql.nodes import Expr
from regobs.promql.recorded import Record
from regobs.promql.types import Type
from regobs.promql.unavailable import Reason

FOLDER = "dashboards"
PROVISIONING = "grafana/provisioning/dashboards/regobs.yaml"
RESOURCES = "grafana/resources"  # what Git Sync of Grafana 12 and later and its command line read


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One expression of one panel, as `doctor` asks it.

    `expr` is bound and has no scope; `text` is what stands in the JSON, with Grafana's variables. `left_out` is the
    reason why this deployment does not show it (`cause` its kind), None when it does; then `expr` is not bound and
    `text` is empty. `type` is what the panel shows, None for what is not shown.
    """

    dashboard: str
    row: str
    title: str
    name: str
    expr: Expr
    text: str
    metrics: frozenset[Metric]
    needs: Capability | None
    left_out: str | None = None
    cause: Reason | None = None
    type: Type | None = None


def load_dashboards(pack: Pack) -> dict[str, Dashboard]:
    """Every dashboard of the pack by its slug, in the order of the slugs. Raises DashboardError."""
    files = pack.files(FOLDER, f"*{SUFFIX}")
    return {slug_of(file.path): load_dashboard(file.path) for file in sorted(files, key=lambda file: file.path.name)}


@dataclass(frozen=True, slots=True)
class Dashboards:
    """All dashboards of a pack in one deployment's words. Reading and binding them is the slow part: do it once."""

    bound: tuple[BoundDashboard, ...]
    config: Config
    setting: Setting
    overlays: Mapping[str, Path]

    @classmethod
    def of(cls, pack: Pack, config: Config, records: Sequence[Record] = (), *, slos: int = 0) -> Dashboards:
        """Read and bind the dashboards of a pack; their tables have room for so many SLOs. Raises DashboardError."""
        vocabulary = config.vocabulary
        found = load_dashboards(pack)
        period = config.slo.period
        bound = tuple(
            bind_dashboard(slug, dashboard, vocabulary, records, period=period) for slug, dashboard in found.items()
        )
        overlays = overlays_of(pack, found)
        setting = replace(setting_of(config), links=links_of(bound, pack, config), slos=slos)
        return cls(bound, config, setting, overlays)

    def files(self, rules: MixinRules | None = None) -> dict[str, bytes]:
        """The dashboards, their provisioning, resources, ConfigMaps and mixin, by path below the output directory.

        A dashboard of which nothing can be shown is not written. `rules` are what the mixin offers beside them. Raises
        DashboardError, and MachineError for an overlay without jsonnet.
        """
        shown = [one for one in self.bound if any(row.panels for row in one.rows)]
        rendered = {one.slug: render(one, self.setting) for one in shown}
        laid_out = {slug: self._laid_over(slug, data) for slug, data in rendered.items()}
        written = {slug: to_bytes(data) for slug, data in laid_out.items()}
        opened = {one.slug: self._open_texts(one, rendered[one.slug]) for one in shown}
        return {
            **{f"{FOLDER}/{slug}.json": content for slug, content in written.items()},
            PROVISIONING: _provisioning(),
            **{f"{RESOURCES}/{slug}.json": to_bytes(resource_of(data)) for slug, data in laid_out.items()},
            CONFIGMAPS: configmaps(written, self.config.grafana.sidecar_label),
            MIXIN: mixin(written, rules or MixinRules(), MixinDefaults.of(self.config), opened),
        }

    def _open_texts(self, one: BoundDashboard, built: dict[str, Any]) -> dict[str, str]:
        """Each text of a dashboard that reads all of a neighbour, and the same with the place of its selector."""
        metrics = (metric for _, panel in one.panels() for query in panel.queries for metric in query.metrics)
        if not any(metric.exposer.is_neighbour for metric in metrics):
            return {}
        opened = replace(self.setting, variables=Variables.of(with_open_neighbours(self.config)), texts={})
        return dict(open_texts(built, render(one, opened)))

    def built(self, one: BoundDashboard) -> dict[str, Any]:
        """The JSON of a dashboard of which something is shown, as its overlay leaves it."""
        return self._laid_over(one.slug, render(one, self.setting))

    def _laid_over(self, slug: str, data: dict[str, Any]) -> dict[str, Any]:
        return apply_overlay(data, self.overlays[slug]) if slug in self.overlays else data

    def as_built(self, slugs: Iterable[str] | None = None) -> list[BoundDashboard]:
        """The dashboards, or those of the given slugs, read back from their JSON: what a reader of Grafana sees.

        One of which nothing is shown comes as it was bound, with the reasons. Raises DashboardError.
        """
        from regobs.grafana.boards import board_of  # noqa: PLC0415 - a build reads nothing back
        from regobs.grafana.reader import read_bound  # noqa: PLC0415

        by_slug = {one.slug: one for one in self.bound}
        chosen = [by_slug[slug] for slug in (by_slug if slugs is None else slugs)]
        return [
            read_bound(
                *(one.slug, board_of(self.built(one)), self.config.vocabulary),
                *(str(self.overlays.get(one.slug, "")), one.rows),
            )
            if any(one.panels())
            else one
            for one in chosen
        ]

    def manifest(self) -> dict[str, Any]:
        """The part of manifest.json that describes the dashboards, by slug."""
        return {one.slug: describe_dashboard(one, self.config.vocabulary, self.setting) for one in self.bound}

    def queries(self) -> Iterator[PanelQuery]:
        """Every expression of every panel, those left out too, in the order of the dashboards."""
        return (query for one in self.bound for query in _queries(one, self.config, self.setting))


def panel_queries(pack: Pack, config: Config, records: Sequence[Record] = ()) -> list[PanelQuery]:
    """Every expression of every panel, those left out too. Raises DashboardError."""
    return list(Dashboards.of(pack, config, records).queries())


def manifest(pack: Pack, config: Config, records: Sequence[Record] = ()) -> dict[str, Any]:
    """The part of manifest.json that describes the dashboards, by slug. Raises DashboardError."""
    return Dashboards.of(pack, config, records).manifest()


def files(
    pack: Pack, config: Config, records: Sequence[Record] = (), rules: MixinRules | None = None
) -> dict[str, bytes]:
    """Everything for Grafana, by path below the output directory; see `Dashboards.files`."""
    return Dashboards.of(pack, config, records).files(rules)


def setting_of(config: Config) -> Setting:
    """What a configuration adds to every dashboard."""
    interval = config.prometheus.scrape_interval
    variables = Variables.of(config)
    exemplars = Capability.PYTHON in config.vocabulary.capabilities
    return Setting(variables, config.flavor, interval, exemplars=exemplars, marks=partial(time_marks, config))


def overlays_of(pack: Pack, dashboards: Mapping[str, Dashboard]) -> dict[str, Path]:
    """The overlays of a pack by the slug of what they change. Raises DashboardError for one that changes nothing."""
    overlays = {file.path.name.removesuffix(OVERLAY): file.path for file in pack.files(FOLDER, f"*{OVERLAY}")}
    for slug, path in overlays.items():
        if slug not in dashboards:
            raise DashboardError(
                "this overlay belongs to no dashboard",
                location=Location(str(path)),
                value=slug,
                expected=", ".join(f"{name}{OVERLAY}" for name in dashboards),
                next_step="name it like the dashboard it changes",
            )
    return overlays


def _queries(bound: BoundDashboard, config: Config, setting: Setting) -> Iterator[PanelQuery]:
    slug, setting = bound.slug, setting_for(bound, setting)
    for row in bound.rows:
        for panel in row.panels:
            for query in panel.queries:
                needs = _needs(query.metrics, config)
                text = query_text(query.expr, setting)
                title = panel.panel.title
                yield PanelQuery(
                    *(slug, row.row.title, title, query.name, query.expr, text, query.metrics, needs), type=query.type
                )
        for lacking in row.left_out:
            needs = _needs(lacking.metrics, config) or bound.dashboard.needs
            title, name, metrics = lacking.panel.title, lacking.name, lacking.metrics
            yield PanelQuery(
                slug, row.row.title, title, name, lacking.expr, "", metrics, needs, lacking.reason, lacking.cause
            )


def _needs(metrics: Iterable[Metric], config: Config) -> Capability | None:
    forms = (config.vocabulary.form(metric) for metric in sorted(metrics, key=str))
    return next((form.needs for form in forms if form is not None and form.needs is not None), None)


def _provisioning() -> bytes:
    provider = {
        "name": "regobs",
        "folder": "Container Registry",
        "folderUid": "regobs",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": "/var/lib/grafana/dashboards/regobs", "foldersFromFilesStructure": False},
    }
    return dump_yaml({"apiVersion": 1, "providers": [provider]}).encode()
