"""SLO documents, rule files and routes of a pack, compiled once for a configuration.

Everything that is written or told of them comes from that one value: rule files, their promtool tests, the Alertmanager
configuration, the manifest, and the recorded series that dashboards may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from regobs.catalog.model import Exposer
from regobs.catalog.slo import OPERATION
from regobs.config import Config
from regobs.config.places import Places
from regobs.documents import WrittenYaml, dump_yaml
from regobs.errors import ConfigError, Location, SloError
from regobs.pack import BUNDLED, Pack
from regobs.promql.nodes import Duration
from regobs.promql.recorded import Record
from regobs.promql.series import known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import selectors
from regobs.slo import rule_tests
from regobs.slo.alert_tests import AlertCases, alert_test_files, check_alerts, read_alert_cases, untested
from regobs.slo.alerts import NAMES, alert_rules, factor_text, log_lines
from regobs.slo.links import dashboard_path, since_of, slo_variables, with_panel
from regobs.slo.log_address import AlertedLines, LogAddress
from regobs.slo.model import Ratio, Slo, Windows, window_text
from regobs.slo.recording import interval_of, rules_of
from regobs.slo.routing import routing
from regobs.slo.rule_files import RuleFile, read_rule_files
from regobs.slo.spec import read_slos
from regobs.slo.windows import LONGEST_INTERVAL, base, check_base, fitting, read_windows, unfit_tiers

RULES, TESTS, ALERTMANAGER = "prometheus/rules", "prometheus/tests", "alertmanager/alertmanager.yaml"
_HEADER = "# Written by `regobs build` from alerts/ of the pack; change the source instead.\n"


@dataclass(frozen=True, slots=True)
class CompiledSlo:
    """An SLO with its one rule group. `logs` has the log lines that each alert leads to, as those of `RuleFile`."""

    slo: Slo
    group: dict[str, Any]
    logs: Mapping[tuple[str, str], AlertedLines] = field(default_factory=dict)


KEPT = "kept-names"  # the file of series that go on under the names of an older build


@dataclass(frozen=True)
class CompiledRules:
    """All rules of a pack in a deployment's names. `left_out` has the SLOs that its registry cannot answer, and why.

    `operations` are those that only SLOs that are left out have. `kept` are groups of an older build's series, which
    have a file of their own. `panels` are the ids of the panels that alerts lead to, by the alert's name, `logs` the
    addresses of the log lines that they lead to.
    """

    pack: Pack
    config: Config
    windows: Windows
    slos: tuple[CompiledSlo, ...]
    left_out: tuple[dict[str, str], ...]
    operations: frozenset[str] = frozenset()
    kept: tuple[dict[str, Any], ...] = ()
    panels: Mapping[str, int] = field(default_factory=dict)
    logs: Mapping[AlertedLines, LogAddress] = field(default_factory=dict)

    def showing(
        self, panels: Mapping[str, int], logs: Mapping[AlertedLines, LogAddress] | None = None
    ) -> CompiledRules:
        """The same rules, with alerts that lead to these panels of their dashboards, and to log lines there."""
        made = replace(self, panels=panels, logs=logs or {})
        made.__dict__.update(rule_files=self.rule_files, alert_cases=self.alert_cases)  # both are read already
        return made

    def opened(self, config: Config) -> CompiledRules:
        """The same rules under settings that choose other series of neighbours, and nothing else."""
        slos = (_compiled(one.slo, self.windows, config) if _of_neighbours(one.slo) else one for one in self.slos)
        return replace(self, config=config, slos=tuple(slos))

    @cached_property
    def rule_files(self) -> tuple[RuleFile, ...]:
        """The plain rule files of the pack."""
        return tuple(read_rule_files(self.pack, self.config))

    @property
    def group_data(self) -> dict[str, list[dict[str, Any]]]:
        """The groups of each rule file by its name, SLOs first."""
        of_slos = {f"slo-{one.slo.name}": [one.group] for one in self.slos}
        of_files = {file.name: file.groups for file in self.rule_files if file.groups}
        found = of_slos | of_files | ({KEPT: list(self.kept)} if self.kept else {})
        return {name: [self._leading(group) for group in groups] for name, groups in found.items()}

    def _leading(self, group: dict[str, Any]) -> dict[str, Any]:
        """A group whose alerts lead to their panels and log lines."""
        if not self.panels and not self.logs:
            return group
        return {**group, "rules": [self._linked(rule) if "alert" in rule else rule for rule in group["rules"]]}

    def _linked(self, rule: dict[str, Any]) -> dict[str, Any]:
        address, texts = self._address(rule), rule.get("annotations", {})
        links = self._links(rule["alert"], texts, address.template if address is not None else "")
        return {**rule, "annotations": {**texts, **links}} if links else rule

    def _address(self, rule: dict[str, Any]) -> LogAddress | None:
        lines = self.log_lines.get((rule["alert"], rule["expr"]))
        return self.logs.get(lines) if lines is not None else None

    def _links(self, alert: str, texts: dict[str, str], logs: str) -> dict[str, str]:
        """The annotations of an alert that are other than in `texts`, where `logs` is the address of its log lines."""
        number, board = self.panels.get(alert), texts.get("dashboard_url")
        panel = {} if number is None or board is None else {"dashboard_url": with_panel(board, number)}
        return panel | ({"logs_url": logs} if logs else {})

    @cached_property
    def log_lines(self) -> dict[tuple[str, str], AlertedLines]:
        """The log lines that each alert leads to, by its name and expression."""
        of_parts = (*(one.logs for one in self.slos), *(file.logs for file in self.rule_files))
        return {alert: lines for logs in of_parts for alert, lines in logs.items()}

    @cached_property
    def groups(self) -> dict[str, list[WrittenYaml]]:
        """The same, written once, for they stand in several files."""
        return {name: [WrittenYaml.of(group) for group in groups] for name, groups in self.group_data.items()}

    @cached_property
    def alertmanager(self) -> bytes:
        """The Alertmanager configuration."""
        left_out = {one["rule"] for file in self.rule_files for one in file.left_out}
        own = set(NAMES.values()).union(*(file.own for file in self.rule_files))
        # A short period leaves tiers out: an inhibition of theirs would wait for alerts that never come.
        burning = [(one.slo, tier) for one in self.slos for tier in fitting(one.slo, self.windows.of(one.slo))]
        names = {tier.name for _, tier in burning}
        windows = replace(self.windows, tiers=tuple(tier for tier in self.windows.tiers if tier.name in names))
        told = {(slo.labels[OPERATION.name], self.config.severities[tier.severity]) for slo, tier in burning}
        missing = left_out - self._plain_alerts
        return routing(self.pack, windows, self.config, missing, self.operations, own=own, burning=told)

    @property
    def _plain_alerts(self) -> set[str]:
        """The alerts of the rule files."""
        rules = (rule for file in self.rule_files for group in file.groups for rule in group["rules"])
        return {rule["alert"] for rule in rules if "alert" in rule}

    @cached_property
    def alert_cases(self) -> tuple[AlertCases, ...]:
        """The cases that the pack gives for the alerts of its rule files."""
        return read_alert_cases(self.pack)

    def check(self) -> None:
        """Refuse an alert without a runbook, or without tests of both sides. Raises RulesError."""
        check_alerts(self.pack, self.alert_cases, self.rule_files)

    def alert_tests(self) -> dict[str, dict[str, Any]]:
        """The promtool tests of the alerts of its rule files: name to data."""
        return alert_test_files(self.alert_cases, self.rule_files, self.config)

    @property
    def records(self) -> list[Record]:
        """The recorded rates that dashboards may read instead of raw counters, bound but not yet in any scope."""
        return [record for file in self.rule_files for record in file.records]

    @property
    def dashboard_paths(self) -> dict[str, str]:
        """Where the dashboard of each alert is below Grafana's address, by the alert's name."""
        since = "{{ $labels.tier }}"  # an alert of each tier has this name
        if any(since_of(tier.long) != tier.name for tier in self.windows.tiers):
            since = since_of(self.windows.tiers[-1].long)
        of_slos = dict.fromkeys(NAMES.values(), dashboard_path("slo", slo_variables(self.config), since))
        paths = of_slos | {alert: path for file in self.rule_files for alert, path in file.paths.items()}
        return {
            name: with_panel(path, self.panels[name]) if name in self.panels else path for name, path in paths.items()
        }

    @property
    def expressions(self) -> list[str]:
        """Every expression of every rule, in the order of the files."""
        groups = [one.group for one in self.slos] + [group for file in self.rule_files for group in file.groups]
        return [rule["expr"] for group in groups for rule in group["rules"]]

    def files(self, *, tests: bool = True) -> dict[str, bytes]:
        """Rule files, their promtool tests and the Alertmanager configuration: relative path to content."""
        found = {f"{RULES}/{name}.yaml": _text({"groups": groups}) for name, groups in self.groups.items()}
        if tests:
            found |= self._tests()
        found[ALERTMANAGER] = self.alertmanager
        return found

    def _tests(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        tested: set[str] = set()
        for one in self.slos:
            rules, windows = f"../rules/slo-{one.slo.name}.yaml", self.windows.of(one.slo)
            shape = rule_tests.shape(one.slo, one.group)
            tests = rule_tests.test_files(one.slo, windows, self.config, rules, whole=shape not in tested)
            tested.add(shape)
            self._lead_tests(one, tests)
            found |= {f"{TESTS}/{file}": _text(data) for file, data in tests.items()}
        return found | {f"{TESTS}/{name}": _text(data) for name, data in self.alert_tests().items()}

    def _lead_tests(self, one: CompiledSlo, tests: Mapping[str, Any]) -> None:
        """Put the links of an SLO's alerts into what its tests expect."""
        rules = {rule["labels"]["tier"]: rule for rule in one.group["rules"] if "alert" in rule}
        groups = (group for file in tests.values() for group in file["tests"])
        asked = (asked for group in groups for asked in group.get("alert_rule_test", ()))
        for expected in (alert for question in asked for alert in question["exp_alerts"]):
            labels, texts = expected["exp_labels"], expected["exp_annotations"]
            rule = rules[labels["tier"]]
            address = self._address(rule)
            texts |= self._links(rule["alert"], texts, address.filled(labels) if address is not None else "")

    def manifest(self) -> dict[str, Any]:
        """What the rules consist of: SLOs with their tiers, alerts and records by name, what was left out and why."""
        rules = [rule for file in self.rule_files for group in file.groups for rule in group["rules"]]
        slos = [self._described(one.slo) for one in self.slos]
        return {
            "slos": slos,
            "alerts": sorted(self._plain_alerts | {NAMES[slo["sli"]] for slo in slos if slo["tiers"]}),
            "records": [rule["record"] for rule in rules if "record" in rule],
            "left_out": [*self.left_out, *(one for file in self.rule_files for one in file.left_out)],
            "tests_left_out": sorted(untested(self.rule_files)),
        }

    def _described(self, slo: Slo) -> dict[str, Any]:
        tiers = [
            {
                "tier": tier.name,
                "factor": factor_text(tier, slo),
                "severity": self.config.severities[tier.severity],
            }
            for tier in fitting(slo, self.windows.of(slo))
        ]
        return {
            **slo.labels,
            "target": str(slo.target),
            "period": slo.period.text,
            "at_most": None if slo.at_most is None else str(slo.at_most),
            "tiers": tiers,
            "tiers_left_out": unfit_tiers(slo.period, self.windows.of(slo)),
        }


