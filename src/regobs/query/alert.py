"""An alert taken apart: which of its conditions hold now, and how near the others are to it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regobs.common.closest import did_you_mean
from regobs.errors import PromqlError, RulesError
from regobs.prometheus.state import LoadedRule, RuleGroup
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.infer import infer
from regobs.promql.nodes import Binary, Call, Duration, Expr, Number, Paren
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.types import Type
from regobs.promql.walk import strip_parens

if TYPE_CHECKING:
    from regobs.slo.outputs import CompiledRules

_GAP = "..."
_FILLED = re.compile(r"\{\{[^{}]{0,500}\}\}")  # a value or a label, by Prometheus
_SETS = frozenset({"and", "or", "unless"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_FROM_BELOW = frozenset({">", ">="})
_FROM_ABOVE = frozenset({"<", "<="})
Series = Sequence[tuple[Mapping[str, str], float]]
Ask = Callable[[str], Series]


@dataclass(frozen=True, slots=True)
class AskedAlert:
    """One rule of an alert. `hold` is its `for` as text, `keep` its `keep_firing_for`, empty where it has none.

    `labels` and `annotations` are what the rule adds.
    """

    name: str
    expr: str
    hold: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    keep: str = ""

    @property
    def title(self) -> str:
        """What tells it from other rules of the same name."""
        words = [self.labels[label] for label in ("slo", "tier") if label in self.labels]
        return " ".join([self.name, *words])

    @property
    def when(self) -> str:
        """When it fires, as half a sentence."""
        hold = read_duration(self.hold)
        begin = f"once its condition has held for {self.hold}" if hold and hold.ms else "as soon as its condition holds"
        return f"fires {begin}" + (f", and {self.keep} longer than it holds" if self.keep else "")


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of an alert's expression.

    `series` is how many it leaves now. Of a comparison `value` is that of the series that is nearest to firing, of
    `values` series, and `limit` what it is compared with; both are None elsewhere and where there is no data.
    """

    branch: str
    head: str
    text: str
    series: int
    values: int | None = None
    value: float | None = None
    limit: float | None = None
    type: Type | None = None


def pack_alerts(compiled: CompiledRules) -> list[AskedAlert]:
    """The alerts of a pack in the names of a deployment, those of its SLOs first."""
    groups = [one.group for one in compiled.slos] + [group for file in compiled.rule_files for group in file.groups]
    rules = [rule for group in groups for rule in group["rules"]]
    return [
        AskedAlert(
            rule["alert"],
            rule["expr"],
            rule["for"],
            rule["labels"],
            rule["annotations"],
            rule.get("keep_firing_for", ""),
        )
        for rule in rules
        if "alert" in rule
    ]


def alert_list(alerts: Sequence[AskedAlert]) -> list[list[str]]:
    """Name, severities and summary of each alert. What differs between its rules, or is filled in, is `...`."""
    found: dict[str, list[AskedAlert]] = {}
    for one in alerts:
        found.setdefault(one.name, []).append(one)
    return [[name, ", ".join(_severities(rules)), _common_summary(rules)] for name, rules in found.items()]


def _severities(rules: Sequence[AskedAlert]) -> list[str]:
    return list(dict.fromkeys(one.labels["severity"] for one in rules))


def _common_summary(rules: Sequence[AskedAlert]) -> str:
    """The words that the summaries begin and end with."""
    texts = list(dict.fromkeys(_FILLED.sub(_GAP, one.annotations["summary"]).strip() for one in rules))
    words = [text.split() for text in texts]
    if len(words) == 1:
        return " ".join(words[0])
    head = _agreed(words)
    tail = _agreed([one[len(head) :][::-1] for one in words])[::-1]
    return " ".join([*head, _GAP, *tail])


def _agreed(words: Sequence[Sequence[str]]) -> list[str]:
    """What all the lists begin with."""
    same = itertools.takewhile(lambda at: len(set(at)) == 1, zip(*words, strict=False))
    return [at[0] for at in same]


def server_alerts(groups: Sequence[RuleGroup]) -> list[AskedAlert]:
    """The alerts that a server has loaded, whoever wrote them."""
    return [
        AskedAlert(rule.name, rule.query, _seconds(rule.duration), rule.labels, rule.annotations, _kept(rule))
        for group in groups
        for rule in group.rules
        if rule.kind == "alerting"
    ]


def _seconds(seconds: float) -> str:
    return duration_text(Duration(round(seconds * 1000))) if seconds else "0s"


def _kept(rule: LoadedRule) -> str:
    return _seconds(rule.keep) if rule.keep else ""


