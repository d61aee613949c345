"""What log lines count as."""

from __future__ import annotations

import gzip
import json
import math
import time
import tracemalloc
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.compare import compare_family
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor, Metric
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.log_words import client_name
from regobs.exporters.totals import OTHER, ExporterInstruments
from regobs.logs.fields import FIELDS
from regobs.logs.fields.distribution import ERROR_CODES
from regobs.logs.reading.wrapping import Unwrapper
from regobs.logs.schema import constraints

DATA = Path(__file__).parents[1] / "data"
MANIFEST = "/v2/{name}/manifests/{reference}"


def access(**changes: Any) -> bytes:
    line = {"level": "info", "msg": "access", "method": "GET", "uri": "/v2/group/app/manifests/v1", "status": 200}
    line |= {"duration_ms": 12, "read_bytes": 3, "written_bytes": 40, "user_agent": "docker/24.0.5 go/go1.20"}
    return json.dumps(line | changes).encode()


def counted(*lines: bytes, flavor: Flavor = Flavor.GITLAB, namespaces: int = 10) -> LogCounter:
    counter, unwrapper = LogCounter(flavor, namespaces=namespaces), Unwrapper()
    counter.count(lines, unwrapper)
    return counter


def test_an_access_line_counts_by_route_namespace_and_client() -> None:
    totals = counted(access()).totals
    assert totals.value(metrics.REQUESTS, ("get", MANIFEST, "2xx")) == 1
    assert totals.value(metrics.BYTES, ("written", "get", MANIFEST, "2xx")) == 40
    assert totals.value(metrics.NAMESPACE_REQUESTS, ("pull", "group", "2xx")) == 1
    assert totals.value(metrics.NAMESPACE_BYTES, ("pull", "read", "group")) == 3
    assert totals.value(metrics.CLIENTS, ("docker 24.0",)) == 1
    assert totals.data()[metrics.DURATION.name][0][0] == ["get", MANIFEST, "2xx"]
    assert totals.data()[metrics.DURATION.name][0][1][2] == 1  # 12 ms: the bucket up to 25 ms
    assert totals.data()[metrics.NAMESPACE_TIME.name][0] == [["pull", "group", "2xx"], pytest.approx(0.012)]


def test_bytes_and_time_are_told_apart_by_method_status_and_namespace() -> None:
    lines = [access(duration_ms=10), access(duration_ms=30, status=404), access(duration_ms=500, method="PUT")]
    totals = counted(*lines, access(uri="/v2/other/app/manifests/v1")).totals
    assert totals.value(metrics.BYTES, ("written", "get", MANIFEST, "2xx")) == 80
    assert totals.value(metrics.BYTES, ("read", "put", MANIFEST, "2xx")) == 3
    times: dict[tuple[str, ...], list[float]] = {tuple(key): row for key, row in totals.data()[metrics.DURATION.name]}
    assert {key: sum(row[:-1]) for key, row in times.items()} == {
        ("get", MANIFEST, "2xx"): 2,
        ("get", MANIFEST, "4xx"): 1,
        ("put", MANIFEST, "2xx"): 1,
    }
    assert times["put", MANIFEST, "2xx"][-1] == pytest.approx(0.5)
    spaces: dict[tuple[str, ...], float] = {tuple(key): row for key, row in totals.data()[metrics.NAMESPACE_TIME.name]}
    assert spaces["push", "group", "2xx"] == pytest.approx(0.5)
    assert spaces["pull", "group", "4xx"] == pytest.approx(0.03)
    assert totals.value(metrics.NAMESPACE_BYTES, ("push", "written", "group")) == 40


def test_a_line_without_a_time_is_in_no_bucket() -> None:
    apache = b'127.0.0.1 - - [25/Nov/2026:10:00:00 +0000] "GET /v2/a/b/tags/list HTTP/1.1" 200 10 "" "curl/8"'
    totals = counted(apache, access(duration_ms=None), access()).totals
    assert totals.total(metrics.REQUESTS) == 3
    assert totals.total(metrics.DURATION) == 1
    assert totals.data()[metrics.SCHEMA_ERRORS.name] == [
        [["duration_ms"], 1]
    ]  # of the second: the first cannot have it