def compile_rules(pack: Pack, config: Config, *, reachable: bool = True) -> CompiledRules:
    """Read and compile the alerts/ folder of a pack. Raises SloError, RulesError or ConfigError with a place.

    Without `reachable` a tier may be one that could never fire: for who takes other windows than the pack's.
    """
    windows = load_windows(pack, config)
    compiled: list[CompiledSlo] = []
    left_out: list[dict[str, str]] = []
    operations: set[str] = set()
    for slo in load_slos(pack, config):
        _check_slices(slo, windows, config)
        try:
            compiled.append(_compiled(slo, windows, config, reachable=reachable))
        except Unavailable as lack:
            left_out.append({"rule": slo.name, "reason": lack.message})
            operations.add(slo.labels.get(OPERATION.name, ""))
    operations -= {"", *(one.slo.labels.get(OPERATION.name, "") for one in compiled)}
    return CompiledRules(pack, config, windows, tuple(compiled), tuple(left_out), frozenset(operations))


def _compiled(slo: Slo, windows: Windows, config: Config, *, reachable: bool = True) -> CompiledSlo:
    """Raises Unavailable for an SLO of what the deployment lacks."""
    rules = [rule.data() for rule in rules_of(slo, windows.of(slo), config)]
    alerts = alert_rules(slo, windows.of(slo), config, reachable=reachable)
    group = {
        "name": f"slo:{slo.name}",
        "interval": window_text(interval_of(slo, windows, config)),
        "rules": [*rules, *alerts],
    }
    lines = [log_lines(slo, tier, config) for tier in fitting(slo, windows.of(slo))]
    pairs = ((str(rule["alert"]), str(rule["expr"])) for rule in alerts)
    return CompiledSlo(slo, group, {pair: found for pair, found in zip(pairs, lines, strict=True) if found is not None})


