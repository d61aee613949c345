"""Settings that a live server implies, each with its reason: in a new file, or as changes of one."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array, InlineTable

from regobs.catalog.model import NEWEST, Capability, Exposer
from regobs.common.table import escape
from regobs.config import Config, Environment, read_config, selector_text
from regobs.config.document import read_text
from regobs.config.loading import DEFAULT_NAME
from regobs.config.model import DAY, capabilities_of
from regobs.config.reading import LONGEST_SCRAPE
from regobs.doctor.arrays import changed, in_order
from regobs.doctor.beside import untold
from regobs.doctor.content import groups_with_interval
from regobs.doctor.facts import NAMESPACE_LABELS, POD_LABELS
from regobs.doctor.matching import literal, matches, quoted
from regobs.doctor.observe import Observation, observe
from regobs.doctor.placing import Placing, Usual, beside, listed, of_registries, scraped_how, unplaced, unseen_how
from regobs.doctor.report import ProposedSetting, SettingsProposal
from regobs.doctor.server import days_text, if_offered
from regobs.errors import ConfigError
from regobs.pack import Pack, find_pack
from regobs.prometheus import Prometheus
from regobs.promql.durations import duration_text
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.slo.jobs import usual_targets
from regobs.slo.missing_tiers import best_days, first_days, why
from regobs.slo.model import Period
from regobs.slo.windows import read_windows, unfit_tiers

_MOST_ENVIRONMENTS = 12
_WIDTH = 118
# What deployments call the labels that regobs.toml gives a meaning to: Prometheus Operator, GitLab.com, Omnibus, and
# the relabelling of older Kubernetes examples.
_LABEL_NAMES = {
    "environment": ("environment", "env", "deployment_environment"),
    "cluster": ("cluster", "cluster_name", "k8s_cluster"),
    "region": ("region",),
    "namespace": NAMESPACE_LABELS,
    "stage": ("stage",),
    "shard": ("shard",),
    "node": ("node", "nodename", "host"),
    "pod": POD_LABELS,
}
_TOLD_APART = TARGET_LABELS | {*_LABEL_NAMES["environment"]}  # by Prometheus itself, and by [environments]


def new_settings(seen: Observation, more: Iterable[ProposedSetting] = (), file: str = DEFAULT_NAME) -> SettingsProposal:
    """A new settings file with what was seen, and what was not; `more` are settings that the caller knows."""
    settings = [*more, *_settings(seen, Config(), {})]
    head = f"Settings of regobs as {seen.source} shows them. regobs.example.toml explains each one."
    unknown = (*_unknown(seen, Config()), *unplaced(seen, Placing(_environments_of(seen, Config()))), *unseen_how(seen))
    body = _apply("", settings)
    notes = "".join(_comment(f"Not seen: {line}") for line in unknown)
    return _proposal(file, settings, "", f"{_comment(head)}\n{body}\n{notes}", unknown)


def changed_settings(
    seen: Observation, config: Config, more: Iterable[ProposedSetting] = (), pack: Pack | None = None
) -> SettingsProposal:
    """The changes of the settings file that `config` was read from, so that it says what was seen.

    A setting that changes nothing in what the file says, or in what a build with it scrapes, is left out. Without a
    file it is as if there was an empty one. `pack` is that of the settings where it is not given.
    """
    usual = usual_targets(pack or find_pack(config=config))
    file = config.source or Path(DEFAULT_NAME)
    text = read_text(file, option="--config") if config.source else ""
    settings = _that_change(_as_written([*more, *_settings(seen, config, usual)], text), text, file)
    return _proposal(
        str(file), settings, text, _apply(text, settings) if settings else text, tuple(_unknown(seen, config))
    )


def proposed(
    prometheus: Prometheus, config: Config, matchers: tuple[Matcher, ...], pack: Pack
) -> SettingsProposal | None:
    """The changes of a settings file that a server implies; None where it has no series of a registry.

    `matchers` select the registries that the command is about; `config` is the file as it was read.
    """
    seen = if_offered(lambda: observe(prometheus, matchers, lambda: groups_with_interval(pack, config)))
    return changed_settings(seen, config, pack=pack) if seen is not None else None


def _proposal(
    file: str, settings: Iterable[ProposedSetting], before: str, after: str, unknown: tuple[str, ...]
) -> SettingsProposal:
    diff = "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm=""))
    return SettingsProposal(file, tuple(settings), after, diff and f"{diff}\n", unknown)


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _settings(seen: Observation, config: Config, usual: Usual) -> Iterator[ProposedSetting]:
    """All that was seen, with reasons that can stand in a comment: labels and jobs are texts from outside."""
    for setting in _as_seen(seen, config, usual):
        yield replace(setting, reason="\n".join(map(escape, setting.reason.split("\n"))))


def _as_seen(seen: Observation, config: Config, usual: Usual) -> Iterator[ProposedSetting]:
    placing = Placing(_environments_of(seen, config))
    scraped = list(beside(seen, config, placing, usual))
    if not config.source:
        scraped = [*of_registries(seen, placing), *scraped]
    yield from _registry(seen, config)
    yield from _labels(seen, config)
    yield from _prometheus(seen, config)
    yield from (one for one in scraped if one.table[0] == "prometheus")
    yield from _selectors(seen, config)
    yield from _environments(seen, config)
    yield from (one for one in scraped if one.table[0] != "prometheus")
    yield from _period(seen, config)


def _registry(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    table = ("registry",)
    flavor = seen.flavor.value
    yield ProposedSetting(table, "flavor", flavor.value, seen.flavor.reason)
    if seen.version is not None and (config.version is None or not seen.version_guessed(config.version)):
        yield ProposedSetting(table, "version", str(seen.version.value), seen.version.reason)
    elif config.version is not None and config.flavor is not flavor:
        newest = (
            f"the newest that regobs knows: {seen.source} shows no version, and {config.version} is of another flavor"
        )
        yield ProposedSetting(table, "version", str(NEWEST[flavor]), newest)
    said = config.capabilities if config.source else frozenset[Capability]()
    foreign = [one for one in Capability if one in said - capabilities_of(flavor)]
    said &= capabilities_of(flavor)
    chosen = [one.value for one in Capability if one in said or one in seen.capabilities]
    reasons = [f"{one.value}: {why}" for one, why in seen.capabilities.items() if one not in said]
    kept = [one for one in chosen if one not in seen.capabilities]
    reasons += [f"{', '.join(kept)}: said before"] if kept else []
    reasons += [f"without {one.value}: flavor {flavor.value} has no such part" for one in foreign]
    yield ProposedSetting(
        table, "capabilities", chosen, "\n".join(reasons) or "no series of an optional part of the registry was seen"
    )


def _labels(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    table = ("labels",)
    named = set()
    for meaning, names in _LABEL_NAMES.items():
        label = next((name for name in names if name in seen.target_labels), None)
        if label is not None:
            named.add(label)
            values = seen.target_labels[label]
            shown = ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "")
            yield ProposedSetting(table, meaning, label, f"targets of the registry have {label}: {shown}")
    if seen.honor_labels is not None:
        yield ProposedSetting(table, "honor_labels", seen.honor_labels.value, seen.honor_labels.reason)
    more = sorted(seen.target_labels.keys() - named - TARGET_LABELS)
    if more:
        labels = sorted(seen.target_labels.keys() | TARGET_LABELS | config.target_labels)
        yield ProposedSetting(table, "target_labels", labels, f"targets of the registry also have {', '.join(more)}")


def _prometheus(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    table = ("prometheus",)
    if seen.matchers is not None and seen.matchers.value != config.matchers:
        reason = seen.matchers.reason
        reason += f"; not selected: {', '.join(seen.others)}, of another flavor" if seen.others else ""
        yield ProposedSetting(table, "selector", selector_text(seen.matchers.value), reason)
    elif seen.matchers is not None and not config.source:
        yield ProposedSetting(table, "selector", selector_text(config.matchers), seen.matchers.reason)
    for key in ("scrape_interval", "evaluation_interval"):
        found = getattr(seen, key)
        if found is not None and not (key == "scrape_interval" and found.value.ms > LONGEST_SCRAPE):
            yield ProposedSetting(table, key, duration_text(found.value), found.reason)
    if seen.retention is not None:
        yield ProposedSetting(table, "retention", days_text(seen.retention.value), seen.retention.reason)
    if not config.source and listed(seen):
        yield from scraped_how(seen)
        for label, (value,) in _fixed_labels(seen).items():
            yield ProposedSetting((*table, "scrape_labels"), label, value, "all targets of the registry have it")
    found = seen.beside.alertmanagers if seen.beside is not None else None
    if found is not None and config.prometheus.alertmanagers == Config().prometheus.alertmanagers:
        yield ProposedSetting(table, "alertmanagers", list(found.value), found.reason)


def _fixed_labels(seen: Observation) -> dict[str, tuple[str, ...]]:
    """Labels that all targets share, so that a scrape of the same targets can give them: not that of environments."""
    return {
        name: values
        for name, values in seen.target_labels.items()
        if len(values) == 1 and name not in _TOLD_APART and name not in seen.partial_labels
    }


def _selectors(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    """Whose series those of the neighbours are; a file that exists takes all there are, or says it already.

    What it says is changed where it names a job that none of the neighbour's series has.
    """
    for exposer in Exposer:
        jobs = seen.neighbours.get(exposer, ())
        said = [item for item in config.exposer_matchers.get(exposer, ()) if item.label == "job"]
        wrong = bool(said) and not any(all(matches(item, {"job": job}) for item in said) for job in jobs)
        if jobs and (wrong or not config.source):
            others = [item for item in config.exposer_matchers.get(exposer, ()) if item.label != "job"]
            matchers = [_one_of("job", jobs), *others]
            reason = f"series of {exposer.value} have the job {', '.join(map(quoted, jobs))}"
            if not config.source and exposer is Exposer.BLACKBOX and seen.beside is not None and seen.beside.probing:
                matchers.append(_one_of("instance", seen.beside.probing))
                reason += (
                    f"; what is no registry's among the addresses that they ask ({seen.beside.strangers}) is left out"
                )
            yield ProposedSetting(("prometheus", "selectors"), exposer.value, selector_text(tuple(matchers)), reason)


def _one_of(label: str, values: Sequence[str]) -> Matcher:
    if len(values) == 1:
        return Matcher(label, MatchOp.EQUAL, values[0])
    return Matcher(label, MatchOp.REGEX, "|".join(map(literal, values)))


def _environments_of(seen: Observation, config: Config) -> tuple[Environment, ...]:
    """Those of the file, else one for each value of the label that tells environments apart."""
    label = next((name for name in _LABEL_NAMES["environment"] if name in seen.target_labels), None)
    values = seen.target_labels[label] if label else ()
    if config.environments or label is None or len(values) > _MOST_ENVIRONMENTS:
        return config.environments
    return tuple(Environment(value, (Matcher(label, MatchOp.EQUAL, value),)) for value in values)


def _environments(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    for one in _environments_of(seen, config) if not config.environments else ():
        reason = f"a value of {one.matchers[0].label}"
        yield ProposedSetting(("environments", one.name), "selector", selector_text(one.matchers), reason)


def _period(seen: Observation, config: Config) -> Iterator[ProposedSetting]:
    """An error budget cannot look back further than the server keeps samples: that with the most burn alerts.

    A period that is no longer stays: it was chosen.
    """
    kept = seen.retention.value.ms // DAY if seen.retention is not None else 28
    if not 1 <= kept < 28 or config.slo.period.ms <= kept * DAY:
        return
    windows = read_windows(find_pack(config=config).file("alerts", "windows.yaml"))
    period = Duration(best_days(kept, windows) * DAY)
    reason = f"an error budget needs its whole period, and the server keeps {kept}d; 28d is usual"
    missing = unfit_tiers(Period(period), windows)
    if len(missing) == len(windows.tiers):
        reason += (
            f"\nno burn alert fits so short a period: keep samples for {first_days(windows)}d or more, better for 28d"
        )
    elif missing:
        reason += f"\nburn alerts over {', '.join(missing)} are left out: {why(missing.values())}"
    yield ProposedSetting(("slo",), "period", days_text(period), reason)


def _unknown(seen: Observation, config: Config) -> Iterator[str]:
    """What nothing showed, so that what the file says stays, or the default."""
    if seen.version is None:
        kept = config.version is not None and config.flavor is seen.flavor.value
        then = f"{config.version} of the file stays" if kept else "the newest known is assumed"
        yield f"registry.version: the registry shows no version; {then}"
    for name in ("scrape_interval", "evaluation_interval", "retention"):
        if getattr(seen, name) is None:
            said, default = getattr(config.prometheus, name), getattr(Config().prometheus, name)
            then = "is assumed" if said == default else "of the file stays"
            yield f"prometheus.{name}: {seen.source} does not say it; {days_text(said)} {then}"
    if Capability.KUBERNETES in config.capabilities - seen.capabilities.keys() and config.source and not seen.clustered:
        yield "registry.capabilities: no target here has a pod or a namespace; kubernetes of the file stays"
    if seen.scrape_interval is not None and seen.scrape_interval.value.ms > LONGEST_SCRAPE:
        said = duration_text(seen.scrape_interval.value)
        yield (
            f"prometheus.scrape_interval: the registry is scraped every {said}, too seldom for rates over 5m: scrape it"
            " at least every 2m"
        )
    several = sorted(seen.target_labels.keys() - _fixed_labels(seen).keys() - _TOLD_APART)
    if several and seen.targets and "pod" not in seen.target_labels:
        yield (
            f"prometheus.scrape_labels: {', '.join(several)} of the targets have several values, or are not on every"
            " target: prometheus/scrape.yaml of a build does not tell them apart"
        )
    if seen.unusable_labels:
        names = ", ".join(map(quoted, seen.unusable_labels))
        yield (
            f"labels: targets of the registry have {names}, which is no name of a label in regobs.toml (letters, digits"
            " and _, no digit first): rename it with relabel_configs of the scrape, if deployments are told by it"
        )
    if not seen.target_labels:
        then = "only job and instance are assumed" if config.labels == Config().labels else "those of the file stay"
        yield f"labels: no target of a registry was seen; {then}"
    if seen.beside is not None:
        yield from untold(seen.beside)
    yield "capabilities whose series begin with their first event, such as notifications, may not be seen yet"


def _that_change(settings: Sequence[ProposedSetting], text: str, file: Path) -> list[ProposedSetting]:
    """The settings without which the file would say something else."""
    left = list(settings)

    def said(settings: Sequence[ProposedSetting]) -> Config:
        return replace(read_config(_apply(text, settings), file), notes=())  # these name lines, which move

    whole = said(left)
    for setting in settings:
        less = [one for one in left if one is not setting]
        try:
            if said(less) == whole:
                left = less
        except ConfigError:  # it is needed for another one to be allowed
            continue
    return left


def _as_written(settings: Sequence[ProposedSetting], text: str) -> list[ProposedSetting]:
    """The settings with the values of lists in the order that the file has them in."""
    document = tomlkit.parse(text).unwrap()
    result = []
    for setting in settings:
        table: Any = document
        for key in setting.table:
            table = table.get(key, {})
        there = table.get(setting.key)
        if isinstance(setting.value, list) and isinstance(there, list):
            result.append(replace(setting, value=in_order(there, setting.value)))
        else:
            result.append(setting)
    return result


def _apply(text: str, settings: Iterable[ProposedSetting]) -> str:
    """The text with the settings in it; everything else, comments included, stays as it is."""
    document = tomlkit.parse(text)
    for setting in settings:
        table: Any = document
        for depth, key in enumerate(setting.table, start=1):
            if key not in table:
                inline = isinstance(table, InlineTable)
                within = depth < len(setting.table)
                table.add(key, tomlkit.inline_table() if inline else tomlkit.table(is_super_table=within))
            table = table[key]
        told = setting.key not in table and not isinstance(table, InlineTable)
        there = None if told else table.get(setting.key)
        if isinstance(there, Array) and isinstance(setting.value, list):
            value: Any = changed(there, setting.value)
        else:
            value = tomlkit.item(setting.value)
        table[setting.key] = value
        if told:  # before the key itself, which tomlkit puts above the tables within the table
            indent = value.trivia.indent
            lines = "".join(map(_comment, setting.reason.split("\n"))).splitlines(keepends=True)
            value.trivia.indent = "".join(f"{indent}{line}" for line in lines) + indent
    written = tomlkit.dumps(document)
    return written if written.endswith("\n") else written + "\n"
