"""The marks for what changed, on the time axis of every dashboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.config.model import GrafanaSettings
from regobs.grafana.annotations import time_marks
from regobs.grafana.variables import Variables, variables_in
from regobs.promql import infer, parse
from tests.pack.test_dashboards import DASHBOARDS

GITLAB = Config(flavor=Flavor.GITLAB)


def marks(config: Config) -> dict[str, dict[str, Any]]:
    return {mark["name"]: mark for mark in time_marks(config, Variables.of(config))}


def test_a_new_version_a_start_and_a_deploy_are_marked() -> None:
    assert list(marks(GITLAB)) == ["New version", "Starts", "Deploys"]


def test_a_registry_that_does_not_tell_its_version_has_no_mark_for_it() -> None:
    assert list(marks(replace(GITLAB, flavor=Flavor.DISTRIBUTION))) == ["Starts", "Deploys"]


def test_a_version_is_new_while_it_did_not_run_ten_minutes_ago() -> None:
    text = marks(GITLAB)["New version"]["expr"]
    series = 'gitlab_build_info{job="registry", instance=~"$instance"}'
    versions, then = f"count by (version) ({series})", f"count by (version) ({series} offset 10m)"
    assert text == f"{versions} and on () count({series} offset 10m) unless {then}"


def test_marks_are_narrowed_by_the_variables_of_their_dashboard_only() -> None:
    for (name, _), dashboard in DASHBOARDS.items():
        there = {variable["name"] for variable in dashboard["templating"]["list"]}
        marks = [mark["expr"] for mark in dashboard["annotations"]["list"] if "expr" in mark]
        assert variables_in(marks) <= there, name
    (slo,) = [board for (name, slug), board in DASHBOARDS.items() if (name, slug) == ("gitlab", "slo")]
    assert 'count by (version) (gitlab_build_info{job="registry"})' in slo["annotations"]["list"][1]["expr"]


def test_the_queries_make_sense_in_the_deployment() -> None:
    for mark in marks(GITLAB).values():
        if "expr" in mark:
            assert infer(parse(mark["expr"]), GITLAB.vocabulary).value == "vector"


def test_a_deploy_has_all_of_the_configured_tags_and_without_tags_there_is_none() -> None:
    of_ours = replace(GITLAB, grafana=GrafanaSettings(deploy_tags=("rollout", "registry")))
    assert marks(of_ours)["Deploys"]["target"]["tags"] == ["rollout", "registry"]
    assert marks(of_ours)["Deploys"]["target"]["matchAny"] is False
    assert "Deploys" not in marks(replace(GITLAB, grafana=GrafanaSettings(deploy_tags=())))


def test_every_bundled_dashboard_has_them_after_the_one_that_grafana_builds_in() -> None:
    for (name, _), dashboard in DASHBOARDS.items():
        names = [mark["name"] for mark in dashboard["annotations"]["list"]]
        version = ["New version"] if name.startswith("gitlab") else []
        assert names == ["Annotations & Alerts", *version, "Starts", "Deploys"]
