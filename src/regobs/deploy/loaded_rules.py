"""Whether a server has loaded the rules that were deployed, and not those of before.

A server shows each rule at /api/v1/rules in its own way: Prometheus, Thanos and Cortex print expressions anew, Thanos
sorts the rules of a group, and each may add labels. What only looks different is no difference, and what cannot be
compared is taken for equal: a deployment that is well must not be called broken.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from regobs.catalog.prometheus_server import CONFIG_LOADED
from regobs.documents import load_yaml
from regobs.errors import PromqlError, RulesError, ServerError
from regobs.grafana.compare import same_query
from regobs.prometheus import LoadedRule, Prometheus, RuleGroup
from regobs.promql import parse
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Aggregate, Binary, Expr, Matcher, MatchOp, Number, Selector, Unary
from regobs.promql.printer import to_text
from regobs.promql.walk import rebuild, selectors

Rule = Mapping[str, Any]
GroupKey = tuple[str, str]  # the file of a group, and its name
_POLL = 0.25
_RELOADS = 5.0  # seconds in which a server reads its files again, after which its metrics tell of this time
# Prometheus, vmalert and Thanos Ruler call it alike behind their own names.
_RELOADED = re.compile(rf"^\w+{CONFIG_LOADED.name.removeprefix('prometheus')}(?:\{{[^}}\n]*\}})? ([01])$", re.MULTILINE)
_LONGEST = 200  # characters of an expression or a text in an error


def groups_of(objects: Mapping[str, bytes]) -> Iterator[tuple[GroupKey, Sequence[Rule]]]:
    """Each group of rule files by its file and name, with its rules. Raises RulesError."""
    for name, content in objects.items():
        if name.endswith((".yaml", ".yml")):
            data = load_yaml(content, name, error=RulesError).data or {}
            for group in data.get("groups") or ():
                yield (name, str(group["name"])), group.get("rules") or ()


def gone_groups(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[GroupKey]:
    """The groups that a change of rule files takes away; of a file that is none no groups are known."""
    return _known(before) - _known(after)


def _known(objects: Mapping[str, bytes]) -> set[GroupKey]:
    found: set[GroupKey] = set()
    for name, content in objects.items():
        with suppress(RulesError, KeyError, TypeError, AttributeError):
            found.update(key for key, _ in groups_of({name: content}))
    return found


def await_groups(
    server: Prometheus,
    expected: Mapping[GroupKey, Sequence[Rule]],
    file_of: Callable[[RuleGroup], str | None],
    *,
    gone: Collection[GroupKey] = (),
    namespace: str = "",
    patience: float,
    sleep: Callable[[float], None],
) -> None:
    """Wait until these groups, by file and name, are in use as they are here and well, and those of `gone` no longer.

    `file_of` says which file a loaded group is of, None for a group of others. `namespace` is one by which an operator
    may have narrowed expressions. Raises ServerError after `patience` seconds, at once where a rule fails, and
    soon where the server says that it could not read its files.
    """
    begun, start = time.time(), time.monotonic()
    wait, look = start + patience, start + _RELOADS
    while True:
        found = _unwell(
            _loaded(server, file_of), expected, gone, begun + server.clock.ahead, namespace
        )  # evaluations have server times
        if found is None:
            return
        what, hopeless = found
        if not hopeless and time.monotonic() >= look:
            look += _RELOADS
            hopeless = reload_failed(server)
            what += "; its own metrics say that it could not read its files again" if hopeless else ""
        if hopeless or time.monotonic() >= wait:
            raise ServerError(
                "the rules are not in use as they should be",
                value=f"{server.url}: {what}",
                expected="every group loaded as it was deployed, and each rule evaluated once without an error",
                next_step="correct the rule; or see that the server reads its rules from where they are put, and its "
                "log: it goes on with the old ones where it cannot read one of its files",
            )
        sleep(_POLL)


def not_loaded(
    server: Prometheus, expected: Mapping[GroupKey, Sequence[Rule]], file_of: Callable[[RuleGroup], str | None]
) -> str:
    """What of these groups is not loaded as it is here, "" for nothing; see `await_groups`. Raises ServerError."""
    mine = _loaded(server, file_of)
    return next((what for key, rules in expected.items() if (what := _unloaded(mine, key, rules))), "")


def _loaded(server: Prometheus, file_of: Callable[[RuleGroup], str | None]) -> dict[GroupKey, RuleGroup]:
    return {(file, group.name): group for group in server.rules() if (file := file_of(group)) is not None}


def _unloaded(mine: Mapping[GroupKey, RuleGroup], key: GroupKey, rules: Sequence[Rule], namespace: str = "") -> str:
    if key not in mine or len(mine[key].rules) != len(rules):
        return f"the group {key[1]} of {key[0]} is not loaded"
    other = otherwise(rules, mine[key].rules, namespace)
    return f"the group {key[1]} of {key[0]} is loaded otherwise than it was deployed: {other}" if other else ""


def reload_failed(server: Prometheus) -> bool:
    """Whether the metrics of a server say that it could not read its rules or configuration when it last tried to.

    vmalert answers 200 to a reload before it tries (app/vmalert/main.go). Raises ServerError.
    """
    return any(float(value) == 0 for value in _RELOADED.findall(server.own_metrics()))


def _unwell(
    mine: Mapping[GroupKey, RuleGroup],
    expected: Mapping[GroupKey, Sequence[Rule]],
    gone: Collection[GroupKey],
    begun: float,
    namespace: str,
) -> tuple[str, bool] | None:
    """What is not well yet, and whether it will stay so; None when all is."""
    for key, rules in expected.items():
        if what := _unloaded(mine, key, rules, namespace):
            return what, False
        for rule in mine[key].rules:
            if rule.health == "err":
                return f"{rule.name} fails: {rule.last_error}", True
            if rule.health != "ok" or (rule.last_evaluation or 0) < begun - 1:
                return f"{rule.name} of the group {key[1]} was not evaluated yet", False
    extra = next((key for key in mine if key in gone), None)
    return (f"the group {extra[1]} of {extra[0]} is still loaded", False) if extra else None


def otherwise(deployed: Sequence[Rule], loaded: Sequence[LoadedRule], namespace: str = "") -> str:
    """What of the rules of a group is loaded otherwise than it was deployed; "" where nothing is.

    Rules are found by their name, in whatever order: each that was deployed is loaded, and each that is loaded was
    deployed.
    """
    named: dict[tuple[str, str], list[LoadedRule]] = {}
    for one in loaded:
        named.setdefault((one.kind, one.name), []).append(one)
    seen: set[int] = set()
    for rule in deployed:
        kind = "alerting" if "alert" in rule else "recording"
        name = str(rule.get("alert") or rule.get("record"))
        those = named.get((kind, name))
        if not those:
            return f"{name} is not there"
        faults = [_differs(rule, one, namespace) for one in those]
        if all(faults):
            return f"{name}: {faults[0]}"
        seen.update(id(one) for one, fault in zip(those, faults, strict=True) if not fault)
    extra = next((one for one in loaded if id(one) not in seen), None)
    return f"{extra.name}: nothing like it was deployed" if extra is not None else ""


def _differs(rule: Rule, loaded: LoadedRule, namespace: str) -> str:
    expr = str(rule.get("expr", ""))
    if not same_meaning(expr, loaded.query, namespace):
        return f"its expression is {_short(loaded.query)}, not {_short(expr)}"
    if loaded.kind == "alerting":
        hold, keep = _seconds(rule.get("for")), _seconds(rule.get("keep_firing_for"))
        if hold is not None and abs(hold - loaded.duration) > 0.001:
            return f"its `for` is {loaded.duration:g} s, not {hold:g} s"
        if keep is not None and loaded.keep and abs(keep - loaded.keep) > 0.001:  # older servers do not say it
            return f"its `keep_firing_for` is {loaded.keep:g} s, not {keep:g} s"
    for name, text in _texts(rule.get("labels")):
        if loaded.labels.get(name) != text:  # a server may add others
            return f"its label {name} is {_short(loaded.labels.get(name, ''))!r}, not {_short(text)!r}"
    if loaded.annotations:  # a server that shows any shows them as they were written
        for name, text in _texts(rule.get("annotations")):
            there = loaded.annotations.get(name, "")
            if there.split() != text.split():
                return f"its annotation {name} is {_short(there)!r}, not {_short(text)!r}"
    return ""


def _texts(values: Any) -> Iterator[tuple[str, str]]:
    """Labels or annotations that are texts: how a server writes what YAML takes for a number is not known."""
    for name, text in (values or {}).items():
        if isinstance(text, str) and text:
            yield str(name), text


def _seconds(value: Any) -> float | None:
    """The seconds of a duration, 0 where there is none; None for what we cannot read."""
    if value in (None, "", 0):
        return 0.0
    read = read_duration(str(value))
    return read.ms / 1000 if read is not None and not read.macro else None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def same_meaning(deployed: str, loaded: str, namespace: str = "") -> bool:
    """Whether a server evaluates the expression that was deployed, however it writes it.

    True where one of the two cannot be parsed, such as MetricsQL as a server prints it: that cannot be compared then,
    and the name of the rule is all that is looked at.
    """
    if deployed.split() == loaded.split():
        return True
    try:
        ours, theirs = parse(deployed), parse(loaded)
        return (
            same_query(deployed, loaded)
            or _same(ours, theirs)
            or (bool(namespace) and _same(*_widened(ours, theirs, namespace)))
        )
    except PromqlError:
        return True


def _same(ours: Expr, theirs: Expr) -> bool:
    return same_query(to_text(_plain(ours)), to_text(_plain(theirs)))


def _plain(expr: Expr) -> Expr:
    """An expression with numbers as a server holds them, which is in 64 bits, with their signs, and names as names."""
    if isinstance(expr, Number):
        return _number(expr.value)
    if isinstance(expr, Selector):
        return _named(expr)
    found = rebuild(expr, _plain)
    if isinstance(found, Aggregate) and found.labels == () and not found.without:
        return replace(found, labels=None)  # Prometheus prints `sum by () (up)` as `sum(up)`
    if isinstance(found, Binary) and found.ignoring == ():
        return replace(found, ignoring=None, group="", include=())  # and leaves out what ignores nothing
    if isinstance(found, Unary) and isinstance(found.expr, Number):
        return Number(-found.expr.value if found.op == "-" else found.expr.value)
    return found


def _number(value: Decimal) -> Number:
    return Number(Decimal(repr(float(value))) if value.is_finite() else value)


def _named(selector: Selector) -> Selector:
    """`{__name__="up"}` as `up`."""
    if selector.metric is not None:
        return selector
    names = [one for one in selector.matchers if one.label == "__name__" and one.op is MatchOp.EQUAL]
    if len(names) != 1:
        return selector
    rest = tuple(one for one in selector.matchers if one is not names[0])
    return replace(selector, metric=names[0].value, matchers=rest)


def _widened(ours: Expr, theirs: Expr, namespace: str) -> tuple[Expr, Expr]:
    """Both without the matchers that prometheus-operator puts into each selector (enforcedNamespaceLabel)."""
    labels = {
        one.label
        for selector in selectors(theirs)
        for one in selector.matchers
        if one.op is MatchOp.EQUAL and one.value == namespace
    }

    def kept(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        return tuple(one for one in matchers if one.label not in labels)

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector):
            return replace(node, matchers=kept(node.matchers))
        return rebuild(node, visit)

    return visit(ours), visit(theirs)
