"""Everything that SLO documents and rule files become, as pure functions."""

from __future__ import annotations

from typing import Any

from regobs.config import Config
from regobs.documents import dump_yaml
from regobs.errors import ConfigError, Location
from regobs.pack import Pack
from regobs.promql.nodes import Duration
from regobs.promql.recorded import Record
from regobs.promql.unavailable import Unavailable
from regobs.slo import promtool
from regobs.slo.alerts import NAMES, alert_rules, factor_text
from regobs.slo.model import Slo, Windows, window_text
from regobs.slo.recording import budget_rules, recording_rules
from regobs.slo.routing import routing
from regobs.slo.rule_files import read_rule_files
from regobs.slo.spec import read_slos
from regobs.slo.windows import budget_interval, check_base, interval, read_windows

RULES, TESTS, ALERTMANAGER = "prometheus/rules", "prometheus/tests", "alertmanager/alertmanager.yaml"
_HEADER = "# Written by `regobs build` from alerts/ of the pack; change the source instead.\n"


def files(pack: Pack, config: Config) -> dict[str, bytes]:
    """Rule files, their promtool tests and the Alertmanager configuration: relative path to content."""
    windows = load_windows(pack, config)
    compiled, _ = _compile(pack, windows, config)
    found = {name: content for one in compiled.values() for name, content in one.items()}
    for file in read_rule_files(pack, config):
        if file.groups:
            found[f"{RULES}/{file.name}.yaml"] = _text({"groups": file.groups})
    found[ALERTMANAGER] = routing(pack, windows, config)
    return found


def _compile(pack: Pack, windows: Windows, config: Config) -> tuple[dict[str, dict[str, bytes]], dict[str, str]]:
    """The files of each SLO that the registry can answer, and why the others are left out."""
    compiled, left_out = {}, {}
    for slo in load_slos(pack, config):
        try:
            compiled[slo.name] = _slo_files(slo, windows, config)
        except Unavailable as lack:
            left_out[slo.name] = lack.message
    return compiled, left_out


def load_windows(pack: Pack, config: Config) -> Windows:
    """The burn-rate tiers of the pack, fit for the scrape interval. Raises SloError."""
    windows = read_windows(pack.file("alerts", "windows.yaml"))
    check_base(windows, config.prometheus.scrape_interval)
    return windows


def load_slos(pack: Pack, config: Config) -> list[Slo]:
    """The SLOs of the pack. Raises SloError, and ConfigError when a period is longer than the server's memory."""
    slos = read_slos(pack, config)
    for slo in slos:
        if slo.period.ms > config.prometheus.retention.ms:
            raise ConfigError(
                f"the period of {slo.name} is longer than Prometheus keeps data, so its budget would be wrong",
                location=Location(str(config.source)) if config.source else slo.location,
                value=f"period {window_text(slo.period)}, retention {window_text(config.prometheus.retention)}",
                expected="a retention of at least the period",
                next_step="raise [prometheus] retention, there and on the server, or shorten [slo] period",
            )
    return slos


def _slo_files(slo: Slo, windows: Windows, config: Config) -> dict[str, bytes]:
    name = f"slo-{slo.name}"
    recordings = [rule.data() for rule in recording_rules(slo, windows, config)]
    rules = _group(f"slo:{slo.name}", interval(windows), [*recordings, *alert_rules(slo, windows, config)])
    budget = [rule.data() for rule in budget_rules(slo, windows, config)]
    found = {
        f"{RULES}/{name}.yaml": _text(rules),
        f"{RULES}/{name}.budget.yaml": _text(_group(f"slo:{slo.name}:budget", budget_interval(windows), budget)),
    }
    tests = promtool.test_files(slo, windows, config, f"../rules/{name}.yaml", f"../rules/{name}.budget.yaml")
    return found | {f"{TESTS}/{file}": _text(data) for file, data in tests.items()}


def _group(name: str, every: Duration, rules: list[Any]) -> dict[str, Any]:
    return {"groups": [{"name": name, "interval": window_text(every), "rules": rules}]}


def _text(data: Any) -> bytes:
    return (_HEADER + dump_yaml(data)).encode()


def records(pack: Pack, config: Config) -> list[Record]:
    """The recorded rates that dashboards may read instead of raw counters, bound but not yet in any scope."""
    return [record for file in read_rule_files(pack, config) for record in file.records]


def manifest(pack: Pack, config: Config) -> dict[str, Any]:
    """What the rules consist of: SLOs with their tiers, alerts by name, and what was left out, with the reason."""
    windows = load_windows(pack, config)
    found: dict[str, Any] = {"slos": [], "alerts": [], "records": [], "left_out": []}
    for slo in load_slos(pack, config):
        try:
            recording_rules(slo, windows, config)
        except Unavailable as lack:
            found["left_out"].append({"rule": slo.name, "reason": lack.message})
            continue
        found["slos"].append(_describe(slo, windows))
    for file in read_rule_files(pack, config):
        for rule in (rule for group in file.groups for rule in group["rules"]):
            found["alerts" if "alert" in rule else "records"].append(rule.get("alert") or rule["record"])
        found["left_out"] += file.left_out
    found["alerts"] = sorted({*found["alerts"], *(NAMES[slo["sli"]] for slo in found["slos"])})
    return found


def _describe(slo: Slo, windows: Windows) -> dict[str, Any]:
    tiers = [{"tier": tier.name, "factor": factor_text(tier, slo), "severity": tier.severity} for tier in windows.tiers]
    return {
        **slo.labels,
        "target": str(slo.target),
        "period": window_text(slo.period),
        "at_most": None if slo.part.at_most is None else str(slo.part.at_most),
        "tiers": tiers,
    }
