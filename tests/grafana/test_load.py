from __future__ import annotations

import sys
from pathlib import Path

import pytest

from regobs.errors import DashboardError, ExitCode
from regobs.grafana.load import load_dashboard, slug_of

HEAD = """\
from regobs.catalog import http
from regobs.grafana.words import Dashboard, Heat, Lines, Row, Stat
from regobs.promql import rate, select, within
"""
GOOD = HEAD + 'dashboard = Dashboard("T", Row("R", Stat("P", rate(http.REQUESTS), good="more than none")))\n'


def load(body: str) -> object:
    return load_dashboard(Path("x.dashboard.py"), HEAD + body)


def refused(body: str) -> DashboardError:
    with pytest.raises(DashboardError) as caught:
        load(body)
    return caught.value


def panel(text: str) -> str:
    return f'dashboard = Dashboard("T", Row("R",\n    {text}))\n'


def test_a_file_is_loaded_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "storage-detail.dashboard.py"
    path.write_text(GOOD)
    dashboard = load_dashboard(path)
    assert dashboard.title == "T"
    assert slug_of(path) == "storage-detail"


def test_a_panel_knows_the_line_it_stands_on() -> None:
    dashboard = load_dashboard(Path("x.dashboard.py"), GOOD)
    location = dashboard.rows[0].panels[0].location
    column = GOOD.splitlines()[3].index("Stat(") + 1
    assert (location.file, location.line, location.column) == ("x.dashboard.py", 4, column)


@pytest.mark.parametrize(
    ("body", "position", "says"),
    [
        ("dashboard = Dashboard(\n", "4:22", "was never closed"),
        ("dashboard = Dashbord('T')\n", "4:13", "NameError"),
        ("from regobs.catalog import htpp\n", "4", "htpp"),
        (panel('Stat("P", rate(http.REQUETS), good="g")'), "5:20", "REQUETS"),
        (panel('Stat("P", rate(http.IN_FLIGHT), good="g")'), "5:15", "is a gauge"),
        (panel('Stat("P", rate(http.REQUESTS, by="rout"), good="g")'), "5:15", "no label rout"),
        (panel('Lines("P", within(0.3, http.DURATION), good="g")'), "5:16", "0.3 is no bucket edge"),
        (panel('Stat("P", rate(http.REQUESTS))'), "5:5", "good"),
        (panel('Stat("", rate(http.REQUESTS), good="g")'), "5:5", "the title of a panel is missing"),
        (panel('Stat("P", rate(http.REQUESTS), good="")'), "5:5", "`good` of panel 'P' is missing"),
        (panel('Stat("P", rate(http.REQUESTS), good="a\\nb")'), "5:5", "no line of text"),
        (panel('Stat("P", good="g")'), "5:5", "shows nothing"),
        (panel('Stat("P", http.REQUESTS, good="g")'), "5:5", "no expression"),
        (panel('Lines("P", {"all": 3}, good="g")'), "5:5", "no expression (all)"),
        (panel('Stat("P", rate(http.REQUESTS), good="g", thresholds=(1, 1))'), "5:5", "no pair of different numbers"),
        (panel('Heat("P", http.REQUESTS, good="g")'), "5:5", "no histogram"),
        (panel("rate(http.REQUESTS)"), "4:28", "no panel"),
        ('dashboard = Dashboard("T",\n Row("R"))\n', "5:2", "row 'R' is empty"),
        ('dashboard = Dashboard("T")\n', "4:13", "is empty"),
        ('dashboard = Dashboard("T", Stat("P", rate(http.REQUESTS), good="g"))\n', "4:28", "no row"),
        ("dashbord = 1\n", "1", "no `dashboard`"),
        ("dashboard = 1\n", "1", "`dashboard` is no Dashboard"),
        ("raise SystemExit(0)\n", "4:1", "SystemExit"),
        ("1 / 0\n", "4:1", "ZeroDivisionError"),
        ("\0", "", "null byte"),
    ],
)
def test_a_mistake_is_named_with_its_place(body: str, position: str, says: str) -> None:
    error = refused(body)
    assert f"{error.location}:".startswith(f"x.dashboard.py:{position}".rstrip(":") + ":")
    assert says in error.message
    assert error.exit_code is ExitCode.INPUT


@pytest.mark.parametrize("word", ["Row", "Stat"])
def test_a_second_title_is_refused_where_it_stands(word: str) -> None:
    stat = 'Stat("P", rate(http.REQUESTS), good="g")'
    twice = f"{stat},\n{stat}" if word == "Stat" else f'{stat}),\nRow("R", {stat}'
    error = refused(f'dashboard = Dashboard("T",\n Row("R", {twice}))\n')
    assert error.location is not None
    assert error.location.line == 6
    assert "of one title" in error.message


def test_an_error_deep_in_a_helper_of_the_file_is_placed_in_the_helper() -> None:
    error = refused("def shown():\n    return rate(http.IN_FLIGHT)\n\n" + panel('Stat("P", shown(), good="g")'))
    assert error.location is not None
    assert error.location.line == 5


def test_every_error_says_what_to_do() -> None:
    for body in ("dashboard = Dashboard(\n", "x = nothing\n", panel('Stat("P", http.REQUETS, good="g")')):
        error = refused(body)
        assert error.expected
        assert error.next_step


def test_a_missing_file_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"cannot be read"):
        load_dashboard(tmp_path / "none.dashboard.py")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.dashboard.py"
    path.write_bytes(b"# one\n# \xff\n")
    with pytest.raises(DashboardError, match=r"not UTF-8") as caught:
        load_dashboard(path)
    assert caught.value.location is not None
    assert caught.value.location.line == 2


def test_dashboards_share_measures_and_a_pack_may_have_its_own(tmp_path: Path) -> None:
    text = (
        "from measures import *\nfrom regobs.grafana.words import *\n"
        'dashboard = Dashboard("T", Row("R", Stat("P", up, good="g")))\n'
    )
    [panel] = load_dashboard(tmp_path / "a.dashboard.py", text).rows[0].panels
    assert "up" in str(panel.choices)
    (tmp_path / "measures.py").write_text(
        "from regobs.catalog import http\nfrom regobs.promql import rate\nup = rate(http.REQUESTS)\n"
    )
    [panel] = load_dashboard(tmp_path / "a.dashboard.py", text).rows[0].panels
    assert "registry_http_requests_total" in str(panel.choices)
    assert "measures" not in sys.modules
