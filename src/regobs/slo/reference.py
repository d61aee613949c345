"""The list of all alerts, the last part of docs/alerts.md: made of the pack and of what the page measured before it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.config.model import capabilities_of
from regobs.documents import load_yaml
from regobs.pack import Pack, find_pack
from regobs.promql.bind import bind
from regobs.promql.parse import parse
from regobs.promql.unavailable import Unavailable
from regobs.slo.outputs import compile_rules
from regobs.slo.rule_files import SUFFIX
from regobs.slo.rule_scope import scoped

PAGE = "docs/alerts.md"
HEADING = "## All alerts\n"
_HEAD = """
Generated from the rules, the runbooks and the tables above; `make generate` writes it. "Needs" names the capabilities
of regobs.toml without which an alert is left out; those with * exist for GitLab's registry alone. All have tests for
promtool. "Fired by" says what else was measured above: the first fault of each table, after which time the alert fired,
and how long after the repair it ended or, beside the registry 4.32, who was told.

| alert | severity | needs | meaning | fired by |
|---|---|---|---|---|
"""
# The measured tables of the page, by their heads: what made the fault, and the column that says after which time.
_MEASURED = {
    "| outage | alert | fires after | ends after its end |": "recording",
    "| fault | alert | fires after | told after, to | ends after the repair |": "simulator",
    "| fault of a server | alert | fires after | ends after the repair |": "real servers",
    "| fault | alert | told after, to |": "GitLab registry 4.32",
}
_ALERT = re.compile(r"Registry[A-Z]\w*")
_SENTENCE = re.compile(r"(.+?\.)(?: (?=[A-Z/])|$)")


def page(written: str) -> str:
    """The page with its list made anew; what stands before `HEADING` is a person's and stays."""
    before = written.partition(HEADING)[0]
    pack = find_pack()
    of_gitlab, of_distribution = (_severities(pack, flavor) for flavor in (Flavor.GITLAB, Flavor.DISTRIBUTION))
    needs, seen, rows = _needed(pack), _measured(before), []
    for name, severities in sorted((of_distribution | of_gitlab).items()):
        alert = f"[{name}](../alerts/runbooks/{name}.md){'' if name in of_distribution else '*'}"
        capabilities = ", ".join(f"`{one}`" for one in sorted(needs[name])) if name in needs else "an SLO"
        fired = "; ".join(seen.get(name, ["rule tests"]))
        rows.append(f"| {alert} | {', '.join(severities)} | {capabilities} | {_meaning(pack, name)} | {fired} |\n")
    return before + HEADING + _HEAD + "".join(rows)


def _severities(pack: Pack, flavor: Flavor) -> dict[str, list[str]]:
    """The alerts of a build with everything switched on, each with the severities of its rules."""
    rules = compile_rules(pack, Config(flavor=flavor, capabilities=capabilities_of(flavor)))
    found: dict[str, set[str]] = {}
    for rule in (rule for groups in rules.group_data.values() for group in groups for rule in group["rules"]):
        if "alert" in rule:
            found.setdefault(rule["alert"], set()).add(rule["labels"]["severity"])
    return {name: sorted(severities) for name, severities in found.items()}


def _needed(pack: Pack) -> dict[str, frozenset[Capability]]:
    """What the alerts of rule files need, in the flavor that has them; of an SLO its own document says it."""
    found: dict[str, frozenset[Capability]] = {}
    for file in pack.files("alerts", "*" + SUFFIX):
        groups = load_yaml(file.read(), str(file.path)).data["groups"]
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            needs = (_needs(rule["expr"], flavor) for flavor in (Flavor.GITLAB, Flavor.DISTRIBUTION))
            found[rule["alert"]] = next(one for one in needs if one is not None)
    return found


def _needs(text: str, flavor: Flavor) -> frozenset[Capability] | None:
    """The capabilities without which a rule is left out; None where the flavor has no such metrics."""
    found: frozenset[Capability] = frozenset()
    while True:
        config = Config(flavor=flavor, capabilities=found)
        try:
            scoped(bind(parse(text), config.vocabulary), config)
        except Unavailable as lack:
            if lack.capability is None:
                return None
            found |= {lack.capability}
        else:
            return found


def _meaning(pack: Pack, alert: str) -> str:
    """The first sentence of its runbook."""
    text = pack.file("alerts", f"runbooks/{alert}.md").read()
    paragraph = " ".join(text.partition("## Meaning\n\n")[2].partition("\n\n")[0].split())
    sentence = _SENTENCE.match(paragraph)
    return (sentence[1] if sentence else paragraph).replace("|", "\\|")


def _measured(text: str) -> dict[str, list[str]]:
    """What fired each alert, the first fault of each table that did: `simulator, replica-lag: 5.5 min, 7.5 min`."""
    found: dict[str, dict[str, str]] = {}
    for source, (fault, alerts, *times) in _rows(text):
        for alert in _ALERT.findall(alerts):
            after = ", ".join(one for one in (times[0], times[-1]) if one) if len(times) > 1 else times[0]
            found.setdefault(alert, {}).setdefault(source, f"{source}, {fault}: {after}")
    return {alert: list(sources.values()) for alert, sources in found.items()}


def _rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """The cells of each row of the measured tables, with what made their faults."""
    source = ""
    for line in text.splitlines():
        source = _MEASURED.get(line, source) if line.startswith("|") else ""
        if source and line not in _MEASURED and not line.startswith("|---"):
            yield source, [cell.strip() for cell in line.strip("|").split("|")]
