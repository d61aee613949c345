"""The catalog against the list of facts about GitLab registry 4.32, where that list is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Flavor, Form, Metric, Unit, Version

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "metrics.json"
NEWEST = Version(4, 32)
Fact = dict[str, Any]


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    if not FACTS.exists():
        pytest.skip(f"the facts are not beside this checkout: {FACTS.parent.name}/{FACTS.name}")
    return list(json.loads(FACTS.read_text()))


def _form(fact: Fact) -> Form:
    """The form of the newest version, or the last one of a removed metric."""
    metric = METRICS[fact["name"]]
    form = metric.form(Flavor.GITLAB, NEWEST)
    return form or next(form for form in metric.forms if Flavor.GITLAB in form.flavors)


def _wrong(facts: list[Fact], said: Callable[[Fact], Any], ours: Callable[[Metric, Form], Any]) -> list[Any]:
    found = [(fact["name"], said(fact), ours(METRICS[fact["name"]], _form(fact))) for fact in facts]
    return [one for one in found if one[1] != one[2]]


def test_every_fact_has_an_entry(facts: list[Fact]) -> None:
    assert len(facts) == 132
    assert [fact["name"] for fact in facts if fact["name"] not in METRICS] == []


def test_what_was_removed_has_no_form_today_and_the_rest_has(facts: list[Fact]) -> None:
    current = {fact["name"]: METRICS[fact["name"]].form(Flavor.GITLAB, NEWEST) is not None for fact in facts}
    assert [fact["name"] for fact in facts if current[fact["name"]] != (fact["removed"] is None)] == []
    assert sum(current.values()) == 117


def test_nothing_is_in_the_newest_gitlab_registry_that_the_facts_do_not_know(facts: list[Fact]) -> None:
    names = {fact["name"] for fact in facts}
    ours = {m.name for m in METRICS.values() if m.exposer == "registry" and m.form(Flavor.GITLAB, NEWEST)}
    library = {m.name for m in METRICS.values() if m.component in {"instrument", "python_runtime"}}
    assert ours - names == library


def test_types(facts: list[Fact]) -> None:
    assert _wrong(facts, lambda fact: fact["type"], lambda metric, _: metric.kind.value) == []


def test_units(facts: list[Fact]) -> None:
    timestamps = {"process_start_time_seconds", "go_memstats_last_gc_time_seconds"}  # a time, not a duration
    known = [fact for fact in facts if fact["unit"] and fact["name"] not in timestamps]
    assert _wrong(known, lambda fact: fact["unit"], lambda metric, _: metric.unit.value) == []
    assert {METRICS[name].unit for name in timestamps} == {Unit.TIMESTAMP}


def test_label_names(facts: list[Fact]) -> None:
    assert _wrong(facts, lambda fact: fact["labels"], lambda _, form: sorted(x.exposed for x in form.labels)) == []


def test_closed_label_values(facts: list[Fact]) -> None:
    def ours(_: Metric, form: Form) -> dict[str, set[str]]:
        return {label.exposed: set(label.values) for label in form.labels if label.values is not None}

    def said(fact: Fact) -> dict[str, set[str]]:
        return {label: set(values) for label, values in fact["label_values"].items() if values}

    # The short-lived names of 4.26 had the values of what they were renamed from and to.
    known = [fact for fact in facts if fact["name"] != "registry_notifications_events"]
    assert _wrong(known, said, ours) == []


def test_buckets(facts: list[Fact]) -> None:
    assert (
        _wrong(facts, lambda fact: fact["buckets"], lambda _, form: list(form.buckets) if form.buckets else None) == []
    )


def test_what_is_absent_until_it_is_observed(facts: list[Fact]) -> None:
    assert _wrong(facts, lambda f: f["absent_until_observed"], lambda _, form: form.absent_until_observed) == []


def test_first_and_last_versions_where_the_facts_name_one(facts: list[Fact]) -> None:
    wrong = []
    for fact in facts:
        forms = [form for form in METRICS[fact["name"]].forms if Flavor.GITLAB in form.flavors]
        sinces = [form.since for form in forms]
        since = min(one for one in sinces if one) if None not in sinces else None
        word = str(fact["since"]).split(" ", maxsplit=1)[0].rstrip(";")
        numbers = word.replace(".", "").isdigit() and word.count(".") == 2
        told_otherwise = fact["family"] == "http" or "pre-fork" in str(fact["since"])
        if numbers and not told_otherwise and since != Version.parse(word):
            wrong.append((fact["name"], word, str(since)))
        until = max((form.until for form in forms if form.until), default=None)
        if fact["removed"] and until != Version.parse(fact["removed"].split(" ", maxsplit=1)[0]):
            wrong.append((fact["name"], fact["removed"], str(until)))
    assert wrong == []
