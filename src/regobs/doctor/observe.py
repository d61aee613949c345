"""What a live server, or one exposition, shows of a deployment, each with its evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlencode, urlsplit

from regobs.catalog import METRICS, detect, others
from regobs.catalog.exposition import Exposition
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.common.counts import are, counted, whole
from regobs.doctor.advice import SCRAPED
from regobs.doctor.beside import Beside, address_of, look_beside
from regobs.doctor.facts import Deployment, Observed, in_a_cluster, tells
from regobs.doctor.gather import flavor_of, name_patterns, version_of
from regobs.doctor.matching import literal, matches, quoted, shown
from regobs.doctor.server import if_offered, retention_of
from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import Sample
from regobs.prometheus.state import Target, params_of
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.vocabulary import Vocabulary

_MOST_DOWN = 3  # targets that an error names
_SERIES = {
    name
    for metric in METRICS.values()
    if metric.exposer is Exposer.REGISTRY and metric.component in detect.TELLING
    for name in metric.series
}
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")  # regobs.toml names no others
_LATELY = "1d"  # in which a process that is down now showed what it is
_MEASURED = 10  # minutes of `up` from which a scrape interval is measured


@dataclass(frozen=True, slots=True)
class Way:
    """How metrics are asked for: scheme, path, and the query by parameter, with MASK for secrets."""

    scheme: str
    path: str
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, url: str, params: Mapping[str, tuple[str, ...]]) -> Way:
        """That of a URL without its query, and of the query."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.path, tuple(sorted(params.items())))

    def __str__(self) -> str:
        return f"{self.scheme}://HOST{self.path}{'?' if self.params else ''}{urlencode(self.params, doseq=True)}"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen; None or empty where nothing showed it.

    `target_labels` are the labels of the registry's targets with their values, `neighbours` the jobs of the processes
    beside it, `others` the jobs of registries of another flavor, `targets` their host:port, each with its labels in
    `labels_of`. `ways` are how they are scraped, the commonest first, `logins` what their jobs say of TLS and logins.
    `beside` is None where no server was asked; `clustered` says that a cluster cannot be ruled out.
    """

    source: str
    flavor: Observed[Flavor]
    version: Observed[Version] | None = None
    capabilities: Mapping[Capability, str] = field(default_factory=dict)
    matchers: Observed[tuple[Matcher, ...]] | None = None
    others: tuple[str, ...] = ()
    target_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partial_labels: tuple[str, ...] = ()  # of these, those that some targets lack
    unusable_labels: tuple[str, ...] = ()  # of targets, with names that regobs.toml cannot have
    honor_labels: Observed[bool] | None = None
    neighbours: Mapping[Exposer, tuple[str, ...]] = field(default_factory=dict)
    beside: Beside | None = None
    scrape_interval: Observed[Duration] | None = None
    evaluation_interval: Observed[Duration] | None = None
    retention: Observed[Duration] | None = None
    targets: tuple[str, ...] = ()
    labels_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()
    logins: tuple[str, ...] = ()
    clustered: bool = True

    def version_guessed(self, said: Version) -> bool:
        """Whether `said` fits as well: CNCF Distribution exposes no version, its families tell only the major one."""
        seen = self.version.value if self.version else said
        return self.flavor.value is Flavor.DISTRIBUTION and seen[0] == said[0]


def observe_exposition(exposition: Exposition, url: str = "") -> Observation:
    """What one exposition shows; `url` is where it was read, when it has an address. InputError without a registry."""
    if not detect.of_a_registry(exposition):
        others.refuse(exposition)
    flavor, told = detect.detect_flavor(exposition)
    version, version_told = detect.detect_version(exposition, flavor)
    entries = [metric for family in exposition.families.values() if (metric := detect.entry_of(family))]
    names = {series for metric in entries for series in metric.series}
    return Observation(
        source=exposition.source or "an exposition",
        flavor=Observed(flavor, told),
        version=Observed(version, version_told) if version is not None else None,
        capabilities=_capabilities(Deployment(Vocabulary(flavor, version, frozenset())), names, set()),
        targets=(address_of(url),) if url else (),
        ways=(Way.of(url, params_of(url)),) if url else (),
    )


def observe(
    prometheus: Prometheus,
    matchers: tuple[Matcher, ...] = (),
    with_interval: Callable[[], Collection[str]] = frozenset,
) -> Observation:
    """What a server shows of the registries that it scrapes, of those that `matchers` select where they find any.

    `with_interval` gives the rule groups that name an interval of their own, which says nothing of the server's; it is
    only asked where the server does not say its settings.

    Raises ServerError when the server is not reached, or has no series of a registry.
    """
    live = _live(prometheus)
    chosen = _chosen(prometheus, matchers) or _found(prometheus, live)
    scope = chosen.matchers.value
    own = {sample.labels["__name__"] for sample in _by_name(prometheus, scope)}
    told = _version(prometheus, chosen.flavor.value, scope, own)
    version = told.value if told else None
    deployment = Deployment(Vocabulary(chosen.flavor.value, version, frozenset()), registry=scope)
    targets = if_offered(prometheus.targets) or ()
    of_registry = [one for one in targets if all(matches(item, one.labels) for item in scope)]
    labels, partial = _target_labels(prometheus, scope)
    unusable = tuple(name for name in labels if not _LABEL.fullmatch(name))
    labels = {name: values for name, values in labels.items() if name not in unusable}
    down = _of_the_down(prometheus)
    neighbours = _neighbours(live, down)
    beside = look_beside(prometheus, neighbours, targets)
    logins = if_offered(prometheus.logins) or {}
    capabilities = _capabilities(deployment, own, set(live), set(down))
    if beside.strangers and not beside.probing:  # a blackbox_exporter that asks no registry
        capabilities.pop(Capability.PROBE, None)
        neighbours.pop(Exposer.BLACKBOX, None)
    return Observation(
        source=prometheus.url,
        flavor=chosen.flavor,
        version=told,
        capabilities=capabilities,
        matchers=chosen.matchers,
        others=chosen.others,
        target_labels=labels,
        partial_labels=partial,
        unusable_labels=unusable,
        honor_labels=_honor_labels(prometheus, deployment, own, labels),
        neighbours=neighbours,
        beside=beside,
        scrape_interval=_scrape_interval(prometheus, scope, of_registry),
        evaluation_interval=_evaluation_interval(prometheus, with_interval),
        retention=_retention(prometheus),
        targets=tuple(sorted({address_of(one.url) for one in of_registry} - {""})),
        labels_of={address_of(one.url): one.labels for one in of_registry},
        ways=tuple(way for way, _ in Counter(Way.of(one.url, one.params) for one in of_registry).most_common()),
        clustered=in_a_cluster(one.labels for one in prometheus.query("up").samples),
        logins=tuple(sorted({key for job in {one.pool for one in of_registry} for key in logins.get(job, ())})),
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which series are the registry's, and whose names they have."""

    matchers: Observed[tuple[Matcher, ...]]
    flavor: Observed[Flavor]
    others: tuple[str, ...] = ()


