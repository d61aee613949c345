"""The shape of rule files: what Prometheus refuses in them beside the rules, and files that only look like them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from regobs.common.closest import closest
from regobs.documents import Steps

Json = dict[str, Any]
# The Prometheus operator's, VictoriaMetrics's and Google's objects that hold groups of rules.
RULE_KINDS = frozenset({"PrometheusRule", "VMRule", "Rules", "ClusterRules", "GlobalRules"})
RULE_FIELDS = frozenset({"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"})
_GROUP_FIELDS = frozenset({"name", "rules", "interval", "limit", "query_offset", "labels"})
# Fields of vmalert, Thanos, Mimir and Loki, which Prometheus refuses.
_OTHER_RULE_FIELDS = frozenset({"debug", "update_entries_limit"})
_OTHER_GROUP_FIELDS = frozenset(
    """
    type tenant concurrency params headers notifier_headers eval_offset eval_delay eval_alignment extra_filter_labels
    partial_response_strategy source_tenants align_evaluation_time_on_interval evaluation_delay remote_write debug
    """.split()  # noqa: SIM905 - one name a line would be a page
)


class RuleFileFault(NamedTuple):
    """What Prometheus refuses: the steps to it, what it is, the way out, and whether the field's name is meant."""

    path: Steps
    what: str
    next_step: str
    key: bool = False


def looks_like_rule(data: Any) -> bool:
    """Whether a value can only be meant as a rule."""
    return isinstance(data, dict) and "expr" in data and not {"model", "refId"} & data.keys()


def _holds_rules(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    return any(looks_like_rule(one) for one in listed)


def is_group(data: Any) -> bool:
    """Whether a value is meant as a group of rules, whatever is wrong with its fields."""
    return isinstance(data, dict) and any(_holds_rules(data.get(name)) for name in data if _means(name, "rules"))


def _means(name: object, field: str) -> bool:
    return bool(closest(str(name), {field}, 1, 0.8))


def rule_file_faults(data: Json, path: Steps = ()) -> Iterator[RuleFileFault]:
    """What Prometheus refuses in a rule file, or in the object of Kubernetes that holds one, beside single rules."""
    for where, file in _rule_files(data, path):
        for name, groups in file.items():
            if any(is_group(one) for one in (groups if isinstance(groups, list) else [groups])):
                yield from _groups_faults(name, groups, (*where, name), spelled="groups" in file)


def _rule_files(data: Json, path: Steps) -> Iterator[tuple[Steps, Json]]:
    """The mappings that should have `groups`: the file itself, the parts of a mixin, the objects of Kubernetes."""
    items = data.get("items")
    if str(data.get("kind", "")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _rule_files(item, (*path, "items", index)) if isinstance(item, dict) else ()
        return
    inner = ("spec",) if str(data.get("kind")) in RULE_KINDS else ("prometheusAlerts", "prometheusRules")
    yield from (((*path, name), data[name]) for name in inner if isinstance(data.get(name), dict))
    if "kind" not in data:
        yield path, data


def _groups_faults(name: object, groups: Any, path: Steps, *, spelled: bool) -> Iterator[RuleFileFault]:
    if not _means(name, "groups"):
        return
    if not spelled:
        yield RuleFileFault(path, f"a rule file has no field {name}", "did you mean groups?", key=True)
    if name == "groups" and isinstance(groups, dict):
        yield RuleFileFault(path, "groups is no list", "begin each group with a dash", key=True)
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        yield from _group_faults(group, (*path, index))


def _group_faults(group: Any, path: Steps) -> Iterator[RuleFileFault]:
    if not isinstance(group, dict):
        yield RuleFileFault(path, "a group is no mapping", "give it a name and rules")
        return
    if not group.get("name"):
        yield RuleFileFault(path, "a group has no name", "add name")
    for name in group.keys() - _GROUP_FIELDS - _OTHER_GROUP_FIELDS:
        near = closest(str(name), _GROUP_FIELDS - group.keys(), 1, 0.7)
        step = f"did you mean {near[0]}?" if near else "remove it: Prometheus refuses the file"
        yield RuleFileFault((*path, name), f"a group has no field {name}", step, key=True)
    rules = group.get("rules")
    if rules is not None and not isinstance(rules, list):
        yield RuleFileFault((*path, "rules"), "rules is no list", "begin each rule with a dash", key=True)
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        yield from _kind_faults(rule, (*path, "rules", index))


def _kind_faults(rule: Any, where: Steps) -> Iterator[RuleFileFault]:
    """Whether it is an alert or a record."""
    if not isinstance(rule, dict):
        yield RuleFileFault(where, "a rule is no mapping", "write alert or record, and expr")
    elif not {"alert", "record"} & rule.keys():
        meant = [(name, near) for name in rule for near in closest(str(name), {"alert", "record"}, 1, 0.7)]
        step = f"write {meant[0][1]} for {meant[0][0]}" if meant else "add alert or record"
        yield RuleFileFault(where, "a rule has neither alert nor record", step)


def unknown_fields(rule: Json) -> Iterator[tuple[str, str]]:
    """The fields that no rule has, each with the next step."""
    for name in rule:
        if name not in RULE_FIELDS | _OTHER_RULE_FIELDS:
            near = closest(str(name), RULE_FIELDS - rule.keys(), 1, 0.6)
            yield name, f"did you mean {near[0]}?" if near else "remove it: Prometheus refuses the file"


def other_shape(data: Any) -> tuple[Steps, str] | None:
    """Where a file of another program begins that holds queries which are not read, and what it is."""
    if not isinstance(data, dict):
        return None
    answer = data.get("data")
    if isinstance(answer, dict) and "status" in data and isinstance(answer.get("groups"), list):
        return ("data", "groups"), "an answer of /api/v1/rules: lint the rule files"
    if reason := _objective(data) or _library_panel(data):
        return (), reason
    for name, listed in [("groups", data["groups"])] if "groups" in data else data.items():
        if isinstance(listed, list) and any(_of_grafana(one) for one in listed):
            return (name,), "alert rules that Grafana manages: lint reads those of Prometheus"
    return None


def _objective(data: Json) -> str:
    version = str(data.get("apiVersion", ""))
    sloth = str(data.get("version", "")).startswith("prometheus/v") and "slos" in data
    if sloth or version.startswith("sloth.slok.dev/"):
        return "an objective of Sloth: lint the rules that it generates"
    return "an objective of Pyrra: lint the rules that it generates" if version.startswith("pyrra.dev/") else ""


def _library_panel(data: Json) -> str:
    result = data.get("result")
    one = result if isinstance(result, dict) else data
    exported = isinstance(one.get("model"), dict) and bool({"uid", "folderUid"} & one.keys())
    if data.get("kind") == "LibraryPanel" or exported:
        return "a library panel: lint a dashboard that was exported with it"
    return ""


def _of_grafana(group: Any) -> bool:
    rules = group.get("rules") if isinstance(group, dict) else None
    return isinstance(rules, list) and any(
        isinstance(one, dict) and (isinstance(one.get("data"), list) or isinstance(one.get("grafana_alert"), dict))
        for one in rules
    )
