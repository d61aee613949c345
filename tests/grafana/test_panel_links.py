from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.config.model import KibanaSettings, LabelNames
from regobs.errors import DashboardError, LogQueryError
from regobs.grafana.outputs import files, manifest
from regobs.pack import Pack
from regobs.slo.links import uid_of
from tests.grafana.conftest import HEAD

ROOT = Path(__file__).parents[2]
PLAIN = Config()
KIBANA = replace(PLAIN, kibana=KibanaSettings("https://kibana.example.com"))
KEEPS = "${__url_time_range}&${__all_variables}"
REQUESTS = 'Lines("Requests", rate(http.REQUESTS), good="g")'
MORE = 'Lines("Codes", rate(http.REQUESTS, by="code"), good="g"), Lines("Time", mean(http.DURATION), good="g")'


def build(folder: Path, config: Config = PLAIN, **rows: str) -> dict[str, dict[str, Any]]:
    """The panels of dashboards from their rows: by dashboard and title. The saved log queries are the bundled ones."""
    (folder / "dashboards").mkdir()
    for part in ("queries", "kibana"):
        shutil.copytree(ROOT / "log_schemas" / part, folder / "log_schemas" / part, dirs_exist_ok=True)
    for name, text in rows.items():
        content = f'{HEAD}dashboard = Dashboard("The {name}",\n{text})\n'
        (folder / "dashboards" / f"{name}.dashboard.py").write_text(content)
    written = files(Pack((("own", folder),)), config)
    boards = {name: json.loads(written[f"dashboards/{name}.json"]) for name in rows}
    return {name: {panel["title"]: panel for panel in board["panels"]} for name, board in boards.items()}


def links(panel: dict[str, Any]) -> list[tuple[str, str]]:
    return [(link["title"], link["url"]) for link in panel.get("links", [])]


def test_a_panel_leads_to_the_dashboard_with_most_panels_about_its_metric(tmp_path: Path) -> None:
    made = build(tmp_path, main=f'Row("R", {REQUESTS})', detail=f'Row("R", {REQUESTS}, {MORE})')
    assert links(made["main"]["Requests"]) == [("The detail", f"/d/{uid_of('detail')}?{KEEPS}")]
    assert [links(panel) for panel in made["detail"].values()] == [[], [], [], []]


def test_of_dashboards_with_equally_many_the_one_about_the_component_is_it(tmp_path: Path) -> None:
    more = 'Lines("Time", mean(http.DURATION), good="g")'
    made = build(tmp_path, main=f'Row("R", {REQUESTS})', other=f'Row("R", {REQUESTS}, {more})')
    assert [title for title, _ in links(made["main"]["Requests"])] == ["The other"]


def test_a_panel_leads_to_the_home_of_each_metric_that_it_reads(tmp_path: Path) -> None:
    both = 'Lines("Both", {"a": rate(http.REQUESTS), "b": rate(storage.ACTIONS)}, good="g")'
    web = f'Row("R", {REQUESTS}, {MORE})'
    disk = 'Row("R", Lines("A", rate(storage.ACTIONS), good="g"), Lines("B", mean(storage.ACTIONS), good="g"))'
    units = both.replace("rate(http.REQUESTS)", "volume(http.DURATION)").replace("rate(sto", "volume(sto")
    made = build(tmp_path, main=f'Row("R", {units})', web=web, disk=disk)
    assert [title for title, _ in links(made["main"]["Both"])] == ["The disk", "The web"]


def test_a_panel_that_is_at_home_for_one_of_its_metrics_leads_nowhere(tmp_path: Path) -> None:
    mixed = 'Lines("Mixed", ratio(rate(storage.RETRIES), rate(http.REQUESTS)), good="g")'
    made = build(tmp_path, main=f'Row("R", {mixed})', detail=f'Row("R", {REQUESTS}, {MORE})', config=WITH_STORE)
    assert links(made["main"]["Mixed"]) == []


WITH_STORE = replace(PLAIN, capabilities=frozenset({*PLAIN.capabilities, Capability.OBJECT_STORAGE}))


