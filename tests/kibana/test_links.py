"""`regobs logs link`: the addresses open what was named, and a wrong name, time or address is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import rison
from click.testing import CliRunner

from regobs.cli.logs import logs
from regobs.errors import ExitCode, InputError, RegobsError
from regobs.kibana.links import View, link
from regobs.kibana.reading import read_definition
from regobs.logs.fields import FIELDS
from regobs.logs.kql import parse
from regobs.logs.saved import names_in
from regobs.pack import find_pack

PACK = find_pack()
BOARDS = read_definition(PACK).dashboards
NAMES = [
    *names_in(PACK),
    *(f"{one.name}/{panel.name}" for one in BOARDS for row in one.rows for panel in row),
    "slow-requests",
]
BASE = "https://kibana.example.com"


def state(address: str) -> dict[str, Any]:
    """What stands behind ? in the fragment, as Kibana reads it."""
    query = urlsplit(address).fragment.partition("?")[2]
    return {name: rison.loads(unquote(text)) for name, _, text in (part.partition("=") for part in query.split("&"))}


@pytest.mark.parametrize("name", NAMES)
def test_a_query_opens_in_discover_with_its_lines_and_fields(name: str) -> None:
    found = state(link(PACK, name, View(BASE)))
    assert found["_g"] == {"time": {"from": "now-24h", "to": "now"}}
    asked = found["_a"]
    assert asked["dataSource"] == {"dataViewId": "registry-production", "type": "dataView"}
    assert asked["query"]["language"] == "kuery"
    parse(asked["query"]["query"])
    assert set(asked["columns"]) <= set(FIELDS) - {"time"}
    assert {field for field, _ in asked["sort"]} <= set(FIELDS)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(logs, ["link", "--kibana", BASE, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_dashboard_opens_by_its_id_for_a_period() -> None:
    address = run("main", "--from", "now-7d", "--environment", "non-production")
    assert address == f"{BASE}/app/dashboards#/view/registry-main-non-production?_g=(time:(from:now-7d,to:now))"


def test_lines_are_narrowed_in_the_data_view_and_space_that_are_named() -> None:
    address = run("errors", "--where", "status: 503", "--space", "ops", "--environment", "non-production")
    assert address.startswith(f"{BASE}/s/ops/app/discover#/?")
    asked = state(address)["_a"]
    assert asked["dataSource"]["dataViewId"] == "registry-non-production"
    assert parse(asked["query"]["query"]) == parse("(level: (error or fatal or panic)) and (status: 503)")


@pytest.mark.parametrize(
    ("name", "view", "message", "step"),
    [
        ("error", View(BASE), "nothing of this name", "did you mean errors?"),
        ("main", View("kibana.example.com"), "not an http or https URL", None),
        ("main", View("https://u:secret@kibana"), "not an http or https URL", None),
        ("main", View(f"{BASE}/app?x=1"), "not an http or https URL", None),
        ("main", View(BASE, environment="prod"), "no environment of this name", None),
        ("main", View(BASE, start="yesterday"), "this is not a time", None),
        ("main", View(BASE, end="now-1x"), "this is not a time", None),
    ],
)
def test_what_does_not_exist_is_refused_and_no_password_is_shown(
    name: str, view: View, message: str, step: str | None
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        link(PACK, name, view)
    assert "secret" not in str(caught.value)
    assert step is None or caught.value.next_step == step


def test_a_dashboard_takes_no_condition() -> None:
    with pytest.raises(RegobsError, match="nothing of this name") as caught:
        run("main", "--where", "status: 503")
    assert caught.value.next_step == "take --where away, or name one of its panels"


def test_the_settings_say_where_kibana_is_and_options_win_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "regobs.toml").write_text(f'[kibana]\nurl = "{BASE}"\nspace = "ops"\nenvironment = "non-production"\n')
    monkeypatch.chdir(tmp_path)

    def at(*arguments: str) -> str:
        done = CliRunner().invoke(logs, ["link", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    assert at("main").startswith(f"{BASE}/s/ops/app/dashboards#/view/registry-main-non-production?")
    assert at("main", "--space", "x", "--environment", "production").startswith(
        f"{BASE}/s/x/app/dashboards#/view/registry-main-production?"
    )
    other = at("main", "--kibana", "https://other.example")  # another Kibana has not this one's space
    assert other.startswith("https://other.example/app/dashboards#/view/registry-main-non-production?")


def test_without_an_address_the_settings_that_lack_it_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(logs, ["link", "main"])
    assert done.exit_code == ExitCode.INPUT
    assert "--kibana URL, or set url under [kibana] in regobs.toml" in done.output
