"""Links of dashboards, panels, values and overrides: their scheme, and the variables in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regobs.lint import LintContext, LintReport, lint_text
from regobs.lint.fix import fix_text
from tests.lint.cases import board, found, panel

STAT = {"id": 1, "type": "stat", "title": "Up", "targets": [{"refId": "A", "expr": "up"}]}
JOB = [{"name": "job", "type": "query", "query": "label_values(up, job)"}]


def of_board(url: str) -> LintReport:
    """A link of the dashboard."""
    return board(STAT, variables=JOB, links=[{"title": "a", "type": "link", "url": url}])


def of_panel(url: str) -> LintReport:
    """A link of a panel."""
    return board(STAT | {"links": [{"title": "a", "url": url}]}, variables=JOB)


def of_values(url: str) -> LintReport:
    """A link of the values of a panel."""
    return board(STAT | {"fieldConfig": {"defaults": {"links": [{"title": "a", "url": url}]}}}, variables=JOB)


def of_an_override(url: str) -> LintReport:
    """A link of some of the values."""
    links = {"id": "links", "value": [{"title": "a", "url": url}]}
    overrides = [{"matcher": {"id": "byName", "options": "a"}, "properties": [links]}]
    return board(STAT | {"fieldConfig": {"defaults": {}, "overrides": overrides}}, variables=JOB)


def of_a_column(url: str) -> LintReport:
    """A link of a column of the old table."""
    return board(STAT | {"type": "table-old", "styles": [{"link": True, "linkUrl": url}]}, variables=JOB)


PLACES = [of_board, of_panel, of_values, of_an_override, of_a_column]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "wrong",
    ["hhttps://a.example", "htps://a.example", "ttps://a.example", "https//a.example", "http:/a.example",
     "https;//a.example", "https://https://a.example", "https:a.example", "htttp://a.example", "hptts://a.example"],
)  # fmt: skip
def test_a_misspelt_scheme_is_found_wherever_a_link_stands(wrong: str, place: Any) -> None:
    assert "broken-dashboard-link" in found(place(wrong))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "right",
    ["https://a.example", "HTTP://a.example", "/d/pool", "d/pool", "http/pool", "?var-a=b", "#a", "", "mailto:a@b.c",
     "${__value.raw}", "${job}", "tp/a", "https://a.example/?to=http:/b", "grafana://a", "//a.example", "t:a"],
)  # fmt: skip
def test_other_addresses_and_paths_are_left_alone(right: str, place: Any) -> None:
    assert "broken-dashboard-link" not in found(place(right))


@pytest.mark.parametrize("place", PLACES)
def test_a_link_uses_variables_of_its_dashboard(place: Any) -> None:
    assert "undefined-variable" in found(place("/d/a?var-job=$jobb"))
    assert "undefined-variable" not in found(place("/d/a?var-job=$job&${__url_time_range}&v=${__value.raw}"))


@pytest.mark.parametrize("shape", [lambda name: name, lambda name: {"type": "prometheus", "uid": name}])
def test_the_data_source_of_one_query_is_a_variable_of_the_dashboard(shape: Any) -> None:
    def asked(name: str) -> LintReport:
        targets = [{"refId": "A", "expr": "up", "datasource": shape(name)}]
        return board(STAT | {"targets": targets}, variables=[{"name": "ds", "type": "datasource"}])

    assert "undefined-variable" in found(asked("${source}"))
    assert "undefined-variable" not in found(asked("${ds}"))
    assert "undefined-variable" not in found(asked("abc"))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("hhttps://a.example", "https://a.example"), ("http:/a.example", "http://a.example"),
     ("https://http://a.example", "http://a.example")],
)  # fmt: skip
def test_a_misspelt_scheme_is_corrected(wrong: str, right: str) -> None:
    report = of_panel(wrong)
    findings = [one for one in report.findings if one.fix]
    text, _ = fix_text(report.files["board.json"], findings, Path("board.json"), LintContext())
    assert f'"{right}"' in text
    assert "broken-dashboard-link" not in found(lint_text(text, "board.json", ".json"))


@pytest.mark.parametrize("links", [1, [1], [{}], [{"url": 1}], {"a": 1}])
def test_links_of_any_shape_are_read(links: Any) -> None:
    overrides = [1, {"properties": 1}, {"properties": [1, {"id": "links", "value": links}]}]
    assert found(panel("up", links=links, styles=links, fieldConfig={"overrides": overrides})) is not None


def test_a_row_asks_no_data_source() -> None:
    source = {"type": "prometheus", "uid": "${ds}"}
    for kind, told in (("row", False), ("stat", True)):
        report = board({"id": 1, "type": kind, "title": "a", "datasource": source})
        assert ("undefined-variable" in {one.check for one in report.findings}) is told
    assert "undefined-variable" in {one.check for one in board({"id": 1, "type": "row", "title": "$a"}).findings}