def _version(
    prometheus: Prometheus, flavor: Flavor, scope: Sequence[Matcher], own: set[str]
) -> Observed[Version] | None:
    if flavor is Flavor.DISTRIBUTION:
        version, told = detect.distribution_version(one for one in METRICS.values() if own & {*one.series})
    else:
        version, told = version_of(prometheus, scope), "the oldest version that runs, as its build information says"
    return Observed(version, told) if version is not None else None


def _by_name(
    prometheus: Prometheus, scope: Sequence[Matcher], names: Iterable[str] = (), *, within: str = ""
) -> list[Sample]:
    """How many series each name, by default of the whole catalog, has in each job: now, or within a time."""
    found: list[Sample] = []
    for piece in name_patterns(names or (name for one in METRICS.values() for name in one.series)):
        series = "{" + ", ".join(filter(None, (f'__name__=~"{piece}"', shown(scope)))) + "}"
        series = f"last_over_time({series}[{within}])" if within else series
        found += prometheus.query(f"count by (__name__, job) ({series})").samples
    return found


def _live(prometheus: Prometheus) -> dict[str, Counter[str]]:
    """Every series name of the catalog that has samples now, with the number of its series by job."""
    return _counted(_by_name(prometheus, ()))


def _of_the_down(prometheus: Prometheus) -> dict[str, Counter[str]]:
    """The same of the last day, of jobs whose every target is down: a process that is down shows nothing of itself."""
    down = [sample.labels["job"] for sample in prometheus.query("max by (job) (up) == 0").samples]
    beside = {name for one in METRICS.values() if one.exposer is not Exposer.REGISTRY for name in one.series}
    return _counted(_by_name(prometheus, _job(down), beside, within=_LATELY)) if down else {}


