"""What a build says in prose is about its own flavor: runbooks, annotations, notes of panels."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from regobs.build import build_files
from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor
from tests.slo.packs import BUNDLED, CONFIGS

OTHER = {"gitlab": "CNCF Distribution", "distribution": "GitLab registry"}
OWN = {"gitlab": "GitLab registry", "distribution": "CNCF Distribution"}
ORDINARY = {"error", "path", "migration", "event", "command", "query"}  # of both flavors' logs, files and prompts


@cache
def built(flavor: str) -> dict[str, bytes]:
    return build_files(CONFIGS[flavor], BUNDLED, rule_tests=False)


def words(flavor: str) -> set[str]:
    """The names of the registry's series and of their labels, as this flavor writes them, of any version."""
    forms = [
        (metric, form)
        for metric in METRICS.values()
        for form in metric.forms
        if metric.exposer is Exposer.REGISTRY and Flavor(flavor) in form.flavors
    ]
    newest = [one for one in forms if one[1].until is None]
    return {label.exposed for _, form in newest for label in form.labels} | {
        series for metric, _ in forms for series in metric.series
    }


def alone(flavor: str) -> set[str]:
    (other,) = CONFIGS.keys() - {flavor}
    beside = {
        label.exposed
        for metric in METRICS.values()
        for form in metric.forms
        if metric.exposer is not Exposer.REGISTRY
        for label in form.labels
    }
    return words(other) - words(flavor) - beside - ORDINARY


def prose(flavor: str) -> dict[str, str]:
    """Runbooks without the places that say what is not in this deployment, and annotations of rules."""
    files = built(flavor)
    found = {name: files[name].decode() for name in files if name.startswith("runbooks/")}
    found = {
        name: re.sub(r"^Not in this deployment: .*$", "", text, flags=re.MULTILINE) for name, text in found.items()
    }
    for name in files:
        if name.startswith("prometheus/rules/"):
            rules: list[dict[str, Any]] = [
                rule for one in yaml.safe_load(files[name])["groups"] for rule in one["rules"]
            ]
            for rule in rules:
                found[f"{name} {rule.get('alert')}"] = "\n".join(
                    f"`{one}`" for one in rule.get("annotations", {}).values()
                )
    return found


@pytest.mark.parametrize("flavor", CONFIGS)
def test_no_runbook_or_annotation_names_a_label_or_series_that_only_the_other_flavor_has(flavor: str) -> None:
    assert {"gitlab": "registry_proxy_hits_total", "distribution": "migration_id"}[flavor] in alone(flavor)
    wrong = {
        (name, word)
        for name, text in prose(flavor).items()
        for span in re.findall(r"`([^`]+)`", text)
        for word in re.findall(r"\$labels\.(\w+)|(?<![\w$.])([a-z]\w*)(?!\w)", span)
        for word in [word[0] or (word[1] if word[1] == span or word[1].startswith("registry_") else "")]
        if word in alone(flavor)
    }
    assert wrong == set()


def test_a_label_that_flavors_call_otherwise_stands_in_no_runbook_as_a_word() -> None:
    """`route` is also a label of what the exporter of logs counts, which both flavors have."""
    of_logs = [name for name, text in prose("distribution").items() if "runbooks" in name and "`route`" in text]
    assert of_logs == []


@pytest.mark.parametrize("flavor", CONFIGS)
def test_tables_of_runbooks_name_only_operations_of_which_the_build_has_an_slo(flavor: str) -> None:
    files = built(flavor)
    rules = [
        rule
        for name in files
        if name.startswith("prometheus/rules/")
        for one in yaml.safe_load(files[name])["groups"]
        for rule in one["rules"]
    ]
    there = {rule["labels"]["operation"] for rule in rules if "operation" in rule.get("labels", {})}
    for alert in ("RegistryAvailabilityBurn", "RegistryLatencyBurn"):
        rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", files[f"runbooks/{alert}.md"].decode(), re.MULTILINE)
        named = {one.strip("`") for row in rows for one in row.split(", ")}
        assert len(named) > 5
        assert named - there == set()


def descriptions(data: Any) -> list[str]:
    if isinstance(data, list):
        return [text for one in data for text in descriptions(one)]
    if not isinstance(data, dict):
        return []
    own = [data["description"]] if isinstance(data.get("description"), str) else []
    return own + [text for one in data.values() for text in descriptions(one)]


@pytest.mark.parametrize("flavor", CONFIGS)
def test_no_note_of_a_panel_is_about_the_other_registry_alone(flavor: str) -> None:
    files = built(flavor)
    texts = [text for name in files if name.startswith("dashboards/") for text in descriptions(json.loads(files[name]))]
    notes = [note for text in texts for note in text.split("\n\n") if note.startswith("Note: ")]
    assert any(OWN[flavor] in note for note in notes)
    assert [note for note in notes if OTHER[flavor] in note and OWN[flavor] not in note] == []
