"""From routing.yaml of the pack to a configuration that Alertmanager can run.

The file is Alertmanager's own format with two additions: an inhibition rule with `slower_tiers_of: [alert, ...]`
becomes one rule for each burn-rate tier, which silences all slower tiers. The labels of the scope are added to every
`group_by` and `equal`, so that environments stay apart; with `source_is_absence` only those that the alert of an
`absent()` has. Labels and their values are called there as in rule files, by the names of GitLab's registry, and are
written as the alerts of this deployment have them. A label that says of a neighbour where it runs itself (`namespace`)
is added only between alerts that are all about the registry; of others the rule is written apart. Alerts that the build
leaves out, and operations of which it has no SLO, are taken out of inhibitions, and so is an inhibition of which one
side has no alert any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from regobs.catalog.slo import OPERATION
from regobs.catalog.targets import ALERTS
from regobs.config import Config
from regobs.documents import Document, Steps, dump_yaml, load_yaml, validate
from regobs.errors import PromqlError, RulesError
from regobs.pack import Pack
from regobs.promql.canonical import text_label, translate
from regobs.promql.literals import unquote
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.printer import quote
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.slo.alerts import NAMES
from regobs.slo.model import Windows
from regobs.slo.rule_scope import labels_of_registry

Json = dict[str, Any]
_SEVERITY = re.compile(r'^(\s*severity\s*=~?\s*")([^"\\]*)("\s*)$')
_NAMED = re.compile(rf'(alertname|{OPERATION.name})=(~?)"([A-Za-z0-9_|]+)"')
_ASKED = re.compile(r'^\s*"?([A-Za-z_][A-Za-z0-9_]*)(?="?\s*[=!])')  # the label of a matcher
_WHOLE = re.compile(r'\s*"?([A-Za-z_][A-Za-z0-9_]*)"?\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"\s]+)\s*')
_SIDES = ("source_matchers", "target_matchers")
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
_MATCHERS = {**_NAMES, "minItems": 1}
_ROUTE = {
    "type": "object",
    "properties": {
        "receiver": {"type": "string"},
        "group_by": _NAMES,
        "matchers": _MATCHERS,
        "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
    },
}
_SCHEMA: Json = {
    "$defs": {"route": _ROUTE},
    "type": "object",
    "required": ["route", "receivers"],
    "properties": {
        "route": {"allOf": [{"$ref": "#/$defs/route"}], "required": ["receiver", "group_by"]},
        "receivers": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "inhibit_rules": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["equal"],
                "properties": {
                    "source_matchers": _MATCHERS,
                    "target_matchers": _MATCHERS,
                    "equal": _NAMES,
                    "slower_tiers_of": _MATCHERS,
                    "source_is_absence": {"const": True},
                },
                "oneOf": [
                    {"required": ["slower_tiers_of"]},
                    {"required": ["source_matchers", "target_matchers"]},
                ],
            },
        },
    },
}


def routing(
    pack: Pack,
    windows: Windows,
    config: Config,
    alerts: AbstractSet[str] = frozenset(),
    operations: AbstractSet[str] = frozenset(),
    *,
    own: AbstractSet[str] = frozenset(),
    burning: AbstractSet[tuple[str, str]] | None = None,
) -> bytes:
    """The Alertmanager configuration, without the alerts and operations of the pack that this build lacks.

    `own` are the alerts whose labels name the place of the registry; `burning` are the operations of burn alerts, each
    with a severity, where they are known. Raises RulesError with a place.
    """
    left_out = {"alertname": alerts, OPERATION.name: operations}
    file = pack.file("alerts", "routing.yaml")
    document = load_yaml(file.read(), str(file.path), error=RulesError)
    validate(document, _SCHEMA, RulesError)
    data: Json = document.data
    receivers = {receiver["name"] for receiver in data["receivers"]}
    rules = [
        apart
        for rule in data.get("inhibit_rules", [])
        for made in _inhibitions(rule, windows, config, left_out)
        if burning is None or not any(_of_no_burn(made[key], burning) for key in _SIDES)
        for apart in _by_place(made, own, config)
    ]
    made = {**data, "route": _route(document, ("route",), data["route"], receivers, config)}
    if rules:
        made["inhibit_rules"] = rules
    text = "# Written by `regobs build` from alerts/routing.yaml of the pack; change that instead.\n" + dump_yaml(made)
    return text.encode()


def _route(document: Document, path: Steps, route: Json, receivers: set[str], config: Config) -> Json:
    if "receiver" in route and route["receiver"] not in receivers:
        raise RulesError(
            "a route names a receiver that is not there",
            location=document.locate((*path, "receiver")),
            value=route["receiver"],
            expected=f"one of {', '.join(sorted(receivers))}",
            next_step="add the receiver, or correct the name",
        )
    made = dict(route)
    if "group_by" in route and "..." not in route["group_by"]:
        made["group_by"] = _with([_stored(name, config) for name in route["group_by"]], config.rules_scope.keep)
    if "matchers" in route:
        made["matchers"] = _named(route["matchers"], config)
    if "routes" in route:
        children = enumerate(route["routes"])
        made["routes"] = [_route(document, (*path, "routes", i), one, receivers, config) for i, one in children]
    return made


def _with(names: list[str], keep: tuple[str, ...]) -> list[str]:
    return names + [name for name in keep if name not in names]


def _stored(label: str, config: Config) -> str:
    """What alerts call a label of the registry's series: as its flavor does, renamed where targets have it too."""
    form = config.vocabulary.form(ALERTS)
    found = text_label(label, ALERTS, form, config.vocabulary) if form is not None else None
    exposed = found.exposed if found is not None else label
    clashes = config.target_labels - TARGET_LABELS - {*config.labels.scope}
    renamed = exposed in clashes and not config.honor_labels and exposed in labels_of_registry(config)
    return f"exported_{exposed}" if renamed else exposed


