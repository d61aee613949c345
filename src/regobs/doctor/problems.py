"""What does not fit between regobs.toml, the build and the server as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer
from regobs.common.counts import are, counted
from regobs.config import Config
from regobs.doctor import advice
from regobs.doctor.absent import down_targets, may_have
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.questions import RuleQuestion
from regobs.doctor.report import ASK_WHO_EVALUATES, SHOWS_NO_RULES, Problem
from regobs.doctor.rules import differs, loaded


def problems(
    facts: ServerFacts, deployment: Deployment, config: Config, rules: Sequence[RuleQuestion]
) -> tuple[Problem, ...]:
    """All of them, the weightiest first."""
    found = (_flavor, _version, _version_by_metrics, _capabilities)
    own = [problem for look in found for problem in look(facts, deployment, config)]
    targets = [Problem(item.reason, item.change) for item in down_targets(facts, deployment)]
    return (*targets, *own, *_rules(facts, deployment, rules))


def _flavor(facts: ServerFacts, _: Deployment, config: Config) -> Iterator[Problem]:
    if facts.flavor is not None and facts.flavor is not config.flavor:
        yield Problem(
            f"the registry speaks flavor {facts.flavor.value}, the build is for {config.flavor.value}",
            f'set `flavor = "{facts.flavor.value}"` under [registry] in regobs.toml and build again',
        )


def _version(facts: ServerFacts, _: Deployment, config: Config) -> Iterator[Problem]:
    seen, said = facts.version, config.version
    if seen is not None and said is not None and seen != said:
        yield Problem(
            f"the registry is version {seen}, the build is for {said}",
            f'set `version = "{seen}"` under [registry] in regobs.toml and build again',
        )


def _version_by_metrics(facts: ServerFacts, _: Deployment, config: Config) -> Iterator[Problem]:
    """A registry that does not say its version may still show metrics that the configured version does not have."""
    if facts.version is not None or facts.flavor is not config.flavor:
        return
    for metric in METRICS.values():
        seen = metric.exposer is Exposer.REGISTRY and any(name in facts.own for name in metric.series)
        if not seen or config.flavor not in metric.flavors or metric.form(config.flavor, config.version) is not None:
            continue
        forms = [form for form in metric.forms if config.flavor in form.flavors]
        until = max((form.until for form in forms if form.until is not None), default=None)
        if until is not None and (config.version is None or config.version >= until):
            yield Problem(
                f"the registry shows {metric.name}, which ended in {until}: it is older than the build",
                advice.set_version(f"below {until}"),
            )
        else:
            yield Problem(
                f"the registry shows {metric.name}, which version {config.version} did not have yet: it is newer",
                "set `version` under [registry] in regobs.toml to what runs, and build again",
            )
        return


def _capabilities(facts: ServerFacts, deployment: Deployment, config: Config) -> Iterator[Problem]:
    """Listed but not there, and there but not listed. Nothing is said while the registry's own metrics are not seen."""
    if not facts.own & deployment.registry_names or (facts.flavor is not None and facts.flavor is not config.flavor):
        return
    for capability in Capability:
        certain = deployment.names_of(capability, certain=True)
        present = facts.own if capability not in advice.SCRAPED else facts.live
        there = bool(deployment.names_of(capability) & present)
        if capability in config.capabilities and not there and not may_have(facts, capability):
            yield Problem(
                f"capability {capability.value} is listed, and no target here has a pod or a namespace",
                advice.out_of_hosts(advice.SCRAPED[capability]),
            )
        elif capability in config.capabilities and certain and not there:
            yield Problem(
                f"capability {capability.value} is listed, but none of its series exists",
                advice.turn_on(capability, config.flavor),
            )
        if capability not in config.capabilities and capability not in advice.SCRAPED and there:
            yield Problem(
                f"capability {capability.value} is not listed, but its series exist: its panels are left out",
                f'add "{capability.value}" to `capabilities` under [registry] in regobs.toml and build again',
            )


def _rules(facts: ServerFacts, deployment: Deployment, rules: Sequence[RuleQuestion]) -> Iterator[Problem]:
    if facts.rules is None:
        if facts.elsewhere:
            yield Problem(
                "no rule of this build is loaded here, and what its rules record is: they are evaluated elsewhere",
                "ask the server that evaluates them how they are (`--prometheus` of that one)",
            )
        elif rules:
            yield Problem(SHOWS_NO_RULES, ASK_WHO_EVALUATES)
        return
    pairs = [(rule, loaded(facts, rule)) for rule in rules]
    absent = sum(1 for _, found in pairs if not found)
    if absent:
        yield Problem(f"{absent} of {counted(len(pairs), 'rule')} of this build {are(absent)} not loaded", facts.load)
    other = sorted({rule.name for rule, found in pairs if found and all(differs(deployment, rule, x) for x in found)})
    if other:
        names = ", ".join(other[:3]) + (" and others" if len(other) > 3 else "")
        count = len(other)
        those = "that" if count == 1 else "those"
        yield Problem(f"{counted(count, 'loaded rule')} {are(count)} not {those} of this build: {names}", facts.load)
