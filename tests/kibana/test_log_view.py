"""Links to log queries, as dashboards hold them: an address with Grafana's period, or the command."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import rison

from regobs.catalog.model import Flavor
from regobs.config import Config, KibanaSettings
from regobs.errors import LogQueryError
from regobs.kibana.log_view import log_view
from regobs.logs.saved import load_query, names_in
from regobs.pack import find_pack

PACK = find_pack()
HERE = Config(kibana=KibanaSettings("https://kibana.example.com/base/", "ops", "non-production"))


def interpolated(address: str) -> dict[str, Any]:
    """The state of Discover after Grafana has put in the period."""
    for variable, time in (("from", "2026-11-25T10:00:00.000Z"), ("to", "2026-11-25T11:00:00.000Z")):
        assert address.count(f"${{__{variable}:date:iso}}") == 1
        address = address.replace(f"${{__{variable}:date:iso}}", time)
    query = urlsplit(address).fragment.partition("?")[2]
    return {name: rison.loads(unquote(text)) for name, _, text in (part.partition("=") for part in query.split("&"))}


@pytest.mark.parametrize("name", names_in(PACK))
def test_a_saved_query_has_an_address_with_grafanas_period_and_its_lines(name: str) -> None:
    found = log_view(HERE, PACK, name)
    assert found.title == load_query(PACK, name).title
    assert found.command == f"regobs logs run {name} registry.log"
    assert found.url().startswith("https://kibana.example.com/base/s/ops/app/discover#/?")
    state = interpolated(found.url())
    assert state["_g"] == {"time": {"from": "2026-11-25T10:00:00.000Z", "to": "2026-11-25T11:00:00.000Z"}}
    assert state["_a"]["dataSource"]["dataViewId"] == "registry-non-production"
    assert state["_a"]["query"]["query"]


def test_the_lines_are_those_of_the_environment_that_is_chosen_on_the_dashboard() -> None:
    kibana = KibanaSettings("https://kibana.example.com", fields={"env": "labels.env", "zone": "zone"})
    view = log_view(Config(kibana=kibana), PACK, "recent-errors")
    assert interpolated(view.url())["_a"]["filters"] == []
    assert "${env:regex}" in view.url(["env", "instance"])
    state = interpolated(view.url(["env", "instance"]).replace("${env:regex}", "(prod|eu\\.1)"))
    assert [one["query"]["query_string"]["query"] for one in state["_a"]["filters"]] == ["labels.env:/(prod|eu\\.1)/"]
    assert [one["meta"]["index"] for one in state["_a"]["filters"]] == ["registry-production"]
    both = interpolated(view.url(["env", "zone"]).replace("${env:regex}", "a").replace("${zone:regex}", ".*"))
    assert len(both["_a"]["filters"]) == 2


def test_a_period_can_be_given() -> None:
    url = log_view(HERE, PACK, "recent-errors", period=("now-1h", "now")).url()
    assert "?_g=(time:(from:'now-1h',to:'now'))&" in url


@pytest.mark.parametrize("config", [Config(), Config(flavor=Flavor.DISTRIBUTION, kibana=HERE.kibana)])
def test_without_a_kibana_that_has_the_lines_there_is_the_command_alone(config: Config) -> None:
    found = log_view(config, PACK, "gc-decisions")
    assert (found.url(), found.command) == ("", "regobs logs run gc-decisions registry.log")
    assert found.title == load_query(PACK, "gc-decisions").title


@pytest.mark.parametrize("config", [Config(), HERE])
def test_a_name_that_no_query_has_is_refused_with_the_one_that_is_meant(config: Config) -> None:
    with pytest.raises(LogQueryError) as caught:
        log_view(config, PACK, "gc-decision")
    assert caught.value.next_step == "did you mean gc-decisions?"


def test_an_environment_that_does_not_exist_is_refused() -> None:
    config = Config(kibana=KibanaSettings("https://kibana.example.com", environment="prod"))
    with pytest.raises(LogQueryError, match="no environment of this name"):
        log_view(config, PACK, "recent-errors")


def test_a_build_without_kibana_loads_no_query_language_for_its_links() -> None:
    code = (
        "import sys; from regobs.config import Config; from regobs.kibana.log_view import log_view; "
        "from regobs.pack import find_pack; log_view(Config(), find_pack(), 'recent-errors'); "
        "print([name for name in sys.modules if name.startswith('regobs.logs')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"[]", "['regobs.logs']"}
