"""What an Alertmanager and a tenant's API answer: how they write it, logins before them, no configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.build import build_files
from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig
from regobs.deploy.alertmanager_places import ConfigApi, ConfigFile
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, RegobsError, ServerError
from regobs.prometheus import Prometheus
from tests.deploy.alertmanager_fakes import FOREIGN, ROUTE, SECRET, MemoryPlace, Tenants, build, rollout
from tests.prometheus.stub import Reply, Request, Stub
from tests.slo.packs import BUNDLED, GITLAB


def test_another_route_in_use_than_was_deployed_is_told(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    ours.verify()
    place.content = (place.content or b"").replace(b"severity", b"team")
    with pytest.raises(ServerError, match="another route is in use"):
        ours.verify()


def test_the_way_a_server_writes_it_makes_no_difference(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build(route={**ROUTE, "group_wait": "90s"})))
    text = (place.content or b"").decode()
    place.content = text.replace("90s", "1m30s").replace('severity="page"', "severity = page").encode()
    ours.verify()


def test_the_api_of_a_tenant_keeps_templates_and_knows_no_other_tenant(receivers: Path) -> None:
    tenants = Tenants()
    tenants.kept["b"] = dump_yaml({"template_files": {"t": "x"}, "alertmanager_config": FOREIGN.decode()})
    with Stub({"/api/v1/alerts": tenants.answer}) as stub:

        def of(tenant: str) -> Rollout:
            headers = {"X-Scope-OrgID": tenant} if tenant else {}
            place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers=headers))
            folder = StateFolder(receivers.parent / f"state-{tenant}")
            return Rollout(AlertmanagerConfig("alerts", place, receivers), folder)

        first, second = of("a"), of("b")
        first.apply(first.plan(build()))
        assert SECRET in tenants.kept["a"]
        assert not first.plan(build()).differs
        second.apply(second.plan(build()), overwrite=True)
        assert "template_files:\n  t: x" in tenants.kept["b"]
        with pytest.raises(ServerError, match="answers 400") as raised:
            first.apply(first.plan(build(route={"receiver": "tickets", "group_by": ["refused"]})))
        assert SECRET not in str(raised.value)
        assert "refused" not in tenants.kept["a"]
        with pytest.raises(RegobsError, match="401"):
            of("").plan(build())


LOGINS = [
    (Reply(302, "", "text/plain", {"Location": "/login"}), "a redirect to /login, no answer of an API"),
    (Reply(200, "<html>sign in</html>", "text/html"), "a web page, no answer of an API"),
]


@pytest.mark.parametrize(("reply", "said"), LOGINS, ids=["redirect", "page"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_login_before_the_api_of_a_tenant_is_named_and_the_old_state_stays(
    reply: Reply, said: str, method: str, receivers: Path
) -> None:
    tenants, intercepted = Tenants(), []

    def answer(request: Request) -> Reply:
        return reply if request.method in intercepted else tenants.answer(request)

    with Stub({"/api/v1/alerts": answer}) as stub:
        place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers={"X-Scope-OrgID": "a"}))
        ours = rollout(place, receivers)
        ours.apply(ours.plan(build()))
        plan, before = ours.plan(build(inhibit_rules=[])), dict(tenants.kept)
        intercepted.append(method)
        with pytest.raises(ServerError, match=f"{method} .*answers {reply.status}") as error:
            ours.apply(plan)
        assert error.value.value == said
        assert tenants.kept == before


@pytest.mark.parametrize(("reply", "said"), LOGINS, ids=["redirect", "page"])
def test_a_login_before_an_alertmanager_is_no_reload(reply: Reply, said: str, receivers: Path) -> None:
    with Stub({("POST", "/-/reload"): reply}) as stub:
        place = ConfigFile(receivers.parent / "alertmanager.yml", lambda: Prometheus(stub.url))
        with pytest.raises(ServerError, match=f"reload answers {reply.status}") as error:
            place.write(FOREIGN, None)
    assert error.value.value == said


def test_a_tenant_without_a_configuration_has_none_again_after_a_failure(receivers: Path) -> None:
    tenants = Tenants()
    with Stub({"/api/v1/alerts": tenants.answer}) as stub:
        headers = {"X-Scope-OrgID": "a"}
        place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers=headers))
        target = AlertmanagerConfig("alerts", place, receivers)
        wanted = target.wanted(build())
        target.write({}, wanted)
        assert target.read() == wanted
        target.write(wanted, {})
        assert target.read() == {}


def test_the_routing_of_the_bundled_pack_can_be_deployed(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    files = {str(name): content for name, content in build_files(GITLAB, BUNDLED).items()}
    ours.apply(ours.plan(files))
    assert place.loaded()["route"] == load_yaml(files[FILE], FILE, error=InputError).data["route"]
