"""What people read at a glance calls things by words: identifiers are in queries and in texts of where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from regobs.catalog import METRICS
from regobs.promql.parse import parse
from regobs.promql.walk import selectors
from tests.pack.test_dashboards import CONFIGS, charts, rendered
from tests.slo.packs import bundled_alerts

Json = dict[str, Any]
IDENTIFIER = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
VALUE = re.compile(r"\{\{.*?\}\}")


def names(chart: Json) -> Iterator[str]:
    """The title of a panel and what its legend, its columns and its values are called, where that is written there."""
    yield chart.get("title", "")
    yield from (VALUE.sub("", target.get("legendFormat", "")) for target in chart.get("targets", ()))
    settings = chart.get("fieldConfig", {})
    yield settings.get("defaults", {}).get("displayName", "")
    properties = (one for override in settings.get("overrides", ()) for one in override["properties"])
    yield from (str(one["value"]) for one in properties if one["id"] == "displayName")


def worded(expr: str) -> set[str]:
    """The labels of what an expression reads of which at least one value has words."""
    read = [METRICS[str(one.metric)] for one in selectors(parse(expr)) if str(one.metric) in METRICS]
    return {label.name for metric in read for form in metric.forms for label in form.labels if label.titles}


def printed_raw(text: str, expr: str) -> set[str]:
    """Labels with words whose value a template prints as it is, which is an identifier."""
    return set(re.findall(r"\{\{\s*\$labels\.(\w+)\s*\}\}", text)) & worded(expr)


@pytest.mark.parametrize("flavor", CONFIGS)
def test_titles_legends_and_columns_have_no_identifiers(flavor: str) -> None:
    found = [
        (slug, chart["title"], name)
        for slug, dashboard in rendered(CONFIGS[flavor]).items()
        for chart in charts(dashboard)
        for name in names(chart)
        if IDENTIFIER.search(name)
    ]
    assert found == []


def test_summaries_of_alerts_have_no_identifiers_and_call_values_by_their_words() -> None:
    for name, rule in bundled_alerts().items():
        texts = rule["annotations"]
        assert IDENTIFIER.search(VALUE.sub("", texts["summary"])) is None, name
        assert printed_raw(texts["summary"] + texts["description"], rule["expr"]) == set(), name


def test_an_identifier_is_noticed() -> None:
    assert IDENTIFIER.search("GC falls behind: gc_blob_review_queue_overdue")
    rows = "max by (query_name) (registry_database_rows) > 1"
    assert printed_raw("Falls behind ({{ $labels.query_name }}).", rows) == {"query_name"}
    assert printed_raw('{{ if match "blob" $labels.query_name }}blobs{{ end }}', rows) == set()
    assert list(names({"title": "a", "targets": [{"legendFormat": "{{query_name}} rows"}]}))[1] == " rows"
