"""The shape of rule files: what Prometheus refuses in them beside the rules, and files that only look like them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from regobs.common.closest import closest
from regobs.documents import Steps
from regobs.lint.findings import Severity
from regobs.promql.durations import read_duration

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


# What beside `groups` a file of rules may have for mimirtool; a file with nothing else is meant as one.
_BESIDE_GROUPS = frozenset({"namespace"})
# With one of these, `groups` belongs to an object of another kind.
_OF_OBJECTS = frozenset({"apiVersion", "kind", "metadata", "spec", "version", "tests", "rule_files"})
_ADD_DASHES = "begin each group with a dash"


class RuleFileFault(NamedTuple):
    """What Prometheus refuses: the steps to it, what it is, the way out, and whether the field's name is meant."""

    path: Steps
    what: str
    next_step: str
    key: bool = False
    severity: Severity | None = None


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
    return name == field or _is_like(str(name), field)


@lru_cache(maxsize=4096)  # files have few names, many times
def _is_like(name: str, field: str) -> bool:
    return bool(closest(name, {field}, 1, 0.8))


def only_groups(data: Json) -> bool:
    """Whether a file has nothing but `groups`, as those of Prometheus do."""
    return "groups" in data and data.keys() <= {"groups"} | _BESIDE_GROUPS


def are_groups(data: Json, groups: list[Any]) -> bool:
    """Whether a list under `groups` is one of groups of rules, whatever is wrong with them."""
    if any(is_group(one) for one in groups):
        return True
    sure = only_groups(data) or str(data.get("kind")) in RULE_KINDS
    return sure and not of_others(groups) and any(isinstance(one, dict) for one in groups)


def of_others(groups: Any) -> bool:
    """Whether what stands under `groups` is something else: names, or groups with no field or rule of ours."""
    if isinstance(groups, dict):
        return not groups.keys() & _GROUP_FIELDS
    listed = groups if isinstance(groups, list) else []
    return any(
        isinstance(one, str) or (isinstance(one, dict) and (_has_other_fields(one) or _of_other_rules(one)))
        for one in listed
    ) and not any(is_group(one) for one in listed)


def _has_other_fields(group: Json) -> bool:
    """Whether a group has no field of ours, or no rules and a field that no group has."""
    if any(_means(name, "rules") for name in group):
        return False
    return not group.keys() & _GROUP_FIELDS or bool(group.keys() - _GROUP_FIELDS - _OTHER_GROUP_FIELDS)


def _of_other_rules(group: Json) -> bool:
    """Whether the rules of a group are none of ours: mappings, none of which has a field that a rule has."""
    rules = group.get("rules")
    listed = [one for one in rules if isinstance(one, dict) and one] if isinstance(rules, list) else []
    return bool(listed) and not any(_means(name, field) for one in listed for name in one for field in RULE_FIELDS)


def rule_file_faults(data: Json, path: Steps = ()) -> Iterator[RuleFileFault]:
    """What Prometheus refuses in a rule file, or in the object of Kubernetes that holds one, beside single rules."""
    for where, file in _rule_files(data, path):
        sure = only_groups(file) if where == path else bool(file)
        for name, groups in file.items():
            listed = groups if isinstance(groups, list) else [groups]
            if any(is_group(one) for one in listed) or (sure and _means(name, "groups") and not of_others(groups)):
                yield from _groups_faults(name, groups, (*where, name), spelled="groups" in file)
        if where == path:
            yield from _foreign_fields(file, path)
    if stands_alone(data) and not path:
        step = "put them below groups, where Prometheus is to read the file"
        yield RuleFileFault(("rules",), "rules stand outside of groups", step, key=True, severity=Severity.WARNING)
    yield from _object_faults(data, path)


def stands_alone(data: Json) -> bool:
    """Whether a file is one group, without the list that it should stand in."""
    rules = data.get("rules")
    listed = isinstance(rules, list) and any(looks_like_rule(one) and {"alert", "record"} & one.keys() for one in rules)
    return listed and data.keys() <= _GROUP_FIELDS


def are_bare_groups(data: Any) -> bool:
    """Whether a file is a list of groups, without the name of the list."""
    return isinstance(data, list) and bool(data) and all(isinstance(one, dict) and stands_alone(one) for one in data)


def _object_faults(data: Json, path: Steps) -> Iterator[RuleFileFault]:
    """An object of rules whose groups stand where its operator does not look for them."""
    items = data.get("items")
    for index, item in enumerate(
        items if str(data.get("kind", "")).endswith("List") and isinstance(items, list) else ()
    ):
        yield from _object_faults(item, (*path, "items", index)) if isinstance(item, dict) else ()
    if str(data.get("kind")) not in RULE_KINDS:
        return
    spec = data.get("spec")
    if spec is not None and not isinstance(spec, dict):
        yield RuleFileFault((*path, "spec"), "spec is no mapping", "give it groups", key=True)
    elif "groups" in data and not (spec and "groups" in spec):
        yield RuleFileFault((*path, "groups"), "groups stand beside spec", "put them below spec", key=True)