def test_a_dashboard_that_is_not_written_is_no_place_to_go(tmp_path: Path) -> None:
    detail = f'Row("R", {REQUESTS}, {MORE}), needs=Capability.KUBERNETES'
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "detail.dashboard.py").write_text(f'{HEAD}dashboard = Dashboard("D", {detail})\n')
    text = f'{HEAD}dashboard = Dashboard("M", Row("R", {REQUESTS}))\n'
    (tmp_path / "dashboards" / "main.dashboard.py").write_text(text)
    written = files(Pack((("own", tmp_path),)), PLAIN)
    assert "dashboards/detail.json" not in written
    assert b"/d/regobs-detail" not in written["dashboards/main.json"]


LOGGED = 'Lines("P", rate(http.REQUESTS), good="g", logs="recent-errors")'


def test_a_link_to_logs_carries_the_variables_of_its_dashboard(tmp_path: Path) -> None:
    labels = LabelNames(environment="env", cluster="cluster")
    kibana = KibanaSettings("https://kibana.example.com", fields={"env": "labels.env", "region": "labels.region"})
    config = replace(PLAIN, labels=labels, kibana=kibana)
    made = build(tmp_path, config, main=f'Row("R", {REQUESTS}, logs="recent-errors")')
    [(_, url)] = [link for link in links(made["main"]["Requests"]) if link[0].startswith("Logs")]
    assert "labels.env:/${env:regex}/" in unquote(url)
    assert "labels.region" not in url  # no variable of this dashboard, which Grafana would leave as it stands


def test_with_a_kibana_a_link_opens_the_lines_of_the_log_query(tmp_path: Path) -> None:
    panel = build(tmp_path, KIBANA, main=f'Row("R", {LOGGED})')["main"]["P"]
    [(title, url)] = links(panel)
    assert title == "Logs: The latest errors"
    assert url.startswith("https://kibana.example.com/app/discover#/?_g=(time:(from:'${__from:date:iso}'")
    assert "regobs logs run" not in panel["description"]


def test_without_one_the_description_names_the_command(tmp_path: Path) -> None:
    panel = build(tmp_path, main=f'Row("R", {LOGGED})')["main"]["P"]
    assert links(panel) == []
    assert "Good: g\n\nLogs: `regobs logs run recent-errors registry.log`" in panel["description"]


def test_the_log_query_of_a_row_is_that_of_the_panels_that_name_none(tmp_path: Path) -> None:
    row = f'Row("R", {LOGGED}, {REQUESTS}, logs="requests-over-time")'
    made = build(tmp_path, main=row)["main"]
    assert "run recent-errors " in made["P"]["description"]
    assert "run requests-over-time " in made["Requests"]["description"]
    described = manifest(Pack((("own", tmp_path),)), PLAIN)["main"]["panels"]
    assert [panel["logs"] for panel in described] == ["recent-errors", "requests-over-time"]


@pytest.mark.parametrize("config", [PLAIN, KIBANA])
@pytest.mark.parametrize(
    ("row", "line"),
    [
        ('Row("R",\nLines("P", rate(http.REQUESTS), good="g", logs="recent-eror"))', 7),
        ('Row("R",\nLines("P", rate(http.REQUESTS), good="g"), logs="recent-eror")', 6),
    ],
)
def test_a_log_query_that_does_not_exist_is_refused_where_it_is_named(
    tmp_path: Path, config: Config, row: str, line: int
) -> None:
    with pytest.raises(DashboardError, match="no saved query of this name") as caught:
        build(tmp_path, config, main=row)
    error = caught.value
    assert (error.value, error.next_step) == ("recent-eror", "did you mean recent-errors?")
    assert error.location is not None
    assert (Path(error.location.file).name, error.location.line) == ("main.dashboard.py", line)


def test_a_log_query_that_is_wrong_is_refused_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "log_schemas" / "queries").mkdir(parents=True)
    (tmp_path / "log_schemas" / "queries" / "own.query.yaml").write_text("title: [\n")
    with pytest.raises(LogQueryError) as caught:
        build(tmp_path, main='Row("R", Lines("P", rate(http.REQUESTS), good="g", logs="own"))')
    assert "own.query.yaml" in str(caught.value.location)


@pytest.mark.parametrize(("name", "there"), [("recent-errors", True), ("requests-over-time", False)])
def test_a_registry_that_writes_other_messages_has_no_queries_for_messages(
    tmp_path: Path, name: str, *, there: bool
) -> None:
    config = Config(flavor=Flavor.DISTRIBUTION)
    row = f'Row("R", Lines("P", rate(http.REQUESTS), good="g", logs="{name}"))'
    assert ("regobs logs run" in build(tmp_path, config, main=row)["main"]["P"]["description"]) is there
