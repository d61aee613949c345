from __future__ import annotations

import pytest

from regobs.catalog import notifications
from regobs.instrument import Instruments
from regobs.instrument.adapters.notifications import Endpoint, status_text
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded


def test_a_delivered_event_shows_the_families_of_the_catalog() -> None:
    instruments = Instruments(strict=True)
    endpoint = Endpoint(instruments, "hook")
    event = endpoint.queued(action="push", artifact="manifest")
    assert sample(instruments, notifications.PENDING, endpoint="hook") == 1
    for status in (500, 202):
        with event.attempt() as attempt:
            attempt.answered(status)
    event.delivered()
    own = {"action": "push", "artifact": "manifest", "endpoint": "hook"}
    one = {labels(endpoint="hook")}
    assert recorded(instruments) == {
        notifications.EVENTS.name: {labels(**own, type=kind) for kind in ("Events", "Failures", "Successes")},
        notifications.STATUS.name: {
            labels(endpoint="hook", code="500 Internal Server Error"),
            labels(endpoint="hook", code="202 Accepted"),
        },
        notifications.PENDING.name: one,
        notifications.DELIVERIES.name: {labels(endpoint="hook", delivery_type="delivered")},
        notifications.RETRIES.name: one,
        notifications.HTTP_LATENCY.name: one,
        notifications.TOTAL_LATENCY.name: one,
    }
    assert sample(instruments, notifications.PENDING) == 0
    assert sample(instruments, notifications.RETRIES, part="sum") == 1
    assert sample(instruments, notifications.HTTP_LATENCY) == 2


def test_an_attempt_without_an_answer_is_an_error_and_no_failure() -> None:
    instruments = Instruments(strict=True)
    event = Endpoint(instruments, "hook").queued(action="pull", artifact="tag")
    with (
        assert_moved(instruments, notifications.ERRORS, by=1, endpoint="hook"),
        assert_moved(instruments, notifications.HTTP_LATENCY, by=1),
        assert_moved(instruments, notifications.EVENTS, by=0),
        assert_moved(instruments, notifications.STATUS, by=0),
        pytest.raises(TimeoutError),
        event.attempt(),
    ):
        raise TimeoutError
    with assert_moved(instruments, notifications.DELIVERIES, by=1, delivery_type="lost"):
        event.lost()


@pytest.mark.parametrize(
    ("status", "kind"), [(199, "Failures"), (200, "Successes"), (399, "Successes"), (400, "Failures")]
)
def test_200_to_399_is_a_success(status: int, kind: str) -> None:
    instruments = Instruments(strict=True)
    event = Endpoint(instruments, "hook").queued(action="pull", artifact="tag")
    with assert_moved(instruments, notifications.EVENTS, by=1, type=kind), event.attempt() as attempt:
        attempt.answered(status)


def test_a_dropped_event_stays_pending_and_is_not_lost() -> None:
    instruments = Instruments(strict=True)
    event = Endpoint(instruments, "hook").queued(action="push", artifact="blob")
    with assert_moved(instruments, notifications.EVENTS, by=1, type="Dropped"):
        event.dropped()
    assert sample(instruments, notifications.PENDING) == 1
    assert sample(instruments, notifications.DELIVERIES) == 0


@pytest.mark.parametrize("version", ["4.25.0", None])
@pytest.mark.parametrize("flavor", ["gitlab", "distribution"])
def test_other_versions_and_flavors_show_what_they_have(flavor: str, version: str | None) -> None:
    instruments = Instruments(flavor, version=version if flavor == "gitlab" else None, strict=True)
    event = Endpoint(instruments, "hook").queued(action="push", artifact="manifest")
    with event.attempt():
        pass
    event.lost()
    expected = {
        notifications.EVENTS.name,
        notifications.PENDING.name if (flavor, version) == ("gitlab", None) else notifications.PENDING_TOTAL.name,
    }
    assert expected <= set(recorded(instruments))


def test_distribution_counts_an_attempt_without_an_answer_among_the_events() -> None:
    instruments = Instruments("distribution", strict=True)
    event = Endpoint(instruments, "hook").queued(action="push", artifact="manifest")
    with assert_moved(instruments, notifications.EVENTS, by=1, type="Errors", endpoint="hook"), event.attempt():
        pass


@pytest.mark.parametrize(
    ("code", "text"),
    [(200, "200 OK"), (413, "413 Request Entity Too Large"), (422, "422 Unprocessable Entity"), (599, "599 ")],
)
def test_a_status_is_worded_as_go_does(code: int, text: str) -> None:
    assert status_text(code) == text


def test_an_attempt_that_is_cancelled_is_no_error_of_the_endpoint() -> None:
    instruments = Instruments(strict=True)
    event = Endpoint(instruments, "hook").queued(action="push", artifact="manifest")
    with pytest.raises(KeyboardInterrupt), event.attempt():
        raise KeyboardInterrupt
    assert sample(instruments, notifications.ERRORS) == 0
    assert sample(instruments, notifications.HTTP_LATENCY) == 0
    with pytest.raises(KeyboardInterrupt), event.attempt() as attempt:  # noqa: PT012 (it was answered before)
        attempt.answered(200)
        raise KeyboardInterrupt
    assert sample(instruments, notifications.STATUS) == 1