def _of_neighbours(slo: Slo) -> bool:
    """Whether an SLO may read what another process than the registry exposes."""
    counted = slo.indicator.total.selector if isinstance(slo.indicator, Ratio) else slo.indicator.value
    metrics = [known_metric(node) for node in selectors(counted)]
    return any(metric is None or metric.exposer is not Exposer.REGISTRY for metric in metrics)


def files(pack: Pack, config: Config, *, tests: bool = True) -> dict[str, bytes]:
    """The files of `compile_rules`; without tests it takes half the time."""
    return compile_rules(pack, config).files(tests=tests)


def manifest(pack: Pack, config: Config) -> dict[str, Any]:
    """The manifest of `compile_rules`."""
    return compile_rules(pack, config).manifest()


def records(pack: Pack, config: Config) -> list[Record]:
    """The records of the pack's rule files: no SLO is read for them."""
    return [record for file in read_rule_files(pack, config) for record in file.records]


def load_windows(pack: Pack, config: Config) -> Windows:
    """The burn-rate tiers of the pack, fit for the scrape interval. Raises SloError."""
    file = pack.file("alerts", "windows.yaml")
    windows = read_windows(file)
    try:
        check_base(windows, config.prometheus.scrape_interval)
    except SloError as error:
        place = place_in_settings(config, ("prometheus", "scrape_interval"))
        if file.layer != BUNDLED or place is None:
            raise
        error.location = place  # nobody changes the bundled windows
        error.next_step = "scrape more often, or lengthen the window in an alerts/windows.yaml of a pack of your own"
        raise
    return windows


