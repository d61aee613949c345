"""Which environment a scraped address belongs to, and what of it a settings file has to say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from regobs.catalog.model import Exposer
from regobs.config import Config, Environment
from regobs.doctor.facts import Observed
from regobs.doctor.matching import matches, quoted
from regobs.doctor.observe import Observation
from regobs.doctor.report import ProposedSetting
from regobs.secrets import MASK
from regobs.slo.jobs import JOB

MOST_TARGETS = 20
LabelsOf = Mapping[str, Mapping[str, str]]
Usual = Mapping[Exposer, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Placing:
    """The environments of a deployment; of one alone everything stands under [prometheus]."""

    environments: Sequence[Environment]

    @property
    def several(self) -> bool:
        """Whether lists for all of them have no label of any."""
        return len(self.environments) > 1

    def of_each(self, addresses: Iterable[str], labels: LabelsOf) -> dict[str, tuple[str, ...]]:
        """The addresses by environment whose labels they carry; "" has those of none."""
        found: dict[str, tuple[str, ...]] = {}
        for address in addresses:
            there = labels.get(address, {})
            fitting = (one.name for one in self.environments if all(matches(item, there) for item in one.matchers))
            name = next(fitting, "")
            found[name] = (*found.get(name, ()), address)
        return found

    def lists(
        self, key: tuple[str, ...], seen: Observed[tuple[str, ...]], labels: LabelsOf, said: Collection[str] = ()
    ) -> Iterator[ProposedSetting]:
        """One list for all where that reaches all, else one for each environment that has none in `said` yet.

        `key` are the names below [prometheus], or below the table of the environment.
        """
        by_name = self.of_each(seen.value, labels) if self.several else {"": seen.value}
        apart = by_name.keys() - {""} or said
        for name, addresses in sorted(by_name.items()):
            table = ("environments", name) if name else ("prometheus",)
            if name not in said and bool(name) is bool(apart) and 0 < len(addresses) <= MOST_TARGETS:
                yield ProposedSetting((*table, *key[:-1]), key[-1], list(addresses), seen.reason)


def listed(seen: Observation) -> bool:
    """Whether a settings file has a list of the registries: pods are discovered."""
    return "pod" not in seen.target_labels and 0 < len(seen.targets) <= MOST_TARGETS


def of_registries(seen: Observation, placing: Placing) -> Iterator[ProposedSetting]:
    """The targets of the registries, in a new file."""
    if listed(seen):
        yield from placing.lists(("targets",), Observed(seen.targets, "what is scraped now"), seen.labels_of)


def scraped_how(seen: Observation) -> Iterator[ProposedSetting]:
    """Path, scheme and query of most registries; of the query nothing that may be a secret."""
    table, reason = ("prometheus",), "what is scraped now"
    for way in seen.ways[:1]:
        if way.path:
            yield ProposedSetting(table, "metrics_path", way.path, reason)
        if way.scheme == "https":
            yield ProposedSetting(table, "scheme", way.scheme, reason)
        for name, values in way.params:
            if MASK not in values:
                yield ProposedSetting((*table, "params"), name, list(values), reason)


def unseen_how(seen: Observation) -> Iterator[str]:
    """What of the scrape of the registries no setting says, or nothing shows."""
    if len(seen.ways) > 1:
        others = ", ".join(map(str, seen.ways[1:]))
        yield f"prometheus: some registries are scraped otherwise, as {others}; a build scrapes all in one way"
    secret = [name for way in seen.ways[:1] for name, values in way.params if MASK in values]
    if secret:
        yield f"prometheus.params: the scrape has {', '.join(secret)}, which may be a secret and is not written here"
    if seen.logins or any(way.scheme == "https" for way in seen.ways):
        has = f"has {' and '.join(seen.logins)}" if seen.logins else "may need tls_config, basic_auth or authorization"
        where = f"put it into the job {JOB} in exporters/scrape.yaml of a pack"
        yield f"prometheus: the scrape of the registry {has}; {where}"


def beside(seen: Observation, config: Config, placing: Placing, usual: Usual) -> Iterator[ProposedSetting]:
    """Probed addresses and exporters, where the file does not say them itself and a build would scrape others."""
    found, own = seen.beside, config.prometheus
    if found is None:
        return
    if found.probes is not None and own.probes == Config().prometheus.probes:
        said = [one.name for one in placing.environments if one.probes]
        yield from placing.lists(("probes",), found.probes, found.labels_of, said)
    for exposer, addresses in found.exporters.items():
        said = [one.name for one in placing.environments if exposer in one.exporters]
        if exposer in own.exporters:
            continue
        # One blackbox_exporter asks for all environments.
        where = Placing(()) if exposer is Exposer.BLACKBOX else placing
        proposals = list(where.lists(("exporters", exposer.value), addresses, found.labels_of, said))
        if not (usual.get(exposer) == addresses.value and all(one.table[0] == "prometheus" for one in proposals)):
            yield from proposals


def unplaced(seen: Observation, placing: Placing) -> Iterator[str]:
    """Addresses that a list of one environment would have to name, and whose labels name none."""
    if not placing.several:
        return
    lists = {"targets": (seen.targets, seen.labels_of)}
    if seen.beside is not None:
        probes = seen.beside.probes.value if seen.beside.probes else ()
        lists["probes"] = (probes, seen.beside.labels_of)
        lists |= {
            f"exporters.{exposer.value}": (addresses.value, seen.beside.labels_of)
            for exposer, addresses in seen.beside.exporters.items()
            if exposer is not Exposer.BLACKBOX
        }
    for key, (addresses, labels) in lists.items():
        by_name = placing.of_each(addresses, labels)
        if by_name.keys() - {""} and "" in by_name:
            yield (
                f"environments: {', '.join(map(quoted, by_name['']))} of {key} have no label of an environment; name "
                "them under the [environments.<name>] that they belong to"
            )