def _by_place(rule: Json, own: AbstractSet[str], config: Config) -> list[Json]:
    """The rule; where neighbours have other values of its labels once for the registry's alerts, and for the others."""
    apart = [label for label in rule["equal"] if label in config.apart]
    if not apart:
        return [rule]
    sides = {key: _halves(rule[key], own) for key in _SIDES}
    (source, other_source), (target, other_target) = sides.values()
    shared = [label for label in rule["equal"] if label not in apart]
    pairs = [
        (source, target, rule["equal"]),
        (other_source, rule["target_matchers"], shared),
        (source, other_target, shared),
    ]
    return [
        {**rule, "source_matchers": one, "target_matchers": two, "equal": equal}
        for one, two, equal in pairs
        if one and two
    ]


def _halves(matchers: list[str], own: AbstractSet[str]) -> tuple[list[str], list[str]]:
    """The matchers for the alerts of `own`, and for the others; empty where there are none of them."""
    found = [match for text in matchers if (match := _NAMED.fullmatch(text)) and match[1] == "alertname"]
    names = {name for match in found for name in match[3].split("|")}
    return tuple(  # type: ignore[return-value]  # of two
        _without(matchers, {"alertname": unwanted, OPERATION.name: frozenset()})
        for unwanted in (names - own, names & own)
    )


def _named(matchers: list[str], config: Config) -> list[str]:
    """The matchers with the deployment's names of labels and severities."""

    def stored(found: re.Match[str]) -> str:
        return found[0].removesuffix(found[1]) + _stored(found[1], config)

    labelled = [_ASKED.sub(stored, _valued(one, config)) for one in matchers]
    return [_SEVERITY.sub(lambda found: found[1] + _severities(found[2], config) + found[3], one) for one in labelled]


def _valued(text: str, config: Config) -> str:
    """A matcher whose value is what the flavor calls the one that is written; one of what it lacks stays as it is."""
    form = config.vocabulary.form(ALERTS)
    found = _WHOLE.fullmatch(text)
    if found is None or form is None:
        return text
    label, sign, value = found.groups()
    try:
        written = Matcher(label, MatchOp(sign), unquote(value) if value.startswith('"') else value)
        asked = translate(written, ALERTS, form, config.vocabulary)
    except (PromqlError, ValueError):  # what the flavor has no word for, and an escape that PromQL does not have
        return text
    if not asked or (asked[0].op, asked[0].value) == (written.op, written.value):
        return text
    return f"{label}{asked[0].op}{quote(asked[0].value)}"


def _without(matchers: list[str], left_out: Mapping[str, AbstractSet[str]]) -> list[str]:
    """The matchers without the values, by label, that are left out; none at all where one of them names no other."""
    made = []
    for text in matchers:
        found = _NAMED.fullmatch(text)
        if found is None:
            made.append(text)
            continue
        label, sign, values = found.groups()
        names = [name for name in values.split("|") if name not in left_out[label]]
        if not names:
            return []
        made.append(f'{label}={sign if len(names) > 1 else ""}"{"|".join(names)}"')
    return made


def _of_no_burn(matchers: list[str], burning: AbstractSet[tuple[str, str]]) -> bool:
    """Whether matchers ask for burn alerts of operations and severities that none of them has."""
    asked = {match[1]: {*match[3].split("|")} for text in matchers if (match := _NAMED.fullmatch(text))}
    severities = [{*match[2].split("|")} for text in matchers if (match := _SEVERITY.match(text))]
    if not severities or not asked.get("alertname", {""}) <= {*NAMES.values()}:
        return False
    operations = asked.get(OPERATION.name, {one for one, _ in burning})
    return not any(one in operations and all(severity in some for some in severities) for one, severity in burning)


def _severities(words: str, config: Config) -> str:
    return "|".join(config.severities.get(word, word) for word in words.split("|"))


def _of_absence(config: Config) -> tuple[str, ...]:
    """The labels of a deployment that an alert of `absent()` has: those to which its selectors give one value."""
    chosen = [(*config.matchers, *one.matchers) for one in config.environments] or [config.matchers]
    named = [{matcher.label for matcher in matchers if matcher.op is MatchOp.EQUAL} for matchers in chosen]
    return tuple(label for label in config.rules_scope.keep if all(label in labels for labels in named))


def _inhibitions(rule: Json, windows: Windows, config: Config, left_out: Mapping[str, AbstractSet[str]]) -> list[Json]:
    rule = dict(rule)
    labels = _of_absence(config) if rule.pop("source_is_absence", False) else config.rules_scope.keep
    equal = _with([_stored(name, config) for name in rule["equal"]], labels)
    if "slower_tiers_of" not in rule:
        matchers = {key: _named(rule[key], config) for key in _SIDES}
        there = {key: _without(texts, left_out) for key, texts in matchers.items()}
        return [{**rule, **there, "equal": equal}] if all(there.values()) else []
    alerts = f'alertname=~"{"|".join(rule["slower_tiers_of"])}"'
    tiers = [tier.name for tier in windows.tiers]
    return [
        {
            "source_matchers": [alerts, f'tier="{tier}"'],
            "target_matchers": [alerts, f'tier=~"{"|".join(tiers[index + 1 :])}"'],
            "equal": equal,
        }
        for index, tier in enumerate(tiers[:-1])
    ]
