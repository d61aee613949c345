"""The check of labels in a configuration of Alertmanager that are one letter from one that alerts have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from regobs.documents import Steps
from regobs.lint.alert_routes import inhibitions, places, static_labels
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.labels import result_labels
from regobs.lint.subjects import LintedRouting

# What alerts have by Prometheus itself, by the objects of Kubernetes, and by what most teams add.
_WELL_KNOWN = frozenset(
    """
    alertname severity job instance namespace cluster service pod container node region zone environment team host
    hostname deployment statefulset daemonset component application priority receiver datacenter
    """.split()  # noqa: SIM905 - words
)
_LONG = 6  # letters from which one that is missing, too many or another one makes no other word


@check("misspelt-label", Severity.WARNING, CheckSubject.ROUTING)
def misspelt_label(routing: LintedRouting) -> Iterator[LintProblem]:
    """A route groups by, or a route or an inhibition asks for, a label that is one letter from one that alerts have.

    Why: no alert has it: alerts of everything are told as one group, a route takes none, an inhibition compares none.

    Wrong:
        route:
          receiver: tickets
          group_by: [alertnmae, job]
        receivers: [{name: tickets}]
    Right:
        route:
          receiver: tickets
          group_by: [alertname, job]
        receivers: [{name: tickets}]
    """
    known = frozenset(_own_labels(routing)) | _WELL_KNOWN
    meant: dict[str, str] = {}
    for path, label in _used(routing):
        if label not in known and label not in meant:
            meant[label] = _meant(label, known)
        if found := meant.get(label):
            yield routing.problem(path, f"no alert has a label {label}", f"did you mean {found}?")


def _own_labels(routing: LintedRouting) -> Iterator[str]:
    """The labels that the alerts beside it have, and those that their expressions name."""
    for rule in routing.context.alerts:
        yield from static_labels(rule)
        yield from result_labels(rule.query) or ()
        for node in rule.query.selectors if rule.query is not None else ():
            yield from (one.label for one in node.matchers)


def _used(routing: LintedRouting) -> Iterator[tuple[Steps, str]]:
    for place in places(routing):
        yield from ((one.path, one.label) for one in place.own)
        if place.path[:1] == ("route",):
            yield from _listed(routing, place.path, ("group_by", "groupBy"))
    for path, _ in inhibitions(routing):
        yield from _listed(routing, path, ("equal",))


def _listed(routing: LintedRouting, path: Steps, keys: Iterable[str]) -> Iterator[tuple[Steps, str]]:
    data = routing.data
    for step in path:
        data = data[step]  # type: ignore[index]  # a step of a list is a number
    for key in keys:
        listed = data.get(key)
        for index, label in enumerate(listed if isinstance(listed, list) else ()):
            yield (*path, key, index), str(label)


def _meant(label: str, known: Iterable[str]) -> str:
    """The label that one of another name is certainly meant as; its plural, or one with a number, is another one."""
    if any(char.isdigit() or char == "_" for char in label):
        return ""
    near = (
        one
        for one in sorted(known)
        if abs(len(one) - len(label)) <= 1 and label not in {f"{one}s", one.removesuffix("s")}
    )
    return next((one for one in near if is_slip(label, one)), "")


def is_slip(written: str, meant: str) -> bool:
    """Whether two neighbours are swapped, or in a long word one letter is missing, too many or another one."""
    start = next((at for at, pair in enumerate(zip(written, meant, strict=False)) if pair[0] != pair[1]), -1)
    if start < 0:
        return len(meant) >= _LONG and len(written) != len(meant)
    first, second = written[start:], meant[start:]
    if len(first) == len(second) and first[:2] == second[1::-1] and first[2:] == second[2:]:
        return len(meant) > 2
    other = first[1:] == second[1:] or first == second[1:] or first[1:] == second
    return other and len(meant) >= _LONG
