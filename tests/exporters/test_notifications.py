"""The receiver of notifications: what it counts, what it refuses, and what it keeps."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import events as metrics
from regobs.catalog.exposition import parse
from regobs.exporters.journal import Journal
from regobs.exporters.notifications import LARGEST_BODY, NotificationApp, Receiver
from regobs.exporters.secret_files import read_secret
from regobs.exporters.serving import exporter_instruments
from regobs.exporters.totals import OTHER
from regobs.instrument import Instruments
from tests.exporters.crash_notifications import crash

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    running = Receiver(Journal(tmp_path / "state"), namespaces=2, append_to=tmp_path / "events.ndjson")
    running.start()
    yield running
    running.stop()


def event(number: int, **changes: Any) -> dict[str, Any]:
    target = {"mediaType": MANIFEST, "size": 500, "digest": "sha256:1", "repository": "group/app", "tag": "v1"}
    made = {"id": f"id-{number}", "timestamp": datetime.now(UTC).isoformat(), "action": "pull", "target": target}
    return made | changes


def body(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": events}).encode()


def test_an_event_counts_once_with_its_kind_namespace_and_bytes(receiver: Receiver) -> None:
    assert receiver.keep(body(event(1))) == "kept"
    assert receiver.keep(body(event(1))) == "kept"
    assert receiver.totals.value(metrics.RECEIVED, ("pull", "manifest", "group")) == 1
    assert receiver.totals.value(metrics.BYTES, ("pull", "group")) == 500
    assert receiver.totals.value(metrics.DUPLICATES, ()) == 1
    assert receiver.totals.value(metrics.ACTORS, ("pull", "anonymous")) == 1


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"target": {"repository": "a/b", "tag": "v1"}, "action": "delete"}, ("delete", "tag", "a")),
        ({"target": {"repository": "a/b"}, "action": "delete"}, ("delete", "repository", "a")),
        (
            {"target": {"repository": "a/b", "rename": {"type": "name"}}, "action": "rename"},
            ("rename", "repository", "a"),
        ),
        (
            {"target": {"repository": "a", "digest": "sha256:1", "mediaType": "application/octet-stream"}},
            ("pull", "blob", "a"),
        ),
        (
            {
                "target": {
                    "repository": "a",
                    "digest": "sha256:1",
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                }
            },
            ("pull", "manifest", "a"),
        ),
        ({"action": "delete", "target": {"repository": "a", "digest": "sha256:1"}}, ("delete", "unknown", "a")),
        ({"action": "teleport", "target": {"repository": "a", "digest": "sha256:1"}}, ("other", "unknown", "a")),
    ],
)
def test_the_artifact_follows_from_the_event(
    receiver: Receiver, changes: dict[str, Any], labels: tuple[str, ...]
) -> None:
    assert receiver.keep(body(event(1, **changes))) == "kept"
    assert receiver.totals.value(metrics.RECEIVED, labels) == 1


def test_bytes_of_blob_pulls_are_told_apart_by_redirect(receiver: Receiver) -> None:
    blob = {"mediaType": "application/octet-stream", "digest": "sha256:1", "repository": "a/b", "length": 10}
    for number, meta in enumerate(({"blob": {"redirected": True}}, {"blob": {"redirected": False}}, {}, None)):
        assert receiver.keep(body(event(number, target=blob, meta=meta))) == "kept"
    found = {word: receiver.totals.value(metrics.PULLED_BYTES, (word,)) for word in ("true", "false", "unknown")}
    assert found == {"true": 10, "false": 10, "unknown": 20}


def test_a_head_request_is_an_event_without_bytes(receiver: Receiver) -> None:
    blob = {"mediaType": "application/octet-stream", "digest": "sha256:1", "repository": "a/b", "length": 10}
    for number, method in enumerate(("GET", "HEAD", "head", "")):
        assert receiver.keep(body(event(number, target=blob, request={"method": method}))) == "kept"
    assert receiver.totals.value(metrics.RECEIVED, ("pull", "blob", "a")) == 4
    assert receiver.totals.value(metrics.PULLED_BYTES, ("unknown",)) == 20
    assert receiver.totals.value(metrics.BYTES, ("pull", "a")) == 20


def test_namespaces_beyond_the_limit_are_other_and_the_sum_is_exact(receiver: Receiver) -> None:
    for number in range(40):
        target = {"mediaType": MANIFEST, "digest": "sha256:1", "repository": f"group{number}/app"}
        assert receiver.keep(body(event(number, target=target))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 40
    assert receiver.totals.value(metrics.RECEIVED, ("pull", "manifest", OTHER)) == 38


@pytest.mark.parametrize(("size", "shown"), [(-5, 0), (1 << 53, 1 << 53), ((1 << 53) + 2, 1 << 53), (10**400, 1 << 53)])
def test_no_size_lets_a_counter_go_down_or_breaks_a_scrape(receiver: Receiver, size: int, shown: int) -> None:
    target = {"mediaType": MANIFEST, "digest": "sha256:1", "repository": "g/a", "size": size}
    assert receiver.keep(body(event(1, target=target))) == "kept"
    assert receiver.totals.value(metrics.BYTES, ("pull", "g")) == shown
    family = parse(exporter_instruments(receiver.totals).render()).families[metrics.BYTES.name]
    assert [sample.value for sample in family.samples] == [shown]


def test_lag_is_time_since_the_event_and_never_below_zero(receiver: Receiver) -> None:
    now = datetime.now(UTC)
    for number, made in enumerate((now - timedelta(seconds=20), now + timedelta(hours=1))):
        assert receiver.keep(body(event(number, timestamp=made.isoformat().replace("+00:00", "Z")))) == "kept"
    row = receiver.totals.data()[metrics.LAG.name][0][1]
    assert 19 < row[-1] < 40
    assert sum(row[:-1]) == 2


@pytest.mark.parametrize(
    ("made", "seen"),
    [
        ("0001-01-01T00:00:00+23:00", 0),
        ("2012-12-31T23:59:59Z", 0),
        ("2013-01-01T00:00:00Z", 1),
        ((datetime.now(UTC) + timedelta(hours=23)).isoformat(), 1),
        ((datetime.now(UTC) + timedelta(hours=25)).isoformat(), 0),
    ],
    ids=range(5),
)
def test_an_event_of_a_time_that_cannot_be_counts_and_has_no_lag(receiver: Receiver, made: str, seen: int) -> None:
    assert receiver.keep(body(event(1, timestamp=made))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 1
    assert sum(row[1][-1] >= 0 for row in receiver.totals.data()[metrics.LAG.name]) == seen


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "events": []}',
        b'{"x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b', "events": []}',
        b"\xff\x00",
    ],
    ids=range(7),
)
def test_what_is_no_envelope_is_refused_and_counts_nothing(receiver: Receiver, content: bytes) -> None:
    assert receiver.keep(content) == "malformed"
    assert receiver.totals.total(metrics.RECEIVED) == 0


@pytest.mark.parametrize(
    "content",
    [
        b'{"events": [{}]}',
        b'{"events": [{"id": "", "timestamp": "2026-01-01T00:00:00Z", "action": "pull"}]}',
        b'{"events": [{"id": "1", "timestamp": "yesterday", "action": "pull"}]}',
        b'{"events": [{"id": 5, "timestamp": "2026-01-01T00:00:00Z", "action": "pull"}]}',
    ],
    ids=range(4),
)
def test_an_envelope_whose_only_event_lacks_what_each_has_is_kept_as_a_registry_would_send_it_for_ever(
    receiver: Receiver, content: bytes
) -> None:
    assert receiver.keep(content) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 0
    assert receiver.totals.total(metrics.INVALID) == 1
    assert receiver.keep(body(event(2))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 1


@pytest.mark.parametrize("target", [None, {}, {"digest": "sha256:1", "mediaType": MANIFEST}])
def test_an_event_that_is_about_no_repository_is_counted_as_invalid_once_and_the_next_are_kept(
    receiver: Receiver, target: Any
) -> None:
    without = {name: value for name, value in event(1).items() if name != "target"}
    odd = without if target is None else event(1, target=target)
    assert [receiver.keep(body(odd)), receiver.keep(body(odd)), receiver.keep(body(event(2)))] == ["kept"] * 3
    assert receiver.totals.total(metrics.INVALID) == 1
    assert receiver.totals.total(metrics.DUPLICATES) == receiver.totals.total(metrics.RECEIVED) == 1


@pytest.mark.parametrize("odd", [{"id": 5}, {"target": 5}, {"target": None, "timestamp": "yesterday"}, {"id": ""}])
def test_an_event_that_is_none_costs_only_itself_of_its_envelope(receiver: Receiver, odd: dict[str, Any]) -> None:
    assert receiver.keep(body(event(1), event(2, **odd), event(3))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 2
    assert receiver.totals.total(metrics.INVALID) == 1


def test_invalid_events_outlive_the_process_too(tmp_path: Path) -> None:
    first = Receiver(Journal(tmp_path))
    first.start()
    assert first.keep(body(event(1), event(2, target={}), event(3, id=5))) == "kept"
    first._journal.close()  # as kill -9 leaves it
    again = Receiver(Journal(tmp_path))
    assert (again.totals.total(metrics.RECEIVED), again.totals.total(metrics.INVALID)) == (1, 2)


def test_an_envelope_that_cannot_be_appended_does_not_keep_the_next_from_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(Journal(tmp_path / "state"), append_to=tmp_path / "events.ndjson")
    receiver.start()
    odd = body(event(1)).replace(b'{"events"', b'{"x": "\xff", "events"')  # no text, in a part that is not counted
    assert [receiver.keep(odd), receiver.keep(body(event(2)))] == ["kept", "kept"]
    receiver.stop()
    (line,) = (tmp_path / "events.ndjson").read_text().splitlines()
    assert "id-2" in line
    assert "cannot be appended" in caplog.text


def test_an_envelope_without_events_is_kept_and_not_appended(tmp_path: Path) -> None:
    receiver = Receiver(Journal(tmp_path / "state"), append_to=tmp_path / "events.ndjson")
    receiver.start()
    assert [receiver.keep(body()), receiver.keep(body(event(1))), receiver.keep(body())] == ["kept"] * 3
    receiver.stop()
    (line,) = (tmp_path / "events.ndjson").read_text().splitlines()
    assert "id-1" in line


def test_counts_and_ids_outlive_the_process(tmp_path: Path) -> None:
    for attempt in range(3):
        receiver = Receiver(Journal(tmp_path))
        receiver.start()
        assert receiver.keep(body(event(0), event(attempt + 1))) == "kept"
        receiver.stop()
    again = Receiver(Journal(tmp_path))
    assert again.totals.value(metrics.RECEIVED, ("pull", "manifest", "group")) == 4
    assert again.totals.value(metrics.DUPLICATES, ()) == 2


def test_a_disk_that_takes_nothing_is_answered_so_and_counts_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(receiver._journal, "append", full)
    assert receiver.keep(body(event(1))) == "not_stored"
    monkeypatch.undo()
    assert receiver.totals.total(metrics.RECEIVED) == 0
    assert receiver.keep(body(event(1))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 1


def test_a_fault_that_nobody_thought_of_is_answered_so_and_the_next_event_is_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(_: object) -> None:
        raise LookupError("odd")

    for name in ("append", "checkpoint"):
        monkeypatch.setattr(receiver._journal, name, odd)
        monkeypatch.setattr(receiver, "_checkpointed", -1e9)
        assert receiver.keep(body(event(1))) == ("not_stored" if name == "append" else "kept")
        monkeypatch.undo()
    assert receiver.keep(body(event(2))) == "kept"
    assert receiver.totals.total(metrics.RECEIVED) == 2


def test_envelopes_are_appended_without_secrets(receiver: Receiver, tmp_path: Path) -> None:
    actor = {"name": "bob", "user_type": "personal_access_token", "user": {"token": "raw-token-of-bob"}}
    assert receiver.keep(body(event(1, actor=actor))) == "kept"
    receiver.stop()
    text = (tmp_path / "events.ndjson").read_text()
    assert json.loads(text)["events"][0]["id"] == "id-1"
    assert "raw-token-of-bob" not in text
    assert "raw-token-of-bob" not in b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir()).decode()
    receiver.start = lambda: None  # type: ignore[method-assign]
    receiver.stop = lambda: None  # type: ignore[method-assign]


class Client:
    """Asks the application as a WSGI server does."""

    def __init__(self, receiver: Receiver, token: str = "") -> None:
        self.instruments = Instruments("gitlab", strict=True)
        self.app = NotificationApp(receiver, self.instruments, lambda: token)

    def post(
        self,
        content: bytes,
        *,
        length: str | None = None,
        authorization: str = "",
        method: str = "POST",
        more: Mapping[str, str] | None = None,
    ) -> str:
        told: list[str] = []
        environ = {
            "REQUEST_METHOD": method,
            "CONTENT_LENGTH": str(len(content)) if length is None else length,
            "HTTP_AUTHORIZATION": authorization,
            "wsgi.input": io.BytesIO(content),
            **(more or {}),
        }
        list(self.app(environ, lambda status, _headers: told.append(status)))
        return told[0][:3]


def test_only_what_is_stored_is_answered_200(receiver: Receiver) -> None:
    client = Client(receiver)
    assert client.post(body(event(1))) == "200"
    assert client.post(b"{}") == "400"
    assert client.post(b'{"events": [{}]}') == "200"
    assert client.post(b'{"events": []}') == "200"  # an envelope, which a registry would send until it is taken
    assert receiver.totals.total(metrics.RECEIVED) == receiver.totals.total(metrics.INVALID) == 1
    assert client.post(body(event(2)), method="GET") == "405"
    assert client.post(body(event(2)), length="") == "400"
    assert client.post(body(event(2)), length="", more={"HTTP_TRANSFER_ENCODING": "chunked"}) == "411"
    assert client.post(body(event(2)), length="-5") == "400"
    assert client.post(body(event(2))[:-3], length="9999") == "400"
    assert client.post(b"x", length=str(LARGEST_BODY + 1)) == "413"
    assert receiver.totals.total(metrics.RECEIVED) == 1


@pytest.mark.parametrize(
    "sent", ["", "Bearer ", "Bearer wrong", "Basic of-the-registry", "Bearer of-the-registry2", "Bearer é"]
)
def test_a_missing_or_wrong_token_is_refused(receiver: Receiver, sent: str) -> None:
    client = Client(receiver, "of-the-registry")
    assert client.post(body(event(1)), authorization=sent) == "401"
    assert client.post(body(event(1)), authorization="Bearer of-the-registry") == "200"


@pytest.mark.parametrize("held", [None, "", "two\nlines", "named pipe"])
def test_while_the_token_cannot_be_read_events_are_counted_as_refused_and_it_is_told_once(
    receiver: Receiver, tmp_path: Path, held: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text("right")
    client = Client(receiver)
    instruments = Instruments("gitlab")
    client.app = NotificationApp(receiver, instruments, lambda: read_secret(file))
    assert client.app.ready()
    file.unlink()
    if held == "named pipe":
        os.mkfifo(file)
    elif held is not None:
        file.write_text(held)
    begun = time.monotonic()
    with caplog.at_level("INFO"):
        assert [client.post(body(event(1)), authorization=f"Bearer {one}") for one in ("right", "wrong")] == ["503"] * 2
        assert not client.app.ready()
        assert time.monotonic() - begun < 2
        counted = parse(instruments.render()).families[metrics.REQUESTS.name].samples
        assert {sample.labels["result"]: sample.value for sample in counted if sample.value} == {"auth": 2}
        file.unlink(missing_ok=True)
        file.write_text("new")
        assert client.post(body(event(1)), authorization="Bearer right") == "401"
        assert client.post(body(event(1)), authorization="Bearer new") == "200"
    assert client.app.ready()
    message = "events are refused until the token can be read"
    assert [record.getMessage() for record in caplog.records] == [message, f"no longer: {message}"]
    assert receiver.totals.total(metrics.RECEIVED) == 1


def test_a_full_queue_is_answered_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regobs.exporters.notifications._WAITING", 1)
    receiver = Receiver(Journal(tmp_path))  # nobody takes from its queue
    monkeypatch.setattr("regobs.exporters.notifications._PATIENCE", 0.05)
    client = Client(receiver)
    assert [client.post(body(event(number))) for number in range(3)] == ["503"] * 3
    assert receiver.totals.total(metrics.RECEIVED) == 0


def test_those_who_wait_at_the_same_time_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver(Journal(tmp_path))
    receiver.start()
    begun, go_on = threading.Event(), threading.Event()
    stored: list[int] = []
    append = receiver._journal.append

    def slow(records: list[Any]) -> None:
        begun.set()
        go_on.wait(30)
        stored.append(len(records))
        append(records)

    monkeypatch.setattr(receiver._journal, "append", slow)
    with ThreadPoolExecutor(17) as pool:
        results = [pool.submit(receiver.keep, body(event(0)))]
        assert begun.wait(30)
        results += [pool.submit(receiver.keep, body(event(number))) for number in range(1, 17)]
        while receiver._open.envelopes < 16:
            time.sleep(0.01)
        assert not any(result.done() for result in results)
        go_on.set()
        assert {result.result() for result in results} == {"kept"}
    assert stored == [1, 16]
    receiver.stop()
    assert receiver.keep(body(event(99))) == "busy"  # an answer 200 after the end would be of an event that is lost
    assert receiver.totals.total(metrics.RECEIVED) == 17


@pytest.mark.parametrize("limit", ["_WAITING", "_WAITING_BYTES"])
def test_what_waits_is_bounded_in_number_and_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr("regobs.exporters.notifications._PATIENCE", 0.05)
    receiver = Receiver(Journal(tmp_path))  # nobody takes from its queue
    envelopes = [body(event(number)) for number in range(3)]
    monkeypatch.setattr(f"regobs.exporters.notifications.{limit}", 2 if limit == "_WAITING" else len(envelopes[0]) + 1)
    for envelope in envelopes:
        assert receiver.keep(envelope) == "busy"
    assert receiver._open.envelopes == 2


def test_kill_9_loses_no_event_and_counts_none_twice() -> None:
    confirmed, counted, again = crash(8)
    assert confirmed == counted > 8
    assert again >= 0
