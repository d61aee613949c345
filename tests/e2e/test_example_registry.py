"""examples/registry with real clients: what it counts and logs is what was done, to the byte."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests

from regobs.catalog import gc, http, notifications, row_counts, storage
from regobs.catalog.model import Capability, Metric, Version
from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.demo.client import OCI_MANIFEST, Blob, Image, RegistryClient, digest_of
from regobs.doctor import DoctorReport, Status
from regobs.errors import ExitCode, ServerError
from tests.e2e.conftest import require
from tests.e2e.example_registry import (
    PASSWORD,
    SECRET,
    USER,
    Example,
    Hook,
    image,
    moved,
    requests_by_log,
    route_of,
    skopeo,
    start,
    within,
    write_directory,
)
from tests.e2e.test_doctor_live import FAST, SAMPLE_CAPABILITIES, World, failing
from tests.e2e.test_doctor_live import start as start_prometheus

pytestmark = pytest.mark.server
CONFIG = Config(version=Version(4, 32), capabilities=SAMPLE_CAPABILITIES | {Capability.PYTHON}, prometheus=FAST)

BLOB, MANIFEST = "/v2/{name}/blobs/{digest}", "/v2/{name}/manifests/{reference}"
START, UPLOAD = "/v2/{name}/blobs/uploads/", "/v2/{name}/blobs/uploads/{uuid}"
OCTETS = "application/octet-stream"
# Tasks that are worked on are left alone: waiting for them in any order would be a deadlock of ours.
DUE = [
    f"""UPDATE gc_{name}_review_queue SET review_after = now() - interval '1 minute' WHERE {key} IN
        (SELECT {key} FROM gc_{name}_review_queue FOR UPDATE SKIP LOCKED)"""  # noqa: S608 - constants
    for name, key in (("blob", "digest"), ("manifest", "manifest_id"))
]
LEFT = "SELECT (SELECT count(*) FROM gc_blob_review_queue) + (SELECT count(*) FROM gc_manifest_review_queue)"


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    """One for all tests of this module: each uses repositories of its own."""
    require("skopeo", package="skopeo")
    with Hook() as hook, Hook() as broken, Supervisor() as supervisor:
        broken.status = 500
        yield start(supervisor, {"hook": hook, "broken": broken}, interval=0.01)


@pytest.fixture(scope="module", autouse=True)
def prometheus(example: Example) -> Iterator[World]:
    """A Prometheus that scrapes it from the first test on, with all rules of the pack."""
    require("prometheus", package="prometheus")
    with Supervisor() as supervisor:
        yield start_prometheus(supervisor, CONFIG, {"registry": example.debug_url.removeprefix("http://")})


@pytest.fixture
def client(example: Example) -> Iterator[RegistryClient]:
    with example.client() as made:
        yield made


def test_a_real_client_pushes_an_image_and_gets_the_same_bytes_back(example: Example, tmp_path: Path) -> None:
    one = image("skopeo/app", "v1", 300_000, 2_500_001)
    write_directory(one, tmp_path / "pushed")
    remote = f"docker://{example.url.removeprefix('http://')}/{one.repository}:{one.tag}"
    sizes = [*(layer.size for layer in one.layers), len(one.config)]
    before, seen = example.settled(), len(example.access_lines())

    skopeo(example, tmp_path, f"dir:{tmp_path}/pushed", remote)
    pushed, lines = example.settled(), example.access_lines()[seen:]
    counts = moved(before, pushed)
    assert counts == requests_by_log(lines)
    assert counts["/v2/", "get", "401"] == 1  # skopeo asks without credentials first
    assert counts[UPLOAD, "patch", "202"] == counts[UPLOAD, "put", "201"] == counts[START, "post", "202"] == 3
    assert counts[MANIFEST, "put", "201"] == 1
    assert {code for _, _, code in counts} == {"200", "201", "202", "401", "404"} & {code for _, _, code in counts}
    stored = [after.value(storage.BLOB_UPLOADS, part) for after in (before, pushed) for part in ("_count", "_sum")]
    assert stored[2] - stored[0] == 3
    assert stored[3] - stored[1] == sum(sizes)
    sent = [line for line in lines if route_of(line) == UPLOAD and line["method"] == "PATCH"]
    copied = example.lines().where(msg="payload copied", vars_name=one.repository, action="blob PATCH")
    assert sorted(line["copied"] for line in copied) == sorted(sizes)
    assert sum(line["read_bytes"] for line in sent) > sum(sizes)  # with their headers

    skopeo(example, tmp_path, remote, f"dir:{tmp_path}/pulled")
    pulled, lines = example.settled(), example.access_lines()[seen + len(lines) :]
    assert moved(pushed, pulled) == requests_by_log(lines)
    assert moved(pushed, pulled)[BLOB, "get", "200"] == 3
    for file in (tmp_path / "pushed").iterdir():
        assert (tmp_path / "pulled" / file.name).read_bytes() == file.read_bytes()
    written = [line["written_bytes"] for line in lines if route_of(line) == BLOB and line["method"] == "GET"]
    assert sorted(written) == sorted(sizes)
    get = {"route": BLOB, "method": "get", "code": "200"}
    assert pulled.value(http.RESPONSE_SIZE, "_sum", **get) - pushed.value(http.RESPONSE_SIZE, "_sum", **get) == sum(
        sizes
    )
    served = [one.value(storage.BLOB_DOWNLOADS, "_sum", redirect="false") for one in (pushed, pulled)]
    assert served[1] - served[0] == sum(sizes)


def test_all_bytes_of_all_answers_are_the_same_in_metrics_and_log(example: Example, client: RegistryClient) -> None:
    one = image("bytes/app", "v1", 70_000)
    client.push_image(one)
    client.pull_image(one.repository, one.tag)
    client.catalog()
    scrape, lines = example.settled(), example.access_lines()
    assert scrape.value(http.RESPONSE_SIZE, "_sum") == sum(line["written_bytes"] for line in lines)
    assert scrape.value(http.DURATION, "_count") == len(lines) == scrape.value(http.TIME_TO_HEADER, "_count")
    assert scrape.value(http.IN_FLIGHT) == 0


def cut(example: Example, location: str, content: bytes, length: int) -> None:
    """PATCH some bytes of a body that is said to have `length`, and hang up."""
    parts = urlsplit(location)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    address = urlsplit(example.url)
    head = (
        f"PATCH {parts.path}?{parts.query} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Basic {token}\r\n"
        f"Content-Type: {OCTETS}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30) as line:
        line.sendall(head.encode() + content)


def test_an_upload_in_chunks_goes_on_after_a_client_was_cut_off(example: Example, client: RegistryClient) -> None:
    name, content = "chunks/app", b"".join(Blob("chunks", 900_000).chunks())
    digest = digest_of(content)
    before = example.settled()
    location = client.start_upload(name)
    location = client.send_chunk(location, content[:300_000], 0)
    cut(example, location, content[300_000:500_000], 600_000)
    within(60, lambda: moved(before, example.scrape())[UPLOAD, "patch", "499"] == 1)
    line = example.lines().only(msg="client disconnected during blob PATCH")
    assert (line["copied"], line["content_length"], line["vars_name"]) == (200_000, 600_000, name)
    assert [one["status"] for one in example.access_lines() if route_of(one) == UPLOAD][-1] == 499

    with example.session() as session:
        known = session.get(example.url + location, timeout=30)
        assert (known.status_code, known.headers["Range"]) == (204, "0-499999")
        wrong = {"Content-Range": "300000-399999"}
        refused = session.patch(example.url + known.headers["Location"], b"x" * 100_000, headers=wrong, timeout=30)
        assert refused.status_code == 416
        assert refused.json()["errors"][0]["code"] == "CONTENT_RANGE_INVALID"
        stale = session.patch(example.url + location, b"x", timeout=30)  # a state of before the cut
        assert (stale.status_code, stale.headers["Range"]) == (416, "0-499999")
        right = {"Content-Range": "500000-899999"}
        went_on = session.patch(example.url + stale.headers["Location"], content[500_000:], headers=right, timeout=30)
        assert (went_on.status_code, went_on.headers["Range"]) == (202, "0-899999")
        made = session.put(f"{example.url}{went_on.headers['Location']}&digest={digest}", timeout=30)
        assert (made.status_code, made.headers["Docker-Content-Digest"]) == (201, digest)
        assert session.get(f"{example.url}/v2/{name}/blobs/{digest}", timeout=30).content == content
        part = session.get(f"{example.url}/v2/{name}/blobs/{digest}", headers={"Range": "bytes=10-19"}, timeout=30)
        assert (part.status_code, part.content, part.headers["Content-Range"]) == (
            206,
            content[10:20],
            "bytes 10-19/900000",
        )
        outside = session.get(f"{example.url}/v2/{name}/blobs/{digest}", headers={"Range": "bytes=900000-"}, timeout=30)
        assert outside.status_code == 416
    counts = moved(before, example.settled())
    assert (counts[UPLOAD, "patch", "202"], counts[UPLOAD, "patch", "416"], counts[BLOB, "get", "206"]) == (2, 2, 1)


def test_a_wrong_digest_ends_the_upload(example: Example, client: RegistryClient) -> None:
    location = client.start_upload("digests/app")
    with example.session() as session:
        url = f"{example.url}{location}&digest={digest_of(b'other')}"
        wrong = session.put(url, b"content", timeout=30)
        assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
        gone = session.get(example.url + location, timeout=30)
        assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
        forged = f"{example.url}{location.partition('?')[0]}?_state=AAAA"
        assert session.get(forged, timeout=30).json()["errors"][0]["code"] == "BLOB_UPLOAD_INVALID"
    example.settled()
    line = example.lines().only(code="DIGEST_INVALID", vars_name="digests/app")
    assert (line["msg"], line["level"]) == ("digest invalid", "error")
    assert line["uri"].endswith(f"?_state=[FILTERED]&digest={digest_of(b'other')}")


def test_a_blob_is_mounted_from_another_repository_without_its_bytes(example: Example, client: RegistryClient) -> None:
    one = image("mounts/source", "v1", 50_000)
    client.push_image(one)
    before = example.settled()
    assert client.mount_blob("mounts/target", one.layers[0].digest, one.repository)
    assert client.pull_blob("mounts/target", one.layers[0].digest) == 50_000
    assert not client.mount_blob("mounts/target", digest_of(b"unknown"), one.repository)
    after = example.settled()
    counts = moved(before, after)
    assert (counts[START, "post", "201"], counts[START, "post", "202"], counts[UPLOAD, "delete", "204"]) == (1, 1, 1)
    assert after.value(storage.BLOB_UPLOADS, "_count") == before.value(storage.BLOB_UPLOADS, "_count")
    (event,) = [event for event in example.hooks["hook"].events if event["action"] == "mount"]
    assert event["target"]["fromRepository"] == one.repository
    assert event["target"]["repository"] == "mounts/target"


def test_a_deleted_blob_is_gone_from_its_repository_alone(example: Example, client: RegistryClient) -> None:
    one = image("deletes/app", "v1", 60_000)
    client.push_image(one)
    digest = one.layers[0].digest
    assert client.mount_blob("deletes/other", digest, one.repository)
    before, events = example.settled(), len(example.hooks["hook"].events)

    assert client.delete_blob(one.repository, digest)
    assert not client.has_blob(one.repository, digest)
    assert not client.delete_blob(one.repository, digest)  # 404: it is none of the repository's any more
    assert not client.delete_blob("deletes/nowhere", digest)
    assert client.pull_blob("deletes/other", digest) == 60_000
    counts = moved(before, example.settled())
    assert (counts[BLOB, "delete", "202"], counts[BLOB, "delete", "404"], counts[BLOB, "head", "404"]) == (1, 2, 1)
    codes = [line["code"] for line in example.lines().where(method="DELETE", vars_digest=digest) if "code" in line]
    assert sorted(codes) == ["BLOB_UNKNOWN", "NAME_UNKNOWN"]
    assert len(example.hooks["hook"].events) == events  # as in the real registry, nobody is told
    assert (digest, 60_000) in example.sql("SELECT digest, size FROM blobs")


def test_tags_and_repositories_are_listed_in_pages(example: Example, client: RegistryClient) -> None:
    one = image("lists/app", "t0", 10)
    client.push_image(one)
    for number in range(1, 5):
        client.push_manifest(Image(one.repository, f"t{number}", one.layers, OCI_MANIFEST))
    with example.session() as session:
        tags, url = [], f"{example.url}/v2/{one.repository}/tags/list?n=2"
        while url:
            answer = session.get(url, timeout=30)
            tags.append(answer.json()["tags"])
            link = answer.links.get("next")
            url = example.url + link["url"] if link else ""
        assert tags == [["t0", "t1"], ["t2", "t3"], ["t4"]]
        first = session.get(f"{example.url}/v2/_catalog?n=1", timeout=30)
        assert parse_qs(urlsplit(first.links["next"]["url"]).query) == {
            "last": first.json()["repositories"],
            "n": ["1"],
        }
        assert one.repository in session.get(f"{example.url}/v2/_catalog", timeout=30).json()["repositories"]
        for wrong in ("0", "1001", "x"):
            refused = session.get(f"{example.url}/v2/_catalog?n={wrong}", timeout=30)
            assert refused.json()["errors"][0]["code"] == "PAGINATION_NUMBER_INVALID"
    listed = [line for line in example.lines() if line["msg"] == "listed oci repository tags"]
    assert [line["count"] for line in listed if line["vars_name"] == one.repository] == [2, 2, 1]


def put_manifest(
    session: requests.Session, example: Example, name: str, reference: str, body: Any
) -> requests.Response:
    headers = {"Content-Type": body["mediaType"]}
    return session.put(f"{example.url}/v2/{name}/manifests/{reference}", json.dumps(body), headers=headers, timeout=30)


def test_a_manifest_that_an_index_names_stays_and_referrers_are_found(example: Example, client: RegistryClient) -> None:
    one = image("indexes/app", "v1", 20)
    child = client.push_image(one)
    descriptor = {"mediaType": OCI_MANIFEST, "digest": child, "size": len(one.manifest)}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor]}
    config = json.loads(one.manifest)["config"]
    signature = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x.signature",
        "config": config,
        "layers": [],
        "subject": descriptor,
    }
    with example.session() as session:
        assert put_manifest(session, example, one.repository, "all", index).status_code == 201
        missing = {**index, "manifests": [{**descriptor, "digest": digest_of(b"none")}]}
        refused = put_manifest(session, example, one.repository, "bad", missing)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")
        named = session.delete(f"{example.url}/v2/{one.repository}/manifests/{child}", timeout=30)
        assert (named.status_code, named.json()["errors"][0]["code"]) == (409, "MANIFEST_REFERENCED")
        signed = put_manifest(session, example, one.repository, "sig", signature)
        assert signed.headers["OCI-Subject"] == child
        found = session.get(f"{example.url}/v2/{one.repository}/referrers/{child}", timeout=30).json()["manifests"]
        assert [entry["digest"] for entry in found] == [signed.headers["Docker-Content-Digest"]]
        none = session.get(f"{example.url}/v2/{one.repository}/referrers/{child}?artifactType=x", timeout=30)
        assert (none.json()["manifests"], none.headers["OCI-Filters-Applied"]) == ([], "artifactType")


def test_what_is_not_there_is_answered_as_the_specification_says(example: Example, client: RegistryClient) -> None:
    client.push_image(image("errors/app", "v1", 10))
    digest = digest_of(b"nowhere")
    wanted = {
        "/v2/errors/nothing/tags/list": (404, "NAME_UNKNOWN"),
        "/v2/errors/app/manifests/none": (404, "MANIFEST_UNKNOWN"),
        f"/v2/errors/app/manifests/{digest}": (404, "MANIFEST_UNKNOWN"),
        f"/v2/errors/app/blobs/{digest}": (404, "BLOB_UNKNOWN"),
    }
    seen = len(example.lines())
    with example.session() as session:
        for path, (status, code) in wanted.items():
            answer = session.get(example.url + path, timeout=30)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
            assert session.head(example.url + path, timeout=30).status_code in {status, 405}
        assert session.post(f"{example.url}/v2/", timeout=30).json()["errors"][0]["code"] == "UNSUPPORTED"
        for path in ("/v2/UPPER/tags/list", "/nothing"):
            assert session.get(example.url + path, timeout=30).status_code == 404
    errors = [line["code"] for line in example.lines()[seen:] if line["level"] == "error"]
    # A HEAD of what is not there is no error line; of a list it is no method, as the POST.
    assert Counter(errors) == Counter([*(code for _, code in wanted.values()), "UNSUPPORTED", "UNSUPPORTED"])


def review_at_once(example: Example) -> int:
    """Let every task of garbage collection be due now; how many there are."""
    return int(example.sql(*DUE, LEFT)[0][0])


def test_garbage_is_collected_and_counted_to_the_byte(example: Example, client: RegistryClient) -> None:
    kept, dropped = image("garbage/app", "kept", 40_000), image("garbage/app", "dropped", 30_000, 20_000)
    client.push_image(kept)
    dropped_digest = client.push_image(dropped)
    client.push_blob("garbage/app", Blob("no manifest", 10_000))
    before = example.settled()
    with example.session() as session:
        assert session.delete(f"{example.url}/v2/garbage/app/manifests/dropped", timeout=30).status_code == 202
    assert client.has_manifest("garbage/app", dropped_digest)  # a day is left

    sizes = dict(example.sql("SELECT digest, size FROM blobs"))
    within(60, lambda: review_at_once(example) == 0)
    idle = example.scrape().value(gc.RUNS, noop="true")
    within(60, lambda: example.scrape().value(gc.RUNS, noop="true") > idle + 2)  # the last run is counted too
    gone = sizes.keys() - {digest for (digest,) in example.sql("SELECT digest FROM blobs")}
    mine = {*(layer.digest for layer in dropped.layers), digest_of(dropped.config), Blob("no manifest", 10_000).digest}
    assert mine <= gone
    assert sorted(line["digest"] for line in example.lines().where(msg="blob deleted")) == sorted(gone)
    after = example.scrape()

    def change(metric: Metric, **labels: str) -> float:
        return after.value(metric, **labels) - before.value(metric, **labels)

    assert change(gc.BYTES, media_type=OCTETS) == sum(sizes[digest] for digest in gone)
    assert change(gc.DELETES, backend="storage", artifact="blob") == len(gone)
    assert change(gc.DELETES, backend="database", artifact="blob") == len(gone)
    assert change(gc.RUNS, worker="registry.gc.worker.BlobWorker", dangling="true") == len(gone)
    assert change(gc.RUNS, worker="registry.gc.worker.ManifestWorker", event="tag_delete", dangling="true") == 1
    assert change(gc.RUNS, error="true") == 0
    for digest in gone:
        assert not (example.storage / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:]).exists()
    assert not client.has_manifest("garbage/app", dropped_digest)
    assert client.pull_image("garbage/app", "kept") == 40_000 + len(kept.config)


def test_each_event_is_delivered_once_or_counted_as_lost(example: Example, client: RegistryClient) -> None:
    hook, broken = example.hooks["hook"], example.hooks["broken"]
    before, seen = example.settled(), len(hook.events)
    attempts = broken.attempts
    one = image("events/app", "v1", 1_000)
    client.push_image(one)
    client.pull_image(one.repository, one.tag)
    client.delete_manifest(one.repository, one.tag)
    after, events = example.settled(), hook.events[seen:]
    assert [(event["action"], event["target"].get("tag")) for event in events] == [
        *(("push", None), ("push", None), ("push", "v1"), ("pull", "v1"), ("delete", "v1"))
    ]
    schema = json.loads((Path(__file__).parents[2] / "log_schemas/notifications.schema.json").read_text())
    jsonschema.validate({"events": events}, schema)
    assert events[0]["target"]["size"] == 1_000
    assert events[0]["actor"] == {"name": USER}

    def change(metric: Metric, part: str = "", **labels: str) -> float:
        return after.value(metric, part, **labels) - before.value(metric, part, **labels)

    assert change(notifications.EVENTS, endpoint="hook", type="Events") == 5
    assert change(notifications.EVENTS, endpoint="hook", type="Successes", action="push", artifact="blob") == 2
    assert change(notifications.EVENTS, endpoint="hook", type="Successes", action="delete", artifact="tag") == 1
    assert change(notifications.DELIVERIES, endpoint="hook", delivery_type="delivered") == 5
    assert change(notifications.STATUS, endpoint="hook", code="200 OK") == 5
    assert change(notifications.DELIVERIES, endpoint="broken", delivery_type="lost") == 5
    assert change(notifications.STATUS, endpoint="broken", code="500 Internal Server Error") == 15
    assert broken.attempts - attempts == 15  # one, and two more, for each
    assert change(notifications.RETRIES, "_sum", endpoint="broken") == 10


def test_the_lines_of_one_request_have_one_correlation_id(example: Example, client: RegistryClient) -> None:
    client.push_image(image("ids/app", "v1", 10))
    example.settled()
    lines = example.lines()
    (access,) = [line for line in lines if line["msg"] == "access" and line["uri"].startswith("/v2/ids/app/manifests/")]
    mine = [line for line in lines if line.get("correlation_id") == access["correlation_id"]]
    assert [line["msg"] for line in mine] == ["router info", "putting manifest", "manifest uploaded", "access"]
    assert {(line["root_repo"], line["vars_reference"], line["auth_user_name"]) for line in mine[1:3]} == {
        ("ids", "v1", USER)
    }
    runs = [line for line in lines if line.get("component", "").startswith("registry.gc.") and "correlation_id" in line]
    ids = Counter(line["correlation_id"] for line in runs if line["msg"] == "running worker")
    assert set(ids.values()) == {1}


def push_and_untag(example: Example, pusher: int) -> list[Image]:
    """Push images that share layers with those of other pushers, untag some; those that have to be there."""
    chance = random.Random(pusher)  # noqa: S311 - no secret
    kept = []
    with example.client() as client:
        for number in range(4):
            layers = tuple(Blob(f"shared {chance.randrange(6)}", 3_000) for _ in range(2))
            one = Image(f"races/{chance.randrange(3)}", f"{pusher}-{number}", layers, OCI_MANIFEST)
            for _ in range(20):
                with contextlib.suppress(ServerError):  # a layer was collected before its manifest came
                    client.push_image(one)
                    kept.append(one)
                    break
            if chance.random() < 0.5 and one in kept:
                kept.remove(one)
                assert client.delete_manifest(one.repository, one.tag)
    return kept


def test_nothing_that_was_acknowledged_is_lost_to_a_hurried_garbage_collection(example: Example) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    example.hooks["broken"].status = 200  # waiting for its retries takes longer than all the rest
    with ThreadPoolExecutor(3) as pool:
        pushers = [pool.submit(push_and_untag, example, number) for number in range(3)]
        while not all(pusher.done() for pusher in pushers):
            review_at_once(example)
            time.sleep(chance.uniform(0, 0.3))  # now and then long enough for a push on a busy machine
        kept = [one for pusher in pushers for one in pusher.result()]
    assert len(kept) >= 3
    with example.client() as client:
        for one in kept:
            assert client.pull_image(one.repository, one.tag) == one.size + len(one.config)
    within(60, lambda: review_at_once(example) == 0)
    idle = example.scrape().value(gc.RUNS, noop="true")
    within(60, lambda: example.scrape().value(gc.RUNS, noop="true") > idle + 2)
    scrape, stored = example.settled(), list((example.storage / "docker/registry/v2/blobs").rglob("data"))
    assert len(stored) == example.sql("SELECT count(*) FROM blobs")[0][0]
    deleted = scrape.value(gc.DELETES, backend="storage", artifact="blob")
    assert scrape.value(storage.BLOB_UPLOADS, "_count") - deleted == len(stored)
    bytes_left = scrape.value(storage.BLOB_UPLOADS, "_sum") - scrape.value(gc.BYTES)
    assert bytes_left == sum(file.stat().st_size for file in stored)
    assert not [key for key in scrape.rows(http.REQUESTS) if dict(key)["code"].startswith("5")]
    assert scrape.value(gc.RUNS, error="true") == 0


def test_row_counts_are_those_of_the_database(example: Example) -> None:
    def is_counted() -> bool:
        (expected,) = example.sql("SELECT count(*) FROM gc_blob_review_queue")[0]
        return example.scrape().value(row_counts.ROWS, query_name="gc_blob_review_queue") == float(expected)

    within(60, is_counted)
    assert example.scrape().value(row_counts.MIGRATIONS, migration_type="pre_deployment") == 1


def test_the_exposition_has_no_difference_to_the_catalog(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["catalog", "check", example.debug_url, "--flavor", "gitlab", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["differences"]) == (ExitCode.OK, [])
    assert b"regobs_instrument" not in example.scrape().text  # no value was folded, no use was wrong


def test_every_panel_and_rule_of_the_pack_has_data_or_a_reason(example: Example, prometheus: World) -> None:
    with example.client() as client:
        one = image("panels/app", "v1", 1_000)
        client.push_image(one)
        client.pull_image(one.repository, one.tag)
    found: list[DoctorReport] = []

    def nothing_fails() -> bool:
        found.append(prometheus.report(CONFIG))
        return not failing(found[-1])

    with contextlib.suppress(AssertionError):  # what fails is said below
        within(150, nothing_fails)
    assert failing(found[-1]) == []
    reasons = {
        panel.title: panel.verdict.reason
        for board in found[-1].dashboards
        for panel in board.panels
        if panel.verdict.status is Status.LEFT_OUT
    }
    assert "this registry is written in Python" in reasons["Goroutines"]
    counts = found[-1].panels
    assert counts[Status.DATA] + counts[Status.ZERO] > 150


def test_every_line_is_valid_by_the_schema_of_its_message(example: Example) -> None:
    lines = example.lines()
    assert lines.where()
    lines.validate(strict=True)


def test_no_secret_is_in_a_line_or_a_metric(example: Example, client: RegistryClient) -> None:
    location = client.start_upload("secrets/app")
    state = parse_qs(urlsplit(location).query)["_state"][0]
    client.cancel_upload(location)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with example.session() as session:
        session.auth = (USER, "hunter44-guess")
        assert session.get(f"{example.url}/v2/?password=hunter55-query", timeout=30).status_code == 401
        session.post(f"{example.url}/v2/", headers={"Referer": f"{example.url}/?_state={state}"}, timeout=30)
    example.settled()
    said = example.process.log.read_text() + example.scrape().text.decode()
    for secret in (PASSWORD, SECRET, token, state, "hunter44-guess", "hunter55-query"):
        assert secret not in said
    assert "?_state=[FILTERED]" in said


def test_a_signal_ends_it_when_its_work_is_done(example: Example) -> None:
    """The last test of the module."""
    with example.session() as session, contextlib.suppress(OSError):
        health = session.get(f"{example.debug_url}/debug/health", timeout=30)
        assert (health.status_code, health.json()) == (200, {})
    example.process.stop(10)
    messages = [line["msg"] for line in example.lines()]
    assert messages[-1] == "graceful shutdown successful"
    assert "attempting to stop server gracefully..." in messages
    assert [line["remaining_events"] for line in example.lines().where(msg="event queue: closing")] == [0, 0]