BROKEN: dict[str, list[Any]] = {
    "status": ["abc", None, True, [], {}],
    "written_bytes": ["abc", None, True, [1], -1, (1 << 53) + 1],
    "read_bytes": ["abc", False, {}, -1],
    "duration_ms": ["abc", True, [], -1, 10**12 + 1],
    "uri": [5, True, ["/v2/"], {"path": "/v2/"}],
    "method": [5, False, ["GET"]],
    "user_agent": [5, ["docker/24.0"]],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BROKEN.items() for value in values])
def test_an_access_line_with_a_broken_field_counts_as_one_with_it_unknown_and_the_field_is_named(
    field: str, value: Any
) -> None:
    totals = counted(access(**{field: value}), access()).totals
    assert totals.value(metrics.LINES, ("access",)) == totals.total(metrics.LINES) == 2
    assert totals.total(metrics.REQUESTS) == 2
    assert totals.total(metrics.MESSAGES) == 0
    assert totals.data()[metrics.SCHEMA_ERRORS.name] == [[[field], 1]]
    right = ["get", MANIFEST, "2xx"]
    wrong = [
        "unknown" if field == "method" else "get",
        metrics.UNMATCHED if field == "uri" else MANIFEST,
        "unknown" if field == "status" else "2xx",
    ]
    assert sorted(row[0] for row in totals.data()[metrics.REQUESTS.name]) == sorted(
        [right] if wrong == right else [right, wrong]
    )
    assert totals.total(metrics.DURATION) == (1 if field == "duration_ms" else 2)
    assert totals.value(metrics.BYTES, ("written", "get", MANIFEST, "2xx")) == (
        40 if field in {"status", "method", "uri", "written_bytes"} else 80
    )


@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("field", ["status", "written_bytes", "method", "uri", "duration_ms"])
def test_an_access_line_that_lacks_what_every_one_has_is_still_one(field: str, null: bool) -> None:
    line = {name: value for name, value in json.loads(access()).items() if name != field}
    totals = counted(json.dumps(line | ({field: None} if null else {})).encode()).totals
    assert totals.value(metrics.LINES, ("access",)) == totals.total(metrics.REQUESTS) == 1
    assert totals.data()[metrics.SCHEMA_ERRORS.name] == [[[field], 1]]


@pytest.mark.parametrize("field", ["user_agent", "read_bytes"])
def test_an_access_line_may_lack_what_not_every_client_or_registry_has(field: str) -> None:
    line = {name: value for name, value in json.loads(access()).items() if name != field}
    totals = counted(json.dumps(line).encode()).totals
    assert totals.value(metrics.LINES, ("access",)) == totals.total(metrics.REQUESTS) == 1
    assert totals.total(metrics.SCHEMA_ERRORS) == 0


def test_numbers_written_as_text_are_read_and_a_line_with_two_broken_fields_names_both() -> None:
    totals = counted(access(status="404", written_bytes="7"), access(status="x", written_bytes="y")).totals
    assert totals.value(metrics.REQUESTS, ("get", MANIFEST, "4xx")) == 1
    assert totals.value(metrics.BYTES, ("written", "get", MANIFEST, "4xx")) == 7
    assert totals.data()[metrics.SCHEMA_ERRORS.name] == [[["written_bytes"], 1], [["status"], 1]]


def test_an_application_line_may_hold_anything_under_the_names_of_access_fields() -> None:
    line = {"level": "info", "msg": "manifest unknown", "status": "active", "duration_ms": -1, "uri": {}}
    totals = counted(json.dumps(line).encode()).totals
    assert totals.value(metrics.MESSAGES, ("info", "manifest unknown")) == 1
    assert totals.value(metrics.LINES, ("application",)) == totals.total(metrics.LINES) == 1
    assert totals.total(metrics.SCHEMA_ERRORS) == 0


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("MANIFEST_UNKNOWN", "MANIFEST_UNKNOWN"),
        ("blob unknown", "BLOB_UNKNOWN"),
        ("EXCEEDS_LIMITS", "EXCEEDS_LIMITS"),
        ("RANGE_INVALID", "RANGE_INVALID"),
        ("hunterpassphrase", OTHER),
        ("MANIFEST_UNKNOW", OTHER),
        ("", OTHER),
        ("A" * 1000, OTHER),
    ],
)
def test_an_error_code_is_one_of_the_api_and_all_else_is_other_as_a_secret_may_be_letters_alone(
    code: str, shown: str
) -> None:
    line = {"level": "error", "msg": "manifest unknown", "code": code}
    totals = counted(json.dumps(line).encode()).totals
    assert totals.data()[metrics.API_ERRORS.name] == [[[shown], 1]]


