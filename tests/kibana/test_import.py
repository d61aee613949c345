"""What a build writes for Kibana, sent to a stub that takes only the documented forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from regobs.kibana.outputs import files
from regobs.logs.fields import FIELDS
from regobs.pack import find_pack
from tests.kibana import lens_rules
from tests.kibana.stub import Kibana

XSRF = {"kbn-xsrf": "true"}
ENVIRONMENTS = ("production", "non-production")


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    with Kibana() as server:
        yield server


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    return files(find_pack())


def objects(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def sent(kibana: Kibana, content: bytes, *, space: str = "", overwrite: bool = True) -> dict[str, Any]:
    path = f"{kibana.url}{space}/api/saved_objects/_import{'?overwrite=true' if overwrite else ''}"
    answer = requests.post(path, files={"file": ("objects.ndjson", content)}, headers=XSRF, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def put(kibana: Kibana, name: str, body: Any) -> requests.Response:
    return requests.put(f"{kibana.url}/api/dashboards/{name}", json=body, headers=XSRF, timeout=10)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_saved_objects_of_an_environment_are_one_import(
    kibana: Kibana, built: dict[str, bytes], environment: str
) -> None:
    content = built[f"kibana/{environment}.ndjson"]
    answer = sent(kibana, content)
    assert answer == {"success": True, "successCount": len(content.splitlines())}, answer


def test_importing_twice_replaces_what_is_there_only_when_that_is_asked_for(
    kibana: Kibana, built: dict[str, bytes]
) -> None:
    content = built["kibana/production.ndjson"]
    assert sent(kibana, content, overwrite=False)["success"]
    again = sent(kibana, content, overwrite=False)
    assert {error["error"]["type"] for error in again["errors"]} == {"conflict"}
    assert sent(kibana, content)["success"]
    assert len(kibana.objects) == len(content.splitlines())


def test_environments_live_beside_each_other_and_in_spaces_of_their_own(
    kibana: Kibana, built: dict[str, bytes]
) -> None:
    both = [built[f"kibana/{environment}.ndjson"] for environment in ENVIRONMENTS]
    for content in both:
        assert sent(kibana, content, overwrite=False)["success"]
    assert sent(kibana, both[0], space="/s/registry", overwrite=False)["success"]
    counts = [len(content.splitlines()) for content in both]
    assert len(kibana.objects) == sum(counts) + counts[0]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_dashboards_api_takes_every_dashboard_once_its_data_view_and_sessions_are_there(
    kibana: Kibana, built: dict[str, bytes], environment: str
) -> None:
    folder = f"kibana/{environment}/"
    bodies = {name.removeprefix(folder)[:-5]: json.loads(built[name]) for name in built if name.startswith(folder)}
    view = bodies.pop("data-view")
    assert len(bodies) == 2
    for name, body in bodies.items():
        assert put(kibana, name, body).status_code == 400
    answer = requests.post(f"{kibana.url}/api/data_views/data_view", json=view, headers=XSRF, timeout=10)
    assert answer.status_code == 200, answer.text
    assert sent(kibana, built[f"kibana/{environment}.ndjson"])["success"]
    for name, body in bodies.items():
        answer = put(kibana, name, body)
        assert answer.status_code == 201, answer.text
        assert put(kibana, name, body).status_code == 200
        read = requests.get(f"{kibana.url}/api/dashboards/{name}", timeout=10)
        assert read.json()["data"] == body


def test_saved_objects_and_api_show_the_same_panels_at_the_same_places(built: dict[str, bytes]) -> None:
    for environment in ENVIRONMENTS:
        for one in objects(built[f"kibana/{environment}.ndjson"]):
            if one["type"] != "dashboard":
                continue
            body = json.loads(built[f"kibana/{environment}/{one['id']}.json"])
            stored = json.loads(one["attributes"]["panelsJSON"])
            places = [{key: panel["gridData"][key] for key in "xywh"} for panel in stored]
            assert places == [panel["grid"] for panel in body["panels"]]
            titles = [panel["title"] for panel in stored if panel["type"] == "lens"]
            assert titles == [panel["config"]["title"] for panel in body["panels"] if panel["type"] == "vis"]
            assert one["attributes"]["title"] == body["title"]


def test_what_refers_to_another_object_comes_after_it(built: dict[str, bytes]) -> None:
    for environment in ENVIRONMENTS:
        seen: set[tuple[str, str]] = set()
        for one in objects(built[f"kibana/{environment}.ndjson"]):
            assert {(ref["type"], ref["id"]) for ref in one["references"]} <= seen
            seen.add((one["type"], one["id"]))


def test_the_same_content_gives_the_same_bytes_and_ids(built: dict[str, bytes]) -> None:
    assert files(find_pack()) == built
    names = [(one["type"], one["id"]) for one in objects(built["kibana/production.ndjson"])]
    assert ("dashboard", "registry-main-production") in names
    assert ("dashboard", "registry-blob-downloads-production") in names
    assert ("index-pattern", "registry-production") in names
    assert ("search", "registry-errors-production") in names


def broken(content: bytes, kind: str, change: Any) -> bytes:
    """The objects with the first one of a type changed."""
    found = objects(content)
    change(next(one for one in found if one["type"] == kind))
    return b"\n".join(json.dumps(one).encode() for one in found)


def _panels(one: dict[str, Any], change: Any) -> None:
    panels = json.loads(one["attributes"]["panelsJSON"])
    change(panels)
    one["attributes"]["panelsJSON"] = json.dumps(panels)


def _layer(panel: dict[str, Any]) -> dict[str, Any]:
    state = panel["embeddableConfig"]["attributes"]["state"]
    found: dict[str, Any] = state["datasourceStates"]["formBased"]["layers"]["lines"]
    return found


BREAKS: list[tuple[str, Any, str]] = [
    ("search", lambda one: one.update(typeMigrationVersion="10.11.0"), "more recent version"),
    ("search", lambda one: one["attributes"].update(tabs=[]), "tabs"),
    ("search", lambda one: one.update(references=[]), "names no data view"),
    ("dashboard", lambda one: one["references"].pop(), "not those of its panels"),
    ("dashboard", lambda one: _panels(one, lambda panels: panels[1]["gridData"].update(x=0)), "two panels at"),
    ("dashboard", lambda one: _panels(one, lambda panels: panels[0]["gridData"].update(x=45)), "last column"),
    ("dashboard", lambda one: _panels(one, lambda panels: _layer(panels[0])["columnOrder"].clear()), "columnOrder"),
    ("dashboard", lambda one: _panels(one, lambda panels: panels[0].update(panelIndex="other")), "stands at the place"),
]


@pytest.mark.parametrize(("kind", "change", "message"), BREAKS)
def test_the_stub_refuses_what_kibana_could_not_show(
    kibana: Kibana, built: dict[str, bytes], kind: str, change: Any, message: str
) -> None:
    answer = sent(kibana, broken(built["kibana/production.ndjson"], kind, change))
    assert not answer["success"]
    assert message in answer["errors"][0]["error"]["message"]


def test_the_stub_names_a_reference_that_is_missing_and_wants_its_header(
    kibana: Kibana, built: dict[str, bytes]
) -> None:
    without_view = b"\n".join(built["kibana/production.ndjson"].splitlines()[1:])
    errors = sent(kibana, without_view)["errors"]
    assert errors[0]["error"]["type"] == "missing_references"
    assert errors[0]["error"]["references"][0]["id"] == "registry-production"
    assert requests.post(f"{kibana.url}/api/saved_objects/_import", timeout=10).status_code == 400


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_part_of_a_field_by_which_a_panel_groups_is_a_runtime_field_of_the_data_view(
    built: dict[str, bytes], environment: str
) -> None:
    view, *others = objects(built[f"kibana/{environment}.ndjson"])
    runtime = json.loads(view["attributes"]["runtimeFieldMap"])
    (main,) = (saved for saved in others if saved["id"] == f"registry-main-{environment}")
    panels = {panel["panelIndex"]: panel for panel in json.loads(main["attributes"]["panelsJSON"])}
    shown = [*lens_rules.fields(panels["errors-by-namespace"]["embeddableConfig"]["attributes"])]
    assert "namespace_of_vars_name" in shown
    assert {name for name in shown if name not in FIELDS} == {"namespace_of_vars_name"} == set(runtime)
    body = json.loads(built[f"kibana/{environment}/registry-main-{environment}.json"])
    (table,) = (one["config"] for one in body["panels"] if one["config"].get("title") == "Errors by namespace")
    assert [row["fields"] for row in table["rows"]] == [["namespace_of_vars_name"]]
    assert json.loads(built[f"kibana/{environment}/data-view.json"])["data_view"]["runtimeFieldMap"] == runtime
