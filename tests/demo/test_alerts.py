"""The webhook receiver, told by a real Alertmanager, and the routing it is reached through."""

from __future__ import annotations

import io
import time

import pytest
import requests
import yaml

from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.demo.alerts import WebhookReceiver, demo_routing, held_alerts
from regobs.demo.progress import Progress
from regobs.errors import ServerError
from tests.e2e.conftest import require

_GENERATED = """
route:
  receiver: ticket
  group_wait: 30s
  group_interval: 40s
  group_by: [alertname]
  routes:
    - receiver: page
      matchers: ['severity="page"']
      group_wait: 10s
receivers:
  - name: ticket
    email_configs: [{to: team@example.com}]
  - name: page
inhibit_rules:
  - source_matchers: ['severity="page"']
    target_matchers: ['severity="ticket"']
    equal: [slo]
"""


def test_the_routing_keeps_everything_but_receivers_and_waits() -> None:
    before = yaml.safe_load(_GENERATED)
    after = demo_routing(_GENERATED.encode(), "http://127.0.0.1:1/")
    assert after["inhibit_rules"] == before["inhibit_rules"]
    assert [receiver["name"] for receiver in after["receivers"]] == ["ticket", "page"]
    assert all(set(receiver) == {"name", "webhook_configs"} for receiver in after["receivers"])
    for route, original in (
        (after["route"], before["route"]),
        (after["route"]["routes"][0], before["route"]["routes"][0]),
    ):
        assert route["group_wait"] == {"30s": "1s500ms", "10s": "1s"}[original["group_wait"]]
        assert {
            key: value for key, value in route.items() if key not in {"group_wait", "group_interval", "routes"}
        } == {key: value for key, value in original.items() if key not in {"group_wait", "group_interval", "routes"}}


@pytest.mark.server
def test_an_alert_is_notified_when_it_fires_and_when_it_resolves(supervisor: Supervisor) -> None:
    require("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
    with WebhookReceiver() as receiver:
        server = servers.alertmanager(supervisor, demo_routing(_GENERATED.encode(), receiver.url))
        page = {
            "labels": {"alertname": "Burn", "severity": "page", "slo": "pull"},
            "annotations": {"summary": "It burns"},
        }
        ticket = {"labels": {"alertname": "Slow", "severity": "ticket", "slo": "pull"}}
        requests.post(f"{server.url}/api/v2/alerts", json=[page, ticket], timeout=5).raise_for_status()
        progress = Progress(io.StringIO())
        assert progress.wait("it", lambda: receiver.notifications("firing"), seconds=10)
        first = receiver.notifications("firing")[0]
        assert (first.name, first.annotations, first.receiver) == ("Burn", {"summary": "It burns"}, "page")
        held = {alert.name: alert for alert in held_alerts(server.url)}
        assert held["Burn"].suppressed is False
        assert held["Slow"].suppressed is True
        assert str(held["Burn"]) == "Burn (slo pull, severity page)"
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        requests.post(f"{server.url}/api/v2/alerts", json=[page | {"endsAt": ended}], timeout=5).raise_for_status()
        assert progress.wait("it", lambda: receiver.notifications("resolved"), seconds=10)
        assert receiver.notifications("resolved")[0].name == "Burn"


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"alerts": [{}], "receiver": "x"}', b'{"alerts": 5}'])
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with WebhookReceiver() as receiver:
        assert requests.post(receiver.url, data=body, timeout=5).status_code == 400
        assert receiver.notifications("firing") == []


def test_the_receiver_stops_listening_at_the_end() -> None:
    with WebhookReceiver() as receiver:
        pass
    with pytest.raises(requests.ConnectionError):
        requests.post(receiver.url, json={}, timeout=5)


def test_an_alertmanager_that_is_away_is_a_server_error() -> None:
    with pytest.raises(ServerError, match="does not answer"):
        held_alerts("http://127.0.0.1:9")