@pytest.mark.parametrize(
    ("changes", "route", "namespace"),
    [
        ({"uri": "/v2/"}, "/v2/", None),
        ({"uri": "/v2/_catalog?n=5"}, "/v2/_catalog", None),
        ({"uri": "/v2/a/b/c/blobs/uploads/?mount=x"}, "/v2/{name}/blobs/uploads/", "a"),
        ({"uri": "/v2/a%2Fb/tags/list"}, "/v2/{name}/tags/list", "a"),
        ({"uri": "/gitlab/v1/"}, "/gitlab/v1", None),
        ({"uri": "/gitlab/v1/statistics/"}, "/gitlab/v1/statistics/", None),
        ({"uri": "/gitlab/v1/repositories/a/b/?size=self"}, "/gitlab/v1/repositories/{name}", "a"),
        ({"uri": "/gitlab/v1/repositories/a/tags/list/"}, "/gitlab/v1/repositories/{name}/tags/list", "a"),
        (
            {"uri": "/gitlab/v1/repository-paths/a/b/repositories/list/"},
            "/gitlab/v1/repository-paths/{name}/repositories/list",
            "a",
        ),
        ({"uri": "/", "status": 404}, metrics.UNMATCHED, None),
        ({"uri": "/v2/UPPER/tags/list", "status": 404}, metrics.UNMATCHED, None),
    ],
)
def test_the_route_follows_from_the_path(changes: dict[str, Any], route: str, namespace: str | None) -> None:
    totals = counted(access(**changes)).totals
    assert [row[0][1] for row in totals.data()[metrics.REQUESTS.name]] == [route]
    assert [row[0][1] for row in totals.data()[metrics.NAMESPACE_REQUESTS.name]] == ([namespace] if namespace else [])


@pytest.mark.parametrize(
    ("method", "uri", "action"),
    [
        ("GET", "/v2/a/b/manifests/1", "pull"),
        ("PATCH", "/v2/a/b/blobs/uploads/1", "push"),
        ("DELETE", "/v2/a/b/manifests/1", "delete"),
        ("GET", "/v2/a/b/tags/list", "other"),
        ("GET", "/gitlab/v1/repositories/a/b/", "other"),
        ("PATCH", "/gitlab/v1/repositories/a/b/", "other"),
    ],
)
def test_only_what_moves_images_is_a_pull_a_push_or_a_deletion(method: str, uri: str, action: str) -> None:
    totals = counted(access(method=method, uri=uri)).totals
    assert (
        totals.value(metrics.NAMESPACE_REQUESTS, (action, "a", "2xx")) == totals.total(metrics.NAMESPACE_REQUESTS) == 1
    )


TOKEN = "glpat-" + "abcdefghij1234567890"


@pytest.mark.parametrize(
    "line",
    [
        access(uri=f"/v2/{TOKEN}/app/manifests/1"),
        access(user_agent=f"{TOKEN}/1.0"),
        access(user_agent="AKIA" + "IOSFODNN7EXAMPLE/2"),
        access(user_agent="ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"),  # longer than the name of a client
        json.dumps({"level": "info", "msg": "authorized request", "auth_user_type": TOKEN}).encode(),
    ],
)
def test_a_secret_of_a_line_is_in_no_label_and_in_no_checkpoint(line: bytes) -> None:
    counter = counted(line)
    shown = ExporterInstruments(counter.all_totals).render().decode() + json.dumps(counter.data())
    assert not any(part in shown.lower() for part in ("abcdefghij", "iosfodnn7", "glpat", "ghp_"))
    totals = counter.totals
    assert totals.total(metrics.REQUESTS) == totals.total(metrics.CLIENTS)
    assert totals.total(metrics.LINES) == 1


def test_zeros_before_a_line_are_no_part_of_it_elsewhere_they_make_it_malformed() -> None:
    totals = counted(b"\0" * 5000 + access(), b"\0" * 5000, access() + b"\0").totals
    assert totals.value(metrics.LINES, ("access",)) == 1
    assert totals.value(metrics.LINES, ("malformed",)) == 2


