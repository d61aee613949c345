"""What is scraped, as a whole: settings that another one takes the place of are told, contradictions are refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from regobs.catalog.model import Capability, Exposer
from regobs.config.model import Config
from regobs.config.named import Environment
from regobs.config.selectors import selector_text
from regobs.config.table import TomlTable
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp

_MAY_BE_MORE = re.compile(r"[][.*+?(){}^$\\]")  # of a pattern that is not only words with | between them
# Discovery in the cluster or the cloud finds them: no list of targets is read.
_DISCOVERED = (Exposer.CADVISOR, Exposer.KUBE_STATE, Exposer.STACKDRIVER, Exposer.CLOUDWATCH)


def scrape_notes(top: TomlTable, config: Config) -> Iterator[str]:
    """What of [prometheus] and [environments] a build does not use, with its place. Raises ConfigError."""
    prometheus = top.table("prometheus")
    _check_lists(prometheus, config.capabilities)
    if "targets" in prometheus.names() and not prometheus.texts("targets", ()):
        raise prometheus.fail("targets", "at least one host:port", "name one, or leave out targets")
    same = {one.label: one.value for one in config.matchers if one.op is MatchOp.EQUAL}
    if against := _contradicted(same, config.matchers) or _without_value(config.matchers):
        raise prometheus.fail("selector", f"matchers that one series can fit; another one than {against} excludes it")
    tables = {one.name: top.table("environments").table(one.name) for one in config.environments}
    for one in config.environments:
        _check_environment(tables[one.name], one, config)
    yield from _overruled(prometheus, config)
    yield from _unused_lists(prometheus, config)
    for one in config.environments:
        yield from _unselected(tables[one.name], one, config)
    yield from _not_switched_on([prometheus, *tables.values()], config.capabilities)


def _check_lists(table: TomlTable, capabilities: frozenset[Capability]) -> None:
    """A list of what is scraped says something, and something reads it."""
    if "probes" in table.names() and not table.texts("probes", ()) and Capability.PROBE in capabilities:
        raise table.fail("probes", "at least one address", "name one, or take probe out of `capabilities`")
    exporters = table.table("exporters")
    for name in exporters.names():
        if name in _DISCOVERED:
            raise exporters.fail(
                name,
                "an exporter of which a build lists the targets",
                f"take it out: discovery in the cluster or the cloud finds {name}, with a job of your own",
            )
        if not exporters.addresses(name, ()):
            raise exporters.fail(name, "at least one host:port", f"name one, or take {name} out of `capabilities`")


def _overruled(prometheus: TomlTable, config: Config) -> Iterator[str]:
    """Labels of targets to which a selector gives another value, which counts."""
    labels = prometheus.table("scrape_labels")
    for name in labels.names():
        selectors = {"[prometheus]": config.matchers}
        selectors |= {f"[environments.{one.name}]": one.matchers for one in config.environments}
        given = {name: config.prometheus.scrape_labels[name]}
        for where, matchers in selectors.items():
            if against := _contradicted(given, matchers):
                yield f"{labels.place(name)}: {name} is not used: selector of {where} says {against}"


def _check_environment(table: TomlTable, environment: Environment, config: Config) -> None:
    for key in ("targets", "probes"):
        if key in table.names() and not table.texts(key, ()):
            raise table.fail(key, "at least one address", f"name one, or leave out {key}")
    _check_lists(table, frozenset())
    if "blackbox_exporter" in table.table("exporters").names():
        raise table.table("exporters").fail(
            "blackbox_exporter",
            "the one that asks for all environments, under [prometheus.exporters]",
            "name it there; what it asks for this environment are the `probes` here",
        )
    every = (*config.matchers, *environment.matchers)
    wrong = _contradicted(environment.labels, every) or _without_value(every)
    if wrong:
        raise table.fail(
            "selector", f"matchers that one series can fit; it, or [prometheus] selector, says {wrong} too"
        )


def _contradicted(labels: Mapping[str, str], matchers: Iterable[Matcher]) -> str:
    """The first of the matchers that a series with these labels, whatever others it has, cannot fit; else empty."""
    wrong = (one for one in matchers if one.label in labels and not _fits(one, labels[one.label]))
    return selector_text(tuple(wrong)[:1])


def _without_value(matchers: Collection[Matcher]) -> str:
    """The first of the matchers whose every value, where it names them one by one, another one excludes; else empty."""
    for one in matchers:
        values = one.value.split("|") if one.op is MatchOp.REGEX and not _MAY_BE_MORE.search(one.value) else ()
        others = [other for other in matchers if other.label == one.label]
        if values and not any(all(_fits(other, value) for other in others) for value in values):
            return selector_text((one,))
    return ""


def _fits(matcher: Matcher, value: str) -> bool:
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return (matcher.value == value) is (matcher.op is MatchOp.EQUAL)
    found = regex_matches(matcher.value, value)
    return found is None or found is (matcher.op is MatchOp.REGEX)


def _unused_lists(prometheus: TomlTable, config: Config) -> Iterator[str]:
    """Lists for all environments, where environments have their own."""
    several = len(config.environments) > 1
    own: dict[str, list[str]] = {
        "targets": [one.name for one in config.environments if one.targets],
        "probes": [one.name for one in config.environments if one.probes],
    }
    for key, names in own.items():
        if key in prometheus.names() and names:
            yield _unused(prometheus, key, names, several=several)
    exporters = prometheus.table("exporters")
    for key in exporters.names():
        if names := [one.name for one in config.environments if key in one.exporters]:
            yield _unused(exporters, key, names, several=several)


def _unused(table: TomlTable, key: str, names: list[str], *, several: bool) -> str:
    others = ", also for the other environments" if several else ""
    return (
        f"{table.place(key)}: {key} is not used{others}: [environments.{names[0]}] has its own; "
        "name those of each environment there"
    )


def _unselected(table: TomlTable, environment: Environment, config: Config) -> Iterator[str]:
    """Targets that get no label by which the environment's selector would find them."""
    if not environment.targets:
        return
    given = {**config.prometheus.scrape_labels, **environment.labels}
    for matcher in environment.matchers:
        value = given.get(matcher.label, "")
        if matcher.label not in {config.labels.instance, config.labels.job} and not _fits(matcher, value):
            asked = selector_text((matcher,))
            yield (
                f"{table.place('targets')}: these targets get no label that fits {asked} of the selector, so nothing "
                f"is seen of them; expected: a selector with `{matcher.label}=`, which they are then labelled with"
            )


def _not_switched_on(tables: Iterable[TomlTable], capabilities: frozenset[Capability]) -> Iterator[str]:
    """What is scraped only where a capability is on that is off."""
    for table in tables:
        if "probes" in table.names() and Capability.PROBE not in capabilities:
            yield _off(table, "probes", "probe")
        exporters = table.table("exporters")
        for name in exporters.names():
            needed = "probe" if name == Exposer.BLACKBOX else name
            if needed not in capabilities:
                yield _off(exporters, name, needed)


def _off(table: TomlTable, key: str, needed: str) -> str:
    return f"{table.place(key)}: {key} is not used: {needed} is not among the `capabilities` of [registry]"