def chosen_alerts(
    name: str, slo: str | None, *sources: Sequence[AskedAlert], left_out: Mapping[str, str] | None = None
) -> list[AskedAlert]:
    """The rules of an alert from the first source that has it. Raises RulesError, with what is near, when none has.

    `left_out` has the alerts that the settings take out of the pack, and why.
    """
    for source in sources:
        found = [rule for rule in source if rule.name == name]
        narrowed = [rule for rule in found if slo is None or rule.labels.get("slo") == slo]
        if narrowed:
            return narrowed
        if found:
            slos = sorted({rule.labels["slo"] for rule in found if "slo" in rule.labels})
            raise RulesError(
                f"{name} has no rule for this SLO",
                value=slo,
                expected=", ".join(slos) or "no SLO: it is no burn-rate alert",
                next_step=did_you_mean(slo or "", slos, "leave out --slo"),
            )
    if left_out and name in left_out:
        raise RulesError(
            "the settings leave this alert out of the pack, and the server does not have it",
            value=name,
            expected=f"what it asks for; {left_out[name]}",
            next_step="if the registry has it, add it to `capabilities` under [registry] in regobs.toml",
        )
    names = sorted({rule.name for source in sources for rule in source} | set(left_out or ()))
    raise RulesError(
        "there is no alert of this name, neither in the pack nor on the server",
        value=name,
        expected="an alert of the list that `regobs query alert` prints",
        next_step=did_you_mean(name, names, "`regobs query alert` lists them"),
    )


def conditions(expr: str, ask: Ask) -> list[Condition]:
    """The parts that `and`, `or` and `unless` join, parents first, each asked by itself. Raises PromqlError."""
    return [_condition(branch, node, ask) for branch, node in _tree(parse(expr), "", "")]


def _tree(node: Expr, first: str, others: str) -> Iterator[tuple[str, Expr]]:
    node = strip_parens(node) if isinstance(node, Paren) else node
    yield first, node
    if not isinstance(node, Binary) or node.op not in _SETS:
        return
    below = list(_joined(node, node.op))
    for place, part in enumerate(below):
        last = place == len(below) - 1
        yield from _tree(part, others + ("└─ " if last else "├─ "), others + ("   " if last else "│  "))


def _joined(node: Expr, op: str) -> Iterator[Expr]:
    """`a and b and c` as three parts; what `unless` takes away stands beside what it is taken from."""
    inner = strip_parens(node)
    if isinstance(inner, Binary) and inner.op == op:
        yield from _joined(inner.left, op)
        yield inner.right
    else:
        yield node


def _condition(branch: str, node: Expr, ask: Ask) -> Condition:
    text = to_text(node)
    series = ask(text)
    if isinstance(node, Binary) and node.op in _SETS:
        words = [node.op, *([f"on ({', '.join(node.on)})"] if node.on is not None else [])]
        return Condition(branch, " ".join(words), text, len(series))
    plain = Condition(branch, text, text, len(series))
    if isinstance(node, Call) and node.function == "absent":
        looked_for = ask(to_text(node.args[0]))
        return Condition(branch, text, text, len(series), len(looked_for))
    if not isinstance(node, Binary) or node.op not in _COMPARISONS:
        return plain
    values, pairs = _compared(node, ask)
    if not pairs:
        return Condition(branch, text, text, len(series), len(values), type=_type(node.left))
    value, limit = _nearest(node.op, pairs)
    return Condition(branch, text, text, len(series), len(values), value, limit, _type(node.left))


def _compared(node: Binary, ask: Ask) -> tuple[Series, list[tuple[float, float]]]:
    """The series on the left, and each value with the limit that it is compared with: of the same labels."""
    values, right = ask(to_text(node.left)), strip_parens(node.right)
    if isinstance(right, Number):
        return values, [(value, float(right.value)) for _, value in values]
    limits = ask(to_text(node.right))
    if _scalar(right):
        return values, [(value, limit) for _, value in values for _, limit in limits]
    if _scalar(strip_parens(node.left)):
        return limits, [(value, limit) for _, value in values for _, limit in limits]
    matched: dict[frozenset[tuple[str, str]], list[float]] = {}
    for labels, limit in limits:
        matched.setdefault(_matching(node, labels), []).append(limit)
    return values, [(value, limit) for labels, value in values for limit in matched.get(_matching(node, labels), ())]


def _scalar(node: Expr) -> bool:
    found = _type(node)
    return found is not None and found.value == "scalar"


def _matching(node: Binary, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What of a series' labels has to be equal on both sides of an operator."""
    if node.on is not None:
        return frozenset((name, labels[name]) for name in node.on if labels.get(name))
    left_out = {"__name__", *(node.ignoring or ())}
    return frozenset((name, value) for name, value in labels.items() if name not in left_out)


def _nearest(op: str, pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The value that is nearest to making the comparison true, and the limit that it would have to pass."""

    def missing(pair: tuple[float, float]) -> float:
        value, limit = pair
        if value == limit:  # also where both are infinite
            return 0.0
        return limit - value if op in _FROM_BELOW else value - limit if op in _FROM_ABOVE else abs(value - limit)

    known = [pair for pair in pairs if not any(map(math.isnan, pair))] or list(pairs)
    return min(known, key=missing)


def _type(node: Expr) -> Type | None:
    try:
        return infer(node, exact=True)
    except PromqlError:
        return None