def test_status_method_and_redirect_have_closed_values() -> None:
    odd = access(status=0, method="BREW")
    pulled = access(uri="/v2/g/a/blobs/sha256:" + "a" * 64, status=307, written_bytes=0)
    totals = counted(odd, pulled).totals
    assert totals.value(metrics.REQUESTS, ("unknown", MANIFEST, "other")) == 1
    assert totals.value(metrics.REDIRECTS, ("g",)) == 1


def test_bytes_of_pulled_blobs_are_told_apart_by_redirect_and_count_once_a_pull() -> None:
    line = {"level": "info", "msg": "blob downloaded"}
    lines: list[dict[str, Any]] = [
        {"redirect": False, "size_bytes": 100},
        {"redirect": True, "size_bytes": 7},
        {"redirect": True, "size_bytes": 3},
        {"path": "a/b"},  # the second line of a pull
        {"size_bytes": 1},
        {"redirect": "somewhere", "size_bytes": 1},
        *({"redirect": False, "size_bytes": size} for size in (-1, 1 << 60, 1.5, "9", None, True)),
    ]
    other = {"msg": "blob uploaded", "redirect": {"to": []}, "size_bytes": [50], "level": "info"}
    totals = counted(*(json.dumps({**line, **one}).encode() for one in [*lines, other])).totals
    found = {values: totals.value(metrics.PULLED_BYTES, (values,)) for values in ("false", "true", "unknown")}
    assert found == {"false": 100, "true": 10, "unknown": 2}
    assert totals.value(metrics.LINES, ("application",)) == totals.total(metrics.LINES) == len(lines) + 1


def test_of_cncf_distribution_the_access_lines_tell_of_the_bytes_that_it_served() -> None:
    blob = "/v2/a/b/blobs/sha256:" + "0" * 64
    lines = [
        access(uri=blob, written_bytes=30),
        access(uri=blob, status=307),
        access(uri=blob, method="HEAD"),
        access(),
    ]
    found = counted(*lines, flavor=Flavor.DISTRIBUTION).totals
    assert (found.value(metrics.PULLED_BYTES, ("false",)), found.total(metrics.PULLED_BYTES)) == (30, 30)
    assert counted(*lines).totals.total(metrics.PULLED_BYTES) == 0


def test_bytes_of_pulled_blobs_are_read_of_other_forms_too() -> None:
    text = b'time="2026-11-25T10:00:00Z" level=info msg="blob downloaded" redirect=true size_bytes=5'
    wrapped = b'2026-11-25T10:00:00.1Z stdout F {"level":"info","msg":"blob downloaded","redirect":true,"size_bytes":4}'
    assert counted(text, wrapped).totals.value(metrics.PULLED_BYTES, ("true",)) == 9


def test_messages_count_by_the_text_of_the_catalogue() -> None:
    lines = [
        {"level": "error", "msg": "manifest unknown", "code": "MANIFEST_UNKNOWN"},
        {"level": "info", "msg": "configuring endpoint sink (http://127.0.0.1:5099/), timeout=1s, headers=map[]"},
        {"level": "info", "msg": "nobody ever wrote this " + "x" * 50},
        {"level": "loud", "msg": "manifest unknown"},
        {"level": "info", "msg": "authorized request", "auth_user_type": "deploy_token"},
        {"level": "info", "msg": "authorized request", "auth_user_type": ""},
        {"level": "warning", "msg": "error authorizing context: authorization token required"},
    ]
    totals = counted(*(json.dumps(line).encode() for line in lines)).totals
    assert totals.value(metrics.MESSAGES, ("error", "manifest unknown")) == 1
    assert totals.value(metrics.MESSAGES, ("info", OTHER)) == 1
    assert totals.value(metrics.MESSAGES, (OTHER, "manifest unknown")) == 1
    assert totals.value(metrics.API_ERRORS, ("MANIFEST_UNKNOWN",)) == 1
    assert totals.value(metrics.AUTHORIZATIONS, ("authorized", "deploy_token")) == 1
    assert totals.value(metrics.AUTHORIZATIONS, ("authorized", "untyped")) == 1
    assert totals.value(metrics.AUTHORIZATIONS, ("failed", "none")) == 1
    assert not any("5099" in row[0][1] for row in totals.data()[metrics.MESSAGES.name])


