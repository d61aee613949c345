"""What differs in meaning between two sets of rule files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from regobs.deploy.lost_labels import OF_ALERT, OF_SERIES, REMOVED_LABEL, RuleLabels, lost_labels, touched
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.documents import load_yaml
from regobs.errors import PromqlError, RulesError
from regobs.grafana.compare import same_query
from regobs.promql import parse
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Expr, Number
from regobs.promql.walk import rebuild

Rule = Mapping[str, Any]
_SILENT = ("labels", "annotations")
KEPT_NAMES = "registry:kept_names"  # the group of series that are recorded under their old names too


@dataclass(frozen=True, slots=True)
class _PlacedRule:
    """A rule with its group; `key` tells it from others of the same name."""

    group: str
    rule: Rule
    interval: str

    @property
    def kind(self) -> str:
        return "alert" if "alert" in self.rule else "record"

    @property
    def name(self) -> str:
        return str(self.rule.get("alert") or self.rule.get("record"))

    @property
    def key(self) -> tuple[str, ...]:
        """An alert of an SLO has its tier and SLO among its labels, which tell it from the others of its name."""
        labels = self.rule.get("labels") or {}
        return (self.kind, self.name, *(f"{name}={labels[name]}" for name in ("slo", "tier") if name in labels))

    @property
    def thing(self) -> str:
        """As a person calls it."""
        return " ".join((self.name, *self.key[2:]))


def rule_changes(before: Objects, after: Objects) -> list[PlannedChange]:
    """Alerts and recorded series added, removed and changed; files that are no rules by their name."""
    old, new = _rules(before), _rules(after)
    found: list[PlannedChange] = []
    renamed = _renamed(old, new)
    lost = _lost(old, new, renamed)
    for key in sorted({*old, *new}):
        if key in renamed:
            kind = "alert" if key[0] == "alert" else "recorded series"
            found.append(PlannedChange(old[key].thing, f"{kind} renamed", old[key].thing, new[renamed[key]].thing))
            found += _changed(old[key], new[renamed[key]], lost.get(key, ()))
            continue
        if key in renamed.values():
            continue
        kind = "alert" if key[0] == "alert" else "recorded series"
        if key not in new:
            found.append(PlannedChange(old[key].thing, f"{kind} removed", _expr(old[key].rule)))
        elif key not in old:
            found.append(PlannedChange(new[key].thing, f"{kind} added", "", _expr(new[key].rule)))
        else:
            found += _changed(old[key], new[key], lost.get(key, ()))
    for name in sorted({*before, *after}):
        if not name.endswith((".yaml", ".yml")) and before.get(name) != after.get(name):
            what = "file removed" if name not in after else "file changed" if name in before else "file added"
            found.append(PlannedChange(name, what))
    return found


def kept_names(before: Objects, after: Objects) -> list[dict[str, Any]]:
    """Rule groups by which series of `before` that `after` no longer records go on under their old names.

    A series that is called otherwise now is read under its new name; one that is gone is recorded as it was. Alerts are
    not kept: an alert of two names would page twice.
    """
    old, new = _rules(before), _rules(after)
    renamed = _renamed(old, new)
    groups: dict[str, list[Rule]] = {}
    for key in sorted(old.keys() - new.keys()):
        placed = old[key]
        if placed.kind == "record":
            now = new[renamed[key]] if key in renamed else None
            rule = placed.rule if now is None else {"record": placed.name, "expr": now.name}
            rules = groups.setdefault((now or placed).interval, [])
            if rule not in rules:
                rules.append(rule)
    return [
        {"name": f"{KEPT_NAMES}:{interval}", "interval": interval, "rules": rules}
        if interval
        else {"name": KEPT_NAMES, "rules": rules}
        for interval, rules in sorted(groups.items())
    ]


def alerts_of(objects: Objects) -> dict[str, tuple[str, int]]:
    """The alerts of rule files as a plan calls them: the query of each, and its `for` in milliseconds."""
    found = {}
    for placed in _rules(objects).values():
        if placed.kind == "alert":
            hold = read_duration(str(placed.rule.get("for", "0s")))
            found[placed.thing] = (str(placed.rule.get("expr", "")), hold.ms if hold is not None else 0)
    return found


def _renamed(
    old: Mapping[tuple[str, ...], _PlacedRule], new: Mapping[tuple[str, ...], _PlacedRule]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """What is gone, by what is new and says the same under another name; only where one of each does."""
    added: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    gone: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for keys, rules, found in (((new.keys() - old.keys()), new, added), ((old.keys() - new.keys()), old, gone)):
        for key in keys:
            found.setdefault((key[0], _expr(rules[key].rule), *key[2:]), []).append(key)
    pairs = ((gone[same], added.get(same, [])) for same in gone)
    return {one[0]: other[0] for one, other in pairs if len(one) == len(other) == 1}


def _rules(objects: Objects) -> dict[tuple[str, ...], _PlacedRule]:
    found: dict[tuple[str, ...], _PlacedRule] = {}
    for name, content in sorted(objects.items()):
        if not name.endswith((".yaml", ".yml")):
            continue
        data = load_yaml(content, name, error=RulesError).data or {}
        for group in data.get("groups") or ():
            for rule in group.get("rules") or ():
                placed = _PlacedRule(str(group["name"]), rule, str(group.get("interval", "")))
                key, number = placed.key, 2
                while key in found:
                    key, number = (*placed.key, f"#{number}"), number + 1
                found[key] = placed
    return found


def _expr(rule: Rule) -> str:
    return " ".join(str(rule.get("expr", "")).split())


def _lost(
    old: Mapping[tuple[str, ...], _PlacedRule],
    new: Mapping[tuple[str, ...], _PlacedRule],
    renamed: Mapping[tuple[str, ...], tuple[str, ...]],
) -> dict[tuple[str, ...], list[str]]:
    """The labels that the results of each rule have no longer, by its key before."""
    keys = [(key, renamed.get(key, key)) for key in old if renamed.get(key, key) in new]
    ours = {id(old[before].rule): before for before, _ in keys}
    before, after = (RuleLabels(one.rule for one in rules.values()) for rules in (old, new))
    pairs = touched((old[one].rule, new[other].rule) for one, other in keys)
    found = {}
    for was, now in pairs:
        types = before.of(was), after.of(now)
        kept = {*(now.get("labels") or ()), *(types[1].labels or ())}
        found[ours[id(was)]] = sorted({*lost_labels(*types), *set(was.get("labels") or ()) - kept})
    return {key: labels for key, labels in found.items() if labels}


def _changed(old: _PlacedRule, new: _PlacedRule, lost: Collection[str]) -> Iterator[PlannedChange]:
    before, after = _expr(old.rule), _expr(new.rule)
    if str(old.rule.get("expr")) != str(new.rule.get("expr")):
        yield PlannedChange(new.thing, _what(before, after), before, after)
    for key in ("for", "keep_firing_for"):
        if _text(old.rule.get(key)) != _text(new.rule.get(key)):
            yield PlannedChange(new.thing, f"`{key}` changed", _text(old.rule.get(key)), _text(new.rule.get(key)))
    yield from _labels_changed(old, new, lost)
    if old.interval != new.interval:
        yield PlannedChange(new.thing, "evaluated at another interval", old.interval, new.interval)
    elif old.group != new.group:
        yield PlannedChange(new.thing, "moved to another group", old.group, new.group)


def _labels_changed(old: _PlacedRule, new: _PlacedRule, lost: Collection[str]) -> Iterator[PlannedChange]:
    """Labels and annotations that a rule sets otherwise, and labels that its results have no longer."""
    for key in _SILENT:
        one, other = (dict(placed.rule.get(key) or {}) for placed in (old, new))
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name) and (key == "annotations" or name not in lost):
                what = f"{key.removesuffix('s')} {name} changed"
                yield PlannedChange(new.thing, what, _text(one.get(name)), _text(other.get(name)))
    breaks = OF_ALERT if new.kind == "alert" else OF_SERIES
    for name in lost:
        set_before = _text((old.rule.get("labels") or {}).get(name))
        yield PlannedChange(new.thing, f"{REMOVED_LABEL} {name}", set_before, breaks=breaks)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _what(before: str, after: str) -> str:
    """How an expression changed: in writing only, in its numbers, or in what it asks."""
    try:
        if same_query(before, after):
            return "query written differently"
        if _without_numbers(parse(before)) == _without_numbers(parse(after)):
            return "threshold changed"
    except PromqlError:
        pass
    return "query changed"


def _without_numbers(expr: Expr) -> Expr:
    """The expression with every number in it the same."""

    def visit(node: Expr) -> Expr:
        return Number(Decimal(0)) if isinstance(node, Number) else rebuild(node, visit)

    return visit(expr)
