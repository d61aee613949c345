"""`regobs deploy` of routes and inhibitions to a real Alertmanager: it uses the new configuration or the old one."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from regobs.build import build_files
from regobs.common.programs import Supervisor
from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig, marked
from regobs.deploy.alertmanager_places import ConfigApi, ConfigFile
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, RegobsError, ServerError
from regobs.prometheus import Prometheus
from tests.deploy.fakes import put_back
from tests.e2e.conftest import AlertmanagerFactory
from tests.peers import metric_servers, required_cortex
from tests.slo.packs import BUNDLED, GITLAB

pytestmark = pytest.mark.server
SECRET = "key-of-the-pager"
KILLS = int(os.environ.get("REGOBS_KILLS", "10"))  # 200 in the long runs


def built(**changed: Any) -> dict[str, bytes]:
    """The routing of the bundled pack, with other values of its first route."""
    content = {str(name): content for name, content in build_files(GITLAB, BUNDLED).items()}[FILE]
    data: dict[str, Any] = load_yaml(content, FILE, error=InputError).data
    data["route"] |= changed
    return {FILE: dump_yaml(data).encode()}


def receivers_file(folder: Path) -> Path:
    """The receivers of the bundled pack, one of them with a secret."""
    given: list[dict[str, Any]] = [{"name": name} for name in ("pager", "tickets", "watchdog", "nobody")]
    given[0]["webhook_configs"] = [{"url": f"http://127.0.0.1:1/{SECRET}"}]
    file = folder / "receivers.yaml"
    file.write_text(dump_yaml({"receivers": given}), encoding="utf-8")
    return file


class Alerts:
    """An Alertmanager with a configuration of its own, and deployments to it."""

    def __init__(self, folder: Path, start: AlertmanagerFactory) -> None:
        self.folder, self.file = folder, folder / "alertmanager.yml"
        self.file.write_text("route: {receiver: mine}\nreceivers: [{name: mine}]  # by hand\n", encoding="utf-8")
        self.file.chmod(0o640)
        self.url = start(self.file).url
        self.receivers = receivers_file(folder)

    def rollout(self) -> Rollout:
        place = ConfigFile(self.file, lambda: Prometheus(self.url))
        return Rollout(AlertmanagerConfig("alerts", place, self.receivers), StateFolder(self.folder / "state"))

    def used(self) -> dict[str, Any]:
        """What it uses now."""
        return ConfigFile(self.file, lambda: Prometheus(self.url)).loaded()


@pytest.fixture
def alerts(tmp_path: Path, alertmanager_server: AlertmanagerFactory) -> Alerts:
    return Alerts(tmp_path, alertmanager_server)


def test_the_bundled_routes_are_used_at_once_and_what_was_there_is_asked_for(alerts: Alerts) -> None:
    ours = alerts.rollout()
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(built()))
    ours.apply(ours.plan(built()), overwrite=True)
    assert alerts.used()["route"]["group_wait"] == "30s"
    assert len(alerts.used()["inhibit_rules"]) > 10
    ours.apply(ours.plan(built(group_wait="45s")))
    assert alerts.used()["route"]["group_wait"] == "45s"
    ours.apply(ours.plan_back(1))
    assert alerts.used()["route"]["group_wait"] == "30s"
    ours.verify()
    assert stat.S_IMODE(alerts.file.stat().st_mode) == 0o640
    alerts.file.write_text(alerts.file.read_text().replace("group_wait: 30s", "group_wait: 31s"), encoding="utf-8")
    assert [one.what for one in ours.status().edited] == ["changed since it was deployed"]


def test_what_alertmanager_does_not_load_is_taken_back_to_the_letter(
    alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = alerts.file.read_bytes()
    monkeypatch.setattr(AlertmanagerConfig, "_refuse", lambda *_: None)  # as where amtool is not installed
    ours = alerts.rollout()
    with pytest.raises(ServerError, match="reload answers 500") as raised:
        ours.apply(ours.plan(built(receiver="nowhere")), overwrite=True)
    assert SECRET not in str(raised.value)
    assert alerts.file.read_bytes() == before
    assert alerts.used()["route"]["receiver"] == "mine"


def test_amtool_refuses_it_before_anything_changes(alerts: Alerts) -> None:
    before = alerts.file.read_bytes()
    ours = alerts.rollout()
    with pytest.raises(InputError, match="amtool refuses"):
        ours.apply(ours.plan(built(receiver="nowhere")), overwrite=True)
    assert alerts.file.read_bytes() == before


_APPLY = """
import sys
from pathlib import Path
from regobs.deploy.alertmanager_config import AlertmanagerConfig, marked
from regobs.deploy.alertmanager_places import ConfigFile
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.prometheus import Prometheus
folder, url, build = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
place = ConfigFile(folder / "alertmanager.yml", lambda: Prometheus(url))
ours = Rollout(AlertmanagerConfig("alerts", place, folder / "receivers.yaml"), StateFolder(folder / "state"))
print("ready", flush=True)
ours.apply(ours.plan({"alertmanager/alertmanager.yaml": build.read_bytes()}), overwrite=True)
"""


@pytest.mark.timeout(1800)
def test_a_killed_deployment_leaves_the_old_or_the_new_configuration(alerts: Alerts, tmp_path: Path) -> None:
    before, ours = built(), alerts.rollout()
    ours.apply(ours.plan(before), overwrite=True)
    old = alerts.file.read_bytes()
    new_build = tmp_path / "new.yaml"
    new_build.write_bytes(built(group_wait="45s")[FILE])
    new = marked(old.partition(b"\n")[2].replace(b"group_wait: 30s", b"group_wait: 45s", 1))
    seen = set()
    for number in range(KILLS):
        command = [sys.executable, "-c", _APPLY, str(tmp_path), alerts.url, str(new_build)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.4 * number / KILLS)
            child.send_signal(signal.SIGKILL)
        content = alerts.file.read_bytes()
        assert content in {old, new}
        again = alerts.rollout()
        put_back(again)
        assert alerts.file.read_bytes() == content or content == new
        seen.add(content == new)
        again.apply(again.plan(before))
        assert alerts.file.read_bytes() == old
        assert alerts.used()["route"]["group_wait"] == "30s"
        assert not [*tmp_path.rglob(".*.regobs-new")]  # they have secrets
    assert False in seen


def test_a_configuration_by_hand_comes_back_after_a_kill_before_the_reload(alerts: Alerts, tmp_path: Path) -> None:
    """It is in use at the server, and for a moment nowhere but in the copy beside the receivers."""
    by_hand = alerts.file.read_bytes()
    new_build = tmp_path / "new.yaml"
    new_build.write_bytes(built()[FILE])
    command = [sys.executable, "-c", _APPLY, str(tmp_path), alerts.url, str(new_build)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        while alerts.file.read_bytes() == by_hand and child.poll() is None:
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
    assert alerts.file.read_bytes() != by_hand
    ours = alerts.rollout()
    with pytest.raises(InputError, match="somebody else's work would be lost"):
        ours.apply(ours.plan(built()))
    assert (alerts.file.read_bytes(), ours.status().interrupted) == (by_hand, "")
    assert alerts.used()["route"]["receiver"] == "mine"
    ours.apply(ours.plan(built()), overwrite=True)
    assert alerts.used()["route"]["receiver"] == "tickets"
    (kept,) = tmp_path.glob("receivers.yaml.before-regobs-*")
    assert (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (by_hand, 0o600)


def test_a_server_that_is_not_there_changes_nothing_for_good(alerts: Alerts) -> None:
    before = alerts.file.read_bytes()
    place = ConfigFile(alerts.file, lambda: Prometheus("http://127.0.0.1:1"))
    ours = Rollout(AlertmanagerConfig("alerts", place, alerts.receivers), StateFolder(alerts.folder / "state"))
    with pytest.raises(RegobsError, match="cannot be reached"):
        ours.apply(ours.plan(built()), overwrite=True)
    assert alerts.file.read_bytes() == before


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_a_tenant_of_cortex_has_its_own_configuration_and_gets_the_old_one_back(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlertmanagerConfig, "_refuse", lambda *_: None)  # as where amtool is not installed
    url = metric_servers.cortex(supervisor, required_cortex(), flags=("-target=all,alertmanager",))

    def api(tenant: str) -> ConfigApi:
        return ConfigApi(f"{url}/api/v1/alerts", lambda: Prometheus(url, headers={"X-Scope-OrgID": tenant}))

    def rollout() -> Rollout:
        target = AlertmanagerConfig("tenant", api("a"), receivers_file(tmp_path))
        return Rollout(target, StateFolder(tmp_path / "state"))

    assert api("a").read() is None
    ours = rollout()
    ours.apply(ours.plan(built()))
    assert api("a").loaded()["route"]["group_wait"] == "30s"
    assert api("b").read() is None
    assert not rollout().plan(built()).differs
    with pytest.raises(ServerError) as raised:  # the server refuses it: what was there stays
        ours.apply(ours.plan(built(receiver="nowhere")))
    assert SECRET not in str(raised.value)
    assert api("a").loaded()["route"]["receiver"] != "nowhere"
    ours = rollout()
    ours.apply(ours.plan(built(group_wait="45s")))
    ours.apply(ours.plan_back(1))
    assert api("a").loaded()["route"]["group_wait"] == "30s"
    assert SECRET in (api("a").read() or b"").decode()