def _foreign_fields(file: Json, path: Steps) -> Iterator[RuleFileFault]:
    """What stands beside the groups of a rule file, which Prometheus reads no further then."""
    groups = file.get("groups")
    if not isinstance(groups, list) or not groups or not all(is_group(one) for one in groups):
        return
    if not _OF_OBJECTS.isdisjoint(file) or {"prometheusAlerts", "prometheusRules"} & file.keys():
        return
    for name in file.keys() - {"groups"} - _BESIDE_GROUPS:
        what = f"a rule file has no field {name}"
        step = "remove it, where Prometheus is to read the file: it refuses it"
        yield RuleFileFault((*path, name), what, step, key=True, severity=Severity.WARNING)


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
    if name == "groups" and groups is not None and not isinstance(groups, list):
        yield RuleFileFault(path, "groups is no list", _ADD_DASHES, key=True)
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        if group is not None:
            yield from _group_faults(group, (*path, index))


def _group_faults(group: Any, path: Steps) -> Iterator[RuleFileFault]:
    if not isinstance(group, dict):
        yield RuleFileFault(path, "a group is no mapping", "give it a name and rules")
        return
    if isinstance(group.get("name"), dict | list):
        yield RuleFileFault((*path, "name"), "the name of a group is no text", "write a text")
    elif group.get("name") in {None, ""}:
        yield RuleFileFault(path, "a group has no name", "add name")
    for name in group.keys() - _GROUP_FIELDS - _OTHER_GROUP_FIELDS:
        near = closest(str(name), _GROUP_FIELDS - group.keys(), 1, 0.7)
        step = f"did you mean {near[0]}?" if near else "remove it: Prometheus refuses the file"
        yield RuleFileFault((*path, name), f"a group has no field {name}", step, key=True)
    if _is_fraction(limit := group.get("limit")):
        yield RuleFileFault((*path, "limit"), f"{limit} is no whole number", "write it like 100")
    rules = group.get("rules")
    listed = rules if isinstance(rules, list) else []
    if rules is not None and not isinstance(rules, list):
        yield RuleFileFault((*path, "rules"), "rules is no list", "begin each rule with a dash", key=True)
    # A group of which the first rule can be read is judged with it.
    if not (listed and isinstance(listed[0], dict) and {"alert", "record"} & listed[0].keys()):
        yield from _interval_faults(group, path)
    for index, rule in enumerate(listed):
        if rule is not None:
            yield from _kind_faults(rule, (*path, "rules", index))


def _is_fraction(value: Any) -> bool:
    """Whether a value is set and no whole number."""
    return value is not None and (isinstance(value, bool) or not isinstance(value, int)) and value != 0


def _interval_faults(group: Json, path: Steps) -> Iterator[RuleFileFault]:
    every = group.get("interval")
    if every is not None and not is_time(every):
        yield RuleFileFault((*path, "interval"), f"{every} is no duration", "write it like 1m")


def is_time(value: Any) -> bool:
    """Whether a value is a duration of Prometheus, or 0."""
    text = str(value)
    return text == "0" or (not text.startswith(("$", "-")) and read_duration(text) is not None)


def _kind_faults(rule: Any, where: Steps) -> Iterator[RuleFileFault]:
    """Whether it is an alert or a record."""
    if not isinstance(rule, dict):
        yield RuleFileFault(where, "a rule is no mapping", "write alert or record, and expr")
    elif not {"alert", "record"} & rule.keys():
        meant = [(name, near) for name in rule for near in closest(str(name), {"alert", "record"}, 1, 0.7)]
        step = f"write {meant[0][1]} for {meant[0][0]}" if meant else "add alert or record"
        yield RuleFileFault(where, "a rule has neither alert nor record", step)


def map_faults(rule: Json, *, strict: bool = False) -> Iterator[tuple[Steps, str, str, bool]]:
    """Labels and annotations that are no texts by name: the steps, what, the next step, whether the key is meant.

    `strict` is for objects of Kubernetes, where Prometheus itself takes numbers and truths for their texts.
    """
    for field in ("labels", "annotations"):
        given = rule.get(field)
        if given is not None and not isinstance(given, dict):
            yield (field,), f"{field} is no mapping", "write names and texts, as `severity: page`", True
        for name, value in given.items() if isinstance(given, dict) else ():
            if isinstance(value, dict | list):
                yield (field, name), f"{name} is no text", "write a text", False
            elif strict and not isinstance(value, str) and value is not None:  # nothing is left out of the object
                yield (field, name), f"{name} is no text, and Kubernetes refuses the object", "put it in quotes", False
            elif not name:
                yield (field, name), "a name is empty", "give it one", True


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
    if only_groups(data) and data["groups"] not in (None, []) and of_others(data["groups"]):
        return ("groups",), "groups of something else: no rule of Prometheus is in them"
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
