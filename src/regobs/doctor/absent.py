"""Why a name has no series at all: not scraped, off, too old, of another flavor, not observed yet, not recorded."""

from __future__ import annotations

from regobs.catalog import METRICS, python_runtime
from regobs.catalog.model import Capability, Exposer, Form, Metric, Version
from regobs.doctor import advice
from regobs.doctor.facts import Deployment, ServerFacts, Up, in_a_cluster, tells
from regobs.doctor.matching import culprits, matches, shown, values
from regobs.doctor.verdict import Status, Verdict


def explain(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict:
    """The verdict for a metric of the catalog that has no live series."""
    if metric.exposer is not Exposer.REGISTRY:
        return _of_exporter(facts, deployment, name, metric)
    return (
        scrape_problem(facts, deployment)
        or _wrong_flavor(facts, deployment, name, metric)
        or _wrong_version(facts, deployment, name, metric)
        or _version_by_others(facts, deployment, name, metric)
        or _wrong_language(facts, name, metric)
        or _not_filled(facts, deployment, name, metric)
        or _unexplained(facts, name)
    )


_ENDS = ("since", "until")
_OF_A_CLUSTER = {Exposer.CADVISOR, Exposer.KUBE_STATE}


def may_have(facts: ServerFacts, capability: Capability) -> bool:
    """Whether a deployment can have it at all: static hosts have no cluster."""
    return capability is not Capability.KUBERNETES or in_a_cluster(one.labels for one in facts.up)


def _of_exporter(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict:
    """Of a metric beside the registry: its process is not scraped, or has it not here, or not yet.

    A process whose metrics all wait for an event may be scraped and show none: whether it is, its target says.
    """
    process = metric.exposer.value
    names = _signs(metric.exposer) if tells(metric) else deployment.names_from(metric.exposer)
    forms = [form for one in METRICS.values() if one.exposer is metric.exposer for form in one.forms]
    certain = any(not form.absent_until_observed for form in forms)
    down = _own_targets(facts, deployment, metric.exposer)
    if not names & facts.live and down and not any(one.healthy for one in down):
        found = _down(facts, down)
        return Verdict(
            Status.EMPTY,
            f"{name} comes from {process}: {found.reason}",
            f"start {process} there, or correct its scrape job; the server's page of targets shows the error",
        )
    if not names & facts.live and (certain or not _has_target(facts, deployment, metric.exposer)):
        if metric.exposer in _OF_A_CLUSTER and not may_have(facts, Capability.KUBERNETES):
            return Verdict(
                Status.EMPTY,
                f"{name} comes from {process} of a Kubernetes cluster, and no target here has a pod or a namespace",
                advice.out_of_hosts(process),
            )
        return Verdict(
            Status.EMPTY, f"{name} comes from {process}, which is not scraped", advice.scrape(metric.exposer)
        )
    if cannot := _cannot_be(facts, name, metric):
        return Verdict(Status.LEFT_OUT, cannot)
    if any(form.absent_until_observed for form in metric.forms):
        return Verdict(Status.QUIET, f"{name} appears with its first event, and there was none yet")
    return Verdict(
        Status.EMPTY,
        f"{process} is scraped, but {name} is not among its metrics",
        f"compare the version and the flags of {process}, and metric_relabel_configs of its scrape job",
    )


def _cannot_be(facts: ServerFacts, name: str, metric: Metric) -> str:
    """Why a process that is scraped need not have a metric; "" where it should."""
    only = next((form.only for form in metric.forms if form.only), "")
    if only:
        return _exists_only(name, only)
    each = any(label.exposed == "alertmanager" for form in metric.forms for label in form.labels)
    if facts.no_alertmanager and metric.exposer is Exposer.PROMETHEUS and each:
        return f"{name} has a series for each Alertmanager, and the server knows none"
    return ""


def _signs(exposer: Exposer) -> frozenset[str]:
    """The series that only this process shows, without `up` and its like."""
    return frozenset(name for one in METRICS.values() if one.exposer is exposer and tells(one) for name in one.series)


def _has_target(facts: ServerFacts, deployment: Deployment, exposer: Exposer) -> bool:
    """Whether a target is this exporter's by its labels; where that cannot be told, perhaps."""
    chosen = deployment.targets.get(exposer, ())
    return not facts.up or not chosen or any(all(matches(item, up.labels) for item in chosen) for up in facts.up)


def _own_targets(facts: ServerFacts, deployment: Deployment, exposer: Exposer) -> list[Up]:
    """The targets that are this exporter's by their labels; none where nothing tells them."""
    chosen = deployment.targets.get(exposer, ())
    return [up for up in facts.up if chosen and all(matches(item, up.labels) for item in chosen)]


def _chosen(facts: ServerFacts, deployment: Deployment) -> list[Up]:
    scope = (*deployment.registry, *deployment.everywhere)
    return [up for up in facts.up if all(matches(item, up.labels) for item in scope)]


def down_targets(facts: ServerFacts, deployment: Deployment) -> tuple[Verdict, ...]:
    """Each target of the configured selector that is down, also when others are up."""
    return tuple(_down(facts, [up]) for up in _chosen(facts, deployment) if not up.healthy)


def no_target(facts: ServerFacts, deployment: Deployment) -> Verdict | None:
    """That no target is the registry's; None where one is, and where the server says nothing of targets."""
    if not facts.up or _chosen(facts, deployment):
        return None
    scope = (*deployment.registry, *deployment.everywhere)
    labels = [up.labels for up in facts.up]
    group = culprits(scope, labels)
    named = [name for name in dict.fromkeys(item.label for item in group) if values(name, labels)]
    there = "; ".join(f"the values of {name} are: {', '.join(values(name, labels)[:5])}" for name in named)
    if named in ([], ["job"]):
        there = f"the jobs are: {', '.join(values('job', labels))}"
    return Verdict(
        Status.EMPTY,
        f"no target matches {{{shown(scope)}}}; {there}",
        f"correct {deployment.setting(group)}, or add the job of prometheus/scrape.yaml",
    )


def scrape_problem(facts: ServerFacts, deployment: Deployment) -> Verdict | None:
    """What is wrong with the scrape of the registry itself; None when a healthy target shows registry metrics."""
    chosen = _chosen(facts, deployment)
    if not facts.up:
        return Verdict(
            Status.EMPTY,
            "the server scrapes no target at all",
            "add the scrape job of the generated prometheus/scrape.yaml",
        )
    if not chosen:
        return no_target(facts, deployment)
    down = [up for up in chosen if not up.healthy]
    if len(down) == len(chosen):
        return _down(facts, down)
    if any(name in facts.own for name in deployment.registry_names):
        return None
    if down:
        return _down(facts, down)
    instances = ", ".join(values("instance", [up.labels for up in chosen])[:3])
    return Verdict(
        Status.EMPTY,
        f"the target is up ({instances}) but exposes no metric of a registry",
        f"scrape the registry's debug port: {advice.DEBUG_ENDPOINT}",
    )


def _down(facts: ServerFacts, down: list[Up]) -> Verdict:
    wanted = dict(down[0].labels)
    wanted.pop("__name__", None)
    who = wanted.get("instance", "?")
    target = next((item for item in facts.targets or () if item.labels.items() <= wanted.items()), None)
    error = target.last_error if target else ""
    more = f" (and {len(down) - 1} more)" if len(down) > 1 else ""
    said = f": {error}" if error else ""
    return Verdict(Status.EMPTY, f"the target {who}{more} is down{said}", advice.repair_scrape(error))


def _wrong_flavor(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict | None:
    flavor = facts.flavor
    if flavor is None or flavor is deployment.vocabulary.flavor or flavor in metric.flavors:
        return None
    return Verdict(
        Status.EMPTY,
        f"{name} does not exist in flavor {flavor.value}, which this registry speaks",
        f'set `flavor = "{flavor.value}"` under [registry] in regobs.toml and build again',
    )


def _wrong_version(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict | None:
    """The registry that runs is older than the metric, or newer than its removal."""
    if facts.version is None or metric.form(deployment.vocabulary.flavor, facts.version) is not None:
        return None
    forms = [form for form in metric.forms if deployment.vocabulary.flavor in form.flavors]
    reason = _lifetime(forms, facts.version)
    if not reason:
        return None
    return Verdict(
        Status.EMPTY,
        f"{name} {reason}, and this registry is {facts.version}",
        f'set `version = "{facts.version}"` under [registry] in regobs.toml and build again',
    )


def _version_by_others(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict | None:
    """A registry that says no version shows metrics that ended before this one came, or that came after it ended."""
    flavor, built = deployment.vocabulary.flavor, deployment.vocabulary.version
    form = metric.form(flavor, built)
    if facts.version is not None or facts.flavor is not flavor or form is None:
        return None
    for other in METRICS.values():
        if other.exposer is not Exposer.REGISTRY or not facts.own.intersection(other.series):
            continue
        forms = [one for one in other.forms if flavor in one.flavors]
        since, until = (min(ends) if all(ends := [getattr(one, end) for one in forms]) else None for end in _ENDS)
        if form.since is not None and until is not None and until <= form.since:
            why = f"came in {form.since}, and this registry is older: it shows {other.name}, which ended in {until}"
            return Verdict(Status.EMPTY, f"{name} {why}", advice.set_version(f"below {until}"))
        if form.until is not None and since is not None and since >= form.until:
            why = f"ended in {form.until}, and this registry is newer: it shows {other.name}, which came in {since}"
            return Verdict(Status.EMPTY, f"{name} {why}", advice.set_version(f"{since} or later"))
    return None


def _lifetime(forms: list[Form], version: Version) -> str:
    later = [form.since for form in forms if form.since is not None and form.since > version]
    if later:
        return f"exists since {min(later)}"
    ended = [form.until for form in forms if form.until is not None and form.until <= version]
    return f"was removed in {max(ended)}" if ended else ""


def _wrong_language(facts: ServerFacts, name: str, metric: Metric) -> Verdict | None:
    if metric.component != "go_runtime" or python_runtime.INFO.name not in facts.own:
        return None
    return Verdict(Status.LEFT_OUT, f"{name} is of the Go runtime, and this registry is written in Python")


def _not_filled(facts: ServerFacts, deployment: Deployment, name: str, metric: Metric) -> Verdict | None:
    """Its capability is off, or no event happened yet."""
    form = metric.form(deployment.vocabulary.flavor, deployment.vocabulary.version)
    if form is None:
        return None
    needs = form.needs
    if needs is not None and not form.always_exposed and not deployment.names_of(needs) & facts.own:
        change = advice.turn_on(needs, deployment.vocabulary.flavor)
        if deployment.names_of(needs, certain=True):
            return Verdict(
                Status.EMPTY,
                f"{name} needs {needs.value}, which is off in this registry: none of its series exists",
                change,
            )
        reason = f"{name} appears with its first event: there was none yet, or {needs.value} is off"
        return Verdict(Status.QUIET, reason, f"if it is off: {change}")
    if form.only and needs is not None and deployment.names_of(needs) & facts.own:
        return Verdict(Status.LEFT_OUT, _exists_only(name, form.only))
    if form.absent_until_observed:
        return Verdict(Status.QUIET, f"{name} appears with its first event, and there was none yet")
    lacking = f"{name} is not in this registry: {form.may_lack}"
    return Verdict(Status.LEFT_OUT, lacking) if form.may_lack else None


def _exists_only(name: str, where: str) -> str:
    return f"{name} exists only {where}, which is not so here"


def _unexplained(facts: ServerFacts, name: str) -> Verdict:
    if name in facts.known:
        return Verdict(
            Status.EMPTY,
            f"{name} was there before and is gone: its target went away or was relabelled",
            "look at the targets of the server and at relabel_configs",
        )
    return Verdict(
        Status.EMPTY,
        f"the registry is scraped, but {name} is not among its metrics",
        "run `regobs catalog check URL/metrics` on it: an allow-list in metric_relabel_configs may drop it",
    )


def rule_problem(facts: ServerFacts, name: str) -> Verdict | None:
    """What is wrong with the rule that records a name; None when it is loaded and was evaluated without error."""
    load = facts.load
    if facts.elsewhere:
        return Verdict(
            Status.EMPTY,
            f"the recorded series {name} is missing, though others of this build are written here",
            "load all rules of one build where they are evaluated",
        )
    if facts.rules is None:
        return Verdict(
            Status.EMPTY,
            f"the recorded series {name} is missing, and this server does not show its rules",
            f"on the server that evaluates rules: {load}",
        )
    rules = facts.rules.get(name, ())
    if not rules:
        stale = " any more" if name in facts.known else ""
        return Verdict(Status.EMPTY, f"no loaded rule records {name}{stale}", load)
    failed = next((rule for rule in rules if rule.health == "err"), None)
    if failed is not None:
        return Verdict(
            Status.EMPTY,
            f"the rule of {name} fails: {failed.last_error}",
            "correct what the error names; rules of two builds loaded together cause duplicates",
        )
    if all(rule.last_evaluation is None or rule.health == "unknown" for rule in rules):
        return Verdict(Status.QUIET, f"the rule of {name} was not evaluated yet", "wait one evaluation interval")
    return None
