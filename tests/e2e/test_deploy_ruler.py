"""`regobs deploy` to the ruler of a Cortex: a tenant has the new groups or the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from regobs.common.programs import Supervisor
from regobs.deploy.ruler_api import RulerApi
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from regobs.prometheus import Prometheus
from regobs.slo import outputs
from tests.deploy.fakes import PREFIX, rule_file
from tests.e2e.deployed_rules import NEW, OLD, differing
from tests.peers import metric_servers, required_cortex
from tests.peers.metric_servers import TENANT
from tests.slo.packs import BUNDLED, GITLAB


@dataclass
class Tenant:
    """A Cortex, as one of its tenants."""

    url: str
    name: str = TENANT

    def open(self) -> Prometheus:
        return Prometheus(f"{self.url}/prometheus", headers={"X-Scope-OrgID": self.name})

    def rollout(self, state: Path, api: str = "/api/v1/rules", patience: float = 60) -> Rollout:
        target = RulerApi("cortex", self.url + api, "regobs", self.open, patience=patience)
        return Rollout(target, StateFolder(state), wait=30)

    def loaded(self) -> dict[str, str]:
        with self.open() as client:
            return {rule.name: rule.query for group in client.rules() for rule in group.rules}


@pytest.fixture(scope="module")
def cortex() -> Iterator[str]:
    with Supervisor() as supervisor:
        yield metric_servers.cortex(supervisor, required_cortex(), flags=("-ruler.poll-interval=1s",))


@pytest.fixture
def tenant(cortex: str, tmp_path: Path) -> Tenant:
    return Tenant(cortex, tmp_path.name)


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_a_ruler_gets_the_groups_of_its_tenant(tenant: Tenant, tmp_path: Path) -> None:
    ours = tenant.rollout(tmp_path / "state")
    ours.apply(ours.plan(OLD))
    assert tenant.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}
    ours.apply(ours.plan(NEW))
    assert tenant.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}
    assert not ours.plan(NEW).differs
    assert ours.status().edited == ()
    assert Tenant(tenant.url, "another").loaded() == {}
    ours.apply(ours.plan_back(1))
    assert tenant.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_the_rules_of_the_pack_come_back_from_a_ruler_as_they_were_sent(tenant: Tenant, tmp_path: Path) -> None:
    files = outputs.files(BUNDLED, GITLAB)
    target = RulerApi("cortex", f"{tenant.url}/api/v1/rules", "regobs", tenant.open)
    wanted = target.wanted(files)
    assert len(wanted) > 40
    target.check(wanted)
    target.write({}, wanted)
    assert target.read() == wanted
    assert target.changes(wanted, target.read()) == []
    with tenant.open() as client:
        assert differing(client, wanted) == []
    target.write(wanted, {})
    assert target.read() == {}


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_a_ruler_that_cannot_evaluate_gets_its_old_groups_back(tenant: Tenant, tmp_path: Path) -> None:
    ours = tenant.rollout(tmp_path / "state")
    ours.apply(ours.plan(OLD))
    twice = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'
    with pytest.raises(ServerError, match="not in use"):
        ours.apply(ours.plan(OLD | {f"{PREFIX}bad.yaml": rule_file("Bad", 0, f"({twice}) + on() ({twice})")}))
    assert set(tenant.loaded()) == {"High", "Low"}


@pytest.mark.peer
def test_a_wrong_prefix_or_host_is_one_error(tenant: Tenant, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="answers 404"):
        tenant.rollout(tmp_path / "state", "/prometheus/config/v1/rules").plan(OLD)
    elsewhere = RulerApi("cortex", "http://127.0.0.1:1/api/v1/rules", "regobs", tenant.open)
    with pytest.raises(InputError, match="another host"):
        elsewhere.read()
