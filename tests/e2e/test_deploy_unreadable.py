"""`regobs deploy` to real servers whose files cannot be read: what they refuse to read again is back all the same."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from tests.deploy.fakes import PREFIX, rule_file
from tests.e2e.deployed_rules import NEW, OLD, Place, files_of
from tests.e2e.test_deploy_alertmanager import Alerts, alerts, built
from tests.e2e.test_deploy_live import place

pytestmark = pytest.mark.server
__all__ = ["alerts", "place"]  # the fixtures
HAND = [b"groups: [", b"groups: \xff\n", b"groups: 7\n"]
# many-to-many: PromQL that is right, and that no evaluation can answer
TWICE = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'
FAILING = {f"{PREFIX}bad.yaml": rule_file("Bad", 0, f"({TWICE}) + on() ({TWICE})")}
NOT_WELL = "what was there before is back, and is not well: "


@pytest.mark.parametrize("hand", HAND)
def test_a_file_that_the_server_cannot_read_comes_back_when_the_deployment_over_it_fails(
    place: Place, hand: bytes
) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    (place.directory / "High.yaml").write_bytes(hand)
    with pytest.raises(ServerError, match="not in use as they should be") as caught:
        ours.apply(ours.plan(OLD | FAILING), overwrite=True)
    assert "what was there before is back" in (caught.value.next_step or "")
    assert place.files() == files_of(OLD) | {"High.yaml": hand}
    (note,) = ours.notes
    assert note.startswith(f"{NOT_WELL}{place.url} refuses its configuration or rules (HTTP 500)")
    assert "; High.yaml cannot be read: " in note
    assert note.endswith("; the server goes on with what it read last")
    status = ours.status()
    assert status.interrupted == ""
    assert [one.thing for one in status.edited] == ["High.yaml"]
    assert ours.apply(ours.plan(NEW), overwrite=True) is not None
    assert place.loaded() == {"High": "vector(1) > 9", "Fresh": "vector(1) > 3"}


def test_a_file_of_others_that_keeps_the_server_from_reading_ours_is_named(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    (place.directory / "theirs.yaml").write_bytes(b"groups: [")
    with pytest.raises(ServerError, match="refuses its configuration or rules") as caught:
        ours.apply(ours.plan(NEW))
    assert "what was there before is back" in (caught.value.next_step or "")
    beforehand, afterwards = ours.notes
    assert beforehand.startswith(f"{place.directory}/theirs.yaml is not ours, and promtool refuses it (yaml: ")
    assert "; theirs.yaml cannot be read: theirs.yaml:" in afterwards
    assert place.files() == files_of(OLD) | {"theirs.yaml": b"groups: ["}
    assert place.loaded() == {"High": "vector(1) > 5", "Low": "vector(1) > 1"}
    assert ours.status().interrupted == ""
    (place.directory / "theirs.yaml").unlink()
    ours.apply(ours.plan(NEW))
    ours.verify()


def test_a_server_that_does_not_answer_while_it_is_put_back_is_asked_again_by_the_next_deployment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there can be read: so it is not done before the server has read it."""
    ours = place.rollout()
    ours.apply(ours.plan(OLD))

    def away(_: Prometheus) -> None:
        raise ServerError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Prometheus, "reload", away)
        with pytest.raises(ServerError, match="away") as caught:
            ours.apply(ours.plan(NEW))
    assert "could not be put back completely" in (caught.value.next_step or "")
    assert place.files() == files_of(OLD)
    assert ours.status().interrupted
    assert ours.apply(ours.plan(NEW)) is not None


def test_a_configuration_that_alertmanager_cannot_read_comes_back(
    alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = alerts.rollout()
    ours.apply(ours.plan(built()), overwrite=True)
    hand = b"route: {receiver: hand-made-secret\n"
    alerts.file.write_bytes(hand)
    verify = Mock(side_effect=[ServerError("it fails"), None])
    monkeypatch.setattr(ours.target, "verify", verify)
    with pytest.raises(ServerError, match="it fails"):
        ours.apply(ours.plan(built(group_wait="45s")), overwrite=True)
    assert alerts.file.read_bytes() == hand
    (note,) = ours.notes
    assert note.startswith(NOT_WELL)
    assert note.endswith("; the server goes on with what it read last")
    assert "hand-made-secret" not in note
    assert ours.status().interrupted == ""
    monkeypatch.undo()
    assert ours.apply(ours.plan(built(group_wait="45s")), overwrite=True) is not None
    assert alerts.used()["route"]["group_wait"] == "45s"