def load_slos(pack: Pack, config: Config) -> list[Slo]:
    """The SLOs of the pack. Raises SloError, and ConfigError when a period is longer than the server's memory."""
    slos = read_slos(pack, config)
    for slo in slos:
        if slo.period.length.ms > config.prometheus.retention.ms:
            own = slo.period_location
            shorten = "its timeWindow" if own is not None else "[slo] period"
            raise ConfigError(
                f"the period of {slo.name} is longer than Prometheus keeps data, so its budget would be wrong",
                location=own
                or place_in_settings(config, ("prometheus", "retention"), ("slo", "period"))
                or slo.location,
                value=f"period {slo.period.text}, retention {window_text(config.prometheus.retention)}",
                expected="a retention of at least the period",
                next_step=f"raise [prometheus] retention, there and on the server, or shorten {shorten}",
            )
    return slos


def place_in_settings(config: Config, *said: tuple[str, str]) -> Location | None:
    """Where regobs.toml says the first of these keys that it has; the file where it has none, None without a file."""
    if config.source is None:
        return None
    file = str(config.source)
    try:
        places = Places(Path(file).read_text(encoding="utf-8"), file)
    except (OSError, ValueError):
        return Location(file)
    found = (places.value(keys) for keys in said if places.value(keys) != places.value(keys[:1]))
    return next(found, Location(file))


def _check_slices(slo: Slo, windows: Windows, config: Config) -> None:
    """A slice is one evaluation: it holds two scrapes at least, and the shortest window holds two of it.

    A rule reads `ALERTS` of the evaluation before, so no more may lie between two than may between other rules.
    """
    if slo.slice_length is None:
        return
    scrape, shortest, length = config.prometheus.scrape_interval, base(windows), slo.slice_length.ms
    most = min(shortest.ms // 2, LONGEST_INTERVAL)
    if not 2 * scrape.ms <= length <= most or shortest.ms % length:
        raise SloError(
            f"time slices of {window_text(slo.slice_length)} do not fit the rules",
            location=slo.slice_location or slo.location,
            value=window_text(slo.slice_length),
            expected=f"a length that divides the shortest window ({window_text(shortest)}), from "
            f"{window_text(Duration(2 * scrape.ms))} (two scrapes) to {window_text(Duration(most))}: a slice is one "
            "evaluation, and a window is made of several",
            next_step="choose another timeSliceWindow, such as 1m",
        )


def _text(data: Any) -> bytes:
    return (_HEADER + dump_yaml(data)).encode()
