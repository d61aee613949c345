"""Saved queries over lines that were written by hand, where the answer was counted by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.logs import logs
from regobs.logs.duckdb.run import run
from regobs.logs.saved import load_query, names_in
from regobs.pack import find_pack
from tests.logs import made
from tests.logs.made import BLOBS, DIGEST, MANIFESTS, OTHER, of
from tests.logs.sample import FILE, lines

PACK = find_pack()
LINES = {one["msg"]: one for one in made.LINES}


@pytest.fixture
def answer(tmp_path: Path) -> Any:
    """A function: the rows of a saved query over lines, of the columns that are named."""

    def ask(name: str, lines: Sequence[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
        path = tmp_path / "registry.log"
        path.write_text("".join(f"{json.dumps(one)}\n" for one in lines), encoding="utf-8")
        found = run(load_query(PACK, name), [str(path)])
        places = [found.columns.index(column) for column in columns]
        return [tuple(row[place] for place in places) for row in found.rows]

    return ask


def at(number: int) -> str:
    """When a made line was written."""
    return f"2026-11-23T12:{number // 60:02}:{number % 60:02}.250Z"


def test_the_lines_are_those_at_the_end_of_the_sample() -> None:
    assert list(lines()[-len(made.LINES) :]) == list(made.LINES)
    assert FILE.exists()


def test_the_lines_are_valid_by_the_schema_of_their_own_message(tmp_path: Path) -> None:
    path = tmp_path / "made.log"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in made.LINES), encoding="utf-8")
    done = CliRunner().invoke(logs, ["validate", "--strict", "--format", "json", str(path)], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert (found["lines"], found["valid"]) == (len(made.LINES), len(made.LINES))
    assert (found["unknown_messages"], found["unknown_fields"]) == (0, 0)


def test_a_quarantine_is_counted_once_under_its_cause(answer: Any) -> None:
    assert answer("replica-quarantines", made.LINES, "replica", "cause", "times", "most_lag_s", "first", "last") == [
        ("10.0.0.2:5432", "lag", 1, 42.5, at(1), at(1)),
        ("10.0.0.2:5432", "taken_back", 1, 1.5, at(2), at(2)),
        ("10.0.0.3:5432", "failures", 1, None, at(4), at(4)),
        ("10.0.0.3:5432", "flapping", 1, None, at(8), at(8)),
        ("10.0.0.3:5432", "taken_back", 1, None, at(6), at(6)),
    ]


def test_a_quarantine_of_an_older_release_names_its_replica_too(answer: Any) -> None:
    older = [{("db_replica_addr" if name == "db_host_addr" else name): value for name, value in one.items()}
             for one in made.REPLICAS]  # fmt: skip
    columns = ("replica", "cause", "times")
    found = answer("replica-quarantines", older, *columns)
    assert found == answer("replica-quarantines", made.REPLICAS, *columns) != []


def test_reads_that_went_to_the_primary_have_a_cause_and_others_are_not_counted(answer: Any) -> None:
    assert answer("primary-fallbacks", made.LINES, "cause", "reads", "repositories", "requests") == [
        ("behind", 3, 2, 3),
        ("all_quarantined", 2, 0, 2),
        ("cache_failed", 1, 0, 1),
        ("comparison_failed", 1, 0, 1),
        ("no_replica", 1, 0, 1),
    ]
    assert answer("primary-fallbacks", [LINES["replica is up-to-date"]], "cause", "reads") == []


def test_failures_of_garbage_collection_are_told_apart_from_its_work(answer: Any) -> None:
    assert sorted(answer("gc-failures", made.LINES, "failure", "worker", "lines", "most_reviews")) == [
        ("agent_stopped", MANIFESTS, 1, None),
        ("missing_in_database", MANIFESTS, 1, None),
        ("missing_in_storage", BLOBS, 1, 0),
        ("postponed", BLOBS, 1, 3),
        ("run", BLOBS, 1, None),
        ("task", BLOBS, 1, 3),
    ]
    unnamed = [made.task(made.AGENT, "error", "failed run"), made.line("error", "failed to update online GC settings")]
    assert answer("gc-failures", unnamed, "failure", "worker") == [("run", made.AGENT), ("settings", "other")]
    work = [one for one in made.COLLECTION if one["msg"] in {"processing task", "run complete"}]
    assert len(work) == 2
    assert answer("gc-failures", work, "failure") == []


def test_a_failed_run_of_migrations_is_none_of_garbage_collection(answer: Any) -> None:
    migration = [one for one in made.COLLECTION if one["component"] == "registry.bbm.Worker"]
    assert answer("gc-failures", migration, "failure") == []
    assert answer("errors-by-message", migration, "message", "errors") == [(migration[0]["msg"], 1)]


def test_errors_are_grouped_by_their_whole_message_and_warnings_are_none(answer: Any) -> None:
    twice = [*made.LINES, {**LINES["failed run"], "correlation_id": "other"}]
    found = answer("errors-by-message", twice, "message", "component", "errors", "requests")
    assert found[0] == ("failed run", "registry.gc.Agent", 2, 2)
    assert len(found) == len({one["msg"] for one in made.LINES if one["level"] == "error"}) == 6
    warnings = [one for one in made.LINES if one["level"] == "warning"]
    assert warnings
    assert answer("errors-by-message", warnings, "message") == []


def test_a_user_has_pulls_pushes_and_bytes_and_a_request_without_one_is_left_out(answer: Any) -> None:
    assert answer("users", made.LINES, "user", "kind", "pulls", "pushes", "bytes_down", "bytes_up", "repositories") == [
        ("alice", "personal_access_token", 2, 0, 1030, 0, 2),
        ("gitlab-ci-token", "build", 0, 1, 0, 78, 1),
    ]


def test_a_pull_is_a_manifest_whoever_asked_for_it(answer: Any) -> None:
    assert answer("pulls-and-pushes", made.LINES, "repository", "pulls", "pushes", "tags") == [
        ("a/b", 1, 1, 1),
        ("a/c", 1, 0, 0),  # by digest: its tag is an empty text
        ("d", 1, 0, 1),
    ]
    assert answer("pulls-and-pushes-by-namespace", made.LINES, "namespace", "pulls", "pushes", "repositories") == [
        ("a", 2, 1, 2),
        ("d", 1, 0, 1),
    ]


def test_a_download_writes_two_lines_and_counts_once_and_a_head_does_not(answer: Any) -> None:
    assert answer(
        "top-repositories-by-bytes", made.LINES, "repository", "downloads", "bytes", "blobs", "redirected"
    ) == [("a/b", 2, 1030, 1, 0.5)]
    assert answer("top-namespaces-by-bytes", made.LINES, "namespace", "downloads", "bytes") == [("a", 2, 1030)]
    head = [one for one in made.USERS if one["msg"] == "blob downloaded" and "size_bytes" not in one]
    assert len(head) == 3
    assert answer("top-repositories-by-bytes", head, "repository") == []


def test_egress_is_told_apart_by_who_served_it(answer: Any) -> None:
    assert answer("egress-by-redirect", made.LINES, "way", "downloads", "bytes", "largest") == [
        ("redirected", 1, 1000, 1000),
        ("served", 1, 30, 30),
    ]
    over_time = answer("egress-over-time", made.LINES, "minute", "way", "bytes", "bytes_per_second")
    assert over_time == [
        ("2026-11-23T12:00:00.000Z", "redirected", 1000, pytest.approx(1000 / 60)),
        ("2026-11-23T12:00:00.000Z", "served", 30, 0.5),
    ]


def test_an_upload_that_was_stored_before_has_bytes_that_are_not_new(answer: Any) -> None:
    columns = ("repository", "uploads", "bytes", "new_bytes")
    assert answer("top-repositories-by-bytes-uploaded", made.LINES, *columns) == [("a/b", 2, 78, 70)]
    only_new = [one for one in made.USERS if one["msg"] == "new blob uploaded"]
    assert answer("top-repositories-by-bytes-uploaded", only_new, *columns) == [("a/b", 0, 0, 70)]


def access(status: int, **fields: Any) -> dict[str, Any]:
    return {
        "time": at(0), "level": "info", "msg": "access", "correlation_id": "c", "status": status, "method": "GET",
        "uri": "/v2/", "remote_ip": "10.1.1.1", "user_agent": "docker/27", "duration_ms": 5, "written_bytes": 9,
        **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "method", "route"),
    [
        ("/v2/", "GET", "base"),
        ("/v2", "GET", "base"),
        ("/v2/_catalog?n=1", "GET", "catalog"),
        ("/gitlab/v1/repositories/a/b/", "GET", "v1"),
        ("/v2/a/b/tags/list", "GET", "tags"),
        ("/v2/a/b/tags/reference/1.0", "DELETE", "tag"),
        ("/v2/a/b/blobs/uploads/", "POST", "upload_start"),
        ("/v2/a/b/blobs/uploads/1?_state=x", "PATCH", "upload"),
        (f"/v2/a/b/blobs/{made.DIGEST}", "HEAD", "blob"),
        ("/v2/a/b/manifests/1", "PUT", "manifest"),
        ("/v2/a/b/referrers/x", "GET", "other"),
        ("/", "GET", "other"),
    ],
)
def test_a_request_has_the_route_of_its_path(answer: Any, uri: str, method: str, route: str) -> None:
    one = access(200, uri=uri, method=method)
    assert answer("slow-requests-by-route", [one], "route", "requests", "longest") == [(route, 1, 5)]
    assert answer("requests-by-route-and-status", [one], "route", "status", "requests") == [(route, 200, 1)]


def test_a_client_is_refused_by_401_and_403_and_accepted_below_400(answer: Any) -> None:
    asked = [access(status) for status in (401, 401, 403, 200, 307, 400, 404, 500)]
    columns = ("address", "unauthorized", "forbidden", "accepted", "refused")
    assert answer("auth-failures", asked, *columns) == [("10.1.1.1", 2, 1, 2, 3 / 8)]
    shares = ("client", "requests", "client_errors", "failed")
    assert answer("client-versions", asked, *shares) == [("docker/27", 8, 3 / 8, 1 / 8)]
    assert answer("requests-over-time", asked, "requests", "server_errors") == [(8, 1 / 8)]


def distribution(msg: str, **fields: Any) -> dict[str, Any]:
    return {
        "time": at(0), "level": "info", "msg": msg, "go.version": "go1.26", "http.request.id": "c",
        "http.request.method": "GET", "http.request.host": "h", "http.request.uri": "/v2/a/b/manifests/1",
        "http.request.remoteaddr": "10.1.1.1:4711", "http.request.useragent": "docker/27", **fields,
    }  # fmt: skip


def completed(status: int, msg: str = "response completed", **fields: Any) -> dict[str, Any]:
    said = {"http.response.status": status, "http.response.written": 300, "http.response.duration": "3.4ms"}
    return distribution(msg, **said, **fields)


REFUSED = "error authorizing context: authorization token required"


def test_a_request_that_distribution_refuses_is_one_although_its_line_has_no_status(answer: Any) -> None:
    asked = [distribution(REFUSED, level="warning"), distribution(REFUSED, level="warning"), completed(200)]
    asked += [distribution("authorized request"), completed(404, "response completed with error", level="error")]
    columns = ("address", "client", "unauthorized", "forbidden", "accepted", "refused")
    assert answer("auth-failures", asked, *columns) == [(None, "docker/27", 2, 0, 1, 2 / 4)]
    classes = ("requests", "succeeded", "client_errors", "server_errors")
    assert answer("status-over-time", asked, *classes) == [(4, 1, 3, 0)]


def test_a_request_that_gitlab_refuses_is_one_beside_the_line_of_its_reason(answer: Any) -> None:
    reason = made.line("warning", "error authorizing context", error="token has expired")
    older = made.line("warning", REFUSED, go_version="go1.17.6", **of("a/b"))  # releases before 4.0 have no `error`
    asked = [{**one, "time": at(0)} for one in (reason, older)] + [access(401)]
    columns = ("address", "unauthorized", "accepted", "refused")
    assert answer("auth-failures", asked, *columns) == [("10.1.1.1", 1, 0, 1)]
    assert answer("status-over-time", asked, "requests", "client_errors") == [(1, 1)]


def test_a_failed_request_of_distribution_counts_once_for_each_of_its_errors_as_the_docs_say(answer: Any) -> None:
    error = completed(400, "response completed with error", level="error", **{"err.code": "manifest blob unknown"})
    asked = [{**error, "err.detail": f"sha256:{number}"} for number in range(3)]
    assert answer("status-over-time", asked, "requests", "client_errors") == [(3, 3)]
    assert answer("top-addresses-by-bytes", asked, "bytes", "requests") == [(900, 3)]


def test_what_the_limiter_only_logs_is_told_apart(answer: Any) -> None:
    limited = {
        "time": at(0), "level": "info", "msg": "request blocked: rate limit exceeded", "source_ip": "10.1.1.1",
        "name": "ip", "retry_after_s": 0.5,
    }  # fmt: skip
    asked = [{**limited, "log_only": True}, {**limited, "log_only": True, "retry_after_s": 2.5}, limited]
    near = {**limited, "msg": "rate_limiter reached threshold"}
    columns = ("client", "log_only", "requests", "wait_s")
    assert answer("rate-limited", [*asked, near], *columns) == [("10.1.1.1", True, 2, 2.5), ("10.1.1.1", None, 1, 0.5)]


def test_an_upload_is_put_together_from_the_lines_of_its_uuid(answer: Any) -> None:
    def part(msg: str, level: str = "info", **fields: Any) -> dict[str, Any]:
        return made.line(level, msg, **of("a/b", vars_uuid="u1"), **fields)

    session = [
        part("payload copied", copied=10),
        part("payload copied", copied=5),
        part("client disconnected during blob PATCH", "warning", copied=1),
        part("new blob uploaded", size_bytes=15),
        part("blob uploaded", size_bytes=15),
    ]
    columns = ("upload", "received", "finished", "disconnects", "errors", "requests")
    assert answer("upload-sessions", session, *columns) == [("u1", 15, 1, 1, 0, 5)]
    assert answer("upload-sessions", session[:3], *columns) == [("u1", 15, 0, 1, 0, 3)]


def test_what_garbage_collection_decided_is_counted_by_worker(answer: Any) -> None:
    decided = [
        made.task(BLOBS, "info", "processing task"),
        made.task(BLOBS, "info", "the blob is dangling"),
        made.task(BLOBS, "info", "blob deleted", digest=made.DIGEST),
        made.task(BLOBS, "info", "the blob is not dangling"),
        made.task(MANIFESTS, "info", "the manifest is dangling, deleting"),
        made.task(MANIFESTS, "info", "no task available"),
    ]
    assert answer("gc-decisions", decided, "worker", "decision", "lines") == [
        (BLOBS, "dangling", 1), (BLOBS, "deleted", 1), (BLOBS, "kept", 1), (BLOBS, "task", 1),
        (MANIFESTS, "dangling", 1), (MANIFESTS, "idle", 1),
    ]  # fmt: skip


def test_an_offline_collection_has_the_blobs_and_bytes_that_it_found_to_be_deleted(answer: Any) -> None:
    dry = [{**one, "dry_run": True, "instance_id": "i"} for one in made.OFFLINE[:2]]
    columns = ("run", "dry_run", "blobs", "bytes", "manifests", "estimate", "swept", "errors")
    assert sorted(answer("gc-offline", [*made.OFFLINE, *dry], *columns)) == [
        (made.OFFLINE_RUN, False, 2, 1024, 1, 5000, 1, 0),
        ("i", True, 1, 1000, None, None, 0, 0),
    ]
    assert answer("gc-offline", made.COLLECTION, *columns) == []


def test_api_errors_have_a_code_and_the_latest_errors_come_first(answer: Any) -> None:
    unknown = made.line("error", "manifest unknown", code="MANIFEST_UNKNOWN", **of("a/b"), user_agent="x")
    head = {**unknown, "level": "debug"}
    other = made.line("error", "failed run")
    asked = [unknown, {**unknown, "vars_name": "a/c"}, head, other]
    assert answer("errors-by-code", asked, "code", "errors", "repositories") == [("MANIFEST_UNKNOWN", 2, 2)]
    assert answer("errors-by-code", asked, "requests") == [(1,)]  # of one correlation_id
    assert answer("recent-errors", asked, "msg", "code") == [
        ("failed run", None), ("manifest unknown", "MANIFEST_UNKNOWN"), ("manifest unknown", "MANIFEST_UNKNOWN"),
    ]  # fmt: skip


def test_each_minute_has_its_requests_by_class_of_status(answer: Any) -> None:
    asked = [access(status) for status in (200, 202, 307, 400, 404, 429, 500, 503)]
    asked += [access(200, time=at(60)), access(500, time=at(119))]
    classes = ("minute", "requests", "succeeded", "redirected", "client_errors", "throttled", "server_errors", "failed")
    assert answer("status-over-time", asked, *classes) == [
        ("2026-11-23T12:00:00.000Z", 8, 2, 1, 2, 1, 2, 2 / 8),
        ("2026-11-23T12:01:00.000Z", 2, 1, 0, 0, 0, 1, 1 / 2),
    ]


def test_errors_of_a_namespace_are_told_apart_by_their_codes(answer: Any) -> None:
    def error(code: str, repository: str = "a/b") -> dict[str, Any]:
        return made.line("error", code.lower().replace("_", " "), code=code, **of(repository))

    codes = ("BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "DENIED", "UNAUTHORIZED", "TOOMANYREQUESTS", "UNKNOWN")
    without = made.line("error", "unauthorized", code="UNAUTHORIZED")
    asked = [*map(error, codes), error("BLOB_UNKNOWN", "a/c"), error("UNAVAILABLE", "d"), without]
    columns = ("namespace", "errors", "share", "not_found", "refused", "throttled", "other", "repositories")
    assert sorted(answer("errors-by-namespace", asked, *columns), key=str) == [
        ("a", 7, 7 / 9, 3, 2, 1, 1, 2),
        ("d", 1, 1 / 9, 0, 0, 0, 1, 1),
        (None, 1, 1 / 9, 0, 1, 0, 0, 0),
    ]


@pytest.mark.parametrize("names", [("correlation_id", "vars_name"), ("http.request.id", "vars.name")])
def test_a_request_that_writes_a_line_for_each_of_its_errors_is_counted_once(answer: Any, names: Any) -> None:
    """The push of a manifest that lacks three blobs, as both registries write it, then one that lacks one."""

    def lacking(request: str, count: int) -> list[dict[str, Any]]:
        error = made.line("error", "response completed with error", code="MANIFEST_BLOB_UNKNOWN")
        del error["correlation_id"]
        return [{**error, names[0]: request, names[1]: "a/b", "err.detail": str(at)} for at in range(count)]

    asked = [*lacking("first", 3), *lacking("second", 1)]
    assert answer("errors-by-code", asked, "errors", "requests", "repositories") == [(4, 2, 1)]
    assert answer("errors-by-namespace", asked, "namespace", "errors", "requests") == [("a", 4, 2)]
    assert answer("errors-by-message", asked, "errors", "requests") == [(4, 2)]
    assert len(answer("recent-errors", asked, "code")) == 4


def test_an_upload_is_in_one_class_of_size_and_counts_once(answer: Any) -> None:
    mib = 1024**2

    def upload(size: int, **fields: Any) -> dict[str, Any]:
        return {**made.line("info", "blob uploaded", **of("a/b"), size_bytes=size), **fields}

    asked = [upload(size) for size in (0, mib - 1, mib, 10 * mib - 1, 10 * mib, 100 * mib, 1024 * mib)]
    asked += [upload(mib, msg="new blob uploaded"), upload(mib, msg="blob downloaded")]
    columns = ("size", "uploads", "share", "smallest", "largest")
    assert answer("uploads-by-size", asked, *columns) == [
        ("below 1 MiB", 2, 2 / 7, 0, mib - 1),
        ("1 to 10 MiB", 2, 2 / 7, mib, 10 * mib - 1),
        ("10 to 100 MiB", 1, 1 / 7, 10 * mib, 10 * mib),
        ("100 MiB to 1 GiB", 1, 1 / 7, 100 * mib, 100 * mib),
        ("1 GiB and more", 1, 1 / 7, 1024 * mib, 1024 * mib),
    ]
    assert answer("uploads-by-size", asked[:2], "bytes", "share_of_bytes") == [(mib - 1, 1.0)]


AGENTS = (
    ("docker/27.3.1 go/go1.22.7 os/linux", "docker", "linux"),
    ("docker/20.10.9 go/go1.16 os/windows", "docker", "windows"),
    ("docker/27.0.3 go/go1.21 os/darwin", "docker", "macos"),
    ("containerd/v1.7.2", "containerd", "unknown"),
    ("buildkit/v0.12 containerd", "buildkit", "unknown"),
    ("containers/5.29.2 (github.com/containers/image)", "podman, skopeo, buildah", "unknown"),
    ("skopeo/1.9.3", "podman, skopeo, buildah", "unknown"),
    ("go-containerregistry/v0.20.2", "crane, kaniko", "unknown"),
    ("Helm/3.16.1", "helm", "unknown"),
    ("Mozilla/5.0 (X11; Linux x86_64)", "browser", "linux"),
    ("Python-urllib/3.11", "other", "unknown"),
)


@pytest.mark.parametrize(("agent", "program", "os"), AGENTS)
def test_a_client_has_a_program_and_an_operating_system(answer: Any, agent: str, program: str, os: str) -> None:
    asked = [access(status, user_agent=agent) for status in (200, 401, 404, 500)]
    columns = ("program", "os", "requests", "share", "versions", "client_errors", "failed")
    assert answer("clients-by-program-and-os", asked, *columns) == [(program, os, 4, 1.0, 1, 0.25, 0.25)]


def test_a_client_has_name_version_and_operating_system_together(answer: Any) -> None:
    docker = "docker/28.1.1 go/go1.23.8 git-commit/01f442b kernel/6.8.0 os/{} arch/amd64"
    agents = [docker.format("linux")] * 3 + [
        docker.format("windows"),
        "docker/27.3.1 os/linux",
        "skopeo/1.18.0",
        "",
        "-",
    ]
    asked = [access(200, user_agent=agent) for agent in agents]
    nameless = access(404)
    del nameless["user_agent"]
    columns = ("client", "version", "os", "requests", "share", "client_errors")
    found = answer("clients-by-version-and-os", [*asked, nameless, access(401, user_agent=agents[0])], *columns)
    assert found == [
        ("docker", "28.1.1", "linux", 4, 0.4, 0),
        (None, None, "unknown", 2, 0.2, 0.5),
        ("-", None, "unknown", 1, 0.1, 0),
        ("docker", "27.3.1", "linux", 1, 0.1, 0),
        ("docker", "28.1.1", "windows", 1, 0.1, 0),
        ("skopeo", "1.18.0", "unknown", 1, 0.1, 0),
    ]
    assert answer("client-versions", [*asked[-2:], nameless], "client", "requests") == [(None, 2), ("-", 1)]


def test_the_slowest_repository_is_told_by_the_path_and_uploads_do_not_make_one_slow(answer: Any) -> None:
    asked = [
        access(200, duration_ms=10, ttfb_ms=4, uri="/v2/a/b/manifests/latest"),
        access(503, duration_ms=30, ttfb_ms=30, uri="/gitlab/v1/repositories/a/b/tags/list/?n=100"),
        access(200, duration_ms=900, uri="/v2/a/b/blobs/uploads/5d4f?_state=x", method="PATCH"),
        access(200, duration_ms=7, uri="/v2/c/tags/list"),
        access(200, duration_ms=5000, uri="/v2/"),
    ]
    columns = ("repository", "requests", "p95", "first_byte_p95", "average", "longest", "failed")
    assert answer("slowest-repositories", asked, *columns) == [
        ("a/b", 2, 29.0, 28.7, 20.0, 30, 0.5),  # 10 + 0.95 * 20, and 4 + 0.95 * 26
        ("c", 1, 7.0, None, 7.0, 7, 0.0),
    ]


def test_an_address_has_its_share_of_all_bytes_and_those_below_the_limit_count_in_it(answer: Any) -> None:
    asked = [access(200, remote_ip=f"10.0.0.{number}", written_bytes=number) for number in range(1, 31)]
    asked += [access(200, remote_ip="10.0.0.30", written_bytes=35)]
    found = answer("top-addresses-by-bytes", asked, "address", "bytes", "share", "requests")
    assert found[:2] == [("10.0.0.30", 65, 65 / 500, 2), ("10.0.0.29", 29, 29 / 500, 1)]
    assert len(found) == 20


def test_a_repository_is_under_its_namespace_with_its_share_of_all_bytes(answer: Any) -> None:
    columns = ("namespace", "repository", "bytes_down", "share", "downloads", "pulls", "bytes_up", "uploads", "pushes")
    other = [made.line("info", "blob downloaded", **of("d"), digest=OTHER, size_bytes=970, redirect=False)]
    assert answer("namespaces-and-repositories", [*made.LINES, *other], *columns) == [
        ("a", "a/b", 1030, 1030 / 2000, 2, 1, 78, 2, 1),
        ("d", "d", 970, 970 / 2000, 1, 1, 0, 0, 0),
        ("a", "a/c", 0, 0, 0, 1, 0, 0, 0),
    ]


def test_a_deletion_is_one_row_with_the_user_the_address_and_what_was_deleted(answer: Any) -> None:
    path, digest = "/v2/a/b/manifests/1", f"/v2/a/b/manifests/{DIGEST}"
    tag = made.line("info", "tag deleted", **of("a/b", **made.ALICE), tag_name="1")
    request = access(202, method="DELETE", uri=path, time=at(3000)) | {"correlation_id": tag["correlation_id"]}
    by_digest = access(202, method="DELETE", uri=digest, time=at(3001)) | {"correlation_id": "by-digest"}
    others = [
        access(200, uri=path),
        access(202, method="DELETE", uri="/v2/a/b/blobs/uploads/1"),
        access(404, method="DELETE", uri="/v2/a/b/manifests/not-there"),
        made.task(MANIFESTS, "info", "manifest deleted", digest=DIGEST),
    ]
    columns = ("time", "repository", "tag", "user", "kind", "uri", "address", "client", "status")
    assert answer("deletions", [request, *others, tag, by_digest], *columns) == [
        (at(3001), None, None, None, None, digest, "10.1.1.1", by_digest["user_agent"], 202),
        (at(3000), "a/b", "1", "alice", "personal_access_token", path, "10.1.1.1", request["user_agent"], 202),
    ]


def test_each_deletion_of_one_request_id_or_of_none_is_a_row_with_its_own_user_and_client(answer: Any) -> None:
    def deleted(number: int, repository: str, tag: str, user: str, **identity: str) -> list[dict[str, Any]]:
        told = made.line("info", "tag deleted", vars_name=repository, tag_name=tag, auth_user_name=user)
        address = f"10.2.2.{number}"
        uri = f"/v2/{repository}/manifests/{tag}"
        request = access(202, method="DELETE", uri=uri, time=at(3000 + number), remote_ip=address)
        return [{k: v for k, v in one.items() if k != "correlation_id"} | identity for one in (told, request)]

    one = {"correlation_id": "one"}
    asked = deleted(1, "a/b", "v1", "zoe", **one) + deleted(2, "a/b", "v2", "bob", **one)
    asked += deleted(3, "a/c", "v1", "carl", **one) + deleted(4, "a/b", "v1", "dora")
    columns = ("correlation_id", "of", "deleted", "user", "address", "uri", "status")
    assert answer("deletions", asked, *columns) == [
        (None, "a/b", "v1", "dora", "10.2.2.4", "/v2/a/b/manifests/v1", 202),
        ("one", "a/c", "v1", "carl", "10.2.2.3", "/v2/a/c/manifests/v1", 202),
        ("one", "a/b", "v2", "bob", "10.2.2.2", "/v2/a/b/manifests/v2", 202),
        ("one", "a/b", "v1", "zoe", "10.2.2.1", "/v2/a/b/manifests/v1", 202),
    ]


def test_a_deletion_in_cncf_distribution_has_its_user_in_the_line_of_the_request(answer: Any) -> None:
    line = {
        "level": "info",
        "msg": "response completed",
        "time": at(7),
        "http.request.id": "5f0c",
        "http.request.method": "DELETE",
        "http.request.uri": f"/v2/a/b/manifests/{DIGEST}",
        "http.request.remoteaddr": "192.0.2.7",
        "http.response.status": 202,
        "vars.name": "a/b",
        "auth.user.name": "bob",
    }
    columns = ("correlation_id", "repository", "user", "connection", "status")
    assert answer("deletions", [line], *columns) == [("5f0c", "a/b", "bob", "192.0.2.7", 202)]


def test_a_run_of_garbage_collection_has_what_it_removed(answer: Any) -> None:
    def lines_of(run: str, component: str, *messages: str, **fields: Any) -> list[dict[str, Any]]:
        return [{**made.task(component, "info", msg, **fields), "correlation_id": run} for msg in messages]

    dangling = ("processing task", "the blob is dangling", "deleting blob", "blob deleted", "deleting task")
    asked = lines_of("first", BLOBS, *dangling, digest=DIGEST)
    asked += lines_of("second", BLOBS, "processing task", "the blob is not dangling", digest=OTHER)
    asked += lines_of("third", MANIFESTS, "the manifest is dangling, deleting", "manifest deleted", digest=DIGEST)
    asked += lines_of("idle", BLOBS, "no task available")
    asked += lines_of("idle", made.AGENT, "running worker", "run complete", worker=BLOBS)
    columns = ("run", "blobs", "manifests", "kept", "errors")
    assert answer("gc-runs", asked, *columns) == [
        ("third", 0, 1, 0, 0),
        ("second", 0, 0, 1, 0),
        ("first", 1, 0, 0, 0),
    ]


def test_a_run_that_failed_has_its_error_whoever_told_it(answer: Any) -> None:
    def failed(run: str, component: str, msg: str, level: str = "error", **fields: Any) -> dict[str, Any]:
        return {**made.task(component, level, msg, **fields), "correlation_id": run}

    asked = [
        failed("first", MANIFESTS, "processing task", "info"),
        failed("first", made.AGENT, "failed run", worker=MANIFESTS, error="503"),
        failed("second", made.AGENT, "failed run", worker=BLOBS, error="503"),  # before it took up a task
        failed("third", BLOBS, "processing task", error="503"),
        failed("third", made.AGENT, "failed run", worker=BLOBS, error="503"),
        failed("fourth", made.AGENT, "failed run"),  # of nobody knows which worker
        failed("fifth", "registry.bbm.Worker", "failed run", worker=BLOBS),
    ]
    assert sorted(answer("gc-runs", asked, "run", "worker", "errors")) == [
        ("first", MANIFESTS, 1),
        ("second", BLOBS, 1),
        ("third", BLOBS, 2),
    ]


def test_a_blob_has_its_downloads_and_its_size(answer: Any) -> None:
    columns = ("blob", "downloads", "share", "bytes", "size", "repositories", "users")
    other = [made.line("info", "blob downloaded", **of("d"), digest=OTHER, size_bytes=970, redirect=False)]
    assert answer("top-blobs-by-downloads", [*made.LINES, *other], *columns) == [
        (DIGEST, 2, 2 / 3, 1030, 1000, 1, 1),
        (OTHER, 1, 1 / 3, 970, 970, 1, 0),
    ]


def test_the_slowest_request_comes_first_and_one_without_a_duration_not_at_all(answer: Any) -> None:
    asked = [access(200, duration_ms=number) for number in (5, 900, 30)]
    del asked[2]["duration_ms"]
    assert answer("slowest-requests", asked, "duration_ms", "status") == [(900, 200), (5, 200)]


def test_every_saved_query_has_an_answer_that_is_known() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in names_in(PACK) if f'answer("{name}"' not in text] == []