def _counted(samples: Iterable[Sample]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for sample in samples:
        found.setdefault(sample.labels["__name__"], Counter())[sample.labels.get("job", "")] += whole(sample.value)
    return found


def _chosen(prometheus: Prometheus, matchers: tuple[Matcher, ...]) -> _Chosen | None:
    """The registries that the settings select already; None where they select none."""
    names = {one.labels["__name__"] for one in _by_name(prometheus, matchers, _SERIES)} if matchers else []
    flavor = flavor_of(prometheus, frozenset(names), matchers) if names else None
    if flavor is None:
        return None
    return _Chosen(
        Observed(matchers, "it selects series of a registry"), Observed(flavor, f"the metrics of {shown(matchers)}")
    )


def _found(prometheus: Prometheus, live: Mapping[str, Counter[str]]) -> _Chosen:
    """The jobs that have series of a registry. Of several flavors the one with the most series is proposed."""
    series: Counter[str] = Counter()
    for name in _SERIES & live.keys():
        series += live[name]
    by_flavor: dict[Flavor, list[str]] = {}
    for job, _ in series.most_common():
        names = frozenset(one for one in _SERIES & live.keys() if live[one][job])
        flavor = flavor_of(prometheus, names, _job([job]))
        if flavor is not None:
            by_flavor.setdefault(flavor, []).append(job)
    if not by_flavor:
        strangers = others.told_by(prometheus.label_values("__name__"))
        raise ServerError(
            f"{prometheus.url} has no series of a registry",
            value=f"{counted(len(live), 'name')} of the catalog {'has' if len(live) == 1 else 'have'} samples"
            + (f"; there are series of {' and '.join(strangers)}, not supported" if strangers else "")
            + (f"; {down}" if (down := _down_targets(prometheus)) else ""),
            expected="series such as those that `regobs catalog list --component http` shows",
            next_step=("if one of these targets is the registry, start it or correct its scrape; else " if down else "")
            + "scrape the registry's debug port first: docs/start.md; or give the exposition itself, as in"
            " `regobs init http://127.0.0.1:5001/metrics`",
        )
    flavor, jobs = next(iter(by_flavor.items()))
    besides = tuple(job for other, found in by_flavor.items() if other is not flavor for job in found)
    count = sum(series[job] for job in jobs)
    listed = ", ".join(map(quoted, jobs))
    return _Chosen(
        Observed(_job(jobs), f"{count:,} series of a registry {'has' if count == 1 else 'have'} the job {listed}"),
        Observed(flavor, f"the labels and families of job {listed}"),
        besides,
    )


def _down_targets(prometheus: Prometheus) -> str:
    """The targets that the server knows and cannot scrape, each with its error; "" where all can be."""
    down = [one for one in if_offered(prometheus.targets) or () if one.health == "down"]
    shown_here = (
        f"{one.labels.get('job', one.pool)} at {one.labels.get('instance', '')} is down: {one.last_error}"
        for one in down[:_MOST_DOWN]
    )
    left = len(down) - _MOST_DOWN
    more = f"; {counted(left, 'more target')} {are(left)} down" if left > 0 else ""
    return "; ".join(shown_here) + more


def _job(jobs: Sequence[str]) -> tuple[Matcher, ...]:
    """The matchers of these jobs; a regular expression only where there are several."""
    if len(jobs) == 1:
        return (Matcher("job", MatchOp.EQUAL, jobs[0]),)
    return (Matcher("job", MatchOp.REGEX, "|".join(literal(job) for job in sorted(jobs))),)


def _capabilities(
    deployment: Deployment, own: set[str], live: set[str], down: Collection[str] = ()
) -> dict[Capability, str]:
    """What each capability shows itself by; of a process beside the registry also what it had before it went down."""
    found: dict[Capability, str] = {}
    for capability in Capability:
        names = deployment.names_of(capability)
        there = names & (live if capability in SCRAPED else own)
        lately = names & set(down) if capability in SCRAPED and not there else set()
        if there or lately:
            first, *rest = sorted(there or lately)
            more = f" and {len(rest)} more" if rest else ""
            found[capability] = f"{first}{more}" + (", of the last day: its targets are down now" if lately else "")
    return found


def _neighbours(live: Mapping[str, Counter[str]], down: Mapping[str, Counter[str]]) -> dict[Exposer, tuple[str, ...]]:
    """The jobs of each process beside the registry, up or down.

    `up` and its like, which Prometheus writes of every target, tell nothing.
    """
    found: dict[Exposer, set[str]] = {}
    for metric in METRICS.values():
        if metric.exposer in {Exposer.REGISTRY, Exposer.RULES} or not tells(metric):
            continue
        for name in metric.series:
            found.setdefault(metric.exposer, set()).update(live.get(name, ()), down.get(name, ()))
    return {exposer: tuple(sorted(jobs - {""})) for exposer, jobs in found.items() if jobs - {""}}


def _target_labels(
    prometheus: Prometheus, scope: Sequence[Matcher]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The labels of the targets with their values, and which of them some targets lack."""
    targets = [sample.labels for sample in prometheus.query(f"up{{{shown(scope)}}}").samples]
    values: dict[str, set[str]] = {}
    for labels in targets:
        for name, value in labels.items():
            if not name.startswith("__"):
                values.setdefault(name, set()).add(value)
    partial = tuple(name for name in sorted(values) if any(name not in labels for labels in targets))
    return {name: tuple(sorted(found)) for name, found in sorted(values.items())}, partial


def _honor_labels(
    prometheus: Prometheus, deployment: Deployment, own: set[str], labels: Mapping[str, object]
) -> Observed[bool] | None:
    """Told by a family of the registry with a label that its target has as well; None where there is none."""
    for metric in METRICS.values():
        form = metric.form(deployment.vocabulary.flavor, deployment.vocabulary.version)
        name = next((one for one in metric.series if one in own), None)
        both = [one.exposed for one in form.labels if one.exposed in labels] if form else []
        if name is None or not both or metric.exposer is not Exposer.REGISTRY:
            continue
        renamed = f"exported_{both[0]}"
        if renamed in prometheus.label_names(f"{name}{{{shown(deployment.registry)}}}"):
            return Observed(value=False, reason=f"{name} has {renamed}: the scrape keeps the label of the target")
        return Observed(
            value=True, reason=f"{name} has {both[0]} and no {renamed}: the scrape keeps the registry's label"
        )
    return None


def _scrape_interval(
    prometheus: Prometheus, scope: Sequence[Matcher], own: Sequence[Target]
) -> Observed[Duration] | None:
    """As the targets say it; else, on a server without a list of targets, measured on `up`."""
    said = Counter(one.interval for one in own if one.interval)
    if said:
        interval, count = said.most_common(1)[0]
        return Observed(
            Duration(round(interval * 1000)),
            f"{count} of {counted(len(own), 'target')} of the registry say{'s' if count == 1 else ''} it",
        )
    answer = prometheus.query(f"up{{{shown(scope)}}}[{_MEASURED}m]")
    gaps = [b - a for one in answer.ranges for (a, _), (b, _) in zip(one.points, one.points[1:], strict=False)]
    measured = Duration(round(median(gaps)) * 1000) if gaps else Duration(0)
    return (
        Observed(measured, f"the distance between samples of `up` in {_MEASURED} minutes") if measured.ms > 0 else None
    )


def _evaluation_interval(
    prometheus: Prometheus, with_interval: Callable[[], Collection[str]]
) -> Observed[Duration] | None:
    """The server's own setting; where it does not say that, what its groups have that name no interval."""
    said = read_duration(if_offered(prometheus.evaluation_interval) or "")
    if said is not None and said.ms > 0:
        return Observed(said, "`evaluation_interval` in the part `global` of the server's configuration")
    groups = if_offered(prometheus.rules) or ()
    slower = with_interval() if groups else ()
    intervals = Counter(group.interval for group in groups if group.interval and group.name not in slower)
    if not intervals:
        return None
    interval, count = intervals.most_common(1)[0]
    own = f"without an interval of {'its' if intervals.total() == 1 else 'their'} own"
    has = "has" if count == 1 else "have"
    reason = f"{count} of {counted(intervals.total(), 'loaded rule group', own)} {has} it"
    return Observed(Duration(round(interval * 1000)), reason)


def _retention(prometheus: Prometheus) -> Observed[Duration] | None:
    kept = retention_of(if_offered(prometheus.retention) or "")
    return Observed(kept, f"the server says that it keeps {duration_text(kept)}") if kept is not None else None
