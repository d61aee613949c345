"""Asking a server for the facts, each kind once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TypeVar, cast

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor, Metric, Version
from regobs.doctor.diagnosis import series_name
from regobs.doctor.facts import Deployment, Series, ServerFacts, Up
from regobs.doctor.matching import shown
from regobs.doctor.removed import EXPORTED
from regobs.errors import PromqlError, ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.state import LoadedRule, Target
from regobs.promql.nodes import Expr, Matcher
from regobs.promql.printer import to_text
from regobs.promql.walk import ranges, selectors

_LONGEST_NAMES = 8_000  # characters; VictoriaMetrics refuses a query of more than 16 KiB
THREADS = 6  # a Prometheus evaluates 20 queries at once by default; we leave most of them to others
T = TypeVar("T")
R = TypeVar("R")


Progress = Callable[[int, int], None]


def concurrently(work: Callable[[T], R], items: Sequence[T], progress: Progress | None = None) -> list[R]:
    """The results in order, a few at a time; `progress` is told how many of how many there are.

    The first failure is raised at once, and so is Ctrl-C: requests that still wait for a server then are left to
    threads that nobody waits for, not even the end of the process.
    """
    waiting = iter(range(len(items)))
    lock, stopped = Lock(), Event()
    finished: SimpleQueue[tuple[int, R | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        while not stopped.is_set():
            with lock:
                index = next(waiting, None)
            if index is None:
                return
            try:
                finished.put((index, work(items[index]), None))
            except BaseException as error:  # noqa: BLE001 - it is raised where the results are waited for
                finished.put((index, None, error))

    for _ in range(min(THREADS, len(items))):
        Thread(target=run, daemon=True).start()
    found: dict[int, R] = {}
    try:
        for done in range(1, len(items) + 1):
            index, result, error = finished.get()
            if error is not None:
                raise error
            found[index] = cast("R", result)
            if progress is not None:
                progress(done, len(items))
    finally:
        stopped.set()
    return [found[index] for index in range(len(items))]


def gather(prometheus: Prometheus, deployment: Deployment, exprs: Iterable[Expr]) -> ServerFacts:
    """The facts without `series` and `sparse`, which `add_series` and `add_sparse` bring for those that need them."""
    up = tuple(Up(item.labels, healthy=item.value == 1) for item in prometheus.query("up").samples)
    rules = _rules(prometheus)
    asked = {name for expr in exprs for name in names_in(expr)}
    names = asked | recorded_inputs(deployment, rules, asked)
    names |= {series for metric in METRICS.values() for series in metric.series}
    own_scope = (*deployment.registry, *deployment.everywhere)
    own = _live(prometheus, names, own_scope)
    return ServerFacts(
        live=_live(prometheus, names, ()),
        own=own,
        known=frozenset(prometheus.label_values("__name__")),
        up=up,
        targets=_targets(prometheus),
        rules=rules,
        version=version_of(prometheus, own_scope),
        flavor=flavor_of(prometheus, own, own_scope),
    )


def names_in(expr: Expr) -> set[str]:
    """The series names that an expression reads."""
    return {name for name in map(series_name, selectors(expr)) if name is not None}


def recorded_inputs(
    deployment: Deployment, rules: Mapping[str, tuple[LoadedRule, ...]] | None, names: Iterable[str]
) -> set[str]:
    """The names that the loaded rules of these names read, and the rules of those, to the end."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        for rule in (rules or {}).get(todo.pop(), ()):
            new = {name for expr in _parsed(deployment, [rule.query]) for name in names_in(expr)} - found
            found |= new
            todo += new
    return found


def _live(prometheus: Prometheus, names: Iterable[str], scope: Sequence[Matcher]) -> frozenset[str]:
    found: set[str] = set()
    for text in name_patterns(names):
        matchers = ", ".join(filter(None, (f'__name__=~"{text}"', shown(scope))))
        answer = prometheus.query(f"group by (__name__) ({{{matchers}}})")
        found |= {sample.labels["__name__"] for sample in answer.samples}
    return frozenset(found)


def name_patterns(names: Iterable[str]) -> Iterator[str]:
    """The names as regular expressions, none of them longer than a server takes."""
    text = ""
    for name in sorted(names):
        if text and len(text) + len(name) >= _LONGEST_NAMES:
            yield text
            text = ""
        text = f"{text}|{name}" if text else name
    if text:
        yield text


def _targets(prometheus: Prometheus) -> tuple[Target, ...] | None:
    try:
        return prometheus.targets()
    except ServerError:  # not offered, or forbidden: the diagnosis says less, and still something
        return None


def _rules(prometheus: Prometheus) -> dict[str, tuple[LoadedRule, ...]] | None:
    try:
        groups = prometheus.rules()
    except ServerError:
        return None
    rules: dict[str, tuple[LoadedRule, ...]] = {}
    for group in groups:
        for rule in group.rules:
            rules[rule.name] = (*rules.get(rule.name, ()), rule)
    return rules