@pytest.mark.parametrize(
    ("name", "flavor"),
    [
        ("gitlab-registry-4.32.log.jsonl.gz", Flavor.GITLAB),
        ("docker-registry-2.8.2.json.log.gz", Flavor.DISTRIBUTION),
        ("docker-registry-2.8.2.text.log.gz", Flavor.DISTRIBUTION),
        ("distribution-3.1.2.json.log.gz", Flavor.DISTRIBUTION),
        ("distribution-3.1.2.text.log.gz", Flavor.DISTRIBUTION),
    ],
)
def test_every_line_of_a_real_log_is_read_and_what_it_exposes_is_in_the_catalog(name: str, flavor: Flavor) -> None:
    lines = gzip.decompress((DATA / name).read_bytes()).splitlines()
    counter = counted(*lines, flavor=flavor)
    assert counter.totals.value(metrics.LINES, ("malformed",)) == 0
    assert counter.totals.total(metrics.LINES) == len([line for line in lines if line.strip()])
    assert counter.totals.total(metrics.SCHEMA_ERRORS) == 0
    assert counter.totals.total(metrics.REQUESTS) == counter.totals.value(metrics.LINES, ("access",)) > 0
    families = parse(ExporterInstruments([counter.totals]).render()).families
    for entry in vars(metrics).values():
        if isinstance(entry, Metric) and entry.name in families:
            assert list(compare_family(families[entry.name], entry, flavor, None)) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_request_that_has_two_access_lines_counts_once(form: str) -> None:
    """CNCF Distribution writes its own line and then one in Apache's form."""
    with_both = gzip.decompress((DATA / f"docker-registry-2.8.2.{form}.log.gz").read_bytes()).splitlines()
    counter = counted(*with_both, flavor=Flavor.DISTRIBUTION)
    assert counter.totals.value(metrics.LINES, ("access",)) == counter.totals.value(metrics.LINES, ("repeated",)) == 128
    apache = [line for line in with_both if b'"GET /v2/' in line and b"HTTP/1.1" in line and b"level=" not in line]
    assert counted(*apache, flavor=Flavor.DISTRIBUTION).totals.value(metrics.LINES, ("access",)) == len(apache) > 0


@pytest.mark.parametrize(
    "wrap",
    [
        lambda line: b"2026-01-01T00:00:00.5Z stdout F " + line,
        lambda line: json.dumps(
            {"log": line.decode() + "\n", "stream": "stdout", "time": "2026-01-01T00:00:00Z"}
        ).encode(),
        lambda line: b"registry-1  | " + line,
        lambda line: b"2026-01-01_10:00:00.12345 " + line,
    ],
    ids=["CRI", "Docker", "compose", "svlogd"],
)
def test_lines_that_a_collector_wraps_count_as_they_are(wrap: Any) -> None:
    assert counted(wrap(access())).totals.data() == counted(access()).totals.data()


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\x00", b"{" * 100_000, b'{"a": ' + b"[" * 100_000], ids=["binary", "braces", "brackets"]
)
def test_what_is_no_line_is_counted_as_that_and_the_next_are_read(line: bytes) -> None:
    totals = counted(line, access(), access()).totals  # what looks like a document's first line is held until the next
    assert totals.value(metrics.LINES, ("malformed",)) == 1
    assert totals.value(metrics.LINES, ("access",)) == 2


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"written_bytes": 0, "read_bytes": 1 << 53, "duration_ms": 10**12}, ""),
        ({"written_bytes": -1}, "written_bytes"),
        ({"read_bytes": -1}, "read_bytes"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": 10**12 + 1}, "duration_ms"),
        ({"read_bytes": (1 << 53) + 1}, "read_bytes"),
        ({"read_bytes": 10**400}, "read_bytes"),  # no number to any reader
        ({"status": 10**400}, "status"),
        ({"status": 0}, ""),  # after a panic
        ({"status": 999}, ""),
        ({"status": 1000}, "status"),
        ({"status": -1}, "status"),
        ({"status": 200.0}, ""),
        ({"status": 200.5}, "status"),
        ({"status": "200.5"}, "status"),
        ({"written_bytes": 7.5}, "written_bytes"),
        ({"read_bytes": 0.5}, "read_bytes"),
    ],
    ids=range(17),
)
def test_no_number_lets_a_counter_go_down_or_breaks_a_scrape(changes: dict[str, Any], broken: str) -> None:
    line = json.dumps(json.loads(access()) | changes).encode()
    totals = counted(line).totals
    assert totals.value(metrics.LINES, ("access",)) == totals.total(metrics.LINES) == 1
    assert totals.data()[metrics.SCHEMA_ERRORS.name] == ([[[broken], 1]] if broken else [])
    found = parse(ExporterInstruments((totals,)).render()).families.values()
    assert all(0 <= sample.value < math.inf for family in found for sample in family.samples)


