"""Registries that are not supported are named by their families."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from regobs.catalog.check import check
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor
from regobs.catalog.others import OTHERS
from regobs.cli.main import run
from regobs.config import read_config
from regobs.doctor.observe import observe_exposition
from regobs.errors import InputError
from tests.catalog.samples import DOCKER, text_of
from tests.e2e.exposition_server import ExpositionServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "other-registries.md").read_text(encoding="utf-8")
RUNTIME = "# TYPE go_goroutines gauge\ngo_goroutines 9\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n"
EXPOSITIONS = {
    "Harbor": '# TYPE harbor_project_total gauge\nharbor_project_total{public="true"} 4\n',
    "Quay": '# TYPE quay_registry_image_pulls_total counter\nquay_registry_image_pulls_total{status="200"} 4\n',
    "zot": '# TYPE zot_http_requests_total counter\nzot_http_requests_total{code="200",method="GET"} 4\n',
    "Pulp": '# TYPE target_info gauge\ntarget_info{service_name="pulp-content"} 1\n',
    "Artifactory": "# TYPE jfrt_db_connections_active_total gauge\njfrt_db_connections_active_total 4 1698850569605\n",
}


def test_every_registry_that_is_told_is_tried_and_documented() -> None:
    assert [other.name for other in OTHERS] == [*EXPOSITIONS]
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    for other in OTHERS:
        row = next(line for line in rows if line.startswith(f"| {other.name} |"))
        assert all(f"`{prefix}*`" in row for prefix in other.prefixes)
        assert all(f"`{service}`" in row for service in other.services)
        assert other.name in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("flavor", [None, *Flavor])
@pytest.mark.parametrize("name", EXPOSITIONS)
def test_its_exposition_is_named_with_what_would_be_needed(name: str, flavor: Flavor | None) -> None:
    with pytest.raises(InputError, match=f"this is {name}'s exposition: not supported") as caught:
        check(parse((RUNTIME + EXPOSITIONS[name]).encode()), flavor)
    other = next(one for one in OTHERS if one.name == name)
    assert caught.value.next_step == f"{other.instead}. What would be needed: {other.needed}"
    with pytest.raises(InputError, match=name):
        observe_exposition(parse(EXPOSITIONS[name].encode()))


def test_a_process_that_is_no_registry_is_not_taken_for_one() -> None:
    text = RUNTIME + '# TYPE target_info gauge\ntarget_info{service_name="shop"} 1\n# TYPE harbour gauge\nharbour 1\n'
    with pytest.raises(InputError, match="nothing in it tells which registry this is"):
        check(parse(text.encode()))


def test_the_registry_inside_harbor_is_a_distribution_also_beside_families_of_harbor() -> None:
    report = check(parse((text_of(DOCKER) + EXPOSITIONS["Harbor"]).encode()))
    assert report.flavor is Flavor.DISTRIBUTION
    assert [one.family for one in report.differences] == ["harbor_project_total"]


def test_the_command_names_it_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "harbor.prom"
    file.write_text(EXPOSITIONS["Harbor"])
    assert run(["catalog", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert "this is Harbor's exposition: not supported" in said
    assert "What would be needed: a flavor" in said
    assert "comp=registry" in said


@pytest.mark.parametrize("name", ["Quay", "Harbor"])
@pytest.mark.parametrize("command", [("init",), ("catalog", "check")])
def test_what_a_server_is_not_is_the_fault_of_the_server_in_every_command(
    command: tuple[str, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text(EXPOSITIONS[name])
    with ExpositionServer(EXPOSITIONS[name]) as served:
        assert run([*command, f"http://{served.address}/metrics"]) == 3
    assert f"these are metrics, but this is {name}'s exposition: not supported" in capsys.readouterr().err
    assert run([*command, "other.txt"]) == 2
    assert not (tmp_path / "regobs.toml").exists()


def test_the_settings_of_the_page_can_be_read() -> None:
    scrape, settings = PAGE.split("```yaml\n")[1].split("```")[0], PAGE.split("```toml\n")[1].split("```")[0]
    job = yaml.safe_load(scrape)["scrape_configs"][0]
    assert json.dumps(job["params"]) == '{"comp": ["registry"]}'
    assert tomllib.loads(settings)
    assert read_config(settings, Path("regobs.toml")).flavor is Flavor.DISTRIBUTION


def test_the_next_step_names_an_option_only_where_the_command_has_it() -> None:
    exposition = parse((RUNTIME + "# TYPE shop gauge\nshop 1\n").encode())
    with pytest.raises(InputError) as checked:
        check(exposition)
    with pytest.raises(InputError) as observed:
        observe_exposition(exposition)
    assert checked.value.next_step == "check the address, or say which registry it is with --flavor"
    assert observed.value.next_step == "check the address"