def version_of(prometheus: Prometheus, scope: Sequence[Matcher]) -> Version | None:
    """The oldest version that runs: what it lacks, the dashboards lack."""
    versions = []
    for metric in METRICS.values():
        if metric.component == "build_info" and metric.exposer is Exposer.REGISTRY:
            for sample in prometheus.query(f"group by (version) ({metric.name}{{{shown(scope)}}})").samples:
                try:
                    versions.append(Version.parse(sample.labels.get("version", "")))
                except ValueError:  # a build without a version says `unknown`
                    continue
    return min(versions, default=None)


def flavor_of(prometheus: Prometheus, own: frozenset[str], scope: Sequence[Matcher]) -> Flavor | None:
    """The flavor of what is scraped: by a label that only one flavor's form has, else by metrics only one has."""
    for metric in METRICS.values():
        name = next((name for name in metric.series if name in own), None)
        marks = _marks(metric)
        if name is not None and metric.exposer is Exposer.REGISTRY and any(marks.values()):
            present = set(prometheus.label_names(f"{name}{{{shown(scope)}}}"))
            fitting = [flavor for flavor, labels in marks.items() if labels & present]
            if len(fitting) == 1:
                return fitting[0]
    counts = [(sum(_only(metric, flavor, own) for metric in METRICS.values()), flavor) for flavor in Flavor]
    most = max(count for count, _ in counts)
    best = [flavor for count, flavor in counts if count == most]
    return best[0] if most and len(best) == 1 else None


def _marks(metric: Metric) -> dict[Flavor, set[str]]:
    """The labels by which a flavor's form of a metric is told from the others; none where only one flavor has it."""
    forms = {flavor: metric.form(flavor) for flavor in metric.flavors}
    labels = {flavor: {label.exposed for label in form.labels} for flavor, form in forms.items() if form}
    others = {flavor: set().union(*(labels[other] for other in labels if other is not flavor)) for flavor in labels}
    return {flavor: own - others[flavor] for flavor, own in labels.items()} if len(labels) > 1 else {}


def _only(metric: Metric, flavor: Flavor, own: frozenset[str]) -> bool:
    return (
        metric.exposer is Exposer.REGISTRY
        and metric.flavors == (flavor,)
        and any(name in own for name in metric.series)
    )


def add_series(
    prometheus: Prometheus, deployment: Deployment, facts: ServerFacts, exprs: Sequence[Expr]
) -> ServerFacts:
    """The facts with the labels of every live name that these expressions, or rules below them, read.

    A name whose last series ended since `gather` asked is not live any more.
    """
    names = {name for expr in exprs for name in names_in(expr)}
    names |= recorded_inputs(deployment, facts.rules, names)
    below = [rule.query for name in sorted(names) for rule in (facts.rules or {}).get(name, ())]
    asked: dict[str, set[str]] = {}
    for expr in (*exprs, *_parsed(deployment, below)):
        for selector in selectors(expr):
            live = series_name(selector)
            if live is not None and live in facts.live:
                labels = {item.label for item in selector.matchers} - {"__name__"}
                asked.setdefault(live, set()).update(labels, {f"{EXPORTED}{label}" for label in labels})
    todo = sorted(asked)
    found = dict(zip(todo, concurrently(lambda name: _series(prometheus, name, asked[name]), todo), strict=True))
    ended = {name for name, series in found.items() if not series.combinations}  # since `gather` saw them
    return replace(
        facts,
        live=facts.live - ended,
        own=facts.own - ended,
        series={**facts.series, **{name: series for name, series in found.items() if name not in ended}},
    )


def _parsed(deployment: Deployment, texts: Iterable[str]) -> list[Expr]:
    exprs = []
    for text in texts:
        try:
            exprs.append(deployment.parse(text))
        except PromqlError:  # a rule that is not ours and uses what we do not read
            continue
    return exprs


def _series(prometheus: Prometheus, name: str, asked: set[str]) -> Series:
    metric = Deployment.metric(name)
    known = {label.exposed for form in metric.forms for label in form.labels} if metric else set()
    by = sorted(asked | known - {"le"})
    answer = prometheus.query(f"group by ({', '.join(by)}) ({name})")
    combinations = tuple(dict(sample.labels) for sample in answer.samples)
    # The index keeps label names of series that ended; of those asked for, only what a live series has counts.
    live = {label for labels in combinations for label in labels}
    labels = {label for label in prometheus.label_names(name) if label not in by} | live
    return Series(frozenset(labels), combinations)


def add_sparse(prometheus: Prometheus, facts: ServerFacts, exprs: Iterable[Expr]) -> ServerFacts:
    """The facts with the range vectors of these expressions that have too few samples for a rate."""
    texts = sorted({to_text(node) for expr in exprs for node in ranges(expr)})
    answers = concurrently(lambda text: prometheus.query(f"max(count_over_time({text}))"), texts)
    # No answer is no sample: of a server that is minutes old, no step of a subquery may have come yet.
    counts = {
        text: answer.samples[0].value if answer.samples else 0 for text, answer in zip(texts, answers, strict=True)
    }
    return replace(facts, sparse=facts.sparse | {text for text, count in counts.items() if count < 2})
