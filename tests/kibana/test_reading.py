"""Files of log_schemas/kibana: what they mean, and that each mistake is told at its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.errors import LogQueryError
from regobs.kibana.definition import KibanaDashboard, KibanaPanel, Shape
from regobs.kibana.reading import panel_query, read_definition
from regobs.logs.query import ByTerms, ByTime, MetricKind, Order
from regobs.pack import Pack, bundled, find_pack

HEAD = "title: T\nrows:\n"


def pack_with(root: Path, **files: str) -> Pack:
    folder = root / "log_schemas" / "kibana"
    folder.mkdir(parents=True)
    for name, text in files.items():
        suffix = ".yaml" if name in {"environments", "sessions"} else ".dashboard.yaml"
        (folder / f"{name}{suffix}").write_text(text)
    return Pack((("bundled", bundled()), ("own", root)))


def dashboard(root: Path, text: str) -> KibanaDashboard:
    found = read_definition(pack_with(root, own=HEAD + text)).dashboards
    return next(one for one in found if one.name == "own")


def panel(root: Path, text: str) -> KibanaPanel:
    ((only,),) = dashboard(root, f"  - - {text}\n").rows
    return only


def test_a_number_is_a_metric_of_the_lines_that_fit(tmp_path: Path) -> None:
    found = panel(tmp_path, "{number: Bytes sent!, where: 'status: 200', metric: {sum: written_bytes}}")
    assert (found.name, found.title, found.shape) == ("bytes-sent", "Bytes sent!", Shape.NUMBER)
    (metric,) = found.query.metrics
    assert (metric.name, metric.kind, metric.field and metric.field.name) == (
        "bytes_sent",
        MetricKind.SUM,
        "written_bytes",
    )
    assert (found.query.where.text, found.query.groups, found.query.limit) == ("status: 200", (), None)


def test_a_trend_is_over_time_and_by_a_field(tmp_path: Path) -> None:
    found = panel(tmp_path, "{trend: A, where: '', metric: {rate: {per: m}}, by: method}").query
    by_time, by_field = found.groups
    assert isinstance(by_time, ByTime)
    assert (by_time.name, by_time.field.name, by_time.seconds) == ("time", "time", 300)
    assert isinstance(by_field, ByTerms)
    assert (by_field.field.name, found.limit) == ("method", None)


def test_bars_and_tables_take_the_largest_first(tmp_path: Path) -> None:
    found = panel(tmp_path, "{table: A, where: '', metric: count, by: [method, status], top: 7}").query
    assert [group.name for group in found.groups] == ["method", "status"]
    assert (found.order, found.limit) == ((Order("a", descending=True),), 7)


def test_a_saved_query_is_shown_with_the_metrics_that_are_named(tmp_path: Path) -> None:
    found = panel(tmp_path, "{table: A, query: pulls-and-pushes, show: [pushes], top: 3}").query
    assert ([metric.name for metric in found.metrics], found.limit) == (["pushes"], 3)
    assert [order.column for order in found.order] == ["pushes"]


def test_a_number_of_a_saved_query_is_over_all_of_its_groups(tmp_path: Path) -> None:
    found = panel(tmp_path, "{number: A, query: pulls-and-pushes, show: [pulls]}").query
    assert (found.groups, [metric.name for metric in found.metrics]) == ((), ["pulls"])


def test_a_dashboard_of_a_team_takes_the_place_of_the_bundled_one(tmp_path: Path) -> None:
    pack = pack_with(tmp_path, main=f"{HEAD}  - - {{number: A, where: '', metric: count}}\n")
    main = next(one for one in read_definition(pack).dashboards if one.name == "main")
    assert (main.title, main.period, len(main.rows)) == ("T", "24h", 1)


GOOD = "{number: A, where: 'msg: x', metric: count}"
WRONG = [
    # Fields and KQL
    ("{number: A, where: 'statuss: 200', metric: count}", 20, "no log field is called 'statuss'", "status?"),
    ("{number: A, where: 'status:', metric: count}", 27, "the query ends too early", None),
    ("{number: A, where: 'status: x', metric: count}", 28, "is no number", None),
    ("{number: A, where: 'status:1 and', metric: count}", 27, "not an operator", "complete"),
    ("{number: A, where: '', metric: {sum: size_byte}}", 37, "no log field is called 'size_byte'", "size_bytes?"),
    ("{number: A, where: '', metric: {sum: method}}", 37, "sum of method", None),
    ("{number: A, where: '', metric: {ratio: {part: 'levle: x'}}}", 47, "no log field is called 'levle'", "level?"),
    ("{bars: A, where: '', metric: count, by: methd}", 40, "no log field is called 'methd'", "method?"),
    ("{bars: A, where: '', metric: count, by: [method, methd]}", 49, "no log field is called 'methd'", "method?"),
    ("{bars: A, where: '', metric: count, by: error}", 40, "makes no groups", "filters"),
    # Saved queries and sessions
    ("{table: A, query: pull-and-pushes}", 18, "no saved query of this name", "pulls-and-pushes?"),
    ("{table: A, query: pulls-and-pushes, show: [pull]}", 43, "no metric of pulls-and-pushes", "pulls?"),
    ("{session: error}", 10, "no session of this name", "errors?"),
    # What belongs together
    ("{table: A, query: pulls-and-pushes, where: 'a'}", 43, "where does not belong here", "take where away"),
    ("{session: errors, top: 3}", 23, "top does not belong here", "take top away"),
    ("{number: A, where: '', metric: count, show: [a]}", 44, "show does not belong here", None),
    ("{number: A, where: ''}", 0, "needs `metric`", None),
    ("{number: A, table: A, where: '', metric: count}", 0, "a panel has 2 of the keys", None),
    ("{where: '', metric: count}", 0, "a panel has 0 of the keys", None),
    # What a shape can show
    ("{number: A, where: '', metric: count, by: method}", 0, "number cannot show this query", None),
    ("{number: A, where: '', metric: {rate: {per: s}}}", 31, "a rate needs the length", None),
    ("{number: A, query: requests-over-time, show: [per_second]}", 0, "no length to divide by", "use trend"),
    ("{table: A, query: deletions}", 0, "uri is a text, and Kibana measures numbers", None),
    ("{trend: A, query: pulls-and-pushes}", 0, "trend cannot show this query", None),
    ("{trend: A, where: '', metric: count, by: [method, level]}", 0, "trend cannot show this query", None),
    ("{bars: A, where: '', metric: count, by: [method, level]}", 0, "bars cannot show this query", None),
    ("{bars: A, query: requests-over-time}", 0, "bars cannot show this query", None),
    ("{table: A, where: '', metric: count}", 0, "table cannot show this query", None),
    ("{table: A, query: recent-errors}", 0, "table cannot show this query", None),
    # The schema
    ("{number: A, where: '', metric: counts}", 31, "wrong value", None),
    ("{number: A, wher: '', metric: count}", 12, "unknown key", "did you mean where?"),
    ("{number: '', where: '', metric: count}", 9, "wrong value", None),
    ("{number: '!', where: '', metric: count}", 9, "without letters", None),
]


@pytest.mark.parametrize(("text", "at", "message", "step"), WRONG)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, text: str, at: int, message: str, step: str | None) -> None:
    pack = pack_with(tmp_path, own=f"{HEAD}  - - {GOOD.replace('A', 'Good')}\n  - - {text}\n")
    with pytest.raises(LogQueryError) as caught:
        read_definition(pack)
    location = caught.value.location
    assert location is not None
    assert message in str(caught.value)
    assert (Path(location.file).name, location.line, location.column) == ("own.dashboard.yaml", 4, 7 + at), text
    assert step is None or step in (caught.value.next_step or "")


def test_two_panels_of_one_title_are_refused_because_they_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(LogQueryError, match="two panels have this title") as caught:
        dashboard(tmp_path, f"  - - {GOOD}\n    - {GOOD.replace('A,', 'a!,')}\n")
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (4, 16)


@pytest.mark.parametrize(
    ("controls", "message", "step"),
    [("[methd]", "no log field", "method?"), ("[msg]", "offers no values", None), ("[time]", "offers no values", None)],
)
def test_a_control_offers_the_values_of_a_field(tmp_path: Path, controls: str, message: str, step: str | None) -> None:
    with pytest.raises(LogQueryError, match=message) as caught:
        dashboard(tmp_path, f"  - - {GOOD}\ncontrols: {controls}\n")
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (4, 12)
    assert step is None or step in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Production: {title: T, index: a}", "wrong"),
        ("production: {title: T, index: 'a b'}", "wrong value"),
        ("production: {title: T}", "lacks the key 'index'"),
        ("{}", "wrong value"),
    ],
)
def test_an_environment_has_a_name_a_title_and_a_pattern(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LogQueryError, match=message):
        read_definition(pack_with(tmp_path, environments=text + "\n"))


def test_a_mistake_in_a_session_is_told_at_its_place(tmp_path: Path) -> None:
    text = "errors:\n  title: Errors\n  where: 'lvl: error'\n  columns: [time]\n"
    with pytest.raises(LogQueryError, match="no log field is called 'lvl'") as caught:
        read_definition(pack_with(tmp_path, sessions=text))
    assert caught.value.location is not None
    assert (caught.value.location.line, caught.value.location.column) == (3, 11)


def test_a_panel_is_found_by_dashboard_and_name_and_another_one_is_suggested() -> None:
    assert panel_query(find_pack(), "main/requests").title == "Requests"
    with pytest.raises(LogQueryError, match="no panel of this name") as caught:
        panel_query(find_pack(), "main/request")
    assert caught.value.next_step == "did you mean main/requests?"