@pytest.mark.parametrize("status", [0, 99, 200, 999, 1000, 99999, -1, 200.5, "x", None])
def test_a_status_is_broken_where_the_schema_of_validate_says_so(status: object) -> None:
    totals = counted(access(status=status)).totals
    valid = jsonschema.Draft202012Validator(constraints(FIELDS["status"])).is_valid(status)
    assert totals.total(metrics.SCHEMA_ERRORS) == (0 if valid else 1)
    assert totals.value(metrics.REQUESTS, ("get", MANIFEST, "unknown")) == (0 if valid else 1)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_error_code_of_cncf_distribution_is_known(code: str) -> None:
    line = {"level": "error", "msg": "response completed with error", "err.code": code, "http.response.written": 1}
    totals = counted(json.dumps(line).encode(), flavor=Flavor.DISTRIBUTION).totals
    assert totals.data()[metrics.API_ERRORS.name] == [[[code.upper().replace(" ", "_")], 1]]


def test_hostile_namespaces_and_clients_cost_bounded_memory_and_series() -> None:
    counter, unwrapper = LogCounter(Flavor.GITLAB, namespaces=20), Unwrapper()
    tracemalloc.start()
    for block in range(20):
        lines = [
            access(uri=f"/v2/n{block}-{number}/a/tags/list", user_agent=f"evil{block}{number}/9.{number}")
            for number in range(2000)
        ]
        counter.count(lines, unwrapper)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counter.totals.total(metrics.REQUESTS) == counter.totals.total(metrics.NAMESPACE_REQUESTS) == 40_000
    assert len({row[0][1] for row in counter.totals.data()[metrics.NAMESPACE_REQUESTS.name]}) <= 21
    assert len(counter.totals.data()[metrics.CLIENTS.name]) <= 51
    assert most < 64 << 20


def test_a_name_that_gives_up_its_place_within_a_block_takes_its_counts_to_other() -> None:
    lines = [access(uri=f"/v2/{name}/x/tags/list") for name in ("a", *["b"] * 5)]
    counter = counted(*lines, namespaces=1)
    assert counter.names["namespace"].shown == ("b",)
    assert counter.totals.total(metrics.NAMESPACE_REQUESTS) == 6
    assert counter.totals.value(metrics.REPLACED, ("namespace",)) == 1
    assert {row[0][1] for row in counter.totals.data()[metrics.NAMESPACE_REQUESTS.name]} == {"b", OTHER}


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("docker/24.0.5 go/go1.20 kernel/6.1", "docker 24.0"),
        ("containers/5.29.1 (github.com/containers/image)", "containers 5.29"),
        ("buildkit/v0.12", "buildkit 0.12"),
        ("Helm/3", "helm 3"),
        ("Mozilla/5.0 (X11)", "mozilla 5.0"),
        ("curl", "curl"),
        ("", OTHER),
        ("(hidden) secret", OTHER),
        ("A" * 5000, "a" * 30),
    ],
)
def test_a_client_is_the_first_product_with_two_numbers_of_its_version(agent: str, name: str) -> None:
    assert client_name(agent) == name


def test_the_time_of_a_line_grows_with_its_length_and_no_faster() -> None:
    def cost(size: int) -> float:
        line = access(uri="/v2/" + "a/" * size, user_agent="x/" * size)
        counter, unwrapper = LogCounter(Flavor.GITLAB), Unwrapper()
        start = time.process_time()
        for _ in range(20):
            counter.count([line], unwrapper)
        return time.process_time() - start

    cost(1000)
    assert cost(100_000) < 60 * max(cost(5_000), 0.001)
